//! Reads a blob as the store sends it.

use std::time::Duration;

use amtsbote_store::blobs::PIECE_MAX_BYTES;
use amtsbote_store::{BlobReader, Error, Reply};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use crate::fault::unavailable;

/// Longest silence between two pieces.
const IDLE_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Reader {
    pub(crate) size_bytes: u64,
    pub(crate) rest_bytes: u64,
    pub(crate) stream: BoxStream<'static, object_store::Result<Bytes>>,
    /// Came and was too large for one piece.
    pub(crate) held: Bytes,
}

impl Reader {
    async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        while self.held.is_empty() {
            if self.rest_bytes == 0 {
                return Ok(None);
            }
            let came = tokio::time::timeout(IDLE_MAX, self.stream.next()).await;
            match came.map_err(|_| silent())? {
                Some(Ok(piece)) => self.held = piece,
                Some(Err(fault)) => return Err(unavailable(&fault)),
                None => return Err(cut()),
            }
        }
        let piece = self.held.split_to(self.held.len().min(PIECE_MAX_BYTES));
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.rest_bytes = self.rest_bytes.checked_sub(length).ok_or_else(cut)?;
        Ok(Some(piece))
    }
}

fn silent() -> Error {
    Error::Unavailable {
        reason: "object store: it fell silent".into(),
        retry_after: Some(Duration::from_secs(5)),
    }
}

fn cut() -> Error {
    Error::Unreadable {
        kind: "blob",
        reason: "the object has another length than the store said".into(),
    }
}

impl BlobReader for Reader {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
        Box::pin(self.read())
    }
}
