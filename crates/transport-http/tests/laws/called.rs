//! Answers that are posted to us: the laws, by calls over real connections; who may call, and what each call is answered.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_adapter::laws::inbound::Bench;
use amtsbote_adapter::laws::run;
use amtsbote_adapter::{
    Fault, Inbound, Outbound as _, Parcel, ParcelFile, Piece, Refusal, Reply, Return, ReturnId,
    Said, Settled,
};
use amtsbote_jose::mac::callback;
use amtsbote_model::{Clock, Personal, Timestamp};
use amtsbote_problem::{Bilingual, Finding};
use amtsbote_transport_http::{
    CallbackInbound, CallbackServer, Callbacks, HttpOutbound, callback_tls,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::answers::bundled;
use crate::nginx::certificates;

const LIMIT: Duration = Duration::from_mins(1);
const NOW_S: i64 = 1_800_000_000;
const TOKEN: &str = "ein-langes-geheimes-Wort";
const ID: &str = "5b5f7a0e-1111-4111-8111-0123456789ab";

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(NOW_S)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Plain,
    Tls,
}

/// The agent's listener, on a thread of its own, and whoever calls it.
struct Called {
    dir: TempDir,
    address: SocketAddr,
    callbacks: Arc<Callbacks>,
    inbound: Arc<CallbackInbound>,
    sent: AtomicUsize,
    answered: Arc<Mutex<Vec<u16>>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Drop for Called {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

const BEARER: &str = "auth = { kind = \"bearer\", token_file = \"secret\" }";
const FIELDS: &str = "[fields]\nid = \"/id\"\nsubmission = \"/antrag\"\nfile_number = \"/az\"\ntext = \"/text\"\ndocuments = { at = \"/dok\", content = \"/inhalt\" }";

impl Called {
    fn start(settings: &str) -> Self {
        Self::listening(settings, tempfile::tempdir().unwrap(), Wire::Plain)
    }

    fn listening(settings: &str, dir: TempDir, wire: Wire) -> Self {
        std::fs::write(dir.path().join("secret"), format!("{TOKEN}\n")).unwrap();
        let callbacks = Arc::new(Callbacks::default());
        let settings = toml::from_str(&format!("url_path = \"/a/b\"\n{settings}")).unwrap();
        let inbound = callbacks.open(settings, dir.path(), Arc::new(Still));
        let inbound = inbound.unwrap().looking_for(Duration::from_millis(300));
        let tls = (wire == Wire::Tls).then(|| {
            let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
            callback_tls(
                &read("server.pem"),
                &read("server.key"),
                Some(&read("ca.pem")),
            )
            .unwrap()
        });
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = callbacks.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let here = "127.0.0.1:0".parse().unwrap();
                let server = CallbackServer::bind(here, tls, served).await.unwrap();
                tell.send(server.local_addr().unwrap()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        Self {
            dir,
            address: told.recv().unwrap(),
            callbacks,
            inbound: Arc::new(inbound),
            sent: AtomicUsize::new(0),
            answered: Arc::default(),
            stop: Some(stop),
        }
    }

    /// Begins a call; what it is answered is known later.
    fn begin(&self, headers: &str, body: &[u8]) -> std::thread::JoinHandle<Told> {
        let (address, headers, body) = (self.address, headers.to_owned(), body.to_vec());
        std::thread::spawn(move || call(address, "POST /a/b", &headers, &body))
    }

    /// A call that has arrived.
    fn arrived(&self, headers: &str, body: &[u8]) -> std::thread::JoinHandle<Told> {
        let before = self.inbound.waiting();
        let begun = self.begin(headers, body);
        until(|| self.inbound.waiting() > before);
        begun
    }
}

#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it did not come so far"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An answer: status, headers in lower case, body.
#[derive(Debug)]
struct Told {
    status: u16,
    head: String,
    body: String,
}

fn call(address: SocketAddr, what: &str, headers: &str, body: &[u8]) -> Told {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{what} HTTP/1.1\r\nHost: amt\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Refused early, the rest is not taken any more.
    let _ = stream.write_all(body);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .map_or(0, |status| status.parse().unwrap());
    Told {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

fn bearer() -> String {
    format!("Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n")
}

/// The way in as a box of its own.
struct Shared(Arc<CallbackInbound>);

impl Inbound for Shared {
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        self.0.poll(max, limit)
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        self.0.settle(id, outcome, limit)
    }

    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        self.0.probe(limit)
    }
}

impl Bench for Called {
    fn way(&self) -> Box<dyn Inbound> {
        Box::new(Shared(self.inbound.clone()))
    }

    /// As procedures should: again, as long as nobody has taken it.
    fn send(&self, files: &[(&str, Bytes)]) {
        let headers = format!(
            "Authorization: Bearer {TOKEN}\r\nContent-Type: multipart/mixed; boundary=grenze\r\n"
        );
        let (address, body, answered) = (self.address, bundled(files), self.answered.clone());
        let before = self.inbound.waiting();
        self.sent.fetch_add(1, Ordering::SeqCst);
        std::thread::spawn(move || {
            loop {
                let told = call(address, "POST /a/b", &headers, &body);
                if told.status != 503 {
                    return answered.lock().unwrap().push(told.status);
                }
            }
        });
        until(|| self.inbound.waiting() > before);
    }

    /// The procedure knows which of its calls were refused.
    fn set_aside(&self) -> usize {
        let all = || self.answered.lock().unwrap().len() + self.inbound.waiting();
        until(|| all() == self.sent.load(Ordering::SeqCst));
        let answered = self.answered.lock().unwrap();
        answered.iter().filter(|status| **status >= 400).count()
    }
}

mod by_calls {
    use super::{BEARER, Called};

    amtsbote_adapter::inbound_laws!(Called::start(BEARER));
}

/// Takes the call that waits and ends it; what it was answered.
fn ended(called: &Called, begun: std::thread::JoinHandle<Told>, why: Option<Refusal>) -> Told {
    run(async {
        let one = called.inbound.poll(1, LIMIT).await.unwrap().remove(0);
        let ended = match why {
            None => called.inbound.settle(&one.id, Settled::Kept, LIMIT).await,
            Some(why) => called.inbound.refuse(&one.id, why, LIMIT).await,
        };
        ended.unwrap();
    });
    begun.join().unwrap()
}

#[test]
fn a_call_is_answered_by_what_became_of_it() {
    let called = Called::start(&format!("{BEARER}\n{FIELDS}"));
    let body = json!({ "antrag": ID, "az": "63-1" }).to_string();
    let finding = Finding::new("/az", "form", Bilingual::new("falsch", "wrong"));
    for (why, status, code) in [
        (None, 204, ""),
        (Some(Refusal::NoCase), 404, "answer-unmatched"),
        (Some(Refusal::SeveralCases), 409, "answer-ambiguous"),
        (
            Some(Refusal::Unreadable(vec![finding])),
            422,
            "answer-not-understood",
        ),
        (Some(Refusal::TooLarge), 413, "body-too-large"),
        (Some(Refusal::Ours), 500, "internal"),
        (None, 204, ""),
    ] {
        let begun = called.arrived(&bearer(), body.as_bytes());
        let told = ended(&called, begun, why.clone());
        assert_eq!(told.status, status, "{why:?}");
        if status == 204 {
            assert_eq!(told.body, "");
            continue;
        }
        assert!(
            told.head.contains("content-type: application/problem+json"),
            "{told:?}"
        );
        let problem: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(status))
        );
        assert_eq!(problem["findings"].is_array(), status == 422);
    }
}

#[test]
fn an_answer_is_read_before_it_waits_and_all_findings_come_at_once() {
    let called = Called::start(&format!("{BEARER}\n{FIELDS}"));
    let check = |kind: &str, body: &str, expected: &[&str]| {
        let headers = format!(
            "{}Accept-Language: de\r\n",
            bearer().replace("application/json", kind)
        );
        let told = call(called.address, "POST /a/b", &headers, body.as_bytes());
        assert_eq!(told.status, 422, "{body}");
        let problem: Value = serde_json::from_str(&told.body).unwrap();
        let findings = problem["findings"].as_array().unwrap();
        let rules: Vec<&str> = findings
            .iter()
            .map(|f| f["rule"].as_str().unwrap())
            .collect();
        assert_eq!(rules, expected, "{body}");
        assert!(
            problem["title"]
                .as_str()
                .unwrap()
                .starts_with("Die Antwort")
        );
        assert!(!told.body.contains("Erika"));
    };
    check(
        "application/json",
        "{\"antrag\":\"Erika\",\"az\":[1],\"dok\":[{\"inhalt\":\"?\"}]}",
        &["uuid", "base64", "form"],
    );
    check("application/json", "{\"az\":", &["unreadable"]);
    check("application/json", "{}", &["says-nothing", "no-reference"]);
    check("application/json", "", &["required"]);
    check("text/plain", "Erika", &["required"]);
    check("multipart/mixed; boundary=x", "Erika", &["unreadable"]);
    assert_eq!(called.inbound.waiting(), 0);
    // What is understood waits with all it says.
    let body = json!({ "antrag": ID, "text": "x", "dok": { "inhalt": "JVBERi0=" } }).to_string();
    let begun = called.arrived(&bearer(), body.as_bytes());
    run(async {
        let one = called.inbound.poll(1, LIMIT).await.unwrap().remove(0);
        assert!(matches!(&one.said, Said::Answer(_)));
        assert_eq!(one.facts, [("reference", ID.to_owned())]);
        assert_eq!(one.files[0].media_type, "application/pdf");
    });
    assert_eq!(ended(&called, begun, None).status, 204);
}

#[test]
fn who_does_not_prove_who_it_is_is_refused_before_anything_is_read() {
    let called = Called::start(BEARER);
    let large = vec![b'x'; 70 << 20];
    for (what, headers, body, expected) in [
        ("POST /a/b", "", &large[..], 401),
        ("POST /a/b", "Authorization: Bearer falsch\r\n", &[], 401),
        ("POST /a/b", "Authorization: Basic x\r\n", &[], 401),
        ("POST /a/b", &bearer(), &large[..], 413),
        ("GET /a/b", &bearer(), &[], 405),
        ("POST /a", &bearer(), &[], 404),
        ("POST /", "", &[], 404),
    ] {
        let told = call(called.address, what, headers, body);
        // A body that nobody reads may cost the answer to it.
        let is_cut = told.status == 0 && !body.is_empty();
        assert!(
            told.status == expected || is_cut,
            "{what} {headers}: {told:?}"
        );
        assert!(!told.body.contains(TOKEN));
        assert_eq!(
            told.head.contains("allow: post"),
            expected == 405 && !is_cut
        );
    }
    assert_eq!(called.inbound.waiting(), 0);
    // Read anew each time; a short one counts as none.
    std::fs::write(called.dir.path().join("secret"), "kurz").unwrap();
    let told = call(
        called.address,
        "POST /a/b",
        "Authorization: Bearer kurz\r\n",
        &[],
    );
    assert_eq!(told.status, 500);
}

#[test]
fn a_signature_holds_for_its_body_and_five_minutes_and_a_replay_is_the_same_call() {
    let called = Called::start(&format!(
        "auth = {{ kind = \"hmac\", secret_file = \"secret\" }}\n{FIELDS}"
    ));
    let body = json!({ "antrag": ID, "az": "1" }).to_string();
    let signed = |at: i64, secret: &str, over: &str| {
        let mac = callback(secret, &at.to_string(), over.as_bytes());
        format!(
            "callback-timestamp: {at}\r\ncallback-authentication: {mac}\r\nContent-Type: application/json\r\n"
        )
    };
    for headers in [
        String::new(),
        signed(NOW_S - 301, TOKEN, &body),
        signed(NOW_S + 301, TOKEN, &body),
        signed(NOW_S, "falsch", &body),
        signed(NOW_S, TOKEN, "{}"),
        signed(NOW_S, TOKEN, &body).replace(&NOW_S.to_string(), &(NOW_S + 1).to_string()),
    ] {
        let told = call(called.address, "POST /a/b", &headers, body.as_bytes());
        assert_eq!(told.status, 401, "{headers}");
    }
    for at in [NOW_S - 300, NOW_S, NOW_S, NOW_S + 300] {
        let begun = called.arrived(&signed(at, TOKEN, &body), body.as_bytes());
        // The way in gives it each time; that it has one effect is its key's doing (agent/tests/it/back.rs).
        assert_eq!(ended(&called, begun, None).status, 204);
    }
}

#[test]
fn a_call_that_nobody_takes_in_time_is_told_to_come_again_and_waits_no_longer() {
    let called = Called::start(&format!("wait_s = 1\n{BEARER}\n{FIELDS}"));
    let body = json!({ "antrag": ID, "az": "1" }).to_string();
    let told = called.arrived(&bearer(), body.as_bytes()).join().unwrap();
    assert_eq!(told.status, 503);
    assert!(told.head.contains("retry-after: 30"), "{told:?}");
    assert_eq!(called.inbound.waiting(), 0);
    // Who hangs up waits no longer, either.
    let mut stream = TcpStream::connect(called.address).unwrap();
    let head = format!(
        "POST /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{}\r\n{body}",
        body.len(),
        bearer()
    );
    stream.write_all(head.as_bytes()).unwrap();
    until(|| called.inbound.waiting() == 1);
    drop(stream);
    until(|| called.inbound.waiting() == 0);
}

#[test]
fn bodies_in_memory_are_counted_and_a_stop_sends_everybody_away() {
    let mut called = Called::start(&format!("{BEARER}\n{FIELDS}"));
    let body = json!({ "antrag": ID, "az": "1" }).to_string();
    let begun: Vec<_> = (0..4)
        .map(|_| called.arrived(&bearer(), body.as_bytes()))
        .collect();
    let told = call(called.address, "POST /a/b", &bearer(), body.as_bytes());
    assert_eq!(told.status, 503);
    assert!(told.body.contains("overloaded"));
    drop(called.stop.take());
    for begun in begun {
        assert_eq!(begun.join().unwrap().status, 503);
    }
}

#[test]
fn who_is_not_proven_yet_takes_no_place_of_those_who_are() {
    let called = Called::start("auth = { kind = \"hmac\", secret_file = \"secret\" }");
    let beside = format!("url_path = \"/c\"\n{BEARER}\n{FIELDS}");
    let dir = called.dir.path();
    let beside = (called.callbacks).open(toml::from_str(&beside).unwrap(), dir, Arc::new(Still));
    let beside = beside.unwrap();
    // They look signed, and their bodies never come.
    let mac = "0".repeat(128);
    let stranger = format!("callback-timestamp: {NOW_S}\r\ncallback-authentication: {mac}\r\n");
    let half = format!("POST /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n{stranger}\r\n");
    let strangers: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = TcpStream::connect(called.address).unwrap();
            stream.write_all(half.as_bytes()).unwrap();
            stream
        })
        .collect();
    until(|| call(called.address, "POST /a/b", &stranger, b"{}").status == 503);
    let body = json!({ "antrag": ID, "az": "1" }).to_string();
    let address = called.address;
    let begun = std::thread::spawn(move || call(address, "POST /c", &bearer(), body.as_bytes()));
    until(|| beside.waiting() == 1);
    drop((called, strangers, begun));
}

#[test]
fn over_tls_the_certificate_counts_by_its_fingerprint() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let pem = std::fs::read_to_string(dir.path().join("client.pem")).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, der).unwrap();
    let hash = amtsbote_jose::sha256_hex(&der);
    let settings = format!(
        "auth = {{ kind = \"certificate\", sha256 = [\"{}\"] }}\n{FIELDS}",
        hash.to_uppercase()
    );
    let called = Called::listening(&settings, dir, Wire::Tls);
    let caller = |certificate: &str| {
        let text = format!(
            "url = \"https://{}/a/b\"\nbody.kind = \"file\"\nrepeats = \"recognised\"\nallow_networks = [\"127.0.0.0/8\"]\nca_file = \"DIR/ca.pem\"\n{certificate}",
            called.address
        );
        let text = text.replace("DIR", &called.dir.path().display().to_string());
        let way = HttpOutbound::open(toml::from_str(&text).unwrap()).unwrap();
        let body = Bytes::from(json!({ "antrag": ID, "az": "1" }).to_string());
        let parcel = Parcel {
            id: ID.parse().unwrap(),
            files: vec![ParcelFile {
                path: "a.json".parse().unwrap(),
                media_type: "application/json".to_owned(),
                pieces: vec![Piece::Bytes(Personal::new(body))],
            }],
        };
        std::thread::spawn(move || {
            let mut outcome = None;
            run(async { outcome = Some(way.deliver(&parcel, LIMIT).await) });
            outcome.unwrap()
        })
    };
    for name in ["", "server"] {
        let pair = format!(
            "client_certificate_file = \"DIR/{name}.pem\"\nclient_key_file = \"DIR/{name}.key\""
        );
        let refused = caller(if name.is_empty() { "" } else { &pair })
            .join()
            .unwrap();
        assert!(
            matches!(&refused, Err(Fault::Misconfigured { what }) if what.en.contains("401")),
            "{refused:?}"
        );
    }
    let calling = caller(
        "client_certificate_file = \"DIR/client.pem\"\nclient_key_file = \"DIR/client.key\"",
    );
    until(|| called.inbound.waiting() == 1);
    run(async {
        let one = called.inbound.poll(1, LIMIT).await.unwrap().remove(0);
        called
            .inbound
            .settle(&one.id, Settled::Kept, LIMIT)
            .await
            .unwrap();
    });
    assert!(calling.join().unwrap().is_ok());
}

#[test]
fn settings_are_checked_and_paths_are_nobodys_twice() {
    let callbacks = Callbacks::default();
    let open = |settings: &str| {
        let settings = toml::from_str(settings).unwrap();
        let opened = callbacks.open(settings, std::path::Path::new("/"), Arc::new(Still));
        opened
            .err()
            .map(|fault| fault.to_string())
            .unwrap_or_default()
    };
    let good = "url_path = \"/a\"\nauth = { kind = \"hmac\", secret_file = \"s\" }";
    for (settings, expected) in [
        (good.to_owned(), ""),
        (good.to_owned(), "another way in"),
        (good.replace("/a", "a b"), "url_path is"),
        (good.replace("hmac", "none"), "unknown variant"),
        (format!("{good}\nwait_s = 0"), "wait_s is"),
        (
            format!("{good}\nanswer_max_bytes = 99999999999"),
            "answer_max_bytes is",
        ),
        (format!("{good}\n[fields]\ntext = \"/t\""), "fields need"),
        (
            format!(
                "{good}\n[fields]\nsubmission = \"/t\"\ndocuments = {{ at = \"\", link = \"/l\" }}"
            ),
            "cannot be links",
        ),
        (
            good.replace(
                "hmac\", secret_file = \"s\"",
                "certificate\", sha256 = [\"x\"]",
            ),
            "auth.sha256",
        ),
    ] {
        let told = open(&settings);
        assert!(
            told.contains(expected) && told.is_empty() == expected.is_empty(),
            "{settings}: {told}"
        );
    }
}

#[test]
fn a_probe_looks_for_the_secret_and_the_listener() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = format!("url_path = \"/a\"\nlisten = \"0.0.0.0:{port}\"\n{BEARER}");
    let opened = Callbacks::default().open(
        toml::from_str(&settings).unwrap(),
        dir.path(),
        Arc::new(Still),
    );
    let way = opened.unwrap();
    run(async {
        assert!(matches!(
            way.probe(LIMIT).await,
            Err(Fault::Misconfigured { .. })
        ));
        std::fs::write(dir.path().join("secret"), TOKEN).unwrap();
        assert_eq!(way.probe(LIMIT).await, Ok(()));
        drop(listener);
        assert!(matches!(
            way.probe(LIMIT).await,
            Err(Fault::Unavailable { .. })
        ));
    });
}
