//! Keys shared by all tests, made when first asked for and never kept.

use std::sync::LazyLock;

use amtsbote_jose::{KeyUse, PrivateKey, SelfSigned, X5c};
use serde_json::Value;

pub(crate) const SIGNED: SelfSigned<'static> = SelfSigned {
    common_name: "Teststelle",
    not_before_s: 1_700_000_000,
    not_after_s: 1_800_000_000,
};

pub(crate) static ENCRYPTION: LazyLock<PrivateKey> = LazyLock::new(|| {
    PrivateKey::generate_self_signed(KeyUse::Encryption, "first-wrapKey", &SIGNED).unwrap()
});

pub(crate) static SIGNATURE: LazyLock<PrivateKey> = LazyLock::new(|| {
    PrivateKey::generate_self_signed(KeyUse::Signature, "first-verify", &SIGNED).unwrap()
});

/// The signature key's numbers as an encryption key: a second key at no cost.
pub(crate) static OTHER_ENCRYPTION: LazyLock<PrivateKey> = LazyLock::new(|| {
    let mut json: Value = serde_json::from_str(&SIGNATURE.to_secret_json()).unwrap();
    json["kid"] = "other-wrapKey".into();
    json["alg"] = "RSA-OAEP-256".into();
    json["key_ops"] = serde_json::json!(["unwrapKey"]);
    PrivateKey::parse(&json.to_string(), KeyUse::Encryption, X5c::Required).unwrap()
});

/// The signature key's numbers under another name.
pub(crate) static OTHER_SIGNATURE: LazyLock<PrivateKey> = LazyLock::new(|| {
    let mut json: Value = serde_json::from_str(&ENCRYPTION.to_secret_json()).unwrap();
    json["kid"] = "other-verify".into();
    json["alg"] = "PS512".into();
    json["key_ops"] = serde_json::json!(["sign"]);
    PrivateKey::parse(&json.to_string(), KeyUse::Signature, X5c::Required).unwrap()
});
