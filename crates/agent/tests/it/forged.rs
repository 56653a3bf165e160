//! Attachments that are not, or no longer, what the event log says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amtsbote_adapter::{Fault, Outbound, Parcel, Piece, Receipt, Reply};
use amtsbote_agent::Agent;
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::Violation;
use amtsbote_store::{BlobId, BlobReader, BlobWriter, Blobs, Error, MemoryBlobs};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use serde_json::json;

use crate::bench::{Bench, Draft, parcel};

/// Blobs of a gateway whose disk changes one character, counted from the end; 0 changes none.
#[derive(Default)]
struct Forging {
    inner: MemoryBlobs,
    from_end: AtomicUsize,
}

impl Blobs for Forging {
    fn begin(&self) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        self.inner.begin()
    }

    fn open<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<Option<Box<dyn BlobReader>>, Error>> {
        Box::pin(async move {
            let Some(mut reader) = self.inner.open(id).await? else {
                return Ok(None);
            };
            let mut whole = BytesMut::new();
            while let Some(piece) = reader.next().await? {
                whole.extend_from_slice(&piece);
            }
            if let Some(at) = whole
                .len()
                .checked_sub(self.from_end.load(Ordering::SeqCst))
                && let Some(byte) = whole.get_mut(at)
            {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            Ok(Some(Box::new(Forged(whole.freeze())) as Box<dyn BlobReader>))
        })
    }

    fn delete<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<(), Error>> {
        self.inner.delete(id)
    }

    fn list(&self) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        self.inner.list()
    }
}

struct Forged(Bytes);

impl BlobReader for Forged {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
        let whole = std::mem::take(&mut self.0);
        Box::pin(std::future::ready(
            Ok(Some(whole).filter(|w| !w.is_empty())),
        ))
    }
}

async fn check(from_end: usize, expected: Option<Violation>) {
    let blobs = Arc::new(Forging::default());
    let bench = Bench::with_blobs(ApiVersion::V2, blobs.clone()).await;
    let data = json!({ "name": "Ada", "zahl": 7 });
    let draft = Draft::with(&data, &[&[7; 3000]]);
    let instance = format!("attachment:{}", draft.files[0].0);
    let ids = bench.send(draft).await;
    blobs.from_end.store(from_end, Ordering::SeqCst);
    bench.round().await;
    let Some(violation) = expected else {
        return bench.assert_finished(&ids).await;
    };
    let problem = bench.problems(&ids).await;
    assert_eq!(problem[0].violation(), Some(violation));
    assert_eq!(problem[0].instance, instance);
    assert_eq!(bench.procedure.arrived(parcel(&ids)), None);
    bench.assert_spool_empty().await;
}

#[tokio::test]
async fn an_unchanged_attachment_arrives() {
    check(0, None).await;
}

#[tokio::test]
async fn an_attachment_with_another_tag_than_the_log() {
    check(10, Some(Violation::IncorrectAuthenticationTag)).await;
}

#[tokio::test]
async fn an_attachment_with_the_right_tag_and_other_content() {
    check(1000, Some(Violation::EncryptionIssue)).await;
}

/// Cuts a read off, and reads on.
struct Impatient(AtomicUsize);

impl Outbound for Impatient {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        _limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(async move {
            let Piece::Attachment(source) = &parcel.files[1].pieces[0] else {
                panic!("an attachment was expected");
            };
            let mut reader = source.open().await?;
            // The computation runs on another thread: one look is too early.
            assert!(reader.next().now_or_never().is_none());
            while reader.next().await?.is_some() {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
            panic!("a read that was cut off looks like the end");
        })
    }

    fn probe(&self, _limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn a_read_that_was_cut_off_is_never_taken_for_the_end() {
    let bench = Bench::new().await;
    let data = json!({ "name": "Ada", "zahl": 7 });
    let ids = bench.send(Draft::with(&data, &[b"a"])).await;
    let mut parts = bench.parts();
    parts.destinations[0].outbound = Arc::new(Impatient(AtomicUsize::new(0)));
    parts.policy.retry.tries_max = 1;
    Agent::new(parts).run_once().await.unwrap();
    let waiting = bench.delivery(&ids).await;
    assert!(
        matches!(
            &waiting,
            amtsbote_model::delivery::Delivery::Waiting { past, .. } if past.tries == 1
        ),
        "{waiting:?}"
    );
}
