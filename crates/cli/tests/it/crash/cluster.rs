//! Three gateways and three agents over one PostgreSQL and one bucket, behind a balancer. Any of them is killed, paused, stopped or
//! cut off, several at once; the database is stopped, the bucket goes away. What is checked is the same as for two processes.
//!
//! Where namespaces can be made ([`super::spaces`]) packets are dropped between any two of them, one way or both; elsewhere connections are held up
//! between balancer and gateways, and on the ways to the database and the bucket.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amtsbote_testkit::postgres::{Server, Stop};
use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::partition::Way;
use super::peer::Peers;
use super::senders::{self, Book};
use super::site::{Running, Site, until};
use super::spaces::{self, Line, Spaces};
use super::{
    DELIVERED_MAX, Length, MARK, READY_MAX, TERMINATED, assert_alive, checks, kills, report,
};
use crate::killed::{Dice, seed};
use crate::s3;
use crate::serve::free_port;
use crate::stand::{LOOK, Program};

/// Of gateways, and of agents.
pub(crate) const EACH: usize = 3;
pub(crate) const PARTS: [&str; 2 * EACH] = [
    "gateway-0",
    "gateway-1",
    "gateway-2",
    "agent-0",
    "agent-1",
    "agent-2",
];

/// What the processes of a cluster share, and the ways to it.
pub(crate) struct Cluster {
    spaces: Option<Spaces>,
    bad_line: Option<Line>,
    /// Of each process, where there are no namespaces.
    to_database: Vec<Way>,
    bucket: Way,
    blobs: String,
    listen: Vec<SocketAddr>,
}

impl Cluster {
    pub(super) async fn new(site: &Site, bucket: &s3::Server) -> Self {
        let spaces = Spaces::around();
        let server = site.server().unwrap();
        let way = Way::new().await;
        let blobs = bucket.settings("crash", site.house());
        let (_, rest) = blobs.split_once("http://127.0.0.1:").unwrap();
        let port: u16 = rest.split_once('"').unwrap().0.parse().unwrap();
        way.lead_to(port);
        let mut to_database = Vec::new();
        if spaces.is_some() {
            server.open_to("127.0.0.0/8");
        } else {
            for _ in PARTS {
                let way = Way::new().await;
                way.lead_to(server.port());
                to_database.push(way);
            }
        }
        let host = |there: Ipv4Addr| spaces.as_ref().map_or(Ipv4Addr::LOCALHOST, |_| there);
        let endpoint = format!("{}:{}", host(spaces::BUCKET), way.port());
        let blobs = blobs.replacen(&format!("127.0.0.1:{port}"), &endpoint, 1);
        let listen = |at| SocketAddr::from((host(Spaces::address(at)), free_port()));
        let listen: Vec<SocketAddr> = (0..EACH).map(listen).collect();
        for (at, address) in listen.iter().enumerate() {
            site.way().lead(at, *address);
        }
        Self {
            bad_line: spaces.as_ref().and_then(Spaces::bad_line),
            spaces,
            to_database,
            bucket: way,
            blobs,
            listen,
        }
    }

    /// Its host.
    pub(super) fn balancer(&self) -> Ipv4Addr {
        let there = |_| spaces::BALANCER;
        self.spaces.as_ref().map_or(Ipv4Addr::LOCALHOST, there)
    }

    /// A command of the program, where that process is.
    pub(super) fn placed(&self, part: &str, command: Command) -> Command {
        let at = PARTS.iter().position(|known| *known == part).unwrap();
        match &self.spaces {
            Some(spaces) => spaces.at(at, &command),
            None => command,
        }
    }

    /// The database's address in the settings of a process.
    fn database(&self, at: usize, server: &Server) -> String {
        let url = server.url("test_0");
        let url = url.replace(&format!(":{}@", server.password()), "@");
        let (head, _) = url.split_once('@').unwrap();
        let place = match self.to_database.get(at) {
            Some(way) => format!("127.0.0.1:{}", way.port()),
            None => format!("{}:{}", spaces::DATABASE, server.port()),
        };
        format!("{head}@{place}/test_0")
    }

    /// Where a gateway listens.
    pub(super) fn listens_at(&self, at: usize) -> SocketAddr {
        self.listen[at]
    }

    pub(super) fn cut(&self, site: &Site, cut: Cut) {
        match (&self.spaces, cut.to) {
            (Some(spaces), _) => {
                for (from, to) in cut.packets() {
                    spaces.drop_packets(from, to);
                }
            }
            (None, End::Database) => self.to_database[cut.who].cut(),
            (None, End::Bucket) => self.bucket.cut(),
            (None, _) => site.way().cut_one(cut.who % EACH),
        }
    }

    /// Whether it can be.
    fn worsen(&self, who: usize) -> bool {
        let Some((spaces, line)) = self.spaces.as_ref().zip(self.bad_line) else {
            return false;
        };
        spaces.worsen(who, line).unwrap();
        true
    }

    fn mend(&self, who: usize) {
        if let Some(spaces) = &self.spaces {
            spaces.mend(who);
        }
    }

    pub(super) fn heal(&self, site: &Site, cut: Cut) {
        match (&self.spaces, cut.to) {
            (Some(spaces), _) => {
                for (from, to) in cut.packets() {
                    spaces.let_through(from, to);
                }
            }
            (None, End::Database) => self.to_database[cut.who].heal(),
            (None, End::Bucket) => self.bucket.heal(),
            (None, _) => site.way().heal_one(cut.who % EACH),
        }
    }
}

/// One process, and the ones it does not reach any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) who: usize,
    pub(super) to: End,
    pub(super) loss: Loss,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Senders and agents for a gateway; all gateways for an agent.
    Balancer,
    Database,
    Bucket,
    Procedure,
    Everybody,
}

/// Which packets do not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Both,
    /// What the process sends.
    Going,
    /// What is sent to it.
    Coming,
}

impl Cut {
    fn draw(dice: &mut Dice) -> Self {
        let who = usize::try_from(dice.roll(PARTS.len() as u64)).unwrap();
        let ends = [End::Balancer, End::Database, End::Everybody];
        let third = if who < EACH {
            End::Bucket
        } else {
            End::Procedure
        };
        let to = match dice.roll(4) {
            3 => third,
            at => ends[usize::try_from(at).unwrap()],
        };
        let loss = [Loss::Both, Loss::Both, Loss::Going, Loss::Coming];
        let loss = loss[usize::try_from(dice.roll(4)).unwrap()];
        Self { who, to, loss }
    }

    /// From and to.
    fn packets(self) -> Vec<(Ipv4Addr, Ipv4Addr)> {
        let all = [
            spaces::BALANCER,
            spaces::DATABASE,
            spaces::BUCKET,
            spaces::PROCEDURE,
        ];
        let ends = match self.to {
            End::Balancer => &all[..1],
            End::Database => &all[1..2],
            End::Bucket => &all[2..3],
            End::Procedure => &all[3..],
            End::Everybody => &all[..],
        };
        let here = Spaces::address(self.who);
        let mut packets = Vec::new();
        for end in ends {
            if self.loss != Loss::Coming {
                packets.push((here, *end));
            }
            if self.loss != Loss::Going {
                packets.push((*end, here));
            }
        }
        packets
    }
}

impl Site {
    pub(super) async fn set_up_many(&mut self, peers: &Peers) {
        std::fs::write(self.house().join("ca.pem"), &peers.ca_pem).unwrap();
        let url = self.server().unwrap().database();
        assert!(url.ends_with("/test_0"), "{url}");
        for at in 0..EACH {
            self.write_part(at, &self.settings_of_gateway(at));
        }
        let gateway = self.start(PARTS[0]).ready();
        let is_well = || self.way().is_well(0);
        until("the balancer knows it", READY_MAX, is_well).await;
        let port = self.way().port();
        for (at, region) in super::site::REGIONS.into_iter().enumerate() {
            self.ids[at] = self.house.create_destination_in(port, region).await;
        }
        assert!(gateway.stop(Duration::from_secs(10)).success());
        std::fs::create_dir_all(self.dir().join("out")).unwrap();
        for at in EACH..2 * EACH {
            let database = format!(
                "database = {{ kind = \"postgres\", url = \"{}\", password_file = \"database.password\" }}\n",
                self.cluster().unwrap().database(at, self.server().unwrap())
            );
            let data = self.dir().join("agent").join(at.to_string());
            self.write_part(at, &self.agent_settings_in(peers, &data, &database));
        }
    }

    fn write_part(&self, at: usize, text: &str) {
        let path = self.house().join(format!("{}.toml", PARTS[at]));
        std::fs::write(path, text).unwrap();
    }

    fn settings_of_gateway(&self, at: usize) -> String {
        let cluster = self.cluster().unwrap();
        let data = self.dir().join("gateway").join(at.to_string());
        let url = cluster.database(at, self.server().unwrap());
        let settings = self.gateway_settings(&data, &cluster.listens_at(at).to_string());
        format!(
            "{settings}[gateway.database]\nkind = \"postgres\"\nurl = \"{url}\"\npassword_file = \"database.password\"\n\n{}",
            cluster.blobs
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_and_three_agents_are_killed_and_cut_off() {
    const NAME: &str = "crash::cluster::three_gateways_and_three_agents_are_killed_and_cut_off";
    if tokio::task::block_in_place(|| spaces::in_hall(NAME, PARTS.len())) {
        return;
    }
    let Some(bucket) = s3::Server::running() else {
        return;
    };
    if let Some(server) = Server::start() {
        storm(server, bucket, kills(6)).await;
    }
}

async fn storm(server: Server, bucket: &s3::Server, kills: u32) {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let dice = Dice(seed);
    let peers = Peers::placed().await;
    let site = Site::of_many(&peers, server, bucket).await;
    let began = Instant::now();
    let book = Arc::new(Book::default());
    let mut running = site.run();
    let senders = senders::start(&site, &peers.callback_url, &book);
    let mut storm = Storm {
        blows: Blows::default(),
        silence: Silence::begin(),
        dice,
    };
    storm
        .until_killed(&site, &mut running, (&book, &senders), kills)
        .await;
    let Storm {
        mut blows, silence, ..
    } = storm;
    blows.release(&site, &running, None);
    println!(
        "{:?}: the storm is over, {} accepted, {blows:?}",
        began.elapsed(),
        book.count()
    );
    let ready_max = all_ready(&site, &mut running).await;
    book.close();
    println!("{:?}: all are ready", began.elapsed());
    senders::ended(senders).await;
    println!("{:?}: {} accepted", began.elapsed(), book.count());
    let accepted = std::mem::take(&mut *book.accepted.lock().unwrap());
    checks::check_all(
        &site,
        &accepted,
        (&peers.seen, &running.said()),
        DELIVERED_MAX,
    )
    .await;
    let delivered = began.elapsed();
    println!("{delivered:?}: delivered");
    checks::check_callbacks(&accepted, &peers.seen, Length::told()).await;
    let logs = running.stop();
    site.verify();
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap();
    report(&json!({
        "shape": "cluster", "network": if Spaces::around().is_some() { "namespaces" } else { "held up" }, "seed": seed,
        "kills": blows.kills, "pauses": blows.pauses, "partitions": blows.partitions, "longest_held_ms": blows.held_max_ms,
        "bad_lines": blows.bad_lines, "database_stops": blows.database_stops, "bucket_away": blows.bucket_away, "stops": blows.stops,
        "sent": book.sent(), "accepted": accepted.len(), "lost": 0, "doubled": 0,
        "longest_without_answer_ms": millis(silence.longest), "held_up_meanwhile": silence.during_longest, "all_ready_ms": millis(ready_max), "seconds": delivered.as_secs(),
    }));
    assert!(ready_max <= 2 * READY_MAX, "ready after {ready_max:?}");
}

/// What happens to a cluster.
struct Storm {
    blows: Blows,
    silence: Silence,
    dice: Dice,
}

impl Storm {
    async fn until_killed(
        &mut self,
        site: &Site,
        running: &mut Running<'_>,
        (book, senders): (&Book, &[tokio::task::JoinHandle<()>]),
        kills: u32,
    ) {
        let (began, mut said) = (Instant::now(), 0);
        let Self {
            blows,
            silence,
            dice,
        } = self;
        while blows.kills < kills {
            assert_alive(senders, running);
            if let Some(said) = running.ended() {
                panic!("it ended by itself: {said}");
            }
            let wanted = book.count() + usize::try_from(dice.roll(9)).unwrap();
            let end = Instant::now() + Duration::from_millis(200 + dice.roll(2500));
            while book.count() < wanted && Instant::now() < end {
                tokio::time::sleep(LOOK).await;
                silence.look(book, blows);
                blows.release(site, running, Some(Instant::now()));
            }
            blows.strike(site, running, dice);
            if blows.kills / 25 > said {
                said = blows.kills / 25;
                let accepted = book.count();
                println!("{:?}: {accepted} accepted, {blows:?}", began.elapsed());
            }
        }
    }
}

/// How long nothing was accepted, and what was held up in the longest time of that kind.
struct Silence {
    count: usize,
    since: Instant,
    during: BTreeSet<String>,
    longest: Duration,
    during_longest: BTreeSet<String>,
}

impl Silence {
    fn begin() -> Self {
        Self {
            count: 0,
            since: Instant::now(),
            during: BTreeSet::new(),
            longest: Duration::ZERO,
            during_longest: BTreeSet::new(),
        }
    }

    fn look(&mut self, book: &Book, blows: &Blows) {
        if self.since.elapsed() > self.longest {
            self.longest = self.since.elapsed();
            self.during_longest.clone_from(&self.during);
        }
        if book.count() > self.count {
            (self.count, self.since) = (book.count(), Instant::now());
            self.during.clear();
        }
        self.during
            .extend(blows.held.iter().map(|(_, held)| held.to_string()));
    }
}

/// Waits until each gateway says that it is ready; how long the last one took.
pub(super) async fn all_ready(site: &Site, running: &mut Running<'_>) -> Duration {
    let (http, began) = (reqwest::Client::new(), Instant::now());
    for (at, part) in PARTS.iter().enumerate().take(EACH) {
        let address = site.cluster().unwrap().listens_at(at);
        loop {
            if let Some(said) = running.ended() {
                panic!("it ended by itself: {said}");
            }
            let call = http.get(format!("http://{address}/health"));
            let answer = call.timeout(Duration::from_secs(2)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                break;
            }
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{part} is not ready: {}",
                running.process(at).talk()
            );
            tokio::time::sleep(LOOK).await;
        }
    }
    began.elapsed()
}

/// What was done, and what is being held.
#[derive(Default)]
struct Blows {
    kills: u32,
    pauses: u32,
    partitions: u32,
    bad_lines: u32,
    database_stops: u32,
    bucket_away: u32,
    stops: u32,
    held_max_ms: u64,
    held: Vec<(Instant, Held)>,
}

impl std::fmt::Debug for Blows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} kills, {} pauses, {} partitions, {} bad lines, {} stops, database {}, bucket {}",
            self.kills,
            self.pauses,
            self.partitions,
            self.bad_lines,
            self.stops,
            self.database_stops,
            self.bucket_away
        )
    }
}

#[derive(Debug, Clone, Copy)]
enum Held {
    Paused(usize),
    Cut(Cut),
    BadLine(usize),
    Bucket,
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Paused(who) => write!(f, "{} paused", PARTS[*who]),
            Self::Cut(Cut { who, to, loss }) => {
                write!(f, "{} cut from {to:?} ({loss:?})", PARTS[*who])
            }
            Self::BadLine(who) => write!(f, "{} on a bad line", PARTS[*who]),
            Self::Bucket => write!(f, "bucket away"),
        }
    }
}

impl Blows {
    /// Lets go what was held for long enough by then; everything without a moment.
    fn release(&mut self, site: &Site, running: &Running<'_>, now: Option<Instant>) {
        let is_over = |(end, _): &(Instant, Held)| now.is_none_or(|now| *end <= now);
        let (over, held) = self.held.drain(..).partition(is_over);
        self.held = held;
        let over: Vec<(Instant, Held)> = over;
        for (_, held) in over {
            match held {
                Held::Paused(at) => {
                    kill_process(running.process(at).pid(), Signal::CONT).unwrap();
                }
                Held::Cut(cut) => site.cluster().unwrap().heal(site, cut),
                Held::BadLine(who) => site.cluster().unwrap().mend(who),
                Held::Bucket => site.cluster().unwrap().bucket.heal(),
            }
        }
    }

    /// In long runs one in four outlasts leases, claims and what TCP waits for.
    fn hold(&mut self, held: Held, dice: &mut Dice) {
        let ms = match Length::told() {
            Length::Long if dice.roll(4) == 0 => 8_000 + dice.roll(17_000),
            Length::Long | Length::Short => 100 + dice.roll(2_500),
        };
        self.held_max_ms = self.held_max_ms.max(ms);
        self.held
            .push((Instant::now() + Duration::from_millis(ms), held));
    }

    fn is_paused(&self, who: usize) -> bool {
        let is = |(_, held): &(Instant, Held)| matches!(held, Held::Paused(at) if *at == who);
        self.held.iter().any(is)
    }

    fn strike(&mut self, site: &Site, running: &mut Running<'_>, dice: &mut Dice) {
        let who = usize::try_from(dice.roll(PARTS.len() as u64)).unwrap();
        match dice.roll(22) {
            0..=8 => {
                let several = [1, 1, 1, 1, 1, 1, 2, 2, 3][usize::try_from(dice.roll(9)).unwrap()];
                for at in who..who + several {
                    let at = at % PARTS.len();
                    self.kills += 1;
                    self.held
                        .retain(|(_, held)| !matches!(held, Held::Paused(who) if *who == at));
                    running.swap(at, Program::kill);
                }
            }
            9..=11 if !self.is_paused(who) => {
                self.pauses += 1;
                kill_process(running.process(who).pid(), Signal::STOP).unwrap();
                self.hold(Held::Paused(who), dice);
            }
            12..=15 => self.cut_off(site, dice),
            20..=21 => self.worsen(site, who, dice),
            16 => {
                let is_away = |(_, held): &(Instant, Held)| {
                    matches!(
                        held,
                        Held::Bucket
                            | Held::Cut(Cut {
                                to: End::Bucket,
                                ..
                            })
                    )
                };
                if !self.held.iter().any(is_away) {
                    self.bucket_away += 1;
                    site.cluster().unwrap().bucket.cut();
                    self.hold(Held::Bucket, dice);
                }
            }
            17..=18 => {
                self.database_stops += 1;
                // Blocks: whoever calls the database meanwhile finds nobody there.
                tokio::task::block_in_place(|| {
                    let server = site.server().unwrap();
                    server.stop([Stop::Immediate, Stop::Fast][usize::from(dice.roll(4) == 0)]);
                    std::thread::sleep(Duration::from_millis(dice.roll(2000)));
                    server.start_again();
                });
            }
            _ if !self.is_paused(who) => {
                self.stops += 1;
                tokio::task::block_in_place(|| {
                    running.swap(who, |program| {
                        let status = program.stop(Duration::from_secs(40));
                        // Asked so early that nobody listened yet.
                        let at_once = status.signal() == Some(TERMINATED);
                        assert!(status.success() || at_once, "stopped: {status}");
                    });
                });
            }
            _ => {}
        }
    }

    fn worsen(&mut self, site: &Site, who: usize, dice: &mut Dice) {
        let is_bad = |(_, held): &(Instant, Held)| matches!(held, Held::BadLine(at) if *at == who);
        if !self.held.iter().any(is_bad) && site.cluster().unwrap().worsen(who) {
            self.bad_lines += 1;
            self.hold(Held::BadLine(who), dice);
        }
    }

    /// One cut a process: they would be in each other's way.
    fn cut_off(&mut self, site: &Site, dice: &mut Dice) {
        let cut = Cut::draw(dice);
        let is_cut = |(_, held): &(Instant, Held)| match held {
            Held::Cut(other) => {
                other.who == cut.who || (other.to == End::Bucket && cut.to == End::Bucket)
            }
            Held::Bucket => cut.to == End::Bucket,
            Held::Paused(_) | Held::BadLine(_) => false,
        };
        if !self.held.iter().any(is_cut) {
            self.partitions += 1;
            site.cluster().unwrap().cut(site, cut);
            self.hold(Held::Cut(cut), dice);
        }
    }
}
