//! Writes a blob: small ones in one call, large ones part by part.

use std::sync::Arc;

use amtsbote_store::blob_sum::{BlobSum, has_sum};
use amtsbote_store::{BlobId, BlobWriter, Error, KeptBlob, Reply};
use bytes::{Bytes, BytesMut};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload};

use crate::fault::unavailable;

/// What a writer holds in memory. The store takes 10,000 parts: 80 GB.
pub(crate) const PART_BYTES: usize = 8 << 20;

pub(crate) struct Writer {
    store: Arc<AmazonS3>,
    place: Path,
    id: BlobId,
    sum: BlobSum,
    size_bytes: u64,
    held: BytesMut,
    state: State,
}

enum State {
    /// Nothing was sent yet.
    Small,
    Parts(Upload),
    /// A call failed, or all is done.
    Over,
}

/// Aborted when dropped, unless it was completed.
struct Upload(Option<Box<dyn MultipartUpload>>);

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) =
            (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            if let Err(fault) = upload.abort().await {
                // Invisible, and taken away by the bucket's lifecycle rule.
                tracing::debug!(error = %fault, "parts of a blob were left in the object store");
            }
        });
    }
}

impl Writer {
    pub(crate) fn begin(store: Arc<AmazonS3>, place: Path, id: BlobId) -> Self {
        Self {
            store,
            place,
            sum: BlobSum::begin(&id),
            id,
            size_bytes: 0,
            held: BytesMut::new(),
            state: State::Small,
        }
    }

    async fn take(&mut self, mut piece: Bytes) -> Result<(), Error> {
        if matches!(self.state, State::Over) {
            return Err(broken());
        }
        self.sum.push(&piece);
        self.size_bytes += u64::try_from(piece.len()).unwrap_or(0);
        while !piece.is_empty() {
            let room = PART_BYTES - self.held.len();
            let part = piece.split_to(room.min(piece.len()));
            self.held.extend_from_slice(&part);
            if self.held.len() == PART_BYTES {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Sends what is held as a part.
    async fn send(&mut self) -> Result<(), Error> {
        // Whatever fails from here on leaves the writer over, and drops the upload.
        let mut upload = match std::mem::replace(&mut self.state, State::Over) {
            State::Parts(upload) => upload,
            State::Small => {
                let begun = self.store.put_multipart(&self.place).await;
                Upload(Some(begun.map_err(|fault| unavailable(&fault))?))
            }
            State::Over => return Err(broken()),
        };
        let part = PutPayload::from(self.held.split().freeze());
        let open = upload.0.as_mut().ok_or_else(broken)?;
        let sent = open.put_part(part).await;
        sent.map_err(|fault| unavailable(&fault))?;
        self.state = State::Parts(upload);
        Ok(())
    }

    async fn finish(mut self) -> Result<KeptBlob, Error> {
        if has_sum(&self.id) {
            let sum = self.sum.clone().bytes();
            self.held.extend_from_slice(&sum);
        }
        if matches!(self.state, State::Parts(_)) && !self.held.is_empty() {
            self.send().await?;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Small => {
                let whole = PutPayload::from(self.held.split().freeze());
                let put = self.store.put(&self.place, whole).await;
                put.map_err(|fault| unavailable(&fault))?;
            }
            State::Parts(mut upload) => {
                let open = upload.0.as_mut().ok_or_else(broken)?;
                let completed = open.complete().await;
                completed.map_err(|fault| unavailable(&fault))?;
                drop(upload.0.take());
            }
            State::Over => return Err(broken()),
        }
        Ok(KeptBlob {
            id: self.id,
            size_bytes: self.size_bytes,
        })
    }
}

fn broken() -> Error {
    Error::Unavailable {
        reason: "an earlier write to this blob failed".into(),
        retry_after: None,
    }
}

impl BlobWriter for Writer {
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), Error>> {
        Box::pin(self.take(piece))
    }

    fn keep(self: Box<Self>) -> Reply<'static, Result<KeptBlob, Error>> {
        Box::pin((*self).finish())
    }
}
