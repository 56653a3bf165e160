//! Destinations: made, read, changed, deleted; what real clients send.

use amtsbote_model::{Callback, DestinationId, Secret};
use amtsbote_store::{DestinationFilter, Page};
use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{Answer, BASE, Bench, ENCRYPTION_KEY, SERVICE, SIGNING_KEY, destination_of};

const DESTINATIONS: &str = "/destination-api/v1/destinations";

/// The body `klarbau/govtech-de` creates a destination with: keys with both `use` and `key_ops`, contact with name and mail only.
fn govtech_de() -> Value {
    let key = |key: &amtsbote_jose::PrivateKey, short: &str| {
        let mut jwk = key.public().to_json();
        jwk["use"] = short.into();
        jwk
    };
    json!({
        "name": "Einwohnermeldeamt",
        "contactInformation": { "legalName": "Stadt Kassel", "email": "fit@example.org" },
        "services": [{
            "identifier": SERVICE,
            "submissionSchemas": [{ "schemaUri": "https://schema.example.org/1.0.0/a.json", "mimeType": "application/json" }],
            "regions": ["DE066110000000"],
        }],
        "encryptionKid": ENCRYPTION_KEY.kid(),
        "encryptionPublicKey": key(&ENCRYPTION_KEY, "enc"),
        "signingPublicKey": key(&SIGNING_KEY, "sig"),
        "metadataVersions": ["2.1.0"],
    })
}

/// The body of a PUT, all of it.
fn update(status: &str) -> Value {
    let mut body = govtech_de();
    let object = body.as_object_mut().unwrap();
    object.remove("encryptionPublicKey");
    object.remove("signingPublicKey");
    object.insert("status".into(), status.into());
    body
}

async fn create(bench: &Bench, body: &Value) -> Answer {
    bench.post(DESTINATIONS).by("subscriber").json(body).await
}

async fn created(bench: &Bench) -> String {
    let answer = create(bench, &govtech_de()).await;
    answer.expect(201).json()["destinationId"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn patch(bench: &Bench, id: &str, body: &Value) -> Answer {
    bench
        .ask(Method::PATCH, &format!("{DESTINATIONS}/{id}"))
        .by("subscriber")
        .body("application/merge-patch+json", body.to_string())
        .await
}

#[tokio::test]
async fn govtech_de_creates_its_destination_and_activates_it() {
    let bench = Bench::new().await;
    let answer = create(&bench, &govtech_de()).await;
    let body = answer.expect(201).json();
    let id = body["destinationId"].as_str().unwrap();
    assert_eq!(
        answer.header("location"),
        format!("/destination-api/v1/destinations/{id}")
    );
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(body["status"], "created");
    assert_eq!(body["services"][0]["identifier"], SERVICE);

    let active = patch(&bench, id, &json!({ "status": "active" })).await;
    assert_eq!(active.expect(200).json()["status"], "active");
    for (path, kid) in [("keys", ENCRYPTION_KEY.kid()), ("keys", SIGNING_KEY.kid())] {
        let key = bench
            .get(&format!(
                "/submission-api/v2/destinations/{id}/{path}/{kid}"
            ))
            .await;
        assert_eq!(key.expect(200).json()["kid"], kid);
        assert_eq!(key.json()["use"], Value::Null, "`use` is not published");
    }
}

#[tokio::test]
async fn php_fitconnect_reads_the_destination_and_takes_the_first_key() {
    let bench = Bench::new().await;
    let path = format!("/destination-api/v2/destinations/{}", bench.destination);
    let read = bench
        .get(&path)
        .by("sender")
        .header("accept", "application/json")
        .await;
    let body = read.expect(200).json();
    assert_eq!(body["publicServices"][0]["regions"][0], "DE066110000000");
    assert_eq!(body["status"], "active");
    let keys = bench.get(&format!("{path}/keys")).by("sender").await;
    assert_eq!(
        keys.expect(200).json()["keys"][0]["kid"],
        body["encryptionKid"]
    );
}

#[tokio::test]
async fn everything_wrong_with_a_new_destination_is_told_at_once() {
    let bench = Bench::new().await;
    let mut body = govtech_de();
    body["encryptionPublicKey"]["alg"] = "RSA-OAEP".into();
    body["encryptionPublicKey"]["d"] = "AQAB".into();
    body["signingPublicKey"]
        .as_object_mut()
        .unwrap()
        .remove("x5c");
    body.as_object_mut().unwrap().remove("contactInformation");
    body["metadataVersions"] = json!([]);
    let answer = create(&bench, &body).await;
    answer.refuses(400, "malformed-json");
    assert_eq!(
        answer.findings(),
        [
            "required /contactInformation",
            "minItems /metadataVersions",
            "key-policy /encryptionPublicKey/alg",
            "key-policy /encryptionPublicKey",
            "key-policy /signingPublicKey/x5c",
        ]
    );
    let filter = DestinationFilter::OwnedBy("subscriber".parse().unwrap());
    let listed = bench
        .store
        .destinations(
            &filter,
            Page {
                offset: 0,
                limit: 9,
            },
        )
        .await
        .unwrap();
    assert_eq!(listed.total, 1, "only the bench's own");
}

#[tokio::test]
async fn the_named_key_must_be_the_one_that_comes_along() {
    let bench = Bench::new().await;
    let mut body = govtech_de();
    body["encryptionKid"] = "another-key".into();
    body["signingPublicKey"]["kid"] = ENCRYPTION_KEY.kid().into();
    let answer = create(&bench, &body).await;
    answer.refuses(400, "malformed-json");
    assert_eq!(
        answer.findings(),
        ["const /encryptionKid", "uniqueItems /signingPublicKey/kid"]
    );
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let bench = Bench::new().await;
    bench
        .clock
        .turn(std::time::Duration::from_secs(2_000_000_000));
    let answer = create(&bench, &govtech_de()).await;
    answer.refuses(400, "malformed-json");
    assert_eq!(
        answer.findings(),
        [
            "key-policy /encryptionPublicKey/x5c",
            "key-policy /signingPublicKey/x5c"
        ]
    );
}

#[tokio::test]
async fn v1_is_read_with_a_token_and_v2_without() {
    let bench = Bench::new().await;
    for api in ["submission-api", "destination-api"] {
        let v1 = format!("/{api}/v1/destinations/{}", bench.destination);
        let v2 = format!("/{api}/v2/destinations/{}", bench.destination);
        bench.get(&v1).await.refuses(401, "token-missing");
        bench
            .get(&v1)
            .by("idle")
            .await
            .refuses(403, "not-permitted");
        let read = bench.get(&v1).by("sender").await;
        assert_eq!(
            read.expect(200).json()["services"][0]["identifier"],
            SERVICE
        );
        assert_eq!(read.header("cache-control"), "no-cache");
        assert_eq!(
            bench.get(&v2).await.expect(200).json()["publicServices"][0]["identifier"],
            SERVICE
        );
        bench
            .get(&v2)
            .header("authorization", "Bearer x")
            .await
            .refuses(401, "token-refused");
    }
}

#[tokio::test]
async fn only_the_owner_sees_contact_and_callback_and_nobody_the_secret() {
    let bench = Bench::new().await;
    let secret = "0123456789abcdef0123456789abcdef";
    bench
        .change_destination(|destination| {
            destination.callback = Some(Callback {
                url: "https://fv.example.org/cb".into(),
                secret: Secret::new(secret.to_owned()),
            });
        })
        .await;
    for version in ["v1", "v2"] {
        let path = format!(
            "/submission-api/{version}/destinations/{}",
            bench.destination
        );
        let own = bench.get(&path).by("subscriber").await;
        assert_eq!(
            own.expect(200).json()["contactInformation"]["legalName"],
            "Stadt Kassel"
        );
        assert_eq!(
            own.json()["callback"],
            json!({ "url": "https://fv.example.org/cb" })
        );
        for client in ["sender", "other-subscriber"] {
            let foreign = bench.get(&path).by(client).await;
            assert_eq!(
                foreign.expect(200).json()["contactInformation"],
                Value::Null
            );
            assert_eq!(foreign.json()["callback"], Value::Null);
        }
        assert!(!own.text().contains(secret));
    }
}

#[tokio::test]
async fn managing_is_for_the_owner_and_unknown_is_unknown() {
    let bench = Bench::new().await;
    let unknown = Uuid::new_v4().to_string();
    let key = SIGNING_KEY.public().to_json();
    for api in [
        "/submission-api/v1",
        "/destination-api/v1",
        "/destination-api/v2",
    ] {
        for (method, tail, body) in [
            (Method::PUT, "", update("active")),
            (Method::PATCH, "", json!({ "status": "active" })),
            (Method::DELETE, "", json!({})),
            (Method::POST, "/keys", key.clone()),
        ] {
            let ask = |id: &str| {
                bench
                    .ask(method.clone(), &format!("{api}/destinations/{id}{tail}"))
                    .json(&body)
            };
            let id = bench.destination.to_string();
            ask(&id).await.refuses(401, "token-missing");
            ask(&id).by("sender").await.refuses(403, "not-permitted");
            ask(&id)
                .by("other-subscriber")
                .await
                .refuses(403, "not-permitted");
            for unknown in [&unknown, "not-a-uuid"] {
                let answer = ask(unknown).by("subscriber").await;
                answer.refuses(404, "destination-not-found");
                let kind = "https://schema.fitko.de/fit-connect/submission-api/problems/destination-not-found";
                assert_eq!(answer.json()["type"], kind);
            }
        }
        bench
            .post(&format!("{api}/destinations"))
            .by("sender")
            .json(&govtech_de())
            .await
            .refuses(403, "not-permitted");
        bench
            .get(&format!("{api}/destinations"))
            .by("sender")
            .await
            .refuses(403, "not-permitted");
    }
}

#[tokio::test]
async fn the_delivery_service_manages_destinations_under_v1_only() {
    let bench = Bench::new().await;
    let one = format!("/submission-api/v2/destinations/{}", bench.destination);
    bench
        .post("/submission-api/v2/destinations")
        .by("subscriber")
        .json(&govtech_de())
        .await
        .refuses(404, "no-such-path");
    let answer = bench.ask(Method::DELETE, &one).by("subscriber").await;
    answer.refuses(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_destination_walks_through_its_life_and_never_back() {
    let bench = Bench::new().await;
    let id = created(&bench).await;
    for (status, expected) in [
        ("active", 200),
        ("inactive", 200),
        ("active", 200),
        ("decommissioned", 200),
        ("decommissioned", 200),
        ("active", 400),
        ("inactive", 400),
    ] {
        let answer = patch(&bench, &id, &json!({ "status": status })).await;
        answer.expect(expected);
        if expected == 400 {
            answer.refuses(400, "destination-step-illegal");
            assert_eq!(answer.findings(), ["destination-step-illegal /status"]);
        }
    }
    let back = patch(&bench, &id, &json!({ "status": "created" })).await;
    assert_eq!(
        back.refuses(400, "malformed-json").findings(),
        ["enum /status"]
    );
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let bench = Bench::new().await;
    let id = created(&bench).await;
    let contact = json!({ "contactInformation": { "phone": "0561 1" }, "metadataVersions": ["1.0.0", "2.1.0"] });
    let body = patch(&bench, &id, &contact).await.expect(200).json();
    assert_eq!(
        body["contactInformation"],
        json!({ "legalName": "Stadt Kassel", "address": "", "phone": "0561 1", "email": "fit@example.org" })
    );
    assert_eq!(body["metadataVersions"], json!(["1.0.0", "2.1.0"]));
    assert_eq!(body["name"], "Einwohnermeldeamt");
    for wrong in ["another-key", SIGNING_KEY.kid()] {
        let answer = patch(&bench, &id, &json!({ "encryptionKid": wrong })).await;
        assert_eq!(
            answer.refuses(400, "malformed-json").findings(),
            ["known-key /encryptionKid"]
        );
    }
}

#[tokio::test]
async fn a_put_replaces_everything_but_under_v2_not_the_callback() {
    let bench = Bench::new().await;
    let mut body = govtech_de();
    body["callback"] = json!({ "url": "https://fv.example.org/cb", "secret": "x".repeat(32) });
    let id = create(&bench, &body).await.expect(201).json()["destinationId"]
        .as_str()
        .unwrap()
        .to_owned();
    let put = |version: &str| {
        let path = format!("/destination-api/{version}/destinations/{id}");
        bench.put(&path).by("subscriber").json(&update("active"))
    };
    let kept = put("v2").await.expect(200).json();
    assert_eq!(kept["callback"]["url"], "https://fv.example.org/cb");
    assert_eq!(kept["status"], "active");
    assert_eq!(put("v1").await.expect(200).json()["callback"], Value::Null);
}

#[tokio::test]
async fn a_destination_goes_only_if_nothing_refers_to_it() {
    let bench = Bench::new().await;
    let id = created(&bench).await;
    let delete = |id: &str| {
        bench
            .ask(
                Method::DELETE,
                &format!("/submission-api/v1/destinations/{id}"),
            )
            .by("subscriber")
    };
    let answer = delete(&id).await;
    assert_eq!(answer.expect(204).body, b"");
    bench
        .get(&format!("/submission-api/v2/destinations/{id}"))
        .await
        .refuses(404, "destination-not-found");
    bench.announce("v1", &[]).await;
    delete(&bench.destination.to_string())
        .await
        .refuses(400, "destination-in-use");
}

#[tokio::test]
async fn a_list_shows_ones_own_page_by_page() {
    let bench = Bench::new().await;
    for owner in ["subscriber", "other-subscriber"] {
        bench
            .put_destination(destination_of(
                owner,
                DestinationId::from_uuid(Uuid::new_v4()),
            ))
            .await;
    }
    let page = bench
        .get("/submission-api/v1/destinations?offset=1&limit=5")
        .by("subscriber")
        .await;
    let body = page.expect(200).json();
    assert_eq!(
        [&body["count"], &body["offset"], &body["totalCount"]],
        [1, 1, 2]
    );
    assert_eq!(
        body["destinations"][0]["contactInformation"]["legalName"],
        "Stadt Kassel"
    );
    // 400 is no answer of this list in v1.
    let odd = bench
        .get(&format!("{DESTINATIONS}?limit=501&offset=2147483648"))
        .by("subscriber")
        .await;
    let odd = odd.expect(200).json();
    assert_eq!(
        [&odd["count"], &odd["offset"], &odd["totalCount"]],
        [0, 2_147_483_647, 2]
    );
    bench
        .get("/destination-api/v2/destinations?limit=501")
        .by("subscriber")
        .await
        .refuses(400, "malformed-parameter");
}

#[tokio::test]
async fn what_is_too_large_or_of_another_type_is_a_bad_request_here() {
    let bench = Bench::new().await;
    let text = govtech_de().to_string();
    let other = bench
        .post(DESTINATIONS)
        .by("subscriber")
        .body("text/plain", text.clone())
        .await;
    other.refuses(400, "malformed-request");
    let large = format!("{text}{}", " ".repeat(1_000_000));
    bench
        .post(DESTINATIONS)
        .by("subscriber")
        .body("application/json", large)
        .await
        .refuses(400, "malformed-request");
    bench
        .post(DESTINATIONS)
        .by("subscriber")
        .body("application/json", "{")
        .await
        .refuses(400, "malformed-json");
}

#[tokio::test]
async fn locations_stay_below_the_public_base() {
    let bench = Bench::of(|parts| {
        parts.addresses = amtsbote_gateway::Addresses::new(&format!("{BASE}/fit/"));
    })
    .await;
    let answer = create(&bench, &govtech_de()).await;
    assert!(
        answer
            .header("location")
            .starts_with("/fit/destination-api/v1/destinations/")
    );
}
