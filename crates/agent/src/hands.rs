//! What this process holds: which deliveries, of which destinations, and the word that one was taken over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amtsbote_model::{DestinationId, SubmissionId};
use amtsbote_store::DeliveryRow;
use tokio::sync::Notify;

/// All that is in hand.
#[derive(Default)]
pub(crate) struct Hands(Mutex<HashMap<SubmissionId, Held>>);

/// One delivery in hand.
#[derive(Clone)]
struct Held {
    destination: DestinationId,
    is_suspect: bool,
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
    fn held(&self) -> MutexGuard<'_, HashMap<SubmissionId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it is in hand already, from before its lease ended.
    pub(crate) fn take(self: &Arc<Self>, row: &DeliveryRow) -> Option<InHand> {
        let id = row.submission_id;
        let mut held = self.held();
        if held.contains_key(&id) {
            return None;
        }
        let lost = Arc::new(Notify::new());
        let one = Held {
            destination: row.destination_id,
            is_suspect: row.delivery.is_suspect(),
            lost: lost.clone(),
        };
        held.insert(id, one);
        drop(held);
        let hands = self.clone();
        Some(InHand { hands, id, lost })
    }

    /// How many there are of each destination.
    pub(crate) fn by_destination(&self) -> HashMap<DestinationId, u32> {
        let mut counts = HashMap::new();
        for held in self.held().values() {
            *counts.entry(held.destination).or_default() += 1;
        }
        counts
    }

    /// Whether one of them killed a worker before.
    pub(crate) fn has_suspect(&self) -> bool {
        self.held().values().any(|held| held.is_suspect)
    }

    /// All of them, each with how to tell its task that it was taken over.
    pub(crate) fn all(&self) -> Vec<(SubmissionId, Arc<Notify>)> {
        let held = self.held();
        let all = held.iter().map(|(id, held)| (*id, held.lost.clone()));
        all.collect()
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.hands.held().remove(&self.id);
    }
}
