//! What is the same is taken in every spelling, and answered in one.

use axum::http::Method;
use serde_json::json;

use crate::bench::{Bench, Ids, new_attachment, sealed, sealed_body, signed};

fn spellings(id: &str) -> [String; 3] {
    [
        id.to_uppercase(),
        id.replace('-', ""),
        id.to_uppercase().replace('-', ""),
    ]
}

#[tokio::test]
async fn uuids_come_without_dashes_and_in_capitals_and_go_out_canonical() {
    let bench = Bench::new().await;
    for version in ["v1", "v2"] {
        for place in 0..3 {
            let spelled = |id: &str| spellings(id)[place].clone();
            let api = format!("/submission-api/{version}");
            let attachment = new_attachment();
            let mut body = bench.announcement(version, &[]);
            body["destinationId"] = spelled(&bench.destination.to_string()).into();
            body["announcedAttachments"] = json!([spelled(&attachment.to_string())]);
            let announced = bench
                .post(&format!("{api}/submissions"))
                .by("sender")
                .json(&body)
                .await;
            let announced = announced.expect(201).json();
            assert_eq!(announced["destinationId"], bench.destination.to_string());
            let id = |name: &str| announced[name].as_str().unwrap().to_owned();
            let ids = Ids {
                version: version.to_owned(),
                submission: id("submissionId"),
                case: id("caseId"),
            };
            let path = format!("{api}/submissions/{}", spelled(&ids.submission));
            let part = format!("{path}/attachments/{}", spelled(&attachment.to_string()));
            bench
                .put(&part)
                .by("sender")
                .body(
                    "application/jose; charset=utf-8",
                    sealed(b"%PDF", "application/pdf"),
                )
                .await
                .expect(204);
            let submitted = bench.put(&path).by("sender").json(&sealed_body()).await;
            let status = if version == "v1" { 202 } else { 200 };
            assert_eq!(
                submitted.expect(status).json()["attachments"],
                json!([attachment])
            );
            let query = format!("destinationId={}", spelled(&bench.destination.to_string()));
            let list = bench
                .get(&format!("{api}/submissions?{query}"))
                .by("subscriber")
                .await;
            assert_eq!(
                list.expect(200).json()["submissions"][0]["submissionId"],
                ids.submission
            );
            let fetched = bench.get(&path).by("subscriber").await;
            assert_eq!(fetched.expect(200).json()["submissionId"], ids.submission);
            bench.get(&part).by("subscriber").await.expect(200);
            let payload = bench.submit_payload(&ids).await;
            let mut claims = bench.claims(&ids, "accept-submission", payload);
            for claim in ["jti", "iss"] {
                claims[claim] = spelled(claims[claim].as_str().unwrap()).into();
            }
            claims["sub"] = format!("submission:{}", spelled(&ids.submission)).into();
            claims["txn"] = format!("case:{}", spelled(&ids.case)).into();
            let events = format!("{api}/cases/{}/events", spelled(&ids.case));
            bench
                .post(&events)
                .by("subscriber")
                .body("Application/JOSE;charset=UTF-8", signed(&claims))
                .await
                .expect(204);
            let log = bench.get(&events).by("sender").await;
            log.expect(200);
        }
    }
}

#[tokio::test]
async fn destinations_are_found_in_every_spelling() {
    let bench = Bench::new().await;
    for spelled in spellings(&bench.destination.to_string()) {
        for api in [
            "/submission-api/v1",
            "/submission-api/v2",
            "/destination-api/v1",
            "/destination-api/v2",
        ] {
            let path = format!("{api}/destinations/{spelled}");
            let read = bench.get(&path).by("sender").await;
            assert_eq!(
                read.expect(200).json()["destinationId"],
                bench.destination.to_string()
            );
        }
        let path = format!("/destination-api/v1/destinations/{spelled}");
        bench
            .ask(Method::PATCH, &path)
            .by("subscriber")
            .body(
                "application/merge-patch+json; charset=utf-8",
                r#"{"status":"active"}"#,
            )
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn head_answers_as_get_does_without_a_body_and_options_names_the_methods() {
    let bench = Bench::new().await;
    let path = format!("/submission-api/v2/destinations/{}", bench.destination);
    let head = bench.ask(Method::HEAD, &path).await;
    assert_eq!(
        (head.expect(200).body.len(), head.header("content-type")),
        (0, "application/json")
    );
    let list = bench.ask(Method::HEAD, "/submission-api/v1/submissions");
    list.await.expect(401);
    let options = bench
        .ask(Method::OPTIONS, "/submission-api/v1/submissions")
        .await;
    options.refuses(405, "method-not-allowed");
    assert_eq!(options.header("allow"), "GET,HEAD,POST");
    // No redirects, no second spelling of a path.
    bench
        .get(&format!("{path}/"))
        .await
        .refuses(404, "no-such-path");
}
