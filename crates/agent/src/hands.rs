//! What this process holds: which deliveries, of which destinations, and the word that one was taken over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{DestinationId, SubmissionId};
use amtsbote_store::DeliveryRow;
use tokio::sync::Notify;
use tokio::time::Instant;

/// All that is in hand.
#[derive(Default)]
pub(crate) struct Hands(Mutex<BTreeMap<SubmissionId, Held>>);

/// One delivery in hand.
#[derive(Clone)]
struct Held {
    destination: DestinationId,
    is_suspect: bool,
    is_hand_over: bool,
    /// Not beyond this: others may take it over then.
    until: Instant,
    lost: Arc<Notify>,
}

/// A delivery that this process works on; given back when dropped, also by a panic.
pub(crate) struct InHand {
    hands: Arc<Hands>,
    pub(crate) id: SubmissionId,
    /// Told when another worker has taken over.
    pub(crate) lost: Arc<Notify>,
}

impl Hands {
    fn held(&self) -> MutexGuard<'_, BTreeMap<SubmissionId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it is in hand already, from before its lease ended.
    pub(crate) fn take(self: &Arc<Self>, row: &DeliveryRow, until: Instant) -> Option<InHand> {
        let id = row.submission_id;
        let mut held = self.held();
        if held.contains_key(&id) {
            return None;
        }
        let lost = Arc::new(Notify::new());
        let one = Held {
            destination: row.destination_id,
            is_suspect: row.delivery.is_suspect(),
            is_hand_over: matches!(row.delivery, Delivery::Leased { .. }),
            until,
            lost: lost.clone(),
        };
        held.insert(id, one);
        drop(held);
        let hands = self.clone();
        Some(InHand { hands, id, lost })
    }

    /// How many there are of each destination.
    pub(crate) fn by_destination(&self) -> BTreeMap<DestinationId, u32> {
        let mut counts = BTreeMap::new();
        for held in self.held().values() {
            *counts.entry(held.destination).or_default() += 1;
        }
        counts
    }

    /// How many of them are hand-overs, of each destination.
    pub(crate) fn hand_overs(&self) -> BTreeMap<DestinationId, u32> {
        let mut counts = BTreeMap::new();
        for held in self.held().values().filter(|held| held.is_hand_over) {
            *counts.entry(held.destination).or_default() += 1;
        }
        counts
    }

    /// It was handed over or refused; only the verdict is left to be told.
    pub(crate) fn decided(&self, id: SubmissionId) {
        if let Some(held) = self.held().get_mut(&id) {
            held.is_hand_over = false;
        }
    }

    /// Whether one of them killed a worker before.
    pub(crate) fn has_suspect(&self) -> bool {
        self.held().values().any(|held| held.is_suspect)
    }

    /// Those leases are ours until then.
    pub(crate) fn renewed(&self, ids: &[SubmissionId], until: Instant) {
        let mut held = self.held();
        for id in ids {
            if let Some(held) = held.get_mut(id) {
                held.until = until;
            }
        }
    }

    /// Tells the tasks of those that are no longer ours.
    pub(crate) fn lose(&self, ids: &[SubmissionId]) {
        let held = self.held();
        for held in ids.iter().filter_map(|id| held.get(id)) {
            held.lost.notify_one();
        }
    }

    /// Those whose lease was not renewed in time.
    pub(crate) fn ended(&self, now: Instant) -> Vec<SubmissionId> {
        let held = self.held();
        let ended = held.iter().filter(|(_, held)| held.until <= now);
        ended.map(|(id, _)| *id).collect()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<SubmissionId> {
        self.held().keys().copied().collect()
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.hands.held().remove(&self.id);
    }
}
