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
mod faults;
pub(crate) mod peer;
mod power;
mod senders;
mod site;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::killed::{Dice, seed};
use crate::stand::Program;
use peer::Peers;
use senders::Book;
use site::{Running, Shape, Site, until};

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
        let told = told("KILLS").or_else(|| told("CUTS"));
        told.map_or(Self::Short, |_| Self::Long)
    }
}

fn kills(default: u32) -> u32 {
    told("KILLS").map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_in_one_process_are_killed_paused_and_stopped() {
    run(Shape::Serve, kills(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_agent_apart_are_killed_paused_and_stopped() {
    run(Shape::Apart, kills(6)).await;
}

async fn run(shape: Shape, kills: u32) {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let peers = Peers::start().await;
    let site = Site::new(shape, &peers).await;
    let began = Instant::now();
    let book = Arc::new(Book::default());
    let mut running = site.run();
    let senders = senders::start(&site, &peers.callback_url, &book);
    let mut blows = Blows::default();
    while blows.kills < kills {
        assert_alive(&senders, &running);
        wait_for_some(&book, &mut dice, &senders).await;
        blows.strike(&mut running, &mut dice).await;
    }
    book.close();
    for sender in senders {
        sender.await.unwrap();
    }
    let accepted = std::mem::take(&mut *book.accepted.lock().unwrap());
    checks::check_all(&site, &accepted, &peers.seen, DELIVERED_MAX).await;
    checks::check_callbacks(&accepted, &peers.seen, Length::told()).await;
    site.verify();
    let ready_max = running.ready_max;
    let logs = running.stop();
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    report(&json!({
        "shape": format!("{:?}", site.shape()).to_lowercase(), "seed": seed, "kills": blows.kills,
        "pauses": blows.pauses, "stops": blows.stops, "sent": book.sent(), "accepted": accepted.len(),
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

/// What was done to the processes.
#[derive(Default)]
struct Blows {
    kills: u32,
    pauses: u32,
    stops: u32,
}

impl Blows {
    async fn strike(&mut self, running: &mut Running<'_>, dice: &mut Dice) {
        let count = u64::try_from(running.count()).unwrap();
        let at = usize::try_from(dice.roll(count)).unwrap();
        match dice.roll(10) {
            0..=6 => {
                self.kills += 1;
                running.again(at, Program::kill);
            }
            7..=8 => {
                self.pauses += 1;
                let pid = running.process(at).pid();
                rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
                tokio::time::sleep(Duration::from_millis(50 + dice.roll(1500))).await;
                rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
            }
            _ => {
                self.stops += 1;
                running.again(at, |program| {
                    assert!(program.stop(Duration::from_secs(30)).success());
                });
            }
        }
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
