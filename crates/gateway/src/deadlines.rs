//! Deadlines ("FIT-Connect, Benachrichtigungen und Löschfristen"): what nobody submits, fetches or needs any more.
//!
//! ```text
//!  created   ──1 day──►   deleted        submitted ──3, 9 days──► reminder to the destination's contact
//!  accepted  ──7 days──►  deleted        submitted, forwarded ──14 days──► rejected (by the service)
//!                                        rejected             ── 7 days──► deleted (so 21 days after submission)
//!  a case of which all is deleted ──730 days after its last event──► gone, with its event log
//!  an answer remembered for repeats ──30 days──► forgotten
//! ```
//!
//! All state is in the store: how often somebody was reminded, and when the last round was. A restart goes on where the last
//! process was. What deletes by the clock does not trust it blindly: `deadlines/watch.rs`.
//!
//! Any number of processes may run this: each step names the state it was decided on, so only one of them takes effect.

mod letter;
mod reminders;
mod replies;
mod retention;
mod watch;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amtsbote_fit_connect::event::{Part, Payload, Violation};
use amtsbote_model::submission::{Event as Step, Issuer, State};
use amtsbote_model::{SubmissionId, Timestamp};
use amtsbote_store::{
    Attachment, Batch, Change, Committed, Page, Reply, Submission, SubmissionFilter, Upkeep,
};
use tokio::time::Instant;

use crate::Context;
use crate::access::reference;
use crate::answer::Refused;
use crate::callbacks::{event_notice, event_notice_to_subscriber};
use crate::events::service_event;

pub use retention::Retention;
pub use watch::{Doubt, Trust};
use watch::{Moment, Watch};

/// Submissions read at a time.
const SLICE: u32 = 100;

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
    mails: Mails,
    watch: Arc<Mutex<Watch>>,
    began: Instant,
}

/// What becomes of reminders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mails {
    Posted,
    LogOnly,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Submissions and replies rejected.
    pub rejected: u64,
    /// Submissions and replies whose contents were deleted.
    pub deleted: u64,
    /// Submissions and replies left for the next round, because something failed or moved.
    pub left: u64,
    /// Submissions whose subscribers were reminded.
    pub reminded: u64,
    /// Cases that went with their event logs.
    pub cases: u64,
    /// Orphaned blobs deleted.
    pub orphans: u64,
    /// Why nothing was done: the clock is not believed.
    pub doubt: Option<Doubt>,
}

/// In doubt, the log is told again after so many rounds.
const ROUNDS_BETWEEN_WORDS: u32 = 60;

impl Deadlines {
    /// With these spans; reminders are told to the log only, and orphans are not swept.
    pub fn new(context: Context, retention: Retention) -> Self {
        Self {
            context,
            retention,
            orphans: None,
            mails: Mails::LogOnly,
            watch: Arc::default(),
            began: Instant::now(),
        }
    }

    /// With a sweep of orphans.
    #[must_use]
    pub fn sweeping(mut self, orphans: Arc<dyn Orphans>) -> Self {
        self.orphans = Some(orphans);
        self
    }

    /// With reminders by mail: somebody sends what is posted.
    #[must_use]
    pub fn mailing(mut self) -> Self {
        self.mails = Mails::Posted;
        self
    }

    /// Rounds while this gateway is on duty, until `stop` resolves. A step that has begun is finished.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let duty = self.context.duty().next();
            if self.context.duty().is_on() {
                match self.round().await {
                    Ok(round) => say(&round),
                    Err(error) => {
                        tracing::error!(error = %error, "deadlines could not be kept this time: {error}");
                    }
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = duty => {}
                () = tokio::time::sleep(self.retention.pause) => {}
            }
        }
    }

    /// Does what is due, as much as a round may. The round is noted last: if the process dies before, the next one does the rest.
    pub async fn round(&self) -> Result<Round, amtsbote_store::Error> {
        let at = self.context.now();
        let last_round = self.context.store().last_round().await?;
        let mut round = Round::default();
        if let Err(doubt) = self.judge(at, last_round) {
            round.doubt = Some(doubt);
            return Ok(round);
        }
        for state in State::ALL {
            if let Some((after, step)) = self.retention.rule(state) {
                self.state_round(state, (after, step), &mut round).await?;
                self.replies_round(state, (after, step), &mut round).await?;
            }
        }
        self.remind(&mut round).await?;
        self.drop_quiet_cases(&mut round).await?;
        let forget = Upkeep::Forget {
            before: before(at, self.retention.answers),
            max: self.retention.per_round,
        };
        let batch = Batch::new()
            .with(forget.into())
            .with(Upkeep::Round { at }.into());
        amtsbote_names::fail_point!(RoundDone);
        self.context.store().commit(batch).await?;
        // The next round sweeps.
        amtsbote_names::fail_point!(RoundNoted);
        if let Some(orphans) = &self.orphans {
            round.orphans = orphans.sweep(before(at, self.retention.orphans)).await?;
        }
        Ok(round)
    }

    fn judge(&self, wall: Timestamp, last_round: Option<Timestamp>) -> Result<(), Doubt> {
        let steady = self.began.elapsed();
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let judged = watch.judge(&self.retention.trust, Moment { wall, steady }, last_round);
        if let Err(doubt) = judged
            && watch.doubts() % ROUNDS_BETWEEN_WORDS == 1
        {
            tracing::error!(
                "deadlines are not kept, nothing is reminded of, rejected or deleted: {doubt}"
            );
        }
        judged
    }

    async fn drop_quiet_cases(&self, round: &mut Round) -> Result<(), amtsbote_store::Error> {
        let before = before(self.context.now(), self.retention.event_log);
        let store = self.context.store();
        for id in store.quiet_cases(before, self.retention.per_round).await? {
            let drop = Upkeep::DropCase { id, before };
            match store.commit(Batch::new().with(drop.into())).await? {
                Committed::Done => {
                    amtsbote_names::fail_point!(CaseDropped);
                    tracing::info!(case.id = %id, "{id} has been quiet for long enough, it is gone with its event log");
                    round.cases += 1;
                }
                // Something happened in it meanwhile.
                Committed::Refused(_) => round.left += 1,
            }
        }
        Ok(())
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
        let mut slices = Slices::of(self.retention.per_round);
        loop {
            let listed = self.context.store().submissions(&filter, slices.page());
            let entries = listed.await?.entries;
            if entries.is_empty() {
                round.left += slices.left;
                return Ok(());
            }
            for entry in entries {
                let taken = self.take(entry.id, state, step).await;
                if let Err(refused) = &taken {
                    let code = refused.problem().code.entry().code;
                    tracing::warn!(submission.id = %entry.id, problem.code = code, "a deadline of {} could not be kept yet", entry.id);
                }
                slices.count(taken.unwrap_or(Taken::Moved), step, round);
            }
        }
    }

    /// One step of one submission.
    async fn take(&self, id: SubmissionId, state: State, step: Step) -> Result<Taken, Refused> {
        let Some(submission) = self.context.store().submission(id).await? else {
            return Ok(Taken::Moved);
        };
        // What goes through an uplink has its deadlines there, and the uplink knows what became of it.
        if submission.state.is_open() && self.goes_on(&submission).await? {
            return Ok(Taken::Moved);
        }
        let next = submission.state.step(step, Issuer::Service).ok();
        let Some(next) = next.filter(|_| submission.state == state) else {
            return Ok(Taken::Moved);
        };
        let batch = self.batch(&submission, step, next).await?;
        match self.context.store().commit(batch).await? {
            Committed::Done => {}
            Committed::Refused(_) => return Ok(Taken::Moved),
        }
        // What lies there yet belongs to nobody: the sweep takes it.
        amtsbote_names::fail_point!(DeadlineKept);
        tracing::info!(submission.id = %id, "{id} was {state} for too long or long enough, it is {next}");
        if step == Step::Delete {
            self.delete_blobs(&submission.attachments).await;
        }
        Ok(Taken::Done)
    }

    async fn goes_on(&self, submission: &Submission) -> Result<bool, Refused> {
        let destination = self
            .context
            .store()
            .destination(submission.destination_id)
            .await?;
        Ok(destination.is_some_and(|found| self.context.uplinks().owns(&found.owner)))
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

/// What of one kind a round goes through, slice by slice.
struct Slices {
    /// What was left is listed again; what was done is not.
    left: u64,
    room: u32,
}

impl Slices {
    const fn of(per_round: u32) -> Self {
        Self {
            left: 0,
            room: per_round,
        }
    }

    fn page(&self) -> Page {
        Page {
            offset: self.left,
            limit: SLICE.min(self.room),
        }
    }

    fn count(&mut self, taken: Taken, step: Step, round: &mut Round) {
        self.room = self.room.saturating_sub(1);
        match (taken, step) {
            (Taken::Moved, _) => self.left += 1,
            (Taken::Done, Step::Reject) => round.rejected += 1,
            (Taken::Done, _) => round.deleted += 1,
        }
    }
}

fn say(round: &Round) {
    let Round {
        rejected,
        deleted,
        reminded,
        cases,
        left,
        orphans,
        doubt: _,
    } = round;
    if rejected + deleted + reminded + cases + left + orphans > 0 {
        tracing::info!(
            "deadlines: {rejected} rejected, {deleted} deleted, {reminded} reminded of, {cases} cases gone, {left} left for later, {orphans} orphaned blobs deleted"
        );
    }
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
