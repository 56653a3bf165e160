//! Rows changed or taken away by another program are found.

use std::fs;

use amtsbote_model::submission::State;
use amtsbote_store::laws::samples::{
    content, destination, done, event, found, id, key, moved, notice, of, open_case, remembered,
    submission,
};
use amtsbote_store::{Change, Content};
use amtsbote_store_sql::{Damage, Database, SqliteStore, examine};
use rusqlite::Connection;

async fn fill(store: &SqliteStore) {
    let changes = vec![
        found(destination(1)),
        open_case(2, 1),
        Change::PutKey {
            destination_id: id(1),
            key: key("kid", 5),
        },
        Change::Remember(remembered("key")),
        Change::Enqueue(notice(9, 30)),
    ];
    done(store, changes).await;
    for number in 10..30 {
        let mut sent = submission(number, 2, 1);
        sent.attachments = vec![];
        sent.announced = vec![];
        done(
            store,
            vec![
                Change::Announce(Box::new(sent)),
                Change::Fill {
                    subject: of(number),
                    content: Content {
                        metadata: "m".repeat(700),
                        data: Some(content().metadata.repeat(40)),
                    },
                },
                Change::Append(event(number + 100, 2, number)),
                Change::Append(event(number + 200, 2, number)),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn rows_changed_or_taken_away_by_hand_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    fill(&store).await;
    done(
        &store,
        vec![moved(10, State::Created, State::Submitted, 50)],
    )
    .await;
    drop(store);
    let before = examine(Database::Gateway, folder.path())
        .unwrap()
        .unwrap()
        .damages;
    for (sql, table) in [
        (
            "UPDATE submissions SET service = 'other' WHERE id = x'0000000000000000000000000000000b'",
            "submissions",
        ),
        (
            "UPDATE events SET token = 'other' WHERE number = 3",
            "events",
        ),
        (
            "UPDATE contents SET data = 'other' WHERE rowid = 1",
            "contents",
        ),
        (
            "DELETE FROM contents WHERE rowid = 1",
            "the sealed parts of a submission",
        ),
        (
            "DELETE FROM events WHERE subject_id = x'0000000000000000000000000000000b'",
            "the events of a submission",
        ),
    ] {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(
            folder.path().join("gateway.db"),
            copy.path().join("gateway.db"),
        )
        .unwrap();
        let database = Connection::open(copy.path().join("gateway.db")).unwrap();
        database.execute_batch(sql).unwrap();
        drop(database);
        let after = examine(Database::Gateway, copy.path())
            .unwrap()
            .unwrap()
            .damages;
        let news: Vec<_> = after.iter().filter(|d| !before.contains(d)).collect();
        let tells = news.iter().any(|damage| match damage {
            Damage::Row { table: told, .. } => told == table,
            Damage::Missing { what, .. } => *what == table,
            Damage::File(_) | Damage::Shape { .. } | Damage::Unreadable { .. } => false,
        });
        assert!(tells, "{sql}: {news:?}");
    }
}
