//! What was on the service's list at the last look: which ids are noted already, and which destinations have submissions
//! that stay there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::{DestinationId, SubmissionId};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// What is listed for so long stays.
const STAYS: Duration = Duration::from_secs(2);
/// Verdicts told within this cause one look.
const TOGETHER: Duration = Duration::from_millis(50);

/// As of the last whole look.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    seen: Mutex<Seen>,
    looked: Notify,
    told: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    /// In our state already.
    noted: BTreeSet<SubmissionId>,
    /// On the list, and since which look.
    listed: BTreeMap<SubmissionId, Instant>,
    /// On the list for longer than a hand-over takes that works.
    stays_at: BTreeSet<DestinationId>,
}

impl Backlog {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_noted(&self, id: SubmissionId) -> bool {
        self.seen().noted.contains(&id)
    }

    pub(crate) fn noted(&self, ids: impl IntoIterator<Item = SubmissionId>) {
        self.seen().noted.extend(ids);
    }

    /// All that a look has found. Bounded by the list: what is no longer there is forgotten.
    pub(crate) fn looked(&self, listed: &[SubmissionRef]) {
        let now = Instant::now();
        let mut seen = self.seen();
        let mut since = BTreeMap::new();
        for ids in listed {
            let id = ids.submission_id;
            since.insert(id, seen.listed.get(&id).copied().unwrap_or(now));
        }
        seen.listed = since;
        let staying = listed
            .iter()
            .filter(|ids| now.duration_since(seen.listed[&ids.submission_id]) >= STAYS);
        seen.stays_at = staying.map(|ids| ids.destination_id).collect();
        let Seen { noted, listed, .. } = &mut *seen;
        noted.retain(|id| listed.contains_key(id));
        drop(seen);
        self.looked.notify_waiters();
    }

    /// Whether the list of all is never empty because of others, so that this one has to be asked for apart.
    pub(crate) fn hides(&self, id: DestinationId) -> bool {
        let stays_at = &self.seen().stays_at;
        !stays_at.is_empty() && !stays_at.contains(&id)
    }

    /// A verdict was told: something has left the list.
    pub(crate) fn told(&self) {
        self.told.notify_waiters();
    }

    /// Until there is less on the list, and it may be empty, or until the pause is over. A few that are told of in a row are one.
    pub(crate) async fn less(&self, pause: Duration) {
        let less = async {
            self.told.notified().await;
            sleep(TOGETHER).await;
        };
        drop(timeout(pause, less).await);
    }

    /// The next look at the list.
    pub(crate) async fn next_look(&self) {
        self.looked.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amtsbote_model::CaseId;
    use uuid::Uuid;

    fn ids(destination: u128, number: u128) -> SubmissionRef {
        SubmissionRef {
            destination_id: DestinationId::from_uuid(Uuid::from_u128(destination)),
            submission_id: SubmissionId::from_uuid(Uuid::from_u128(number)),
            case_id: CaseId::from_uuid(Uuid::from_u128(number)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_at_one_destination_hides_the_others() {
        let backlog = Backlog::default();
        let (dead, living) = (ids(1, 1), ids(2, 7));
        let hidden = || [dead, living].map(|one| backlog.hides(one.destination_id));
        backlog.looked(&[dead]);
        assert_eq!(hidden(), [false, false]);
        sleep(STAYS).await;
        // What passes does not count.
        backlog.looked(&[dead, living]);
        assert_eq!(hidden(), [false, true]);
        sleep(STAYS).await;
        backlog.looked(&[dead, living]);
        assert_eq!(hidden(), [false, false]);
        backlog.looked(&[]);
        assert_eq!(hidden(), [false, false]);
    }

    #[tokio::test]
    async fn what_left_the_list_is_forgotten() {
        let backlog = Backlog::default();
        let (one, other) = (ids(1, 1), ids(1, 2));
        backlog.noted([one.submission_id, other.submission_id]);
        backlog.looked(&[other]);
        assert!(!backlog.is_noted(one.submission_id) && backlog.is_noted(other.submission_id));
    }
}
