//! What is handed to a procedure in one piece.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use amtsbote_model::{ParcelId, Personal};
use bytes::Bytes;

use crate::{Archive, Fault, Reply};

/// A relative path inside a parcel: 1–8 parts of 1–120 characters, no `..`, no leading dot, no separators or control
/// characters inside a part; safe to create under any folder on Linux and Windows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParcelPath(String);

/// The text is not a safe relative path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a safe relative path: 1 to 8 parts of 1 to 120 characters, none beginning with a dot")]
pub struct UnsafePath;

impl ParcelPath {
    /// The path with `/` between parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ParcelPath {
    type Err = UnsafePath;

    fn from_str(text: &str) -> Result<Self, UnsafePath> {
        let parts: Vec<&str> = text.split('/').collect();
        let fits = (1..=8).contains(&parts.len()) && parts.into_iter().all(is_safe_part);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(UnsafePath)
        }
    }
}

fn is_safe_part(part: &str) -> bool {
    (1..=120).contains(&part.chars().count())
        && !part.starts_with('.')
        && !part.ends_with(['.', ' '])
        && part
            .chars()
            .all(|c| !c.is_control() && !"\\:*?\"<>|".contains(c))
}

impl fmt::Display for ParcelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives an attachment's plaintext, as often as asked; its tag and hash were verified before.
pub trait AttachmentSource: Send + Sync {
    /// Length of the plaintext in bytes.
    fn size_bytes(&self) -> u64;

    /// Begins reading from the start.
    fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>>;
}

/// Reads an attachment piece by piece.
pub trait AttachmentReader: Send {
    /// The next piece (at most 256 KiB), or `None` at the end.
    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Fault>>;
}

/// A part of a file.
#[derive(Clone)]
pub enum Piece {
    /// As is.
    Bytes(Personal<Bytes>),
    /// An attachment, as is.
    Attachment(Arc<dyn AttachmentSource>),
    /// An attachment in base64 (RFC 4648 §4, padded, one line): written by the transport while it streams.
    Base64(Arc<dyn AttachmentSource>),
    /// Files as a ZIP archive, written by the transport while it streams.
    Zip(Arc<Archive>),
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.reveal().len()),
            Self::Attachment(source) => write!(f, "Attachment({} bytes)", source.size_bytes()),
            Self::Base64(source) => write!(f, "Base64({} bytes)", source.size_bytes()),
            Self::Zip(archive) => write!(f, "Zip({} bytes)", archive.size_bytes()),
        }
    }
}

/// One file of a parcel.
#[derive(Debug, Clone)]
pub struct ParcelFile {
    /// Where, inside the parcel.
    pub path: ParcelPath,
    /// MIME type.
    pub media_type: String,
    /// Content, in order.
    pub pieces: Vec<Piece>,
}

/// What is handed over in one piece. The id stays the same over repeats; receivers recognise a repeat by it.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Stable identifier.
    pub id: ParcelId,
    /// At least one file.
    pub files: Vec<ParcelFile>,
}

/// A source over bytes in memory: for tests, previews and small attachments.
pub fn bytes_source(bytes: Bytes) -> Arc<dyn AttachmentSource> {
    Arc::new(InMemory(bytes))
}

struct InMemory(Bytes);

impl AttachmentSource for InMemory {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
        let reader: Box<dyn AttachmentReader> = Box::new(Rest(self.0.clone()));
        Box::pin(std::future::ready(Ok(reader)))
    }
}

struct Rest(Bytes);

impl AttachmentReader for Rest {
    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Fault>> {
        let piece = self.0.split_to(self.0.len().min(256 * 1024));
        Box::pin(std::future::ready(Ok((!piece.is_empty()).then_some(piece))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_the_parcel() {
        for good in ["antrag.xml", "anlagen/01-lageplan.pdf", "Übersicht.pdf"] {
            assert!(good.parse::<ParcelPath>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            ".hidden",
            "a\\b",
            "a:b",
            "a\0b",
            "a/",
            "x.",
        ] {
            assert!(bad.parse::<ParcelPath>().is_err(), "{bad}");
        }
    }
}
