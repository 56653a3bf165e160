//! What the delivery service has, and cannot give away: it waits and parks alone, with a cause of its own.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::delivery::{Cause, Delivery};
use amtsbote_store::{BlobId, BlobReader, BlobWriter, Blobs, Error, MemoryBlobs, Reply};
use bytes::Bytes;
use serde_json::json;

use crate::bench::{Bench, Draft};

#[derive(Clone, Copy)]
enum Damage {
    /// Found when it is opened: 500.
    AtOnce,
    /// Found at its end: half an answer.
    AtTheEnd,
}

/// Blobs of a gateway whose disk has damaged all of them.
struct Damaged {
    inner: MemoryBlobs,
    damage: Damage,
}

fn unreadable() -> Error {
    Error::Unreadable {
        kind: "attachment",
        reason: "its bytes are not those that were written".into(),
    }
}

impl Blobs for Damaged {
    fn begin(&self) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        self.inner.begin()
    }

    fn open<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<Option<Box<dyn BlobReader>>, Error>> {
        Box::pin(async move {
            let Some(reader) = self.inner.open(id).await? else {
                return Ok(None);
            };
            match self.damage {
                Damage::AtOnce => Err(unreadable()),
                Damage::AtTheEnd => Ok(Some(Box::new(Breaking(reader)) as Box<dyn BlobReader>)),
            }
        })
    }

    fn delete<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<(), Error>> {
        self.inner.delete(id)
    }

    fn list(&self) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        self.inner.list()
    }
}

/// Holds its last piece back and breaks.
struct Breaking(Box<dyn BlobReader>);

impl BlobReader for Breaking {
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }

    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            let piece = self.0.next().await?.ok_or_else(unreadable)?;
            let half = piece.len() / 2;
            if half == 0 {
                return Err(unreadable());
            }
            Ok(Some(piece.slice(..half)))
        })
    }
}

async fn parks_alone(damage: Damage) {
    let blobs = Arc::new(Damaged {
        inner: MemoryBlobs::new(),
        damage,
    });
    let bench = Bench::with_blobs(ApiVersion::V2, blobs).await;
    let data = json!({ "name": "Ada", "zahl": 7 });
    let bad = bench.send(Draft::with(&data, &[&[7; 3000]])).await;
    // One agent, so one circuit; and more tries than open it.
    let mut parts = bench.parts();
    parts.policy.retry.tries_max = 8;
    let agent = amtsbote_agent::Agent::new(parts);
    for tried in 1..=8 {
        assert_eq!(agent.run_once().await.unwrap(), 1, "{tried}");
        let good = bench.send(Draft::good()).await;
        assert_eq!(agent.run_once().await.unwrap(), 1, "{tried}");
        bench.assert_finished(&good).await;
        bench.turn(Duration::from_mins(11));
    }
    let parked = bench.delivery(&bad).await;
    assert!(
        matches!(
            parked,
            Delivery::Parked {
                cause: Cause::ServiceFaulty,
                ..
            }
        ),
        "{parked:?}"
    );
    bench.assert_spool_empty().await;
}

#[tokio::test]
async fn what_the_service_answers_500_about_parks_alone() {
    parks_alone(Damage::AtOnce).await;
}

#[tokio::test]
async fn what_the_service_breaks_off_in_the_middle_of_parks_alone() {
    parks_alone(Damage::AtTheEnd).await;
}

#[tokio::test]
async fn many_damaged_ones_without_a_good_one_between_do_not_keep_a_good_one_waiting() {
    let blobs = Arc::new(Damaged {
        inner: MemoryBlobs::new(),
        damage: Damage::AtOnce,
    });
    let bench = Bench::with_blobs(ApiVersion::V2, blobs).await;
    let data = json!({ "name": "Ada", "zahl": 7 });
    for _ in 0..7 {
        bench.send(Draft::with(&data, &[b"a"])).await;
    }
    let agent = bench.agent();
    assert_eq!(agent.run_once().await.unwrap(), 7);
    let good = bench.send(Draft::good()).await;
    assert_eq!(agent.run_once().await.unwrap(), 1);
    bench.assert_finished(&good).await;
}
