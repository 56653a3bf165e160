//! A service that answers what its script says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_client::{Credentials, Limits, Service, Session};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_jose::{CertificateRule, X5c};
use amtsbote_model::{Clock, Secret, Timestamp};
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings, Timeouts};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const DESTINATION: &str = "d12caea8-f372-4eb1-b102-b0a228253a11";
pub(crate) const SUBMISSION: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2";
pub(crate) const CASE: &str = "9eec7d3e-dc66-4f82-9f52-1520bf96a32e";
pub(crate) const ATTACHMENT: &str = "0e2f1d6a-6a3b-4b52-9d1b-3a1c2f7f0b11";
/// 2026-11-23T08:00:00Z
pub(crate) const NOW_S: i64 = 1_795_420_800;

/// An answer to come.
pub(crate) struct Say {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Say {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub(crate) fn text(status: u16, media_type: &str, body: impl Into<Body>) -> Self {
        Self {
            status,
            headers: vec![("content-type", media_type.to_owned())],
            body: body.into(),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::empty(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method, path and query.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Book {
    script: VecDeque<Say>,
    tokens: VecDeque<Say>,
    asked: Vec<Asked>,
    token_forms: Vec<String>,
}

#[derive(Default)]
pub(crate) struct TurnedClock(AtomicI64);

impl TurnedClock {
    pub(crate) fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct Stage {
    book: Arc<Mutex<Book>>,
    base: String,
    pub(crate) clock: Arc<TurnedClock>,
    task: JoinHandle<()>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stage {
    /// Plays `script` in its order; every further request is answered 500.
    pub(crate) async fn play(script: impl IntoIterator<Item = Say>) -> Self {
        let book = Book {
            script: script.into_iter().collect(),
            ..Book::default()
        };
        let book = Arc::new(Mutex::new(book));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/submission-api", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(book.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let clock = Arc::new(TurnedClock::default());
        clock.turn(NOW_S);
        Self {
            book,
            base,
            clock,
            task,
        }
    }

    /// Answers the token endpoint gives before it falls back to good ones of 1800 s.
    pub(crate) fn tokens(self, script: impl IntoIterator<Item = Say>) -> Self {
        self.book.lock().unwrap().tokens = script.into_iter().collect();
        self
    }

    pub(crate) fn session(&self, version: ApiVersion) -> Session {
        self.session_within(version, Duration::from_secs(20))
    }

    /// Only TLS, which the stage does not speak.
    pub(crate) fn session_strict(&self, version: ApiVersion) -> Session {
        self.open(
            self.service(version),
            Duration::from_secs(20),
            PlainHttp::Refused,
        )
    }

    /// Its events are expected from `issuer`.
    pub(crate) fn session_issued_by(&self, version: ApiVersion, issuer: &str) -> Session {
        let service = self.service(version).issuer(issuer);
        self.open(service, Duration::from_secs(20), PlainHttp::DangerAllowed)
    }

    /// Keys to seal for are held to this rule.
    pub(crate) fn session_trusting(&self, version: ApiVersion, rule: CertificateRule) -> Session {
        let service = self.service(version).key_policy(rule);
        self.open(service, Duration::from_secs(20), PlainHttp::DangerAllowed)
    }

    /// Patience: silence and whole calls are given up after that.
    pub(crate) fn session_within(&self, version: ApiVersion, patience: Duration) -> Session {
        self.open(self.service(version), patience, PlainHttp::DangerAllowed)
    }

    fn service(&self, version: ApiVersion) -> Service {
        let token = self
            .base
            .replace("/submission-api", "/token")
            .parse()
            .unwrap();
        Service::new(self.base.parse().unwrap(), token, version)
            .unwrap()
            .key_policy(X5c::Optional)
            .limits(Limits {
                submission_bytes: 10_000,
                attachment_bytes: 100_000,
            })
    }

    fn open(&self, service: Service, patience: Duration, plain_http: PlainHttp) -> Session {
        let timeouts = Timeouts {
            total: patience,
            idle: patience,
            ..Timeouts::default()
        };
        let settings = Settings {
            plain_http,
            timeouts,
            ..Settings::trusted("amtsbote-test")
        };
        let credentials = Credentials {
            client_id: "client-1".parse().unwrap(),
            client_secret: Secret::new("geheim".to_owned()),
        };
        Session::new(
            Outgoing::open(settings).unwrap(),
            service,
            credentials,
            self.clock.clone(),
        )
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.book.lock().unwrap().asked.clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    pub(crate) fn token_forms(&self) -> Vec<String> {
        self.book.lock().unwrap().token_forms.clone()
    }

    /// The script was played to its end, and nothing beyond it was asked.
    pub(crate) fn assert_over(&self, calls: usize) {
        assert_eq!(
            self.book.lock().unwrap().script.len(),
            0,
            "not all was asked"
        );
        assert_eq!(self.lines().len(), calls, "{:?}", self.lines());
    }
}

async fn answer(State(book): State<Arc<Mutex<Book>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut read = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        read.extend_from_slice(&piece);
    }
    let mut book = book.lock().unwrap();
    if parts.uri.path() == "/token" {
        book.token_forms.push(String::from_utf8(read).unwrap());
        let number = book.token_forms.len();
        let say = book.tokens.pop_front();
        return respond(
            say.unwrap_or_else(|| Say::json(200, &token(&format!("token-{number}"), 1800))),
        );
    }
    let line = format!("{} {}", parts.method, parts.uri);
    book.asked.push(Asked {
        line,
        headers: parts.headers,
        body: read,
    });
    respond(book.script.pop_front().unwrap_or_else(|| Say::empty(500)))
}

pub(crate) fn token(text: &str, lifetime_s: u32) -> Value {
    json!({"access_token": text, "token_type": "Bearer", "expires_in": lifetime_s})
}

fn respond(say: Say) -> Response {
    let mut response = Response::new(say.body);
    *response.status_mut() = StatusCode::from_u16(say.status).unwrap();
    for (name, value) in say.headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

pub(crate) fn ids() -> Value {
    json!({"destinationId": DESTINATION, "submissionId": SUBMISSION, "caseId": CASE})
}

pub(crate) fn problem(status: u16, kind: &str) -> Say {
    let body = json!({"type": kind, "title": "nein", "status": status, "detail": "warum"});
    Say::text(status, "application/problem+json", body.to_string())
}
