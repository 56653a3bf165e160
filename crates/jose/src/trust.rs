//! Whom the certificates of keys must come from: chains up to trust anchors that the operator names.
//!
//! Path building and signatures (PKCS#1 and RSASSA-PSS) are OpenSSL's. The certificates of the administration's PKI are not made
//! for TLS, so no purpose is asked for. Revocation (OCSP, CRL) is **not** looked up: it needs the network, and this crate has none.

use std::fmt;
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{X509, X509Ref, X509StoreContext, X509VerifyResult};

use crate::certificate;
use crate::jwk::{PublicKey, X5c};
use crate::key_fault::KeyFault;

/// Anchors in one file, at most.
const ANCHORS_MAX: usize = 200;
/// Intermediate certificates between leaf and anchor, at most.
const DEPTH_MAX: i32 = 8;
/// OpenSSL's level of 112 bits: RSA from 2048 bits, no SHA-1.
const AUTH_LEVEL: i32 = 2;

/// Roots that certificates of keys must lead to. Cheap to clone.
#[derive(Clone)]
pub struct TrustAnchors(Arc<[X509]>);

/// The text holds no usable trust anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {ANCHORS_MAX} certificates in PEM")]
pub struct MalformedAnchors;

impl TrustAnchors {
    /// From PEM: one or more certificates one after the other.
    pub fn from_pem(pem: &[u8]) -> Result<Self, MalformedAnchors> {
        let anchors = X509::stack_from_pem(pem).map_err(|_| MalformedAnchors)?;
        if (1..=ANCHORS_MAX).contains(&anchors.len()) {
            Ok(Self(anchors.into()))
        } else {
            Err(MalformedAnchors)
        }
    }

    fn verify(&self, chain: &[X509], now_s: i64) -> Result<(), KeyFault> {
        let (leaf, others) = chain.split_first().ok_or(KeyFault::CertificateMissing)?;
        let result = self
            .verdict(leaf, others, now_s)
            .map_err(|_| KeyFault::CertificateUnreadable)?;
        match result {
            X509VerifyResult::OK => Ok(()),
            refused => Err(fault(refused)),
        }
    }

    fn verdict(
        &self,
        leaf: &X509Ref,
        others: &[X509],
        now_s: i64,
    ) -> Result<X509VerifyResult, ErrorStack> {
        let mut between = Stack::new()?;
        for certificate in others {
            between.push(certificate.clone())?;
        }
        let mut context = X509StoreContext::new()?;
        let store = self.store(now_s)?;
        context.init(&store, leaf, &between, |context| {
            context.verify_cert().map(|_| context.error())
        })
    }

    fn store(&self, now_s: i64) -> Result<X509Store, ErrorStack> {
        let mut rules = X509VerifyParam::new()?;
        rules.set_time(now_s);
        rules.set_depth(DEPTH_MAX);
        rules.set_auth_level(AUTH_LEVEL);
        let mut store = X509StoreBuilder::new()?;
        store.set_param(&rules)?;
        for anchor in self.0.iter() {
            store.add_cert(anchor.clone())?;
        }
        Ok(store.build())
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.0.len())
    }
}

// Numbers of `x509_vfy.h`; they are part of OpenSSL's interface.
fn fault(refused: X509VerifyResult) -> KeyFault {
    match refused.as_raw() {
        9 | 10 => KeyFault::CertificateNotValidNow,
        18 => KeyFault::CertificateSelfSigned,
        66..=68 => KeyFault::CertificateWeak,
        _ => KeyFault::CertificateUntrusted,
    }
}

/// What is asked of the certificates of destinations' keys.
#[derive(Debug, Clone)]
pub struct CertificateRule {
    x5c: X5c,
    trust: Trust,
}

#[derive(Debug, Clone)]
enum Trust {
    /// Whoever signed it.
    Anybody,
    Anchors(TrustAnchors),
    /// Also keys that vouch for themselves.
    AnchorsOrSelf(TrustAnchors),
}

impl From<X5c> for CertificateRule {
    /// Whether there must be one, whoever signed it.
    fn from(x5c: X5c) -> Self {
        Self {
            x5c,
            trust: Trust::Anybody,
        }
    }
}

impl CertificateRule {
    /// With chains that must lead to one of `anchors`.
    #[must_use]
    pub fn trusting(self, anchors: TrustAnchors) -> Self {
        Self {
            trust: Trust::Anchors(anchors),
            ..self
        }
    }

    /// With self-signed certificates beside those that lead to an anchor: for test set-ups.
    #[must_use]
    pub fn danger_self_signed(self) -> Self {
        let trust = match self.trust {
            Trust::Anybody => Trust::Anybody,
            Trust::Anchors(anchors) | Trust::AnchorsOrSelf(anchors) => {
                Trust::AnchorsOrSelf(anchors)
            }
        };
        Self { trust, ..self }
    }

    /// Whether there must be a certificate at all.
    pub const fn x5c(&self) -> X5c {
        self.x5c
    }

    /// Judges the certificates that `key` brought, at `now_s` (Unix seconds). That the first of them is for this key was
    /// checked when it was read.
    pub fn check(&self, key: &PublicKey, now_s: i64) -> Result<(), KeyFault> {
        let Some(own) = key.certificate() else {
            return match self.x5c {
                X5c::Required => Err(KeyFault::CertificateMissing),
                X5c::Optional => Ok(()),
            };
        };
        if !(own.not_before_s..=own.not_after_s).contains(&now_s) {
            return Err(KeyFault::CertificateNotValidNow);
        }
        let anchors = match &self.trust {
            Trust::Anybody => return Ok(()),
            Trust::AnchorsOrSelf(_) if own.is_self_signed => return Ok(()),
            Trust::Anchors(anchors) | Trust::AnchorsOrSelf(anchors) => anchors,
        };
        let chain = certificate::chain(key.x5c()).ok_or(KeyFault::CertificateUnreadable)?;
        anchors.verify(&chain, now_s)
    }
}
