//! A JWK taken apart and checked rule by rule, so that all faults are told at once.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::certificate::{self, Certificate};
use crate::jwk::{KeyUse, PublicKey, X5c};
use crate::key_fault::{KeyFault, RefusedKey};
use crate::{base64url, weak};

/// A JWK as text, at most.
const JWK_MAX_BYTES: usize = 64 * 1024;
const BITS: std::ops::RangeInclusive<usize> = 4096..=8192;

/// Which half of a pair a JWK holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Public,
    Private,
}

/// The members we look at. The derived reader refuses a member that comes twice.
#[derive(Deserialize)]
pub(crate) struct Parts {
    kty: Option<Value>,
    alg: Option<Value>,
    kid: Option<Value>,
    key_ops: Option<Value>,
    #[serde(rename = "use")]
    short_use: Option<Value>,
    n: Option<Value>,
    e: Option<Value>,
    x5c: Option<Value>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Parts {
    pub(crate) fn parse(json: &str) -> Result<Self, KeyFault> {
        if json.len() > JWK_MAX_BYTES {
            return Err(KeyFault::NotAnObject);
        }
        serde_json::from_str(json).map_err(|_| KeyFault::NotAnObject)
    }

    /// The public key in it, or every rule it breaks.
    pub(crate) fn build(
        &self,
        key_use: KeyUse,
        side: Side,
        x5c: X5c,
    ) -> Result<PublicKey, RefusedKey> {
        let mut faults: Vec<KeyFault> = self.plain_faults(key_use, side);
        let modulus = self.modulus().map_err(|fault| faults.push(fault)).ok();
        let chain = modulus
            .as_deref()
            .map_or(Ok(None), |modulus| self.chain(modulus, x5c))
            .map_err(|fault| faults.push(fault))
            .ok();
        match (modulus, chain) {
            (Some(modulus), Some(chain)) if faults.is_empty() => {
                let kid = text(self.kid.as_ref()).unwrap_or_default().to_owned();
                Ok(PublicKey::assemble(kid, key_use, modulus, chain)?)
            }
            _ => Err(RefusedKey { faults }),
        }
    }

    fn plain_faults(&self, key_use: KeyUse, side: Side) -> Vec<KeyFault> {
        let operation = match side {
            Side::Public => key_use.public_operation(),
            Side::Private => key_use.private_operation(),
        };
        let private = [
            &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth, &self.k,
        ];
        let rules = [
            (text(self.kty.as_ref()) == Some("RSA"), KeyFault::KeyType),
            (
                text(self.alg.as_ref()) == Some(key_use.algorithm()),
                KeyFault::Algorithm {
                    expected: key_use.algorithm(),
                },
            ),
            (text(self.kid.as_ref()).is_some_and(is_kid), KeyFault::KeyId),
            (
                self.is_only_operation(operation),
                KeyFault::KeyOps {
                    expected: operation,
                },
            ),
            (
                self.short_use
                    .as_ref()
                    .is_none_or(|value| value == key_use.short()),
                KeyFault::Use,
            ),
            (text(self.e.as_ref()) == Some("AQAB"), KeyFault::Exponent),
            (
                side == Side::Private || private.iter().all(|member| member.is_none()),
                KeyFault::PrivatePart,
            ),
            (
                side == Side::Public || self.oth.is_none(),
                KeyFault::MorePrimes,
            ),
        ];
        rules
            .into_iter()
            .filter_map(|(holds, fault)| (!holds).then_some(fault))
            .collect()
    }

    fn is_only_operation(&self, operation: &str) -> bool {
        self.key_ops
            .as_ref()
            .and_then(Value::as_array)
            .is_some_and(|list| matches!(&list[..], [only] if only == operation))
    }

    fn modulus(&self) -> Result<Vec<u8>, KeyFault> {
        let modulus = text(self.n.as_ref())
            .and_then(base64url::decode)
            .filter(|octets| octets.first().is_some_and(|first| *first != 0))
            .ok_or(KeyFault::Modulus)?;
        let bits = bits(&modulus);
        if !BITS.contains(&bits) {
            return Err(KeyFault::ModulusSize { bits });
        }
        if weak::is_weak(&modulus) {
            return Err(KeyFault::WeakModulus);
        }
        Ok(modulus)
    }

    fn chain(
        &self,
        modulus: &[u8],
        x5c: X5c,
    ) -> Result<Option<(Vec<String>, Certificate)>, KeyFault> {
        match (&self.x5c, x5c) {
            (Some(x5c), X5c::Required | X5c::Optional) => certificate::read(x5c, modulus).map(Some),
            (None, X5c::Optional) => Ok(None),
            (None, X5c::Required) => Err(KeyFault::CertificateMissing),
        }
    }
}

/// Bits of a big-endian number without leading zero octets.
pub(crate) fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Whether `text` may name a key: 8 to 64 characters (Submission API 1.1.3), visible ASCII so that it can stand in a path.
pub(crate) fn is_kid(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}
