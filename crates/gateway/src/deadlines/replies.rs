//! The deadlines of replies: those of submissions ("the same deadlines hold for replies").

use std::time::Duration;

use amtsbote_fit_connect::event::{EventProblem, Part, Payload, Violation};
use amtsbote_model::ReplyId;
use amtsbote_model::reply::{self, Party};
use amtsbote_model::submission::{Event as Step, State};
use amtsbote_store::{Batch, Change, Committed, ReplyFilter, ReplyRecord};

use super::{Deadlines, Round, Slices, Taken, before};
use crate::access::reply_reference;
use crate::answer::Refused;
use crate::callbacks::{Thread, reply_event_notice_to_receiver, reply_event_notice_to_sender};
use crate::events::reply_event;

impl Deadlines {
    /// All replies that have been in `state` for too long, or long enough.
    pub(super) async fn replies_round(
        &self,
        state: State,
        (after, step): (Duration, Step),
        round: &mut Round,
    ) -> Result<(), amtsbote_store::Error> {
        let filter = ReplyFilter::Stale {
            state,
            before: before(self.context.now(), after),
        };
        let mut slices = Slices::of(self.retention.per_round);
        loop {
            let listed = self.context.store().replies(&filter, slices.page());
            let entries = listed.await?.entries;
            if entries.is_empty() {
                round.left += slices.left;
                return Ok(());
            }
            for entry in entries {
                let taken = self.take_reply(entry.id, state, step).await;
                if let Err(refused) = &taken {
                    let code = refused.problem().code.entry().code;
                    tracing::warn!(subject.id = %entry.id, problem.code = code, "a deadline of reply {} could not be kept yet", entry.id);
                }
                slices.count(taken.unwrap_or(Taken::Moved), step, round);
            }
        }
    }

    /// One step of one reply: one batch, so dying before it leaves the reply to the next round.
    async fn take_reply(&self, id: ReplyId, state: State, step: Step) -> Result<Taken, Refused> {
        let Some(reply) = self.context.store().reply(id).await? else {
            return Ok(Taken::Moved);
        };
        let next = reply::step(reply.state, step, Party::Service).ok();
        let Some(next) = next.filter(|_| reply.state == state) else {
            return Ok(Taken::Moved);
        };
        let batch = self.reply_batch(&reply, step, next).await?;
        match self.context.store().commit(batch).await? {
            Committed::Done => {}
            Committed::Refused(_) => return Ok(Taken::Moved),
        }
        // What lies there yet belongs to nobody: the sweep takes it.
        amtsbote_names::fail_point!(DeadlineKept);
        tracing::info!(subject.id = %id, "reply {id} was {state} for too long or long enough, it is {next}");
        if step == Step::Delete {
            self.delete_blobs(&reply.attachments).await;
        }
        Ok(Taken::Done)
    }

    async fn reply_batch(
        &self,
        reply: &ReplyRecord,
        step: Step,
        next: State,
    ) -> Result<Batch, Refused> {
        let (of, now) = (reply_reference(reply), self.context.now());
        let payload = match step {
            Step::Reject => Payload::Problems(vec![unanswered(self.retention.unanswered)]),
            Step::Create
            | Step::Submit
            | Step::Notify
            | Step::Forward
            | Step::Accept
            | Step::Delete => Payload::Empty,
        };
        let event = reply_event(&self.context, of, step, payload, now).await?;
        let subject = of.id.into();
        let mut batch = Batch::new()
            .with(Change::Move {
                subject,
                from: reply.state,
                to: next,
                at: now,
            })
            .with(Change::Append(event));
        if step == Step::Delete {
            batch = batch
                .with(Change::ExpectAttachments {
                    subject,
                    attachments: reply.attachments.clone(),
                })
                .with(Change::Erase { subject });
        }
        // Both sides are told of what the service does by itself; of what was never submitted the receiver never knew.
        let mut notices: Vec<_> = reply_event_notice_to_sender(&self.context, reply)
            .await?
            .into_iter()
            .collect();
        if reply.state != State::Created
            && let Some(thread) = Thread::of(&self.context, reply.case_id).await?
        {
            notices.extend(reply_event_notice_to_receiver(
                &self.context,
                &thread,
                reply,
            ));
        }
        batch.0.extend(notices.into_iter().map(Change::Enqueue));
        Ok(batch)
    }
}

fn unanswered(after: Duration) -> EventProblem {
    let days = after.as_secs() / 86_400;
    Violation::TechnicalError.problem(
        Part::Other,
        format!("Die Antwort wurde nicht innerhalb von {days} Tagen abgeholt. / The reply was not picked up within {days} days."),
    )
}
