//! The event log is sealed, and each event is proven to those who may read it.

use std::sync::Arc;

use amtsbote_gateway::Sealer;
use amtsbote_gateway::sealer::LOG_HEAD_TYP;
use amtsbote_jose::Jws;
use amtsbote_model::{CaseId, EventId};
use amtsbote_store::chain::{Hash, Leaf, hex, root_of_path};
use amtsbote_store::{Chain, Ledger, LogOf, MemoryStore, Page};
use serde_json::Value;

use crate::bench::{Bench, Ids, SERVICE_KEY};

async fn bench() -> (Bench, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let chain: Arc<dyn Chain> = store.clone();
    let bench = Bench::over(store.clone(), |parts| parts.chain = Some(chain)).await;
    (bench, store)
}

async fn first_event(store: &MemoryStore, ids: &Ids) -> amtsbote_store::Event {
    let case = ids.case.parse::<CaseId>().expect("is as the test made it");
    let log = store
        .events(
            LogOf::Case(case),
            Page {
                offset: 0,
                limit: 100,
            },
        )
        .await
        .expect("is as the test made it");
    log.entries[0].clone()
}

fn path_of(case: &str, event: EventId) -> String {
    format!("/log/v1/cases/{case}/events/{event}/proof")
}

fn bytes(value: &Value) -> Hash {
    let text = value.as_str().expect("is as the test made it");
    std::array::from_fn(|at| {
        u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("is as the test made it")
    })
}

#[tokio::test]
async fn an_event_is_proven_up_to_the_signed_head() {
    let (bench, store) = bench().await;
    bench.get("/log/v1/head").by("sender").await.expect(404);
    let ids = bench.submitted("v2", &[]).await;
    let event = first_event(&store, &ids).await;
    let path = path_of(&ids.case, event.id);
    bench.get(&path).by("sender").await.expect(404);
    let sealer = Sealer::new(bench.context.clone());
    assert!(sealer.round().await.unwrap() > 1);
    assert_eq!(sealer.round().await.unwrap(), 0);

    let proof = bench.get(&path).by("sender").await.expect(200).json();
    let leaf = Leaf::of(&event);
    assert_eq!(proof["leaf"]["digest"], hex(&leaf.digest));
    let beside: Vec<_> = proof["path"]
        .as_array()
        .unwrap()
        .iter()
        .map(bytes)
        .collect();
    let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let (position, count) = (index(&proof["position"]), index(&proof["block"]["count"]));
    let root = root_of_path(leaf.hash(), position, count, &beside).unwrap();
    assert_eq!(proof["block"]["root"], hex(&root));

    let head = bench
        .get("/log/v1/head")
        .by("subscriber")
        .await
        .expect(200)
        .json();
    assert_eq!(head["block"], proof["block"]);
    let jws = Jws::parse(head["signature"].as_str().unwrap(), 10_000).unwrap();
    assert_eq!(jws.header().typ(), Some(LOG_HEAD_TYP));
    let claims: Value = serde_json::from_slice(jws.verify(SERVICE_KEY.public()).unwrap()).unwrap();
    assert_eq!(claims["hash"], head["block"]["hash"]);
}

#[tokio::test]
async fn a_proof_is_for_those_who_may_read_the_log() {
    let (bench, store) = bench().await;
    let ids = bench.submitted("v2", &[]).await;
    let event = first_event(&store, &ids).await;
    Sealer::new(bench.context.clone()).round().await.unwrap();
    let path = path_of(&ids.case, event.id);
    bench.get(&path).by("subscriber").await.expect(200);
    bench.get(&path).by("other-sender").await.expect(404);
    bench.get(&path).by("idle").await.expect(403);
    let other = bench.submitted("v2", &[]).await;
    bench
        .get(&path_of(&other.case, event.id))
        .by("sender")
        .await
        .expect(404);
}

#[tokio::test]
async fn blocks_are_listed_from_a_number_on() {
    let (bench, _store) = bench().await;
    let sealer = Sealer::new(bench.context.clone());
    for _ in 0..3 {
        bench.submitted("v2", &[]).await;
        sealer.round().await.unwrap();
    }
    let listed = |query: &str| bench.get(&format!("/log/v1/blocks{query}")).by("sender");
    let all = listed("").await.expect(200).json();
    let all = all["blocks"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[2]["previous"], all[1]["hash"]);
    assert!(all[2]["signature"].is_string());
    let one = listed("?from=2&limit=1").await.expect(200).json();
    assert_eq!(one["blocks"], Value::from(vec![all[1].clone()]));
    let none = listed("?from=9").await.expect(200).json();
    assert_eq!(none["blocks"], Value::from(Vec::<Value>::new()));
    listed("?from=x").await.expect(400);
    listed("?limit=0").await.expect(400);
    let idle = bench.get("/log/v1/blocks").by("idle");
    idle.await.expect(403);
}
