//! Public keys of destinations.

use std::sync::LazyLock;

use amtsbote_jose::{KeyUse, PrivateKey, SelfSigned};
use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{Answer, Bench, ENCRYPTION_KEY, FORGED_KEY, NOON_S, SIGNING_KEY};

static NEXT_KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let wish = SelfSigned {
        common_name: "Test",
        not_before_s: NOON_S - 1000,
        not_after_s: NOON_S + 1_000_000,
    };
    PrivateKey::generate_self_signed(KeyUse::Encryption, "next/key-wrapKey", &wish).unwrap()
});

async fn add(bench: &Bench, api: &str, jwk: &Value) -> Answer {
    bench
        .post(&format!("{api}/destinations/{}/keys", bench.destination))
        .by("subscriber")
        .json(jwk)
        .await
}

#[tokio::test]
async fn keys_are_read_without_a_token_on_both_apis() {
    let bench = Bench::new().await;
    for api in [
        "/submission-api/v1",
        "/submission-api/v2",
        "/destination-api/v1",
        "/destination-api/v2",
    ] {
        for key in [&*ENCRYPTION_KEY, &*SIGNING_KEY] {
            let answer = bench
                .get(&format!(
                    "{api}/destinations/{}/keys/{}",
                    bench.destination,
                    key.kid()
                ))
                .await;
            assert_eq!(answer.expect(200).json(), key.public().to_json());
            assert_eq!(answer.header("cache-control"), "no-cache");
            assert_eq!(answer.header("content-type"), "application/json");
        }
        let unknown = format!("{api}/destinations/{}/keys/unknown-key", bench.destination);
        bench.get(&unknown).await.refuses(404, "key-not-found");
        let nowhere = format!("{api}/destinations/{}/keys/unknown-key", Uuid::new_v4());
        bench
            .get(&nowhere)
            .await
            .refuses(404, "destination-not-found");
    }
}

#[tokio::test]
async fn only_the_destination_api_lists_keys() {
    let bench = Bench::new().await;
    let list = |api: &str| bench.get(&format!("{api}/destinations/{}/keys", bench.destination));
    for api in ["/submission-api/v1", "/submission-api/v2"] {
        list(api).await.refuses(404, "no-such-path");
    }
    for api in ["/destination-api/v1", "/destination-api/v2"] {
        let keys = list(api).await.expect(200).json()["keys"].clone();
        assert_eq!(
            keys,
            json!([
                ENCRYPTION_KEY.public().to_json(),
                SIGNING_KEY.public().to_json()
            ])
        );
    }
}

#[tokio::test]
async fn a_rollover_puts_the_new_key_first_and_keeps_the_old() {
    let bench = Bench::new().await;
    let answer = add(&bench, "/submission-api/v1", &NEXT_KEY.public().to_json()).await;
    let path = format!(
        "/submission-api/v1/destinations/{}/keys/next%2Fkey-wrapKey",
        bench.destination
    );
    assert_eq!(answer.expect(201).header("location"), path);
    assert_eq!(
        bench.get(&path).await.expect(200).json()["kid"],
        NEXT_KEY.kid()
    );

    let one = format!("/destination-api/v1/destinations/{}", bench.destination);
    let first = async || {
        let keys = bench.get(&format!("{one}/keys")).await.expect(200).json();
        (
            keys["keys"][0]["kid"].clone(),
            keys["keys"].as_array().unwrap().len(),
        )
    };
    assert_eq!(first().await, (ENCRYPTION_KEY.kid().into(), 3));
    let patch = json!({ "encryptionKid": NEXT_KEY.kid() });
    bench
        .ask(Method::PATCH, &one)
        .by("subscriber")
        .json(&patch)
        .await
        .expect(200);
    assert_eq!(first().await, (NEXT_KEY.kid().into(), 3));
}

#[tokio::test]
async fn the_same_key_is_welcome_again_and_another_one_of_its_name_is_not() {
    let bench = Bench::new().await;
    for api in [
        "/submission-api/v1",
        "/destination-api/v1",
        "/destination-api/v2",
    ] {
        add(&bench, api, &SIGNING_KEY.public().to_json())
            .await
            .expect(201);
        let answer = add(&bench, api, &FORGED_KEY.public().to_json()).await;
        assert_eq!(
            answer.refuses(400, "key-exists").findings(),
            ["uniqueItems /kid"]
        );
    }
    let kept = bench
        .get(&format!(
            "/submission-api/v1/destinations/{}/keys/{}",
            bench.destination,
            SIGNING_KEY.kid()
        ))
        .await;
    assert_eq!(kept.json(), SIGNING_KEY.public().to_json());
}

#[tokio::test]
async fn keys_against_the_policy_are_refused_with_all_faults() {
    let bench = Bench::new().await;
    for (change, findings) in [
        (
            json!({ "key_ops": ["verify", "wrapKey"], "kid": "short" }),
            &["key-policy /kid", "key-policy /key_ops"][..],
        ),
        (
            json!({ "use": "enc", "e": "Aw" }),
            &["key-policy /use", "key-policy /e"],
        ),
        (json!({ "x5c": [] }), &["key-policy /x5c"]),
        (json!({ "n": "AQAB" }), &["key-policy /n"]),
    ] {
        let mut jwk = SIGNING_KEY.public().to_json();
        jwk.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = add(&bench, "/destination-api/v1", &jwk).await;
        assert_eq!(answer.refuses(400, "malformed-json").findings(), findings);
    }
    let private: Value = serde_json::from_str(&SIGNING_KEY.to_secret_json()).unwrap();
    let answer = add(&bench, "/destination-api/v1", &private).await;
    answer.refuses(400, "malformed-json");
    assert!(answer.text().contains("the private part was sent along"));
    assert!(!answer.text().contains(private["d"].as_str().unwrap()));
}
