//! What a submission costs, from the intake's call to the procedure's folder, when a million are stored already. Long, and nothing here fails
//! by a clock: it prints figures and their ratios. Only with `AMTSBOTE_LONG=1`; `AMTSBOTE_MANY` says how many.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amtsbote_model::submission::State;
use amtsbote_store::{Committed, Ledger as _};
use amtsbote_store_sql::SqliteStore;
use futures_util::future::join_all;
use rustix::process::Pid;

use super::drain::{Numbers, PATIENCE, in_folder, post};
use super::peer::Peers;
use super::ready::{AT_ONCE, Open, long, told};
use super::site::{Running, Shape, Site, until};

/// Submissions of a round.
const MEASURED: usize = 800;
const ROUNDS: usize = 3;
const SENDERS: usize = 4;
/// A process that does so little has nothing left to seal.
const QUIET: Duration = Duration::from_millis(40);

/// Processor time of a process so far.
fn cpu_time(pid: Pid) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    // After the name, which may have anything in it: fields 14 and 15 are ticks of ten milliseconds (proc(5)).
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks: u64 = rest
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Of one round, each submission: milliseconds of processor time of the gateway and of the agent, and milliseconds that passed.
struct Cost([f64; 3]);

async fn measure(site: &Site, running: &Running<'_>, numbers: &Arc<Numbers>) -> Cost {
    let spent = || [0, 1].map(|at| cpu_time(running.process(at).pid()));
    let (before, there, began) = (spent(), in_folder(site), Instant::now());
    post(&site.facts(0), numbers, MEASURED, SENDERS).await;
    until("all are there", PATIENCE, || {
        in_folder(site) >= there + MEASURED
    })
    .await;
    let after = spent();
    let each =
        |time: Duration| time.as_secs_f64() * 1e3 / f64::from(u32::try_from(MEASURED).unwrap());
    Cost([
        each(after[0].saturating_sub(before[0])),
        each(after[1].saturating_sub(before[1])),
        each(began.elapsed()),
    ])
}

/// Submissions that are over, beside a gateway that is not there.
async fn fill(site: &Site, many: usize) {
    let store = SqliteStore::open(&site.dir().join("gateway")).unwrap();
    let destination = site.facts(0).text("/destinationId").parse().unwrap();
    let mut at = 0;
    while at < many {
        let over: Vec<_> = (at..(at + AT_ONCE).min(many))
            .map(|_| Open::new(State::Accepted, destination))
            .collect();
        let committed = join_all(over.iter().map(|one| store.commit(one.batch()))).await;
        assert!(
            committed
                .into_iter()
                .all(|done| done.unwrap() == Committed::Done)
        );
        at += AT_ONCE;
    }
}

/// What stands in the store and not in the log's blocks yet is sealed first.
async fn quiet(pid: Pid) {
    let end = Instant::now() + PATIENCE;
    loop {
        let before = cpu_time(pid);
        tokio::time::sleep(Duration::from_secs(2)).await;
        if cpu_time(pid).saturating_sub(before) <= QUIET {
            return;
        }
        assert!(Instant::now() < end, "it does not come to rest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_costs_the_same_whatever_is_stored() {
    if !long() {
        return;
    }
    let many = told("AMTSBOTE_MANY").map_or(1_000_000, |text| text.parse().unwrap());
    let peers = Peers::start().await;
    let site = Site::new(Shape::Apart, &peers).await;
    let numbers = Arc::new(Numbers::default());
    let mut running = site.run();
    let mut costs = Vec::new();
    for stored in [0, many] {
        if stored > 0 {
            running.kill_all(|| {});
            let began = Instant::now();
            fill(&site, stored).await;
            println!("{stored} stored after {:?}", began.elapsed());
            running.start_all();
            quiet(running.process(0).pid()).await;
            println!("sealed and at rest after {:?}", began.elapsed());
        }
        // The first fills caches, in both.
        measure(&site, &running, &numbers).await;
        for _ in 0..ROUNDS {
            costs.push(measure(&site, &running, &numbers).await.0);
        }
    }
    let (few, full) = costs.split_at(ROUNDS);
    for (few, full) in few.iter().zip(full) {
        for (at, what) in [
            "gateway's processor time",
            "agent's processor time",
            "time that passes",
        ]
        .iter()
        .enumerate()
        {
            let (few, full) = (few[at], full[at]);
            println!(
                "{what}: {few:.2} ms with few, {full:.2} ms with {many}: {:.2}",
                full / few
            );
        }
    }
    let logs = running.stop();
    assert!(!logs.contains("panicked"), "a panic: {logs}");
}
