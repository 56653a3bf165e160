//! `notify-submission` of type `polling`: the log says that the subscriber has seen a submission in its list.
//!
//! Recorded after the list was answered, so that it can neither fail nor slow it; whatever goes wrong is tried again with the
//! next list. The event's id follows from the submission, so the store keeps it single across repeats and processes.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amtsbote_fit_connect::event::{NotifyType, Payload};
use amtsbote_model::SubmissionId;
use amtsbote_model::submission::Event as Step;
use amtsbote_store::{Batch, Change, Committed, Conflict, SubmissionRef};

use crate::Context;
use crate::answer::Refused;
use crate::callbacks::event_notice;
use crate::events::service_event;

/// Submissions known to be noted; more than this and the memory starts anew (which costs one signature each).
const NOTED_MAX: usize = 100_000;

/// Remembers what was recorded, so that repeated lists cost nothing.
#[derive(Default)]
pub(crate) struct Noted(Mutex<HashSet<SubmissionId>>);

impl Noted {
    fn set(&self) -> MutexGuard<'_, HashSet<SubmissionId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of `listed` that are not in yet; they count as in from now on.
    fn take_new(&self, listed: &[SubmissionRef]) -> Vec<SubmissionRef> {
        let mut set = self.set();
        if set.len() + listed.len() > NOTED_MAX {
            set.clear();
        }
        listed
            .iter()
            .filter(|entry| set.insert(entry.id))
            .copied()
            .collect()
    }

    fn forget(&self, id: SubmissionId) {
        self.set().remove(&id);
    }
}

/// Records, in the background, that the subscriber has seen these.
pub(crate) fn note_listed(context: &Context, listed: &[SubmissionRef]) {
    let new = context.noted().take_new(listed);
    if new.is_empty() {
        return;
    }
    let owned = context.clone();
    context.background().spawn(async move {
        for entry in new {
            if note(&owned, entry).await.is_err() {
                owned.noted().forget(entry.id);
            }
        }
    });
}

async fn note(context: &Context, entry: SubmissionRef) -> Result<(), Refused> {
    let now = context.now();
    let Some(submission) = context.store().submission(entry.id).await? else {
        return Ok(());
    };
    let event = service_event(
        context,
        entry,
        Step::Notify,
        Payload::Notify(NotifyType::Polling),
        now,
    )
    .await?;
    let mut batch = Batch::new().with(Change::Append(event));
    if let Some(notice) = event_notice(context, &submission) {
        batch = batch.with(Change::Enqueue(notice));
    }
    match context.store().commit(batch).await? {
        Committed::Done | Committed::Refused(Conflict::Exists) => Ok(()),
        Committed::Refused(conflict) => Err(crate::answer::unexpected(conflict)),
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_model::{CaseId, DestinationId};
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
        assert_eq!(noted.take_new(&listed), listed);
        assert_eq!(noted.take_new(&listed), []);
        noted.forget(listed[0].id);
        assert_eq!(noted.take_new(&listed), listed);
    }
}
