//! Deliveries in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{SubmissionId, Timestamp};

use super::locked;
use crate::{Deliveries, DeliveryRow, Error, NewDelivery, Reply, Swapped};

/// The agent's deliveries, in memory.
#[derive(Debug, Default)]
pub struct MemoryDeliveries {
    pub(super) rows: Mutex<BTreeMap<SubmissionId, (Timestamp, DeliveryRow)>>,
    pub(super) ways: Mutex<super::ways_back::Ways>,
    pub(super) interventions: Mutex<Vec<crate::Intervention>>,
}

impl MemoryDeliveries {
    /// No deliveries.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn swap_now(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Swapped {
        let mut rows = locked(&self.rows);
        let row = rows
            .get_mut(&submission_id)
            .filter(|(_, row)| row.revision == revision);
        match row {
            Some((_, row)) => {
                row.revision += 1;
                row.delivery = delivery;
                Swapped::Done
            }
            None => Swapped::Stale,
        }
    }

    fn sorted(
        &self,
        max: u32,
        key: impl Fn(Timestamp, &DeliveryRow) -> Option<Timestamp>,
    ) -> Vec<DeliveryRow> {
        let rows = locked(&self.rows);
        let mut found: Vec<_> = rows
            .values()
            .filter_map(|(noted_at, row)| Some((key(*noted_at, row)?, row)))
            .collect();
        found.sort_by_key(|(at, row)| (*at, row.submission_id));
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        found
            .into_iter()
            .take(max)
            .map(|(_, row)| row.clone())
            .collect()
    }
}

impl Deliveries for MemoryDeliveries {
    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            let mut rows = locked(&self.rows);
            for new in new {
                let row = DeliveryRow {
                    submission_id: new.submission_id,
                    case_id: new.case_id,
                    destination_id: new.destination_id,
                    delivery: Delivery::due(new.at),
                    revision: 1,
                };
                rows.entry(new.submission_id).or_insert((new.at, row));
            }
            Ok(())
        })
    }

    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        Box::pin(async move {
            Ok(self.sorted(max, |_, row| row.delivery.due_at().filter(|at| *at <= now)))
        })
    }

    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(async move { Ok(self.swap_now(submission_id, revision, delivery)) })
    }

    fn find(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        Box::pin(async move {
            let rows = locked(&self.rows);
            Ok(rows.get(&submission_id).map(|(_, row)| row.clone()))
        })
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        Box::pin(async move {
            Ok(self.sorted(max, |noted_at, row| {
                (row.delivery.name() == name).then_some(noted_at)
            }))
        })
    }
}
