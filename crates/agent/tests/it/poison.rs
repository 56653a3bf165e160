//! One submission that breaks what touches it must not break the others.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_agent::Agent;
use amtsbote_model::delivery::{Cause, Delivery};

use crate::bench::{Bench, Draft, parcel};

async fn parks_alone(bench: &Bench, draft: Draft, poison: bool, expected: Cause) {
    let bad = bench.send(draft).await;
    if poison {
        bench.procedure.poison.lock().unwrap().push(parcel(&bad));
    }
    let agent = bench.agent();
    for round in 0..3 {
        let good = bench.send(Draft::good()).await;
        assert_eq!(agent.run_once().await.unwrap(), 2);
        bench.assert_finished(&good).await;
        if round < 2 {
            // Counted at once, not at the end of the lease.
            assert!(
                matches!(bench.delivery(&bad).await, Delivery::Waiting { tries, .. } if tries == round + 1)
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
    parks_alone(&bench, Draft::zahl(666), false, Cause::PackageFaulty).await;
}

#[tokio::test]
async fn a_transport_that_panics_parks_its_submission_alone() {
    let bench = Bench::new().await;
    let data = serde_json::json!({ "name": "Ada", "zahl": 7 });
    let draft = Draft::with(&data, &[b"a"]);
    parks_alone(&bench, draft, true, Cause::Silence).await;
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
