//! What becomes of good submissions, and of verdicts that others have given already.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_agent::{Agent, Parts};
use amtsbote_client::{Posted, Subscriber};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::{
    Claims, EventKind, Issuer, Part, Payload, SetSchema, Subject, Violation,
};
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{sha512_hex, sign};
use amtsbote_model::delivery::{Decision, Delivery, Past, Verdict};
use amtsbote_model::{Clock, DestinationId, EventId};
use amtsbote_store::Deliveries;
use serde_json::json;
use tokio::sync::Notify;

use crate::bench::{Bench, Draft, SIGNING_KEY, UNPUBLISHED_KEY, new_uuid, parcel};
use crate::procedure::Act;

async fn a_submission_with_two_attachments_arrives(version: ApiVersion) {
    let bench = Bench::of(version).await;
    let big: Vec<u8> = (0..700_000_u32).map(|n| (n % 251) as u8).collect();
    let data = json!({ "name": "Ada", "zahl": 7 });
    let ids = bench.send(Draft::with(&data, &[b"%PDF-1.7", &big])).await;

    assert_eq!(bench.round().await, 1);

    bench.assert_finished(&ids).await;
    let arrived = bench.procedure.arrived(parcel(&ids)).unwrap();
    assert_eq!(
        arrived,
        [
            ("antrag.json".to_owned(), data.to_string().into_bytes()),
            ("anlagen/0.bin".to_owned(), b"%PDF-1.7".to_vec()),
            ("anlagen/1.bin".to_owned(), big),
        ]
    );
    let log = bench.log(&ids).await;
    let payload = |kind| log.iter().find(|c| c.kind == kind).unwrap().payload.clone();
    let submitted = payload(EventKind::SubmitSubmission);
    assert!(matches!(&submitted, Payload::Tags(tags) if tags.attachments.len() == 2));
    assert_eq!(payload(EventKind::AcceptSubmission), submitted);
    let outcomes = bench.outcomes.lock().unwrap();
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].verdict, Verdict::Accept);
    assert_eq!(outcomes[0].package.as_deref(), Some("zahl@1.0.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_with_two_attachments_arrives_over_v1() {
    a_submission_with_two_attachments_arrives(ApiVersion::V1).await;
}

#[tokio::test]
async fn a_submission_with_two_attachments_arrives_over_v2() {
    a_submission_with_two_attachments_arrives(ApiVersion::V2).await;
}

#[tokio::test]
async fn a_fragmented_attachment_is_put_together() {
    let bench = Bench::new().await;
    let data = json!({ "name": "Ada", "zahl": 7 });
    let draft = Draft::with(&data, &[b"first ", b"second"]);
    let fragments: Vec<_> = draft.files.iter().map(|file| file.0).collect();
    let draft = draft.metadata(|m| {
        let attachments = &mut m["contentStructure"]["attachments"];
        attachments.as_array_mut().unwrap().truncate(1);
        attachments[0]["attachmentId"] = json!(new_uuid().to_string());
        attachments[0]["fragments"] = json!(fragments);
        attachments[0]["hash"]["content"] = json!(sha512_hex(b"first second"));
    });
    let ids = bench.send(draft).await;
    bench.round().await;
    bench.assert_finished(&ids).await;
    let arrived = bench.procedure.arrived(parcel(&ids)).unwrap();
    assert_eq!(arrived[1].1, b"first second");
}

#[tokio::test]
async fn an_empty_list_is_no_work() {
    let bench = Bench::new().await;
    assert_eq!(bench.round().await, 0);
}

#[tokio::test]
async fn what_is_listed_twice_is_noted_once() {
    let bench = Bench::new().await;
    bench.procedure.will([Act::Unavailable(None)]);
    let ids = bench.send(Draft::good()).await;
    assert_eq!(bench.round().await, 1);
    let before = bench.deliveries.find(ids.submission_id).await.unwrap();
    // It is still on the list, and not due: looking again changes nothing.
    assert_eq!(bench.round().await, 0);
    let after = bench.deliveries.find(ids.submission_id).await.unwrap();
    assert_eq!(before, after);
    assert!(matches!(
        after.unwrap().delivery,
        Delivery::Waiting { past, .. } if past.tries == 1
    ));
}

#[tokio::test]
async fn two_destinations_are_served_and_a_third_is_left_alone() {
    let bench = Bench::new().await;
    let others = [(); 2].map(|()| DestinationId::from_uuid(new_uuid()));
    for id in others {
        bench.put_destination(id).await;
    }
    let first = bench.send(Draft::good()).await;
    let second = bench.send(Draft::good().to(others[0])).await;
    let third = bench.send(Draft::good().to(others[1])).await;
    let mut parts = bench.parts();
    parts.destinations.push(bench.served(others[0]));

    assert_eq!(Agent::new(parts).run_once().await.unwrap(), 2);

    bench.assert_finished(&first).await;
    bench.assert_finished(&second).await;
    assert_eq!(
        bench.events(&third).await,
        ["create-submission", "submit-submission"]
    );
    let row = bench.deliveries.find(third.submission_id).await.unwrap();
    assert_eq!(row, None);
}

async fn rejects(bench: &Bench, ids: &SubmissionRef) {
    let claims = Claims {
        schema: Some(SetSchema::CURRENT),
        id: EventId::from_uuid(new_uuid()),
        issuer: Issuer::Destination(ids.destination_id),
        issued_at: bench.clock.now(),
        subject: Subject::Submission(ids.submission_id),
        case_id: ids.case_id,
        kind: EventKind::RejectSubmission,
        payload: Payload::Problems(vec![
            Violation::TechnicalError.problem(Part::Other, "von Hand"),
        ]),
    };
    let token = sign(
        claims.body().to_string().as_bytes(),
        &SIGNING_KEY,
        "secevent+jwt",
    );
    let subscriber = Subscriber::new(bench.session("subscriber"));
    let posted = subscriber.post_event(ids.case_id, &token.unwrap()).await;
    assert_eq!(posted.unwrap(), Posted::Done);
}

#[tokio::test]
async fn somebody_elses_answer_during_the_hand_over_ends_the_delivery() {
    let bench = Bench::new().await;
    let word = Arc::new(Notify::new());
    bench.procedure.will([Act::Waits(word.clone())]);
    let ids = bench.send(Draft::good()).await;
    tokio::join!(async { assert_eq!(bench.round().await, 1) }, async {
        bench.procedure.called.notified().await;
        rejects(&bench, &ids).await;
        word.notify_one();
    });
    assert_eq!(bench.delivery(&ids).await.name(), "done");
    let events = bench.events(&ids).await;
    assert_eq!(events.last().unwrap(), "reject-submission");
    assert_eq!(events.len(), 3);
}

#[tokio::test]
async fn somebody_elses_answer_before_the_try_ends_it_without_effect() {
    let bench = Bench::new().await;
    bench.procedure.will([Act::Unavailable(None)]);
    let ids = bench.send(Draft::good()).await;
    bench.round().await;
    rejects(&bench, &ids).await;
    bench.turn(Duration::from_mins(1));
    assert_eq!(bench.round().await, 1);
    assert!(matches!(
        bench.delivery(&ids).await,
        Delivery::Done {
            verdict: Verdict::Reject,
            ..
        }
    ));
    assert_eq!(bench.procedure.count(), 0);
}

#[tokio::test]
async fn a_decided_row_without_an_event_asks_the_log() {
    // As left by a process that died after it had found somebody else's answer.
    let bench = Bench::new().await;
    bench.procedure.will([Act::Unavailable(None)]);
    let ids = bench.send(Draft::good()).await;
    bench.round().await;
    rejects(&bench, &ids).await;
    let row = bench.deliveries.find(ids.submission_id).await.unwrap();
    let decided = Delivery::Decided {
        at: bench.clock.now(),
        held: None,
        decision: Decision {
            verdict: Verdict::Reject,
            event: String::new(),
        },
        past: Past::default(),
    };
    bench
        .deliveries
        .swap(ids.submission_id, row.unwrap().revision, decided)
        .await
        .unwrap();
    bench.round().await;
    assert_eq!(bench.delivery(&ids).await.name(), "done");
}

#[tokio::test]
async fn an_event_that_the_service_does_not_take_is_signed_anew() {
    let bench = Bench::new().await;
    let ids = bench.send(Draft::good()).await;
    let mut parts: Parts = bench.parts();
    parts.destinations[0].signing = UNPUBLISHED_KEY.clone();
    Agent::new(parts).run_once().await.unwrap();
    assert_eq!(bench.delivery(&ids).await.name(), "decided");
    // The right key is put into the settings.
    for _ in 0..2 {
        bench.turn(Duration::from_mins(11));
        assert_eq!(bench.round().await, 1);
    }
    bench.assert_finished(&ids).await;
    assert_eq!(bench.procedure.calls_of(parcel(&ids)), 1);
}
