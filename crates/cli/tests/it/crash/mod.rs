//! The crash suite: senders that never give up, procedures that count, and a gateway and an agent that are killed, paused and
//! stopped at random, or lose their power ([`power`]). Afterwards: everything answered with 2xx is delivered, once, unchanged; logs verify; no content stays behind.
//!
//! ```text
//!  senders ──► gateway ──► agent ──► folder │ REST interface (counts effects)
//!     └ Book (each 2xx)     ▲ kill, pause, stop, seeded       callbacks ──► receiver
//!                           └ checks compare book, effects, logs, disk
//! ```
//!
//! A short run is part of the tests; `cargo xtask crash` runs as long as it is told to.

mod checks;
pub(crate) mod cluster;
mod drain;
mod faults;
mod links;
mod partition;
pub(crate) mod peer;
mod points;
mod power;
mod ready;
mod senders;
pub(crate) mod site;
mod spaces;
mod stored;

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use amtsbote_testkit::postgres::{Server, Stop};
use serde_json::{Value, json};

use crate::killed::{Dice, seed};
use crate::stand::Program;
use peer::Peers;
use senders::Book;
use site::{Running, Shape, Site, until};
use spaces::{Line, Spaces};

/// Begins every marker; stands in data and attachments, and must be nowhere else.
pub(crate) const MARK: &str = "Geheimwort";

/// Ready to answer again.
const READY_MAX: Duration = Duration::from_secs(5);

/// Everything is delivered by then, after the last blow.
const DELIVERED_MAX: Duration = Duration::from_mins(2);

/// How long and what; `cargo xtask crash` sets it.
#[expect(
    clippy::disallowed_methods,
    reason = "the suite is told by its environment what to do"
)]
pub(crate) fn told(name: &str) -> Option<String> {
    std::env::var(format!("AMTSBOTE_CRASH_{name}")).ok()
}

/// How patient a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Short,
    Long,
}

impl Length {
    fn told() -> Self {
        let told = told("KILLS")
            .or_else(|| told("CUTS"))
            .or_else(|| told("POINTS"));
        told.map_or(Self::Short, |_| Self::Long)
    }
}

fn kills(default: u32) -> u32 {
    told("KILLS").map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_in_one_process_are_killed_paused_and_stopped() {
    const NAME: &str = "crash::gateway_and_agent_in_one_process_are_killed_paused_and_stopped";
    if !tokio::task::block_in_place(|| spaces::in_hall(NAME, 1)) {
        run(Shape::Serve, kills(6)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_over_postgres_are_killed_and_so_is_the_database() {
    if let Some(server) = Server::start() {
        run_over(Shape::Postgres, kills(4), Some(server)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_apart_are_killed_paused_and_stopped() {
    const NAME: &str = "crash::gateway_and_agent_apart_are_killed_paused_and_stopped";
    if !tokio::task::block_in_place(|| spaces::in_hall(NAME, 2)) {
        run(Shape::Apart, kills(6)).await;
    }
}

async fn run(shape: Shape, kills: u32) {
    run_over(shape, kills, None).await;
}

async fn run_over(shape: Shape, kills: u32, server: Option<Server>) {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let peers = Peers::placed().await;
    let site = match server {
        Some(_) => Site::over(shape, &peers, server).await,
        None => Site::placed(shape, &peers).await,
    };
    let began = Instant::now();
    let book = Arc::new(Book::default());
    let mut running = site.run();
    let senders = senders::start(&site, &peers.callback_url, &book);
    let mut blows = Blows {
        bad_line: site.spaces().and_then(Spaces::bad_line),
        ..Blows::default()
    };
    while blows.kills < kills {
        assert_alive(&senders, &running);
        wait_for_some(&book, &mut dice, &senders).await;
        blows.strike(&site, &mut running, &mut dice).await;
        if blows.kills.is_multiple_of(25) {
            println!("{:?}: {blows:?}", began.elapsed());
        }
    }
    book.close();
    senders::ended(senders).await;
    let accepted = std::mem::take(&mut *book.accepted.lock().unwrap());
    checks::check_all(
        &site,
        &accepted,
        (&peers.seen, &running.said()),
        DELIVERED_MAX,
    )
    .await;
    checks::check_callbacks(&accepted, &peers.seen, Length::told()).await;
    site.verify();
    let ready_max = running.ready_max;
    let logs = running.stop();
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    report(&json!({
        "shape": format!("{:?}", site.shape()).to_lowercase(), "seed": seed, "kills": blows.kills,
        "pauses": blows.pauses, "longest_pause_ms": blows.pause_max_ms, "partitions": blows.partitions, "bad_lines": blows.bad_lines,
        "network": if site.spaces().is_some() { "namespaces" } else { "held up" }, "database_stops": blows.database_stops, "stops": blows.stops, "sent": book.sent(), "accepted": accepted.len(),
        "repeats": book.repeats.load(Ordering::SeqCst), "lost": 0, "doubled": 0,
        "ready_max_ms": u64::try_from(ready_max.as_millis()).unwrap(), "seconds": began.elapsed().as_secs(),
    }));
    assert!(ready_max <= READY_MAX, "ready after {ready_max:?}");
}

fn assert_alive(senders: &[tokio::task::JoinHandle<()>], running: &Running<'_>) {
    let dead = senders.iter().any(tokio::task::JoinHandle::is_finished);
    assert!(!dead, "a sender gave up: {}", running.talk());
}

/// Some more were accepted, and a moment at random.
async fn wait_for_some(book: &Book, dice: &mut Dice, senders: &[tokio::task::JoinHandle<()>]) {
    let wanted = book.count() + usize::try_from(dice.roll(9)).unwrap();
    until("more was accepted", Duration::from_mins(2), || {
        book.count() >= wanted || senders.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(dice.roll(150))).await;
}

/// How long somebody is held up; in long runs sometimes longer than a lease (7 s) and a claim takes.
fn held_up_ms(dice: &mut Dice) -> u64 {
    match Length::told() {
        Length::Long if dice.roll(6) == 0 => 8_000 + dice.roll(4_000),
        Length::Long | Length::Short => 50 + dice.roll(1_500),
    }
}

/// SIGTERM.
const TERMINATED: i32 = 15;

/// What was done to the processes.
#[derive(Debug, Default)]
struct Blows {
    kills: u32,
    pauses: u32,
    pause_max_ms: u64,
    partitions: u32,
    /// The worst that can be had here.
    bad_line: Option<Line>,
    bad_lines: u32,
    database_stops: u32,
    stops: u32,
}

impl Blows {
    async fn strike(&mut self, site: &Site, running: &mut Running<'_>, dice: &mut Dice) {
        let count = u64::try_from(running.count()).unwrap();
        let at = usize::try_from(dice.roll(count)).unwrap();
        if let Some(server) = site.server()
            && dice.roll(5) == 0
        {
            self.database_stops += 1;
            // Blocks: nobody needs this thread meanwhile, and whoever calls the database finds nobody there.
            tokio::task::block_in_place(|| {
                server.stop([Stop::Immediate, Stop::Fast][usize::from(dice.roll(4) == 0)]);
                std::thread::sleep(Duration::from_millis(dice.roll(2000)));
                server.start_again();
            });
            return;
        }
        match dice.roll(12) {
            0..=6 => {
                self.kills += 1;
                running.again(at, Program::kill);
            }
            7..=8 => {
                self.pauses += 1;
                let pid = running.process(at).pid();
                rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
                let pause = held_up_ms(dice);
                self.pause_max_ms = self.pause_max_ms.max(pause);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
            }
            9 => {
                self.partitions += 1;
                part(site, dice).await;
            }
            11 => {
                if let Some((spaces, line)) = site.spaces().zip(self.bad_line) {
                    self.bad_lines += 1;
                    spaces.worsen(at, line).unwrap();
                    tokio::time::sleep(Duration::from_millis(held_up_ms(dice))).await;
                    spaces.mend(at);
                }
            }
            _ => {
                self.stops += 1;
                running.again(at, |program| {
                    let status = program.stop(Duration::from_secs(30));
                    // Asked so early that nobody listened yet.
                    let at_once = status.signal() == Some(TERMINATED);
                    assert!(status.success() || at_once, "stopped: {status}");
                });
            }
        }
    }
}

/// Parts two for a while: packets are dropped both ways or one way; without namespaces, all connections to the gateway are held up.
async fn part(site: &Site, dice: &mut Dice) {
    let Some(spaces) = site.spaces() else {
        site.way().cut();
        tokio::time::sleep(Duration::from_millis(held_up_ms(dice))).await;
        return site.way().heal();
    };
    let links = site.links();
    let roll = dice.roll(u64::try_from(links.len()).unwrap());
    let (one, other) = links[usize::try_from(roll).unwrap()];
    let lost = match dice.roll(4) {
        0 => vec![(one, other)],
        1 => vec![(other, one)],
        _ => vec![(one, other), (other, one)],
    };
    for (from, to) in &lost {
        spaces.drop_packets(*from, *to);
    }
    tokio::time::sleep(Duration::from_millis(held_up_ms(dice))).await;
    for (from, to) in &lost {
        spaces.let_through(*from, *to);
    }
}

/// One line for people, and one of JSON for scripts if a file is named.
pub(crate) fn report(result: &Value) {
    println!("{}", checks::counted(result));
    if let Some(path) = told("REPORT") {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(file, "{result}").unwrap();
    }
}
