//! Somebody else writes between a decision and its commit: the decision is made anew, or dropped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_gateway::{Deadlines, Retention, Round};
use amtsbote_model::submission::State;
use amtsbote_model::{Clock, Destination, DestinationStatus, SubmissionId};
use amtsbote_store::{Batch, Change, Committed, Error, Ledger, MemoryStore, Reply};
use axum::http::Method;
use serde_json::json;

use crate::bench::Bench;
use crate::tricked::{Trick, Tricked};

/// A store with a rival who commits just before the next commit.
struct Contested {
    rival: Arc<Mutex<Option<Batch>>>,
}

impl Trick for Contested {
    fn commit<'a>(
        &'a self,
        whole: &'a MemoryStore,
        batch: Batch,
    ) -> Reply<'a, Result<Committed, Error>> {
        let rival = self.rival.lock().unwrap().take();
        Box::pin(async move {
            if let Some(rival) = rival {
                assert_eq!(whole.commit(rival).await.unwrap(), Committed::Done);
            }
            whole.commit(batch).await
        })
    }
}

async fn bench() -> (Bench, Arc<Mutex<Option<Batch>>>) {
    let store = Arc::new(MemoryStore::new());
    let rival = Arc::new(Mutex::new(None));
    let contested = Tricked {
        whole: store.clone(),
        trick: Contested {
            rival: rival.clone(),
        },
    };
    let bench = Bench::over(store, |parts| parts.store = Arc::new(contested)).await;
    (bench, rival)
}

/// The rival's version of the bench's destination.
async fn rival_version(bench: &Bench, change: impl FnOnce(&mut Destination)) -> Batch {
    let old = bench.store.destination(bench.destination).await.unwrap();
    let mut new = old.clone().unwrap();
    change(&mut new);
    Batch::new().with(Change::PutDestination {
        replaces: old.map(Box::new),
        destination: Box::new(new),
    })
}

async fn patch(bench: &Bench, body: &serde_json::Value) -> crate::bench::Answer {
    let path = format!("/destination-api/v1/destinations/{}", bench.destination);
    bench
        .ask(Method::PATCH, &path)
        .by("subscriber")
        .json(body)
        .await
}

#[tokio::test]
async fn two_patches_at_once_both_take_effect() {
    let (bench, rival) = bench().await;
    let theirs = rival_version(&bench, |destination| destination.name = "Kassel II".into()).await;
    *rival.lock().unwrap() = Some(theirs);
    let ours = patch(&bench, &json!({ "status": "inactive" })).await;
    ours.expect(200);
    assert_eq!(
        [&ours.json()["name"], &ours.json()["status"]],
        ["Kassel II", "inactive"]
    );
}

#[tokio::test]
async fn a_patch_is_judged_again_when_somebody_was_faster() {
    let (bench, rival) = bench().await;
    let gone = DestinationStatus::Decommissioned;
    let theirs = rival_version(&bench, |destination| destination.status = gone).await;
    *rival.lock().unwrap() = Some(theirs);
    let ours = patch(&bench, &json!({ "status": "inactive" })).await;
    ours.refuses(400, "destination-step-illegal");
}

#[tokio::test]
async fn a_submission_accepted_at_the_last_moment_is_not_rejected() {
    let (bench, rival) = bench().await;
    let ids = bench.submitted("v2", &[]).await;
    bench.clock.turn(Duration::from_hours(15 * 24));
    *rival.lock().unwrap() = Some(Batch::new().with(Change::Move {
        subject: ids.submission.parse::<SubmissionId>().unwrap().into(),
        from: State::Submitted,
        to: State::Accepted,
        at: bench.clock.now(),
    }));
    let deadlines = Deadlines::new(bench.context.clone(), Retention::default());
    let done = deadlines.round().await.unwrap();
    assert_eq!((done.rejected, done.deleted, done.left), (0, 0, 1));
    assert_eq!(bench.stored(&ids).await.state, State::Accepted);
    assert_eq!(
        bench.log(&ids).await,
        ["create-submission", "submit-submission"]
    );
    assert_eq!(deadlines.round().await.unwrap(), Round::default());
}
