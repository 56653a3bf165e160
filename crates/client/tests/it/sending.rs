//! A sender's way, v1 and v2.

use amtsbote_client::{Fault, Sender, Silence};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::submission::{CreateSubmission, Service, SubmitSubmission};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::stage::{ATTACHMENT, CASE, DESTINATION, SUBMISSION, Say, Stage, ids, problem};

const URN: &str = "urn:de:fim:leika:leistung:99102013002000";

fn announcement() -> CreateSubmission {
    CreateSubmission {
        destination_id: DESTINATION.parse().unwrap(),
        announced_attachments: vec![ATTACHMENT.parse().unwrap()],
        service: Service {
            identifier: URN.parse().unwrap(),
            name: Some("Bauantrag".into()),
            description: None,
        },
        region: None,
        case_id: None,
        callback: None,
    }
}

fn sealed() -> SubmitSubmission {
    SubmitSubmission {
        encrypted_metadata: "a.b.c.d.e".parse().unwrap(),
        encrypted_data: Some("f.g.h.i.j".parse().unwrap()),
    }
}

fn reduced(version: ApiVersion) -> Value {
    let mut body = ids();
    body["attachments"] = json!([ATTACHMENT]);
    body[version.service_member()] = json!({"identifier": URN, "name": "Bauantrag"});
    body
}

async fn check(version: ApiVersion, submit_status: u16) {
    let stage = Stage::play([
        Say::json(201, &ids()),
        Say::empty(204),
        Say::json(submit_status, &reduced(version)),
    ])
    .await;
    let sender = Sender::new(stage.session(version));
    let announced = sender.announce(&announcement()).await.unwrap();
    assert_eq!(announced.case_id.to_string(), CASE);
    let pieces = stream::iter([Ok(Bytes::from("k.l.")), Ok(Bytes::from("m.n.o"))]);
    sender
        .upload(
            announced.submission_id,
            ATTACHMENT.parse().unwrap(),
            pieces,
            Some(9),
        )
        .await
        .unwrap();
    let submitted = sender
        .submit(announced.submission_id, &sealed())
        .await
        .unwrap();
    assert_eq!(submitted.service.identifier.to_string(), URN);

    let v = version.segment();
    assert_eq!(
        stage.lines(),
        [
            format!("POST /submission-api/{v}/submissions"),
            format!("PUT /submission-api/{v}/submissions/{SUBMISSION}/attachments/{ATTACHMENT}"),
            format!("PUT /submission-api/{v}/submissions/{SUBMISSION}"),
        ]
    );
    let asked = stage.asked();
    assert_eq!(asked[0].json()[version.service_member()]["identifier"], URN);
    assert_eq!(asked[0].header("content-type"), "application/json");
    assert_eq!(asked[1].body, b"k.l.m.n.o");
    assert_eq!(
        (
            asked[1].header("content-type"),
            asked[1].header("content-length")
        ),
        ("application/jose", "9")
    );
    assert_eq!(
        asked[2].json(),
        json!({"encryptedMetadata": "a.b.c.d.e", "encryptedData": "f.g.h.i.j"})
    );
    stage.assert_over(3);
}

#[tokio::test]
async fn a_submission_is_sent_under_v1() {
    check(ApiVersion::V1, 202).await;
}

#[tokio::test]
async fn a_submission_is_sent_under_v2() {
    check(ApiVersion::V2, 200).await;
}

#[tokio::test]
async fn a_stale_token_during_upload_is_renewed_by_the_next_try() {
    let stage = Stage::play([Say::empty(401), Say::empty(204)]).await;
    let sender = Sender::new(stage.session(ApiVersion::V2));
    let (submission, attachment) = (SUBMISSION.parse().unwrap(), ATTACHMENT.parse().unwrap());
    let pieces = || stream::iter([Ok(Bytes::from("k.l.m.n.o"))]);
    let fault = sender
        .upload(submission, attachment, pieces(), None)
        .await
        .unwrap_err();
    assert!(
        matches!(
            fault,
            Fault::Unavailable {
                silence: Silence::StaleToken,
                ..
            }
        ),
        "{fault:?}"
    );
    sender
        .upload(submission, attachment, pieces(), None)
        .await
        .unwrap();
    assert_eq!(stage.asked()[1].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn a_refused_announcement_tells_its_code() {
    let kind =
        "https://schema.fitko.de/fit-connect/submission-api/problems/destination-state-invalid";
    let stage = Stage::play([problem(422, kind)]).await;
    let fault = Sender::new(stage.session(ApiVersion::V2))
        .announce(&announcement())
        .await
        .unwrap_err();
    let Fault::Refused {
        status,
        code,
        answered,
    } = fault
    else {
        panic!("{fault:?}")
    };
    assert_eq!(
        (status, code.as_deref()),
        (422, Some("destination-state-invalid"))
    );
    assert_eq!(answered.problem.detail.as_deref(), Some("warum"));
}
