//! A procedure with a REST interface on loopback, on a thread of its own, and a wire to it that can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use amtsbote_adapter::laws::outbound::Arrived;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How the procedure behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes parcels, knows them again by their id.
    Good,
    /// Takes parcels, and takes them again.
    Forgetful,
    /// Refuses with a problem that repeats what it got.
    Refusing,
    /// Answers with this status and headers, whatever is asked.
    Answering(u16, &'static [(&'static str, &'static str)]),
    /// Takes the parcel and answers with more than anybody wants to read.
    Talkative,
}

pub(crate) struct Facts {
    pub(crate) mood: Mood,
    /// What lies at the procedure now.
    pub(crate) parcels: Vec<(String, Arrived)>,
    /// What it ever took.
    known: BTreeSet<String>,
    turns: BTreeMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// The token it takes at the moment, if it wants one.
    pub(crate) token: Option<String>,
    pub(crate) tokens_given: usize,
    pub(crate) headers: HeaderMap,
}

pub(crate) type Shared = Arc<Mutex<Facts>>;

/// The procedure. Ends when dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    facts: Shared,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        let facts = Arc::new(Mutex::new(Facts {
            mood: Mood::Good,
            parcels: Vec::new(),
            known: BTreeSet::new(),
            turns: BTreeMap::new(),
            token: None,
            tokens_given: 0,
            headers: HeaderMap::new(),
        }));
        let router = Router::new()
            .route("/antraege", post(take).options(ready))
            .route("/antraege/{id}", get(show).put(take))
            .route("/bereit", get(ready))
            .route("/token", post(give_token))
            .with_state(facts.clone());
        let (address, stop) = serve(router);
        Self {
            address,
            facts,
            _stop: stop,
        }
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    /// As on the first day.
    pub(crate) fn forget(&self) {
        let mut facts = self.facts();
        facts.parcels.clear();
        facts.known.clear();
    }
}

/// Serves on a thread of its own, until the sender is dropped: the laws start peers while they are inside a runtime.
pub(crate) fn serve(router: Router) -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let (tell, told) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            tokio::select! {
                _ = stopped => {}
                _ = axum::serve(listener, router) => {}
            }
        });
    });
    (told.recv().unwrap(), stop)
}

fn mood_or_answer(facts: &Shared, headers: &HeaderMap) -> Result<Mood, Box<Response>> {
    let facts = facts.lock().unwrap();
    if let Mood::Answering(status, extra) = facts.mood {
        let status = StatusCode::from_u16(status).unwrap();
        let mut response = status.into_response();
        for (name, value) in extra {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        return Err(Box::new(response));
    }
    let wanted = facts.token.as_ref().map(|token| format!("Bearer {token}"));
    let shown = headers.get("authorization").and_then(|v| v.to_str().ok());
    if wanted.is_some() && wanted.as_deref() != shown {
        return Err(Box::new(StatusCode::UNAUTHORIZED.into_response()));
    }
    Ok(facts.mood)
}

async fn ready(State(facts): State<Shared>, headers: HeaderMap) -> Response {
    match mood_or_answer(&facts, &headers) {
        Ok(_) => StatusCode::OK.into_response(),
        Err(answer) => *answer,
    }
}

async fn give_token(State(facts): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut facts = facts.lock().unwrap();
    let basic = format!("Basic {}", STANDARD.encode("amtsbote:geheim"));
    let by_header = headers.get("authorization").is_some_and(|v| *v == *basic);
    let by_body = body.contains("client_id=amtsbote&client_secret=geheim");
    if !(by_header || by_body) || !body.contains("grant_type=client_credentials") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    facts.tokens_given += 1;
    let token = format!("token-{}", facts.tokens_given);
    facts.token = Some(token.clone());
    format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":60}}")
        .into_response()
}

async fn show(State(facts): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Err(answer) = mood_or_answer(&facts, &headers) {
        return *answer;
    }
    if facts.lock().unwrap().known.contains(&id) {
        (StatusCode::OK, file_number(&id)).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

fn file_number(id: &str) -> String {
    format!("{{\"vorgang\":{{\"az\":\"63-{}\"}}}}", &id[..4])
}

#[expect(clippy::disallowed_methods, reason = "a peer in tests, with a limit")]
async fn take(State(facts): State<Shared>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mood = match mood_or_answer(&facts, &parts.headers) {
        Ok(mood) => mood,
        Err(answer) => return *answer,
    };
    let header = |name: &str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let id = header("idempotency-key").unwrap();
    // One at a time with the same id; whoever waits sees what became of the other.
    let turn = {
        let mut facts = facts.lock().unwrap();
        facts.headers = parts.headers.clone();
        facts.turns.entry(id.clone()).or_default().clone()
    };
    let _turn = turn.lock().await;
    let Ok(bytes) = to_bytes(body, 200_000_000).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if mood != Mood::Forgetful && facts.lock().unwrap().known.contains(&id) {
        return (StatusCode::OK, file_number(&id)).into_response();
    }
    if mood == Mood::Refusing {
        let echo = String::from_utf8_lossy(&bytes).into_owned();
        let problem = serde_json::json!({ "type": "about:blank", "title": echo, "detail": echo,
            "errors": [{ "pointer": "/files/0", "code": "unlesbar", "detail": echo }] });
        let kind = [("content-type", "application/problem+json")];
        return (StatusCode::UNPROCESSABLE_ENTITY, kind, problem.to_string()).into_response();
    }
    let files = unpack(&header("content-type").unwrap(), &bytes);
    let mut facts = facts.lock().unwrap();
    facts.known.insert(id.clone());
    facts.parcels.push((id.clone(), files));
    if mood == Mood::Talkative {
        return (StatusCode::CREATED, "x".repeat(3_000_000)).into_response();
    }
    (StatusCode::CREATED, file_number(&id)).into_response()
}

pub(crate) fn unpack(content_type: &str, bytes: &[u8]) -> Arrived {
    let mut files = Arrived::new();
    if content_type == "application/json" {
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        for file in value["files"].as_array().unwrap() {
            let content = STANDARD.decode(file["content"].as_str().unwrap()).unwrap();
            files.insert(file["path"].as_str().unwrap().to_owned(), content);
        }
    } else if content_type == "application/xml" {
        let text = std::str::from_utf8(bytes).unwrap();
        for file in text.split("<file path=\"").skip(1) {
            let (path, rest) = file.split_once('"').unwrap();
            let content = rest.split_once('>').unwrap().1;
            let content = content.split_once("</file>").unwrap().0;
            files.insert(path.to_owned(), STANDARD.decode(content).unwrap());
        }
    } else if let Some((_, boundary)) = content_type.split_once("boundary=") {
        for part in parts(bytes, format!("--{boundary}").as_bytes()) {
            let head_end = find(part, b"\r\n\r\n").unwrap();
            let head = std::str::from_utf8(&part[..head_end]).unwrap();
            if let Some((_, rest)) = head.split_once("filename=\"") {
                let name = rest.split_once('"').unwrap().0;
                let content = &part[head_end + 4..part.len() - 2];
                files.insert(name.to_owned(), content.to_vec());
            }
        }
    } else {
        files.insert(content_type.to_owned(), bytes.to_vec());
    }
    files
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| *b == wanted[0]) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn parts<'b>(mut bytes: &'b [u8], delimiter: &[u8]) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
    let mut first = true;
    while let Some(at) = find(bytes, delimiter) {
        if !first {
            parts.push(&bytes[..at]);
        }
        first = false;
        bytes = &bytes[at + delimiter.len()..];
    }
    parts
}

/// Where connections are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// After that many bytes from the client.
    Sent(usize),
    /// The n-th thing the server says is lost, and the connection with it.
    Answer(usize),
}

/// A wire to somewhere, cut on demand. All its connections count together.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    state: Arc<WireState>,
}

struct WireState {
    cut: Mutex<Cut>,
    was_cut: AtomicBool,
    sent: AtomicUsize,
    answers: AtomicUsize,
    stopping: AtomicBool,
    /// Connections that the server has not closed.
    open: AtomicUsize,
}

/// Something with two directions.
pub(crate) trait Stream: std::io::Read + std::io::Write + Send + Sized + 'static {
    fn another(&self) -> Self;
    fn end(&self);
    fn no_more(&self);
}

impl Stream for TcpStream {
    fn another(&self) -> Self {
        self.try_clone().unwrap()
    }
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
    fn no_more(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for std::os::unix::net::UnixStream {
    fn another(&self) -> Self {
        self.try_clone().unwrap()
    }
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
    fn no_more(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Wire {
    pub(crate) fn to<S: Stream>(connect: impl Fn() -> S + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(WireState {
            cut: Mutex::new(Cut::Never),
            was_cut: AtomicBool::new(false),
            sent: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                pass(&client, &connect(), &shared);
            }
        });
        Self { address, state }
    }

    pub(crate) fn cut(&self, cut: Cut) {
        *self.state.cut.lock().unwrap() = cut;
        self.state.was_cut.store(false, Ordering::SeqCst);
        self.state.sent.store(0, Ordering::SeqCst);
        self.state.answers.store(0, Ordering::SeqCst);
    }

    /// Whether the server has done with everything that was sent to it, and all connections are gone.
    pub(crate) fn is_at_rest(&self) -> bool {
        // Connections are taken in order: behind this one, none waits.
        let mut last = TcpStream::connect(self.address).unwrap();
        last.no_more();
        let _ = last.read(&mut [0]);
        self.state.open.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn was_cut(&self) -> bool {
        self.state.was_cut.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn pass<S: Stream>(client: &TcpStream, server: &S, state: &Arc<WireState>) {
    state.open.fetch_add(1, Ordering::SeqCst);
    let (mut from, mut to) = (client.another(), server.another());
    let (here, there) = (client.another(), server.another());
    let up = state.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let before = up.sent.fetch_add(length, Ordering::SeqCst);
            let mut passed = length;
            if let Cut::Sent(at) = *up.cut.lock().unwrap()
                && before + length > at
            {
                passed = at.saturating_sub(before);
                up.was_cut.store(true, Ordering::SeqCst);
            }
            let written = to.write_all(&buffer[..passed]);
            if passed < length {
                here.end();
                there.end();
            }
            // A server that stops listening may still be about to answer.
            if written.is_err() || passed < length {
                return;
            }
        }
        there.no_more();
    });
    let (mut from, mut to) = (server.another(), client.another());
    let (here, there) = (client.another(), server.another());
    let down = state.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let number = down.answers.fetch_add(1, Ordering::SeqCst);
            if *down.cut.lock().unwrap() == Cut::Answer(number) {
                down.was_cut.store(true, Ordering::SeqCst);
                break;
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        here.end();
        there.end();
        down.open.fetch_sub(1, Ordering::SeqCst);
    });
}

/// Names in a map, for messages.
pub(crate) fn ids(parcels: &[(String, Arrived)]) -> BTreeMap<&str, usize> {
    let mut ids = BTreeMap::new();
    for (id, _) in parcels {
        *ids.entry(id.as_str()).or_default() += 1;
    }
    ids
}
