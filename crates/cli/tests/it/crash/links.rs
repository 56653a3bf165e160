//! One link of a cluster is cut, or one of its processes stopped, at a time; everything else goes on. Measured is how long nothing is accepted, how
//! long one sender waits for its 2xx, and how long it takes from there to the procedure.
//!
//! ```text
//!  senders ─► balancer ─► gateway ─► database, bucket        one of them is cut: both ways, or one
//!                 ▲                     ▲
//!               agent ──────────────────┴─► procedure
//! ```

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_testkit::postgres::{Server, Stop};
use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::cluster::{Cut, EACH, End, Loss, PARTS, all_ready};
use super::peer::{Peers, Seen};
use super::senders::{self, Accepted, Book, SENDERS};
use super::site::{Running, Site};
use super::spaces::{self, Spaces};
use super::{DELIVERED_MAX, Length, MARK, assert_alive, checks, report, told};
use crate::s3;
use crate::stand::{LOOK, Program};

/// What is promised for a take-over: ten seconds. Here half as much again, for a machine with other work.
const TAKEN_OVER_MAX: Duration = Duration::from_secs(15);
/// Beside other tests on the same cores. Before anybody stood in, it was as long as the cut and more.
const BESIDE_OTHERS_MAX: Duration = Duration::from_secs(24);
/// So long it lasts if nobody takes over; in long runs always.
const HELD: Duration = Duration::from_secs(25);
/// What was accepted in the first moments must be at its procedure before a short run goes on.
const FIRST: Duration = Duration::from_secs(2);
/// Of each sender, between two submissions.
const PAUSE: Duration = Duration::from_millis(250);
/// Until everything is as before.
const OVER_MAX: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Copy)]
enum Blow {
    Cut(Part, End, Loss),
    Kill(Part),
    Pause(Part),
    /// Stopped at once and started again.
    Database,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Gateway,
    /// The one that listens.
    Agent,
}

impl Blow {
    fn all() -> Vec<Self> {
        let links = [
            (Part::Gateway, End::Balancer),
            (Part::Gateway, End::Database),
            (Part::Gateway, End::Bucket),
            (Part::Agent, End::Database),
            (Part::Agent, End::Balancer),
            (Part::Agent, End::Procedure),
        ];
        let cuts = links.into_iter().flat_map(|(part, end)| {
            [Loss::Both, Loss::Going, Loss::Coming].map(|loss| Self::Cut(part, end, loss))
        });
        let parts = [Part::Gateway, Part::Agent];
        cuts.chain(parts.map(Self::Kill))
            .chain(parts.map(Self::Pause))
            .chain([Self::Database])
            .collect()
    }

    /// The ones that had each gone wrong.
    fn few() -> Vec<Self> {
        vec![
            Self::Cut(Part::Agent, End::Balancer, Loss::Both),
            Self::Cut(Part::Gateway, End::Bucket, Loss::Both),
        ]
    }

    /// Which need no namespaces.
    fn is_of_processes(self) -> bool {
        !matches!(self, Self::Cut(..))
    }

    fn name(self) -> String {
        match self {
            Self::Cut(part, end, loss) => {
                let part = format!("{part:?}").to_lowercase();
                let end = format!("{end:?}").to_lowercase();
                match loss {
                    Loss::Both => format!("{part} ✕ {end}"),
                    Loss::Going => format!("{part} ✕→ {end}"),
                    Loss::Coming => format!("{part} ←✕ {end}"),
                }
            }
            Self::Kill(part) => format!("{part:?} SIGKILL").to_lowercase(),
            Self::Pause(part) => format!("{part:?} SIGSTOP").to_lowercase(),
            Self::Database => "database immediate".to_owned(),
        }
    }
}

/// When each parcel was first seen at its procedure.
#[derive(Default)]
struct Arrivals(Mutex<Known>);

#[derive(Default)]
struct Known {
    names: HashSet<String>,
    /// Of nobody who has asked yet.
    rest: Vec<(String, Instant)>,
    by_submission: HashMap<String, Instant>,
}

impl Arrivals {
    async fn watch(self: Arc<Self>, out: PathBuf, seen: Arc<Seen>) {
        loop {
            let folder = std::fs::read_dir(&out).into_iter().flatten();
            let names = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
            names.extend(seen.effects.lock().unwrap().keys().cloned());
            self.note(names);
            tokio::time::sleep(LOOK * 5).await;
        }
    }

    fn note(&self, names: Vec<String>) {
        let known = &mut *self.0.lock().unwrap();
        for name in names {
            if known.names.insert(name.clone()) {
                known.rest.push((name, Instant::now()));
            }
        }
    }

    fn of(&self, one: &Accepted) -> Option<Instant> {
        let id = one.ids.submission_id.to_string();
        let known = &mut *self.0.lock().unwrap();
        if let Some(at) = known.by_submission.get(&id) {
            return Some(*at);
        }
        let found = known.rest.iter().position(|(name, _)| name.contains(&id))?;
        let (_, at) = known.rest.swap_remove(found);
        known.by_submission.insert(id, at);
        Some(at)
    }
}

/// The longest of each, of what was accepted from the blow on.
#[derive(Debug)]
struct Measured {
    accepted: usize,
    /// Between two 2xx.
    silence: Duration,
    /// One sender, from its first try to its 2xx.
    wait: Duration,
    /// From the 2xx to the procedure.
    hand_over: Duration,
}

struct Bench<'a> {
    site: &'a Site,
    book: Arc<Book>,
    arrivals: Arc<Arrivals>,
    /// So many, counted from the first, are at their procedure.
    settled: AtomicUsize,
}

/// One that was accepted.
struct One {
    sender: usize,
    begun: Instant,
    taken: Instant,
    arrived: Option<Instant>,
}

impl Bench<'_> {
    /// What was accepted from then on; nothing that was settled.
    fn since(&self, began: Instant) -> Vec<One> {
        let accepted = self.book.accepted.lock().unwrap();
        let open = accepted.iter().skip(self.settled.load(Ordering::SeqCst));
        let later = open.filter(|one| one.taken >= began);
        let one = |one: &Accepted| One {
            sender: one.sender,
            begun: one.begun,
            taken: one.taken,
            arrived: self.arrivals.of(one),
        };
        later.map(one).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        super::site::until(what, OVER_MAX, holds).await;
    }

    async fn strike(&self, running: &mut Running<'_>, blow: Blow) -> Measured {
        let settled = self.settled(Instant::now()).await;
        self.settled.store(settled, Ordering::SeqCst);
        let who = |part| match part {
            Part::Gateway => 0,
            Part::Agent => EACH + Self::listener(running),
        };
        let began = Instant::now();
        let cluster = self.site.cluster().unwrap();
        let server = self.site.server().unwrap();
        let (undo, at) = match blow {
            Blow::Cut(part, to, loss) => (
                Some(Cut {
                    who: who(part),
                    to,
                    loss,
                }),
                0,
            ),
            Blow::Kill(part) | Blow::Pause(part) => (None, who(part)),
            Blow::Database => (None, 0),
        };
        match blow {
            Blow::Cut(..) => cluster.cut(self.site, undo.unwrap()),
            Blow::Kill(_) => kill_process(running.process(at).pid(), Signal::KILL).unwrap(),
            Blow::Pause(_) => kill_process(running.process(at).pid(), Signal::STOP).unwrap(),
            Blow::Database => tokio::task::block_in_place(|| {
                server.stop(Stop::Immediate);
                server.start_again();
                println!("the database was away for {:?}", began.elapsed());
            }),
        }
        self.hold(began).await;
        match blow {
            Blow::Cut(..) => cluster.heal(self.site, undo.unwrap()),
            Blow::Kill(_) => running.swap(at, Program::kill),
            Blow::Pause(_) => kill_process(running.process(at).pid(), Signal::CONT).unwrap(),
            Blow::Database => {}
        }
        let lifted = Instant::now();
        all_ready(self.site, running).await;
        let settled = self.settled(lifted).await;
        let measured = self.measured(began);
        self.settled.store(settled, Ordering::SeqCst);
        measured
    }

    /// Long runs hold on; short ones until it is taken over.
    async fn hold(&self, began: Instant) {
        let is_over = || {
            let since = self.since(began);
            let is_meant = |one: &One| one.taken < began + FIRST;
            began.elapsed() > FIRST
                && since.len() > SENDERS
                && since
                    .iter()
                    .all(|one| one.arrived.is_some() || !is_meant(one))
        };
        while began.elapsed() < HELD && (length() == Length::Long || !is_over()) {
            tokio::time::sleep(LOOK * 5).await;
        }
    }

    /// Each sender has had a 2xx for something begun after that, and everything accepted until then is at its procedure: how many.
    async fn settled(&self, after: Instant) -> usize {
        let everybody = || {
            let since = self.since(after);
            let is_answered = |who| {
                since
                    .iter()
                    .any(|one| one.sender == who && one.begun >= after)
            };
            (0..SENDERS).all(is_answered)
        };
        self.until("each sender is answered again", everybody).await;
        let count = self.book.count();
        let is_there = || {
            let accepted = self.book.accepted.lock().unwrap();
            let mut open = accepted
                .iter()
                .take(count)
                .skip(self.settled.load(Ordering::SeqCst));
            open.all(|one| self.arrivals.of(one).is_some())
        };
        self.until("everything is at its procedure", is_there).await;
        count
    }

    fn measured(&self, began: Instant) -> Measured {
        let since = self.since(began);
        let mut moments: Vec<Instant> = since.iter().map(|one| one.taken).collect();
        moments.push(began);
        moments.sort();
        let silence = moments.windows(2).map(|pair| pair[1] - pair[0]).max();
        let wait = since.iter().map(|one| one.taken - one.begun).max();
        let arrived = since.iter();
        let arrived =
            arrived.filter_map(|one| Some(one.arrived?.saturating_duration_since(one.taken)));
        Measured {
            accepted: since.len(),
            silence: silence.unwrap_or_default(),
            wait: wait.unwrap_or_default(),
            hand_over: arrived.max().unwrap_or_default(),
        }
    }

    /// Which agent has the turn: the last that said so.
    fn listener(running: &Running<'_>) -> usize {
        let said = |at: &usize| {
            let talk = running.process(EACH + at).talk();
            let mut lines = talk.lines().rev();
            // A line begins with its moment.
            lines
                .find(|line| line.contains("has the turn: listening"))
                .map(str::to_owned)
        };
        let last = (0..EACH).max_by_key(|at| said(at));
        let last = last.filter(|at| said(at).is_some());
        last.unwrap_or_else(|| panic!("nobody listens: {}", running.talk()))
    }
}

/// `AMTSBOTE_CRASH_LINKS`: all of them, or those whose name has it.
fn length() -> Length {
    told("LINKS").map_or(Length::Short, |_| Length::Long)
}

fn blows() -> Vec<Blow> {
    let mut blows = match told("LINKS") {
        None => Blow::few(),
        Some(all) if all == "all" => Blow::all(),
        Some(some) => Blow::all()
            .into_iter()
            .filter(|blow| blow.name().contains(&some))
            .collect(),
    };
    if Spaces::around().is_none() {
        blows.retain(|blow| blow.is_of_processes());
    }
    blows
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_from_one_side_is_stood_in_for() {
    const NAME: &str = "crash::links::who_is_cut_off_from_one_side_is_stood_in_for";
    if tokio::task::block_in_place(|| spaces::in_hall(NAME, PARTS.len())) {
        return;
    }
    let Some(bucket) = s3::Server::running() else {
        return;
    };
    let blows = blows();
    if blows.is_empty() {
        // Why was said above.
        return;
    }
    if let Some(server) = Server::start() {
        one_after_the_other(server, bucket, blows).await;
    }
}

async fn one_after_the_other(server: Server, bucket: &s3::Server, blows: Vec<Blow>) {
    let peers: Peers = Peers::placed().await;
    let site = Site::of_many(&peers, server, bucket).await;
    let arrivals = Arc::<Arrivals>::default();
    let watch = arrivals
        .clone()
        .watch(site.dir().join("out"), peers.seen.clone());
    let watch = tokio::spawn(watch);
    let book = Arc::new(Book::paced(PAUSE));
    let mut running = site.run();
    all_ready(&site, &mut running).await;
    let senders = senders::start(&site, &peers.callback_url, &book);
    let bench = Bench {
        site: &site,
        book: book.clone(),
        arrivals,
        settled: AtomicUsize::new(0),
    };
    let mut all = Vec::new();
    for blow in blows {
        assert_alive(&senders, &running);
        let measured = bench.strike(&mut running, blow).await;
        println!("{}: {measured:?}", blow.name());
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap();
        report(&json!({
            "shape": "cluster", "blow": blow.name(), "accepted": measured.accepted,
            "longest_without_2xx_ms": millis(measured.silence), "longest_wait_ms": millis(measured.wait),
            "longest_to_procedure_ms": millis(measured.hand_over),
        }));
        all.push((blow, measured));
    }
    book.close();
    senders::ended(senders).await;
    let accepted = std::mem::take(&mut *book.accepted.lock().unwrap());
    let said = running.said();
    checks::check_all(&site, &accepted, (&peers.seen, &said), DELIVERED_MAX).await;
    watch.abort();
    let logs = running.stop();
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    let longest_max = match told("LINKS") {
        Some(_) => TAKEN_OVER_MAX,
        None => BESIDE_OTHERS_MAX,
    };
    for (blow, measured) in all {
        assert!(measured.accepted > 0, "{}: nothing was sent", blow.name());
        let longest = measured.silence.max(measured.hand_over);
        assert!(longest <= longest_max, "{}: {measured:?}", blow.name());
    }
}

#[test]
fn each_link_is_cut_both_ways_and_one_way() {
    let names: Vec<String> = Blow::all().into_iter().map(Blow::name).collect();
    assert_eq!(names.len(), 6 * 3 + 2 + 2 + 1);
    assert!(names.contains(&"gateway ←✕ bucket".to_owned()), "{names:?}");
    assert_eq!(PARTS.len(), 2 * EACH);
}
