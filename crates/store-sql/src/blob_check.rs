//! Blobs hashed where they lie: `amtsbote verify`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use amtsbote_store::BlobId;
use amtsbote_store::blob_sum::{BlobSum, SUM_BYTES, has_sum};

use crate::FolderBlobs;

const PIECE_BYTES: u64 = 256 * 1024;

/// What a blob's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// As it was kept.
    Whole,
    /// Kept before there were sums: only its length was compared.
    WithoutSum,
    /// Not as it was kept.
    Altered,
    /// Not there.
    Gone,
}

/// Hashes a blob of the folder. `size_bytes` is how long its content must be, where that is known. Takes no lock.
pub fn check_blob(folder: &Path, id: &BlobId, size_bytes: Option<u64>) -> io::Result<BlobState> {
    let Some(path) = FolderBlobs::file(folder, id) else {
        return Ok(BlobState::Gone);
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BlobState::Gone),
        Err(error) => return Err(error),
    };
    let stored_bytes = file.metadata()?.len();
    let behind_bytes = if has_sum(id) { SUM_BYTES } else { 0 };
    let Some(content_bytes) = stored_bytes.checked_sub(behind_bytes) else {
        return Ok(BlobState::Altered);
    };
    if size_bytes.is_some_and(|size_bytes| size_bytes != content_bytes) {
        return Ok(BlobState::Altered);
    }
    if !has_sum(id) {
        return Ok(BlobState::WithoutSum);
    }
    let mut sum = BlobSum::begin(id);
    let mut rest_bytes = content_bytes;
    let mut piece = Vec::new();
    while rest_bytes > 0 {
        piece.clear();
        let read = (&mut file)
            .take(rest_bytes.min(PIECE_BYTES))
            .read_to_end(&mut piece)?;
        if read == 0 {
            return Ok(BlobState::Altered);
        }
        sum.push(&piece);
        rest_bytes -= u64::try_from(read).unwrap_or(rest_bytes);
    }
    piece.clear();
    file.read_to_end(&mut piece)?;
    Ok(if piece == sum.bytes() {
        BlobState::Whole
    } else {
        BlobState::Altered
    })
}
