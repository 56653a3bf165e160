//! The two loops: listen for news, work off what is due. Both ask; neither takes input.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_fit_connect::Paging;
use amtsbote_jose::random_bytes;
use amtsbote_model::delivery::{Circumstances, Delivery, Event, Jitter};
use amtsbote_model::{DestinationId, SubmissionId};
use amtsbote_store::{DeliveryRow, Error as StoreError, NewDelivery, Swapped};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::{Parts, Served};

/// Time for deliveries in hand when stopping.
const DRAIN_MAX: Duration = Duration::from_secs(20);

/// Brings submissions into procedures until told to stop.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    news: Notify,
    in_hand: Mutex<HashSet<SubmissionId>>,
}

impl Agent {
    /// An agent; makes no call yet.
    pub fn new(parts: Parts) -> Self {
        let (news, in_hand) = (Notify::new(), Mutex::new(HashSet::new()));
        Self(Arc::new(Inner {
            parts,
            news,
            in_hand,
        }))
    }

    /// Runs until `stop` resolves; then finishes what is in hand, for a short while.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        self.0.recover().await;
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = self.0.listen() => {}
            () = self.0.work(&mut tasks) => {}
            () = stop => {}
        }
        let drained = tokio::time::timeout(DRAIN_MAX, async {
            while let Some(done) = tasks.join_next().await {
                log_panic(done);
            }
        });
        if drained.await.is_err() {
            // Dropped in the middle is the same as killed: the next start goes on from what is stored.
            tracing::warn!("some deliveries were still under way at the end of the drain time");
        }
    }

    /// One look at the service and one round over everything due; for tests and scripts. Tells how many deliveries were
    /// worked on.
    pub async fn run_once(&self) -> Result<usize, Fault> {
        self.0.look(Duration::ZERO).await?;
        let mut tasks = JoinSet::new();
        let worked = self
            .0
            .start_due(
                &mut tasks,
                &Arc::new(Semaphore::new(self.0.parts.policy.concurrency)),
            )
            .await;
        while let Some(done) = tasks.join_next().await {
            log_panic(done);
        }
        Ok(worked)
    }

    /// Ends leases that the last process left behind and sweeps its spool. The own state belongs to one process at a
    /// time, so nobody can hold them.
    pub async fn recover(&self) {
        self.0.recover().await;
    }
}

fn log_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        tracing::error!("a delivery ended with a fault: {error}");
    }
}

impl Inner {
    pub(crate) fn served(&self, id: DestinationId) -> Option<&Served> {
        self.parts
            .destinations
            .iter()
            .find(|served| served.id == id)
    }

    pub(crate) fn around(&self) -> Circumstances {
        let [byte] = random_bytes::<1>();
        Circumstances {
            policy: self.parts.policy.retry,
            jitter: Jitter::from_byte(byte),
            now: self.parts.clock.now(),
        }
    }

    /// Takes `row` to its next state. `None`: somebody else did, or the store failed (logged); the row stays as it is
    /// and is due again.
    pub(crate) async fn advance(&self, row: &DeliveryRow, event: Event) -> Option<DeliveryRow> {
        let delivery = match row.delivery.clone().step(event, &self.around()) {
            Ok(delivery) => delivery,
            Err(illegal) => {
                tracing::error!(submission.id = %row.submission_id, "{illegal}");
                return None;
            }
        };
        let swapped = self
            .parts
            .deliveries
            .swap(row.submission_id, row.revision, delivery.clone())
            .await;
        match swapped {
            Ok(Swapped::Done) => Some(DeliveryRow {
                delivery,
                revision: row.revision + 1,
                ..row.clone()
            }),
            Ok(Swapped::Stale) => None,
            Err(error) => {
                log_store(&error);
                None
            }
        }
    }

    async fn recover(&self) {
        match self.parts.spool.list().await {
            Ok(blobs) => {
                for blob in blobs {
                    if let Err(error) = self.parts.spool.delete(&blob).await {
                        log_store(&error);
                    }
                }
            }
            Err(error) => log_store(&error),
        }
        match self.parts.deliveries.in_state("leased", u32::MAX).await {
            Ok(rows) => {
                for row in rows {
                    self.advance(&row, Event::LeaseEnded).await;
                }
            }
            Err(error) => log_store(&error),
        }
    }

    async fn listen(&self) {
        let mut failures = 0_u32;
        loop {
            let began = tokio::time::Instant::now();
            match self.look(self.parts.policy.wait).await {
                Ok(found) => {
                    failures = 0;
                    // A service that knows `Prefer: wait` has let us wait already.
                    if !found && began.elapsed() < self.parts.policy.pause {
                        tokio::time::sleep(self.parts.policy.pause).await;
                    }
                }
                Err(fault) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(error = %fault, "the delivery service could not be asked: {fault}");
                    tokio::time::sleep(self.listen_pause(failures, &fault)).await;
                }
            }
        }
    }

    fn listen_pause(&self, failures: u32, fault: &Fault) -> Duration {
        use amtsbote_model::delivery::{Cause, Failure};
        let retry_after = match fault {
            Fault::Unavailable { retry_after, .. } => *retry_after,
            Fault::Refused { .. }
            | Fault::NotFound
            | Fault::Malformed { .. }
            | Fault::Misconfigured(_)
            | Fault::OwnEnd(_) => None,
        };
        let around = self.around();
        around.policy.delay(
            failures,
            Failure {
                cause: Cause::ServiceUnavailable,
                retry_after,
            },
            around.jitter,
        )
    }

    /// Asks for waiting submissions of our destinations and notes them; whether there were any new ones.
    async fn look(&self, wait: Duration) -> Result<bool, Fault> {
        let mut offset = 0;
        let mut new = Vec::new();
        loop {
            let paging = Paging {
                offset,
                limit: Paging::MAX_LIMIT,
            };
            let waiting = self
                .parts
                .subscriber
                .pickup(None, paging, wait_on_first(offset, wait))
                .await?;
            let count = waiting.submissions.len();
            let at = self.parts.clock.now();
            new.extend(
                waiting
                    .submissions
                    .into_iter()
                    .filter(|ids| self.served(ids.destination_id).is_some())
                    .map(|ids| NewDelivery {
                        submission_id: ids.submission_id,
                        case_id: ids.case_id,
                        destination_id: ids.destination_id,
                        at,
                    }),
            );
            offset = offset.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            if count < Paging::MAX_LIMIT as usize {
                break;
            }
        }
        let unknown = self.unknown(new).await;
        let found = !unknown.is_empty();
        if found {
            // What cannot be noted is still on the service's list.
            if let Err(error) = self.parts.deliveries.note(unknown).await {
                log_store(&error);
            }
            self.news.notify_one();
        }
        Ok(found)
    }

    async fn unknown(&self, listed: Vec<NewDelivery>) -> Vec<NewDelivery> {
        let mut unknown = Vec::new();
        for new in listed {
            match self.parts.deliveries.find(new.submission_id).await {
                Ok(Some(_)) => {}
                Ok(None) => unknown.push(new),
                Err(error) => log_store(&error),
            }
        }
        unknown
    }

    async fn work(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        let slots = Arc::new(Semaphore::new(self.parts.policy.concurrency));
        loop {
            let started = self.start_due(tasks, &slots).await;
            if started > 0 {
                continue;
            }
            tokio::select! {
                () = self.news.notified() => {}
                Some(done) = tasks.join_next(), if !tasks.is_empty() => log_panic(done),
                () = tokio::time::sleep(self.parts.policy.pause) => {}
            }
        }
    }

    /// Starts everything due that is not in hand; how many.
    async fn start_due(self: &Arc<Self>, tasks: &mut JoinSet<()>, slots: &Arc<Semaphore>) -> usize {
        let max = u32::try_from(self.parts.policy.concurrency * 2).unwrap_or(u32::MAX);
        let rows = match self.parts.deliveries.due(self.parts.clock.now(), max).await {
            Ok(rows) => rows,
            Err(error) => {
                log_store(&error);
                return 0;
            }
        };
        let mut started = 0;
        for row in rows {
            let Some(in_hand) = InHand::take(self, row.submission_id) else {
                continue;
            };
            let Ok(slot) = slots.clone().acquire_owned().await else {
                break;
            };
            started += 1;
            tasks.spawn(async move {
                in_hand.inner.next_step(row).await;
                drop(slot);
            });
        }
        started
    }

    async fn next_step(self: &Arc<Self>, row: DeliveryRow) {
        match row.delivery {
            Delivery::Waiting { .. } => {
                let until = self.parts.clock.now().plus(self.parts.policy.lease);
                if let Some(row) = self.advance(&row, Event::Claimed { until }).await {
                    self.deliver(row).await;
                }
            }
            Delivery::Leased { .. } => {
                self.advance(&row, Event::LeaseEnded).await;
            }
            Delivery::Decided { .. } => self.post(row).await,
            Delivery::Done { .. } | Delivery::Parked { .. } => {}
        }
    }
}

fn wait_on_first(offset: u32, wait: Duration) -> Duration {
    if offset == 0 { wait } else { Duration::ZERO }
}

pub(crate) fn log_store(error: &StoreError) {
    tracing::error!(error = %error, "the agent's own state could not be used: {error}");
}

/// A submission that this process works on; given back when dropped, also by a panic.
struct InHand {
    inner: Arc<Inner>,
    id: SubmissionId,
}

impl InHand {
    fn take(inner: &Arc<Inner>, id: SubmissionId) -> Option<Self> {
        let fresh = inner
            .in_hand
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(id);
        fresh.then(|| Self {
            inner: inner.clone(),
            id,
        })
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.inner
            .in_hand
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .remove(&self.id);
    }
}
