//! Tokens: fetched, kept, renewed once.

use amtsbote_client::{Fault, Subscriber};
use amtsbote_fit_connect::{ApiVersion, Paging};
use serde_json::json;
use std::time::Duration;

use super::stage::{Say, Stage, token};

fn nothing() -> Say {
    Say::json(
        200,
        &json!({"count": 0, "offset": 0, "totalCount": 0, "submissions": []}),
    )
}

async fn list(subscriber: &Subscriber) -> Result<usize, Fault> {
    let list = subscriber
        .pickup(None, Paging::default(), Duration::ZERO)
        .await?;
    Ok(list.submissions.len())
}

fn bearers(stage: &Stage) -> Vec<String> {
    stage
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").to_owned())
        .collect()
}

#[tokio::test]
async fn a_token_is_asked_for_by_form_and_kept() {
    let stage = Stage::play([nothing(), nothing()]).await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V1));
    list(&subscriber).await.unwrap();
    list(&subscriber).await.unwrap();
    assert_eq!(
        stage.token_forms(),
        ["grant_type=client_credentials&client_id=client-1&client_secret=geheim"]
    );
    assert_eq!(bearers(&stage), ["Bearer token-1", "Bearer token-1"]);
    assert_eq!(stage.asked()[0].header("user-agent"), "amtsbote-test");
}

#[tokio::test]
async fn a_token_is_not_used_in_its_last_thirty_seconds() {
    let stage = Stage::play([nothing(), nothing(), nothing()]).await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V1));
    list(&subscriber).await.unwrap();
    stage.clock.turn(1769);
    list(&subscriber).await.unwrap();
    stage.clock.turn(1);
    list(&subscriber).await.unwrap();
    assert_eq!(
        bearers(&stage),
        ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    );
}

#[tokio::test]
async fn a_token_that_is_no_longer_taken_is_renewed_once() {
    let stage = Stage::play([Say::empty(401), nothing()]).await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V1));
    assert_eq!(list(&subscriber).await.unwrap(), 0);
    assert_eq!(bearers(&stage), ["Bearer token-1", "Bearer token-2"]);
    stage.assert_over(2);
}

#[tokio::test]
async fn a_second_refusal_is_final() {
    let stage = Stage::play([Say::empty(401), Say::empty(401)]).await;
    let fault = list(&Subscriber::new(stage.session(ApiVersion::V1)))
        .await
        .unwrap_err();
    assert!(
        matches!(fault, Fault::Refused { status: 401, .. }),
        "{fault:?}"
    );
    stage.assert_over(2);
}

#[tokio::test]
async fn many_callers_cause_one_fetch() {
    let stage = Stage::play([nothing(), nothing(), nothing()]).await;
    let subscriber = Subscriber::new(stage.session(ApiVersion::V1));
    let (a, b, c) = tokio::join!(list(&subscriber), list(&subscriber), list(&subscriber));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(stage.token_forms().len(), 1);
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_the_code_of_oauth() {
    let refusal = Say::json(
        401,
        &json!({"error": "invalid_client", "error_description": "x"}),
    );
    let stage = Stage::play([]).await.tokens([refusal]);
    let fault = stage.session(ApiVersion::V2).probe().await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Refused { status: 401, code: Some(code), .. } if code == "invalid_client"),
        "{fault:?}"
    );
    assert!(!format!("{fault:?} {fault}").contains("geheim"));
}

#[tokio::test]
async fn a_missing_token_endpoint_is_a_refusal_and_a_busy_one_is_not() {
    let busy = Say::empty(503).header("retry-after", "7");
    let stage = Stage::play([]).await.tokens([Say::empty(404), busy]);
    let session = stage.session(ApiVersion::V2);
    let fault = session.probe().await.unwrap_err();
    assert!(
        matches!(fault, Fault::Refused { status: 404, .. }),
        "{fault:?}"
    );
    let fault = session.probe().await.unwrap_err();
    let seven = Some(Duration::from_secs(7));
    assert!(
        matches!(fault, Fault::Unavailable { retry_after, .. } if retry_after == seven),
        "{fault:?}"
    );
}

#[tokio::test]
async fn what_is_no_bearer_token_is_malformed() {
    for answer in [
        json!({}),
        json!({"access_token": "x", "token_type": "mac"}),
        token("line\nbreak", 9000),
    ] {
        let stage = Stage::play([nothing()])
            .await
            .tokens([Say::json(200, &answer)]);
        let fault = list(&Subscriber::new(stage.session(ApiVersion::V1)))
            .await
            .unwrap_err();
        assert!(
            matches!(fault, Fault::Malformed { .. }),
            "{answer} {fault:?}"
        );
        assert_eq!(stage.lines(), [""; 0]);
    }
}

#[tokio::test]
async fn sessions_print_neither_secret_nor_token() {
    let stage = Stage::play([]).await;
    let session = stage.session(ApiVersion::V1);
    session.probe().await.unwrap();
    let text = format!("{session:?}");
    assert!(
        text.contains("client-1") && !text.contains("geheim") && !text.contains("token-1"),
        "{text}"
    );
}
