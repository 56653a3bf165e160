//! What a submission costs the server when there are many already. Long: only with `AMTSBOTE_LONG=1`; `AMTSBOTE_MANY` says how many
//! (300,000), `AMTSBOTE_IDS=random` that their ids are of version 4, as they were made before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use amtsbote_store::laws::many::{AT_ONCE, live};
use amtsbote_store::laws::samples::{destination, done, found};
use amtsbote_store_postgres::PostgresStore;
use amtsbote_testkit::postgres::Server;

use crate::benches::target;

/// Submissions that are measured.
const MEASURED: u64 = 1_920;

#[expect(
    clippy::disallowed_methods,
    reason = "long runs are asked for by the environment"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

struct Bench {
    server: Server,
    url: String,
    store: PostgresStore,
}

impl Bench {
    async fn new(server: Server) -> Self {
        let url = server.database();
        let store = PostgresStore::open(&target(&url)).await.unwrap();
        done(&store, vec![found(destination(1))]).await;
        Self { server, url, store }
    }

    /// Submissions that are over, behind the store's back.
    fn fill(&self, many: u64, id: &str) {
        let sql = format!(
            "SET synchronous_commit = off; SET search_path = amtsbote_gateway;
            CREATE TEMP TABLE made AS SELECT n, 1700000000000 + n AS at, {id} AS s, {id} AS c FROM generate_series(1, {many}) AS n;
            INSERT INTO cases (id, destination_id, sender, opened_at, last_at)
                SELECT c, (SELECT id FROM destinations), 'client-7', at, at FROM made;
            INSERT INTO submissions (id, case_id, destination_id, sender, service, state, since, announced, created_at, submitted_at)
                SELECT s, c, (SELECT id FROM destinations), 'client-7', 'service', 'accepted', at, '{{}}', at, at FROM made;
            INSERT INTO contents (subject_id, metadata, data) SELECT s, repeat('m', 200), repeat('d', 200) FROM made;
            INSERT INTO remembered (client, key, fingerprint, answer, at)
                SELECT 'client-7', replace(gen_random_uuid()::text, '-', ''), 'f', repeat('a', 200), at FROM made;
            INSERT INTO events (id, case_id, subject, subject_id, name, issuer, at, token)
                SELECT {id}, c, 'submission', s, name, 'service', at, repeat('t', 200) FROM made,
                    (VALUES ('create-submission'), ('submit-submission'), ('accept-submission')) AS names (name) ORDER BY n;
            INSERT INTO leaves (position, event_number, event_id, case_id, at, digest)
                SELECT row_number() OVER (ORDER BY number) - 1, number, id, case_id, at, sha256(id::text::bytea) FROM events;
            INSERT INTO blocks (number, previous, first, count, root, at, signature)
                SELECT 1 + position / 1000, sha256('p'), min(position), count(*), sha256('r'), 0, repeat('s', 900)
                    FROM leaves GROUP BY position / 1000;"
        );
        self.server.sql(&self.url, &sql);
    }

    /// The server has seen everything, as it does by itself after a while.
    fn settle(&self) {
        self.server.sql(&self.url, "VACUUM ANALYZE");
        self.server.sql(&self.url, "CHECKPOINT");
    }

    /// What the sessions of this database have spent on a processor; they stay from one look to the next.
    fn cpu_times(&self) -> BTreeMap<String, Duration> {
        let sql = "SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let pids = self.server.sql(&self.url, sql);
        let spent = pids.lines().filter_map(|pid| {
            let path = format!("/proc/{pid}/schedstat");
            let text = std::fs::read_to_string(path).ok()?;
            let nanos = text.split_whitespace().next()?.parse().ok()?;
            Some((pid.to_owned(), Duration::from_nanos(nanos)))
        });
        spent.collect()
    }

    fn wal_bytes(&self) -> f64 {
        let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')";
        self.server.sql(&self.url, sql).parse().unwrap()
    }

    async fn measure(&self, first: u64) -> Cost {
        self.settle();
        let (wal, before, began) = (self.wal_bytes(), self.cpu_times(), Instant::now());
        for begin in (first..first + MEASURED).step_by(usize::try_from(AT_ONCE).unwrap()) {
            live(&self.store, begin, &mut |_| {}).await;
        }
        let elapsed = began.elapsed();
        let spent = self.cpu_times().into_iter().map(|(pid, time)| {
            let before = before.get(&pid).copied().unwrap_or_default();
            time.saturating_sub(before)
        });
        let each = |time: Duration| time.as_secs_f64() * 1e6 / number(MEASURED);
        Cost {
            server: each(spent.sum()),
            elapsed: each(elapsed),
            wal: (self.wal_bytes() - wal) / number(MEASURED),
        }
    }
}

/// Of one submission.
struct Cost {
    server: f64,
    elapsed: f64,
    wal: f64,
}

fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

#[expect(clippy::print_stdout, reason = "figures for people")]
fn tell(what: &str, unit: &str, little: f64, much: f64) {
    println!(
        "{what}: {little:.0} {unit} with few, {much:.0} with many: {:.2}",
        much / little
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_costs_the_same_whatever_is_stored() {
    if told("AMTSBOTE_LONG").is_none() {
        println!("NOT RUN: long; AMTSBOTE_LONG=1 runs it");
        return;
    }
    let (Some(one), Some(other)) = (Server::start(), Server::start()) else {
        return;
    };
    let many: u64 = told("AMTSBOTE_MANY").map_or(300_000, |text| text.parse().unwrap());
    let id = match told("AMTSBOTE_IDS").as_deref() {
        Some("random") => "gen_random_uuid()",
        Some(_) | None => {
            "(lpad(to_hex(1700000000000 + n), 12, '0') || right(replace(gen_random_uuid()::text, '-', ''), 20))::uuid"
        }
    };
    let (few, full) = (Bench::new(one).await, Bench::new(other).await);
    let began = Instant::now();
    full.fill(many, id);
    println!("{many} stored after {:?}", began.elapsed());
    // In turns, so that both meet the same machine.
    for round in 0..3 {
        let first = many + 1 + round * MEASURED;
        let (little, much) = (few.measure(first).await, full.measure(first).await);
        tell("server", "us", little.server, much.server);
        tell("elapsed", "us", little.elapsed, much.elapsed);
        tell("log", "bytes", little.wal, much.wal);
    }
}
