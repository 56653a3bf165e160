//! Reminders: the subscriber is told by mail of what waits too long, once per reminder, one mail per destination and round.
//!
//! The mail is posted in the transaction that counts the reminder: neither is there without the other. Whoever dies between
//! reading and committing has done nothing.

use std::collections::BTreeMap;

use amtsbote_model::{DestinationId, MailAddress};
use amtsbote_store::{
    Batch, Committed, Error, Mail, MailId, Page, SubmissionFilter, SubmissionRef, Upkeep,
};

use super::letter::{Reminder, Waiting};
use super::{Deadlines, Mails, Round, before};

/// What waits at a destination, and which reminder each is due for.
type Due = BTreeMap<DestinationId, Vec<(SubmissionRef, u32)>>;

impl Deadlines {
    pub(super) async fn remind(&self, round: &mut Round) -> Result<(), Error> {
        for (destination_id, due) in self.unreminded().await? {
            let count = u64::try_from(due.len()).unwrap_or(u64::MAX);
            match self.remind_of(destination_id, &due).await? {
                Committed::Done => {
                    amtsbote_names::fail_point!(ReminderPosted);
                    round.reminded += count;
                }
                // One of them has moved meanwhile: the others are listed again in the next round.
                Committed::Refused(_) => round.left += count,
            }
        }
        Ok(())
    }

    async fn unreminded(&self) -> Result<Due, Error> {
        let now = self.context.now();
        let mut found = Due::new();
        let mut room = self.retention.per_round;
        for (nth, after) in self.retention.reminders() {
            for reminded in 0..nth {
                let filter = SubmissionFilter::Unreminded {
                    reminded,
                    before: before(now, after),
                };
                let page = Page {
                    offset: 0,
                    limit: room,
                };
                let listed = self.context.store().submissions(&filter, page).await?;
                for entry in listed.entries {
                    let due = found.entry(entry.destination_id).or_default();
                    // What is due for both gets the later one.
                    if due.iter().all(|(other, _)| other.id != entry.id) {
                        due.push((entry, nth));
                        room = room.saturating_sub(1);
                    }
                }
            }
        }
        Ok(found)
    }

    async fn remind_of(
        &self,
        destination_id: DestinationId,
        due: &[(SubmissionRef, u32)],
    ) -> Result<Committed, Error> {
        let mut batch = Batch::new();
        for (entry, nth) in due {
            let remind = Upkeep::Remind {
                submission_id: entry.id,
                nth: *nth,
            };
            batch = batch.with(remind.into());
        }
        // Counted also when there is nobody to write to, or the log would say it every minute.
        if let Some(to) = self.addressee(destination_id, due.len()).await? {
            let mail = self.mail(destination_id, to, due).await?;
            batch = batch.with(Upkeep::Post(mail).into());
        }
        self.context.store().commit(batch).await
    }

    /// Whom to write to. If that is nobody, the log is told.
    async fn addressee(
        &self,
        id: DestinationId,
        count: usize,
    ) -> Result<Option<MailAddress>, Error> {
        let nobody = |why: &str| {
            tracing::warn!(destination.id = %id, "{count} submissions wait too long at {id} and nobody is told: {why}");
        };
        if self.mails == Mails::LogOnly {
            nobody("[gateway.mail] is not set");
            return Ok(None);
        }
        let destination = self.context.store().destination(id).await?;
        let Some(email) = destination.and_then(|destination| destination.contact.email) else {
            nobody("the destination's contact has no mail address");
            return Ok(None);
        };
        let address = email.trim().parse().ok();
        if address.is_none() {
            nobody("the mail address of the destination's contact is not of the plain form");
        }
        Ok(address)
    }

    async fn mail(
        &self,
        destination_id: DestinationId,
        to: MailAddress,
        due: &[(SubmissionRef, u32)],
    ) -> Result<Mail, Error> {
        let mut waiting = Vec::new();
        for (entry, _) in due {
            let Some(submission) = self.context.store().submission(entry.id).await? else {
                continue;
            };
            let submitted_at = submission.submitted_at.unwrap_or(submission.created_at);
            waiting.push(Waiting {
                id: entry.id,
                case_id: entry.case_id,
                service: submission.service,
                submitted_at,
                rejected_at: submitted_at.plus(self.retention.unanswered),
            });
        }
        waiting.sort_by_key(|waiting| (waiting.submitted_at, waiting.id));
        let reminder = Reminder {
            destination_id,
            waiting: &waiting,
            submission_api: &self.context.addresses().submission_api(),
        };
        let now = self.context.now();
        Ok(Mail {
            id: MailId(self.context.new_event_id()),
            destination_id,
            to,
            subject: reminder.subject(),
            text: reminder.text(),
            made_at: now,
            tries: 0,
            due_at: now,
        })
    }
}
