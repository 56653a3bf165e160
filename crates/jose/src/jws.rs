//! Signed tokens: compact JWS with PS512 (RFC 7515 §7.1), as security event tokens and signed addresses are.

use josekit::jws::{JwsContext, JwsHeader as Printed};
use serde::Deserialize;

use crate::base64url;
use crate::jwe::{is_member, present};
use crate::jwk::PublicKey;
use crate::private::PrivateKey;
use crate::ps512::Ps512Signer;

/// The decoded header, at most.
const HEADER_MAX_BYTES: usize = 8 * 1024;

/// Signs `payload`, byte for byte as given. The header gets `alg`, the key's `kid`, and `typ`.
pub fn sign(payload: &[u8], key: &PrivateKey, typ: &str) -> Result<String, NotSigned> {
    if key.signer().is_none() {
        return Err(NotSigned::WrongUse);
    }
    let mut header = Printed::new();
    header.set_token_type(typ);
    JwsContext::new()
        .serialize_compact(payload, &header, &Ps512Signer(key.clone()))
        .map_err(|_| NotSigned::Library)
}

/// A compact JWS that keeps the form, its signature **not yet checked**.
#[derive(Clone)]
pub struct Jws<'a> {
    signed: &'a str,
    header: JwsHeader,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The protected header of a JWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwsHeader {
    kid: String,
    typ: Option<String>,
}

impl JwsHeader {
    /// The name of the key it claims to be signed with.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// `typ`, such as `secevent+jwt`.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }
}

impl<'a> Jws<'a> {
    /// Takes a compact JWS of at most `max_bytes` apart: three parts of strict base64url, `alg` PS512, a `kid`, nothing critical.
    pub fn parse(text: &'a str, max_bytes: usize) -> Result<Self, MalformedJws> {
        if text.len() > max_bytes {
            return Err(MalformedJws::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(MalformedJws::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(MalformedJws::Parts)?;
        if payload.contains('.') {
            return Err(MalformedJws::Parts);
        }
        let header = RawHeader::parse(&base64url::decode(header).ok_or(MalformedJws::Encoding)?)?;
        let payload = base64url::decode(payload).ok_or(MalformedJws::Encoding)?;
        let signature = base64url::decode(signature).ok_or(MalformedJws::Encoding)?;
        Ok(Self {
            signed,
            header,
            payload,
            signature,
        })
    }

    /// The protected header.
    pub fn header(&self) -> &JwsHeader {
        &self.header
    }

    /// The payload, which **anybody may have written**: only for finding out whose key to check it with.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks the signature and hands out the payload.
    pub fn verify(&self, key: &PublicKey) -> Result<&[u8], NotVerified> {
        let verifier = key.verifier().ok_or(NotVerified::WrongUse)?;
        if key.kid() != self.header.kid {
            return Err(NotVerified::AnotherKey);
        }
        if self.signature.len() != key.modulus().len() {
            return Err(NotVerified::Signature);
        }
        verifier
            .verify_sig(self.signed.as_bytes(), &self.signature)
            .map_err(|_| NotVerified::Signature)?;
        Ok(&self.payload)
    }
}

impl std::fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jws")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
}

impl RawHeader {
    fn parse(json: &[u8]) -> Result<JwsHeader, MalformedJws> {
        if json.len() > HEADER_MAX_BYTES {
            return Err(MalformedJws::Header);
        }
        let raw: Self = serde_json::from_slice(json).map_err(|_| MalformedJws::Header)?;
        if raw.alg != "PS512" {
            return Err(MalformedJws::Algorithm);
        }
        if raw.crit || raw.b64 {
            return Err(MalformedJws::Critical);
        }
        if raw.typ.as_deref().is_some_and(|typ| !is_member(typ)) {
            return Err(MalformedJws::Header);
        }
        let kid = raw
            .kid
            .filter(|kid| !kid.is_empty() && is_member(kid))
            .ok_or(MalformedJws::KeyId)?;
        Ok(JwsHeader { kid, typ: raw.typ })
    }
}

/// Why a text is not taken as a JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedJws {
    /// Longer than the caller allows.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts.
    #[error("a compact JWS has three parts between dots")]
    Parts,
    /// A part is not strict base64url.
    #[error("each part must be base64url without padding")]
    Encoding,
    /// The header is not a JSON object of at most 8 KiB, or a member has a wrong type or comes twice.
    #[error(
        "the header must be a JSON object of at most 8 KiB with `alg` and `kid` as text, each once"
    )]
    Header,
    /// Another algorithm.
    #[error("`alg` must be `PS512`")]
    Algorithm,
    /// No key is named, or not in up to 255 characters of printable ASCII.
    #[error("`kid` must name the key in at most 255 printable ASCII characters")]
    KeyId,
    /// `crit` or `b64` asks for an extension (RFC 7515 §4.1.11, RFC 7797); none is supported.
    #[error("`crit` and `b64` are not supported")]
    Critical,
}

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The key is for encryption.
    #[error("the key is not a signature key")]
    WrongUse,
    /// The library failed.
    #[error("the signature could not be made")]
    Library,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// The key is for encryption.
    #[error("the key is not a signature key")]
    WrongUse,
    /// The token names another key.
    #[error("the token is signed with another key")]
    AnotherKey,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
}
