//! Changes by hand in the event log are found, although whoever makes them gives every row its sum anew.

use amtsbote_store::chain::{Block, Chain, Leaf};
use amtsbote_store::laws::samples::{at, destination, done, event, found, id, open_case};
use amtsbote_store::{Change, Upkeep};
use amtsbote_store_sql::{ChainChecked, Contradiction, SqliteStore, check_chain};
use rusqlite::Connection;
use tempfile::TempDir;

async fn seal(store: &SqliteStore) {
    let events = store.unsealed(3).await.expect("works");
    let leaves: Vec<_> = events.iter().map(Leaf::of).collect();
    let head = store.head().await.expect("works");
    let mut block = Block::after(head.as_ref(), &leaves, at(500)).expect("works");
    block.signature = format!("signed {}", block.number);
    assert!(store.seal(block, leaves).await.expect("works"));
}

async fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("works");
    let store = SqliteStore::open(folder.path()).expect("works");
    done(
        &store,
        vec![found(destination(1)), open_case(2, 1), open_case(3, 1)],
    )
    .await;
    for number in 10..18 {
        let case = if number == 12 { 3 } else { 2 };
        done(&store, vec![Change::Append(event(number, case, 5))]).await;
    }
    for _ in 0..2 {
        seal(&store).await;
    }
    folder
}

fn checked(folder: &TempDir, kept_since_s: i64) -> ChainChecked {
    let is_signed = &mut |block: &Block| block.signature == format!("signed {}", block.number);
    check_chain(folder.path(), at(kept_since_s), is_signed)
        .expect("works")
        .expect("works")
}

async fn after(sql: &str) -> Vec<Contradiction> {
    let folder = filled().await;
    let database = Connection::open(folder.path().join("gateway.db")).expect("works");
    database.execute_batch(sql).expect("works");
    drop(database);
    checked(&folder, -1_000_000_000).contradictions
}

fn name(number: u32) -> String {
    id::<amtsbote_model::EventId>(number).to_string()
}

#[tokio::test]
async fn a_clean_log_passes() {
    let folder = filled().await;
    let checked = checked(&folder, -1_000_000_000);
    assert_eq!((checked.blocks, checked.leaves, checked.expired), (2, 6, 0));
    assert_eq!(checked.contradictions, []);
}

#[tokio::test]
async fn each_change_by_hand_is_found() {
    use Contradiction::{Block, Edited, Inserted, Leaves, Moved, Removed, Signature};
    let removed = vec![Removed(name(12))];
    assert_eq!(after("DELETE FROM events WHERE number = 3").await, removed);
    let with_case = "DELETE FROM events WHERE number = 3; DELETE FROM cases WHERE id = (SELECT case_id FROM leaves WHERE position = 2)";
    assert_eq!(after(with_case).await, removed, "its retention is not over");
    let edited = vec![Edited(name(11))];
    assert_eq!(
        after("UPDATE events SET token = 'other' WHERE number = 2").await,
        edited
    );
    assert_eq!(
        after("UPDATE events SET at = at + 1 WHERE number = 2").await,
        edited
    );
    let swap = "UPDATE events SET number = 100 WHERE number = 1; UPDATE events SET number = 1 WHERE number = 2;
        UPDATE events SET number = 2 WHERE number = 100;";
    let moved = vec![Moved(name(10)), Moved(name(11))];
    assert_eq!(after(swap).await, moved);
    let thorough = format!(
        "{swap} UPDATE leaves SET event_number = -event_number WHERE event_number < 3;
        UPDATE leaves SET event_number = 3 + event_number WHERE event_number < 0;"
    );
    assert_eq!(after(&thorough).await, [Moved(name(11))]);
    let dropped = "DELETE FROM events WHERE number = 2; DELETE FROM leaves WHERE event_number = 2";
    assert_eq!(after(dropped).await, [Block(1)]);
    let dug =
        "DELETE FROM leaves WHERE event_number = 3; UPDATE events SET number = 0 WHERE number = 3";
    assert_eq!(after(dug).await, [Block(1), Inserted(name(12))]);
    let link = "UPDATE blocks SET previous = zeroblob(32) WHERE number = 2";
    assert_eq!(after(link).await, [Block(2)]);
    let signature = "UPDATE blocks SET signature = 'other' WHERE number = 1";
    assert_eq!(after(signature).await, [Signature(1)]);
    let cut = "DELETE FROM blocks WHERE number = 2";
    assert_eq!(after(cut).await, [Leaves(3)]);
}

#[tokio::test]
async fn a_log_that_was_deleted_after_its_retention_is_no_finding() {
    let folder = filled().await;
    let store = SqliteStore::open(folder.path()).unwrap();
    let before = at(1_000_000_000);
    done(&store, vec![Upkeep::DropCase { id: id(3), before }.into()]).await;
    drop(store);
    let checked = checked(&folder, 1_000_000_000);
    assert_eq!((checked.leaves, checked.expired), (6, 1));
    assert_eq!(checked.contradictions, []);
}
