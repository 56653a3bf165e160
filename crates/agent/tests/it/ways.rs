//! Stores with a fuse: at a chosen pass they never come back, as a process that was killed does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{
    BlobId, BlobReader, BlobWriter, Blobs, Claim, Claimed, Deliveries, DeliveryRow, Error,
    KeptBlob, NewDelivery, Reply, Sharing, Swapped, Tally,
};
use bytes::Bytes;
use tokio::sync::Notify;

/// Blows at the pass of that number.
#[derive(Debug)]
pub(crate) struct Fuse {
    left: AtomicI64,
    pub(crate) blown: Notify,
    at: std::sync::Mutex<&'static str>,
}

impl Fuse {
    pub(crate) fn after(passes: i64) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicI64::new(passes),
            blown: Notify::new(),
            at: std::sync::Mutex::new("nowhere"),
        })
    }

    pub(crate) fn place(&self) -> &'static str {
        *self.at.lock().unwrap()
    }

    fn note(&self, place: &'static str) {
        let mut at = self.at.lock().unwrap();
        if *at == "nowhere" {
            *at = place;
        }
    }

    pub(crate) async fn pass(&self, place: &'static str) {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return;
        }
        self.note(place);
        self.blown.notify_one();
        std::future::pending::<()>().await;
    }
}

/// Deliveries with a fuse before and after each call.
pub(crate) struct FusedDeliveries {
    pub(crate) inner: Arc<dyn Deliveries>,
    pub(crate) fuse: Arc<Fuse>,
}

impl Deliveries for FusedDeliveries {
    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            self.fuse.pass("before note").await;
            let answer = self.inner.note(new).await;
            self.fuse.pass("after note").await;
            answer
        })
    }

    fn sharing(&self) -> Sharing {
        self.inner.sharing()
    }

    fn claim(&self, claim: Claim) -> Reply<'_, Result<Claimed, Error>> {
        Box::pin(async move {
            self.fuse.pass("before the claim").await;
            let answer = self.inner.claim(claim).await;
            self.fuse.pass("after the claim").await;
            answer
        })
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, Result<Vec<SubmissionId>, Error>> {
        self.inner.renew(by, ids, until)
    }

    fn tally(&self) -> Reply<'_, Result<Vec<Tally>, Error>> {
        self.inner.tally()
    }

    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(async move {
            let (before, after) = match delivery.name() {
                "leased" => ("before the package is noted", "after the package is noted"),
                "decided" => (
                    "before the verdict is stored",
                    "after the verdict is stored",
                ),
                "done" => ("before done is stored", "after done is stored"),
                _ => ("before another swap", "after another swap"),
            };
            self.fuse.pass(before).await;
            let answer = self.inner.swap(submission_id, revision, delivery).await;
            self.fuse.pass(after).await;
            answer
        })
    }

    fn find(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>> {
        self.inner.find(submission_id)
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>> {
        self.inner.in_state(name, max)
    }

    fn postponed(
        &self,
        destination: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, Result<Vec<DeliveryRow>, Error>> {
        self.inner.postponed(destination, now, max)
    }
}

/// Blobs with a fuse around each call, and meters.
pub(crate) struct FusedBlobs {
    pub(crate) inner: Arc<dyn Blobs>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) meter: Arc<Meter>,
}

/// What went through.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Ciphertext read since the last reset.
    pub(crate) read_bytes: AtomicU64,
    pub(crate) largest_write: AtomicUsize,
    pub(crate) writes: AtomicUsize,
}

impl Blobs for FusedBlobs {
    fn begin(&self) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        Box::pin(async move {
            self.fuse.pass("before a blob").await;
            let inner = self.inner.begin().await?;
            let (fuse, meter) = (self.fuse.clone(), self.meter.clone());
            Ok(Box::new(FusedWriter { inner, fuse, meter }) as Box<dyn BlobWriter>)
        })
    }

    fn open<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<Option<Box<dyn BlobReader>>, Error>> {
        Box::pin(async move {
            self.fuse.pass("before a blob is opened").await;
            let inner = self.inner.open(id).await?;
            let (fuse, meter) = (self.fuse.clone(), self.meter.clone());
            Ok(inner
                .map(|inner| Box::new(FusedReader { inner, fuse, meter }) as Box<dyn BlobReader>))
        })
    }

    fn delete<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move {
            self.fuse.pass("before a blob is deleted").await;
            let answer = self.inner.delete(id).await;
            self.fuse.pass("after a blob is deleted").await;
            answer
        })
    }

    fn list(&self) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        self.inner.list()
    }
}

struct FusedWriter {
    inner: Box<dyn BlobWriter>,
    fuse: Arc<Fuse>,
    meter: Arc<Meter>,
}

impl BlobWriter for FusedWriter {
    fn write(&mut self, piece: Bytes) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            // The network cuts pieces as it likes: only the first write of a blob has a pass of its own.
            if self.meter.writes.fetch_add(1, Ordering::SeqCst) == 0 {
                self.fuse.pass("before a piece is written").await;
            }
            self.meter
                .largest_write
                .fetch_max(piece.len(), Ordering::SeqCst);
            self.inner.write(piece).await
        })
    }

    fn keep(self: Box<Self>) -> Reply<'static, Result<KeptBlob, Error>> {
        Box::pin(async move {
            self.fuse.pass("before a blob is kept").await;
            let kept = self.inner.keep().await;
            self.fuse.pass("after a blob is kept").await;
            kept
        })
    }
}

struct FusedReader {
    inner: Box<dyn BlobReader>,
    fuse: Arc<Fuse>,
    meter: Arc<Meter>,
}

impl BlobReader for FusedReader {
    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
    }

    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            self.fuse.pass("before a piece is read").await;
            let piece = self.inner.next().await?;
            let length = piece.as_ref().map_or(0, Bytes::len) as u64;
            self.meter.read_bytes.fetch_add(length, Ordering::SeqCst);
            Ok(piece)
        })
    }
}
