//! What can be wrong with a key somebody hands us. All findings are told at once and none repeats the key's content.

use std::fmt;

/// One rule of the key policy that a JWK breaks. Rules: RFC 7517, RFC 7518 §6.3, Submission API 1.1.3 (`JWK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// More than 64 KiB, not JSON, not an object, or a member twice.
    #[error("the key is not a JSON object of at most 64 KiB with each member once")]
    NotAnObject,
    /// `kty` is missing or another one.
    #[error("`kty` must be `RSA`")]
    KeyType,
    /// `alg` is missing or another one.
    #[error("`alg` must be `{expected}`")]
    Algorithm {
        /// The algorithm for this use.
        expected: &'static str,
    },
    /// `kid` is missing, too short, too long or has blanks or control characters.
    #[error("`kid` must have 8 to 64 visible ASCII characters")]
    KeyId,
    /// `key_ops` is missing or not exactly the one operation.
    #[error("`key_ops` must be exactly [\"{expected}\"]")]
    KeyOps {
        /// The operation for this use and part of the key.
        expected: &'static str,
    },
    /// `use` is present (tolerated) but says something else.
    #[error("`use` contradicts `key_ops`; leave it out")]
    Use,
    /// A public key was asked for and parts of the private one came along.
    #[error("the private part was sent along: take this key out of use and create a new one")]
    PrivatePart,
    /// A member of the private key is missing or unreadable.
    #[error("the private member `{member}` is missing or not base64url")]
    PrivateMember {
        /// Its name.
        member: &'static str,
    },
    /// A key of more than two primes (`oth`).
    #[error("keys of more than two primes are not supported")]
    MorePrimes,
    /// `n` is missing, not strict base64url, or has leading zero octets.
    #[error("`n` must be base64url without padding and without leading zero octets")]
    Modulus,
    /// `n` is too short or too long.
    #[error("`n` must have 4096 to 8192 bits, not {bits}")]
    ModulusSize {
        /// The bits it has.
        bits: usize,
    },
    /// `n` is even, has a small factor, or was made by a generator known to be broken (ROCA, CVE-2017-15361).
    #[error("`n` can be factored: create a new key with another program or card")]
    WeakModulus,
    /// `e` is missing or another one.
    #[error("`e` must be `AQAB` (65537)")]
    Exponent,
    /// `x5c` is missing.
    #[error("`x5c` must hold the certificate and its chain")]
    CertificateMissing,
    /// `x5c` holds something that is not one to eight certificates in base64 (with padding, RFC 7517 §4.7).
    #[error(
        "`x5c` must hold one to eight X.509 certificates as base64 of DER, the key's own first"
    )]
    CertificateUnreadable,
    /// The first certificate is for another key.
    #[error("the first certificate in `x5c` is for another key")]
    CertificateForAnotherKey,
    /// A certificate has expired or is not valid yet.
    #[error("a certificate in `x5c` is not valid at present")]
    CertificateNotValidNow,
    /// The certificate is vouched for by its own key alone.
    #[error("the certificate in `x5c` is self-signed")]
    CertificateSelfSigned,
    /// The chain does not lead to a trust anchor, or a signature in it is wrong.
    #[error("the certificates in `x5c` lead to no trusted root: send the chain, leaf first")]
    CertificateUntrusted,
    /// A key or hash in the chain is too weak.
    #[error("a certificate in `x5c` has a key below 2048 bits or is signed with SHA-1")]
    CertificateWeak,
    /// The members of the key do not fit together.
    #[error("the members of the key do not fit together")]
    Inconsistent,
}

/// A JWK that breaks the policy, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedKey {
    /// At least one.
    pub faults: Vec<KeyFault>,
}

impl fmt::Display for RefusedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key is refused: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RefusedKey {}

impl From<KeyFault> for RefusedKey {
    fn from(fault: KeyFault) -> Self {
        Self {
            faults: vec![fault],
        }
    }
}
