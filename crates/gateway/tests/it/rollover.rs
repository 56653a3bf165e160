//! Keys change while events and submissions of both times are on their way.

use std::sync::LazyLock;

use crate::bench::{Bench, ENCRYPTION_KEY, NOON_S, SERVICE_KEY, sealed_body};
use amtsbote_gateway::Identity;
use amtsbote_jose::{Jwe, KeySet, KeyUse, PrivateKey, SelfSigned, X5c, open, seal};
use serde_json::json;

static NEXT: LazyLock<PrivateKey> = LazyLock::new(|| made(KeyUse::Encryption, "second-wrapKey"));
static NEXT_SERVICE_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| made(KeyUse::Signature, "service-key-2"));

fn made(key_use: KeyUse, kid: &str) -> PrivateKey {
    let wish = SelfSigned {
        common_name: "Test",
        not_before_s: NOON_S - 1000,
        not_after_s: NOON_S + 1_000_000,
    };
    PrivateKey::generate_self_signed(key_use, kid, &wish).unwrap()
}

#[tokio::test]
async fn what_was_sealed_for_the_old_key_and_for_the_new_one_both_arrive() {
    let bench = Bench::new().await;
    let api = "/destination-api/v2/destinations";
    let announced_before = bench.announce("v2", &[]).await;
    bench
        .post(&format!("{api}/{}/keys", bench.destination))
        .by("subscriber")
        .json(&NEXT.public().to_json())
        .await
        .expect(201);
    let patched = bench
        .ask(
            axum::http::Method::PATCH,
            &format!("{api}/{}", bench.destination),
        )
        .by("subscriber")
        .body(
            "application/merge-patch+json",
            json!({ "encryptionKid": NEXT.kid() }).to_string(),
        )
        .await;
    assert_eq!(patched.expect(200).json()["encryptionKid"], NEXT.kid());
    // Sealed with the key that was read before the change.
    bench.submit(&announced_before).await.expect(200);
    let announced_after = bench.announce("v2", &[]).await;
    let body = json!({
        "encryptedMetadata": seal(b"{}", NEXT.public(), "application/json").unwrap(),
        "encryptedData": seal(b"{\"a\":1}", NEXT.public(), "application/json").unwrap(),
    });
    bench
        .put(&announced_after.path())
        .by("sender")
        .json(&body)
        .await
        .expect(200);
    let keys = [NEXT.clone(), ENCRYPTION_KEY.clone()];
    for (ids, kid) in [
        (announced_before, ENCRYPTION_KEY.kid()),
        (announced_after, NEXT.kid()),
    ] {
        let fetched = bench.get(&ids.path()).by("subscriber").await;
        let sealed = fetched.expect(200).json();
        let jwe = Jwe::parse(sealed["encryptedData"].as_str().unwrap(), 10_000).unwrap();
        assert_eq!(jwe.header().kid(), Some(kid));
        assert_eq!(&**open(&jwe, &keys, 1000).unwrap(), b"{\"a\":1}");
        bench.accept(&ids).await.expect(204);
    }
}

#[tokio::test]
async fn events_of_the_old_key_verify_and_new_ones_bear_the_new_kid() {
    let before = Bench::new().await;
    let ids = before.submitted("v2", &[]).await;
    let next = Identity {
        signing: NEXT_SERVICE_KEY.clone(),
        published: KeySet::new(vec![
            NEXT_SERVICE_KEY.public().clone(),
            SERVICE_KEY.public().clone(),
        ]),
        portal: NEXT_SERVICE_KEY.clone(),
        portal_published: KeySet::new(vec![
            NEXT_SERVICE_KEY.public().clone(),
            SERVICE_KEY.public().clone(),
        ]),
        tokens: before.context.identity().tokens.clone(),
    };
    // The same store under a gateway that was started with the next keys.
    let mut after = Bench::over(before.store.clone(), |parts| parts.identity = next).await;
    after.destination = before.destination;
    after
        .put(&after.announce("v2", &[]).await.path())
        .by("sender")
        .json(&sealed_body())
        .await
        .expect(200);
    let mut joining = after.announcement("v2", &[]);
    joining["caseId"] = json!(ids.case);
    after
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&joining)
        .await
        .expect(201);
    let set = after.get("/submission-api/.well-known/jwks.json").await;
    let set = KeySet::parse(set.expect(200).text(), KeyUse::Signature, X5c::Optional).unwrap();
    let log = after.get(&ids.case_events()).by("sender").await;
    let log = log.expect(200).json();
    let kids: Vec<String> = log["eventLog"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| {
            let jws = amtsbote_jose::Jws::parse(token.as_str().unwrap(), 32 * 1024).unwrap();
            jws.verify(set.find(jws.header().kid()).unwrap()).unwrap();
            jws.header().kid().to_owned()
        })
        .collect();
    assert_eq!(kids, ["service-key-1", "service-key-1", "service-key-2"]);
    let portal = after.get("/portal/.well-known/jwks.json").await;
    let portal = portal.expect(200).json();
    let kid = |place: usize| portal["keys"][place]["kid"].clone();
    assert_eq!([kid(0), kid(1)], ["service-key-2", "service-key-1"]);
}
