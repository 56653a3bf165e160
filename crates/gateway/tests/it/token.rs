//! `POST /token`, and what tokens are good for.

use std::time::Duration;

use crate::bench::{Bench, SECRET};

const SEND: &str = "https://schema.fitko.de/fit-connect/oauth/scopes/send-submissions";

fn form(client: &str, secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={client}&client_secret={secret}")
}

#[tokio::test]
async fn a_token_from_the_endpoint_opens_the_api() {
    let bench = Bench::new().await;
    let answer = bench.post("/token").form(&form("sender", SECRET)).await;
    answer.expect(200);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 1800);
    assert_eq!(body["scope"], SEND);
    assert_eq!(answer.header("cache-control"), "no-store");

    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let path = "/submission-api/v2/submissions";
    let announcement = bench.announcement("v2", &[]);
    bench
        .post(path)
        .header("authorization", &bearer)
        .json(&announcement)
        .await
        .expect(201);

    bench.clock.turn(Duration::from_mins(30));
    bench
        .post(path)
        .header("authorization", &bearer)
        .json(&announcement)
        .await
        .refuses(401, "token-refused");
}

#[tokio::test]
async fn oauth_errors_are_those_of_rfc_6749() {
    let bench = Bench::new().await;
    for (form, status, error) in [
        (form("sender", "wrong"), 401, "invalid_client"),
        (form("nobody", SECRET), 401, "invalid_client"),
        (
            "grant_type=client_credentials".to_owned(),
            401,
            "invalid_client",
        ),
        (
            "grant_type=password&client_id=sender&client_secret=x".to_owned(),
            400,
            "unsupported_grant_type",
        ),
        (String::new(), 400, "invalid_request"),
        (
            form("sender", SECRET) + "&client_id=sender",
            400,
            "invalid_request",
        ),
        (
            form("sender", SECRET) + "&scope=create:destination",
            400,
            "invalid_scope",
        ),
        (
            form("sender", SECRET) + "&scope=bogus",
            400,
            "invalid_scope",
        ),
        ("x".repeat(20_000), 400, "invalid_request"),
    ] {
        let answer = bench.post("/token").form(&form).await;
        answer.expect(status);
        assert_eq!(answer.json()["error"], error, "{form:.80}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let answer = bench.post("/token").body("application/json", "{}").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
}

#[tokio::test]
async fn http_basic_is_not_a_way_to_authenticate() {
    let bench = Bench::new().await;
    let basic = bench
        .post("/token")
        .header("authorization", "Basic c2VuZGVyOng=");
    let answer = basic.form("grant_type=client_credentials").await;
    answer.expect(401);
    assert_eq!(answer.json()["error"], "invalid_client");
}

#[tokio::test]
async fn a_token_of_another_house_or_another_scheme_is_refused() {
    let bench = Bench::new().await;
    let other = Bench::new().await;
    let path = "/submission-api/v1/submissions";
    let foreign = format!("Bearer {}", other.bearer("subscriber"));
    bench
        .get(path)
        .header("authorization", &foreign)
        .await
        .refuses(401, "token-refused");
    bench
        .get(path)
        .header("authorization", "Bearer x.y.z")
        .await
        .refuses(401, "token-refused");
    let missing = bench.get(path).header("authorization", "Basic eDp5").await;
    missing.refuses(401, "token-missing");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
}
