//! Online services that repeat what was not answered, and write down each 2xx.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_client::{Fault, Sender};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::PublicKey;
use amtsbote_model::{Callback, Secret};
use serde_json::{Value, json};

use super::MARK;
use super::site::Site;
use crate::stand::{Facts, LOOK};
use crate::wire::{self, Application, SealedApplication, encryption_key, session};

/// Longest time without any answer to one sender.
const ANSWER_MAX: Duration = Duration::from_mins(2);
/// For one call, as online services have it. Without it a sender waits for ever if the end of its gateway's process was lost on the way:
/// killed while it was cut off, and back before the balancer had noticed.
const CALL_MAX: Duration = Duration::from_secs(30);

/// A 2xx that a sender holds.
#[derive(Clone)]
pub(crate) struct Accepted {
    pub(crate) ids: SubmissionRef,
    pub(crate) marker: String,
    /// Where it was sent: see [`Site::facts`].
    pub(crate) destination: usize,
    /// SHA-256 of each attachment.
    pub(crate) attachments: Vec<String>,
    pub(crate) sender: usize,
    /// The first try.
    pub(crate) begun: Instant,
    /// The 2xx.
    pub(crate) taken: Instant,
}

/// What all senders write down.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) accepted: Mutex<Vec<Accepted>>,
    /// How many markers were ever handed out; each is in one submission.
    sent: AtomicUsize,
    pub(crate) repeats: AtomicUsize,
    enough: AtomicBool,
    /// Of each sender, between a 2xx and the next submission.
    pause: Duration,
}

impl Book {
    /// For senders that take their time.
    pub(crate) fn paced(pause: Duration) -> Self {
        Self {
            pause,
            ..Self::default()
        }
    }

    fn next(&self, who: usize) -> Application {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let marker = marker(number);
        let attachment = |at: usize| {
            // Some span many writes.
            let size = if number.is_multiple_of(17) {
                20_000
            } else {
                150
            };
            format!("%PDF {marker} {at} {}", marker.repeat(size * at)).into_bytes()
        };
        Application::new(&marker, (0..=who % 3).map(attachment).collect())
    }

    async fn write_down(
        &self,
        ids: SubmissionRef,
        sending: &Sending,
        application: &Application,
        (begun, taken): (Instant, Instant),
    ) {
        let attachments = application.attachments.iter();
        self.accepted.lock().unwrap().push(Accepted {
            ids,
            marker: application.marker.clone(),
            destination: sending.destination,
            attachments: attachments.map(|a| amtsbote_jose::sha256_hex(a)).collect(),
            sender: sending.who,
            begun,
            taken,
        });
        tokio::time::sleep(self.pause).await;
    }

    pub(crate) fn count(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }

    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// A marker that nobody has had yet.
    pub(super) fn marker(&self) -> String {
        marker(self.sent.fetch_add(1, Ordering::SeqCst))
    }

    /// Nobody begins anything new.
    pub(crate) fn close(&self) {
        self.enough.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.enough.load(Ordering::SeqCst)
    }
}

/// Letters only: the field is a family name. Small letters after the mark, and a capital at the end, so that none begins another.
pub(crate) fn marker(number: usize) -> String {
    let digits = number.to_string();
    let digits = digits.bytes().map(|digit| char::from(digit - b'0' + b'a'));
    format!("{MARK}{}Z", digits.collect::<String>())
}

/// How many [`start`] starts.
pub(crate) const SENDERS: usize = 5;

/// Five senders: three by the intake, one by each version of FIT-Connect.
pub(crate) fn start(
    site: &Site,
    callback_url: &str,
    book: &Arc<Book>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let callback = Callback {
        url: callback_url.to_owned(),
        secret: Secret::new("0123456789abcdef0123456789abcdef".to_owned()),
    };
    let mut tasks = Vec::new();
    for who in 0..3 {
        let one = Sending::new(site, who, book, &callback);
        tasks.push(tokio::spawn(one.plain()));
    }
    for (who, version) in [(3, ApiVersion::V1), (4, ApiVersion::V2)] {
        let one = Sending::new(site, who, book, &callback);
        let key = encryption_key(&one.facts);
        tasks.push(tokio::spawn(one.sealed(version, key)));
    }
    tasks
}

/// Waits until they have ended, after [`Book::close`]: each for its last submission.
pub(crate) async fn ended(tasks: Vec<tokio::task::JoinHandle<()>>) {
    // Two steps, a repeat, and a call that is under way.
    let limit = 3 * ANSWER_MAX + 2 * CALL_MAX;
    for (who, task) in tasks.into_iter().enumerate() {
        let ended = tokio::time::timeout(limit, task).await;
        let ended = ended.unwrap_or_else(|_| panic!("sender {who} still waits after {limit:?}"));
        ended.unwrap();
    }
}

struct Sending {
    who: usize,
    destination: usize,
    facts: Facts,
    book: Arc<Book>,
    callback: Callback,
}

impl Sending {
    fn new(site: &Site, who: usize, book: &Arc<Book>, callback: &Callback) -> Self {
        let destination = usize::from(who == 1 || who == 4);
        Self {
            who,
            destination,
            facts: site.facts(destination),
            book: book.clone(),
            callback: callback.clone(),
        }
    }

    /// Posts to the intake with an `Idempotency-Key`, repeating until there is an answer; then sometimes once more.
    async fn plain(self) {
        let mut http = reqwest::Client::builder().timeout(CALL_MAX);
        if !self.book.pause.is_zero() {
            // Each call comes to the next gateway; kept connections would stay with those that were never in trouble.
            http = http.pool_max_idle_per_host(0);
        }
        let http = http.build().unwrap();
        let mut token = None;
        while !self.book.is_closed() {
            let (application, begun) = (self.book.next(self.who), Instant::now());
            let mut body: Value = serde_json::from_slice(&application.intake(&self.facts)).unwrap();
            body["callback"] =
                json!({ "url": self.callback.url, "secret": self.callback.secret.reveal() });
            let body = body.to_string().into_bytes();
            // The gateway keeps the key in clear: it must not hold the marker.
            let key = amtsbote_jose::sha256_hex(application.marker.as_bytes());
            let first = self.until_taken(&http, &mut token, (&key, &body)).await;
            let taken = Instant::now();
            if self.book.count().is_multiple_of(3) {
                self.book.repeats.fetch_add(1, Ordering::SeqCst);
                let second = self.until_taken(&http, &mut token, (&key, &body)).await;
                assert_eq!(second, first, "a repeat gave another answer");
            }
            let ids = SubmissionRef::parse(first.to_string().as_bytes()).unwrap();
            let times = (begun, taken);
            self.book.write_down(ids, &self, &application, times).await;
        }
    }

    async fn until_taken(
        &self,
        http: &reqwest::Client,
        token: &mut Option<String>,
        (key, body): (&str, &[u8]),
    ) -> Value {
        let end = Instant::now() + ANSWER_MAX;
        loop {
            assert!(Instant::now() < end, "no answer in time");
            if let Some(answer) = self.post(http, token, (key, body)).await {
                return answer;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// One try; nothing if the gateway was not there or had no time.
    async fn post(
        &self,
        http: &reqwest::Client,
        token: &mut Option<String>,
        (key, body): (&str, &[u8]),
    ) -> Option<Value> {
        if token.is_none() {
            *token = wire::token(http, &self.facts, "sender").await.ok();
        }
        let url = format!("{}/v1/submissions", self.facts.text("/intakeUrl"));
        let call = http.post(url).bearer_auth(token.as_ref()?);
        let call = call
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(body.to_vec());
        let answer = call.send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        if status == 201 {
            return Some(serde_json::from_str(&text).unwrap());
        }
        if status == 401 {
            *token = None;
            return None;
        }
        assert!(status.is_server_error(), "{status}: {text}");
        None
    }

    /// Seals and sends by FIT-Connect. What is only announced belongs to nobody; from then on each step is repeated.
    async fn sealed(self, version: ApiVersion, key: PublicKey) {
        let sender = Sender::new(session(&self.facts, "sender", version));
        while !self.book.is_closed() {
            let (application, begun) = (self.book.next(self.who), Instant::now());
            let sealed = SealedApplication::of(&application, &key);
            let mut announcement = wire::announcement(&self.facts, sealed.ids.clone());
            announcement.callback = Some(self.callback.clone());
            let mut patience = Patience::new();
            let ids = loop {
                if let Some(ids) = patience.taken(sender.announce(&announcement).await).await {
                    break ids;
                }
            };
            let mut patience = Patience::new();
            while patience
                .taken(finish(&sender, ids, &sealed).await)
                .await
                .is_none()
            {}
            let times = (begun, Instant::now());
            self.book.write_down(ids, &self, &application, times).await;
        }
    }
}

pub(super) async fn finish(
    sender: &Sender,
    ids: SubmissionRef,
    sealed: &SealedApplication,
) -> Result<(), Fault> {
    match wire::finish(sender, ids, sealed).await {
        // The answer to an earlier try was lost, and the submission went on: then it has to arrive like any other.
        Err(Fault::Refused {
            code: Some(code), ..
        }) if code == "submission-closed" => Ok(()),
        other => other,
    }
}

/// How long one step is repeated.
pub(super) struct Patience(Instant);

impl Patience {
    pub(super) fn new() -> Self {
        Self(Instant::now() + ANSWER_MAX)
    }

    /// Nothing if the step has to be repeated.
    pub(super) async fn taken<T>(&mut self, answer: Result<T, Fault>) -> Option<T> {
        match answer {
            Ok(done) => return Some(done),
            Err(Fault::Unavailable { .. }) => tokio::time::sleep(LOOK).await,
            Err(fault) => panic!("{fault:?}"),
        }
        assert!(Instant::now() < self.0, "no answer in time");
        None
    }
}
