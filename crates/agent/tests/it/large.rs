//! A large attachment passes in bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use amtsbote_adapter::{Arrival, Fault, Outbound, Parcel, Receipt, Reply};
use amtsbote_agent::Agent;
use amtsbote_jose::Sha512Stream;
use serde_json::json;

use crate::bench::{Bench, Draft};
use crate::ways::{Fuse, FusedBlobs, Meter};

const SIZE_BYTES: usize = 20_000_000;
const MIB: u64 = 1024 * 1024;

/// Reads without keeping; compares what it got with what was read from the spool for it.
pub(crate) struct Weigher {
    meter: Arc<Meter>,
    held_max_bytes: AtomicU64,
    pub(crate) piece_max_bytes: AtomicUsize,
    pub(crate) sha512: std::sync::Mutex<String>,
}

impl Weigher {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            held_max_bytes: AtomicU64::new(0),
            piece_max_bytes: AtomicUsize::new(0),
            sha512: std::sync::Mutex::default(),
        }
    }

    async fn weigh(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        self.meter.read_bytes.store(0, Ordering::SeqCst);
        let file = parcel.files.last().unwrap();
        let (mut reader, mut hash, mut got) = (file.read(), Sha512Stream::new(), 0_u64);
        while let Some(piece) = reader.next().await? {
            got += piece.len() as u64;
            hash.push(&piece);
            let read = self.meter.read_bytes.load(Ordering::SeqCst) / 4 * 3;
            self.held_max_bytes
                .fetch_max(read.saturating_sub(got), Ordering::SeqCst);
            self.piece_max_bytes
                .fetch_max(piece.len(), Ordering::SeqCst);
        }
        *self.sha512.lock().unwrap() = hash.finish_hex();
        Ok(Receipt {
            place: "scales".to_owned(),
            arrival: Arrival::New,
            file_number: None,
        })
    }
}

impl Outbound for Weigher {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        _limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(self.weigh(parcel))
    }

    fn probe(&self, _limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn a_large_attachment_is_never_held_whole() {
    let bench = Bench::new().await;
    let plain: Vec<u8> = (0..=252_u8).cycle().take(SIZE_BYTES).collect();
    let expected = amtsbote_jose::sha512_hex(&plain);
    let ids = bench
        .send(Draft::with(&json!({ "name": "Ada", "zahl": 7 }), &[&plain]))
        .await;
    let meter = Arc::new(Meter::default());
    let weigher = Arc::new(Weigher::new(meter.clone()));
    let mut parts = bench.parts();
    parts.destinations[0].outbound = weigher.clone();
    parts.spool = Arc::new(FusedBlobs {
        inner: bench.spool.clone(),
        fuse: Fuse::after(i64::MAX),
        meter: meter.clone(),
    });
    Agent::new(parts).run_once().await.unwrap();

    assert_eq!(bench.delivery(&ids).await.name(), "done");
    assert_eq!(*weigher.sha512.lock().unwrap(), expected);
    assert!(weigher.piece_max_bytes.load(Ordering::SeqCst) <= 256 * 1024);
    assert!(weigher.held_max_bytes.load(Ordering::SeqCst) <= MIB);
    assert!(meter.writes.load(Ordering::SeqCst) > 20);
    assert!(meter.largest_write.load(Ordering::SeqCst) as u64 <= MIB);
    bench.assert_spool_empty().await;
}
