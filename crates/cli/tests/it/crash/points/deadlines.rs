//! A gateway whose submissions nobody fetches dies between two writes of its deadlines and mails. Deadlines are seconds here.
//!
//! Each submission is reminded of, rejected, deleted, and gone with its case; what is only announced is deleted. Watched all the
//! while: each step stands in the log once. A mail server recognises no repeats: a mail comes at most once more per death, always under the same
//! `Message-ID`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_client::{Fault, Sender};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_names::fail_points::FailPoint;
use serde_json::json;

use super::parties::mailbox::{Mailbox, Server};
use super::{Scene, armed, die, points, report};
use crate::crash::senders::{Book, Patience};
use crate::crash::{Length, MARK};
use crate::killed::{Dice, assert_nothing_left_behind, seed};
use crate::serve::{House, free_port};
use crate::stand::{Facts, LOOK, Program, SOON, run};
use crate::wire::{Application, SealedApplication, announcement, encryption_key, finish, session};

/// So many points in a short run.
const SHORT: usize = 3;
/// A claimed mail is due again after five minutes, and looked for every ten seconds.
const MAILED_MAX: Duration = Duration::from_mins(7);
/// Everything has come to its end by then.
const ENDED_MAX: Duration = Duration::from_mins(2);
const DEADLINES: &str = "[gateway.deadlines]\nunsubmitted = \"2s\"\nremind_first = \"1s\"\nremind_again = \"3s\"\nunanswered = \"5s\"\n\
                         finished = \"2s\"\nevent_log = \"20s\"\npause = \"300ms\"\n\n";
const STEPS: [&str; 4] = ["create", "submit", "reject", "delete"];
/// Of what was only announced.
const UNSENT: [&str; 2] = ["create", "delete"];

struct Office {
    house: House,
    port: u16,
    destination: String,
    mailbox: Mailbox,
    _mail: Server,
    book: Book,
    over: AtomicBool,
    watched: Mutex<HashMap<SubmissionRef, Watched>>,
}

/// What its sender knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// It holds a 2xx.
    Accepted,
    /// It was closed at a repeat: either an answer was lost, or nobody was there until its deadline.
    Perhaps,
    /// It never tried.
    Never,
}

impl Watched {
    fn is_submitted(&self) -> bool {
        self.steps.contains(&"submit")
    }

    /// The ways it may go.
    const fn ways(&self) -> &'static [&'static [&'static str]] {
        match self.sent {
            Sent::Accepted => &[&STEPS],
            Sent::Perhaps => &[&STEPS, &UNSENT],
            Sent::Never => &[&UNSENT],
        }
    }

    fn is_on_its_way(&self) -> bool {
        self.ways().iter().any(|way| way.starts_with(&self.steps))
    }

    fn is_at_its_end(&self) -> bool {
        self.ways().iter().any(|way| *way == self.steps)
    }
}

/// What was seen of one submission.
#[derive(Debug, Clone)]
struct Watched {
    sent: Sent,
    /// The steps of its log as last seen.
    steps: Vec<&'static str>,
    /// Its log is gone.
    is_gone: bool,
}

impl Office {
    async fn new(mailbox: Mailbox) -> Self {
        let mail = mailbox.serve("good");
        let (house, port) = (House::new(), free_port());
        house.write_settings(port, "");
        let gateway = Program::start(house.command("gateway")).ready();
        let destination = house.create_destination(port).await;
        assert!(gateway.stop(SOON).success());
        let more = format!(
            "[gateway.limits]\nrequests_per_minute = 0\ntokens_per_minute = 0\n\n{DEADLINES}\
             [gateway.mail]\nserver = \"127.0.0.1\"\nport = {}\nsecurity = \"danger-none\"\nfrom = \"amtsbote@stadt.example\"\n",
            mail.port
        );
        house.write_settings(port, &more);
        Self {
            house,
            port,
            destination,
            mailbox,
            _mail: mail,
            book: Book::default(),
            over: AtomicBool::new(false),
            watched: Mutex::default(),
        }
    }

    fn command(&self) -> Command {
        let mut command = self.house.command("gateway");
        command.args(["--log", "amtsbote=debug"]);
        command
    }

    fn sender(&self) -> (Sender, Facts) {
        let base = format!("http://127.0.0.1:{}", self.port);
        let at = |name: &str| self.house.dir().join(name);
        let secret = std::fs::read_to_string(at("clients/portal.secret")).unwrap();
        let facts = Facts(json!({
            "tokenUrl": format!("{base}/token"),
            "submissionApiUrl": format!("{base}/submission-api"),
            "destinationId": self.destination,
            "sender": { "clientId": "portal", "clientSecret": secret.trim() },
            "keys": { "encryptionPublic": at("keys/destination/encryption-public.jwk") },
        }));
        (
            Sender::new(session(&facts, "sender", ApiVersion::V2)),
            facts,
        )
    }

    /// How often each mail came, by `Message-ID`, with the ids of submissions it names.
    fn mails(&self) -> BTreeMap<String, (u32, String)> {
        let mut mails = BTreeMap::new();
        for path in self.mailbox.mails() {
            if path.extension().is_none_or(|ending| ending != "eml") {
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let mut lines = text.lines();
            let id = lines.find(|line| line.to_ascii_lowercase().starts_with("message-id:"));
            let id = id.unwrap().to_owned();
            let mail = mails.entry(id).or_insert((0, plain(&text)));
            mail.0 += 1;
        }
        mails
    }
}

/// Without soft line breaks of quoted-printable.
fn plain(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=\n", "")
}

/// Announces and submits; every fifth stays announced.
async fn sending(office: Arc<Office>) -> usize {
    let (sender, facts) = office.sender();
    let key = encryption_key(&facts);
    let mut left = 0;
    for number in 0.. {
        if office.book.is_closed() {
            break;
        }
        let marker = office.book.marker();
        let application = Application::new(&marker, vec![format!("%PDF {marker}").into_bytes()]);
        let sealed = SealedApplication::of(&application, &key);
        let announcement = announcement(&facts, sealed.ids.clone());
        let mut patience = Patience::new();
        let ids = loop {
            if let Some(ids) = patience.taken(sender.announce(&announcement).await).await {
                break ids;
            }
        };
        let sent = if number % 5 == 4 {
            left += 1;
            Sent::Never
        } else {
            until_submitted(&sender, ids, &sealed).await
        };
        let (steps, is_gone) = (Vec::new(), false);
        let watched = Watched {
            sent,
            steps,
            is_gone,
        };
        office.watched.lock().unwrap().insert(ids, watched);
        tokio::time::sleep(LOOK * 100).await;
    }
    left
}

/// Repeats what was not answered. A gateway that is away for longer than the deadline deletes it.
async fn until_submitted(sender: &Sender, ids: SubmissionRef, sealed: &SealedApplication) -> Sent {
    let mut patience = Patience::new();
    loop {
        let closed = match finish(sender, ids, sealed).await {
            Err(Fault::NotFound | Fault::Refused { .. }) => return Sent::Perhaps,
            other => other,
        };
        if patience.taken(closed).await.is_some() {
            return Sent::Accepted;
        }
    }
}

/// Reads all logs again and again: they verify, and only ever grow.
async fn watching(office: Arc<Office>) {
    let (sender, _) = office.sender();
    while !office.over.load(Ordering::SeqCst) {
        let all = office.watched.lock().unwrap().clone();
        for (ids, before) in all.into_iter().filter(|(_, watched)| !watched.is_gone) {
            let now = match sender.session().verified_log(ids).await {
                Ok(log) => {
                    let log = log.unwrap_or_else(|findings| panic!("{findings:?}"));
                    let steps = log.events().iter().map(|event| event.event.name());
                    let steps: Vec<_> = steps.filter(|step| *step != "notify").collect();
                    assert!(steps.starts_with(&before.steps), "{ids:?}: {steps:?}");
                    let now = Watched { steps, ..before };
                    assert!(now.is_on_its_way(), "{ids:?}: {now:?}");
                    now
                }
                Err(Fault::NotFound) => Watched {
                    is_gone: true,
                    ..before
                },
                Err(Fault::Unavailable { .. }) => continue,
                Err(fault) => panic!("{fault:?}"),
            };
            office.watched.lock().unwrap().insert(ids, now);
        }
        tokio::time::sleep(LOOK * 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deadlines_and_mails_die_between_two_writes() {
    let Some(mailbox) = Mailbox::new() else {
        return;
    };
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let office = Arc::new(Office::new(mailbox).await);
    let sender = tokio::spawn(sending(office.clone()));
    let watcher = tokio::spawn(watching(office.clone()));
    let mut points = points(&[Scene::Deadlines], SHORT, &mut dice);
    if Length::told() == Length::Short {
        points.retain(|point| !holds_a_mail(*point));
    }
    let mut logs = String::new();
    for point in &points {
        let armed = armed(*point, &mut dice);
        let command = office.command();
        logs += &tokio::task::block_in_place(|| die(command, &armed));
        assert!(!sender.is_finished() && !watcher.is_finished(), "{armed}");
    }
    let gateway = Program::start(office.command()).ready();
    office.book.close();
    let left = sender.await.unwrap();
    until_gone(&office, &gateway).await;
    let mails = check_mails(&office, &points).await;
    office.over.store(true, Ordering::SeqCst);
    watcher.await.unwrap();
    logs += &gateway.talk();
    assert!(gateway.stop(SOON).success());
    let settings = office.house.settings();
    run(&["verify", "--settings", settings.to_str().unwrap()]).ok();
    assert_nothing_left_behind(office.house.dir());
    assert!(!logs.contains(MARK), "content in the log");
    assert!(!logs.contains("panicked"), "a panic: {logs}");
    let ended = office.watched.lock().unwrap().len();
    report(&json!({
        "scene": "deadlines", "seed": seed, "points": points.len(), "ended": ended, "announced_only": left, "mails": mails.0,
        "mails_again": mails.1, "lost": 0, "doubled": 0, "length": format!("{:?}", Length::told()).to_lowercase(),
    }));
}

/// Each was seen at its end, and its case is gone.
async fn until_gone(office: &Office, gateway: &Program) {
    let end = Instant::now() + ENDED_MAX;
    loop {
        let all = office.watched.lock().unwrap().clone();
        let open: Vec<_> = all.iter().filter(|(_, watched)| !watched.is_gone).collect();
        if open.is_empty() {
            assert!(all.values().any(Watched::is_submitted));
            for (ids, watched) in &all {
                assert!(watched.is_at_its_end(), "{ids:?}: {watched:?}");
            }
            return;
        }
        assert!(
            Instant::now() < end,
            "not gone: {open:?}\n{}",
            gateway.talk()
        );
        tokio::time::sleep(LOOK * 10).await;
    }
}

/// Whoever dies there holds a mail for five minutes, which a short run does not wait for; without, all are sent at a look.
const fn holds_a_mail(point: FailPoint) -> bool {
    matches!(point, FailPoint::ReminderClaimed | FailPoint::ReminderSent)
}

/// Each submission is named by one mail or two; no mail came more often than deaths allow. How many, and how many again.
async fn check_mails(office: &Office, points: &[FailPoint]) -> (usize, u32) {
    let held = points.iter().any(|point| holds_a_mail(*point));
    let limit = if held { MAILED_MAX } else { ENDED_MAX };
    // Who died between the server's word and our note of it sends that mail again.
    let again_min = u32::from(points.contains(&FailPoint::ReminderSent));
    let end = Instant::now() + limit;
    let all = office.watched.lock().unwrap().clone();
    let submitted = all.iter().filter(|(_, watched)| watched.is_submitted());
    let ids: Vec<String> = submitted
        .map(|(ids, _)| ids.submission_id.to_string())
        .collect();
    loop {
        let mails = office.mails();
        let naming = |id: &String| {
            mails
                .values()
                .filter(|(_, text)| text.contains(id.as_str()))
                .count()
        };
        let counts: BTreeSet<usize> = ids.iter().map(naming).collect();
        assert!(
            counts.iter().all(|count| *count <= 2),
            "reminded of more than twice"
        );
        let again = mails.values().map(|(times, _)| times - 1).sum::<u32>();
        if !counts.contains(&0) && again >= again_min {
            let deaths = u32::try_from(points.len()).unwrap();
            for (id, (times, _)) in &mails {
                assert!(*times <= 1 + deaths, "{id} came {times} times");
            }
            return (mails.len(), again);
        }
        assert!(Instant::now() < end, "LOST: a reminder");
        tokio::time::sleep(LOOK * 50).await;
    }
}
