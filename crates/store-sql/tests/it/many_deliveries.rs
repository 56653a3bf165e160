//! What a delivery costs the agent's store when there are many already, ours (ids ordered by time) and those of a service whose ids
//! are random. Long: only with `AMTSBOTE_LONG=1`; `AMTSBOTE_MANY` says how many (1,000,000).

use std::path::Path;
use std::time::Duration;

use amtsbote_model::delivery::{
    Circumstances, Decision, Delivery, Jitter, Lease, Past, RetryPolicy, Verdict,
};
use amtsbote_model::ids::{derived, time_ordered};
use amtsbote_model::{DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{Claim, Deliveries as _, NewDelivery, Order, Share, Swapped};
use amtsbote_store_sql::SqliteDeliveries;
use rusqlite::Connection;
use uuid::Uuid;

use crate::many::{cpu_time, number, tell, told, written_bytes};

const MEASURED: u64 = 1_920;
const AT_ONCE: u32 = 32;
const HERE: DestinationId = DestinationId::from_uuid(Uuid::from_u128(1));
const WORKER: WorkerId = WorkerId::from_uuid(Uuid::from_u128(2));

#[derive(Clone, Copy)]
enum Ids {
    Ordered,
    Random,
}

fn moment(number: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + number.cast_signed())
}

fn id(ids: Ids, number: u64) -> SubmissionId {
    let hashed = derived(Uuid::nil(), &number.to_be_bytes());
    SubmissionId::from_uuid(match ids {
        Ids::Random => hashed,
        Ids::Ordered => {
            let mut random = [0; 10];
            random.copy_from_slice(&hashed.as_bytes()[..10]);
            time_ordered(moment(number), random)
        }
    })
}

/// From the list until the verdict is in the gateway's log.
async fn live(store: &SqliteDeliveries, ids: Ids, first: u64) {
    let at = moment(first);
    let numbers = first..first + u64::from(AT_ONCE);
    let new = numbers.map(|number| NewDelivery {
        submission_id: id(ids, number),
        case_id: amtsbote_model::CaseId::from_uuid(id(ids, number).uuid()),
        destination_id: HERE,
        at,
    });
    store.note(new.collect()).await.unwrap();
    let lease = Lease {
        by: WORKER,
        until: at.plus(Duration::from_secs(7)),
    };
    let claim = Claim {
        lease,
        max: AT_ONCE,
        suspects: 1,
        shares: vec![Share {
            destination_id: HERE,
            limit: AT_ONCE,
            hand_overs: AT_ONCE,
            posts: AT_ONCE,
            order: Order::Due,
            rate: None,
        }],
        around: Circumstances {
            policy: RetryPolicy {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(1),
                tries_max: 100,
            },
            // Places follow each other.
            now: at.plus(Duration::from_secs(1)),
            jitter: Jitter::WHOLE,
        },
    };
    let claimed = store.claim(claim).await.unwrap().rows;
    assert_eq!(u32::try_from(claimed.len()).unwrap(), AT_ONCE);
    for row in claimed {
        let decided = Delivery::Decided {
            at,
            held: Some(lease),
            decision: Decision {
                verdict: Verdict::Accept,
                event: "e".repeat(1_200),
            },
            past: Past::default(),
        };
        let done = Delivery::Done {
            verdict: Verdict::Accept,
            at,
            package: None,
        };
        for (more, next) in [(0, decided), (1, done)] {
            let swapped = store.swap(row.submission_id, row.revision + more, next);
            assert_eq!(swapped.await.unwrap(), Swapped::Done);
        }
    }
}

fn fill(folder: &Path, many: u64, ids: Ids) {
    let id = match ids {
        Ids::Ordered => "unhex(printf('%012x', 1700000000000 + n) || hex(randomblob(10)))",
        Ids::Random => "randomblob(16)",
    };
    let sql = format!(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA wal_autocheckpoint = 100000;
        WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {many})
        INSERT INTO deliveries (submission_id, case_id, destination_id, noted_at, state, body, revision)
            SELECT {id}, randomblob(16), x'00000000000000000000000000000001', 1700000000000 + n, 'done', printf('%120c', '{{'), 4 FROM number;
        PRAGMA wal_checkpoint(TRUNCATE);"
    );
    let database = Connection::open(folder.join("agent.db")).unwrap();
    database.execute_batch(&sql).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_costs_the_same_whatever_is_stored() {
    if told("AMTSBOTE_LONG").is_none() {
        println!("NOT RUN: long; AMTSBOTE_LONG=1 runs it");
        return;
    }
    let many: u64 = told("AMTSBOTE_MANY").map_or(1_000_000, |text| text.parse().unwrap());
    for (name, ids) in [("ordered", Ids::Ordered), ("random", Ids::Random)] {
        println!("{many} with {name} ids");
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        drop(SqliteDeliveries::open(folders[1].path()).unwrap());
        fill(folders[1].path(), many, ids);
        let stores = folders
            .each_ref()
            .map(|folder| SqliteDeliveries::open(folder.path()).unwrap());
        for round in 0..3 {
            let mut costs = Vec::new();
            for store in &stores {
                let (spent, written) = (cpu_time(), written_bytes());
                let first = many + 1 + round * MEASURED;
                for begin in (first..first + MEASURED).step_by(usize::try_from(AT_ONCE).unwrap()) {
                    live(store, ids, begin).await;
                }
                let spent = cpu_time().saturating_sub(spent).as_secs_f64() * 1e6;
                let written = number(written_bytes() - written);
                costs.push((spent / number(MEASURED), written / number(MEASURED)));
            }
            tell("delivery", "us", costs[0].0, costs[1].0);
            tell("written", "bytes", costs[0].1, costs[1].1);
        }
    }
}
