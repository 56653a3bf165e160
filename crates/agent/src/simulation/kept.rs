//! The agents' state, as one life of an agent reaches it: late, at times not at all, at times with its answer lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{
    Claim, Claimed, Deliveries, DeliveryRow, Error, NewDelivery, Order, Reply, Sharing, Swapped,
    Tally,
};
use tokio::time::sleep;

use super::life::Life;
use super::plan::Flaw;
use super::world::place_of;

pub(super) struct Kept {
    pub(super) life: Arc<Life>,
    pub(super) inner: Arc<dyn Deliveries>,
    /// The revisions that this life knows; for a store that does not compare them.
    known: Mutex<BTreeMap<SubmissionId, u64>>,
}

impl Kept {
    pub(super) fn new(life: Arc<Life>, inner: Arc<dyn Deliveries>) -> Self {
        Self {
            life,
            inner,
            known: Mutex::default(),
        }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.life.pass().await;
        let world = &self.life.world;
        sleep(world.chance.millis(15)).await;
        let fails = world.plan.store_fails_one_in;
        let fails = fails > 0 && !world.is_calm() && world.chance.one_in(fails);
        let unavailable = || Error::Unavailable {
            reason: "away".to_owned(),
            retry_after: None,
        };
        if fails && world.chance.one_in(2) {
            return Err(unavailable());
        }
        let answer = call.await;
        self.life.may_die().await;
        if fails { Err(unavailable()) } else { answer }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.life.world.plan.flaw == Some(flaw)
    }

    fn know(&self, id: SubmissionId, revision: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(id, revision);
    }

    fn flawed(&self, claim: &mut Claim) {
        for share in &mut claim.shares {
            if self.has(Flaw::NoOrder) {
                share.order = Order::Due;
            }
            if self.has(Flaw::NoLimit) {
                share.limit = 1000;
            }
            if self.has(Flaw::NoRate) {
                share.rate = None;
            }
        }
    }

    /// In strict order, none begins before all that were noted earlier are decided or parked.
    async fn demand_order(&self, begun: &DeliveryRow) -> Result<(), Error> {
        let world = &self.life.world;
        let place = place_of(begun.destination_id);
        if world.plan.places[place].pace.order != Order::Noted {
            return Ok(());
        }
        for state in ["waiting", "leased"] {
            for row in self.inner.in_state(state, u32::MAX).await? {
                let is_before =
                    row.destination_id == begun.destination_id && row.noted_at < begun.noted_at;
                world.demand(!is_before, || {
                    let (one, other) = (begun.submission_id, row.submission_id);
                    format!("{one} begins while {other}, noted before it, is {state}")
                });
            }
        }
        Ok(())
    }

    async fn claim_now(&self, mut claim: Claim) -> Result<Claimed, Error> {
        self.flawed(&mut claim);
        let now = claim.around.now;
        let claimed = self.inner.claim(claim).await?;
        for row in &claimed.rows {
            self.know(row.submission_id, row.revision);
            if matches!(row.delivery, Delivery::Leased { .. }) {
                self.life.world.claimed(place_of(row.destination_id), now);
                self.demand_order(row).await?;
            }
        }
        Ok(claimed)
    }

    async fn swap_now(
        &self,
        id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Result<Swapped, Error> {
        let answer = self.inner.swap(id, revision, delivery.clone()).await?;
        if answer == Swapped::Done || !self.has(Flaw::NoFencing) {
            self.know(id, revision + 1);
            return Ok(answer);
        }
        let Some(row) = self.inner.find(id).await? else {
            return Ok(answer);
        };
        self.know(id, revision + 1);
        self.inner.swap(id, row.revision, delivery).await
    }

    async fn find_now(&self, id: SubmissionId) -> Result<Option<DeliveryRow>, Error> {
        let row = self.inner.find(id).await?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&id).copied();
        Ok(row.map(|row| match known {
            Some(revision) if self.has(Flaw::NoFencing) => DeliveryRow { revision, ..row },
            Some(_) | None => row,
        }))
    }
}

impl Deliveries for Kept {
    fn sharing(&self) -> Sharing {
        self.inner.sharing()
    }

    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        Box::pin(self.call(self.inner.note(new)))
    }

    fn claim(&self, claim: Claim) -> Reply<'_, Result<Claimed, Error>> {
        Box::pin(self.call(self.claim_now(claim)))
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>> {
        if self.has(Flaw::NoFencing) {
            return Box::pin(std::future::ready(Ok(Vec::new())));
        }
        Box::pin(self.call(self.inner.renew(by, ids, until)))
    }

    fn swap(
        &self,
        id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(self.call(self.swap_now(id, revision, delivery)))
    }

    fn find(&self, id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        Box::pin(self.call(self.find_now(id)))
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        Box::pin(self.call(self.inner.in_state(name, max)))
    }

    fn postponed(
        &self,
        destination: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        Box::pin(self.call(self.inner.postponed(destination, now, max)))
    }

    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>> {
        Box::pin(self.call(self.inner.tally()))
    }
}
