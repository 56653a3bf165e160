//! The laws of transports, and more, where a delivery takes several calls: a procedure with drafts that count once they are closed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use amtsbote_adapter::laws::outbound::{Arrived, Bench, Trouble};
use amtsbote_adapter::{Arrival, Fault, Outbound, Parcel, Receipt, Reply};
use amtsbote_transport_http::{HttpOutbound, Settings};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::json;

use super::peer::{Cut, Wire, serve, unpack};
use super::{ID, deliver, parcel};

/// Knows each call again by its key.
const KEYS: &str = r#"
url = "BASE/vorgaenge"
body.kind = "file"
repeats = "recognised"
answers.repeated = [200]
file_number.json = "/az"
[steps]
id.header = "Location"
[steps.attachment]
method = "PUT"
url = "BASE/vorgaenge/{id}/anlagen/{nr}-{name}"
body.kind = "file"
repeats = "recognised"
answers.repeated = [204]
[steps.close]
url = "BASE/vorgaenge/{id}/einreichen"
repeats = "recognised"
answers.repeated = [200]
"#;

/// Knows nothing again, and can be asked for everything.
const ASKED: &str = r#"
url = "BASE/vorgaenge"
body.kind = "json"
repeats = "looked-up"
answers.repeated = [200]
lookup.url = "BASE/vorgaenge?parcel={parcel}"
file_number.json = "/az"
[steps]
id.json = "/nr"
lookup_id.json = "/vorgang/nr"
[steps.attachment]
url = "BASE/vorgaenge/{id}/anlagen"
body = { kind = "multipart", first_part = "datei" }
repeats = "looked-up"
answers.repeated = [200]
lookup.url = "BASE/vorgaenge/{id}/anlagen/{name}"
[steps.close]
method = "PATCH"
url = "BASE/vorgaenge/{id}"
content = '{"status":"eingereicht"}'
repeats = "looked-up"
answers.repeated = [200]
lookup = { url = "BASE/vorgaenge/{id}", state = { at.json = "/status", done = ["eingereicht"] } }
"#;

/// How the procedure behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    /// Recognises nothing by itself.
    Forgetful,
    /// Does not want this application, attachment.
    Refusing,
    RefusingAttachments,
    /// Has no time for attachments.
    BusyWithAttachments,
    /// Gives no id.
    Nameless,
    Answering(u16, &'static [(&'static str, &'static str)]),
}

#[derive(Debug, Default)]
struct Draft {
    parcel: String,
    /// Names and contents as they came, each time they came.
    files: Vec<(String, Vec<u8>)>,
    closed: usize,
    is_taken: bool,
}

struct Facts {
    mood: Mood,
    drafts: Vec<Draft>,
    /// Calls it knows again.
    keys: BTreeSet<String>,
    turns: BTreeMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// Method, path and key of what was sent.
    calls: Vec<(String, String)>,
}

type Shared = Arc<Mutex<Facts>>;

impl Facts {
    /// Whether it has seen this key, if it looks for keys.
    fn is_repeat(&mut self, key: &str) -> bool {
        !self.keys.insert(key.to_owned()) && self.mood != Mood::Forgetful
    }

    fn of_parcel(&self, parcel: &str) -> Option<usize> {
        self.drafts.iter().position(|draft| draft.parcel == parcel)
    }
}

fn about(nr: usize, draft: &Draft) -> serde_json::Value {
    let status = if draft.closed > 0 {
        "eingereicht"
    } else {
        "entwurf"
    };
    let az = (draft.closed > 0).then(|| format!("63-{}", &draft.parcel[..4]));
    json!({ "nr": nr.to_string(), "status": status, "az": az })
}

fn answered(facts: &Facts) -> Option<Response> {
    let Mood::Answering(status, extra) = facts.mood else {
        return None;
    };
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    for (name, value) in extra {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    Some(response)
}

/// The call's key, after those with the same one have ended, and its files.
#[expect(clippy::disallowed_methods, reason = "a peer in tests, with a limit")]
async fn received(
    facts: &Shared,
    request: Request<Body>,
) -> Result<(String, Arrived, tokio::sync::OwnedMutexGuard<()>), Response> {
    let (parts, body) = request.into_parts();
    if let Some(answer) = answered(&facts.lock().unwrap()) {
        return Err(answer);
    }
    let header = |name: &str| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let key = header("idempotency-key").unwrap();
    let turn = {
        let mut facts = facts.lock().unwrap();
        let call = format!("{} {}", parts.method, parts.uri.path());
        facts.calls.push((call, key.clone()));
        facts.turns.entry(key.clone()).or_default().clone()
    };
    let turn = turn.lock_owned().await;
    let Ok(bytes) = to_bytes(body, 200_000_000).await else {
        return Err(StatusCode::BAD_REQUEST.into_response());
    };
    let files = match header("content-type") {
        Some(kind) if kind == "application/json" && bytes.starts_with(b"{\"status\"") => {
            Arrived::new()
        }
        Some(kind) => unpack(&kind, &bytes),
        None => Arrived::new(),
    };
    Ok((key, files, turn))
}

fn refusal() -> Response {
    let problem = json!({ "errors": [{ "pointer": "/files/0", "code": "unlesbar" }] });
    let kind = [("content-type", "application/problem+json")];
    (StatusCode::UNPROCESSABLE_ENTITY, kind, problem.to_string()).into_response()
}

async fn begin(State(facts): State<Shared>, request: Request<Body>) -> Response {
    let (key, files, _turn) = match received(&facts, request).await {
        Ok(received) => received,
        Err(answer) => return answer,
    };
    let mut facts = facts.lock().unwrap();
    if facts.mood == Mood::Refusing {
        return refusal();
    }
    let known = facts
        .is_repeat(&key)
        .then(|| facts.of_parcel(&key))
        .flatten();
    let (status, nr) = known.map_or_else(
        || (StatusCode::CREATED, facts.drafts.len()),
        |nr| (StatusCode::OK, nr),
    );
    if known.is_none() {
        let files = files.into_iter();
        facts.drafts.push(Draft {
            parcel: key,
            files: files
                .map(|(_, bytes)| ("antrag".to_owned(), bytes))
                .collect(),
            ..Draft::default()
        });
    }
    if facts.mood == Mood::Nameless {
        return (status, "{}").into_response();
    }
    let place = [("location", format!("/vorgaenge/{nr}"))];
    let body = about(nr, &facts.drafts[nr]).to_string();
    (status, place, body).into_response()
}

async fn find(
    State(facts): State<Shared>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    let facts = facts.lock().unwrap();
    if let Some(answer) = answered(&facts) {
        return answer;
    }
    match facts.of_parcel(&asked["parcel"]) {
        Some(nr) => {
            let vorgang = about(nr, &facts.drafts[nr]);
            let az = &vorgang["az"];
            json!({ "vorgang": vorgang, "az": az })
                .to_string()
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn show(State(facts): State<Shared>, Path(nr): Path<usize>) -> Response {
    let facts = facts.lock().unwrap();
    let answer = || about(nr, &facts.drafts[nr]).to_string().into_response();
    answered(&facts).unwrap_or_else(answer)
}

async fn show_file(
    State(facts): State<Shared>,
    Path((nr, name)): Path<(usize, String)>,
) -> StatusCode {
    let facts = facts.lock().unwrap();
    let mut names = facts.drafts[nr].files.iter().map(|(name, _)| name);
    if names.any(|there| *there == name) {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    }
}

fn moody(mood: Mood) -> Option<Response> {
    match mood {
        Mood::RefusingAttachments => Some(refusal()),
        Mood::BusyWithAttachments => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        Mood::Good | Mood::Forgetful | Mood::Refusing | Mood::Nameless | Mood::Answering(..) => {
            None
        }
    }
}

async fn put_file(
    State(facts): State<Shared>,
    Path((nr, name)): Path<(usize, String)>,
    request: Request<Body>,
) -> Response {
    let (key, files, _turn) = match received(&facts, request).await {
        Ok(received) => received,
        Err(answer) => return answer,
    };
    let mut facts = facts.lock().unwrap();
    if let Some(answer) = moody(facts.mood) {
        return answer;
    }
    if facts.is_repeat(&key) {
        return StatusCode::NO_CONTENT.into_response();
    }
    // Whatever comes to something closed is an effect, too.
    let files = files.into_values().map(|bytes| (name.clone(), bytes));
    facts.drafts[nr].files.extend(files);
    StatusCode::CREATED.into_response()
}

async fn add_file(
    State(facts): State<Shared>,
    Path(nr): Path<usize>,
    request: Request<Body>,
) -> Response {
    let (key, files, _turn) = match received(&facts, request).await {
        Ok(received) => received,
        Err(answer) => return answer,
    };
    let mut facts = facts.lock().unwrap();
    if let Some(answer) = moody(facts.mood) {
        return answer;
    }
    if facts.is_repeat(&key) {
        return StatusCode::OK.into_response();
    }
    facts.drafts[nr].files.extend(files);
    StatusCode::CREATED.into_response()
}

async fn close(
    State(facts): State<Shared>,
    Path(nr): Path<usize>,
    request: Request<Body>,
) -> Response {
    let (key, _, _turn) = match received(&facts, request).await {
        Ok(received) => received,
        Err(answer) => return answer,
    };
    let mut facts = facts.lock().unwrap();
    let is_repeat = facts.is_repeat(&key);
    let draft = &mut facts.drafts[nr];
    let status = if is_repeat {
        StatusCode::OK
    } else {
        draft.closed += 1;
        StatusCode::CREATED
    };
    (status, about(nr, draft).to_string()).into_response()
}

async fn ready(State(facts): State<Shared>, _headers: HeaderMap) -> Response {
    let facts = facts.lock().unwrap();
    answered(&facts).unwrap_or_else(|| StatusCode::OK.into_response())
}

/// The procedure behind a wire.
struct Drafts {
    facts: Shared,
    wire: Wire,
    settings: &'static str,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Drafts {
    fn start(settings: &'static str) -> Self {
        let facts = Arc::new(Mutex::new(Facts {
            mood: Mood::Good,
            drafts: Vec::new(),
            keys: BTreeSet::new(),
            turns: BTreeMap::new(),
            calls: Vec::new(),
        }));
        let router = Router::new()
            .route("/vorgaenge", post(begin).get(find).options(ready))
            .route("/vorgaenge/{nr}", get(show).patch(close))
            .route("/vorgaenge/{nr}/einreichen", post(close))
            .route("/vorgaenge/{nr}/anlagen", post(add_file))
            .route(
                "/vorgaenge/{nr}/anlagen/{name}",
                put(put_file).get(show_file),
            )
            .with_state(facts.clone());
        let (address, stop) = serve(router);
        let wire = Wire::to(move || TcpStream::connect(address).unwrap());
        Self {
            facts,
            wire,
            settings,
            _stop: stop,
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    fn open(&self) -> HttpOutbound {
        let text = format!("danger_plain_http = true\n{}", self.settings)
            .replace("BASE", &format!("http://{}", self.wire.address));
        let settings: Settings = toml::from_str(&text).unwrap();
        HttpOutbound::open(settings).unwrap()
    }
}

impl Bench for Drafts {
    fn way(&self) -> Box<dyn Outbound> {
        Box::new(self.open())
    }

    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>> {
        let troubled = Self::start(self.settings);
        match trouble {
            Trouble::Refusing => troubled.facts().mood = Mood::Refusing,
            Trouble::Cut => troubled.wire.cut(Cut::Sent(150)),
            Trouble::Busy => troubled.facts().mood = Mood::Answering(503, &[("retry-after", "7")]),
            Trouble::WrongPlace => troubled.facts().mood = Mood::Answering(410, &[]),
            Trouble::NoRight => troubled.facts().mood = Mood::Answering(403, &[]),
        }
        let way = troubled.open();
        Some(Box::new(Kept {
            way,
            _troubled: troubled,
        }))
    }

    fn arrived(&self) -> Vec<Arrived> {
        let facts = self.facts();
        let mut all = Vec::new();
        for draft in facts.drafts.iter().filter(|draft| draft.closed > 0) {
            let of_parcel = facts.drafts.iter().filter(|one| one.parcel == draft.parcel);
            let (drafts, closed) = (of_parcel.count(), draft.closed);
            assert_eq!(
                (drafts, closed),
                (1, 1),
                "drafts, and how often it was closed"
            );
            if draft.is_taken {
                continue;
            }
            let mut files = Arrived::new();
            for (index, (name, bytes)) in draft.files.iter().enumerate() {
                files.insert(format!("{index}/{name}"), bytes.clone());
            }
            all.push(files);
        }
        all
    }

    fn visible(&self) -> Vec<String> {
        let facts = self.facts();
        let there = facts.drafts.iter();
        let there = there.filter(|draft| draft.closed > 0 && !draft.is_taken);
        there.map(|draft| draft.parcel.clone()).collect()
    }

    fn consume(&self) {
        for draft in &mut self.facts().drafts {
            draft.is_taken = draft.closed > 0;
        }
    }

    fn recognise_nothing(&self) {
        if self.settings.contains("looked-up") {
            self.facts().mood = Mood::Forgetful;
        }
    }

    fn is_at_rest(&self) -> bool {
        self.wire.is_at_rest()
    }
}

/// A way that keeps its peer alive.
struct Kept {
    way: HttpOutbound,
    _troubled: Drafts,
}

impl Outbound for Kept {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        self.way.deliver(parcel, limit)
    }

    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        self.way.probe(limit)
    }
}

mod keys {
    amtsbote_adapter::outbound_laws!(super::Drafts::start(super::KEYS));
}

mod asked {
    amtsbote_adapter::outbound_laws!(super::Drafts::start(super::ASKED));
}

/// Cuts at every 40th byte the client sends and at each answer, then delivers again.
fn one_effect_wherever_it_is_cut(drafts: &Drafts) {
    let sent: &dyn Fn(usize) -> Cut = &|nr| Cut::Sent(nr * 40);
    let mut cuts = 0;
    for cut in [sent, &Cut::Answer] {
        for nr in 0.. {
            {
                let mut facts = drafts.facts();
                facts.drafts.clear();
                facts.keys.clear();
            }
            drafts.wire.cut(cut(nr));
            let first = deliver(&drafts.open(), &parcel());
            let was_cut = drafts.wire.was_cut();
            drafts.wire.cut(Cut::Never);
            while !drafts.is_at_rest() {
                std::thread::yield_now();
            }
            let again = deliver(&drafts.open(), &parcel()).unwrap();
            let arrived = drafts.arrived();
            assert_eq!(arrived.len(), 1, "{:?}", cut(nr));
            let contents: Vec<&[u8]> = arrived[0].values().map(Vec::as_slice).collect();
            assert_eq!(contents, [&b"{}"[..], b"eins"], "{:?}", cut(nr));
            assert_eq!(again.file_number.unwrap().reveal(), "63-f39a");
            assert!(first.is_err() || again.arrival == Arrival::Repeated);
            if !was_cut {
                break;
            }
            cuts += 1;
        }
    }
    assert!(cuts > 15, "{cuts}");
}

#[test]
fn a_cut_between_and_in_any_calls_and_a_repeat_have_one_effect() {
    one_effect_wherever_it_is_cut(&Drafts::start(KEYS));
    let asked = Drafts::start(ASKED);
    asked.facts().mood = Mood::Forgetful;
    one_effect_wherever_it_is_cut(&asked);
}

#[test]
fn a_procedure_that_knows_no_keys_gets_everything_twice() {
    // Shows that the peer of the tests above would notice.
    let drafts = Drafts::start(KEYS);
    drafts.facts().mood = Mood::Forgetful;
    for _ in 0..2 {
        deliver(&drafts.open(), &parcel()).unwrap();
    }
    assert_eq!(drafts.facts().drafts.len(), 2);
}

#[test]
fn each_call_has_its_place_and_a_key_that_is_the_same_at_the_repeat() {
    let drafts = Drafts::start(KEYS);
    deliver(&drafts.open(), &parcel()).unwrap();
    let calls = std::mem::take(&mut drafts.facts().calls);
    let paths: Vec<&str> = calls.iter().map(|(call, _)| call.as_str()).collect();
    assert_eq!(
        paths,
        [
            "POST /vorgaenge",
            "PUT /vorgaenge/0/anlagen/1-01.txt",
            "POST /vorgaenge/0/einreichen"
        ]
    );
    assert_eq!(calls[0].1, ID);
    let keys: BTreeSet<&String> = calls.iter().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 3);
    let again = deliver(&drafts.open(), &parcel()).unwrap();
    assert_eq!(again.arrival, Arrival::Repeated);
    assert_eq!(drafts.facts().calls, calls);
}

#[test]
fn whoever_comes_after_a_death_goes_on_with_the_same_draft() {
    for settings in [KEYS, ASKED] {
        let drafts = Drafts::start(settings);
        drafts.recognise_nothing();
        let mood = std::mem::replace(&mut drafts.facts().mood, Mood::BusyWithAttachments);
        let first = deliver(&drafts.open(), &parcel());
        assert!(matches!(first, Err(Fault::Unavailable { .. })), "{first:?}");
        assert!(drafts.visible().is_empty());
        drafts.facts().mood = mood;
        let receipt = deliver(&drafts.open(), &parcel()).unwrap();
        assert_eq!(receipt.arrival, Arrival::New);
        assert_eq!(drafts.arrived().len(), 1);
    }
}

#[test]
fn what_is_closed_gets_nothing_more() {
    let drafts = Drafts::start(ASKED);
    drafts.facts().mood = Mood::Forgetful;
    deliver(&drafts.open(), &parcel()).unwrap();
    let calls = drafts.facts().calls.len();
    let again = deliver(&drafts.open(), &parcel()).unwrap();
    assert_eq!(again.arrival, Arrival::Repeated);
    assert_eq!(drafts.facts().calls.len(), calls);
}

#[test]
fn a_refused_attachment_refuses_the_application_only_while_it_does_not_count() {
    let drafts = Drafts::start(KEYS);
    drafts.facts().mood = Mood::RefusingAttachments;
    let Err(Fault::Rejected { findings }) = deliver(&drafts.open(), &parcel()) else {
        panic!("not refused")
    };
    assert_eq!(findings[0].rule, "unlesbar");
    let at = KEYS.find("[steps.close]").unwrap();
    let open = Drafts::start(&KEYS[..at]);
    open.facts().mood = Mood::RefusingAttachments;
    let outcome = deliver(&open.open(), &parcel());
    let Err(Fault::Misconfigured { what }) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        what.en.contains("422") && what.en.contains("a person"),
        "{what:?}"
    );
    open.facts().mood = Mood::Good;
    assert_eq!(
        deliver(&open.open(), &parcel()).unwrap().arrival,
        Arrival::New
    );
    assert_eq!(open.facts().drafts.len(), 1);
    let again = deliver(&open.open(), &parcel()).unwrap();
    assert_eq!(again.arrival, Arrival::Repeated);
}

#[test]
fn an_answer_without_an_id_is_a_fault_of_the_settings_and_costs_no_second_draft() {
    let drafts = Drafts::start(KEYS);
    drafts.facts().mood = Mood::Nameless;
    for _ in 0..2 {
        let outcome = deliver(&drafts.open(), &parcel());
        let Err(Fault::Misconfigured { what }) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(what.en.contains("without an id"), "{what:?}");
    }
    assert_eq!(drafts.facts().drafts.len(), 1);
}

#[test]
fn two_files_of_one_name_need_their_numbers() {
    let mut twice = parcel();
    let mut other = twice.files[1].clone();
    other.path = "weitere/01.TXT".parse().unwrap();
    twice.files.push(other);
    let numbered = deliver(&Drafts::start(KEYS).open(), &twice);
    assert!(numbered.is_ok(), "{numbered:?}");
    let drafts = Drafts::start(ASKED);
    let outcome = deliver(&drafts.open(), &twice);
    assert!(
        matches!(outcome, Err(Fault::Misconfigured { .. })),
        "{outcome:?}"
    );
    assert!(drafts.facts().drafts.is_empty());
}

/// Everything that is said around the files is told, for each call.
#[test]
fn each_call_tells_where_its_words_come_from() {
    use amtsbote_adapter::Transport as _;
    let text = KEYS.replace("BASE", "https://h.example");
    let settings: toml::Table = toml::from_str(&text).unwrap();
    let said = amtsbote_transport_http::Http.said(settings, 3).unwrap();
    let told: BTreeSet<&str> = said.iter().map(|one| one.output.as_str()).collect();
    assert_eq!(told.len(), said.len(), "told twice");
    for call in ["", "attachment[1]/", "attachment[2]/", "close/"] {
        for what in [
            "url",
            "method",
            "header/idempotency-key",
            "header/content-length",
        ] {
            assert!(told.contains(&*format!("way/{call}{what}")), "{call}{what}");
        }
    }
    assert!(!told.iter().any(|at| at.contains("attachment[3]")));
}
