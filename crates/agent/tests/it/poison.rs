//! One submission that breaks what touches it must not break the others.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_agent::Agent;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::{Cause, Delivery};
use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{
    Claim, Claimed, Deliveries, DeliveryRow, Error, NewDelivery, Reply, Sharing, Swapped, Tally,
};

use crate::bench::{Bench, Draft, parcel};

async fn parks_alone(bench: &Bench, bad: SubmissionRef, expected: Cause) {
    let agent = bench.agent();
    for round in 0..3 {
        let good = bench.send(Draft::good()).await;
        assert_eq!(agent.run_once().await.unwrap(), 2);
        bench.assert_finished(&good).await;
        if round < 2 {
            // Counted at once, not at the end of the lease.
            assert!(
                matches!(bench.delivery(&bad).await, Delivery::Waiting { past, .. } if past.tries == round + 1)
            );
        }
        bench.turn(Duration::from_mins(11));
    }
    assert!(
        matches!(bench.delivery(&bad).await, Delivery::Parked { cause, .. } if cause == expected),
        "{:?}",
        bench.delivery(&bad).await
    );
    bench.assert_spool_empty().await;
}

#[tokio::test]
async fn a_mapping_that_panics_parks_its_submission_alone() {
    let bench = Bench::new().await;
    let bad = bench.send(Draft::zahl(666)).await;
    parks_alone(&bench, bad, Cause::PackageFaulty).await;
}

/// Nobody's application is refused because of a package or a setting that is to be mended here.
#[tokio::test]
async fn what_is_ours_to_mend_is_no_fault_of_the_sender() {
    let bench = Bench::new().await;
    let bad = bench.send(Draft::zahl(14)).await;
    parks_alone(&bench, bad, Cause::PackageFaulty).await;
}

#[tokio::test]
async fn a_transport_that_panics_parks_its_submission_alone() {
    let bench = Bench::new().await;
    let data = serde_json::json!({ "name": "Ada", "zahl": 7 });
    let bad = bench.send(Draft::with(&data, &[b"a"])).await;
    bench.procedure.poison.lock().unwrap().push(parcel(&bad));
    parks_alone(&bench, bad, Cause::Silence).await;
}

#[tokio::test]
async fn an_observer_that_panics_keeps_no_verdict_back() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    let mut parts = bench.parts();
    parts.observer = Some(Arc::new(|_| panic!("broken observer")));
    Agent::new(parts).run_once().await.unwrap();
    bench.assert_finished(&ids).await;
}

/// Panics when a verdict is to be stored.
struct Fragile(Arc<dyn Deliveries>);

impl Deliveries for Fragile {
    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        self.0.note(new)
    }

    fn sharing(&self) -> Sharing {
        self.0.sharing()
    }

    fn claim(&self, claim: Claim) -> Reply<'_, Result<Claimed, Error>> {
        self.0.claim(claim)
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>> {
        self.0.renew(by, ids, until)
    }

    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>> {
        self.0.tally()
    }

    fn swap(
        &self,
        id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>> {
        assert_ne!(delivery.name(), "decided", "broken store");
        self.0.swap(id, revision, delivery)
    }

    fn find(&self, id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        self.0.find(id)
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        self.0.in_state(name, max)
    }

    fn postponed(
        &self,
        destination: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        self.0.postponed(destination, now, max)
    }
}

#[tokio::test]
async fn a_panic_outside_of_the_try_ends_the_lease_at_once() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    let mut parts = bench.parts();
    parts.deliveries = Arc::new(Fragile(bench.deliveries.clone()));
    Agent::new(parts).run_once().await.unwrap();
    assert!(matches!(
        bench.delivery(&ids).await,
        Delivery::Waiting { past, .. } if past.tries == 1 && past.silences == 1
    ));
    bench.turn(Duration::from_mins(11));
    bench.round().await;
    bench.assert_finished(&ids).await;
    assert_eq!(bench.procedure.count(), 1);
}
