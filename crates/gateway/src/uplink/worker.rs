//! The worker: notes what is to go on, takes what is due, and lets `relay.rs` do one step after the other.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amtsbote_model::SubmissionId;
use amtsbote_model::delivery::{Cause, Failure, Jitter, RetryPolicy};
use amtsbote_store::{
    DestinationFilter, Error, NewRelay, Page, RelayRow, Relays, SubmissionFilter,
};
use tokio::task::JoinSet;

use super::{Uplink, Uplinks};
use crate::Context;

/// Entries of a list read at a time.
const SLICE: u32 = 500;
/// Relays looked at in one go.
const LOOK_MAX: u32 = 256;

/// How patient the worker is.
#[derive(Debug, Clone, Copy)]
pub struct UplinkPolicy {
    /// Relays worked on at a time.
    pub concurrency: usize,
    /// Pause between two looks at what is due. Arrivals wake it at once.
    pub look: Duration,
    /// When to try again.
    pub retry: RetryPolicy,
    /// Shortest pause between two looks at a foreign log.
    pub watch_first: Duration,
    /// Longest pause between two looks at a foreign log.
    pub watch_longest: Duration,
    /// What could not be brought there after this is rejected by us, so that its sender hears of it.
    pub unanswered: Duration,
    /// What has begun is finished within this when the process ends.
    pub drain_max: Duration,
}

impl Default for UplinkPolicy {
    /// 8 at a time; tries after 1 s up to 10 minutes; looks after 1 s up to 5 minutes; 14 days.
    fn default() -> Self {
        Self {
            concurrency: 8,
            look: Duration::from_secs(1),
            retry: RetryPolicy {
                first: Duration::from_secs(1),
                longest: Duration::from_mins(10),
                tries_max: u32::MAX,
            },
            watch_first: Duration::from_secs(1),
            watch_longest: Duration::from_mins(5),
            unanswered: Duration::from_hours(14 * 24),
            drain_max: Duration::from_secs(10),
        }
    }
}

impl UplinkPolicy {
    pub(super) fn delay(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let [byte] = amtsbote_jose::random_bytes::<1>();
        let failure = Failure {
            cause: Cause::ServiceUnavailable,
            retry_after: asked,
        };
        self.retry
            .delay(tries.max(1), failure, Jitter::from_byte(byte))
    }

    /// The longer it waits there, the rarer the looks.
    pub(super) fn watch_pause(&self, waited: Duration) -> Duration {
        (waited / 8).clamp(self.watch_first, self.watch_longest.max(self.watch_first))
    }
}

/// Brings submissions to foreign delivery services and hears what becomes of them.
#[derive(Clone)]
pub struct UplinkWorker {
    pub(super) context: Context,
    pub(super) policy: UplinkPolicy,
    busy: Arc<Mutex<HashSet<SubmissionId>>>,
}

impl UplinkWorker {
    /// A worker for the uplinks of `context`.
    pub fn new(context: Context, policy: UplinkPolicy) -> Self {
        let busy = Arc::default();
        Self {
            context,
            policy,
            busy,
        }
    }

    /// Works while this gateway is on duty, until `stop` resolves, then finishes what has begun within the limit. What is cut off goes on at the next start.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let uplinks = self.context.uplinks().clone();
        let Some(inner) = &uplinks.0 else { return };
        let mut begun = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let (arrival, duty) = (self.context.next_arrival(), self.context.duty().next());
            if self.context.duty().is_on()
                && let Err(error) = self
                    .start_due(&uplinks, inner.relays.as_ref(), &mut begun)
                    .await
            {
                tracing::error!(error = %error, "the uplink's state could not be read or written: {error}");
            }
            tokio::select! {
                () = &mut stop => break,
                () = duty => {}
                Some(_) = begun.join_next() => {}
                () = arrival => {}
                () = tokio::time::sleep(self.policy.look) => {}
            }
        }
        let drained = tokio::time::timeout(self.policy.drain_max, async {
            while begun.join_next().await.is_some() {}
        });
        // What is dropped now is looked up at the next start.
        drained.await.ok();
    }

    /// Does everything that is due now, to its end or its next pause.
    pub async fn round(&self) -> Result<(), Error> {
        let uplinks = self.context.uplinks().clone();
        let Some(inner) = &uplinks.0 else {
            return Ok(());
        };
        let mut begun = JoinSet::new();
        self.start_due(&uplinks, inner.relays.as_ref(), &mut begun)
            .await?;
        while begun.join_next().await.is_some() {}
        Ok(())
    }

    async fn start_due(
        &self,
        uplinks: &Uplinks,
        relays: &dyn Relays,
        begun: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        for uplink in uplinks.list() {
            self.note(uplink, relays).await?;
        }
        for row in relays.due(self.context.now(), LOOK_MAX).await? {
            if begun.len() >= self.policy.concurrency {
                break;
            }
            if let Some(taken) = self.take(row.submission_id) {
                let worker = self.clone();
                begun.spawn(async move { worker.follow(row, taken).await });
            }
        }
        Ok(())
    }

    /// Submissions at the uplink's shadows that wait get their row. They stay on the list until they are complete there.
    async fn note(&self, uplink: &Uplink, relays: &dyn Relays) -> Result<(), Error> {
        let mine = DestinationFilter::OwnedBy(uplink.owner.clone());
        let mut offset = 0;
        loop {
            let page = Page {
                offset,
                limit: SLICE,
            };
            let shadows = self.context.store().destinations(&mine, page).await?;
            offset += shadows.entries.len() as u64;
            let ids: Vec<_> = shadows.entries.iter().map(|shadow| shadow.id).collect();
            if !ids.is_empty() {
                self.note_waiting(uplink, relays, SubmissionFilter::ForPickup(ids))
                    .await?;
            }
            if shadows.entries.is_empty() || offset >= shadows.total {
                return Ok(());
            }
        }
    }

    async fn note_waiting(
        &self,
        uplink: &Uplink,
        relays: &dyn Relays,
        waiting: SubmissionFilter,
    ) -> Result<(), Error> {
        let mut offset = 0;
        loop {
            let page = Page {
                offset,
                limit: SLICE,
            };
            let listed = self.context.store().submissions(&waiting, page).await?;
            offset += listed.entries.len() as u64;
            for entry in &listed.entries {
                if relays.relay(entry.id).await?.is_none() {
                    let new = NewRelay {
                        submission_id: entry.id,
                        uplink: uplink.name.clone(),
                        at: self.context.now(),
                    };
                    relays.begin(new).await?;
                    // The row is due.
                    amtsbote_names::fail_point!(RelayBegun);
                }
            }
            if listed.entries.is_empty() || offset >= listed.total {
                return Ok(());
            }
        }
    }

    fn take(&self, id: SubmissionId) -> Option<Taken> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(id).then(|| Taken {
            id,
            busy: self.busy.clone(),
        })
    }

    async fn follow(self, row: RelayRow, taken: Taken) {
        let id = row.submission_id;
        if let Err(error) = self.relay(row).await {
            tracing::error!(submission.id = %id, error = %error, "the uplink's state of {id} could not be read or written: {error}");
        }
        drop(taken);
    }
}

/// A relay is worked on by one task at a time; given back when dropped.
struct Taken {
    id: SubmissionId,
    busy: Arc<Mutex<HashSet<SubmissionId>>>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.id);
    }
}
