//! A subscriber's way, v1 and v2.

use std::time::Duration;

use amtsbote_client::{Fault, Posted, Subscriber};
use amtsbote_fit_connect::{ApiVersion, Paging};
use serde_json::json;

use super::stage::{ATTACHMENT, CASE, DESTINATION, SUBMISSION, Say, Stage, ids, problem};

async fn check(version: ApiVersion) {
    let mut submission = ids();
    submission["attachments"] = json!([ATTACHMENT]);
    submission[version.service_member()] =
        json!({"identifier": "urn:de:fim:leika:leistung:99102013002000", "name": "x"});
    submission["encryptedMetadata"] = json!("a.b.c.d.e");
    submission["encryptedData"] = json!("f.g.h.i.j");
    let stage = Stage::play([
        Say::json(
            200,
            &json!({"count": 1, "offset": 0, "totalCount": 1, "submissions": [ids()]}),
        ),
        Say::json(200, &submission),
        Say::text(200, "application/jose", "k.l.m.n.o"),
        Say::empty(204),
    ])
    .await;
    let subscriber = Subscriber::new(stage.session(version));
    let destination = Some(DESTINATION.parse().unwrap());
    let list = subscriber
        .pickup(
            destination,
            Paging {
                offset: 0,
                limit: 50,
            },
            Duration::from_secs(20),
        )
        .await
        .unwrap();
    let waiting = list.submissions[0];
    let fetched = subscriber.fetch(waiting.submission_id).await.unwrap();
    assert_eq!(fetched.encrypted_metadata.as_str(), "a.b.c.d.e");
    let mut sink = Vec::new();
    let attachment = ATTACHMENT.parse().unwrap();
    assert_eq!(
        subscriber
            .download_to(waiting.submission_id, attachment, &mut sink)
            .await
            .unwrap(),
        9
    );
    assert_eq!(sink, b"k.l.m.n.o");
    assert_eq!(
        subscriber
            .post_event(waiting.case_id, "x.y.z")
            .await
            .unwrap(),
        Posted::Done
    );

    let v = version.segment();
    assert_eq!(
        stage.lines(),
        [
            format!(
                "GET /submission-api/{v}/submissions?offset=0&limit=50&destinationId={DESTINATION}"
            ),
            format!("GET /submission-api/{v}/submissions/{SUBMISSION}"),
            format!("GET /submission-api/{v}/submissions/{SUBMISSION}/attachments/{ATTACHMENT}"),
            format!("POST /submission-api/{v}/cases/{CASE}/events"),
        ]
    );
    let asked = stage.asked();
    assert_eq!(asked[0].header("prefer"), "wait=20");
    assert_eq!(
        (asked[3].header("content-type"), asked[3].body.as_slice()),
        ("application/jose", b"x.y.z".as_slice())
    );
    stage.assert_over(4);
}

#[tokio::test]
async fn a_submission_is_received_under_v1() {
    check(ApiVersion::V1).await;
}

#[tokio::test]
async fn a_submission_is_received_under_v2() {
    check(ApiVersion::V2).await;
}

#[tokio::test]
async fn without_a_wait_there_is_no_preference() {
    let stage = Stage::play([Say::json(200, &json!({"submissions": []}))]).await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V1));
    subscriber
        .pickup(None, Paging::default(), Duration::from_millis(900))
        .await
        .unwrap();
    assert_eq!(stage.asked()[0].headers.get("prefer"), None);
    assert_eq!(
        stage.lines(),
        ["GET /submission-api/v1/submissions?offset=0&limit=100"]
    );
}

#[tokio::test]
async fn an_event_that_does_not_follow_is_an_answer() {
    let stage = Stage::play([problem(409, "about:blank"), problem(422, "about:blank")]).await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V2));
    let case = CASE.parse().unwrap();
    assert_eq!(
        subscriber.post_event(case, "x.y.z").await.unwrap(),
        Posted::IllegalStep
    );
    let fault = subscriber.post_event(case, "x.y.z").await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Refused { status: 422, code: Some(code), .. } if code == "blank"),
        "{fault:?}"
    );
}

#[tokio::test]
async fn a_download_renews_its_token_once() {
    let stage = Stage::play([
        Say::empty(401),
        Say::text(200, "application/jose", "k.l.m.n.o"),
    ])
    .await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V2));
    let mut stream = subscriber
        .download(SUBMISSION.parse().unwrap(), ATTACHMENT.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(stream.length(), Some(9));
    assert_eq!(stream.next().await.unwrap().unwrap(), "k.l.m.n.o");
    assert_eq!(stream.next().await.unwrap(), None);
    stage.assert_over(2);
}

#[tokio::test]
async fn another_submission_than_asked_for_is_malformed() {
    let mut other = ids();
    other["submissionId"] = json!(CASE);
    other["serviceType"] = json!({"identifier": "urn:de:x:y", "name": ""});
    other["encryptedMetadata"] = json!("a.b.c.d.e");
    let stage = Stage::play([Say::json(200, &other)]).await;
    let fault = Subscriber::new(stage.session(ApiVersion::V1))
        .fetch(SUBMISSION.parse().unwrap())
        .await
        .unwrap_err();
    assert!(fault.to_string().contains("another submission"), "{fault}");
}
