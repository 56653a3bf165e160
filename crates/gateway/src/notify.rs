//! `notify-submission` and `notify-reply` of type `polling`: the log says that the receiver has seen it in its list.
//!
//! Recorded after the list was answered, so that it can neither fail nor slow it; whatever goes wrong, or is left when the process
//! ends, is tried again with the next list. The event's id follows from the submission or reply, so the store keeps it single across repeats and processes.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amtsbote_fit_connect::event::{NotifyType, Payload};
use amtsbote_model::Subject;
use amtsbote_model::submission::Event as Step;
use amtsbote_store::{
    Batch, Change, Committed, Conflict, LogOf, Notice, Page, ReplyRef, SubmissionRef,
};

use crate::Context;
use crate::answer::Refused;
use crate::callbacks::{event_notice, reply_event_notice_to_sender};
use crate::events::{notify_event_id, reply_event, service_event};

/// Known to be noted; more than this and the memory starts anew (which costs one signature each).
const NOTED_MAX: usize = 100_000;

/// Remembers what was recorded, so that repeated lists cost nothing.
#[derive(Default)]
pub(crate) struct Noted(Mutex<HashSet<Subject>>);

impl Noted {
    fn set(&self) -> MutexGuard<'_, HashSet<Subject>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of `listed` that are not in yet; they count as in from now on.
    fn take_new<T: Copy>(&self, listed: &[T], subject: impl Fn(&T) -> Subject) -> Vec<T> {
        let mut set = self.set();
        if set.len() + listed.len() > NOTED_MAX {
            set.clear();
        }
        listed
            .iter()
            .filter(|entry| set.insert(subject(entry)))
            .copied()
            .collect()
    }

    fn forget(&self, subject: Subject) {
        self.set().remove(&subject);
    }
}

/// Records, in the background, that the subscriber has seen these.
pub(crate) fn note_listed(context: &Context, listed: &[SubmissionRef]) {
    let new = context.noted().take_new(listed, |entry| entry.id.into());
    if new.is_empty() {
        return;
    }
    let owned = context.clone();
    context.background().spawn(async move {
        for entry in new {
            // Nobody waits at the end for thousands of these: what is left is noted with the next list.
            if owned.is_stopping() || note(&owned, entry).await.is_err() {
                owned.noted().forget(entry.id.into());
            }
        }
    });
}

/// Records, in the background, that their receiver has seen these.
pub(crate) fn note_replies_listed(context: &Context, listed: &[ReplyRef]) {
    let new = context.noted().take_new(listed, |entry| entry.id.into());
    if new.is_empty() {
        return;
    }
    let owned = context.clone();
    context.background().spawn(async move {
        for entry in new {
            // Nobody waits at the end for thousands of these: what is left is noted with the next list.
            if owned.is_stopping() || note_reply(&owned, entry).await.is_err() {
                owned.noted().forget(entry.id.into());
            }
        }
    });
}

/// Created, submitted, told by callback, noted: it is among these, or the store refuses it once more.
const FIRST: Page = Page {
    offset: 0,
    limit: 8,
};
const POLLED: Payload = Payload::Notify(NotifyType::Polling);

async fn note(context: &Context, entry: SubmissionRef) -> Result<(), Refused> {
    if is_noted(context, entry.id.into()).await? {
        return Ok(());
    }
    let now = context.now();
    let Some(submission) = context.store().submission(entry.id).await? else {
        return Ok(());
    };
    let event = service_event(context, entry, Step::Notify, POLLED, now).await?;
    let notice = event_notice(context, &submission);
    record(context, event, notice).await
}

async fn note_reply(context: &Context, entry: ReplyRef) -> Result<(), Refused> {
    if is_noted(context, entry.id.into()).await? {
        return Ok(());
    }
    let now = context.now();
    let Some(reply) = context.store().reply(entry.id).await? else {
        return Ok(());
    };
    let event = reply_event(context, entry, Step::Notify, POLLED, now).await?;
    let notice = reply_event_notice_to_sender(context, &reply).await?;
    record(context, event, notice).await
}

/// Whether an earlier process or another one has done it: looking costs less than a signature and a write that is refused.
async fn is_noted(context: &Context, subject: Subject) -> Result<bool, Refused> {
    let id = notify_event_id(subject, NotifyType::Polling);
    let log = context
        .store()
        .events(LogOf::Subject(subject), FIRST)
        .await?;
    Ok(log.entries.iter().any(|event| event.id == id))
}

/// One batch: dying before it leaves nothing, and the next list tries again.
async fn record(
    context: &Context,
    event: amtsbote_store::Event,
    notice: Option<Notice>,
) -> Result<(), Refused> {
    let batch = Batch::new().with(Change::Append(event));
    let batch = match notice {
        Some(notice) => batch.with(Change::Enqueue(notice)),
        None => batch,
    };
    match context.store().commit(batch).await? {
        Committed::Done | Committed::Refused(Conflict::Exists) => Ok(()),
        Committed::Refused(conflict) => Err(crate::answer::unexpected(conflict)),
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_model::{CaseId, DestinationId, SubmissionId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_submission_is_new_once() {
        let noted = Noted::default();
        let listed = [SubmissionRef {
            id: SubmissionId::from_uuid(Uuid::from_u128(1)),
            case_id: CaseId::from_uuid(Uuid::from_u128(2)),
            destination_id: DestinationId::from_uuid(Uuid::from_u128(3)),
        }];
        let new = || noted.take_new(&listed, |entry| entry.id.into());
        assert_eq!(new(), listed);
        assert_eq!(new(), []);
        noted.forget(listed[0].id.into());
        assert_eq!(new(), listed);
    }
}
