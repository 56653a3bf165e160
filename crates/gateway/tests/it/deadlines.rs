//! Deadlines, with a clock turned by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use amtsbote_gateway::{Deadlines, Orphans, Retention, Round};
use amtsbote_model::{AttachmentId, Callback, Clock, Secret, SubmissionId, Timestamp};
use amtsbote_store::{Ledger, Reply};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{Bench, Ids, sealed};

const HOUR: Duration = Duration::from_hours(1);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn round(bench: &Bench) -> (u64, u64) {
    let done = Deadlines::new(bench.context.clone(), Retention::default())
        .round()
        .await
        .unwrap();
    assert_eq!(done.left, 0);
    (done.rejected, done.deleted)
}

async fn state(bench: &Bench, ids: &Ids) -> String {
    bench.stored(ids).await.state.name().to_owned()
}

async fn has_content(bench: &Bench, ids: &Ids) -> bool {
    bench
        .store
        .content(ids.submission.parse::<SubmissionId>().unwrap().into())
        .await
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn what_is_not_submitted_within_a_day_goes_with_its_attachments() {
    let bench = Bench::new().await;
    let attachment = AttachmentId::from_uuid(Uuid::new_v4());
    let ids = bench.announce("v1", &[attachment]).await;
    bench
        .upload(&ids, attachment, sealed(b"x", "application/pdf"))
        .await
        .expect(204);
    bench.clock.turn(23 * HOUR);
    assert_eq!(round(&bench).await, (0, 0));
    assert_eq!(bench.blob_count().await, 1);
    bench.clock.turn(2 * HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    assert_eq!(state(&bench, &ids).await, "deleted");
    assert_eq!(bench.blob_count().await, 0);
    assert_eq!(
        bench.log(&ids).await,
        ["create-submission", "delete-submission"]
    );
    bench.submit(&ids).await.refuses(422, "submission-closed");
    assert_eq!(round(&bench).await, (0, 0), "once is enough");
}

#[tokio::test]
async fn what_is_not_fetched_is_rejected_after_14_days_and_deleted_after_21() {
    let bench = Bench::new().await;
    let ids = bench
        .submitted("v2", &[AttachmentId::from_uuid(Uuid::new_v4())])
        .await;
    bench.clock.turn(14 * 24 * HOUR);
    assert_eq!(round(&bench).await, (0, 0));
    bench.clock.turn(HOUR);
    assert_eq!(round(&bench).await, (1, 0));
    assert_eq!(state(&bench, &ids).await, "rejected");
    assert!(
        has_content(&bench, &ids).await,
        "the content stays for another week"
    );
    let rejected = bench.claims_in_log(&ids).await.pop().unwrap();
    assert_eq!(
        rejected["iss"],
        "https://amtsbote.example.de/submission-api"
    );
    let problems = &rejected["events"]["https://schema.fitko.de/fit-connect/events/reject-submission"]
        ["problems"];
    assert_eq!(
        problems[0]["type"],
        "https://schema.fitko.de/fit-connect/events/problems/technical-error"
    );
    assert!(problems[0]["detail"].as_str().unwrap().contains("14 days"));

    bench.clock.turn(7 * 24 * HOUR + HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    assert_eq!(state(&bench, &ids).await, "deleted");
    assert!(!has_content(&bench, &ids).await);
    assert_eq!(bench.blob_count().await, 0);
    let log = bench.log(&ids).await;
    assert_eq!(
        log,
        [
            "create-submission",
            "submit-submission",
            "reject-submission",
            "delete-submission"
        ]
    );
}

#[tokio::test]
async fn what_was_accepted_goes_after_a_week() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    bench.clock.turn(13 * 24 * HOUR);
    bench.accept(&ids).await.expect(204);
    bench.clock.turn(7 * 24 * HOUR);
    assert_eq!(round(&bench).await, (0, 0));
    bench.clock.turn(HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    assert!(!has_content(&bench, &ids).await);
    assert_eq!(bench.log(&ids).await.last().unwrap(), "delete-submission");
}

#[tokio::test]
async fn both_sides_are_told_of_what_the_service_does_by_itself() {
    let bench = Bench::new().await;
    bench
        .change_destination(|destination| {
            let url = "https://subscriber.example.org/cb".to_owned();
            destination.callback = Some(Callback {
                url,
                secret: Secret::new(SECRET.to_owned()),
            });
        })
        .await;
    let mut announcement = bench.announcement("v2", &[]);
    announcement["callback"] = json!({ "url": "https://sender.example.org/cb", "secret": SECRET });
    let mut announce = Vec::new();
    for _ in 0..2 {
        let answer = bench
            .post("/submission-api/v2/submissions")
            .by("sender")
            .json(&announcement)
            .await;
        let id = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        announce.push(Ids {
            version: "v2".into(),
            submission: id("submissionId"),
            case: id("caseId"),
        });
    }
    bench.submit(&announce[0]).await.expect(200);
    let events = async || {
        let of_events = |(url, body): (String, Value)| {
            let is_event = body["type"].as_str().unwrap().ends_with("/new-events");
            is_event.then(|| {
                (
                    url,
                    body["submissions"][0]["submissionId"]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                )
            })
        };
        bench
            .notices()
            .await
            .into_iter()
            .filter_map(of_events)
            .collect::<Vec<_>>()
    };
    let [submitted, unsubmitted] = [0, 1].map(|at: usize| announce[at].submission.clone());
    bench.clock.turn(25 * HOUR);
    assert_eq!(round(&bench).await, (0, 1));
    let sender = |id: &String| ("https://sender.example.org/cb".to_owned(), id.clone());
    let subscriber = |id: &String| ("https://subscriber.example.org/cb".to_owned(), id.clone());
    assert_eq!(
        events().await,
        [sender(&unsubmitted)],
        "the subscriber never knew of it"
    );
    bench.clock.turn(14 * 24 * HOUR);
    assert_eq!(round(&bench).await, (1, 0));
    assert_eq!(
        events().await,
        [
            sender(&unsubmitted),
            sender(&submitted),
            subscriber(&submitted)
        ]
    );
}

#[tokio::test]
async fn more_than_one_slice_is_done_in_one_round() {
    let bench = Bench::new().await;
    for _ in 0..120 {
        bench.announce("v2", &[]).await;
    }
    bench.clock.turn(25 * HOUR);
    assert_eq!(round(&bench).await, (0, 120));
}

struct Broom(AtomicI64);

impl Orphans for Broom {
    fn sweep(&self, kept_before: Timestamp) -> Reply<'_, Result<u64, amtsbote_store::Error>> {
        self.0.store(kept_before.as_seconds(), Ordering::SeqCst);
        Box::pin(async { Ok(3) })
    }
}

#[tokio::test]
async fn orphaned_blobs_of_a_day_ago_are_swept() {
    let bench = Bench::new().await;
    let broom = Arc::new(Broom(AtomicI64::new(0)));
    let deadlines =
        Deadlines::new(bench.context.clone(), Retention::default()).sweeping(broom.clone());
    let done = deadlines.round().await.unwrap();
    assert_eq!(
        done,
        Round {
            orphans: 3,
            ..Round::default()
        }
    );
    assert_eq!(
        broom.0.load(Ordering::SeqCst),
        bench.clock.now().as_seconds() - 86_400
    );
}
