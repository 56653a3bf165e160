//! Copies of databases in use, and how they are put back.

use std::fs;

use amtsbote_store::laws::Bench;
use amtsbote_store::laws::samples::{announced, announced_one, attachment, done, of};
use amtsbote_store::{Change, Directory};
use amtsbote_store_sql::{
    Content, Database, OpenError, Restoring, Snapshot, SnapshotError, SqliteStore, content,
};

use crate::benches::InFolder;

fn rows(content: &Content, table: &str) -> u64 {
    let mut tables = content.tables.iter();
    tables.find(|(name, _)| name == table).unwrap().1
}

fn attach(number: u32, blob: u32) -> Change {
    Change::Attach {
        subject: of(1),
        attachment: attachment(number, blob),
    }
}

#[tokio::test]
async fn a_snapshot_shows_one_moment_whatever_is_written_meanwhile() {
    let bench = InFolder::<SqliteStore>::new();
    let (store, folder) = (bench.subject(), bench.folder.path());
    announced_one(store).await;
    done(store, vec![attach(1, 1)]).await;
    let snapshot = Snapshot::take(Database::Gateway, folder).unwrap().unwrap();

    // The process goes on writing, and nothing waits for anything.
    done(store, vec![announced(2, 1, 1), attach(1, 7), attach(2, 8)]).await;
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("gateway.db");
    let mut steps = 0;
    snapshot.copy(&copy, |_, _| steps += 1).unwrap();
    let named = |snapshot: &Snapshot| {
        let named = snapshot.named().unwrap();
        named.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(named(&snapshot), ["blob-1"]);
    drop(snapshot);

    let held = content(Database::Gateway, &copy).unwrap();
    assert_eq!(rows(&held, "submissions"), 1);
    assert_eq!(rows(&held, "attachments"), 1);
    let now = Snapshot::take(Database::Gateway, folder).unwrap().unwrap();
    assert_eq!(named(&now), ["blob-7", "blob-8"]);
    let names = fs::read_dir(copies.path()).unwrap();
    assert_eq!(names.count(), 1, "a copy is one file");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&copy).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_copy_put_back_is_the_store_it_was() {
    let bench = InFolder::<SqliteStore>::new();
    announced_one(bench.subject()).await;
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("gateway.db");
    let snapshot = Snapshot::take(Database::Gateway, bench.folder.path());
    snapshot.unwrap().unwrap().copy(&copy, |_, _| {}).unwrap();

    let target = tempfile::tempdir().unwrap();
    let restoring = Restoring::claim(Database::Gateway, target.path()).unwrap();
    restoring.begin().unwrap();
    restoring.place(&copy).unwrap();
    drop(restoring);
    // Killed here: nobody opens it, and the next restore goes through.
    let half = SqliteStore::open(target.path()).err().unwrap();
    assert!(matches!(half, OpenError::HalfRestored { .. }), "{half:?}");
    let restoring = Restoring::claim(Database::Gateway, target.path()).unwrap();
    assert!(restoring.is_repeat());
    restoring.begin().unwrap();
    restoring.place(&copy).unwrap();
    restoring.finish().unwrap();
    let store = SqliteStore::open(target.path()).unwrap();
    let id = amtsbote_store::laws::samples::id(1);
    assert!(store.destination(id).await.unwrap().is_some());

    let held = Restoring::claim(Database::Gateway, target.path()).unwrap_err();
    assert!(matches!(held, OpenError::Locked { .. }), "{held:?}");
    drop(store);
    let full = Restoring::claim(Database::Gateway, target.path()).unwrap_err();
    assert!(matches!(full, OpenError::Occupied { .. }), "{full:?}");
}

#[tokio::test]
async fn a_copy_with_a_broken_page_is_found() {
    let bench = InFolder::<SqliteStore>::new();
    announced_one(bench.subject()).await;
    let copy = bench.folder.path().join("copy.db");
    let snapshot = Snapshot::take(Database::Gateway, bench.folder.path());
    snapshot.unwrap().unwrap().copy(&copy, |_, _| {}).unwrap();
    let whole = fs::read(&copy).unwrap();
    let mut found = 0;
    for page in 1..whole.len() / 4096 {
        let mut broken = whole.clone();
        broken[page * 4096..page * 4096 + 64].fill(0xFF);
        fs::write(&copy, broken).unwrap();
        let answer = content(Database::Gateway, &copy);
        found += usize::from(answer.is_err());
    }
    assert_eq!(found, whole.len() / 4096 - 1);
    fs::write(&copy, "no database").unwrap();
    content(Database::Gateway, &copy).unwrap_err();
    fs::write(&copy, whole).unwrap();
    let other = content(Database::Agent, &copy).unwrap_err();
    let is_foreign = matches!(other, SnapshotError::Open(OpenError::Foreign { .. }));
    assert!(is_foreign, "{other:?}");
    let none = Snapshot::take(Database::Uplink, bench.folder.path()).unwrap();
    assert!(none.is_none());
}
