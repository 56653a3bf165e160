//! Marked personal data goes through, and everything that stays is searched for it.

use std::sync::Arc;

use amtsbote_store::{Blobs, Deliveries};
use serde_json::json;
use tokio::sync::Notify;

use crate::bench::{Bench, Draft, parcel};
use crate::procedure::Act;
use crate::trace::{self, MARKER};

async fn rows_and_events(
    bench: &Bench,
    ids: &amtsbote_fit_connect::submission::SubmissionRef,
) -> String {
    let row = bench.deliveries.find(ids.submission_id).await.unwrap();
    let row = row.unwrap();
    let mut text = format!("{row:?} {}", serde_json::to_string(&row.delivery).unwrap());
    for claims in bench.log(ids).await {
        text.push_str(&claims.body().to_string());
    }
    let outcomes = format!("{:?}", bench.outcomes.lock().unwrap());
    text + &outcomes
}

async fn spooled(bench: &Bench) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in bench.spool.list().await.unwrap() {
        let mut reader = bench.spool.open(&id).await.unwrap().unwrap();
        while let Some(piece) = reader.next().await.unwrap() {
            bytes.extend_from_slice(&piece);
        }
    }
    bytes
}

#[tokio::test]
async fn personal_data_is_where_the_procedure_reads_and_nowhere_else() {
    let bench = Bench::new().await;
    let content = json!({ "name": MARKER, "zahl": 7 });
    let word = Arc::new(Notify::new());
    bench.procedure.will([Act::Waits(word.clone())]);
    let ids = bench
        .send(Draft::with(&content, &[MARKER.as_bytes(), b"b"]))
        .await;
    let bad = json!({ "name": MARKER.repeat(20), "zahl": MARKER });
    let agent = bench.agent();
    let (_, in_spool) = tokio::join!(agent.run_once(), async {
        bench.procedure.called.notified().await;
        let in_spool = spooled(&bench).await;
        word.notify_one();
        in_spool
    });
    let refused = bench.send(Draft::with(&bad, &[])).await;
    let panics = bench
        .send(Draft::with(&json!({ "name": MARKER, "zahl": 666 }), &[]))
        .await;
    assert_eq!(agent.run_once().await.unwrap(), 2);

    // It did go through …
    bench.assert_finished(&ids).await;
    let arrived = bench.procedure.arrived(parcel(&ids)).unwrap();
    assert!(String::from_utf8_lossy(&arrived[0].1).contains(MARKER));
    assert_eq!(arrived[1].1, MARKER.as_bytes());
    assert_eq!(bench.problems(&refused).await.len(), 1);
    assert_eq!(bench.delivery(&panics).await.name(), "waiting");
    assert!(!in_spool.is_empty());
    // … and left nothing.
    assert!(!String::from_utf8_lossy(&in_spool).contains(MARKER));
    for ids in [&ids, &refused, &panics] {
        let text = rows_and_events(&bench, ids).await;
        assert!(!text.contains(MARKER), "{text}");
    }
    assert!(trace::lines() > 100);
    assert_eq!(trace::leaks(), 0);
}
