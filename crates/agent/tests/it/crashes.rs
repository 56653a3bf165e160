//! The process dies before and after each effect; the next one finishes, once.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_agent::Agent;
use amtsbote_model::delivery::RetryPolicy;
use serde_json::json;

use crate::bench::{Bench, Draft, served};
use crate::procedure::Procedure;
use crate::ways::{Fuse, FusedBlobs, FusedDeliveries};

/// Runs one agent until the fuse blows and another one to the end. Where it blew; `None` if it did not.
async fn dies_and_recovers(bench: &Bench, passes: i64) -> Option<&'static str> {
    let data = json!({ "name": "Ada", "zahl": 7 });
    let ids = bench.send(Draft::with(&data, &[b"%PDF-1.7"])).await;
    let fuse = Fuse::after(passes);
    let procedure = Arc::new(Procedure {
        fuse: Some(fuse.clone()),
        ..Procedure::default()
    });
    let mut parts = bench.parts();
    parts.deliveries = Arc::new(FusedDeliveries {
        inner: bench.deliveries.clone(),
        fuse: fuse.clone(),
    });
    parts.spool = Arc::new(FusedBlobs {
        inner: bench.spool.clone(),
        fuse: fuse.clone(),
        meter: Arc::default(),
    });
    parts.destinations = vec![served(bench.destination, procedure.clone())];
    let first = Agent::new(parts);
    let blown = tokio::select! {
        done = first.run_once() => {
            done.unwrap();
            false
        }
        () = fuse.blown.notified() => true,
    };
    drop(first);

    let second = bench.agent();
    second.recover().await;
    bench.assert_spool_empty().await;
    for _ in 0..3 {
        bench.turn(Duration::from_mins(1));
        second.run_once().await.unwrap();
    }
    // Both lives see the same procedure: what counts is that the parcel is the same one.
    let parcel = crate::bench::parcel(&ids);
    let (one, two) = (procedure.arrived(parcel), bench.procedure.arrived(parcel));
    assert!(
        one.is_some() || two.is_some(),
        "no effect, dead {}",
        fuse.place()
    );
    if let (Some(one), Some(two)) = (one.clone(), two.clone()) {
        assert_eq!(one, two, "a repeat with other bytes, dead {}", fuse.place());
    }
    if let Some(one) = one {
        bench.procedure.parcels.lock().unwrap().insert(parcel, one);
    }
    bench.assert_finished(&ids).await;
    blown.then(|| fuse.place())
}

#[tokio::test]
async fn whoever_dies_anywhere_is_followed_by_one_who_finishes() {
    let bench = Bench::new().await;
    let mut places = Vec::new();
    for passes in 0.. {
        match dies_and_recovers(&bench, passes).await {
            Some(place) => places.push(place),
            None => break,
        }
    }
    assert_eq!(bench.procedure.count(), places.len() + 1);
    places.dedup();
    assert_eq!(
        places,
        [
            "before note",
            "after note",
            "before the claim",
            "after the claim",
            "before a blob",
            "before a piece is written",
            "before a blob is kept",
            "after a blob is kept",
            "before a blob is opened",
            "before a piece is read",
            "before the package is noted",
            "after the package is noted",
            "before a blob is opened",
            "before a piece is read",
            "before the effect",
            "after the effect",
            "before the verdict is stored",
            "after the verdict is stored",
            "before done is stored",
            "after done is stored",
            "before a blob is deleted",
            "after a blob is deleted",
            // Nothing is left to be claimed.
            "before the claim",
            "after the claim",
        ]
    );
}

#[tokio::test]
async fn one_that_kills_its_worker_every_time_parks() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    for _ in 0..3 {
        let mut parts = bench.parts();
        parts.policy.retry = RetryPolicy {
            tries_max: 3,
            ..parts.policy.retry
        };
        bench.procedure.will([crate::procedure::Act::Silent]);
        let agent = Agent::new(parts);
        agent.recover().await;
        tokio::select! {
            done = agent.run_once() => panic!("{done:?}"),
            () = bench.procedure.called.notified() => {}
        }
        drop(agent);
        bench.agent().recover().await;
        bench.turn(Duration::from_mins(11));
    }
    assert_eq!(bench.delivery(&ids).await.name(), "parked");
}
