//! The protected header.

use josekit::jwe::JweHeader;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::{Malformed, NotSealed};
use crate::jwk::PublicKey;

/// The decoded header, at most.
pub(super) const HEADER_MAX_BYTES: usize = 8 * 1024;
/// A text member we hand out, at most.
const MEMBER_MAX_BYTES: usize = 255;

/// The protected header of a JWE in our profile: `alg` RSA-OAEP-256, `enc` A256GCM, and these. Unknown members are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    kid: Option<String>,
    cty: Option<String>,
    typ: Option<String>,
    is_packed: bool,
}

impl Header {
    /// `kid`: the key it is sealed for, by name or (some clients) by thumbprint.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `cty`: what the plaintext is.
    pub fn cty(&self) -> Option<&str> {
        self.cty.as_deref()
    }

    /// `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether `zip` is `DEF`: the plaintext was packed before it was encrypted.
    pub fn is_packed(&self) -> bool {
        self.is_packed
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, Malformed> {
        if json.len() > HEADER_MAX_BYTES {
            return Err(Malformed::Header);
        }
        let raw: Raw = serde_json::from_slice(json).map_err(|_| Malformed::Header)?;
        raw.check()
    }
}

/// The header of what we seal, as JSON.
pub(super) fn print(key: &PublicKey, cty: &str) -> Result<String, NotSealed> {
    if !is_member(cty) || cty.is_empty() {
        return Err(NotSealed::ContentType);
    }
    let mut header = JweHeader::new();
    header.set_algorithm("RSA-OAEP-256");
    header.set_content_encryption("A256GCM");
    header.set_key_id(key.kid());
    header.set_content_type(cty);
    Ok(header.to_string())
}

/// Reads a member of any value as "it is there"; with `#[serde(default)]` an absent one reads `false`.
pub(crate) fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

#[derive(serde::Deserialize)]
struct Raw {
    alg: String,
    enc: String,
    kid: Option<String>,
    cty: Option<String>,
    typ: Option<String>,
    zip: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl Raw {
    fn check(self) -> Result<Header, Malformed> {
        if self.alg != "RSA-OAEP-256" {
            return Err(Malformed::Algorithm);
        }
        if self.enc != "A256GCM" {
            return Err(Malformed::Encryption);
        }
        if self.crit {
            return Err(Malformed::Critical);
        }
        let is_packed = match self.zip.as_deref() {
            None => false,
            Some("DEF") => true,
            Some(_) => return Err(Malformed::Compression),
        };
        let members = [&self.kid, &self.cty, &self.typ];
        if !members
            .into_iter()
            .flatten()
            .all(|member| is_member(member))
        {
            return Err(Malformed::Header);
        }
        Ok(Header {
            kid: self.kid,
            cty: self.cty,
            typ: self.typ,
            is_packed,
        })
    }
}

/// Printable ASCII of bounded length: safe in a log line and in a column.
pub(crate) fn is_member(text: &str) -> bool {
    text.len() <= MEMBER_MAX_BYTES && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
