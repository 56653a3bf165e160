//! The worker: asks the outbox what is due, posts it, writes down what came of it.
//!
//! ```text
//!  outbox.due ──► claim (due later) ──► post ──2xx──► dequeue + notify event
//!                     │                   └──else──► postpone with back-off and full jitter, or give up after days
//!                     └ host busy, or its circuit open: later
//! ```
//!
//! At least once: a process that dies between the other side's 2xx and our note of it leaves the callback to be repeated after
//! its claim. Of several gateways one is on duty and sends; what it has claimed nobody else begins before the claim ends, and a
//! claim on what another one has claimed is refused.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use amtsbote_fit_connect::callback::Callback as Body;
use amtsbote_fit_connect::event::{NotifyType, Payload};
use amtsbote_model::reply::{self, Party};
use amtsbote_model::submission::{Event as Step, Issuer};
use amtsbote_model::{ReplyId, Subject, SubmissionId, Timestamp};
use amtsbote_outgoing::Outgoing;
use amtsbote_store::{Batch, Change, Committed, Conflict, Notice};
use tokio::task::JoinSet;
use url::Url;

use super::circuit::Outcome;
use super::places::{Place, Places, Taken};
use super::policy::CallbackPolicy;
use super::post::{Missed, post};
use super::{event_notice, reply_event_notice_to_sender};
use crate::Context;
use crate::access::{reference, reply_reference};
use crate::answer::Refused;
use crate::backoff::dice;
use crate::events::{reply_event, service_event};

/// Notices looked at in one go.
const LOOK_MAX: u32 = 256;
/// Looks at the outbox before others get their turn.
const LOOKS_MAX: usize = 8;
/// Tries to write a notify event while others write, too.
const ROUNDS_MAX: usize = 3;

/// Sends callbacks.
#[derive(Clone)]
pub struct CallbackWorker {
    context: Context,
    outgoing: Outgoing,
    policy: CallbackPolicy,
    places: Places,
    /// Whether the log knows that the store is away.
    away: Arc<AtomicBool>,
}

impl CallbackWorker {
    /// A worker that calls through `outgoing`, which should reach public addresses only.
    pub fn new(context: Context, outgoing: Outgoing, policy: CallbackPolicy) -> Self {
        Self {
            context,
            outgoing,
            places: Places::new(policy.circuit, policy.per_host, policy.crowded_spacing),
            policy,
            away: Arc::default(),
        }
    }

    /// Sends what is due while this gateway is on duty, until `stop` resolves, then waits for open calls within the limit.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut calls = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let (arrival, duty) = (self.context.next_arrival(), self.context.duty().next());
            if self.context.duty().is_on() {
                self.start_due(&mut calls).await;
            }
            tokio::select! {
                () = &mut stop => break,
                () = duty => {}
                Some(_) = calls.join_next() => {}
                () = arrival => {}
                () = tokio::time::sleep(self.policy.poll) => {}
            }
        }
        let drained = tokio::time::timeout(self.policy.drain_max, async {
            while calls.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(
                "some callbacks were still open at the end of the drain time, they will be repeated"
            );
        }
    }

    /// Sends everything that is due now and waits for all answers.
    pub async fn round(&self) {
        let mut calls = JoinSet::new();
        loop {
            self.start_due(&mut calls).await;
            if calls.join_next().await.is_none() {
                return;
            }
        }
    }

    async fn start_due(&self, calls: &mut JoinSet<()>) {
        for _ in 0..LOOKS_MAX {
            if calls.len() >= self.policy.concurrency {
                return;
            }
            match self.look(calls).await {
                Ok(looked) => {
                    if self.away.swap(false, Ordering::Relaxed) {
                        tracing::info!("the outbox can be read again");
                    }
                    if looked == Looked::All {
                        return;
                    }
                }
                // One word per outage.
                Err(error) => {
                    if !self.away.swap(true, Ordering::Relaxed) {
                        tracing::error!(error = %error, "the outbox could not be read or written: {error}");
                    }
                    return;
                }
            }
        }
    }

    /// Begins calls for what is due, as many as there are places. Everything touched is due again later: what was begun after its
    /// lease, what found its host busy after a while.
    async fn look(&self, calls: &mut JoinSet<()>) -> Result<Looked, amtsbote_store::Error> {
        let now = self.context.now();
        let due = self.context.store().due(now, LOOK_MAX).await?;
        let mut begun = Vec::new();
        let mut batch = Batch::new();
        let seen = due.len();
        for found in due {
            if calls.len() + begun.len() >= self.policy.concurrency {
                break;
            }
            let (due_at, place) = match self.places.take(&host_of(&found), now) {
                Taken::Place(place) => (now.plus(self.policy.lease), Some(place)),
                Taken::Busy(turn) => (turn, None),
                Taken::NotBefore(_) if self.is_too_old(&found, now) => {
                    batch = batch.with(given_up(&found));
                    continue;
                }
                Taken::NotBefore(until) => (until, None),
            };
            batch = batch.with(Change::Postpone {
                id: found.id,
                was_due_at: found.due_at,
                tries: found.tries,
                due_at,
            });
            let claimed = Notice { due_at, ..found };
            begun.extend(place.map(|place| (place, claimed)));
        }
        if !batch.0.is_empty() {
            // Refused, another gateway has claimed one of them: whoever is on duty looks again.
            if self.context.store().commit(batch).await? != Committed::Done {
                return Ok(Looked::All);
            }
        }
        if !begun.is_empty() {
            amtsbote_names::fail_point!(CallbackBegun);
        }
        for (place, found) in begun {
            let worker = self.clone();
            calls.spawn(async move { worker.call(place, found).await });
        }
        Ok(if seen == LOOK_MAX as usize {
            Looked::MayBeMore
        } else {
            Looked::All
        })
    }

    async fn call(self, mut place: Place, found: Notice) {
        let noted = match post(&self.outgoing, &found, self.context.now()).await {
            Ok(()) => {
                amtsbote_names::fail_point!(CallbackTaken);
                place.settle(Outcome::Answered, self.context.now());
                self.delivered(&found).await
            }
            Err(missed) => {
                place.settle(missed.outcome(), self.context.now());
                self.failed(&found, &missed).await
            }
        };
        if noted.is_err() {
            let of = found.subject;
            tracing::error!(subject.id = %of.uuid(), "what came of a callback for {of} could not be noted, it will be repeated");
        }
    }

    async fn failed(&self, found: &Notice, missed: &Missed) -> Result<(), Refused> {
        let (of, tries) = (found.subject, found.tries.saturating_add(1));
        let now = self.context.now();
        let change = if self.is_too_old(found, now) {
            given_up(found)
        } else {
            if found.tries == 0 {
                let cause = std::error::Error::source(missed)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                tracing::info!(subject.id = %of.uuid(), error = %missed, cause, "a callback for {of} failed, it is repeated: {missed}");
            }
            let wait = self
                .policy
                .backoff
                .wait(tries, missed.retry_after(), dice());
            Change::Postpone {
                id: found.id,
                was_due_at: found.due_at,
                tries,
                due_at: now.plus(wait),
            }
        };
        // Refused, our claim had ended: whoever has the callback now settles it.
        self.context
            .store()
            .commit(Batch::new().with(change))
            .await?;
        Ok(())
    }

    fn is_too_old(&self, found: &Notice, now: Timestamp) -> bool {
        now.since(found.made_at) >= self.policy.give_up_after
    }

    /// The callback leaves the outbox; of a new submission or reply the log gets its notify event, once.
    async fn delivered(&self, found: &Notice) -> Result<(), Refused> {
        for _ in 0..ROUNDS_MAX {
            let Some(batch) = self.notified(found).await? else {
                break;
            };
            match self
                .context
                .store()
                .commit(batch.with(Change::Dequeue(found.id)))
                .await?
            {
                Committed::Done => return Ok(()),
                Committed::Refused(Conflict::StateMoved(_)) => {}
                // Most likely noted before.
                Committed::Refused(_) => break,
            }
        }
        self.context
            .store()
            .commit(Batch::new().with(Change::Dequeue(found.id)))
            .await?;
        Ok(())
    }

    /// What is to be written of a receiver who now knows; `None` if the callback was about something else or the log is closed.
    async fn notified(&self, found: &Notice) -> Result<Option<Batch>, Refused> {
        match (found.subject, Body::parse(found.body.as_bytes())) {
            (Subject::Submission(id), Ok(Body::NewSubmissions(_))) => self.told_of(id).await,
            (Subject::Reply(id), Ok(Body::NewReplies(_))) => self.told_of_reply(id).await,
            (Subject::Submission(_) | Subject::Reply(_), _) => Ok(None),
        }
    }

    async fn told_of(&self, id: SubmissionId) -> Result<Option<Batch>, Refused> {
        let Some(submission) = self.context.store().submission(id).await? else {
            return Ok(None);
        };
        let Ok(state) = submission.state.step(Step::Notify, Issuer::Service) else {
            return Ok(None);
        };
        let (of, now) = (reference(&submission), self.context.now());
        let event = service_event(&self.context, of, Step::Notify, CALLED, now).await?;
        let unmoved = Change::Move {
            subject: of.id.into(),
            from: submission.state,
            to: state,
            at: now,
        };
        let batch = Batch::new().with(unmoved).with(Change::Append(event));
        Ok(Some(match event_notice(&self.context, &submission) {
            Some(notice) => batch.with(Change::Enqueue(notice)),
            None => batch,
        }))
    }

    async fn told_of_reply(&self, id: ReplyId) -> Result<Option<Batch>, Refused> {
        let Some(reply) = self.context.store().reply(id).await? else {
            return Ok(None);
        };
        let Ok(state) = reply::step(reply.state, Step::Notify, Party::Service) else {
            return Ok(None);
        };
        let (of, now) = (reply_reference(&reply), self.context.now());
        let event = reply_event(&self.context, of, Step::Notify, CALLED, now).await?;
        let unmoved = Change::Move {
            subject: of.id.into(),
            from: reply.state,
            to: state,
            at: now,
        };
        let batch = Batch::new().with(unmoved).with(Change::Append(event));
        let notice = reply_event_notice_to_sender(&self.context, &reply).await?;
        Ok(Some(match notice {
            Some(notice) => batch.with(Change::Enqueue(notice)),
            None => batch,
        }))
    }
}

fn given_up(found: &Notice) -> Change {
    let (of, tries) = (found.subject, found.tries);
    let host = host_of(found);
    tracing::warn!(subject.id = %of.uuid(), "the callback for {of} to {host} is given up after more than {tries} tries, polling remains");
    Change::Dequeue(found.id)
}

const CALLED: Payload = Payload::Notify(NotifyType::Callback);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    All,
    MayBeMore,
}

/// Host and port: what fails together. Nothing else of a URL is ever printed.
fn host_of(notice: &Notice) -> String {
    let url = Url::parse(&notice.url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let port = url
        .as_ref()
        .and_then(Url::port_or_known_default)
        .unwrap_or_default();
    format!("{host}:{port}")
}
