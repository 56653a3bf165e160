//! Announce and submit.

use amtsbote_fit_connect::event::{Claims, Issuer, SchemaRule};
use amtsbote_gateway::{Client, Clients, Limits, Right};
use amtsbote_jose::{Jws, KeySet, KeyUse, X5c};
use amtsbote_model::submission::State;
use amtsbote_model::{Callback, DestinationId, DestinationStatus, Secret, Timestamp};
use amtsbote_store::{Page, SubmissionFilter};
use axum::http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::bench::{
    BASE, Bench, Ids, destination_of, new_attachment, sealed, sealed_body, with_header,
};

#[tokio::test]
async fn a_submission_goes_all_the_way_in_both_versions() {
    for version in ["v1", "v2"] {
        let bench = Bench::new().await;
        let attachment = new_attachment();
        let ids = bench.submitted(version, &[attachment]).await;

        let list = bench
            .get(&format!("/submission-api/{version}/submissions"))
            .by("subscriber")
            .await;
        list.expect(200);
        assert_eq!(
            list.json()["submissions"][0]["submissionId"],
            ids.submission.as_str()
        );
        assert_eq!(list.json()["totalCount"], 1);

        let whole = bench.get(&ids.path()).by("subscriber").await;
        whole.expect(200);
        assert_eq!(whole.json()["attachments"][0], attachment.to_string());
        let tag = whole.json()["encryptedMetadata"]
            .as_str()
            .unwrap()
            .rsplit('.')
            .next()
            .unwrap()
            .to_owned();
        assert_eq!(
            bench.submit_payload(&ids).await["authenticationTags"]["metadata"],
            tag
        );

        let file = bench
            .get(&ids.attachment(attachment))
            .by("subscriber")
            .await;
        file.expect(200);
        assert_eq!(file.header("content-length"), file.body.len().to_string());

        bench.accept(&ids).await.expect(204);
        let names = [
            "create-submission",
            "submit-submission",
            "notify-submission",
            "accept-submission",
        ];
        assert_eq!(bench.log(&ids).await, names);
        let list = bench
            .get(&format!("/submission-api/{version}/submissions"))
            .by("subscriber")
            .await;
        assert_eq!(list.json()["totalCount"], 0);
    }
}

const BOTH: [&str; 2] = ["v1", "v2"];

#[tokio::test]
async fn an_announcement_is_checked_whole_and_refused_without_a_trace() {
    let bench = Bench::new().await;
    let post = |body: &'static str| {
        bench
            .post("/submission-api/v2/submissions")
            .by("sender")
            .body("application/json", body)
    };
    post("{").await.refuses(400, "malformed-json");
    post("[]").await.refuses(400, "malformed-json");
    let answer = post(r#"{"destinationId": 7, "announcedAttachments": "x", "publicService": {"identifier": "no"}}"#).await;
    answer.refuses(400, "malformed-json");
    assert_eq!(
        answer.findings(),
        [
            "type /destinationId",
            "type /announcedAttachments",
            "pattern /publicService/identifier"
        ]
    );
    let answer = bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&bench.announcement("v1", &[]))
        .await;
    answer.refuses(400, "malformed-json");
    assert_eq!(answer.findings(), ["required /publicService"]);
    // 415 is no answer of this route.
    let xml = bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .body("application/xml", "<a/>")
        .await;
    xml.refuses(400, "malformed-request");
    let long = format!("\"{}\"", "x".repeat(1_000_000));
    let answer = bench
        .post("/submission-api/v1/submissions")
        .by("sender")
        .body("application/json", long)
        .await;
    answer.refuses(413, "body-too-large");
    assert!(nothing_listed(&bench).await);
}

async fn nothing_listed(bench: &Bench) -> bool {
    let states = [State::Created, State::Submitted];
    let mut total = 0;
    for state in states {
        let filter = SubmissionFilter::Stale {
            state,
            before: Timestamp::from_millis(i64::MAX),
        };
        total += bench
            .store
            .submissions(
                &filter,
                Page {
                    offset: 0,
                    limit: 1,
                },
            )
            .await
            .unwrap()
            .total;
    }
    total == 0
}

#[tokio::test]
async fn an_announcement_must_fit_its_destination() {
    let bench = Bench::new().await;
    let path = "/submission-api/v2/submissions";
    let check = async |change: &dyn Fn(&mut serde_json::Value), status, code: &str| {
        let mut body = bench.announcement("v2", &[]);
        change(&mut body);
        bench
            .post(path)
            .by("sender")
            .json(&body)
            .await
            .refuses(status, code);
    };
    check(
        &|body| body["destinationId"] = json!("00000000-0000-4000-8000-000000000000"),
        404,
        "destination-not-found",
    )
    .await;
    let other = json!({ "identifier": "urn:de:fim:leika:leistung:99000000000000" });
    check(
        &|body| body["publicService"] = other.clone(),
        422,
        "service-not-offered",
    )
    .await;
    check(
        &|body| body["region"] = json!("DE09"),
        422,
        "service-not-offered",
    )
    .await;
    check(
        &|body| body["caseId"] = json!("00000000-0000-4000-8000-000000000000"),
        422,
        "case-mismatch",
    )
    .await;
    check(
        &|body| body["callback"] = json!({ "url": "http://a.example", "secret": "x" }),
        400,
        "malformed-json",
    )
    .await;
    assert!(nothing_listed(&bench).await);

    let mut here = bench.announcement("v2", &[]);
    here["region"] = json!("DE06");
    bench.post(path).by("sender").json(&here).await.expect(201);

    for status in [
        DestinationStatus::Created,
        DestinationStatus::Inactive,
        DestinationStatus::Decommissioned,
    ] {
        bench
            .change_destination(|destination| destination.status = status)
            .await;
        let answer = bench
            .post(path)
            .by("sender")
            .json(&bench.announcement("v2", &[]))
            .await;
        answer.refuses(422, "destination-state-invalid");
        let known =
            "https://schema.fitko.de/fit-connect/submission-api/problems/destination-state-invalid";
        assert_eq!(answer.json()["type"], known);
    }
}

#[tokio::test]
async fn scopes_narrow_what_a_sender_may_send() {
    let scoped = |scope: &str| Client {
        id: "narrow".parse().unwrap(),
        secret_sha256: String::new(),
        rights: vec![Right::Send],
        scopes: vec![scope.parse().unwrap()],
    };
    for (scope, status) in [
        ("send:region:DE06", 201),
        ("send:region:DE09", 403),
        (
            "send:region:DE06+send:service:urn:de:fim:leika:leistung:99012008001000",
            201,
        ),
        (
            "send:region:DE06+send:service:urn:de:fim:leika:leistung:99000000000000",
            403,
        ),
    ] {
        let bench = Bench::of(|parts| parts.clients = Clients::new([scoped(scope)])).await;
        let answer = bench
            .post("/submission-api/v1/submissions")
            .by("narrow")
            .json(&bench.announcement("v1", &[]))
            .await;
        answer.expect(status);
    }
}

#[tokio::test]
async fn a_case_is_joined_by_its_own_sender_only() {
    let bench = Bench::new().await;
    let first = bench.announce("v2", &[]).await;
    let mut joining = bench.announcement("v2", &[]);
    joining["caseId"] = json!(first.case);
    let path = "/submission-api/v2/submissions";
    let joined = bench.post(path).by("sender").json(&joining).await;
    joined.expect(201);
    assert_eq!(joined.json()["caseId"], first.case.as_str());
    assert_ne!(joined.json()["submissionId"], first.submission.as_str());
    assert_eq!(
        bench.log(&first).await,
        ["create-submission", "create-submission"]
    );
    bench
        .post(path)
        .by("other-sender")
        .json(&joining)
        .await
        .refuses(422, "case-mismatch");

    let elsewhere = DestinationId::from_uuid(Uuid::new_v4());
    bench
        .put_destination(destination_of("subscriber", elsewhere))
        .await;
    joining["destinationId"] = json!(elsewhere);
    bench
        .post(path)
        .by("sender")
        .json(&joining)
        .await
        .refuses(422, "case-mismatch");
}

#[tokio::test]
async fn repeated_ids_count_once_in_v1_and_are_refused_in_v2() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let ids = bench.announce("v1", &[id, id, id]).await;
    assert_eq!(bench.stored(&ids).await.announced, [id]);
    bench
        .upload(&ids, id, sealed(b"x", "application/pdf"))
        .await
        .expect(204);
    bench.submit(&ids).await.expect(202);

    let body = bench.announcement("v2", &[id, new_attachment(), id]);
    let answer = bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&body)
        .await;
    answer.refuses(422, "attachments-repeated");
    assert_eq!(answer.findings(), ["uniqueItems /announcedAttachments/2"]);
}

#[tokio::test]
async fn more_than_a_hundred_attachments_are_too_many() {
    let bench = Bench::new().await;
    let ids: Vec<_> = (0..=100).map(|_| new_attachment()).collect();
    for version in BOTH {
        let path = format!("/submission-api/{version}/submissions");
        bench
            .post(&path)
            .by("sender")
            .json(&bench.announcement(version, &ids[..100]))
            .await
            .expect(201);
        let answer = bench
            .post(&path)
            .by("sender")
            .json(&bench.announcement(version, &ids))
            .await;
        answer.refuses(422, "too-many-attachments");
    }
}

#[tokio::test]
async fn a_submit_names_every_attachment_that_is_missing() {
    let bench = Bench::new().await;
    let (one, two, three) = (new_attachment(), new_attachment(), new_attachment());
    let ids = bench.announce("v2", &[one, two, three]).await;
    bench
        .upload(&ids, two, sealed(b"x", "application/pdf"))
        .await
        .expect(204);
    let answer = bench.submit(&ids).await;
    answer.refuses(422, "attachments-missing");
    assert_eq!(
        answer.findings(),
        [
            format!("missing attachment:{one}"),
            format!("missing attachment:{three}")
        ]
    );
    assert_eq!(bench.stored(&ids).await.state, State::Created);
    assert_eq!(bench.log(&ids).await, ["create-submission"]);
}

const AT: &str = "/encryptedMetadata";

/// Header, and what is found in it under v1 and under v2.
fn headers() -> Vec<(serde_json::Value, &'static str, &'static str)> {
    vec![
        (json!({}), "", ""),
        (json!({"zip": "DEF", "typ": "JWE"}), "", "forbidden #zip"),
        (
            json!({"kid": "NFNb7k84r61G9ayAAJItJCNGl7wKWif9HyBAgicJq_8"}),
            "",
            "unknown-key #kid",
        ),
        (json!({"kid": "destination-verify"}), "", "unknown-key #kid"),
        (json!({"cty": "application/pdf"}), "", "enum #cty"),
        (json!({"alg": "RSA-OAEP"}), "jwe ", "jwe "),
        (json!({"enc": "A128GCM"}), "jwe ", "jwe "),
        (json!({"zip": "BR"}), "jwe ", "jwe "),
        (json!({"crit": ["exp"]}), "jwe ", "jwe "),
    ]
}

async fn check_sealed(bench: &Bench, version: &str, metadata: &str, expected: &str) {
    let ids = bench.announce(version, &[]).await;
    let body = json!({ "encryptedMetadata": metadata, "encryptedData": sealed(b"{}", "application/json") });
    let answer = bench.put(&ids.path()).by("sender").json(&body).await;
    let found = answer.findings().join(", ").replace(AT, "");
    assert_eq!(found, expected, "{version} {metadata:.60}");
    if expected.is_empty() {
        assert!(answer.status.is_success(), "{}", answer.text());
    } else {
        answer.refuses(422, "jwe-malformed");
        assert_eq!(bench.stored(&ids).await.state, State::Created);
        assert_eq!(bench.log(&ids).await, ["create-submission"]);
    }
}

#[tokio::test]
async fn sealed_parts_must_keep_the_profile_of_their_version() {
    let bench = Bench::new().await;
    let jwe = sealed(b"{}", "application/json");
    for (change, v1, v2) in headers() {
        let mut header = json!({
            "alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "application/json", "kid": "destination-wrapKey",
        });
        for (name, value) in change.as_object().unwrap() {
            header[name] = value.clone();
        }
        check_sealed(&bench, "v1", &with_header(&jwe, &header), v1).await;
        check_sealed(&bench, "v2", &with_header(&jwe, &header), v2).await;
    }
    let four_parts = jwe.rsplit_once('.').unwrap().0;
    for text in [four_parts, &jwe[..jwe.len() - 2], "abc"] {
        check_sealed(&bench, "v1", text, "jwe ").await;
        check_sealed(&bench, "v2", text, "jwe ").await;
    }
}

#[tokio::test]
async fn data_is_optional_in_v1_only() {
    let bench = Bench::new().await;
    let body = json!({ "encryptedMetadata": sealed(b"{}", "application/json") });
    let ids = bench.announce("v1", &[]).await;
    bench
        .put(&ids.path())
        .by("sender")
        .json(&body)
        .await
        .expect(202);
    assert_eq!(
        bench.submit_payload(&ids).await["authenticationTags"].get("data"),
        None
    );
    let ids = bench.announce("v2", &[]).await;
    let answer = bench.put(&ids.path()).by("sender").json(&body).await;
    answer.refuses(400, "malformed-json");
    assert_eq!(answer.findings(), ["required /encryptedData"]);
}

#[tokio::test]
async fn the_same_submit_again_is_answered_alike_and_another_one_refused() {
    for (version, status) in [("v1", 202), ("v2", 200)] {
        let bench = Bench::new().await;
        let ids = bench.announce(version, &[]).await;
        let body = sealed_body();
        let first = bench.put(&ids.path()).by("sender").json(&body).await;
        first.expect(status);
        let again = bench.put(&ids.path()).by("sender").json(&body).await;
        again.expect(status);
        assert_eq!(first.json(), again.json());
        assert_eq!(
            bench.log(&ids).await,
            ["create-submission", "submit-submission"]
        );
        bench.submit(&ids).await.refuses(422, "submission-closed");
    }
}

#[tokio::test]
async fn two_submits_at_a_time_make_one_receipt() {
    let bench = Bench::new().await;
    let ids = bench.announce("v2", &[]).await;
    let body = sealed_body();
    let submit = || async { bench.put(&ids.path()).by("sender").json(&body).await };
    let (one, two, three) = tokio::join!(submit(), submit(), submit());
    for answer in [one, two, three] {
        answer.expect(200);
    }
    assert_eq!(
        bench.log(&ids).await,
        ["create-submission", "submit-submission"]
    );
}

#[tokio::test]
async fn a_submit_has_limits() {
    let bench = Bench::with_limits(Limits {
        submit_bytes: 5000,
        ..Limits::default()
    })
    .await;
    let ids = bench.announce("v2", &[]).await;
    let body = json!({ "encryptedMetadata": "x".repeat(5000), "encryptedData": "x" });
    bench
        .put(&ids.path())
        .by("sender")
        .json(&body)
        .await
        .refuses(413, "body-too-large");
    let answer = bench
        .put(&ids.path())
        .by("sender")
        .body("text/plain", sealed_body().to_string())
        .await;
    answer.refuses(415, "media-type-unsupported");
    bench
        .put(&ids.path())
        .by("other-sender")
        .json(&sealed_body())
        .await
        .refuses(404, "submission-not-found");
    bench.submit(&ids).await.expect(200);
}

#[tokio::test]
async fn an_inactive_destination_still_takes_what_was_announced_a_decommissioned_one_does_not() {
    let bench = Bench::new().await;
    let (one, two) = (
        bench.announce("v1", &[]).await,
        bench.announce("v1", &[]).await,
    );
    bench
        .change_destination(|destination| destination.status = DestinationStatus::Inactive)
        .await;
    bench.submit(&one).await.expect(202);
    bench
        .change_destination(|destination| destination.status = DestinationStatus::Decommissioned)
        .await;
    bench
        .submit(&two)
        .await
        .refuses(422, "destination-state-invalid");
}

#[tokio::test]
async fn both_sides_are_called_back_about_what_the_other_did() {
    let bench = Bench::new().await;
    let secret = || Secret::new("s".repeat(32));
    bench
        .change_destination(|destination| {
            destination.callback = Some(Callback {
                url: "https://subscriber.example/".into(),
                secret: secret(),
            });
        })
        .await;
    let mut body = bench.announcement("v1", &[]);
    body["callback"] = json!({ "url": "https://sender.example/", "secret": "s".repeat(32) });
    let announced = bench
        .post("/submission-api/v1/submissions")
        .by("sender")
        .json(&body)
        .await;
    let text = |name: &str| announced.json()[name].as_str().unwrap().to_owned();
    let ids = Ids {
        version: "v1".into(),
        submission: text("submissionId"),
        case: text("caseId"),
    };
    assert_eq!(bench.notices().await, []);

    let submitted = bench.submit(&ids).await;
    assert_eq!(
        submitted.json()["callback"],
        json!({ "url": "https://sender.example/" })
    );
    let notices = bench.notices().await;
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].0, "https://subscriber.example/");
    assert_eq!(
        notices[0].1["submissions"][0]["submissionId"],
        ids.submission.as_str()
    );
    assert_eq!(notices[0].1["submissionIds"][0], ids.submission.as_str());

    bench.accept(&ids).await.expect(204);
    let notices = bench.notices().await;
    assert_eq!(notices.len(), 2);
    assert_eq!(notices[1].0, "https://sender.example/");
    assert_eq!(
        notices[1].1["type"],
        "https://schema.fitko.de/fit-connect/submission-api/callbacks/new-events"
    );
}

#[tokio::test]
async fn the_service_signs_its_events_with_a_published_key() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let set = bench.get("/submission-api/.well-known/jwks.json").await;
    set.expect(200);
    let set = KeySet::parse(set.text(), KeyUse::Signature, X5c::Optional).unwrap();
    let log = bench.get(&ids.case_events()).by("sender").await;
    let tokens = log.json()["eventLog"].as_array().unwrap().clone();
    assert_eq!(tokens.len(), 2);
    for token in tokens {
        let jws = Jws::parse(token.as_str().unwrap(), 100_000).unwrap();
        assert_eq!(jws.header().typ(), Some("secevent+jwt"));
        let claims = jws.verify(set.find(jws.header().kid()).unwrap()).unwrap();
        let claims = Claims::parse(claims, SchemaRule::RequiredCurrent).unwrap();
        assert_eq!(
            claims.issuer,
            Issuer::Service(format!("{BASE}/submission-api"))
        );
    }
    bench.get("/portal/.well-known/jwks.json").await.expect(200);
}

#[tokio::test]
async fn info_tells_the_version() {
    let bench = Bench::new().await;
    for (version, major) in [("v1", 1), ("v2", 2)] {
        let answer = bench.get(&format!("/submission-api/{version}/info")).await;
        assert_eq!(answer.expect(200).json()["version"]["major"], major);
    }
}

#[tokio::test]
async fn unknown_paths_methods_and_versions_are_problems_too() {
    let bench = Bench::new().await;
    bench
        .get("/submission-api/v3/info")
        .await
        .refuses(404, "no-such-path");
    bench
        .get("/submission-api/v1/submissions/")
        .by("sender")
        .await
        .refuses(404, "no-such-path");
    bench
        .ask(Method::DELETE, "/submission-api/v1/submissions")
        .await
        .refuses(405, "method-not-allowed");
    bench
        .post("/submission-api/v1/info")
        .await
        .refuses(405, "method-not-allowed");
    bench.get("/token").await.refuses(405, "method-not-allowed");
    bench
        .put("/submission-api/v1/submissions/x")
        .by("sender")
        .json(&json!({}))
        .await
        .refuses(400, "malformed-parameter");
    bench
        .get("/submission-api/v1/cases/x/events")
        .by("sender")
        .await
        .refuses(404, "case-not-found");
    let odd = "/submission-api/v1/submissions/%FF";
    bench
        .get(odd)
        .by("subscriber")
        .await
        .refuses(400, "malformed-parameter");
}

#[tokio::test]
async fn members_that_nobody_knows_are_taken_and_not_kept() {
    for version in ["v1", "v2"] {
        let bench = Bench::new().await;
        let mut body = bench.announcement(version, &[]);
        // Newer SDKs name a destination of the sender's own.
        body["senderDestinationId"] = json!("a-mark-of-the-sender");
        body["somethingNewer"] = json!({ "inside": ["a-mark-of-the-sender"] });
        let answer = bench
            .post(&format!("/submission-api/{version}/submissions"))
            .by("sender")
            .json(&body)
            .await;
        answer.expect(201);
        assert!(!answer.text().contains("a-mark-of-the-sender"));
        let id = answer.json()["submissionId"].as_str().unwrap().parse();
        let stored = bench.store.submission(id.unwrap()).await.unwrap().unwrap();
        assert!(!format!("{stored:?}").contains("a-mark-of-the-sender"));
    }
}
