//! The same with SQLite: its writer is a thread of its own, so each call is waited for where it is made. The fake clock stands meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{
    Claim, Claimed, Deliveries, DeliveryRow, Error, NewDelivery, Reply, Sharing, Swapped, Tally,
};
use amtsbote_store_sql::SqliteDeliveries;

use super::chance::Chance;
use super::plan::Plan;
use super::{hush, play};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread.
fn wait_for<T>(call: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut call = pin!(call);
    loop {
        match call.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

fn waited<'a, T: Send + 'a>(call: Reply<'a, T>) -> Reply<'a, T> {
    Box::pin(async move { wait_for(call) })
}

struct Waited(SqliteDeliveries);

impl Deliveries for Waited {
    fn sharing(&self) -> Sharing {
        self.0.sharing()
    }

    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        waited(self.0.note(new))
    }

    fn claim(&self, claim: Claim) -> Reply<'_, Result<Claimed, Error>> {
        waited(self.0.claim(claim))
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>> {
        waited(self.0.renew(by, ids, until))
    }

    fn swap(
        &self,
        id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>> {
        waited(self.0.swap(id, revision, delivery))
    }

    fn find(&self, id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        waited(self.0.find(id))
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        waited(self.0.in_state(name, max))
    }

    fn postponed(
        &self,
        destination: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        waited(self.0.postponed(destination, now, max))
    }

    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>> {
        waited(self.0.tally())
    }
}

#[test]
fn nor_has_one_with_sqlite() {
    hush();
    let (mut played, mut seed) = (0, 10_000);
    while played < 5 {
        seed += 1;
        let chance = Chance::new(seed);
        let plan = Plan::draw(&chance, None);
        // SQLite belongs to one process at a time.
        if !plan.is_sole {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteDeliveries::open(folder.path()).unwrap();
        let ended = play(plan, chance, Arc::new(Waited(store)));
        if let Err(broken) = ended {
            panic!("seed {seed}: {broken}");
        }
        played += 1;
    }
}
