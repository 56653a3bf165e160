//! The key policy: every rule, all faults at once, and round trips.

use amtsbote_jose::{
    KeyFault, KeySet, KeyUse, MalformedKeySet, NotGenerated, PrivateKey, PublicKey, SelfSigned, X5c,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::keys::{ENCRYPTION, SIGNATURE, SIGNED};

fn faults(json: &Value, key_use: KeyUse, x5c: X5c) -> Vec<KeyFault> {
    let parsed = PublicKey::from_json(json, key_use, x5c);
    let by_text = PublicKey::parse(&json.to_string(), key_use, x5c);
    let faults = parsed.err().map_or_else(Vec::new, |refused| refused.faults);
    assert_eq!(
        by_text
            .err()
            .map_or_else(Vec::new, |refused| refused.faults),
        faults
    );
    faults
}

fn check(change: impl FnOnce(&mut Value), expected: &[KeyFault]) {
    let mut json = ENCRYPTION.public().to_json();
    change(&mut json);
    assert_eq!(
        faults(&json, KeyUse::Encryption, X5c::Required),
        expected,
        "{json}"
    );
}

fn without(member: &'static str) -> impl FnOnce(&mut Value) {
    move |json| {
        json.as_object_mut().unwrap().remove(member);
    }
}

fn with(member: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |json| json[member] = value
}

const OPS: KeyFault = KeyFault::KeyOps {
    expected: "wrapKey",
};
const ALG: KeyFault = KeyFault::Algorithm {
    expected: "RSA-OAEP-256",
};

#[test]
fn each_broken_rule_is_named() {
    check(|_| {}, &[]);
    check(with("kty", json!("EC")), &[KeyFault::KeyType]);
    check(without("kty"), &[KeyFault::KeyType]);
    check(with("alg", json!("RSA-OAEP")), &[ALG]);
    check(without("alg"), &[ALG]);
    for kid in [
        json!("1234567"),
        json!("x".repeat(65)),
        json!("with blank"),
        json!("ümlaut-key"),
        json!(12_345_678),
    ] {
        check(with("kid", kid), &[KeyFault::KeyId]);
    }
    for ops in [
        json!([]),
        json!(["wrapKey", "encrypt"]),
        json!(["verify"]),
        json!("wrapKey"),
        json!(["wrapKey", "wrapKey"]),
    ] {
        check(with("key_ops", ops), &[OPS]);
    }
    check(with("use", json!("enc")), &[]);
    check(with("use", json!("sig")), &[KeyFault::Use]);
    check(with("unknown", json!({"deep": []})), &[]);
    check(without("n"), &[KeyFault::Modulus]);
    check(with("n", json!(["a"])), &[KeyFault::Modulus]);
    check(without("e"), &[KeyFault::Exponent]);
    check(without("x5c"), &[KeyFault::CertificateMissing]);
    for x5c in [
        json!([]),
        json!("MII"),
        json!(["MII"]),
        json!([1]),
        json!(["=="]),
    ] {
        check(with("x5c", x5c), &[KeyFault::CertificateUnreadable]);
    }
    check(
        with("x5c", SIGNATURE.public().to_json()["x5c"].clone()),
        &[KeyFault::CertificateForAnotherKey],
    );
    check(with("d", json!("AQAB")), &[KeyFault::PrivatePart]);
}

#[test]
fn all_faults_come_at_once() {
    let all = [
        KeyFault::KeyType,
        ALG,
        KeyFault::KeyId,
        OPS,
        KeyFault::Exponent,
        KeyFault::Modulus,
    ];
    assert_eq!(faults(&json!({}), KeyUse::Encryption, X5c::Required), all);
    let refused = PublicKey::parse("{}", KeyUse::Encryption, X5c::Required).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("the key is refused: `kty` must be `RSA`; `alg` must be")
    );
}

#[test]
fn what_is_no_object_is_refused() {
    for text in [
        "",
        "[]",
        "1",
        "{",
        r#"{"kty":"RSA","kty":"RSA"}"#,
        &format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)),
    ] {
        let refused = PublicKey::parse(text, KeyUse::Signature, X5c::Optional).unwrap_err();
        assert_eq!(refused.faults, [KeyFault::NotAnObject]);
    }
}

#[test]
fn a_chain_may_follow_but_octets_behind_a_certificate_may_not() {
    let own = ENCRYPTION.public().to_json()["x5c"][0].clone();
    let other = SIGNATURE.public().to_json()["x5c"][0].clone();
    check(with("x5c", json!([own, other])), &[]);
    check(
        with("x5c", json!(vec![own.clone(); 9])),
        &[KeyFault::CertificateUnreadable],
    );
    let mut der = STANDARD.decode(own.as_str().unwrap()).unwrap();
    der.push(0);
    check(
        with("x5c", json!([STANDARD.encode(der)])),
        &[KeyFault::CertificateUnreadable],
    );
}

#[test]
fn a_key_of_one_use_is_none_of_the_other() {
    let json = SIGNATURE.public().to_json();
    assert_eq!(faults(&json, KeyUse::Signature, X5c::Required), []);
    assert_eq!(faults(&json, KeyUse::Encryption, X5c::Required), [ALG, OPS]);
}

#[test]
fn what_we_print_is_what_we_read() {
    let json = ENCRYPTION.public().to_json();
    let members: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members, ["kty", "alg", "kid", "key_ops", "n", "e", "x5c"]);
    let key = PublicKey::from_json(&json, KeyUse::Encryption, X5c::Required).unwrap();
    assert_eq!(key.to_json(), json);
    assert_eq!(
        (key.bits(), key.thumbprint()),
        (4096, ENCRYPTION.public().thumbprint())
    );
    let certificate = key.certificate().unwrap();
    assert_eq!(certificate.not_before_s, SIGNED.not_before_s);
    assert_eq!(certificate.not_after_s, SIGNED.not_after_s);
    assert!(certificate.is_self_signed);
}

#[test]
fn a_private_key_survives_its_file_and_never_prints() {
    let text = SIGNATURE.to_secret_json();
    let again = PrivateKey::parse(&text, KeyUse::Signature, X5c::Required).unwrap();
    assert_eq!(again.to_secret_json(), text);
    assert_eq!(again.public().to_json(), SIGNATURE.public().to_json());
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["key_ops"], json!(["sign"]));
    let printed = format!("{:?} {:?}", *SIGNATURE, SIGNATURE.public());
    for member in ["n", "d", "p", "q", "dp", "dq", "qi"] {
        assert!(
            !printed.contains(json[member].as_str().unwrap()),
            "{member}"
        );
    }
    assert!(printed.contains('…'));
}

#[test]
fn private_keys_must_be_whole_and_fit_together() {
    let json: Value = serde_json::from_str(&SIGNATURE.to_secret_json()).unwrap();
    let check = |change: &dyn Fn(&mut Value), expected: &[KeyFault]| {
        let mut json = json.clone();
        change(&mut json);
        let refused =
            PrivateKey::parse(&json.to_string(), KeyUse::Signature, X5c::Optional).unwrap_err();
        assert_eq!(refused.faults, expected);
    };
    let missing = |member| KeyFault::PrivateMember { member };
    check(&|json| json["p"] = Value::Null, &[missing("p")]);
    check(&|json| json["d"] = json!("AQ=="), &[missing("d")]);
    check(
        &|json| (json["dp"], json["qi"]) = (Value::Null, json!("")),
        &[missing("dp"), missing("qi")],
    );
    check(
        &|json| json["d"] = json["dp"].clone(),
        &[KeyFault::Inconsistent],
    );
    check(
        &|json| json["p"] = json["q"].clone(),
        &[KeyFault::Inconsistent],
    );
    check(&|json| json["oth"] = json!([]), &[KeyFault::MorePrimes]);
    check(
        &|json| json["key_ops"] = json!(["verify"]),
        &[KeyFault::KeyOps { expected: "sign" }],
    );
    let public = PrivateKey::parse(
        &SIGNATURE.public().to_json().to_string(),
        KeyUse::Signature,
        X5c::Optional,
    );
    assert_eq!(
        public.unwrap_err().faults,
        [KeyFault::KeyOps { expected: "sign" }]
    );
}

#[test]
fn a_reply_key_needs_no_certificate() {
    let mut json = ENCRYPTION.public().to_json();
    without("x5c")(&mut json);
    let key = PublicKey::from_json(&json, KeyUse::Encryption, X5c::Optional).unwrap();
    assert_eq!((key.certificate(), key.to_json()), (None, json));
}

#[test]
fn nothing_is_generated_for_a_senseless_wish() {
    let generated = |kid: &str, common_name: &str, until: i64| {
        let wish = SelfSigned {
            common_name,
            not_before_s: 100,
            not_after_s: until,
        };
        PrivateKey::generate_self_signed(KeyUse::Signature, kid, &wish).err()
    };
    assert_eq!(generated("short", "Stelle", 200), Some(NotGenerated::KeyId));
    assert_eq!(
        generated("long-enough", "", 200),
        Some(NotGenerated::Certificate)
    );
    assert_eq!(
        generated("long-enough", &"x".repeat(65), 200),
        Some(NotGenerated::Certificate)
    );
    assert_eq!(
        generated("long-enough", "Stelle", 100),
        Some(NotGenerated::Certificate)
    );
}

#[test]
fn a_set_keeps_what_fits_and_tells_what_does_not() {
    let set = KeySet::new(vec![
        SIGNATURE.public().clone(),
        ENCRYPTION.public().clone(),
    ])
    .to_json()
    .to_string();
    let read = KeySet::parse(&set, KeyUse::Signature, X5c::Required).unwrap();
    assert_eq!(read.keys().len(), 1);
    assert!(read.find("first-verify").is_some());
    assert!(read.find("first-wrapKey").is_none());
    assert_eq!(read.refused().len(), 1);
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        &json!({ "keys": vec![1; 257] }).to_string(),
    ] {
        assert_eq!(
            KeySet::parse(text, KeyUse::Signature, X5c::Optional).err(),
            Some(MalformedKeySet)
        );
    }
}
