//! Large ciphertext, as streams.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::{Error, Reply};

/// The largest piece a [`BlobReader`] gives.
pub const PIECE_MAX_BYTES: usize = 256 * 1024;

/// Names a blob: 1–64 characters of `[a-z0-9-]`, chosen by the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub(crate) String);

/// The text is not a blob id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a blob id")]
pub struct MalformedBlobId;

impl BlobId {
    /// The text; safe as a file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlobId {
    type Err = MalformedBlobId;

    fn from_str(text: &str) -> Result<Self, MalformedBlobId> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedBlobId)
        }
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A blob that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBlob {
    /// Its name.
    pub id: BlobId,
    /// Its length.
    pub size_bytes: u64,
}

/// Keeps blobs. A blob is visible whole or not at all.
pub trait Blobs: Send + Sync {
    /// Begins a blob. Dropping the writer before [`BlobWriter::keep`] leaves nothing behind.
    fn begin(&self) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>>;

    /// Opens a blob for reading; `None` if it is not there.
    fn open<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<Option<Box<dyn BlobReader>>, Error>>;

    /// Deletes a blob; deleting what is not there is fine.
    fn delete<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<(), Error>>;

    /// All blobs, in any order: for the sweep that deletes what no row refers to.
    fn list(&self) -> Reply<'_, Result<Vec<BlobId>, Error>>;
}

/// Takes a blob piece by piece.
pub trait BlobWriter: Send {
    /// Appends a piece. Waits for the disk, so that a fast sender is slowed down.
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), Error>>;

    /// Makes it durable (file and directory entry) and visible.
    fn keep(self: Box<Self>) -> Reply<'static, Result<KeptBlob, Error>>;
}

/// Gives a blob piece by piece.
pub trait BlobReader: Send {
    /// Length of the whole blob.
    fn size_bytes(&self) -> u64;

    /// The next piece (at most [`PIECE_MAX_BYTES`]), or `None` at the end.
    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>>;
}
