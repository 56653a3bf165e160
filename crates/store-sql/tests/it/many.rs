//! What a submission costs the stores when there are many already. Long: only with `AMTSBOTE_LONG=1`; `AMTSBOTE_MANY` says how many (1,000,000).
//!
//! The many are written by SQL of their own, since what is measured is what comes after them: finished submissions with three events each,
//! sealed, with random ids in all indexes.

use std::path::Path;
use std::time::{Duration, Instant};

use amtsbote_model::submission::{Issuer, State};
use amtsbote_model::{EventId, Timestamp};
use amtsbote_store::chain::{Block, Leaf};
use amtsbote_store::laws::samples::{self, client, destination, found};
use amtsbote_store::{
    Batch, Case, Chain as _, Change, Committed, Content, Event, Ledger as _, LogOf, Outbox as _,
    Page, Remembered, Submission, SubmissionFilter,
};
use amtsbote_store_sql::SqliteStore;
use futures_util::future::join_all;
use rusqlite::Connection;

/// Submissions that are measured, and how many at a time.
const MEASURED: u64 = 1_920;
const AT_ONCE: u64 = 32;
/// As long as a signed event.
const TOKEN_BYTES: usize = 1_200;
/// As long as small sealed parts.
const PART_BYTES: usize = 2_000;

#[expect(
    clippy::disallowed_methods,
    reason = "long runs are asked for by the environment"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The same on every machine, spread like random ones (splitmix64).
fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(kind: u64, number: u64) -> T {
    let mix = |seed: u64| {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let high = mix(number.wrapping_mul(8).wrapping_add(kind));
    format!("{high:016x}{:016x}", mix(high)).parse().unwrap()
}

fn moment(number: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(number).unwrap())
}

fn submission(number: u64, state: State) -> Submission {
    let sample = samples::submission(1, 1, 1);
    Submission {
        id: id(0, number),
        case_id: id(1, number),
        state,
        announced: Vec::new(),
        callback: None,
        created_at: moment(number),
        submitted_at: Some(moment(number)),
        ..sample
    }
}

fn event(number: u64, at: u64, name: &str, token_bytes: usize) -> Change {
    Change::Append(Event {
        id: id::<EventId>(2 + at, number),
        case_id: id(1, number),
        subject: id::<amtsbote_model::SubmissionId>(0, number).into(),
        name: name.into(),
        issuer: Issuer::Service,
        at: moment(number),
        token: "t".repeat(token_bytes),
    })
}

/// What the intake commits.
fn arrival(number: u64, state: State, bytes: (usize, usize)) -> Batch {
    let submission = submission(number, state);
    let (subject, at) = (submission.id.into(), submission.created_at);
    Batch::new()
        .with(Change::OpenCase(Case {
            id: submission.case_id,
            destination_id: submission.destination_id,
            sender: submission.sender.clone(),
            opened_at: at,
        }))
        .with(Change::Announce(Box::new(submission)))
        .with(Change::Fill {
            subject,
            content: Content {
                metadata: "m".repeat(bytes.1),
                data: Some("d".repeat(bytes.1)),
            },
        })
        .with(event(number, 0, "create-submission", bytes.0))
        .with(event(number, 1, "submit-submission", bytes.0))
        .with(Change::Remember(Remembered {
            client: client(7),
            key: format!(
                "{:032x}",
                u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c)
            ),
            fingerprint: "f".repeat(64),
            answer: "a".repeat(300),
            at,
        }))
}

/// What the destination's yes commits.
fn verdict(number: u64) -> Batch {
    let change = Change::Move {
        subject: id::<amtsbote_model::SubmissionId>(0, number).into(),
        from: State::Submitted,
        to: State::Accepted,
        at: moment(number),
    };
    Batch::new()
        .with(change)
        .with(event(number, 2, "accept-submission", TOKEN_BYTES))
}

async fn commit(store: &SqliteStore, batch: Batch) {
    assert_eq!(store.commit(batch).await.unwrap(), Committed::Done);
}

async fn seal(store: &SqliteStore) -> u64 {
    let events = store.unsealed(1000).await.unwrap();
    let leaves: Vec<_> = events.iter().map(Leaf::of).collect();
    let head = store.head().await.unwrap();
    let Some(mut block) = Block::after(head.as_ref(), &leaves, moment(0)) else {
        return 0;
    };
    block.signature = "s".repeat(900);
    assert!(store.seal(block, leaves).await.unwrap());
    events.len() as u64
}

/// What all threads of this process have spent on a processor: others on this machine do not count.
fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let spent = tasks.filter_map(|task| {
        let path = task.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(path).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// Microseconds of processor time of each step per submission.
async fn measure(store: &SqliteStore, first: u64) -> Vec<(&'static str, f64)> {
    let mut spent = [Duration::ZERO; 6];
    for begin in (first..first + MEASURED).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let numbers = begin..begin + AT_ONCE;
        let mut watch = cpu_time();
        let mut lap = |at: usize| {
            spent[at] += cpu_time().saturating_sub(watch);
            watch = cpu_time();
        };
        let arrivals = numbers.clone();
        join_all(arrivals.map(|number| {
            commit(
                store,
                arrival(number, State::Submitted, (TOKEN_BYTES, PART_BYTES)),
            )
        }))
        .await;
        lap(0);
        let filter = SubmissionFilter::ForPickup(vec![destination(1).id]);
        let page = Page {
            offset: 0,
            limit: 100,
        };
        let listed = store.submissions(&filter, page).await.unwrap();
        assert_eq!(listed.total, AT_ONCE);
        lap(1);
        for number in numbers.clone() {
            let of = LogOf::Subject(id::<amtsbote_model::SubmissionId>(0, number).into());
            assert_eq!(store.events(of, page).await.unwrap().total, 2);
        }
        lap(2);
        join_all(numbers.map(|number| commit(store, verdict(number)))).await;
        lap(3);
        assert_eq!(seal(store).await, AT_ONCE * 3);
        lap(4);
        store.due(moment(0), 256).await.unwrap();
        store
            .quiet_cases(Timestamp::from_millis(0), 1000)
            .await
            .unwrap();
        lap(5);
    }
    let names = ["arrival", "list", "logs", "verdict", "seal", "looks"];
    let each =
        |time: Duration| time.as_secs_f64() * 1e6 / f64::from(u32::try_from(MEASURED).unwrap());
    names.into_iter().zip(spent.map(each)).collect()
}

/// Submissions that are over, behind the store's back.
fn fill(folder: &Path, many: u64) {
    let database = Connection::open(folder.join("gateway.db")).unwrap();
    let sql = format!(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA wal_autocheckpoint = 100000; PRAGMA temp_store = MEMORY;
        CREATE TEMP TABLE made AS WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {many})
            SELECT n, randomblob(16) AS s, randomblob(16) AS c FROM number;
        BEGIN;
        INSERT INTO cases (id, destination_id, sender, opened_at, last_at)
            SELECT c, (SELECT id FROM destinations), 'client-7', n, n FROM made;
        INSERT INTO submissions (id, case_id, destination_id, sender, service, state, since, announced, created_at, submitted_at)
            SELECT s, c, (SELECT id FROM destinations), 'client-7', 'service', 'accepted', n, x'', n, n FROM made;
        INSERT INTO contents (subject_id, metadata, data) SELECT s, printf('%200c', 'm'), printf('%200c', 'd') FROM made;
        INSERT INTO remembered (client, key, fingerprint, answer, at)
            SELECT 'client-7', hex(s), hex(c), printf('%200c', 'a'), n FROM made;
        INSERT INTO events (id, case_id, subject_id, name, issuer, at, token)
            SELECT randomblob(16), c, s, name, 'service', n, printf('%200c', 't') FROM made,
                (SELECT 'create-submission' AS name UNION ALL SELECT 'submit-submission' UNION ALL SELECT 'accept-submission');
        INSERT INTO leaves (position, event_number, event_id, case_id, at, digest)
            SELECT number - 1, number, id, case_id, at, randomblob(32) FROM events;
        INSERT INTO blocks (number, previous, first, count, root, at, signature)
            SELECT 1 + position / 1000, randomblob(32), min(position), count(*), randomblob(32), 0, printf('%900c', 's')
                FROM leaves GROUP BY position / 1000;
        COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
    );
    database.execute_batch(&sql).unwrap();
}

async fn opened(folder: &Path) -> SqliteStore {
    let store = SqliteStore::open(folder).unwrap();
    commit(&store, Batch::new().with(found(destination(1)))).await;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_costs_the_same_whatever_is_stored() {
    if told("AMTSBOTE_LONG").is_none() {
        println!("NOT RUN: long; AMTSBOTE_LONG=1 runs it");
        return;
    }
    let many: u64 = told("AMTSBOTE_MANY").map_or(1_000_000, |text| text.parse().unwrap());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    drop(opened(folders[1].path()).await);
    let began = Instant::now();
    fill(folders[1].path(), many);
    println!("{many} stored after {:?}", began.elapsed());
    let began = Instant::now();
    let full = SqliteStore::open(folders[1].path()).unwrap();
    println!("opened in {:?}", began.elapsed());
    let few = opened(folders[0].path()).await;
    // In turns, so that both meet the same machine.
    for round in 0..3 {
        let first = many + round * MEASURED;
        let (little, much) = (measure(&few, first).await, measure(&full, first).await);
        for ((name, little), (_, much)) in little.iter().zip(&much) {
            println!(
                "{name}: {little:.0} us with few, {much:.0} us with {many}: {:.2}",
                much / little
            );
        }
        let sum = |steps: &[(&str, f64)]| steps.iter().map(|(_, time)| time).sum::<f64>();
        println!("all: {:.2}", sum(&much) / sum(&little));
    }
}
