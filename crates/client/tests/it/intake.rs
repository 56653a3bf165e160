//! The plain intake.

use amtsbote_client::{Fault, Intake};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::Personal;
use serde_json::json;

use super::stage::{SUBMISSION, Say, Stage, ids};

fn body() -> Personal<Vec<u8>> {
    Personal::new(br#"{"data":{"familienname":"Mustermann"}}"#.to_vec())
}

#[tokio::test]
async fn a_plain_submission_is_sent_with_its_repeat_key() {
    let replayed = Say::json(201, &ids()).header("idempotency-replayed", "true");
    let stage = Stage::play([
        Say::json(201, &ids()),
        replayed,
        Say::json(200, &json!({"state": "accepted"})),
    ])
    .await;
    let intake = Intake::new(stage.session(ApiVersion::V2));
    let first = intake.submit(&body(), "antrag-1").await.unwrap();
    let second = intake.submit(&body(), "antrag-1").await.unwrap();
    assert_eq!(
        (first.ids, first.replayed, second.replayed),
        (second.ids, false, true)
    );
    assert_eq!(
        intake.status(first.ids.submission_id).await.unwrap()["state"],
        "accepted"
    );
    assert_eq!(
        stage.lines(),
        [
            "POST /submission-api/intake/v1/submissions".to_owned(),
            "POST /submission-api/intake/v1/submissions".to_owned(),
            format!("GET /submission-api/intake/v1/submissions/{SUBMISSION}"),
        ]
    );
    assert_eq!(stage.asked()[0].header("idempotency-key"), "antrag-1");
    assert_eq!(stage.asked()[0].body, body().reveal().as_slice());
}

#[tokio::test]
async fn findings_come_with_the_refusal() {
    let finding = json!({"at": "/data/familienname", "rule": "minLength", "detail": {"de": "zu kurz", "en": "too short"}});
    let refusal = json!({
        "type": "https://gw.example/problems/schema-violated", "title": "x", "status": 422, "findings": [finding],
    });
    let say = Say::text(422, "application/problem+json", refusal.to_string());
    let stage = Stage::play([say, Say::json(200, &json!({"valid": true}))]).await;
    let intake = Intake::new(stage.session(ApiVersion::V2));
    let fault = intake.validate(&body()).await.unwrap_err();
    let Fault::Refused { code, answered, .. } = fault else {
        panic!("{fault:?}")
    };
    assert_eq!(code.as_deref(), Some("schema-violated"));
    assert_eq!(answered.findings[0].at, "/data/familienname");
    assert_eq!(
        intake.validate(&body()).await.unwrap().answer["valid"],
        true
    );
}

#[tokio::test]
async fn a_repeat_key_that_no_header_can_hold_is_not_sent() {
    let stage = Stage::play([]).await;
    let intake = Intake::new(stage.session(ApiVersion::V2));
    for key in ["", "a b", "ä", &"x".repeat(256)] {
        assert!(intake.submit(&body(), key).await.is_err(), "{key}");
    }
    stage.assert_over(0);
}
