//! Every way in which a service can fail us, and what is made of it.

use std::time::Duration;

use amtsbote_client::{Fault, Service, Silence, Subscriber};
use amtsbote_fit_connect::ApiVersion;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use super::stage::{ATTACHMENT, SUBMISSION, Say, Stage, problem};

const SHORT: Duration = Duration::from_millis(100);

async fn fetch(say: Say) -> Fault {
    let stage = Stage::play([say]).await;
    let subscriber = Subscriber::new(stage.session_within(ApiVersion::V1, Duration::from_secs(2)));
    let fault = subscriber
        .fetch(SUBMISSION.parse().unwrap())
        .await
        .unwrap_err();
    stage.assert_over(1);
    fault
}

async fn download(say: Say, patience: Duration) -> Fault {
    let stage = Stage::play([say]).await;
    let subscriber = Subscriber::new(stage.session_within(ApiVersion::V1, patience));
    let (submission, attachment) = (SUBMISSION.parse().unwrap(), ATTACHMENT.parse().unwrap());
    let fault = subscriber
        .download_to(submission, attachment, &mut tokio::io::sink())
        .await
        .unwrap_err();
    stage.assert_over(1);
    fault
}

/// `name` or `name status` or `name seconds`.
fn summary(fault: &Fault) -> String {
    match fault {
        Fault::Unavailable {
            retry_after: Some(wait),
            ..
        } => format!("unavailable {}", wait.as_secs()),
        Fault::Unavailable {
            silence: Silence::Connection(_),
            ..
        } => "unavailable connection".into(),
        Fault::Unavailable { .. } => "unavailable".into(),
        Fault::Refused { status, .. } => format!("refused {status}"),
        Fault::NotFound => "not found".into(),
        Fault::Malformed { .. } => "malformed".into(),
        Fault::Misconfigured(_) => "misconfigured".into(),
        Fault::OwnEnd(_) => "own end".into(),
    }
}

async fn check(say: Say, expected: &str) {
    assert_eq!(summary(&fetch(say).await), expected);
}

#[tokio::test]
async fn statuses_are_told_apart_by_what_comes_next() {
    check(Say::empty(500), "unavailable").await;
    check(
        Say::empty(503).header("retry-after", "120"),
        "unavailable 120",
    )
    .await;
    check(
        Say::empty(503).header("retry-after", "Mon, 23 Nov 2026 08:01:00 GMT"),
        "unavailable 60",
    )
    .await;
    check(
        Say::empty(429).header("retry-after", "999999999"),
        "unavailable 86400",
    )
    .await;
    check(Say::empty(429).header("retry-after", "bald"), "unavailable").await;
    check(Say::empty(413), "refused 413").await;
    check(Say::empty(413).header("retry-after", "5"), "unavailable 5").await;
    check(problem(404, "about:blank"), "not found").await;
    check(problem(403, "about:blank"), "refused 403").await;
    check(Say::empty(400), "refused 400").await;
    check(
        Say::empty(302).header("location", "http://127.0.0.1:1/"),
        "refused 302",
    )
    .await;
}

#[tokio::test]
async fn what_is_not_the_protocol_is_malformed() {
    check(Say::text(200, "text/html", "<html>"), "malformed").await;
    check(
        Say::text(200, "text/html", r#"{"submissions":[]}"#),
        "malformed",
    )
    .await;
    check(Say::empty(200), "malformed").await;
    check(
        Say::text(200, "application/json", "{\"destinationId\": "),
        "malformed",
    )
    .await;
    check(Say::json(200, &json!([])), "malformed").await;
    check(Say::json(200, &json!({"submissionId": 7})), "malformed").await;
    check(
        Say::text(200, "application/json", " ".repeat(10_001)),
        "malformed",
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_is_cut_is_unavailable() {
    let cut = stream::iter([
        Ok(Bytes::from("{\"a\":")),
        Err(std::io::Error::other("cut")),
    ]);
    check(
        Say::text(200, "application/json", Body::from_stream(cut)),
        "unavailable connection",
    )
    .await;
}

#[tokio::test]
async fn an_endless_answer_is_left_at_the_bound() {
    let endless =
        stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1000])));
    check(
        Say::text(200, "application/json", Body::from_stream(endless)),
        "malformed",
    )
    .await;
    let endless =
        stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 1000])));
    let fault = download(
        Say::text(200, "application/jose", Body::from_stream(endless)),
        Duration::from_secs(20),
    )
    .await;
    assert_eq!(summary(&fault), "malformed");
}

#[tokio::test]
async fn silence_ends_in_time() {
    let silent =
        || stream::iter([Ok::<_, std::io::Error>(Bytes::from("a."))]).chain(stream::pending());
    let stage = Stage::play([Say::text(
        200,
        "application/json",
        Body::from_stream(silent()),
    )])
    .await;
    let subscriber = Subscriber::new(stage.session_within(ApiVersion::V1, SHORT));
    let fault = subscriber
        .fetch(SUBMISSION.parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(summary(&fault), "unavailable connection");
    let fault = download(
        Say::text(200, "application/jose", Body::from_stream(silent())),
        SHORT,
    )
    .await;
    assert_eq!(summary(&fault), "unavailable connection");
}

#[tokio::test]
async fn a_download_that_is_cut_or_no_attachment_is_no_success() {
    let cut = stream::iter([Ok(Bytes::from("a.b.")), Err(std::io::Error::other("cut"))]);
    let patience = Duration::from_secs(20);
    let fault = download(
        Say::text(200, "application/jose", Body::from_stream(cut)),
        patience,
    )
    .await;
    assert_eq!(summary(&fault), "unavailable connection");
    let fault = download(Say::text(200, "text/html", "<html>"), patience).await;
    assert_eq!(summary(&fault), "malformed");
    let fault = download(Say::empty(503).header("retry-after", "9"), patience).await;
    assert_eq!(summary(&fault), "unavailable 9");
    let fault = download(problem(404, "about:blank"), patience).await;
    assert_eq!(summary(&fault), "not found");
    let fault = download(
        Say::text(200, "application/jose", "a".repeat(100_001)),
        patience,
    )
    .await;
    assert_eq!(summary(&fault), "malformed");
}

#[tokio::test]
async fn a_long_problem_still_counts_by_its_status() {
    let say = Say::text(403, "application/problem+json", "x".repeat(300_000));
    assert_eq!(summary(&fetch(say).await), "refused 403");
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_from_a_service_that_is_away() {
    let stage = Stage::play([]).await;
    // The stage speaks plain http, which is refused unless the settings allow it.
    let session = stage.session_strict(ApiVersion::V1);
    let fault = session.probe().await.unwrap_err();
    assert_eq!(summary(&fault), "misconfigured");
    assert!(stage.token_forms().is_empty());
}

#[test]
fn a_base_address_has_no_query_and_no_credentials() {
    let token = || "https://auth.example/token".parse().unwrap();
    for (base, good) in [
        ("https://service.example/submission-api", true),
        ("https://service.example/submission-api/", true),
        ("https://service.example/?a=b", false),
        ("https://user:geheim@service.example/", false),
        ("ftp://service.example/", false),
        ("https://service.example/#a", false),
    ] {
        let service = Service::new(base.parse().unwrap(), token(), ApiVersion::V1);
        assert_eq!(service.is_ok(), good, "{base}");
        if let Ok(service) = service {
            assert!(!service.expected_issuer().ends_with('/'));
        }
    }
}
