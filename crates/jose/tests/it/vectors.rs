//! Published vectors: the submission service's own, and those of RFC 7520. They lie beside the checkout.

use std::fs;
use std::path::PathBuf;

use amtsbote_jose::{Jwe, Jws, KeySet, KeyUse, Malformed, MalformedJws, TokenKey, X5c, mac};
use serde_json::Value;

/// A folder beside the checkout, or `None` (said aloud) if it is not there; in CI it must be.
fn shared(path: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find their data by environment"
    )]
    let (base, ci) = (std::env::var_os("AMTSBOTE_SHARED"), std::env::var("CI"));
    let base = base.map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = base.join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(
        ci.as_deref() != Ok("true"),
        "{} is missing and CI must have it",
        path.display()
    );
    eprintln!(
        "skipped: {} is missing; set AMTSBOTE_SHARED",
        path.display()
    );
    None
}

fn read(path: &str) -> Option<Value> {
    shared(path).map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

#[test]
fn callbacks_carry_the_published_codes() {
    let Some(vectors) = read("reference/fit-connect/test-vectors.json") else {
        return;
    };
    let callbacks = vectors["callbackHmac"].as_array().unwrap();
    assert_eq!(callbacks.len(), 2);
    for vector in callbacks {
        let text = |name: &str| vector[name].as_str().unwrap();
        let body = text("body").as_bytes();
        assert_eq!(
            mac::callback(text("secret"), text("timestamp"), body),
            text("callbackAuthentication")
        );
        assert!(mac::is_callback(
            text("callbackAuthentication"),
            text("secret"),
            text("timestamp"),
            body
        ));
    }
}

#[test]
fn a_real_security_event_token_verifies_with_the_services_keys() {
    let (Some(vectors), Some(keys)) = (
        read("reference/fit-connect/test-vectors.json"),
        read("reference/fit-connect/delivery-service-testing-jwks-2022.json"),
    ) else {
        return;
    };
    let vector = &vectors["securityEventToken"][0];
    let jws = Jws::parse(vector["token"].as_str().unwrap(), 10_000).unwrap();
    assert_eq!(jws.header().typ(), Some("secevent+jwt"));
    assert_eq!(jws.header().kid(), vector["kid"].as_str().unwrap());
    let keys = KeySet::parse(&keys.to_string(), KeyUse::Signature, X5c::Optional).unwrap();
    let payload: Value =
        serde_json::from_slice(jws.verify(keys.find(jws.header().kid()).unwrap()).unwrap())
            .unwrap();
    assert!(
        payload["events"]
            .get(vector["event"].as_str().unwrap())
            .is_some()
    );
}

#[test]
fn a_real_signed_address_is_taken_apart() {
    let Some(vectors) = read("reference/fit-connect/test-vectors.json") else {
        return;
    };
    let vector = &vectors["destinationSignatureExample"];
    let jws = Jws::parse(vector["token"].as_str().unwrap(), 10_000).unwrap();
    assert_eq!(
        jws.header().kid(),
        vector["header"]["kid"].as_str().unwrap()
    );
    let payload: Value = serde_json::from_slice(jws.unverified_payload()).unwrap();
    assert_eq!(payload, vector["payload"]);
}

/// RFC 7520 has no example in our profile: all of them must be refused, each for its algorithm.
#[test]
fn rfc_7520_offers_nothing_in_our_profile() {
    for (folder, kind) in [("jwe", 5), ("jws", 3)] {
        let Some(folder) = shared(&format!("corpora/jose-cookbook/{folder}")) else {
            return;
        };
        let texts: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|file| {
                serde_json::from_slice::<Value>(&fs::read(file.unwrap().path()).unwrap()).unwrap()
            })
            .filter_map(|vector| vector["output"]["compact"].as_str().map(ToOwned::to_owned))
            .collect();
        assert!(texts.len() >= 3, "the examples are there");
        for text in texts {
            if kind == 5 {
                assert_eq!(Jwe::parse(&text, 100_000).err(), Some(Malformed::Algorithm));
            } else {
                let fault = Jws::parse(&text, 100_000).err().unwrap();
                assert!(
                    matches!(fault, MalformedJws::Algorithm | MalformedJws::Encoding),
                    "{fault:?}"
                );
            }
        }
    }
}

/// RFC 7520 §4.4 is HS256 with a key of 32 octets, as our tokens are; only its payload is no claims.
#[test]
fn the_code_of_rfc_7520_4_4_is_ours() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let Some(vector) = read("corpora/jose-cookbook/jws/4_4.hmac-sha2_integrity_protection.json")
    else {
        return;
    };
    let secret = vector["input"]["key"]["k"].as_str().unwrap();
    assert_eq!(
        TokenKey::from_secret_text(secret)
            .unwrap()
            .to_secret_text()
            .as_str(),
        secret
    );
    let (signed, code) = vector["output"]["compact"]
        .as_str()
        .unwrap()
        .rsplit_once('.')
        .unwrap();
    let made = mac::fingerprint(&URL_SAFE_NO_PAD.decode(secret).unwrap(), signed.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(made), code);
}
