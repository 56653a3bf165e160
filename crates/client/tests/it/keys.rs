//! Destinations and keys.

use amtsbote_client::Fault;
use amtsbote_fit_connect::ApiVersion;
use amtsbote_jose::{CertificateRule, KeyUse, PrivateKey, SelfSigned, TrustAnchors, X5c};
use serde_json::{Value, json};

use super::event_logs::{DESTINATION_KEY, SERVICE_KEY};
use super::stage::{DESTINATION, NOW_S, Say, Stage};

fn jwk(key: &PrivateKey) -> Value {
    key.public().to_json()
}

#[tokio::test]
async fn a_destination_is_read_under_both_versions() {
    for version in ApiVersion::ALL {
        let mut body = json!({
            "destinationId": DESTINATION, "status": "active", "encryptionKid": "kid-12345",
            "metadataVersions": ["2.1.0"],
        });
        body[version.services_member()] = json!([{
            "identifier": "urn:de:fim:leika:leistung:99102013002000", "regions": ["DE06"],
            "submissionSchemas": [{"schemaUri": "https://schema.example/x", "mimeType": "application/json"}],
        }]);
        let stage = Stage::play([Say::json(200, &body)]).await;
        let destination = stage
            .session(version)
            .destination(DESTINATION.parse().unwrap())
            .await
            .unwrap();
        assert_eq!(destination.encryption_kid, "kid-12345");
        assert_eq!(
            stage.lines(),
            [format!(
                "GET /submission-api/{version}/destinations/{DESTINATION}"
            )]
        );
    }
}

#[tokio::test]
async fn a_key_is_read_without_a_token_and_must_be_the_one_asked_for() {
    let key = jwk(&DESTINATION_KEY);
    let stage = Stage::play([
        Say::json(200, &key),
        Say::json(200, &key),
        Say::json(200, &json!({"kty": "EC"})),
    ])
    .await;
    let session = stage.session(ApiVersion::V1);
    let id = DESTINATION.parse().unwrap();
    let read = session
        .destination_key(id, "destination-key", KeyUse::Signature)
        .await
        .unwrap();
    assert_eq!(read.thumbprint(), DESTINATION_KEY.public().thumbprint());
    assert_eq!(stage.asked()[0].headers.get("authorization"), None);
    assert!(stage.token_forms().is_empty());
    // The second name must stay inside its path segment.
    let fault = session
        .destination_key(id, "../../other", KeyUse::Signature)
        .await
        .unwrap_err();
    assert!(matches!(fault, Fault::Malformed { .. }), "{fault:?}");
    assert!(
        stage.lines()[1].ends_with(&format!("/destinations/{DESTINATION}/keys/..%2F..%2Fother")),
        "{:?}",
        stage.lines()
    );
    let fault = session
        .destination_key(id, "destination-key", KeyUse::Signature)
        .await
        .unwrap_err();
    assert!(matches!(fault, Fault::Malformed { .. }), "{fault:?}");
}

#[tokio::test]
async fn what_is_sealed_for_must_lead_to_an_anchor() {
    let wish = SelfSigned {
        common_name: "Teststelle",
        not_before_s: NOW_S - 1000,
        not_after_s: NOW_S + 1000,
    };
    let made = |kid: &str| {
        PrivateKey::generate_self_signed(KeyUse::Encryption, kid, &wish)
            .unwrap()
            .public()
            .to_json()
    };
    let (known, stranger) = (made("known-wrapKey"), made("other-wrapKey"));
    let pem = |key: &Value| {
        let der = key["x5c"][0].as_str().unwrap().as_bytes();
        let lines = der
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line) + "\n");
        let text: String = lines.collect();
        format!("-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")
    };
    let anchors = TrustAnchors::from_pem(pem(&known).as_bytes()).unwrap();
    let rule = CertificateRule::from(X5c::Required).trusting(anchors);
    let id = DESTINATION.parse().unwrap();
    let answers = [&known, &stranger, &known].map(|key| Say::json(200, key));
    let stage = Stage::play(answers).await;
    let session = stage.session_trusting(ApiVersion::V2, rule);
    assert!(session.sealing_key(id, "known-wrapKey").await.is_ok());
    let fault = session.sealing_key(id, "other-wrapKey").await.unwrap_err();
    assert!(matches!(fault, Fault::Malformed { .. }), "{fault:?}");
    stage.clock.turn(1001);
    let fault = session.sealing_key(id, "known-wrapKey").await.unwrap_err();
    assert!(matches!(fault, Fault::Malformed { .. }), "{fault:?}");
}

#[tokio::test]
async fn service_keys_are_cached_and_fetched_again_for_an_unknown_name() {
    let old = Say::json(200, &json!({"keys": [jwk(&SERVICE_KEY)]}));
    let new = Say::json(
        200,
        &json!({"keys": [jwk(&SERVICE_KEY), jwk(&DESTINATION_KEY)]}),
    );
    let again = Say::json(200, &json!({"keys": []}));
    let stage = Stage::play([old, new, again]).await;
    let session = stage.session(ApiVersion::V1);
    let known = |set: &amtsbote_jose::KeySet| set.keys().len();
    assert_eq!(
        known(&session.service_keys(&["service-key"]).await.unwrap()),
        1
    );
    assert_eq!(
        known(&session.service_keys(&["service-key"]).await.unwrap()),
        1
    );
    // Not at once: a forged name must not have the service asked at every call.
    assert_eq!(
        known(&session.service_keys(&["destination-key"]).await.unwrap()),
        1
    );
    assert_eq!(stage.lines(), ["GET /submission-api/.well-known/jwks.json"]);
    stage.clock.turn(60);
    assert_eq!(
        known(&session.service_keys(&["destination-key"]).await.unwrap()),
        2
    );
    stage.clock.turn(3599);
    assert_eq!(
        known(&session.service_keys(&["destination-key"]).await.unwrap()),
        2
    );
    stage.clock.turn(1);
    // Withdrawn keys are forgotten within the hour.
    assert_eq!(
        known(&session.service_keys(&["destination-key"]).await.unwrap()),
        0
    );
    stage.assert_over(3);
}
