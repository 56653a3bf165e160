//! The intake when things go wrong: repeats, races, a store that fails, a sender who hangs up, too many bodies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use amtsbote_gateway::Limits;
use amtsbote_jose::TokenKey;

use amtsbote_store::{
    Batch, Change, Committed, Error, Ledger, MemoryStore, Page, Reply, SubmissionFilter,
};
use axum::body::Body;
use bytes::Bytes;
use serde_json::json;
use tokio::sync::Notify;

use crate::bench::{Answer, Bench};
use crate::intake::{SUBMISSIONS, bench_of, dog, expect_nothing, send, services};
use crate::tricked::{Trick, Tricked};

const WELL: u8 = 0;
/// Commits of submissions fail.
const BROKEN: u8 = 1;
/// They succeed, but their answer is lost.
const MUTE: u8 = 2;
/// They succeed; then nothing can be asked.
const DYING: u8 = 3;
/// They wait to be released.
const SLOW: u8 = 4;

struct Moody {
    mood: Arc<AtomicU8>,
    reached: Arc<Notify>,
    release: Arc<Notify>,
}

fn lost() -> Error {
    Error::Unavailable {
        reason: "connection lost".into(),
        retry_after: Some(Duration::from_secs(7)),
    }
}

impl Trick for Moody {
    fn commit<'a>(
        &'a self,
        whole: &'a MemoryStore,
        batch: Batch,
    ) -> Reply<'a, Result<Committed, Error>> {
        Box::pin(async move {
            match self.mood.load(Ordering::SeqCst) {
                BROKEN => return Err(lost()),
                MUTE | DYING => {
                    whole.commit(batch).await?;
                    return Err(lost());
                }
                SLOW => {
                    self.reached.notify_one();
                    self.release.notified().await;
                }
                _ => {}
            }
            whole.commit(batch).await
        })
    }

    fn asked(&self) -> Result<(), Error> {
        if self.mood.load(Ordering::SeqCst) == DYING {
            return Err(lost());
        }
        Ok(())
    }
}

struct Moods {
    bench: Bench,
    mood: Arc<AtomicU8>,
    reached: Arc<Notify>,
    release: Arc<Notify>,
}

impl Moods {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let (mood, reached, release) = (
            Arc::new(AtomicU8::new(WELL)),
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
        );
        let moody = Tricked {
            whole: store.clone(),
            trick: Moody {
                mood: mood.clone(),
                reached: reached.clone(),
                release: release.clone(),
            },
        };
        let bench = Bench::over(store, |parts| {
            parts.services = Arc::new(services());
            parts.store = Arc::new(moody);
        })
        .await;
        bench
            .change_destination(|d| d.services = crate::intake::offers_in_kassel())
            .await;
        Self {
            bench,
            mood,
            reached,
            release,
        }
    }

    fn turn(&self, mood: u8) {
        self.mood.store(mood, Ordering::SeqCst);
    }
}

async fn send_with(bench: &Bench, client: &str, key: &str, body: &serde_json::Value) -> Answer {
    let ask = bench
        .post(SUBMISSIONS)
        .by(client)
        .header("idempotency-key", key);
    ask.json(body).await
}

async fn count(bench: &Bench) -> u64 {
    let filter = SubmissionFilter::ForPickup(vec![bench.destination]);
    let page = Page {
        offset: 0,
        limit: 10,
    };
    bench.store.submissions(&filter, page).await.unwrap().total
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer() {
    let bench = bench_of(|_| ()).await;
    let first = send_with(&bench, "sender", "k-1", &dog()).await;
    let again = send_with(&bench, "sender", "\"k-1\"", &dog()).await;
    assert_eq!(first.expect(201).json(), again.expect(201).json());
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(count(&bench).await, 1);
    assert_eq!(bench.blob_count().await, 1);

    let mut other = dog();
    other["senderReference"] = json!("other");
    send_with(&bench, "sender", "k-1", &other)
        .await
        .refuses(422, "idempotency-key-reused");
    // Another client's keys are its own; without a key every request is new.
    send_with(&bench, "other-sender", "k-1", &dog())
        .await
        .expect(201);
    send(&bench, &dog()).await.expect(201);
    send(&bench, &dog()).await.expect(201);
    assert_eq!(count(&bench).await, 4);
    send_with(&bench, "sender", "a b", &dog())
        .await
        .refuses(400, "malformed-request");
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() {
    let bench = bench_of(|_| ()).await;
    let mut bad = dog();
    bad["data"]["anlass"] = json!("nichts");
    send_with(&bench, "sender", "k-2", &bad)
        .await
        .refuses(422, "schema-violated");
    send_with(&bench, "sender", "k-2", &dog()).await.expect(201);
}

#[tokio::test]
async fn of_two_at_a_time_one_is_stored_and_both_have_its_answer() {
    let bench = bench_of(|_| ()).await;
    let body = dog();
    let (one, two) = tokio::join!(
        send_with(&bench, "sender", "k-3", &body),
        send_with(&bench, "sender", "k-3", &body)
    );
    assert_eq!(one.expect(201).json(), two.expect(201).json());
    let replayed = [&one, &two].map(|answer| answer.header("idempotency-replayed").to_owned());
    assert!(
        replayed.contains(&"true".to_owned()) && replayed.contains(&String::new()),
        "{replayed:?}"
    );
    assert_eq!(count(&bench).await, 1);
    assert_eq!(bench.blob_count().await, 1);
}

#[tokio::test]
async fn after_a_crash_between_commit_and_answer_the_answer_is_there() {
    let moods = Moods::new().await;
    moods.turn(DYING);
    let answer = send_with(&moods.bench, "sender", "k-4", &dog()).await;
    answer.refuses(503, "store-unavailable");
    // What became of the batch was not known: nothing that may belong to a row was deleted.
    assert_eq!(moods.bench.blob_count().await, 1);
    moods.turn(WELL);
    let again = send_with(&moods.bench, "sender", "k-4", &dog()).await;
    assert_eq!(again.expect(201).header("idempotency-replayed"), "true");
    assert_eq!(count(&moods.bench).await, 1);

    // A new process with another key for tokens, over the same store.
    let next = Bench::over(moods.bench.store.clone(), |parts| {
        parts.services = Arc::new(services());
        parts.identity.tokens = TokenKey::generate();
    })
    .await;
    let later = send_with(&next, "sender", "k-4", &dog()).await;
    assert_eq!(later.expect(201).json(), again.json());
}

#[tokio::test]
async fn an_answer_the_store_lost_is_looked_up() {
    let moods = Moods::new().await;
    moods.turn(MUTE);
    let answer = send(&moods.bench, &dog()).await;
    answer.expect(201);
    assert_eq!(moods.bench.blob_count().await, 1);
}

#[tokio::test]
async fn a_store_that_fails_leaves_attachments_to_the_sweep() {
    let moods = Moods::new().await;
    moods.turn(BROKEN);
    let answer = send(&moods.bench, &dog()).await;
    answer.refuses(503, "store-unavailable");
    assert_eq!(answer.header("retry-after"), "7");
    // What was not committed for certain may come back when the store is opened again, and needs its blobs then.
    assert_eq!(moods.bench.blob_count().await, 1);
}

#[tokio::test]
async fn a_destination_that_moves_away_leaves_nothing_behind() {
    let moods = Moods::new().await;
    moods.turn(SLOW);
    let bench = &moods.bench;
    let leave = async {
        moods.reached.notified().await;
        let old = bench.store.destination(bench.destination).await.unwrap();
        let mut new = old.clone().unwrap();
        new.status = amtsbote_model::DestinationStatus::Inactive;
        let change = Change::PutDestination {
            replaces: old.map(Box::new),
            destination: Box::new(new),
        };
        bench.store.commit(Batch::new().with(change)).await.unwrap();
        moods.release.notify_one();
    };
    let body = dog();
    let (answer, ()) = tokio::join!(send(bench, &body), leave);
    answer.refuses(422, "destination-state-invalid");
    expect_nothing(bench).await;
}

#[tokio::test]
async fn a_sender_who_hangs_up_does_not_undo_what_was_begun() {
    let moods = Moods::new().await;
    moods.turn(SLOW);
    let body = dog();
    {
        let asked = send_with(&moods.bench, "sender", "k-5", &body);
        tokio::select! {
            answer = asked => panic!("answered too early: {answer:?}"),
            () = moods.reached.notified() => {}
        }
    }
    assert_eq!(count(&moods.bench).await, 0);
    moods.release.notify_one();
    moods.bench.settled().await;
    assert_eq!(count(&moods.bench).await, 1);
    moods.turn(WELL);
    let again = send_with(&moods.bench, "sender", "k-5", &body).await;
    assert_eq!(again.expect(201).header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn bodies_that_do_not_fit_in_memory_together_come_later() {
    let limits = Limits {
        intake_bytes: 1_000_000,
        intake_total_bytes: 1_000_000,
        ..Limits::default()
    };
    let bench = bench_of(|parts| parts.limits = limits).await;
    let (begun, arrived) = tokio::sync::oneshot::channel::<()>();
    // One body of unknown length that is still on its way takes all.
    let body = async_body(begun);
    let slow = bench
        .post(SUBMISSIONS)
        .by("sender")
        .body("application/json", body);
    let mut slow = Box::pin(slow.into_future());
    tokio::select! {
        answer = &mut slow => panic!("answered too early: {answer:?}"),
        begun = arrived => begun.unwrap(),
    }
    let refused = send(&bench, &dog()).await;
    refused.refuses(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "2");
    drop(slow);
    expect_nothing(&bench).await;
    send(&bench, &dog()).await.expect(201);
}

fn async_body(begun: tokio::sync::oneshot::Sender<()>) -> Body {
    let mut begun = Some(begun);
    Body::from_stream(futures_util::stream::poll_fn(move |_| {
        if let Some(begun) = begun.take() {
            let _ = begun.send(());
        }
        std::task::Poll::<Option<Result<Bytes, std::io::Error>>>::Pending
    }))
}

#[tokio::test]
async fn blobs_of_a_submission_that_cannot_be_sealed_are_deleted() {
    let bench = bench_of(|_| ()).await;
    bench
        .change_destination(|d| d.encryption_kid = "not-stored".into())
        .await;
    send(&bench, &dog()).await.refuses(500, "internal");
    expect_nothing(&bench).await;
    assert!(bench.blobs.list().await.unwrap().is_empty());
}
