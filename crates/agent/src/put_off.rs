//! After an outage: what it had put off need not wait for its next try.
//!
//! Each failed try waits longer than the one before, up to a quarter of an hour. When the side answers again, its deliveries
//! are due at once; how many of them begin together is the circuit's to say, which begins with one.
//! What failed for another reason keeps its time.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use amtsbote_model::delivery::{Cause, Event};
use amtsbote_store::DeliveryRow;
use tokio::sync::Notify;

use crate::circuit::Side;
use crate::work::{Inner, log_store};

/// Sides that answer again.
#[derive(Default)]
pub(crate) struct Returned {
    sides: Mutex<BTreeSet<Side>>,
    news: Notify,
}

impl Returned {
    pub(crate) fn put(&self, side: Side) {
        let mut sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        sides.insert(side);
        self.news.notify_one();
    }

    fn take(&self) -> BTreeSet<Side> {
        let mut sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *sides)
    }
}

const fn put_off_by(side: Side) -> Cause {
    match side {
        Side::Service => Cause::ServiceUnavailable,
        Side::Procedure(_) => Cause::ProcedureUnavailable,
    }
}

impl Inner {
    /// For ever.
    pub(crate) async fn bring_forward(&self) {
        loop {
            self.returned.news.notified().await;
            for side in self.returned.take() {
                self.bring_forward_of(side).await;
            }
        }
    }

    /// Each is a write of its own: whoever dies in between leaves some to wait as long as they would have.
    async fn bring_forward_of(&self, side: Side) {
        let here = self.parts.destinations.iter().filter(|served| match side {
            Side::Service => true,
            Side::Procedure(id) => id == served.id,
        });
        let mut moved = 0;
        for served in here {
            let mut rows = self.postponed(served.id).await;
            let is_meant = |row: &DeliveryRow| {
                let trouble = row.delivery.trouble();
                trouble.is_some_and(|trouble| trouble.cause == put_off_by(side))
            };
            rows.retain(is_meant);
            moved += rows.len();
            self.move_all(&rows, &Event::Retried).await;
        }
        if moved > 0 {
            tracing::info!("{moved} deliveries that were put off are due again");
            self.news.notify_one();
        }
    }

    async fn postponed(&self, id: amtsbote_model::DestinationId) -> Vec<DeliveryRow> {
        let now = self.parts.clock.now();
        let rows = self.parts.deliveries.postponed(id, now, u32::MAX).await;
        rows.unwrap_or_else(|error| {
            log_store(&error);
            Vec::new()
        })
    }
}
