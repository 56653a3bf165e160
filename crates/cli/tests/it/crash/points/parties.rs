//! The other ends of all ways: they live as long as the test, remember everything, and repeat what was not answered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use amtsbote_model::{Clock, Timestamp};
use amtsbote_transport_xta::{Account, AccountSettings, Server as XtaServer, Service, mutual_tls};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path as At, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::box_client::{PROCEDURE, SERVICE};
use crate::crash::peer;
use crate::stand::files_below;
use crate::way_back::server::Server as Sshd;

#[path = "../../../../../transport-mail/tests/laws/server.rs"]
#[expect(dead_code, reason = "the laws of the transport use the rest")]
pub(super) mod mailbox;

#[path = "../../../../../transport-xta/tests/it/pki.rs"]
pub(super) mod pki;

use mailbox::Mailbox;
use pki::Pki;

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

/// A REST interface: takes parcels in several calls and recognises no repeats, lists answers, is asked for the state of a case.
#[derive(Default)]
pub(super) struct Desk {
    /// How often each application came.
    pub(super) drafts: BTreeMap<Uuid, u32>,
    /// How often each of its attachments came.
    pub(super) attached: BTreeMap<(Uuid, String), u32>,
    /// How often it was closed; only then it counts.
    pub(super) parcels: BTreeMap<Uuid, u32>,
    /// Answers that wait, by their number.
    pub(super) listed: BTreeMap<Uuid, Value>,
    /// Answers that stay, by submission.
    pub(super) asked: BTreeMap<Uuid, Value>,
}

type Shared = Arc<Mutex<Desk>>;

/// The file number that the interface gives at once.
pub(super) fn number_at_once(parcel: Uuid) -> String {
    format!("S-{parcel}")
}

async fn begin(State(desk): State<Shared>, At(parcel): At<String>) -> Response {
    let parcel = parcel.parse().unwrap();
    *desk.lock().unwrap().drafts.entry(parcel).or_default() += 1;
    let body = axum::Json(json!({ "nr": format!("E-{parcel}") }));
    (StatusCode::CREATED, body).into_response()
}

async fn known(State(desk): State<Shared>, At(parcel): At<String>) -> Response {
    let parcel = parcel.parse().unwrap();
    let desk = desk.lock().unwrap();
    if !desk.drafts.contains_key(&parcel) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let is_closed = desk.parcels.contains_key(&parcel);
    let az = is_closed.then(|| number_at_once(parcel));
    let nr = format!("E-{parcel}");
    let stand = if is_closed { "ganz" } else { "halb" };
    axum::Json(json!({ "nr": nr, "stand": stand, "az": az })).into_response()
}

/// The application that it gave this number.
fn numbered(nr: &str) -> Uuid {
    nr.strip_prefix("E-").unwrap().parse().unwrap()
}

async fn attach(State(desk): State<Shared>, At((nr, name)): At<(String, String)>) -> StatusCode {
    let mut desk = desk.lock().unwrap();
    *desk.attached.entry((numbered(&nr), name)).or_default() += 1;
    StatusCode::CREATED
}

async fn is_attached(
    State(desk): State<Shared>,
    At((nr, name)): At<(String, String)>,
) -> StatusCode {
    if desk
        .lock()
        .unwrap()
        .attached
        .contains_key(&(numbered(&nr), name))
    {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn close(State(desk): State<Shared>, At(nr): At<String>) -> Response {
    let parcel = numbered(&nr);
    *desk.lock().unwrap().parcels.entry(parcel).or_default() += 1;
    axum::Json(json!({ "az": number_at_once(parcel) })).into_response()
}

async fn list(State(desk): State<Shared>) -> Response {
    let desk = desk.lock().unwrap();
    let entries = desk.listed.iter().map(|(nr, entry)| {
        let mut entry = entry.clone();
        entry["nr"] = json!(nr.to_string());
        entry
    });
    axum::Json(json!({ "antworten": entries.collect::<Vec<_>>() })).into_response()
}

async fn acknowledge(State(desk): State<Shared>, At(nr): At<String>) -> StatusCode {
    match desk.lock().unwrap().listed.remove(&nr.parse().unwrap()) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::GONE,
    }
}

async fn ask(State(desk): State<Shared>, At(submission): At<String>) -> Response {
    match desk.lock().unwrap().asked.get(&submission.parse().unwrap()) {
        Some(answer) => axum::Json(answer.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// All of them.
pub(super) struct Parties {
    pub(super) dir: TempDir,
    pub(super) sshd: Sshd,
    pub(super) mailbox: Mailbox,
    pub(super) mail_port: u16,
    _mail: mailbox::Server,
    desk: Shared,
    pub(super) desk_url: String,
    pub(super) pki: Pki,
    /// A foreign XTA server's.
    pub(super) xta: SocketAddr,
}

impl Parties {
    /// Nothing where one of the servers is not installed; that was said.
    pub(super) async fn start() -> Option<Self> {
        let sshd = Sshd::start()?;
        let mailbox = Mailbox::new()?;
        let mail = mailbox.serve("good");
        let dir = tempfile::tempdir().unwrap();
        for name in ["out", "answers", "inbox"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::create_dir(sshd.dir.path().join("answers")).unwrap();
        let pki = Pki::new(dir.path());
        let desk = Shared::default();
        let router = Router::new()
            .route("/parcels/{parcel}", get(known).post(begin))
            .route(
                "/eingang/{nr}/anlagen/{name}",
                get(is_attached).post(attach),
            )
            .route("/eingang/{nr}/ganz", post(close))
            .route("/antworten", get(list))
            .route("/antworten/{nr}", delete(acknowledge))
            .route("/vorgaenge/{submission}", get(ask))
            .layer(DefaultBodyLimit::max(64 << 20))
            .with_state(desk.clone());
        let desk_at = peer::serve(router, None).await;
        let xta = serve_xta(&pki, &dir.path().join("inbox")).await;
        Some(Self {
            mail_port: mail.port,
            _mail: mail,
            sshd,
            mailbox,
            dir,
            desk,
            desk_url: format!("http://{desk_at}"),
            pki,
            xta,
        })
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn far_answers(&self) -> PathBuf {
        self.sshd.dir.path().join("answers")
    }

    /// Adds the mails that are new, with the parcel that each one's `Message-ID` names.
    pub(super) fn mails(&self, seen: &mut BTreeMap<PathBuf, Uuid>) {
        for path in self.mailbox.mails() {
            if path.extension().is_none_or(|ending| ending != "eml") || seen.contains_key(&path) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let mut lines = text.lines();
            let line = lines.find(|line| line.to_ascii_lowercase().starts_with("message-id:"));
            seen.insert(path, uuids(line.unwrap()).pop_first().unwrap());
        }
    }

    /// Adds the messages of the foreign XTA server that are new, whole.
    pub(super) fn messages(&self, seen: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(self.path("inbox/inbox")).unwrap() {
            let folder = entry.unwrap().path();
            let files = || files_below(&folder).into_iter();
            seen.entry(folder.clone()).or_insert_with(|| {
                files()
                    .flat_map(|path| std::fs::read(path).unwrap())
                    .collect()
            });
        }
    }
}

async fn serve_xta(pki: &Pki, path: &Path) -> SocketAddr {
    let tls = mutual_tls(
        &pki.read("server.pem"),
        &pki.read("server.key"),
        &pki.read("ca.pem"),
    );
    let account = Account::open(AccountSettings {
        name: "clearing",
        path,
        certificates_sha256: std::slice::from_ref(&pki.known_sha256),
        identifiers: &["bap:06000000".to_owned(), PROCEDURE.to_owned()],
        services: &[SERVICE.to_owned()],
    });
    let service = Service::new(
        vec![account.unwrap()],
        Arc::new(WallClock),
        "Clearingstelle".to_owned(),
        60_000_000,
    );
    let any = "127.0.0.1:0".parse().unwrap();
    let server = XtaServer::bind(any, tls.unwrap(), service).await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run(std::future::pending()));
    address
}

/// Names of what lies in a folder and is not ours or half.
pub(super) fn visible(folder: &Path) -> Vec<Uuid> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// An answer in a file of its own, visible whole.
pub(super) fn put(folder: &Path, name: &str, answer: &Value) {
    let half = folder.join(format!("{name}.tmp"));
    std::fs::write(&half, answer.to_string()).unwrap();
    std::fs::rename(half, folder.join(format!("{name}.json"))).unwrap();
}

/// The ids in a text.
fn uuids(text: &str) -> BTreeSet<Uuid> {
    let bytes = text.as_bytes();
    let windows = bytes.windows(36);
    let read = |window: &[u8]| std::str::from_utf8(window).ok()?.parse().ok();
    windows.filter_map(read).collect()
}
