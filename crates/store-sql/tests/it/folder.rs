//! Folders: one process at a time, nothing left behind, sweeping.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use amtsbote_model::Timestamp;
use amtsbote_store::laws::Bench;
use amtsbote_store::laws::samples::{announced_one, attachment, done, of};
use amtsbote_store::{Attachment, BlobId, Blobs, Change, Error, sweep};
use amtsbote_store_sql::{FolderBlobs, OpenError, SqliteDeliveries, SqliteStore};
use bytes::Bytes;

use crate::benches::{InFolder, Open};

fn check_second_is_refused<S: Open>(lock: &str) {
    let bench = InFolder::<S>::new();
    let folder = bench.folder.path();
    let Err(error) = S::open(folder) else {
        panic!("a second one opened the folder");
    };
    assert!(matches!(&error, OpenError::Locked { path } if path.ends_with(lock)));
    assert!(error.to_string().contains("is held by a running process"));
    let folder = bench.folder;
    drop(bench.subject);
    S::open(folder.path()).unwrap();
}

#[test]
fn a_folder_serves_one_store_of_a_kind_at_a_time() {
    check_second_is_refused::<SqliteStore>("gateway.lock");
    check_second_is_refused::<SqliteDeliveries>("agent.lock");
    check_second_is_refused::<FolderBlobs>("lock");
}

#[test]
fn gateway_and_agent_may_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _gateway = SqliteStore::open(folder.path()).unwrap();
    let _agent = SqliteDeliveries::open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let Err(error) = SqliteStore::open(&file.join("inside")) else {
        panic!("opened a folder inside a file");
    };
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
}

fn drafts(folder: &Path) -> usize {
    fs::read_dir(folder.join("tmp")).unwrap().count()
}

#[tokio::test]
async fn a_dropped_writer_leaves_no_file() {
    let bench = InFolder::<FolderBlobs>::new();
    let mut writer = bench.subject().begin().await.unwrap();
    writer.write(Bytes::from(vec![1; 600_000])).await.unwrap();
    assert_eq!(drafts(bench.folder.path()), 1);
    drop(writer);
    assert_eq!(drafts(bench.folder.path()), 0);
    let kept = bench.subject().begin().await.unwrap().keep().await.unwrap();
    assert_eq!(kept.size_bytes, 0);
    assert_eq!(drafts(bench.folder.path()), 0);
}

#[tokio::test]
async fn drafts_of_a_killed_process_are_swept_at_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(FolderBlobs::open(folder.path()).unwrap());
    fs::write(folder.path().join("tmp/abandoned"), "half").unwrap();
    let blobs = FolderBlobs::open(folder.path()).unwrap();
    assert_eq!(drafts(folder.path()), 0);
    assert_eq!(blobs.list().await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_blob_cut_short_on_disk_is_an_error_not_a_short_answer() {
    let bench = InFolder::<FolderBlobs>::new();
    let kept = kept(bench.subject(), 600_000).await;
    let mut reader = bench.subject().open(&kept).await.unwrap().unwrap();
    let file = fs::File::options().write(true).open(place(&bench, &kept));
    file.unwrap().set_len(300_000).unwrap();
    let error = loop {
        match reader.next().await {
            Ok(piece) => assert!(piece.is_some(), "it must not end well"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Unreadable { kind: "blob", .. }));
}

#[tokio::test]
async fn a_bit_of_a_blob_flipped_on_disk_is_an_error_before_the_end() {
    let bench = InFolder::<FolderBlobs>::new();
    let kept = kept(bench.subject(), 600_000).await;
    let path = place(&bench, &kept);
    let right = fs::read(&path).unwrap();
    for at in [0, 262_143, 262_144, 599_999, 600_000, 600_031] {
        let mut flipped = right.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).unwrap();
        let mut reader = bench.subject().open(&kept).await.unwrap().unwrap();
        assert_eq!(reader.size_bytes(), 600_000);
        let mut given = 0;
        let error = loop {
            match reader.next().await {
                Ok(piece) => given += piece.expect("it must not end well").len(),
                Err(error) => break error,
            }
        };
        assert!(given < 600_000, "byte {at}: {given} given");
        assert!(matches!(error, Error::Unreadable { kind: "blob", .. }));
    }
}

async fn kept(blobs: &FolderBlobs, length: usize) -> BlobId {
    let mut writer = blobs.begin().await.unwrap();
    writer.write(Bytes::from(vec![1; length])).await.unwrap();
    writer.keep().await.unwrap().id
}

fn place(bench: &InFolder<FolderBlobs>, id: &BlobId) -> std::path::PathBuf {
    let shelf = bench.folder.path().join(&id.as_str()[..2]);
    shelf.join(id.as_str())
}

fn turn_back(bench: &InFolder<FolderBlobs>, id: &BlobId, to: SystemTime) {
    let file = fs::File::options().write(true).open(place(bench, id));
    file.unwrap().set_modified(to).unwrap();
}

#[tokio::test]
async fn the_sweep_deletes_what_is_old_and_not_referred_to() {
    let store = InFolder::<SqliteStore>::new();
    let blobs = InFolder::<FolderBlobs>::new();
    let old = UNIX_EPOCH + Duration::from_secs(1000);
    let [referred, orphan, fresh] = [
        kept(blobs.subject(), 1).await,
        kept(blobs.subject(), 1).await,
        kept(blobs.subject(), 1).await,
    ];
    turn_back(&blobs, &referred, old);
    turn_back(&blobs, &orphan, old);
    announced_one(store.subject()).await;
    let attach = Change::Attach {
        subject: of(1),
        attachment: Attachment {
            blob: referred.clone(),
            ..attachment(1, 1)
        },
    };
    done(store.subject(), vec![attach]).await;

    let swept = |at_s| {
        sweep(
            store.subject(),
            blobs.subject(),
            Timestamp::from_seconds(at_s),
        )
    };
    assert_eq!(swept(1000).await.unwrap(), 0);
    assert_eq!(swept(1001).await.unwrap(), 1);
    let mut expected = vec![referred.clone(), fresh.clone()];
    expected.sort();
    let mut left = blobs.subject().list().await.unwrap();
    left.sort();
    assert_eq!(left, expected);

    let erase = Change::Erase { subject: of(1) };
    done(store.subject(), vec![erase]).await;
    assert_eq!(swept(1001).await.unwrap(), 1);
    assert_eq!(blobs.subject().list().await.unwrap(), vec![fresh]);
}
