//! One life of one agent's process: it may stand still, and it ends at any of its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::world::World;

pub(super) struct Life {
    pub(super) number: u64,
    pub(super) world: Arc<World>,
    /// Calls left until it dies, unless it is calm before.
    left: AtomicU64,
    died: Notify,
    /// In milliseconds of the world.
    still_until_ms: AtomicU64,
}

impl Life {
    pub(super) fn new(world: Arc<World>, number: u64) -> Arc<Self> {
        let calls = if world.plan.crashes {
            10 + world.chance.below(400)
        } else {
            u64::MAX
        };
        Arc::new(Self {
            number,
            world,
            left: AtomicU64::new(calls),
            died: Notify::new(),
            still_until_ms: AtomicU64::new(0),
        })
    }

    /// A place where it may end for good, or stand still for a while.
    pub(super) async fn pass(&self) {
        self.may_die().await;
        loop {
            let until = self.still_until_ms.load(Ordering::Relaxed);
            let until = self.world.began + std::time::Duration::from_millis(until);
            if Instant::now() >= until {
                break;
            }
            sleep_until(until).await;
        }
        self.may_die().await;
    }

    /// A place where it may end for good, and does not stand still.
    pub(super) async fn may_die(&self) {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            // Dead already: the rest of it does nothing more until it is dropped.
            std::future::pending::<()>().await;
        }
        if self.world.is_calm() || left == u64::MAX {
            return;
        }
        self.left.store(left - 1, Ordering::Relaxed);
        if left == 1 {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }

    pub(super) async fn died(&self) {
        self.died.notified().await;
    }

    /// Stands still now and then, until dropped. Not while it asks a procedure before it brings something: what lies between is
    /// the window that is documented.
    pub(super) async fn stand_still_at_times(&self) {
        if !self.world.plan.stalls {
            return std::future::pending().await;
        }
        loop {
            sleep(self.world.chance.millis(20_000)).await;
            if self.world.is_calm() {
                continue;
            }
            let long = self.world.chance.millis(20_000);
            let until = self.world.since() + long;
            self.still_until_ms.store(
                u64::try_from(until.as_millis()).unwrap_or(0),
                Ordering::Relaxed,
            );
            self.world.state().stalled.insert(self.number);
            sleep(long).await;
            self.world.state().stalled.remove(&self.number);
        }
    }
}
