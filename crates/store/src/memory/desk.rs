//! The operator's desk, in memory.

use amtsbote_model::SubmissionId;
use amtsbote_model::delivery::Delivery;

use super::{MemoryDeliveries, locked};
use crate::{AnswerMove, AnswerRow, DeliveryRow, Desk, Error, Intervention, Reply, Swapped};

fn bound(max: u32) -> usize {
    usize::try_from(max).unwrap_or(usize::MAX)
}

impl Desk for MemoryDeliveries {
    fn open_deliveries(&self, max: u32) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        Box::pin(async move {
            let rows = locked(&self.rows);
            let open = rows.values().filter(|row| match row.delivery {
                Delivery::Waiting { .. }
                | Delivery::Leased { .. }
                | Delivery::Decided { .. }
                | Delivery::Parked { .. } => true,
                Delivery::Done { .. } => false,
            });
            let mut open: Vec<_> = open.collect();
            open.sort_by_key(|row| (row.noted_at, row.submission_id));
            Ok(open.into_iter().take(bound(max)).cloned().collect())
        })
    }

    fn stuck_answers(&self, max: u32) -> Reply<'_, Result<Vec<AnswerRow>, Error>> {
        Box::pin(async move {
            let ways = locked(&self.ways);
            Ok(ways.stuck().take(bound(max)).cloned().collect())
        })
    }

    fn change_delivery(
        &self,
        revision: u64,
        delivery: Delivery,
        note: Intervention,
    ) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(async move {
            let mut notes = locked(&self.interventions);
            let swapped = self.swap_now(note.submission_id, revision, delivery);
            if swapped == Swapped::Done {
                notes.push(note);
            }
            Ok(swapped)
        })
    }

    fn change_answer(
        &self,
        revision: u64,
        to: AnswerMove,
        note: Intervention,
    ) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(async move {
            let mut notes = locked(&self.interventions);
            let Some(key) = &note.answer else {
                return Ok(Swapped::Stale);
            };
            let moved = locked(&self.ways).move_to(key, revision, to);
            if moved == Swapped::Done {
                notes.push(note);
            }
            Ok(moved)
        })
    }

    fn interventions(
        &self,
        of: Option<SubmissionId>,
        max: u32,
    ) -> Reply<'_, Result<Vec<Intervention>, Error>> {
        Box::pin(async move {
            let notes = locked(&self.interventions);
            let meant = |note: &&Intervention| of.is_none_or(|id| note.submission_id == id);
            let found = notes.iter().rev().filter(meant);
            Ok(found.take(bound(max)).cloned().collect())
        })
    }
}
