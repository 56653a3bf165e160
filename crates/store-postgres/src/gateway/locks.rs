//! What must be locked for a group of batches, in one order everywhere.

use std::collections::{BTreeMap, BTreeSet};

use amtsbote_model::{Destination, DestinationId, Subject};
use amtsbote_store::{Batch, Change, Upkeep};
use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::destinations;
use crate::fault::Fault;

/// The rows a group decides on.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    looked_at: BTreeSet<Uuid>,
    changed: BTreeSet<Uuid>,
    cases: BTreeSet<Uuid>,
    submissions: BTreeSet<Uuid>,
    replies: BTreeSet<Uuid>,
}

impl Locks {
    pub(crate) fn of(batches: &[Batch]) -> Self {
        let mut locks = Self::default();
        for change in batches.iter().flat_map(|batch| &batch.0) {
            locks.add(change);
        }
        locks
    }

    fn add(&mut self, change: &Change) {
        match change {
            Change::Announce(submission) => {
                self.looked_at.insert(submission.destination_id.uuid());
                self.cases.insert(submission.case_id.uuid());
            }
            Change::AnnounceReply(reply) => {
                self.cases.insert(reply.case_id.uuid());
            }
            Change::Append(event) => {
                self.cases.insert(event.case_id.uuid());
            }
            Change::Attach { subject, .. }
            | Change::Fill { subject, .. }
            | Change::Move { subject, .. }
            | Change::ExpectAttachments { subject, .. }
            | Change::Erase { subject } => self.add_subject(*subject),
            Change::PutDestination { destination, .. } => {
                self.changed.insert(destination.id.uuid());
            }
            Change::DropDestination(id) => {
                self.changed.insert(id.uuid());
            }
            Change::Upkeep(Upkeep::Remind { submission_id, .. }) => {
                self.submissions.insert(submission_id.uuid());
            }
            Change::Upkeep(Upkeep::DropCase { id, .. }) => {
                self.cases.insert(id.uuid());
            }
            // One statement each, which locks what it writes.
            Change::OpenCase(_)
            | Change::PutKey { .. }
            | Change::Remember(_)
            | Change::Enqueue(_)
            | Change::Postpone { .. }
            | Change::Dequeue(_)
            | Change::Upkeep(
                Upkeep::Post(_)
                | Upkeep::PostponeMail { .. }
                | Upkeep::DropMail(_)
                | Upkeep::Forget { .. }
                | Upkeep::Round { .. },
            ) => {}
        }
    }

    fn add_subject(&mut self, subject: Subject) {
        match subject {
            Subject::Submission(id) => self.submissions.insert(id.uuid()),
            Subject::Reply(id) => self.replies.insert(id.uuid()),
        };
    }

    /// Takes them, in one order everywhere.
    pub(crate) async fn take(&self, client: &ClientWrapper) -> Result<(), Fault> {
        let destinations: BTreeSet<_> = self.looked_at.union(&self.changed).copied().collect();
        let destinations_sql = if self.changed.is_empty() {
            "SELECT 1 FROM destinations WHERE id = ANY ($1) ORDER BY id FOR SHARE"
        } else {
            "SELECT 1 FROM destinations WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE"
        };
        for (sql, ids) in [
            (destinations_sql, &destinations),
            (
                "SELECT 1 FROM cases WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
                &self.cases,
            ),
            (
                "SELECT 1 FROM submissions WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
                &self.submissions,
            ),
            (
                "SELECT 1 FROM replies WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
                &self.replies,
            ),
        ] {
            if !ids.is_empty() {
                let ids: Vec<Uuid> = ids.iter().copied().collect();
                let statement = client.prepare_cached(sql).await?;
                client.query(&statement, &[&ids]).await?;
            }
        }
        Ok(())
    }

    /// The destinations that are to be changed, as they are.
    pub(crate) async fn destinations(&self, client: &ClientWrapper) -> Result<Known, Fault> {
        let mut known = Known::new();
        for id in &self.changed {
            let id = DestinationId::from_uuid(*id);
            if let Some(destination) = destinations::find(client, id).await? {
                known.insert(id, destination);
            }
        }
        Ok(known)
    }
}

/// Destinations as the changes before have left them.
pub(crate) type Known = BTreeMap<DestinationId, Destination>;
