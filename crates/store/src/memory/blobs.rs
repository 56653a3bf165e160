//! Blobs in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};

use super::locked;
use crate::blobs::PIECE_MAX_BYTES;
use crate::{BlobId, BlobReader, BlobWriter, Blobs, Error, KeptBlob, Reply};

type Kept = Arc<Mutex<BTreeMap<BlobId, Bytes>>>;

/// Keeps blobs in memory, whole.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    kept: Kept,
    begun: AtomicU64,
}

impl MemoryBlobs {
    /// No blobs.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Blobs for MemoryBlobs {
    fn begin(&self) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        Box::pin(async move {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let id = format!("{number:016x}")
                .parse()
                .expect("hexadecimal digits are a blob id");
            let writer = Writer {
                id,
                pieces: BytesMut::new(),
                kept: Arc::clone(&self.kept),
            };
            Ok(Box::new(writer) as Box<dyn BlobWriter>)
        })
    }

    fn open<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<Option<Box<dyn BlobReader>>, Error>> {
        Box::pin(async move {
            let whole = locked(&self.kept).get(id).cloned();
            Ok(whole.map(|whole| {
                Box::new(Reader {
                    size_bytes: length(&whole),
                    rest: whole,
                }) as Box<dyn BlobReader>
            }))
        })
    }

    fn delete<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move {
            locked(&self.kept).remove(id);
            Ok(())
        })
    }

    fn list(&self) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        Box::pin(async move { Ok(locked(&self.kept).keys().cloned().collect()) })
    }
}

struct Writer {
    id: BlobId,
    pieces: BytesMut,
    kept: Kept,
}

impl BlobWriter for Writer {
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            self.pieces.extend_from_slice(&piece);
            Ok(())
        })
    }

    fn keep(self: Box<Self>) -> Reply<'static, Result<KeptBlob, Error>> {
        Box::pin(async move {
            let whole = self.pieces.freeze();
            let size_bytes = length(&whole);
            locked(&self.kept).insert(self.id.clone(), whole);
            Ok(KeptBlob {
                id: self.id,
                size_bytes,
            })
        })
    }
}

struct Reader {
    size_bytes: u64,
    rest: Bytes,
}

impl BlobReader for Reader {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            let length = self.rest.len().min(PIECE_MAX_BYTES);
            let piece = self.rest.split_to(length);
            Ok(Some(piece).filter(|piece| !piece.is_empty()))
        })
    }
}

fn length(whole: &Bytes) -> u64 {
    u64::try_from(whole.len()).unwrap_or(u64::MAX)
}
