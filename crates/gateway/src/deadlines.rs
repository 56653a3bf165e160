//! Deadlines ("FIT-Connect, Benachrichtigungen und Löschfristen"): what nobody submits, fetches or needs any more.
//!
//! ```text
//!  created   ──1 day──►   deleted        submitted, forwarded ──14 days──► rejected (by the service)
//!  accepted  ──7 days──►  deleted        rejected             ── 7 days──► deleted (so 21 days after submission)
//! ```
//!
//! Not done here: the mails to the receiver's contact after 3 and 9 days (the gateway sends no mail; the age of waiting submissions
//! is for the operator's alerts) and the deletion of event logs after 730 days.
//!
//! Any number of processes may run this: each step names the state it was decided on, so only one of them takes effect.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_fit_connect::event::{Part, Payload, Violation};
use amtsbote_model::submission::{Event as Step, Issuer, State};
use amtsbote_model::{SubmissionId, Timestamp};
use amtsbote_store::{
    Attachment, Batch, Change, Committed, Page, Reply, Submission, SubmissionFilter,
};

use crate::Context;
use crate::access::reference;
use crate::answer::Refused;
use crate::callbacks::{event_notice, event_notice_to_subscriber};
use crate::events::service_event;

/// Submissions read at a time.
const SLICE: u32 = 100;

/// How long things stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Announced and not submitted: deleted after this.
    pub unsubmitted: Duration,
    /// Submitted (or passed on) and not answered: rejected by the service after this.
    pub unanswered: Duration,
    /// Accepted or rejected: deleted after this.
    pub finished: Duration,
    /// Stored attachments that no submission refers to: deleted after this. Longer than any request takes.
    pub orphans: Duration,
    /// Pause between two rounds.
    pub pause: Duration,
}

impl Default for Retention {
    /// 1 day, 14 days, 7 days; orphans 1 day; a round every minute.
    fn default() -> Self {
        Self {
            unsubmitted: Duration::from_hours(24),
            unanswered: Duration::from_hours(14 * 24),
            finished: Duration::from_hours(7 * 24),
            orphans: Duration::from_hours(24),
            pause: Duration::from_mins(1),
        }
    }
}

impl Retention {
    /// What is due for a submission in `state` since `since`.
    pub fn due(&self, state: State, since: Timestamp, now: Timestamp) -> Option<Step> {
        self.rule(state)
            .and_then(|(after, step)| (now.since(since) > after).then_some(step))
    }

    /// What comes, and after how long in the state.
    const fn rule(&self, state: State) -> Option<(Duration, Step)> {
        match state {
            State::Created => Some((self.unsubmitted, Step::Delete)),
            State::Submitted | State::Forwarded => Some((self.unanswered, Step::Reject)),
            State::Accepted | State::Rejected => Some((self.finished, Step::Delete)),
            State::Deleted => None,
        }
    }
}

/// Deletes blobs that no submission refers to. A store's own business, since it alone knows both sides.
pub trait Orphans: Send + Sync {
    /// Deletes those kept before the moment given; how many.
    fn sweep(&self, kept_before: Timestamp) -> Reply<'_, Result<u64, amtsbote_store::Error>>;
}

/// Keeps the deadlines.
#[derive(Clone)]
pub struct Deadlines {
    context: Context,
    retention: Retention,
    orphans: Option<Arc<dyn Orphans>>,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Submissions rejected.
    pub rejected: u64,
    /// Submissions whose contents were deleted.
    pub deleted: u64,
    /// Submissions left for the next round, because something failed or moved.
    pub left: u64,
    /// Orphaned blobs deleted.
    pub orphans: u64,
}

impl Deadlines {
    /// With these spans, and without a sweep of orphans.
    pub fn new(context: Context, retention: Retention) -> Self {
        Self {
            context,
            retention,
            orphans: None,
        }
    }

    /// With a sweep of orphans.
    #[must_use]
    pub fn sweeping(mut self, orphans: Arc<dyn Orphans>) -> Self {
        self.orphans = Some(orphans);
        self
    }

    /// Rounds until `stop` resolves. A step that has begun is finished.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            match self.round().await {
                Ok(round) if round == Round::default() => {}
                Ok(Round {
                    rejected,
                    deleted,
                    left,
                    orphans,
                }) => tracing::info!(
                    "deadlines: {rejected} rejected, {deleted} deleted, {left} left for later, {orphans} orphaned blobs deleted"
                ),
                Err(error) => {
                    tracing::error!(error = %error, "deadlines could not be kept this time: {error}");
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(self.retention.pause) => {}
            }
        }
    }

    /// Does everything that is due.
    pub async fn round(&self) -> Result<Round, amtsbote_store::Error> {
        let mut round = Round::default();
        for state in State::ALL {
            if let Some((after, step)) = self.retention.rule(state) {
                self.state_round(state, (after, step), &mut round).await?;
            }
        }
        if let Some(orphans) = &self.orphans {
            round.orphans = orphans
                .sweep(before(self.context.now(), self.retention.orphans))
                .await?;
        }
        Ok(round)
    }

    async fn state_round(
        &self,
        state: State,
        (after, step): (Duration, Step),
        round: &mut Round,
    ) -> Result<(), amtsbote_store::Error> {
        let filter = SubmissionFilter::Stale {
            state,
            before: before(self.context.now(), after),
        };
        let mut left = 0;
        loop {
            // What was done is not listed any more; what was left is.
            let listed = self
                .context
                .store()
                .submissions(
                    &filter,
                    Page {
                        offset: left,
                        limit: SLICE,
                    },
                )
                .await?;
            if listed.entries.is_empty() {
                round.left += left;
                return Ok(());
            }
            for entry in listed.entries {
                match (self.take(entry.id, state, step).await, step) {
                    (Ok(Taken::Done), Step::Reject) => round.rejected += 1,
                    (Ok(Taken::Done), _) => round.deleted += 1,
                    (Ok(Taken::Moved), _) => left += 1,
                    (Err(refused), _) => {
                        let code = refused.problem().code.entry().code;
                        tracing::warn!(submission.id = %entry.id, problem.code = code, "a deadline of {} could not be kept yet", entry.id);
                        left += 1;
                    }
                }
            }
        }
    }

    /// One step of one submission.
    async fn take(&self, id: SubmissionId, state: State, step: Step) -> Result<Taken, Refused> {
        let Some(submission) = self.context.store().submission(id).await? else {
            return Ok(Taken::Moved);
        };
        let next = submission.state.step(step, Issuer::Service).ok();
        let Some(next) = next.filter(|_| submission.state == state) else {
            return Ok(Taken::Moved);
        };
        let batch = self.batch(&submission, step, next).await?;
        match self.context.store().commit(batch).await? {
            Committed::Done => {}
            Committed::Refused(_) => return Ok(Taken::Moved),
        }
        tracing::info!(submission.id = %id, "{id} was {state} for too long or long enough, it is {next}");
        if step == Step::Delete {
            self.delete_blobs(&submission.attachments).await;
        }
        Ok(Taken::Done)
    }

    async fn batch(
        &self,
        submission: &Submission,
        step: Step,
        next: State,
    ) -> Result<Batch, Refused> {
        let (of, now) = (reference(submission), self.context.now());
        let payload = match step {
            Step::Reject => Payload::Problems(vec![unanswered(self.retention.unanswered)]),
            Step::Create
            | Step::Submit
            | Step::Notify
            | Step::Forward
            | Step::Accept
            | Step::Delete => Payload::Empty,
        };
        let event = service_event(&self.context, of, step, payload, now).await?;
        let mut batch = Batch::new()
            .with(Change::Move {
                subject: of.id.into(),
                from: submission.state,
                to: next,
                at: now,
            })
            .with(Change::Append(event));
        if step == Step::Delete {
            batch = batch
                .with(Change::ExpectAttachments {
                    subject: of.id.into(),
                    attachments: submission.attachments.clone(),
                })
                .with(Change::Erase {
                    subject: of.id.into(),
                });
        }
        // Both sides are told of what the service does by itself; of what was never submitted the subscriber never knew.
        let mut notices: Vec<_> = event_notice(&self.context, submission)
            .into_iter()
            .collect();
        if submission.state != State::Created
            && let Some(destination) = self.context.store().destination(of.destination_id).await?
        {
            notices.extend(event_notice_to_subscriber(
                &self.context,
                &destination,
                submission,
            ));
        }
        batch.0.extend(notices.into_iter().map(Change::Enqueue));
        Ok(batch)
    }

    /// The rows are gone already: what cannot be deleted now is an orphan for the sweep.
    async fn delete_blobs(&self, attachments: &[Attachment]) {
        for attachment in attachments {
            if let Err(error) = self.context.blobs().delete(&attachment.blob).await {
                tracing::warn!(error = %error, "a blob could not be deleted, the sweep will try again: {error}");
            }
        }
    }
}

enum Taken {
    Done,
    /// Somebody else was faster. (If that took it off the list, the next of this round's entries waits for the next round.)
    Moved,
}

fn unanswered(after: Duration) -> amtsbote_fit_connect::event::EventProblem {
    let days = after.as_secs() / 86_400;
    Violation::TechnicalError.problem(
        Part::Other,
        format!("Die Einreichung wurde nicht innerhalb von {days} Tagen abgeholt. / The submission was not picked up within {days} days."),
    )
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: State, after_days: f64, expected: Option<Step>) {
        let since = Timestamp::from_seconds(1_795_420_800);
        let now = since.plus(Duration::from_secs_f64(after_days * 86_400.0));
        assert_eq!(
            Retention::default().due(state, since, now),
            expected,
            "{state} for {after_days} days"
        );
    }

    #[test]
    fn each_state_has_its_deadline() {
        check(State::Created, 1.0, None);
        check(State::Created, 1.01, Some(Step::Delete));
        check(State::Submitted, 14.0, None);
        check(State::Submitted, 14.01, Some(Step::Reject));
        check(State::Forwarded, 14.01, Some(Step::Reject));
        check(State::Accepted, 7.0, None);
        check(State::Accepted, 7.01, Some(Step::Delete));
        check(State::Rejected, 7.01, Some(Step::Delete));
        check(State::Deleted, 10_000.0, None);
    }

    #[test]
    fn a_clock_that_went_back_makes_nothing_due() {
        let retention = Retention::default();
        let since = Timestamp::from_seconds(1_795_420_800);
        assert_eq!(
            retention.due(State::Created, since, Timestamp::from_seconds(0)),
            None
        );
    }
}
