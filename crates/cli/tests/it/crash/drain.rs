//! How long a backlog takes, and what it does to others. Long, and nothing here fails by a clock: it prints figures and their ratios, and
//! checks that everything arrives once. Only with `AMTSBOTE_LONG=1`; `AMTSBOTE_OPEN` says how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::peer::Peers;
use super::ready::{long, open_count};
use super::senders::marker;
use super::site::{Shape, Site, until};
use crate::stand::{Facts, Program};
use crate::wire::{self, Application};

/// Who posts at a time.
const SENDERS: usize = 16;
/// As often as one of the living is looked for.
const LOOK: Duration = Duration::from_millis(2);
/// Sent one after the other beside the backlog.
const BESIDE: usize = 200;
/// A run that takes longer has gone wrong.
pub(super) const PATIENCE: Duration = Duration::from_hours(1);

/// Numbers of submissions: each once.
#[derive(Default)]
pub(super) struct Numbers(AtomicUsize);

impl Numbers {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Posts so many to the intake; their ids.
pub(super) async fn post(
    facts: &Facts,
    numbers: &Arc<Numbers>,
    count: usize,
    at_once: usize,
) -> Vec<String> {
    let left = Arc::new(AtomicUsize::new(count));
    let sender = || {
        let (facts, numbers, left) = (Facts(facts.0.clone()), numbers.clone(), left.clone());
        async move {
            let http = reqwest::Client::new();
            let token = wire::token(&http, &facts, "sender").await.unwrap();
            let url = format!("{}/v1/submissions", facts.text("/intakeUrl"));
            let mut ids = Vec::new();
            let take = |left: usize| left.checked_sub(1);
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_ok()
            {
                let marker = marker(numbers.next());
                let attachment = format!("%PDF {marker}").into_bytes();
                let application = Application::new(&marker, vec![attachment]);
                let call = http.post(&url).bearer_auth(&token);
                let call = call.header("content-type", "application/json");
                let answer = call.body(application.intake(&facts)).send().await.unwrap();
                let status = answer.status();
                let answer: serde_json::Value = answer.json().await.unwrap();
                assert_eq!(status, 201, "{answer}");
                ids.push(answer["submissionId"].as_str().unwrap().to_owned());
            }
            ids
        }
    };
    let tasks: Vec<_> = (0..at_once).map(|_| tokio::spawn(sender())).collect();
    let ids = join_all(tasks).await.into_iter();
    ids.flat_map(Result::unwrap).collect()
}

/// Arrived in the folder.
pub(super) fn in_folder(site: &Site) -> usize {
    let Ok(entries) = std::fs::read_dir(site.dir().join("out")) else {
        return 0;
    };
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| !name.to_string_lossy().starts_with('.'))
        .count()
}

/// Arrived at the REST interface, each once.
fn at_interface(peers: &Peers) -> usize {
    let effects = peers.seen.effects.lock().unwrap();
    let doubled = effects.values().find(|times| times.len() > 1);
    assert!(doubled.is_none(), "DOUBLED");
    effects.len()
}

/// From the intake's answer to the folder: one after the other, in milliseconds, sorted.
async fn latencies(site: &Site, numbers: &Arc<Numbers>) -> Vec<u128> {
    let facts = site.facts(0);
    let mut took = Vec::new();
    for _ in 0..BESIDE {
        let before = in_folder(site);
        let began = Instant::now();
        post(&facts, numbers, 1, 1).await;
        let accepted = began.elapsed();
        while in_folder(site) == before {
            tokio::time::sleep(LOOK).await;
            assert!(began.elapsed() < PATIENCE);
        }
        took.push(began.elapsed().saturating_sub(accepted).as_millis());
    }
    took.sort_unstable();
    took
}

fn p95(sorted: &[u128]) -> u128 {
    sorted[sorted.len() * 95 / 100].max(1)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_drained_and_one_at_a_dead_procedure_leaves_others_alone() {
    if !long() {
        return;
    }
    let count = open_count();
    let peers = Peers::start().await;
    let site = Site::new(Shape::Apart, &peers).await;
    let mut running = site.run();
    let numbers = Arc::new(Numbers::default());
    let mut arrival = Duration::ZERO;
    // With no agent there, as after its outage.
    running.again(1, |program: Program| {
        program.kill();
        let began = Instant::now();
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                let sides = [0, 1].map(|at| site.facts(at));
                let half = |at: usize| post(&sides[at], &numbers, count / 2, SENDERS / 2);
                tokio::join!(half(0), half(1))
            })
        });
        arrival = began.elapsed();
    });
    let began = Instant::now();
    let all = count / 2 * 2;
    until("the backlog is gone", PATIENCE, || {
        in_folder(&site) + at_interface(&peers) >= all
    })
    .await;
    let drain = began.elapsed();
    println!(
        "{all} accepted in {arrival:?} ({:.0} a second), drained by one agent in {drain:?} ({:.0} a second): {:.2} of the time they took to arrive",
        per_second(all, arrival),
        per_second(all, drain),
        drain.as_secs_f64() / arrival.as_secs_f64(),
    );
    let alone = latencies(&site, &numbers).await;
    for (mood, name) in [
        (super::peer::BUSY, "says later"),
        (super::peer::SILENT, "is silent"),
    ] {
        peers.seen.mood.store(mood, Ordering::SeqCst);
        let before = at_interface(&peers);
        post(&site.facts(1), &numbers, count, SENDERS).await;
        let beside = latencies(&site, &numbers).await;
        println!(
            "from accepted to handed over, p50 and p95: alone {} and {} ms, beside {count} for one that {name} {} and {} ms: {:.2} of alone",
            alone[alone.len() / 2],
            p95(&alone),
            beside[beside.len() / 2],
            p95(&beside),
            ratio(&beside, &alone),
        );
        peers.seen.mood.store(super::peer::WELL, Ordering::SeqCst);
        let healed = Instant::now();
        until("all is there", PATIENCE, || {
            at_interface(&peers) >= before + count
        })
        .await;
        println!(
            "{count} were there {:?} after it answered again",
            healed.elapsed()
        );
    }
    let logs = running.stop();
    assert!(!logs.contains("panicked"), "a panic: {logs}");
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(beside: &[u128], alone: &[u128]) -> f64 {
    p95(beside) as f64 / p95(alone) as f64
}
