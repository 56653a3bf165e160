//! What a submission costs the stores when there are many already. Long: only with `AMTSBOTE_LONG=1`; `AMTSBOTE_MANY` says how many (1,000,000),
//! `AMTSBOTE_IDS=random` that their ids are of version 4, as they were made before.
//!
//! The many are written by SQL of their own, since what is measured is what comes after them: finished submissions with three events each,
//! sealed.
#![expect(clippy::print_stdout, reason = "figures for people")]

use std::path::Path;
use std::time::{Duration, Instant};

use amtsbote_store::laws::many::{AT_ONCE, live};
use amtsbote_store::laws::samples::{destination, done, found};
use amtsbote_store_sql::SqliteStore;
use rusqlite::Connection;

/// Submissions that are measured.
const MEASURED: u64 = 1_920;

#[expect(
    clippy::disallowed_methods,
    reason = "long runs are asked for by the environment"
)]
pub(crate) fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What all threads of this process have spent on a processor: others on this machine do not count.
pub(crate) fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let spent = tasks.filter_map(|task| {
        let path = task.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(path).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// Bytes this process has given to files.
pub(crate) fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.unwrap().parse().unwrap()
}

pub(crate) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// What a submission costs: microseconds of processor time of each step, and bytes written.
struct Cost {
    steps: Vec<(&'static str, f64)>,
    written: f64,
}

async fn measure(store: &SqliteStore, first: u64) -> Cost {
    let written = written_bytes();
    let mut spent: Vec<(&str, Duration)> = Vec::new();
    for begin in (first..first + MEASURED).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let mut watch = cpu_time();
        live(store, begin, &mut |step| {
            let now = cpu_time();
            let each = now.saturating_sub(watch);
            match spent.iter_mut().find(|(name, _)| *name == step) {
                Some((_, time)) => *time += each,
                None => spent.push((step, each)),
            }
            watch = now;
        })
        .await;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / number(MEASURED);
    let steps = spent.into_iter().map(|(name, time)| (name, each(time)));
    Cost {
        steps: steps.collect(),
        written: number(written_bytes() - written) / number(MEASURED),
    }
}

/// How ids of what is stored already look: as they are made now, or as they were made before (version 4).
#[derive(Clone, Copy)]
enum Ids {
    Ordered,
    Random,
}

impl Ids {
    /// A new one of the moment `n`, as SQL.
    const fn sql(self) -> &'static str {
        match self {
            Self::Ordered => "unhex(printf('%012x', 1700000000000 + n) || hex(randomblob(10)))",
            Self::Random => "randomblob(16)",
        }
    }
}

/// Submissions that are over, behind the store's back.
fn fill(folder: &Path, many: u64, ids: Ids) {
    let database = Connection::open(folder.join("gateway.db")).unwrap();
    let id = ids.sql();
    let sql = format!(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA wal_autocheckpoint = 100000; PRAGMA temp_store = MEMORY;
        CREATE TEMP TABLE made AS WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {many})
            SELECT n, 1700000000000 + n AS at, {id} AS s, {id} AS c FROM number;
        BEGIN;
        INSERT INTO cases (id, destination_id, sender, opened_at, last_at)
            SELECT c, (SELECT id FROM destinations), 'client-7', at, at FROM made;
        INSERT INTO submissions (id, case_id, destination_id, sender, service, state, since, announced, created_at, submitted_at)
            SELECT s, c, (SELECT id FROM destinations), 'client-7', 'service', 'accepted', at, x'', at, at FROM made;
        INSERT INTO contents (subject_id, metadata, data) SELECT s, printf('%200c', 'm'), printf('%200c', 'd') FROM made;
        INSERT INTO remembered (client, key, fingerprint, answer, at)
            SELECT 'client-7', hex(randomblob(16)), hex(c), printf('%200c', 'a'), at FROM made;
        INSERT INTO events (id, case_id, subject_id, name, issuer, at, token)
            SELECT {id}, c, s, name, 'service', at, printf('%200c', 't') FROM made,
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
    done(&store, vec![found(destination(1))]).await;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_costs_the_same_whatever_is_stored() {
    if told("AMTSBOTE_LONG").is_none() {
        println!("NOT RUN: long; AMTSBOTE_LONG=1 runs it");
        return;
    }
    let many: u64 = told("AMTSBOTE_MANY").map_or(1_000_000, |text| text.parse().unwrap());
    let ids = match told("AMTSBOTE_IDS").as_deref() {
        Some("random") => Ids::Random,
        Some(_) | None => Ids::Ordered,
    };
    compare(many, ids).await;
}

async fn compare(many: u64, ids: Ids) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    drop(opened(folders[1].path()).await);
    let began = Instant::now();
    fill(folders[1].path(), many, ids);
    println!("{many} stored after {:?}", began.elapsed());
    let began = Instant::now();
    let full = SqliteStore::open(folders[1].path()).unwrap();
    println!("opened in {:?}", began.elapsed());
    let few = opened(folders[0].path()).await;
    // In turns, so that both meet the same machine.
    for round in 0..3 {
        let first = many + 1 + round * MEASURED;
        let (little, much) = (measure(&few, first).await, measure(&full, first).await);
        for ((name, little), (_, much)) in little.steps.iter().zip(&much.steps) {
            tell(name, "us", *little, *much);
        }
        let sum = |cost: &Cost| cost.steps.iter().map(|(_, time)| time).sum::<f64>();
        tell("all", "us", sum(&little), sum(&much));
        tell("written", "bytes", little.written, much.written);
    }
}

pub(crate) fn tell(what: &str, unit: &str, little: f64, much: f64) {
    println!(
        "{what}: {little:.0} {unit} with few, {much:.0} with many: {:.2}",
        much / little
    );
}
