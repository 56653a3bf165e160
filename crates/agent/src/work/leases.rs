//! How long a delivery is ours: leases are renewed while it is in hand, and let go of in time.

use std::time::Duration;

use amtsbote_model::delivery::{Event, Lease};
use amtsbote_store::Sharing;
use tokio::time::Instant;

use super::{Inner, log_store};

/// How often it is looked whether a lease has ended.
const LET_GO_LOOK: Duration = Duration::from_millis(200);
/// Clocks of machines that share a store may differ by so much: so long before the end of a lease its holder lets go.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(1);

impl Inner {
    /// Renews the leases of all that is in hand, for ever. Who sleeps over it is taken over.
    pub(super) async fn renew(&self) {
        tokio::join!(self.ask_for_more_time(), self.let_go());
    }

    async fn ask_for_more_time(&self) {
        loop {
            tokio::time::sleep(self.parts.policy.renew).await;
            let held = self.hands.all();
            if held.is_empty() {
                continue;
            }
            // Before the call: it may take its time.
            let (until, ours_until) = (self.lease().until, self.ours_until());
            match self
                .parts
                .deliveries
                .renew(self.worker, held.clone(), until)
                .await
            {
                Ok(lost) => {
                    let kept: Vec<_> = held.into_iter().filter(|id| !lost.contains(id)).collect();
                    self.hands.renewed(&kept, ours_until);
                    self.hands.lose(&lost);
                }
                Err(error) => log_store(&error),
            }
        }
    }

    /// A lease that could not be renewed ends, whatever the store would say: others may go on already, so we must not. Not where
    /// there are no others.
    async fn let_go(&self) {
        match self.parts.deliveries.sharing() {
            Sharing::Sole => return std::future::pending().await,
            Sharing::Shared => {}
        }
        loop {
            let ended = self.hands.ended(Instant::now());
            self.hands.lose(&ended);
            tokio::time::sleep(LET_GO_LOOK).await;
        }
    }

    /// Whoever held them is dead: the store belongs to one process at a time.
    pub(super) async fn end_leases(&self) {
        for (state, event) in [("leased", Event::LeaseEnded), ("decided", Event::Returned)] {
            let mut rows = self.in_state(state).await;
            rows.retain(|row| row.delivery.is_held());
            self.move_all(&rows, &event).await;
        }
    }

    pub(super) fn lease(&self) -> Lease {
        Lease {
            by: self.worker,
            until: self.parts.clock.now().plus(self.parts.policy.lease),
        }
    }

    /// As [`Inner::lease`], by the clock that nobody sets.
    pub(super) fn ours_until(&self) -> Instant {
        let lease = self.parts.policy.lease;
        Instant::now() + lease.saturating_sub(CLOCKS_DIFFER_MAX.min(lease / 2))
    }
}
