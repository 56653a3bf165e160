//! What is claimed: what is due, as far as there are slots, and what each destination may get of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use amtsbote_model::Timestamp;
use amtsbote_model::delivery::{Circumstances, Delivery, Event};
use amtsbote_store::{Claim, Share};
use tokio::task::JoinSet;

use super::{Inner, log_store};
use crate::Served;
use crate::circuit::Side;
use crate::delivery::log_parked;

/// Deliveries at a time with which a worker has died before: one that kills shows itself, and takes few along.
const SUSPECTS_MAX: u32 = 1;
/// Longest pause between looks at a store that fails.
const STORE_PAUSE_MAX: Duration = Duration::from_secs(5);

impl Inner {
    /// Claims and starts what is due at `now`, as far as there are slots; waits for none. How many were started.
    pub(super) async fn start_due(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        now: Timestamp,
    ) -> usize {
        let slots = u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX);
        let in_hand = u32::try_from(self.hands.all().len()).unwrap_or(u32::MAX);
        let max = slots.min(self.circuits.room(Side::Service, in_hand, now));
        if max == 0 {
            return 0;
        }
        let suspects = if self.hands.has_suspect() {
            0
        } else {
            SUSPECTS_MAX
        };
        let claim = Claim {
            lease: self.lease(),
            max,
            suspects,
            shares: self.shares(max, now),
            around: Circumstances {
                now,
                ..self.around()
            },
        };
        let ours_until = self.ours_until();
        let claimed = match self.parts.deliveries.claim(claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                self.failed_looks.fetch_add(1, Ordering::Relaxed);
                log_store(&error);
                return 0;
            }
        };
        self.failed_looks.store(0, Ordering::Relaxed);
        claimed.parked.iter().for_each(log_parked);
        if !claimed.rows.is_empty() {
            amtsbote_names::fail_point!(DeliveriesClaimed);
        }
        let mut started = 0;
        for row in claimed.rows {
            self.circuits.begun(Side::Service, now);
            if let Delivery::Leased { .. } = row.delivery {
                let side = Side::Procedure(row.destination_id);
                self.circuits.begun(side, now);
            }
            let Ok(slot) = self.slots.clone().try_acquire_owned() else {
                self.advance(&row, Event::Returned).await;
                continue;
            };
            // One that is in hand from before its lease ended is taken over by nobody: it goes on when this lease ends.
            if let Some(in_hand) = self.hands.take(&row, ours_until) {
                tasks.spawn(self.clone().work_on(in_hand, row, slot));
                started += 1;
            }
        }
        started
    }

    /// What each destination may get now. Where several are served, none takes more than half of the slots: a procedure
    /// that does not answer must not hold up the others. They take turns at being first.
    fn shares(&self, max: u32, now: Timestamp) -> Vec<Share> {
        let served = &self.parts.destinations;
        let concurrency = u32::try_from(self.parts.policy.concurrency).unwrap_or(u32::MAX);
        let most = if served.len() < 2 {
            concurrency.max(1)
        } else {
            concurrency.div_ceil(2).max(1)
        };
        let (in_hand, hand_overs) = (self.hands.by_destination(), self.hands.hand_overs());
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % served.len().max(1);
        let in_turn = served.iter().cycle().skip(first).take(served.len());
        let share = |served: &Served| {
            let here = in_hand.get(&served.id).copied().unwrap_or_default();
            let room = most.saturating_sub(here).min(max);
            // Also those whose lease has ended while the store was away count: they go on, where nobody else can take them over.
            let handing_over = hand_overs.get(&served.id).copied().unwrap_or_default();
            let limit = served.pace.limit.max(1);
            let circuit = self.circuits.room(Side::Procedure(served.id), here, now);
            Share {
                destination_id: served.id,
                limit,
                hand_overs: room.min(circuit).min(limit.saturating_sub(handing_over)),
                posts: room,
                order: served.pace.order,
                rate: served.pace.rate,
            }
        };
        in_turn.map(share).collect()
    }

    /// Longer while the store fails: it has enough to do when it comes back.
    pub(super) fn look_pause(&self) -> Duration {
        let failed = self.failed_looks.load(Ordering::Relaxed);
        let pause = self.parts.policy.pause;
        let longer = pause.saturating_mul(1 << failed.saturating_sub(1).min(8));
        longer.min(STORE_PAUSE_MAX.max(pause))
    }
}
