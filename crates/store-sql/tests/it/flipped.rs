//! One flipped bit anywhere in a database file: found, or without any effect; never given away.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use amtsbote_model::submission::State;
use amtsbote_store::laws::samples::{
    content, destination, done, event, found, id, key, moved, notice, of, open_case, remembered,
    submission,
};
use amtsbote_store::{Change, Content, Event, Ledger, LogOf, Page};
use amtsbote_store_sql::{Damage, Database, SqliteStore, examine};
use rusqlite::Connection;

/// How many bits are flipped, spread over the whole file by a fixed seed.
const FLIPS: usize = 1500;
/// Of so many, one is also read through the store.
const READ_EVERY: usize = 20;

const ALL: Page = Page {
    offset: 0,
    limit: 1000,
};

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

type Read = (Vec<Option<Content>>, Vec<Event>);

/// Everything that could be delivered; an error is fine, something else is not.
async fn assert_unaltered_or_refused(folder: &Path, right: &Read) {
    let Ok(store) = SqliteStore::open(folder) else {
        return;
    };
    for (number, right) in (10..30).zip(&right.0) {
        if let Ok(content) = store.content(of(number)).await {
            assert!(
                content.is_none() || content == *right,
                "{number} was given altered"
            );
        }
    }
    if let Ok(events) = store.events(LogOf::Case(id(2)), ALL).await {
        for event in events.entries {
            assert!(right.1.contains(&event), "an event was given altered");
        }
    }
}

type Rows = BTreeMap<String, Vec<String>>;

/// All rows of all tables, as any program reads them.
fn dump(path: &Path) -> Rows {
    let database = Connection::open(path).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let mut names = database.prepare(sql).unwrap();
    let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let rows = |name: &String| {
        let sql = format!("SELECT * FROM \"{name}\" NOT INDEXED");
        let mut statement = database.prepare(&sql).unwrap();
        let count = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..count).map(|at| row.get_ref(at).map(|value| format!("{value:?}")));
            values.collect::<rusqlite::Result<String>>()
        };
        let rows = statement.query_map([], row).unwrap();
        rows.collect::<rusqlite::Result<Vec<_>>>().unwrap()
    };
    names
        .map(|name| {
            let name = name.unwrap();
            let rows = rows(&name);
            (name, rows)
        })
        .collect()
}

#[tokio::test]
async fn every_flipped_bit_of_a_database_is_found_or_without_effect() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    fill(&store).await;
    let mut read: Read = (Vec::new(), Vec::new());
    for number in 10..30 {
        read.0.push(store.content(of(number)).await.unwrap());
    }
    read.1 = store.events(LogOf::Case(id(2)), ALL).await.unwrap().entries;
    assert_eq!(read.1.len(), 40);
    drop(store);
    let path = folder.path().join("gateway.db");
    let right = fs::read(&path).unwrap();
    let whole = examine(Database::Gateway, folder.path()).unwrap().unwrap();
    let expected = whole.damages.clone();
    assert_eq!(expected, vec![]);
    let rows = dump(&path);

    let (mut found, mut irrelevant) = (0, 0);
    let mut seed = 0x5eed_u64;
    for round in 0..FLIPS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bit = usize::try_from(seed >> 20).unwrap() % (right.len() * 8);
        let mut flipped = right.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        let is_found = match examine(Database::Gateway, folder.path()) {
            Ok(Some(examined)) => examined.damages != expected,
            Ok(None) => false,
            Err(_) => true,
        };
        if is_found {
            found += 1;
        } else {
            assert!(
                dump(&path) == rows,
                "bit {bit} changed rows and was not found"
            );
            irrelevant += 1;
        }
        if round % READ_EVERY == 0 {
            let copy = tempfile::tempdir().unwrap();
            fs::write(copy.path().join("gateway.db"), &flipped).unwrap();
            assert_unaltered_or_refused(copy.path(), &read).await;
        }
        for ending in ["gateway.db-wal", "gateway.db-shm"] {
            drop(fs::remove_file(folder.path().join(ending)));
        }
    }
    eprintln!(
        "{FLIPS} bits of {} flipped: {found} found, {irrelevant} without effect",
        right.len() * 8
    );
    assert!(found > FLIPS / 3, "{found}");
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
