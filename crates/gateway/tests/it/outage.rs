//! The store fails, somebody else is faster, or there is too much to do: nothing is promised, nothing is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_gateway::CryptoPool;
use amtsbote_model::submission::State;
use amtsbote_model::{DestinationStatus, ReplyId, SubmissionId, Timestamp};
use amtsbote_store::{
    Attachment, Batch, Change, Committed, Error, Ledger, MemoryStore, Page, Reply, SubmissionFilter,
};

use crate::bench::{Bench, Ids, new_attachment, sealed};
use crate::tricked::{Trick, Tricked};

/// A store whose disk can be taken away, or where somebody else writes first.
struct Frail {
    broken: Arc<AtomicBool>,
    rival: Rival,
}

/// What somebody else writes just before the next commit.
type Rival = Arc<Mutex<Option<Change>>>;

impl Trick for Frail {
    fn commit<'a>(
        &'a self,
        whole: &'a MemoryStore,
        batch: Batch,
    ) -> Reply<'a, Result<Committed, Error>> {
        if self.broken.load(Ordering::SeqCst) {
            let wait = Duration::from_secs(7);
            let error = Error::Unavailable {
                reason: "disk full".into(),
                retry_after: Some(wait),
            };
            return Box::pin(async { Err(error) });
        }
        let rival = self.rival.lock().unwrap().take();
        Box::pin(async move {
            if let Some(change) = rival {
                let committed = whole.commit(Batch::new().with(change)).await?;
                assert_eq!(committed, Committed::Done);
            }
            whole.commit(batch).await
        })
    }
}

async fn frail() -> (Bench, Arc<AtomicBool>, Rival) {
    let broken = Arc::new(AtomicBool::new(false));
    let rival = Rival::default();
    let whole = Arc::new(MemoryStore::new());
    let store = Tricked {
        whole: whole.clone(),
        trick: Frail {
            broken: broken.clone(),
            rival: rival.clone(),
        },
    };
    let bench = Bench::over(whole, |parts| parts.store = Arc::new(store)).await;
    (bench, broken, rival)
}

#[tokio::test]
async fn without_a_durable_write_there_is_no_success() {
    let (bench, broken, _) = frail().await;
    let id = new_attachment();
    let ids = bench.announce("v2", &[id]).await;
    broken.store(true, Ordering::SeqCst);

    let announced = bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&bench.announcement("v2", &[]))
        .await;
    announced.refuses(503, "store-unavailable");
    assert_eq!(announced.header("retry-after"), "7");
    bench
        .upload(&ids, id, sealed(b"x", "application/pdf"))
        .await
        .refuses(503, "store-unavailable");
    // Its row may come back when the store is opened again: the sweep decides.
    assert_eq!(bench.blob_count().await, 1);
    broken.store(false, Ordering::SeqCst);
    bench
        .upload(&ids, id, sealed(b"x", "application/pdf"))
        .await
        .expect(204);
    broken.store(true, Ordering::SeqCst);
    bench.submit(&ids).await.refuses(503, "store-unavailable");
    assert_eq!(bench.stored(&ids).await.state, State::Created);
    broken.store(false, Ordering::SeqCst);
    bench.submit(&ids).await.expect(200);
    broken.store(true, Ordering::SeqCst);
    bench.accept(&ids).await.refuses(503, "store-unavailable");
    assert_eq!(bench.stored(&ids).await.state, State::Submitted);
    assert_eq!(
        bench.log(&ids).await,
        ["create-submission", "submit-submission"]
    );
}

#[tokio::test]
async fn a_list_is_answered_even_if_it_cannot_be_noted_and_noted_later() {
    let (bench, broken, _) = frail().await;
    let ids = bench.submitted("v2", &[]).await;
    broken.store(true, Ordering::SeqCst);
    let list = || bench.get("/submission-api/v2/submissions").by("subscriber");
    assert_eq!(list().await.expect(200).json()["totalCount"], 1);
    assert_eq!(bench.log(&ids).await.len(), 2);
    broken.store(false, Ordering::SeqCst);
    list().await.expect(200);
    assert_eq!(bench.log(&ids).await[2], "notify-submission");
}

#[tokio::test]
async fn two_gateways_over_one_store_note_a_list_once() {
    let bench = Bench::new().await;
    let other = Bench::over(bench.store.clone(), |parts| {
        parts.identity.tokens = bench.context.identity().tokens.clone();
    })
    .await;
    let ids = bench.submitted("v2", &[]).await;
    for gateway in [&bench, &other] {
        gateway
            .get("/submission-api/v2/submissions")
            .by("subscriber")
            .await
            .expect(200);
        gateway.settled().await;
    }
    let names = [
        "create-submission",
        "submit-submission",
        "notify-submission",
    ];
    assert_eq!(bench.log(&ids).await, names);
}

#[tokio::test]
async fn too_much_signing_at_a_time_is_refused_at_once() {
    let pool = CryptoPool::new(1, 1);
    let bench = Bench::of({
        let pool = pool.clone();
        move |parts| parts.crypto = pool
    })
    .await;
    let body = bench.announcement("v2", &[]);
    let announce = || async {
        bench
            .post("/submission-api/v2/submissions")
            .by("sender")
            .json(&body)
            .await
    };
    // Takes the only place until it is told to end.
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (began, has_begun) = tokio::sync::oneshot::channel::<()>();
    let busy = tokio::spawn(async move {
        pool.run(move || {
            let _ = began.send(());
            wait.recv()
        })
        .await
    });
    has_begun.await.unwrap();
    let refused = announce().await;
    refused.refuses(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "2");
    release.send(()).unwrap();
    assert!(busy.await.unwrap().is_ok());
    announce().await.expect(201);
    let filter = SubmissionFilter::Stale {
        state: State::Created,
        before: Timestamp::from_millis(i64::MAX),
    };
    let listed = bench
        .store
        .submissions(
            &filter,
            Page {
                offset: 0,
                limit: 1,
            },
        )
        .await
        .unwrap();
    assert_eq!(listed.total, 1);
}

fn moved(bench: &Bench, ids: &Ids, from: State, to: State) -> Change {
    let subject = ids.submission.parse::<SubmissionId>().unwrap().into();
    let at = bench.context.now();
    Change::Move {
        subject,
        from,
        to,
        at,
    }
}

#[tokio::test]
async fn a_submit_under_which_an_attachment_changes_names_the_new_one() {
    let (bench, _, rival) = frail().await;
    let id = new_attachment();
    let ids = bench.announce("v2", &[id]).await;
    bench
        .upload(&ids, id, sealed(b"x", "application/pdf"))
        .await
        .expect(204);
    let attachment = Attachment {
        id,
        blob: "another-blob".parse().unwrap(),
        size_bytes: 1000,
        tag: "AAAAAAAAAAAAAAAAAAAAAA".into(),
    };
    let subject = ids.submission.parse::<SubmissionId>().unwrap().into();
    *rival.lock().unwrap() = Some(Change::Attach {
        subject,
        attachment,
    });
    bench.submit(&ids).await.expect(200);
    let tags = &bench.submit_payload(&ids).await["authenticationTags"];
    assert_eq!(
        tags["attachments"][id.to_string()],
        "AAAAAAAAAAAAAAAAAAAAAA"
    );
    let names = ["create-submission", "submit-submission"];
    assert_eq!(bench.log(&ids).await, names);
}

#[tokio::test]
async fn an_upload_that_comes_too_late_leaves_nothing() {
    let (bench, _, rival) = frail().await;
    let id = new_attachment();
    let ids = bench.announce("v2", &[id]).await;
    *rival.lock().unwrap() = Some(moved(&bench, &ids, State::Created, State::Deleted));
    bench
        .upload(&ids, id, sealed(b"x", "application/pdf"))
        .await
        .refuses(422, "submission-closed");
    assert_eq!(bench.blob_count().await, 0);
}

#[tokio::test]
async fn an_acceptance_that_comes_second_conflicts() {
    let (bench, _, rival) = frail().await;
    let ids = bench.submitted("v2", &[]).await;
    *rival.lock().unwrap() = Some(moved(&bench, &ids, State::Submitted, State::Rejected));
    bench.accept(&ids).await.refuses(409, "illegal-step");
    assert_eq!(bench.stored(&ids).await.state, State::Rejected);
    assert_eq!(bench.log(&ids).await.len(), 2);
}

#[tokio::test]
async fn a_destination_that_closes_meanwhile_takes_no_announcement() {
    let (bench, _, rival) = frail().await;
    let old = bench
        .store
        .destination(bench.destination)
        .await
        .unwrap()
        .unwrap();
    let mut new = old.clone();
    new.status = DestinationStatus::Inactive;
    *rival.lock().unwrap() = Some(Change::PutDestination {
        replaces: Some(Box::new(old)),
        destination: Box::new(new),
    });
    let path = "/submission-api/v2/submissions";
    let answer = bench
        .post(path)
        .by("sender")
        .json(&bench.announcement("v2", &[]))
        .await;
    answer.refuses(422, "destination-state-invalid");
}

#[tokio::test]
async fn a_reply_is_promised_nothing_without_a_durable_write() {
    let (bench, broken, _) = frail().await;
    let ids = bench.submitted("v2", &[]).await;
    let id = new_attachment();
    let reply = bench.announce_reply(&ids, &[id]).await;
    broken.store(true, Ordering::SeqCst);
    bench
        .post("/submission-api/v2/replies")
        .by("subscriber")
        .json(&serde_json::json!({ "caseId": ids.case, "announcedAttachments": [] }))
        .await
        .refuses(503, "store-unavailable");
    let uploaded = bench.upload_to_reply(&reply, id).await;
    uploaded.refuses(503, "store-unavailable");
    assert_eq!(bench.blob_count().await, 1);
    broken.store(false, Ordering::SeqCst);
    bench.upload_to_reply(&reply, id).await.expect(204);

    let body = crate::bench::sealed_body();
    broken.store(true, Ordering::SeqCst);
    let submitted = bench.submit_reply(&reply, &body).await;
    submitted.refuses(503, "store-unavailable");
    assert_eq!(bench.stored_reply(&reply).await.state, State::Created);
    broken.store(false, Ordering::SeqCst);
    bench.submit_reply(&reply, &body).await.expect(200);

    broken.store(true, Ordering::SeqCst);
    let accepted = bench.accept_reply(&reply).await;
    accepted.refuses(503, "store-unavailable");
    assert_eq!(bench.stored_reply(&reply).await.state, State::Submitted);
    broken.store(false, Ordering::SeqCst);
    bench.accept_reply(&reply).await.expect(204);
    assert_eq!(bench.log(&ids).await.last().unwrap(), "accept-reply");
}

#[tokio::test]
async fn a_reply_whose_attachment_moves_under_the_submit_is_decided_anew() {
    let (bench, _, rival) = frail().await;
    let ids = bench.submitted("v2", &[]).await;
    let id = new_attachment();
    let reply = bench.announce_reply(&ids, &[id]).await;
    bench.upload_to_reply(&reply, id).await.expect(204);
    let theirs = Attachment {
        id,
        blob: "another-blob".parse().unwrap(),
        size_bytes: 5,
        tag: "BBBBBBBBBBBBBBBBBBBBBB".into(),
    };
    *rival.lock().unwrap() = Some(Change::Attach {
        subject: reply.reply.parse::<ReplyId>().unwrap().into(),
        attachment: theirs.clone(),
    });
    bench
        .submit_reply(&reply, &crate::bench::sealed_body())
        .await
        .expect(200);
    let tags = bench.reply_tags(&reply).await;
    assert_eq!(
        tags["authenticationTags"]["attachments"][id.to_string()],
        theirs.tag
    );
}
