//! Killed in the middle, again and again: nothing that was answered with 2xx is lost, nothing is done twice, and nothing
//! of the content stays behind outside the procedure's folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_client::{Fault, Sender, Session};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::PublicKey;
use amtsbote_model::submission::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::stand::{Facts, LOOK, Place, Program, files_below};
use crate::wire::{self, Application, SealedApplication, encryption_key, session};

const KILLS: usize = 8;
/// Everything is delivered by then.
const DELIVERED_MAX: Duration = Duration::from_mins(1);
/// Begins every marker; stands in data and attachments, and must be nowhere else.
const MARK: &str = "Geheimwort";

/// A 2xx that a sender holds.
struct Accepted {
    ids: SubmissionRef,
    marker: String,
    attachments: Vec<Vec<u8>>,
}

/// What all senders write down.
#[derive(Default)]
struct Book {
    accepted: Mutex<Vec<Accepted>>,
    /// Markers of everything ever sent, with or without an answer.
    sent: Mutex<Vec<String>>,
    repeats: AtomicUsize,
    enough: AtomicBool,
}

impl Book {
    fn next(&self, who: usize) -> Application {
        let mut sent = self.sent.lock().unwrap();
        // Letters only: the field is a family name.
        let number: String = sent
            .len()
            .to_string()
            .bytes()
            .map(|digit| char::from(digit - b'0' + b'a'))
            .collect();
        let marker = format!("{MARK}{}{number}", ["A", "B", "C", "D", "E", "F"][who]);
        sent.push(marker.clone());
        let attachment =
            |at: usize| format!("%PDF {marker} {at} {}", marker.repeat(200 * at)).into_bytes();
        Application::new(&marker, (0..=who % 3).map(attachment).collect())
    }

    fn write_down(&self, ids: SubmissionRef, application: Application) {
        let Application {
            marker,
            attachments,
            ..
        } = application;
        self.accepted.lock().unwrap().push(Accepted {
            ids,
            marker,
            attachments,
        });
    }

    fn count(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }

    fn has_enough(&self) -> bool {
        self.enough.load(Ordering::SeqCst)
    }
}

/// Small, good enough, and the same on every machine (Marsaglia's xorshift).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a run that failed can be repeated with its seed"
)]
pub(crate) fn seed() -> u64 {
    let given = std::env::var("AMTSBOTE_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    given
        .unwrap_or_else(|| u64::from_le_bytes(amtsbote_jose::random_bytes()))
        .max(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_doubled_or_left_behind_when_killed_again_and_again() {
    let seed = seed();
    println!("AMTSBOTE_SEED={seed}");
    let mut dice = Dice(seed);
    let place = Place::new();
    let mut logs = String::new();
    let mut sandbox = start(&place);
    let facts = place.facts();
    let book = Arc::new(Book::default());
    let senders = senders(&facts, &book);
    for _ in 0..KILLS {
        let (before, wanted) = (book.count(), usize::try_from(dice.roll(12)).unwrap());
        until("more was accepted", || book.count() >= before + wanted).await;
        tokio::time::sleep(Duration::from_millis(dice.roll(120))).await;
        logs.push_str(&sandbox.talk());
        sandbox.kill();
        sandbox = start(&place);
        assert_eq!(place.facts(), facts);
    }
    book.enough.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    let accepted = std::mem::take(&mut *book.accepted.lock().unwrap());
    let session = session(&facts, "sender", ApiVersion::V2);
    for one in &accepted {
        assert_accepted(&session, one).await;
    }
    let out = place.dir().join("out");
    assert_brought_once(&out, &accepted, &book.sent.lock().unwrap());
    assert_nothing_left_behind(&place.dir());
    logs.push_str(&sandbox.talk());
    assert!(sandbox.stop(Duration::from_secs(5)).success());
    let again = start(&place);
    assert_nothing_left_behind(&place.dir());
    logs.push_str(&again.talk());
    assert!(!logs.contains(MARK), "content in the log");
    println!(
        "{KILLS} kills, {} accepted, {} repeats, 0 lost, 0 doubled",
        accepted.len(),
        book.repeats.load(Ordering::SeqCst)
    );
}

fn start(place: &Place) -> Program {
    let mut command = place.command(&["--with-agent", "--log", "amtsbote=debug"]);
    // A crash that cannot be explained is a bug; its trace tells where.
    command.env("RUST_BACKTRACE", "1");
    Program::start(command).ready()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DELIVERED_MAX;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

fn senders(facts: &Facts, book: &Arc<Book>) -> Vec<tokio::task::JoinHandle<()>> {
    let key = encryption_key(facts);
    let intake = (0..3).map(|who| tokio::spawn(send_plain(facts.clone(), book.clone(), who)));
    let sealed = [(3, ApiVersion::V1), (4, ApiVersion::V2)].map(|(who, version)| {
        tokio::spawn(send_sealed(
            facts.clone(),
            book.clone(),
            key.clone(),
            (who, version),
        ))
    });
    intake.chain(sealed).collect()
}

/// Posts to the intake with an `Idempotency-Key`, repeating until there is an answer; then sometimes once more.
async fn send_plain(facts: Facts, book: Arc<Book>, who: usize) {
    let http = reqwest::Client::new();
    let mut token = None;
    while !book.has_enough() {
        let application = book.next(who);
        let body = application.intake(&facts);
        // The gateway keeps the key in clear: it must not hold the marker.
        let key = amtsbote_jose::sha256_hex(application.marker.as_bytes());
        let first = post_until_taken(&http, &facts, &mut token, (&key, &body)).await;
        if book.count().is_multiple_of(3) {
            book.repeats.fetch_add(1, Ordering::SeqCst);
            let second = post_until_taken(&http, &facts, &mut token, (&key, &body)).await;
            assert_eq!(second, first, "a repeat gave another answer");
        }
        book.write_down(
            SubmissionRef::parse(first.to_string().as_bytes()).unwrap(),
            application,
        );
    }
}

async fn post_until_taken(
    http: &reqwest::Client,
    facts: &Facts,
    token: &mut Option<String>,
    (key, body): (&str, &[u8]),
) -> Value {
    let end = Instant::now() + DELIVERED_MAX;
    loop {
        assert!(Instant::now() < end, "no answer in time");
        if let Some(answer) = post(http, facts, token, (key, body)).await {
            return answer;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// One try; nothing if the gateway was not there or had no time.
async fn post(
    http: &reqwest::Client,
    facts: &Facts,
    token: &mut Option<String>,
    (key, body): (&str, &[u8]),
) -> Option<Value> {
    if token.is_none() {
        *token = wire::token(http, facts, "sender").await.ok();
    }
    let url = format!("{}/v1/submissions", facts.text("/intakeUrl"));
    let call = http
        .post(url)
        .bearer_auth(token.as_ref()?)
        .header("idempotency-key", key);
    let call = call
        .header("content-type", "application/json")
        .body(body.to_vec());
    let answer = call.send().await.ok()?;
    let status = answer.status();
    let text = answer.text().await.ok()?;
    if status == 201 {
        return Some(serde_json::from_str(&text).unwrap());
    }
    assert!(status.is_server_error(), "{status}: {text}");
    None
}

/// Seals and sends by FIT-Connect. What is only announced belongs to nobody; from then on each step is repeated.
async fn send_sealed(
    facts: Facts,
    book: Arc<Book>,
    key: PublicKey,
    (who, version): (usize, ApiVersion),
) {
    let sender = Sender::new(session(&facts, "sender", version));
    while !book.has_enough() {
        let application = book.next(who);
        let sealed = SealedApplication::of(&application, &key);
        let announcement = wire::announcement(&facts, sealed.ids.clone());
        let ids = loop {
            match sender.announce(&announcement).await {
                Ok(ids) => break ids,
                Err(Fault::Unavailable { .. }) => tokio::time::sleep(LOOK).await,
                Err(fault) => panic!("{fault:?}"),
            }
        };
        loop {
            match wire::finish(&sender, ids, &sealed).await {
                Ok(()) => {
                    book.write_down(ids, application);
                    break;
                }
                Err(Fault::Unavailable { .. }) => tokio::time::sleep(LOOK).await,
                // The answer to an earlier try was lost, and the submission went on: there is no 2xx to hold on to.
                Err(Fault::Refused {
                    code: Some(code), ..
                }) if code == "submission-closed" => break,
                Err(fault) => panic!("{fault:?}"),
            }
        }
    }
}

/// Its log verifies, has each step once, and ends with the destination's yes.
async fn assert_accepted(session: &Session, one: &Accepted) {
    let end = Instant::now() + DELIVERED_MAX;
    let log = loop {
        let log = session.verified_log(one.ids).await.unwrap();
        let log = log.unwrap_or_else(|findings| panic!("{}: {findings:?}", one.marker));
        if log.state() == State::Accepted {
            break log;
        }
        assert!(Instant::now() < end, "{} is {:?}", one.marker, log.state());
        tokio::time::sleep(LOOK).await;
    };
    let steps = log.events().iter().map(|event| event.event.name());
    // Listed for pick-up: noted once per way it was listed.
    let steps: Vec<&str> = steps.filter(|step| *step != "notify").collect();
    assert_eq!(steps, ["create", "submit", "accept"], "{}", one.marker);
}

/// Each accepted submission is one parcel with its data and attachments; each marker ever sent is in one at most.
fn assert_brought_once(out: &Path, accepted: &[Accepted], sent: &[String]) {
    let parcels = parcels(out);
    let holding = |marker: &str| {
        let mark = format!("{marker}<").into_bytes();
        let quoted = format!("{marker}\"").into_bytes();
        let holds = |files: &Vec<(PathBuf, Vec<u8>)>| {
            files
                .iter()
                .any(|(_, bytes)| has(bytes, &mark) || has(bytes, &quoted))
        };
        parcels
            .iter()
            .filter(|(_, files)| holds(files))
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
    };
    for marker in sent {
        assert!(
            holding(marker).len() <= 1,
            "{marker} was brought twice: {:?}",
            holding(marker)
        );
    }
    for one in accepted {
        let names = holding(&one.marker);
        assert_eq!(names.len(), 1, "{} was not brought", one.marker);
        assert!(
            names[0].contains(&one.ids.submission_id.to_string()),
            "{names:?}"
        );
        for attachment in &one.attachments {
            assert!(
                brought(&parcels[&names[0]], attachment),
                "an attachment of {} is missing",
                one.marker
            );
        }
    }
}

pub(crate) type Parcels = BTreeMap<String, Vec<(PathBuf, Vec<u8>)>>;

/// The procedure's view: what is visible in its folder, by parcel.
pub(crate) fn parcels(out: &Path) -> Parcels {
    let mut parcels = Parcels::new();
    for path in files_below(out) {
        let below = path.strip_prefix(out).unwrap();
        let name = below.iter().next().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with('.') {
            let bytes = std::fs::read(&path).unwrap();
            parcels.entry(name).or_default().push((path, bytes));
        }
    }
    parcels
}

/// As a file of its own, or in base64 inside the message.
pub(crate) fn brought(files: &[(PathBuf, Vec<u8>)], attachment: &[u8]) -> bool {
    let encoded = STANDARD.encode(attachment).into_bytes();
    files
        .iter()
        .any(|(_, bytes)| bytes == attachment || has(bytes, &encoded))
}

/// No file outside the procedure's folder holds the markers, plain or in base64.
pub(crate) fn assert_nothing_left_behind(dir: &Path) {
    // The three ways the same bytes can look in base64, without the characters that depend on their neighbours.
    let shifted = ["", "x", "xx"].map(|before| {
        let text = STANDARD.encode(format!("{before}{MARK}"));
        text.as_bytes()[4..text.len() - 4].to_vec()
    });
    let looked_for: Vec<Vec<u8>> = shifted
        .into_iter()
        .chain([MARK.as_bytes().to_vec()])
        .collect();
    let out = dir.join("out");
    let files = files_below(dir);
    assert!(
        files.iter().any(
            |path| path.starts_with(dir.join("gateway")) || path.starts_with(dir.join("agent"))
        ),
        "{files:?}"
    );
    for path in files {
        let below = path
            .strip_prefix(&out)
            .ok()
            .and_then(|below| below.iter().next());
        if below.is_some_and(|name| !name.to_string_lossy().starts_with('.')) {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        for mark in &looked_for {
            assert!(!has(&bytes, mark), "content in {}", path.display());
        }
    }
}

pub(crate) fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_search_for_leftovers_finds_them() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("gateway")).unwrap();
    std::fs::write(dir.path().join("gateway/gateway.db"), "nothing").unwrap();
    assert_nothing_left_behind(dir.path());
    for text in [
        format!("a {MARK} b"),
        STANDARD.encode(format!("ab{MARK}cd")),
        STANDARD.encode(format!("a{MARK}c")),
    ] {
        std::fs::create_dir_all(dir.path().join("out/.amtsbote-tmp")).unwrap();
        let file = dir.path().join("out/.amtsbote-tmp/x");
        std::fs::write(&file, text).unwrap();
        std::panic::catch_unwind(|| assert_nothing_left_behind(dir.path())).unwrap_err();
        std::fs::remove_file(file).unwrap();
    }
}
