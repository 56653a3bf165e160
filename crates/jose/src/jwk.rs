//! Public keys and the policy for them: RSA of 4096 to 8192 bits, exponent 65537, one use each.
//!
//! Source of the rules: Submission API 1.1.3 (`JWK`), RFC 7517, RFC 7518 §6.3.1; weak moduli: CVE-2017-15361.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA512};
use josekit::jwk::Jwk;
use openssl::bn::BigNum;
use openssl::rsa::Rsa;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base64url;
use crate::certificate::Certificate;
use crate::digest::sha256;
use crate::jwk_parts::{Parts, Side, bits};
use crate::key_fault::{KeyFault, RefusedKey};

/// What a key is for. One key has one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// `RSA-OAEP-256`: `wrapKey` with the public part, `unwrapKey` with the private one.
    Encryption,
    /// `PS512`: `verify` with the public part, `sign` with the private one.
    Signature,
}

impl KeyUse {
    /// The `alg` of such a key.
    pub const fn algorithm(self) -> &'static str {
        match self {
            Self::Encryption => "RSA-OAEP-256",
            Self::Signature => "PS512",
        }
    }

    /// The one entry of `key_ops` of the public part.
    pub const fn public_operation(self) -> &'static str {
        match self {
            Self::Encryption => "wrapKey",
            Self::Signature => "verify",
        }
    }

    /// The one entry of `key_ops` of the private part.
    pub const fn private_operation(self) -> &'static str {
        match self {
            Self::Encryption => "unwrapKey",
            Self::Signature => "sign",
        }
    }

    /// The `use` some clients still send.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::Encryption => "enc",
            Self::Signature => "sig",
        }
    }
}

/// Whether a key must bring its certificate. Keys of destinations must; a reply key inside metadata has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum X5c {
    /// Without `x5c` the key is refused.
    Required,
    /// If `x5c` is there it must be right.
    Optional,
}

/// A public key that keeps the policy, ready for use. Cheap to clone.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    kid: String,
    key_use: KeyUse,
    modulus: Vec<u8>,
    x5c: Vec<String>,
    certificate: Option<Certificate>,
    engine: Engine,
}

enum Engine {
    Wrap(OaepPublicEncryptingKey),
    Verify(ParsedPublicKey),
}

impl Engine {
    fn prepare(key_use: KeyUse, modulus: &[u8]) -> Option<Self> {
        let modulus = BigNum::from_slice(modulus).ok()?;
        let exponent = BigNum::from_u32(65_537).ok()?;
        let der = Rsa::from_public_components(modulus, exponent)
            .ok()?
            .public_key_to_der()
            .ok()?;
        Some(match key_use {
            KeyUse::Encryption => Self::Wrap(
                OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&der).ok()?).ok()?,
            ),
            KeyUse::Signature => {
                Self::Verify(ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA512, der).ok()?)
            }
        })
    }
}

impl PublicKey {
    /// Reads a JWK from text of at most 64 KiB. Unknown members are passed over, `use` is tolerated if it fits.
    pub fn parse(json: &str, key_use: KeyUse, x5c: X5c) -> Result<Self, RefusedKey> {
        Parts::parse(json)?.build(key_use, Side::Public, x5c)
    }

    /// Reads a JWK that is already JSON.
    pub fn from_json(json: &Value, key_use: KeyUse, x5c: X5c) -> Result<Self, RefusedKey> {
        Parts::deserialize(json)
            .map_err(|_| KeyFault::NotAnObject)?
            .build(key_use, Side::Public, x5c)
    }

    /// Puts a key together whose parts keep the policy.
    pub(crate) fn assemble(
        kid: String,
        key_use: KeyUse,
        modulus: Vec<u8>,
        chain: Option<(Vec<String>, Certificate)>,
    ) -> Result<Self, KeyFault> {
        let engine = Engine::prepare(key_use, &modulus).ok_or(KeyFault::Inconsistent)?;
        let (x5c, certificate) = chain.map_or((Vec::new(), None), |(x5c, certificate)| {
            (x5c, Some(certificate))
        });
        Ok(Self(Arc::new(Inner {
            kid,
            key_use,
            modulus,
            x5c,
            certificate,
            engine,
        })))
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// What the key is for.
    pub fn key_use(&self) -> KeyUse {
        self.0.key_use
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> usize {
        bits(&self.0.modulus)
    }

    /// What its certificate says, if it brought one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.certificate.as_ref()
    }

    /// Whom its certificate names (common name, else organisation), if it brought one. **Anybody can write that**, unless the chain was
    /// checked.
    pub fn certified_name(&self) -> Option<String> {
        crate::certificate::name(&self.0.x5c)
    }

    /// The JWK as we publish it: `kty`, `alg`, `kid`, `key_ops`, `n`, `e`, `x5c` if there is one; never `use`.
    pub fn to_json(&self) -> Value {
        let mut jwk = Jwk::new("RSA");
        jwk.set_algorithm(self.0.key_use.algorithm());
        jwk.set_key_id(&self.0.kid);
        jwk.set_key_operations(vec![self.0.key_use.public_operation()]);
        let mut map = jwk.as_ref().clone();
        map.insert(
            "n".to_owned(),
            Value::String(base64url::encode(&self.0.modulus)),
        );
        map.insert("e".to_owned(), Value::String("AQAB".to_owned()));
        if !self.0.x5c.is_empty() {
            map.insert("x5c".to_owned(), json!(self.0.x5c));
        }
        Value::Object(map)
    }

    /// SHA-256 thumbprint (RFC 7638), base64url.
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.0.modulus)
    }

    /// The certificates as they came, the key's own first.
    pub(crate) fn x5c(&self) -> &[String] {
        &self.0.x5c
    }

    /// Octets of the modulus: the length of a wrapped key and of a signature.
    pub(crate) fn modulus(&self) -> &[u8] {
        &self.0.modulus
    }

    pub(crate) fn wrapper(&self) -> Option<&OaepPublicEncryptingKey> {
        match &self.0.engine {
            Engine::Wrap(key) => Some(key),
            Engine::Verify(_) => None,
        }
    }

    pub(crate) fn verifier(&self) -> Option<&ParsedPublicKey> {
        match &self.0.engine {
            Engine::Verify(key) => Some(key),
            Engine::Wrap(_) => None,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kid", &self.0.kid)
            .field("key_use", &self.0.key_use)
            .finish_non_exhaustive()
    }
}

/// SHA-256 over the required members in lexical order (RFC 7638 §3), base64url; the exponent is 65537.
fn thumbprint(modulus: &[u8]) -> String {
    let canonical = format!(
        r#"{{"e":"AQAB","kty":"RSA","n":"{}"}}"#,
        base64url::encode(modulus)
    );
    base64url::encode(sha256(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst\
                 n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91\
                 CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let modulus = base64url::decode(n).unwrap();
        assert_eq!(
            thumbprint(&modulus),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }
}
