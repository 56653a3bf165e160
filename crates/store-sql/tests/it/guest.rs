//! An operator's command opens the agent's database beside the process that runs.

use amtsbote_model::delivery::Delivery;
use amtsbote_store::laws::samples::{at, id};
use amtsbote_store::{Deliveries, Desk, Intervention, NewDelivery, Swapped};
use amtsbote_store_sql::{OpenError, SqliteDeliveries};
use rusqlite::Connection;

fn new(number: u32) -> NewDelivery {
    NewDelivery {
        submission_id: id(number),
        case_id: id(number),
        destination_id: id(9),
        at: at(1),
    }
}

fn note(number: u32) -> Intervention {
    Intervention {
        at: at(2),
        who: "operator".into(),
        command: "incident retry".into(),
        reason: None,
        submission_id: id(number),
        answer: None,
        before: "waiting".into(),
        after: "waiting".into(),
    }
}

#[tokio::test]
async fn a_guest_and_the_running_process_change_the_same_rows_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let host = SqliteDeliveries::open(folder.path()).unwrap();
    host.note((0..50).map(new).collect()).await.unwrap();
    let guest = SqliteDeliveries::open_as_guest(folder.path()).unwrap();

    // Both want every row; each row is changed by exactly one of them.
    let mut by = (0, 0);
    for number in 0..50 {
        let theirs = host.swap(id(number), 1, Delivery::due(at(3)));
        let ours = guest.change_delivery(1, Delivery::due(at(4)), note(number));
        let (theirs, ours) = tokio::join!(theirs, ours);
        let row = host.find(id(number)).await.unwrap().unwrap();
        assert_eq!(row.revision, 2);
        match (theirs.unwrap(), ours.unwrap()) {
            (Swapped::Done, Swapped::Stale) => by.0 += 1,
            (Swapped::Stale, Swapped::Done) => {
                assert_eq!(row.delivery, Delivery::due(at(4)));
                by.1 += 1;
            }
            both => panic!("{both:?}"),
        }
    }
    assert_eq!(by.0 + by.1, 50);
    let notes = host.interventions(None, 100).await.unwrap();
    assert_eq!(notes.len(), by.1);
    // What the process writes after it, the guest sees.
    drop(host);
    assert_eq!(guest.open_deliveries(100).await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_guest_makes_nothing_and_migrates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteDeliveries::open_as_guest(folder.path())
        .err()
        .unwrap();
    assert!(matches!(error, OpenError::Absent { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    drop(SqliteDeliveries::open(folder.path()).unwrap());
    let path = folder.path().join("agent.db");
    let set = |version: i64| {
        let database = Connection::open(&path).unwrap();
        database
            .pragma_update(None, "user_version", version)
            .unwrap();
    };
    for (version, is_older) in [(1, true), (99, false)] {
        set(version);
        let error = SqliteDeliveries::open_as_guest(folder.path())
            .err()
            .unwrap();
        let expected = if is_older {
            matches!(error, OpenError::Older { found: 1, .. })
        } else {
            matches!(error, OpenError::Newer { .. })
        };
        assert!(expected, "{error:?}");
    }
}
