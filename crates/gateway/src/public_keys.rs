//! Keys that clients hand in, judged by the key policy of `jose`; faults become findings in both languages.

use amtsbote_jose::{KeyFault, KeyUse, PublicKey};
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde_json::Value;

use crate::Context;

/// What a key must be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Sealing.
    Encryption,
    /// Verifying events.
    Signature,
}

impl Wanted {
    /// What the key says of itself: its `key_ops`, or its `alg` where those say nothing. A key of which neither can be read is
    /// judged as one for encryption.
    pub(crate) fn by_key_ops(jwk: &Value) -> Self {
        let operation = jwk
            .get("key_ops")
            .and_then(|ops| ops.get(0))
            .and_then(Value::as_str);
        let algorithm = jwk.get("alg").and_then(Value::as_str);
        match (operation, algorithm) {
            (Some("wrapKey"), _) => Self::Encryption,
            (Some("verify"), _) | (_, Some("PS512")) => Self::Signature,
            _ => Self::Encryption,
        }
    }

    const fn key_use(self) -> KeyUse {
        match self {
            Self::Encryption => KeyUse::Encryption,
            Self::Signature => KeyUse::Signature,
        }
    }
}

/// The key, or everything that is wrong with it. `at` is where it stands in the body.
pub(crate) fn judge(
    context: &Context,
    jwk: &Value,
    wanted: Wanted,
    at: &str,
) -> Result<PublicKey, Findings> {
    let rule = context.certificates();
    let key = PublicKey::from_json(jwk, wanted.key_use(), rule.x5c()).map_err(|refused| {
        refused
            .faults
            .iter()
            .map(|fault| finding(*fault, at))
            .collect::<Findings>()
    })?;
    rule.check(&key, context.now().as_seconds())
        .map_err(|fault| vec![finding(fault, at)])?;
    Ok(key)
}

/// Everything that is wrong with the key for replies that a sender hands in; it bears no certificate (metadata 2.1.0).
pub(crate) fn judge_reply_key(jwk: &Value, at: &str) -> Findings {
    match PublicKey::from_json(jwk, KeyUse::Encryption, amtsbote_jose::X5c::Optional) {
        Ok(_) => Findings::new(),
        Err(refused) => refused
            .faults
            .iter()
            .map(|fault| finding(*fault, at))
            .collect(),
    }
}

/// Whether a stored JWK is for encryption. It was judged before it was stored.
pub(crate) fn is_for_encryption(jwk: &str) -> bool {
    serde_json::from_str::<Value>(jwk).is_ok_and(|jwk| jwk["key_ops"][0] == "wrapKey")
}

fn finding(fault: KeyFault, at: &str) -> Finding {
    let member = member_of(fault);
    let place = if member.is_empty() {
        at.to_owned()
    } else {
        format!("{at}/{member}")
    };
    Finding::new(
        place,
        "key-policy",
        Bilingual::new(german(fault), fault.to_string()),
    )
}

fn member_of(fault: KeyFault) -> &'static str {
    match fault {
        KeyFault::KeyType => "kty",
        KeyFault::Algorithm { .. } => "alg",
        KeyFault::KeyId => "kid",
        KeyFault::KeyOps { .. } => "key_ops",
        KeyFault::Use => "use",
        KeyFault::PrivateMember { member } => member,
        KeyFault::Modulus | KeyFault::ModulusSize { .. } | KeyFault::WeakModulus => "n",
        KeyFault::Exponent => "e",
        KeyFault::CertificateMissing
        | KeyFault::CertificateUnreadable
        | KeyFault::CertificateForAnotherKey
        | KeyFault::CertificateNotValidNow
        | KeyFault::CertificateSelfSigned
        | KeyFault::CertificateUntrusted
        | KeyFault::CertificateWeak => "x5c",
        KeyFault::NotAnObject
        | KeyFault::PrivatePart
        | KeyFault::MorePrimes
        | KeyFault::Inconsistent
        | _ => "",
    }
}

fn german(fault: KeyFault) -> String {
    let text = match fault {
        KeyFault::NotAnObject => {
            "der Schlüssel ist kein JSON-Objekt bis 64 KiB, in dem jedes Element einmal steht"
        }
        KeyFault::KeyType => "`kty` muss `RSA` sein",
        KeyFault::Algorithm { expected } => return format!("`alg` muss `{expected}` sein"),
        KeyFault::KeyId => "`kid` muss 8 bis 64 sichtbare ASCII-Zeichen haben",
        KeyFault::KeyOps { expected } => {
            return format!("`key_ops` muss genau [\"{expected}\"] sein");
        }
        KeyFault::Use => "`use` widerspricht `key_ops`; weglassen",
        KeyFault::PrivatePart => {
            "der private Teil wurde mitgesandt: Schlüssel nicht mehr verwenden, neuen erzeugen"
        }
        KeyFault::PrivateMember { member } => {
            return format!("das private Element `{member}` fehlt oder ist unlesbar");
        }
        KeyFault::MorePrimes => "Schlüssel aus mehr als zwei Primzahlen werden nicht unterstützt",
        KeyFault::Modulus => "`n` muss base64url ohne Auffüllung und ohne führende Nullbytes sein",
        KeyFault::ModulusSize { bits } => {
            return format!("`n` muss 4096 bis 8192 Bit haben, nicht {bits}");
        }
        KeyFault::WeakModulus => {
            "`n` ist zerlegbar: Schlüssel mit einem anderen Programm oder einer anderen Karte erzeugen"
        }
        KeyFault::Exponent => "`e` muss `AQAB` (65537) sein",
        KeyFault::CertificateMissing => "`x5c` muss das Zertifikat mit seiner Kette enthalten",
        KeyFault::CertificateUnreadable => {
            "`x5c` muss ein bis acht X.509-Zertifikate enthalten (Base64 von DER), das eigene zuerst"
        }
        KeyFault::CertificateForAnotherKey => {
            "das erste Zertifikat in `x5c` gehört zu einem anderen Schlüssel"
        }
        KeyFault::CertificateNotValidNow => "ein Zertifikat in `x5c` ist zurzeit nicht gültig",
        KeyFault::CertificateSelfSigned => "das Zertifikat in `x5c` ist selbst signiert",
        KeyFault::CertificateUntrusted => {
            "die Zertifikate in `x5c` führen zu keiner vertrauten Wurzel: die Kette mitsenden, das eigene zuerst"
        }
        KeyFault::CertificateWeak => {
            "ein Zertifikat in `x5c` hat einen Schlüssel unter 2048 Bit oder ist mit SHA-1 signiert"
        }
        KeyFault::Inconsistent => "die Elemente des Schlüssels passen nicht zusammen",
        _ => "der Schlüssel verletzt die Schlüsselvorgaben",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_keys_use_is_told_by_its_operation_before_its_algorithm() {
        for (jwk, wanted) in [
            (
                json!({"key_ops": ["wrapKey"], "alg": "PS512"}),
                Wanted::Encryption,
            ),
            (json!({"key_ops": ["verify"]}), Wanted::Signature),
            (json!({"alg": "PS512"}), Wanted::Signature),
            (json!({"use": "sig"}), Wanted::Encryption),
            (json!(7), Wanted::Encryption),
        ] {
            assert_eq!(Wanted::by_key_ops(&jwk), wanted, "{jwk}");
        }
    }

    #[test]
    fn every_fault_has_its_german_text_and_its_place() {
        let found = finding(KeyFault::ModulusSize { bits: 2048 }, "/encryptionPublicKey");
        assert_eq!(found.at, "/encryptionPublicKey/n");
        assert_eq!(
            found.detail.de,
            "`n` muss 4096 bis 8192 Bit haben, nicht 2048"
        );
        assert_eq!(finding(KeyFault::PrivatePart, "").at, "");
    }
}
