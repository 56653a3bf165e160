//! X.509 certificates in `x5c`: read what the key policy needs, and make self-signed ones for tests and demonstrations.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::asn1::{Asn1Integer, Asn1Time, Asn1TimeRef};
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Builder, X509NameBuilder, X509Ref};
use serde_json::Value;

use crate::key_fault::KeyFault;

/// Certificates in one `x5c`, at most.
const CHAIN_MAX: usize = 8;

/// What the key's own certificate says. The chain is judged by [`crate::CertificateRule`]: who must be trusted is the operator's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// Valid from, Unix seconds.
    pub not_before_s: i64,
    /// Valid until, Unix seconds.
    pub not_after_s: i64,
    /// Whether it is signed by its own key, so vouched for by nobody.
    pub is_self_signed: bool,
}

/// What a self-signed certificate shall say.
#[derive(Debug, Clone, Copy)]
pub struct SelfSigned<'a> {
    /// Common name of subject and issuer, 1 to 64 characters (RFC 5280, `ub-common-name`).
    pub common_name: &'a str,
    /// Valid from, Unix seconds.
    pub not_before_s: i64,
    /// Valid until, Unix seconds.
    pub not_after_s: i64,
}

/// Reads `x5c` and compares the first certificate's key with `modulus` and 65537.
pub(crate) fn read(x5c: &Value, modulus: &[u8]) -> Result<(Vec<String>, Certificate), KeyFault> {
    let texts: Vec<String> = x5c
        .as_array()
        .filter(|list| (1..=CHAIN_MAX).contains(&list.len()))
        .and_then(|list| {
            list.iter()
                .map(|entry| entry.as_str().map(ToOwned::to_owned))
                .collect()
        })
        .ok_or(KeyFault::CertificateUnreadable)?;
    let chain: Vec<X509> = texts
        .iter()
        .map(|text| parse(text))
        .collect::<Option<_>>()
        .ok_or(KeyFault::CertificateUnreadable)?;
    let leaf = chain.first().ok_or(KeyFault::CertificateUnreadable)?;
    if !is_for(leaf, modulus) {
        return Err(KeyFault::CertificateForAnotherKey);
    }
    let certificate = outline(leaf).map_err(|_| KeyFault::CertificateUnreadable)?;
    Ok((texts, certificate))
}

/// A certificate for `key`, signed by itself (RSA with SHA-512), as one entry of `x5c`.
pub(crate) fn self_sign(key: &PKey<Private>, wish: &SelfSigned<'_>) -> Result<String, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, wish.common_name)?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    builder.set_serial_number(Asn1Integer::from_bn(&serial)?.as_ref())?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(Asn1Time::from_unix(wish.not_before_s)?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(wish.not_after_s)?.as_ref())?;
    builder.set_pubkey(key)?;
    builder.sign(key, MessageDigest::sha512())?;
    Ok(STANDARD.encode(builder.build().to_der()?))
}

/// The certificates of an `x5c` that was read before.
pub(crate) fn chain(x5c: &[String]) -> Option<Vec<X509>> {
    x5c.iter().map(|text| parse(text)).collect()
}

/// Common name of the first, else its organisation.
pub(crate) fn name(x5c: &[String]) -> Option<String> {
    let leaf = parse(x5c.first()?)?;
    let entry = |nid| {
        let entry = leaf.subject_name().entries_by_nid(nid).next()?;
        entry.data().to_string().ok()
    };
    entry(Nid::COMMONNAME).or_else(|| entry(Nid::ORGANIZATIONNAME))
}

fn parse(text: &str) -> Option<X509> {
    let der = STANDARD.decode(text).ok()?;
    let certificate = X509::from_der(&der).ok()?;
    // Trailing octets behind the certificate would be passed over by the parser.
    (certificate.to_der().ok()? == der).then_some(certificate)
}

fn is_for(leaf: &X509Ref, modulus: &[u8]) -> bool {
    leaf.public_key()
        .and_then(|key| key.rsa())
        .is_ok_and(|key| key.n().to_vec() == modulus && key.e().to_vec() == [1, 0, 1])
}

fn outline(leaf: &X509Ref) -> Result<Certificate, ErrorStack> {
    Ok(Certificate {
        not_before_s: unix_s(leaf.not_before())?,
        not_after_s: unix_s(leaf.not_after())?,
        is_self_signed: leaf.verify(leaf.public_key()?.as_ref())?,
    })
}

fn unix_s(time: &Asn1TimeRef) -> Result<i64, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(i64::from(since.days) * 86_400 + i64::from(since.secs))
}
