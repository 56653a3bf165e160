//! The laws of blobs against a real S3 server, and what only this store does: parts, aborts, sums, refused keys.
#![expect(clippy::unwrap_used, reason = "a test panics when it is broken")]

#[cfg(test)]
mod server;

use std::time::{Duration, Instant};

use amtsbote_model::Timestamp;
use amtsbote_store::blobs::PIECE_MAX_BYTES;
use amtsbote_store::{BlobId, Blobs, Error, Shelf as _};
use bytes::Bytes;

use server::Server;

const PART_BYTES: usize = 8 << 20;

macro_rules! laws {
    ($($law:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $law() {
            let Some(server) = Server::running() else { return };
            amtsbote_store::laws::blobs::$law(&server.blobs(stringify!($law))).await;
        }
    )+};
}

laws!(
    a_blob_is_read_back_identical,
    a_blob_is_invisible_until_it_is_kept,
    a_dropped_writer_leaves_nothing,
    an_unknown_blob_is_none,
    deleting_is_idempotent,
    a_reader_sees_its_blob_to_the_end,
    writers_side_by_side_do_not_mix,
);

fn piece(number: usize) -> Bytes {
    let byte = u8::try_from(number % 251).unwrap();
    Bytes::from(vec![byte; PIECE_MAX_BYTES])
}

/// Writes so many pieces and keeps them.
async fn kept(blobs: &impl Blobs, pieces: usize) -> BlobId {
    let mut writer = blobs.begin().await.unwrap();
    for number in 0..pieces {
        writer.write(piece(number)).await.unwrap();
    }
    let kept = writer.keep().await.unwrap();
    assert_eq!(kept.size_bytes, (pieces * PIECE_MAX_BYTES) as u64);
    kept.id
}

/// Reads it to the end: how many bytes came before the end or the error.
async fn read(blobs: &impl Blobs, id: &BlobId) -> (u64, Result<(), Error>) {
    let mut reader = blobs.open(id).await.unwrap().unwrap();
    let mut came = 0;
    loop {
        match reader.next().await {
            Ok(Some(piece)) => {
                let at = usize::try_from(came).unwrap();
                let expected = |at: usize| u8::try_from(at / PIECE_MAX_BYTES % 251).unwrap();
                let ends = [(0, at), (piece.len() - 1, at + piece.len() - 1)];
                for (index, at) in ends {
                    assert_eq!(piece[index], expected(at), "at {at}");
                }
                came += piece.len() as u64;
            }
            Ok(None) => return (came, Ok(())),
            Err(error) => return (came, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_blob_of_many_parts_comes_back_whole_also_when_it_ends_with_a_part() {
    let Some(server) = Server::running() else {
        return;
    };
    let blobs = server.blobs("parts");
    let per_part = PART_BYTES / PIECE_MAX_BYTES;
    for pieces in [per_part - 1, per_part, per_part + 1, 3 * per_part] {
        let id = kept(&blobs, pieces).await;
        let (came, end) = read(&blobs, &id).await;
        end.unwrap();
        assert_eq!(came, (pieces * PIECE_MAX_BYTES) as u64);
    }
}

#[tokio::test]
async fn parts_of_a_dropped_writer_are_taken_away() {
    let Some(server) = Server::running() else {
        return;
    };
    let blobs = server.blobs("dropped");
    let before = server.parts();
    let mut writer = blobs.begin().await.unwrap();
    for number in 0..2 * PART_BYTES / PIECE_MAX_BYTES {
        writer.write(piece(number)).await.unwrap();
    }
    assert!(server.parts() > before, "this server shows no parts");
    drop(writer);
    let end = Instant::now() + Duration::from_secs(20);
    while server.parts() > before {
        assert!(Instant::now() < end, "parts were left behind");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_flipped_bit_is_found_before_the_last_piece_is_given() {
    let Some(server) = Server::running() else {
        return;
    };
    let blobs = server.blobs("flipped");
    let id = kept(&blobs, 3).await;
    let whole = (3 * PIECE_MAX_BYTES) as u64;
    // As the store could have it after a fault of a disk: another object of the same length under this name.
    let other = kept(&blobs, 3).await;
    server.exchange("flipped", &other, &id).await;
    let (came, end) = read(&blobs, &id).await;
    assert!(came < whole);
    let is_unreadable = matches!(end, Err(Error::Unreadable { kind: "blob", .. }));
    assert!(is_unreadable, "{end:?}");
}

#[tokio::test]
async fn a_blob_is_taken_in_under_the_name_it_had_and_tells_its_age() {
    let Some(server) = Server::running() else {
        return;
    };
    let blobs = server.blobs("named");
    let id: BlobId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    for text in ["first", "again"] {
        let mut writer = blobs.begin_as(id.clone()).await.unwrap();
        writer.write(text.into()).await.unwrap();
        assert_eq!(writer.keep().await.unwrap().id, id);
    }
    let mut reader = blobs.open(&id).await.unwrap().unwrap();
    assert_eq!(reader.next().await.unwrap().as_deref(), Some(&b"again"[..]));
    let long_ago = Timestamp::from_seconds(1_000_000_000);
    let far_off = Timestamp::from_seconds(10_000_000_000);
    assert_eq!(blobs.kept_before(long_ago).await.unwrap(), []);
    assert_eq!(blobs.kept_before(far_off).await.unwrap(), [id]);
    assert_eq!(server.blobs("nam").list().await.unwrap(), []);
    // Without a prefix, what lies deeper belongs to others.
    let top = server.elsewhere("amtsbote");
    let own = kept(&top, 1).await;
    assert_eq!(top.list().await.unwrap(), std::slice::from_ref(&own));
    read(&top, &own).await.1.unwrap();
    top.delete(&own).await.unwrap();
}

#[test]
fn the_lines_of_the_settings_name_the_server() {
    let Some(server) = Server::running() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let lines = server.settings("p", folder.path());
    assert!(lines.contains("kind = \"s3\"") && folder.path().join("s3.secret").exists());
}

#[tokio::test]
async fn a_refused_key_a_missing_bucket_and_a_dead_server_are_told_apart_from_a_missing_blob() {
    let Some(server) = Server::running() else {
        return;
    };
    let id: BlobId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    server.blobs("probe").probe().await.unwrap();
    let nowhere = server.elsewhere("no-such-bucket");
    nowhere.probe().await.unwrap_err();
    let mut writer = nowhere.begin().await.unwrap();
    writer.write("x".into()).await.unwrap();
    let refused = writer.keep().await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused:?}");
    if server.checks_keys() {
        let stranger = server.stranger();
        stranger.probe().await.unwrap_err();
        let refused = stranger.open(&id).await.err().unwrap();
        let said = refused.to_string();
        assert!(said.contains("access key is refused"), "{said}");
        assert!(!said.contains(server::SECRET));
    }
    let dead = server::dead();
    let gone = dead.open(&id).await.err().unwrap();
    assert!(
        matches!(
            gone,
            Error::Unavailable {
                retry_after: Some(_),
                ..
            }
        ),
        "{gone:?}"
    );
    dead.probe().await.unwrap_err();
}

/// The most memory this process ever held, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024
}

/// The largest attachment that is let in, where the server can hold it on its disk.
#[tokio::test]
async fn a_large_blob_passes_in_bounded_memory() {
    let Some(server) = Server::running() else {
        return;
    };
    let megabytes = if server.has_disk() { 500 } else { 100 };
    let blobs = server.blobs("large");
    let before = peak_mib();
    let began = Instant::now();
    let id = kept(&blobs, megabytes * 4).await;
    let written = began.elapsed();
    let (came, end) = read(&blobs, &id).await;
    end.unwrap();
    assert_eq!(came, megabytes as u64 * (1 << 20));
    let grown = peak_mib().saturating_sub(before);
    println!(
        "{megabytes} MiB: written in {written:?}, both in {:?}, peak grew by {grown} MiB",
        began.elapsed()
    );
    // Others run beside it in this process; a whole blob would be far more.
    assert!(grown < 90, "memory grew by {grown} MiB");
    blobs.delete(&id).await.unwrap();
}
