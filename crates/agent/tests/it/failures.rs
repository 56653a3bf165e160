//! What is not the sender's fault: the submission waits, is tried again, and parks in the end.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_agent::Agent;
use amtsbote_client::Fault;
use amtsbote_model::Clock;
use amtsbote_model::delivery::{Cause, Delivery, Past};
use amtsbote_validate::service::Catalogue;

use crate::bench::{Bench, Draft, parcel};
use crate::procedure::Act;

#[tokio::test]
async fn a_busy_procedure_is_asked_again_not_before_it_said_and_there_is_one_effect() {
    let bench = Bench::new().await;
    let minutes = |n| Act::Unavailable(Some(Duration::from_mins(n)));
    bench.procedure.will([minutes(5), Act::Unavailable(None)]);
    let ids = bench.send(Draft::good()).await;
    bench.round().await;
    let Delivery::Waiting {
        at,
        past: Past { tries: 1, .. },
    } = bench.delivery(&ids).await
    else {
        panic!("{:?}", bench.delivery(&ids).await);
    };
    assert_eq!(at.since(bench.clock.now()), Duration::from_mins(5));

    bench.turn(Duration::from_secs(299));
    assert_eq!(bench.round().await, 0);
    bench.turn(Duration::from_secs(1));
    assert_eq!(bench.round().await, 1);
    bench.turn(Duration::from_mins(10));
    assert_eq!(bench.round().await, 1);

    bench.assert_finished(&ids).await;
    assert_eq!(bench.procedure.count(), 1);
    assert_eq!(bench.procedure.calls_of(parcel(&ids)), 3);
}

async fn parks(bench: &Bench, draft: Draft, expected: Cause) {
    let ids = bench.send(draft).await;
    for _ in 0..3 {
        assert_eq!(bench.round().await, 1);
        bench.assert_spool_empty().await;
        bench.turn(Duration::from_mins(11));
    }
    assert!(
        matches!(bench.delivery(&ids).await, Delivery::Parked { cause, .. } if cause == expected),
        "{:?}",
        bench.delivery(&ids).await
    );
    assert_eq!(bench.round().await, 0);
    assert_eq!(
        bench.events(&ids).await,
        ["create-submission", "submit-submission"]
    );
}

#[tokio::test]
async fn a_misconfigured_way_out_parks_and_tells_the_sender_nothing() {
    let bench = Bench::new().await;
    bench.procedure.will(vec![Act::Misconfigured; 3]);
    parks(&bench, Draft::good(), Cause::ProcedureMisconfigured).await;
}

#[tokio::test]
async fn a_schema_missing_in_our_own_settings_refuses_nobody() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    let mut parts = bench.parts();
    parts.services = Arc::new(Catalogue::default());
    Agent::new(parts).run_once().await.unwrap();
    assert_eq!(bench.delivery(&ids).await.name(), "waiting");
    bench.turn(Duration::from_mins(11));
    bench.round().await;
    bench.assert_finished(&ids).await;
}

#[tokio::test]
async fn a_published_key_missing_in_our_own_settings_refuses_nobody() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    let mut parts = bench.parts();
    parts.destinations[0].decryption = Vec::new();
    Agent::new(parts).run_once().await.unwrap();
    assert_eq!(bench.delivery(&ids).await.name(), "waiting");
    bench.turn(Duration::from_mins(11));
    bench.round().await;
    bench.assert_finished(&ids).await;
}

#[tokio::test]
async fn a_wrong_name_of_the_service_in_our_own_settings_refuses_nobody() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    let mut parts = bench.parts();
    let session = bench.session_expecting("subscriber", Some("https://other.example.de"));
    parts.subscriber = amtsbote_client::Subscriber::new(session);
    Agent::new(parts).run_once().await.unwrap();
    assert_eq!(bench.delivery(&ids).await.name(), "waiting");
    bench.turn(Duration::from_mins(11));
    bench.round().await;
    bench.assert_finished(&ids).await;
}

#[tokio::test]
async fn a_service_without_a_package_waits() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    let parts = bench.parts();
    parts.destinations[0].mappings.replace(Vec::new());
    Agent::new(parts).run_once().await.unwrap();
    assert_eq!(bench.delivery(&ids).await.name(), "waiting");
}

#[tokio::test]
async fn a_hand_over_that_never_ends_is_given_up_within_the_limit_and_leaves_no_spool() {
    let bench = Bench::new().await;
    bench.procedure.will([Act::Silent]);
    let data = serde_json::json!({ "name": "Ada", "zahl": 7 });
    let ids = bench.send(Draft::with(&data, &[b"a"])).await;
    let mut parts = bench.parts();
    parts.policy.try_limit = Duration::from_secs(2);
    Agent::new(parts).run_once().await.unwrap();
    assert!(matches!(
        bench.delivery(&ids).await,
        Delivery::Waiting { past, .. } if past.tries == 1
    ));
    bench.assert_spool_empty().await;
    bench.turn(Duration::from_mins(11));
    bench.round().await;
    bench.assert_finished(&ids).await;
}

#[tokio::test]
async fn wrong_credentials_are_told() {
    let bench = Bench::new().await;
    let mut parts = bench.parts();
    parts.subscriber = amtsbote_client::Subscriber::new(bench.session("nobody"));
    let told = Agent::new(parts).run_once().await;
    assert!(matches!(told, Err(Fault::Refused { .. })), "{told:?}");
}

#[tokio::test]
async fn what_waits_at_a_dead_procedure_is_left_alone_until_one_probe_finds_it_back() {
    let bench = Bench::new().await;
    bench.procedure.will(vec![Act::Unavailable(None); 100]);
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(bench.send(Draft::good()).await);
    }
    let agent = bench.agent();
    agent.run_once().await.unwrap();
    let mut tried = 0;
    for ids in &all {
        let delivery = bench.delivery(ids).await;
        tried += usize::from(delivery.trouble().is_some());
    }
    // Two at a time: one more may be out when the fifth fails.
    assert!((5..=6).contains(&tried), "{tried}");

    bench.procedure.script.lock().unwrap().clear();
    bench.turn(Duration::from_mins(11));
    agent.run_once().await.unwrap();
    for ids in &all {
        bench.assert_finished(ids).await;
    }
}
