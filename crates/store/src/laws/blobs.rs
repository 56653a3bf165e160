//! Laws of blobs.

use bytes::Bytes;
use futures_util::future::join_all;

use super::samples::blob;
use crate::blobs::PIECE_MAX_BYTES;
use crate::{BlobId, BlobReader, Blobs, KeptBlob};

/// Bytes that differ from place to place, so that swapped pieces show.
fn pattern(length: usize, seed: u8) -> Vec<u8> {
    let byte = |at: usize| (at % 251).to_le_bytes()[0] ^ (at >> 12).to_le_bytes()[0] ^ seed;
    (0..length).map(byte).collect()
}

/// Writes a blob in pieces of the given size and keeps it.
pub(super) async fn kept(blobs: &impl Blobs, whole: &[u8], piece_bytes: usize) -> KeptBlob {
    let mut writer = blobs.begin().await.expect("begins");
    for piece in whole.chunks(piece_bytes) {
        let piece = Bytes::copy_from_slice(piece);
        writer.write(piece).await.expect("writes");
    }
    writer.keep().await.expect("keeps")
}

async fn drained(mut reader: Box<dyn BlobReader>) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(piece) = reader.next().await.expect("reads") {
        assert!((1..=PIECE_MAX_BYTES).contains(&piece.len()));
        whole.extend_from_slice(&piece);
    }
    assert_eq!(reader.next().await.expect("reads"), None);
    whole
}

/// What a blob holds, if it is there.
pub(super) async fn read(blobs: &impl Blobs, id: &BlobId) -> Option<Vec<u8>> {
    let reader = blobs.open(id).await.expect("opens")?;
    let size_bytes = reader.size_bytes();
    let whole = drained(reader).await;
    assert_eq!(size_bytes, u64::try_from(whole.len()).expect("fits"));
    Some(whole)
}

async fn listed(blobs: &impl Blobs) -> Vec<BlobId> {
    let mut ids = blobs.list().await.expect("lists");
    ids.sort();
    ids
}

/// Empty, of one piece, of many, of pieces larger than those given.
pub async fn a_blob_is_read_back_identical(blobs: &impl Blobs) {
    let mut ids = Vec::new();
    for (length, piece_bytes) in [
        (0, 1),
        (1, 1),
        (5000, 7),
        (PIECE_MAX_BYTES, PIECE_MAX_BYTES),
        (PIECE_MAX_BYTES + 1, 8192),
        (3 * PIECE_MAX_BYTES + 17, 3 * PIECE_MAX_BYTES),
    ] {
        let whole = pattern(length, 0);
        let blob = kept(blobs, &whole, piece_bytes).await;
        assert_eq!(blob.size_bytes, u64::try_from(length).expect("fits"));
        let same = read(blobs, &blob.id).await.as_ref() == Some(&whole);
        assert!(same, "{length} bytes in pieces of {piece_bytes}");
        ids.push(blob.id);
    }
    ids.sort();
    assert_eq!(listed(blobs).await, ids);
}

/// Not even the list shows it.
pub async fn a_blob_is_invisible_until_it_is_kept(blobs: &impl Blobs) {
    let mut writer = blobs.begin().await.expect("begins");
    let whole = pattern(PIECE_MAX_BYTES * 2, 0);
    writer.write(Bytes::from(whole)).await.expect("writes");
    assert_eq!(listed(blobs).await, vec![]);
    let blob = writer.keep().await.expect("keeps");
    assert_eq!(listed(blobs).await, vec![blob.id]);
}

/// Whatever was written before.
pub async fn a_dropped_writer_leaves_nothing(blobs: &impl Blobs) {
    drop(blobs.begin().await.expect("begins"));
    let mut writer = blobs.begin().await.expect("begins");
    let whole = pattern(PIECE_MAX_BYTES * 2, 0);
    writer.write(Bytes::from(whole)).await.expect("writes");
    drop(writer);
    assert_eq!(listed(blobs).await, vec![]);
}

/// Also one whose name looks unusual.
pub async fn an_unknown_blob_is_none(blobs: &impl Blobs) {
    for id in [
        blob(1),
        "-".parse().expect("an id"),
        "a".parse().expect("an id"),
    ] {
        assert_eq!(read(blobs, &id).await, None, "{id}");
        blobs.delete(&id).await.expect("deletes");
    }
}

/// Deleting takes one blob, and can be repeated.
pub async fn deleting_is_idempotent(blobs: &impl Blobs) {
    let first = kept(blobs, b"first", 10).await;
    let second = kept(blobs, b"second", 10).await;
    for _ in 0..2 {
        blobs.delete(&first.id).await.expect("deletes");
        assert_eq!(read(blobs, &first.id).await, None);
    }
    assert_eq!(listed(blobs).await, vec![second.id.clone()]);
    let rest = read(blobs, &second.id).await;
    assert_eq!(rest.as_deref(), Some(&b"second"[..]));
}

/// A download that has begun ends well, even if the blob is deleted meanwhile.
pub async fn a_reader_sees_its_blob_to_the_end(blobs: &impl Blobs) {
    let whole = pattern(2 * PIECE_MAX_BYTES, 0);
    let blob = kept(blobs, &whole, whole.len()).await;
    let reader = blobs.open(&blob.id).await.expect("opens");
    blobs.delete(&blob.id).await.expect("deletes");
    assert!(drained(reader.expect("is there")).await == whole);
}

/// Each gets its own.
pub async fn writers_side_by_side_do_not_mix(blobs: &impl Blobs) {
    let wholes: Vec<_> = (0..8).map(|seed| pattern(100_000, seed)).collect();
    let blobs_kept = join_all(wholes.iter().map(|whole| kept(blobs, whole, 9000))).await;
    for (whole, blob) in wholes.iter().zip(blobs_kept) {
        assert!(read(blobs, &blob.id).await.as_ref() == Some(whole));
    }
}
