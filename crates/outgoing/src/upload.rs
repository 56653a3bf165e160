//! Streams that go up, watched for progress.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use reqwest::Body;
use tokio::time::sleep;

/// The stream handed in could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the stream to upload could not be read")]
pub(crate) struct Unread(pub(crate) io::ErrorKind);

/// Counts the pieces that the connection took.
#[derive(Clone)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// Ends when nothing was taken for `idle` (noticed at the latest after twice that).
    pub(crate) async fn stalled(&self, idle: Duration) {
        let mut seen = u64::MAX;
        loop {
            let taken = self.0.load(Ordering::Relaxed);
            if taken == seen {
                return;
            }
            seen = taken;
            sleep(idle).await;
        }
    }
}

/// A body that counts its pieces.
pub(crate) fn body<S>(stream: S, progress: Progress) -> Body
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    Body::wrap_stream(stream.map(move |piece| {
        progress.0.fetch_add(1, Ordering::Relaxed);
        piece.map_err(|error| Unread(error.kind()))
    }))
}
