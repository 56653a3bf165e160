//! Sealed texts: compact JWE (RFC 7516 §7.1) with RSA-OAEP-256 and A256GCM, whole or in pieces.
//!
//! ```text
//!  header . wrapped key . IV . ciphertext . tag
//!  ≤ 8 KiB   512–1024 B  12 B   any length   16 B
//! ```
//!
//! [`JweScanner`] is the one parser; [`Jwe`] and [`OpenReader`] stand on it. Whoever holds no key (the gateway) needs nothing else.
//! An opener must not use what [`OpenReader::push`] hands out before [`OpenReader::finish`] has said yes (RFC 7516 §11.5).

mod header;
mod inflate;
mod open_reader;
mod scan;
mod seal_writer;
mod whole;
mod wrap;

use std::fmt;

pub use header::Header;
pub(crate) use header::{is_member, present};
pub use open_reader::OpenReader;
pub use scan::JweScanner;
pub use seal_writer::SealWriter;
pub use whole::{Jwe, open, seal};

/// Octets of the content key, of the IV, of the tag (RFC 7518 §5.3).
const CEK_BYTES: usize = 32;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// The authentication tag of a JWE as it stands in it: 22 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(String);

impl Tag {
    /// The 22 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 22 characters, by move.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a JWE shows without being opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    header: Header,
    tag: Tag,
}

impl Envelope {
    /// The protected header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The authentication tag.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }
}

/// Why a text is not taken as a JWE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than the caller allows.
    #[error("the encrypted text is too long")]
    TooLong,
    /// Not five parts.
    #[error("a compact JWE has five parts between dots")]
    Parts,
    /// A part is not strict base64url.
    #[error("each part must be base64url without padding")]
    Encoding,
    /// The header is not a JSON object of at most 8 KiB, or a member has a wrong type, is too long or comes twice.
    #[error(
        "the header must be a JSON object of at most 8 KiB with `alg` and `enc`, each member once"
    )]
    Header,
    /// Another key algorithm.
    #[error("`alg` must be `RSA-OAEP-256`")]
    Algorithm,
    /// Another content encryption.
    #[error("`enc` must be `A256GCM`")]
    Encryption,
    /// A compression other than `DEF`.
    #[error("`zip` must be `DEF` or absent")]
    Compression,
    /// `crit` asks for an extension; none is supported (RFC 7516 §4.1.13).
    #[error("`crit` is not supported")]
    Critical,
    /// The encrypted key is not as long as a modulus of 4096 to 8192 bits.
    #[error("the encrypted key must have 512 to 1024 octets, as the key it is made with")]
    WrappedKey,
    /// The IV is not 96 bits long.
    #[error("the initialization vector must have 12 octets")]
    Iv,
    /// The tag is not 128 bits long.
    #[error("the authentication tag must have 16 octets")]
    Tag,
}

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// The key is for signatures.
    #[error("the key is not an encryption key")]
    WrongUse,
    /// `cty` is empty, longer than 255 characters or not visible ASCII.
    #[error("the content type must have 1 to 255 visible ASCII characters")]
    ContentType,
    /// More than AES-GCM can take under one IV (2^36 − 32 octets, NIST SP 800-38D §5.2.1.1).
    #[error("the content is too long for one sealed text")]
    TooLong,
    /// The library failed.
    #[error("the content could not be sealed")]
    Library,
}

/// Why a JWE was not opened. Wrong key, wrong tag and altered text are one and the same answer (RFC 7516 §11.5);
/// [`Self::UnknownKey`] depends on the readable header only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It has not the form of a JWE.
    #[error("the encrypted text is malformed")]
    Malformed(#[source] Malformed),
    /// It names a key of ours and does not open.
    #[error(
        "the text cannot be opened: it was altered, or sealed for another key of the same name"
    )]
    Refused,
    /// It names no key of ours, and none of ours opens it.
    #[error("the text is sealed for a key that is not here; add that key or publish the right one")]
    UnknownKey,
    /// It opened, and unpacks to more than allowed.
    #[error("the content unpacks to more than allowed")]
    TooLarge,
    /// It opened, and the packed content is broken.
    #[error("the packed content is broken")]
    Inflate,
}
