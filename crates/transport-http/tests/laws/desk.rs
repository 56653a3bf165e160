//! A procedure that is asked for its answers: a list with pages and acknowledgement, a state per submission, documents behind
//! links. On a thread of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

/// Entries on one page.
const PAGE: usize = 2;

#[derive(Default)]
pub(crate) struct Facts {
    /// Answers that wait, by their number.
    pub(crate) entries: BTreeMap<u32, Value>,
    /// Content type and body by submission or document.
    pub(crate) bodies: BTreeMap<String, (String, Vec<u8>)>,
    /// What everybody is answered: status and headers.
    pub(crate) trouble: Option<(u16, &'static [(&'static str, &'static str)])>,
    /// Each call, method and path.
    pub(crate) calls: Vec<String>,
    /// The address of the next page, if it is not the usual one.
    pub(crate) next: Option<String>,
}

type Shared = Arc<Mutex<Facts>>;

/// The procedure. Ends when dropped.
pub(crate) struct Desk {
    pub(crate) address: SocketAddr,
    facts: Shared,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Desk {
    pub(crate) fn start() -> Self {
        let facts = Shared::default();
        let router = Router::new()
            .route("/antworten", get(list))
            .route("/antworten/{id}", get(body).delete(remove))
            .route("/vorgaenge/{id}", get(body))
            .route("/dok/{id}", get(body))
            .with_state(facts.clone());
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
        Self {
            address: told.recv().unwrap(),
            facts,
            _stop: stop,
        }
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    pub(crate) fn put(&self, name: &str, content_type: &str, body: &[u8]) {
        let body = (content_type.to_owned(), body.to_vec());
        self.facts().bodies.insert(name.to_owned(), body);
    }
}

fn troubled(facts: &Facts) -> Option<Response> {
    let (status, headers) = facts.trouble?;
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    Some(response)
}

async fn list(
    State(facts): State<Shared>,
    Query(query): Query<BTreeMap<String, u32>>,
    headers: HeaderMap,
) -> Response {
    let mut facts = facts.lock().unwrap();
    let after = query.get("after").copied().unwrap_or_default();
    facts.calls.push(format!("GET /antworten after {after}"));
    if let Some(trouble) = troubled(&facts) {
        return trouble;
    }
    let waiting = facts.entries.range(after + 1..).map(|(nr, entry)| {
        let mut entry = entry.clone();
        entry["nr"] = json!(nr);
        entry
    });
    let waiting: Vec<Value> = waiting.collect();
    let page: Vec<Value> = waiting.iter().take(PAGE).cloned().collect();
    let mut body = json!({ "antworten": page });
    let mut answer = HeaderMap::new();
    if waiting.len() > PAGE {
        let last = page[PAGE - 1]["nr"].as_u64().unwrap();
        let host = headers["host"].to_str().unwrap();
        let next = facts.next.clone();
        let next = next.unwrap_or_else(|| format!("http://{host}/antworten?after={last}"));
        body["weiter"] = json!(next);
        body["zeiger"] = json!(last);
        let link = format!("<http://{host}/>; rel=\"first\", <{next}>; rel=\"next\"");
        answer.insert("link", link.parse().unwrap());
    }
    (answer, axum::Json(body)).into_response()
}

async fn body(State(facts): State<Shared>, Path(id): Path<String>) -> Response {
    let mut facts = facts.lock().unwrap();
    facts.calls.push(format!("GET {id}"));
    if let Some(trouble) = troubled(&facts) {
        return trouble;
    }
    match facts.bodies.get(&id) {
        Some((kind, body)) => ([("content-type", kind.clone())], body.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn remove(State(facts): State<Shared>, Path(id): Path<u32>) -> Response {
    let mut facts = facts.lock().unwrap();
    facts.calls.push(format!("DELETE {id}"));
    if let Some(trouble) = troubled(&facts) {
        return trouble;
    }
    match facts.entries.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => StatusCode::GONE.into_response(),
    }
}
