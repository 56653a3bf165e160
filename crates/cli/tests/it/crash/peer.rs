//! The other ends: a procedure with a REST interface that remembers parcels only for those who ask first, and a receiver of callbacks.
//! Both live in the test's own process, so that nothing of what they have seen is lost by a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use amtsbote_gateway::{Server, ServerSettings};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;

use super::spaces::{self, Spaces};

/// What the procedure is like.
pub(crate) const WELL: u8 = 0;
/// Says 503.
pub(crate) const BUSY: u8 = 1;
/// Takes calls and says nothing.
pub(crate) const SILENT: u8 = 2;

/// What has arrived.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) mood: AtomicU8,
    /// Effects by parcel: each whole body that came is one, with its files.
    pub(crate) effects: Mutex<BTreeMap<String, Vec<Vec<Vec<u8>>>>>,
    /// Submissions that callbacks named.
    pub(crate) told: Mutex<BTreeSet<String>>,
}

/// The peers, and where they are.
pub(crate) struct Peers {
    pub(crate) seen: Arc<Seen>,
    pub(crate) procedure_url: String,
    pub(crate) callback_url: String,
    /// The authority that the receiver's certificate leads to.
    pub(crate) ca_pem: String,
}

impl Peers {
    pub(crate) async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// In the hall of network namespaces, if it runs there.
    pub(crate) async fn placed() -> Self {
        match Spaces::around() {
            Some(_) => Self::start_at(spaces::PROCEDURE).await,
            None => Self::start().await,
        }
    }

    /// At another address of this machine.
    pub(crate) async fn start_at(host: Ipv4Addr) -> Self {
        let seen = Arc::new(Seen::default());
        let (ca_pem, tls) = certificate_of(&host.to_string());
        let procedure = Router::new()
            .route("/parcels/{parcel}", get(known))
            .route("/parcels/{parcel}", post(bring))
            .layer(DefaultBodyLimit::max(64 << 20))
            .layer(from_fn_with_state(seen.clone(), moody))
            .with_state(seen.clone());
        let callbacks = Router::new()
            .route("/callback", post(called))
            .with_state(seen.clone());
        let procedure = serve_at(host, procedure, None).await;
        let callbacks = serve_at(host, callbacks, Some(Arc::new(tls))).await;
        Self {
            seen,
            procedure_url: format!("http://{procedure}"),
            callback_url: format!("https://{callbacks}/callback"),
            ca_pem,
        }
    }
}

pub(crate) async fn serve(
    router: Router,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> std::net::SocketAddr {
    serve_at(Ipv4Addr::LOCALHOST, router, tls).await
}

async fn serve_at(
    host: Ipv4Addr,
    router: Router,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> std::net::SocketAddr {
    let any = (host, 0).into();
    let server = Server::bind(any, tls, ServerSettings::default())
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run(router, std::future::pending()));
    address
}

async fn moody(State(seen): State<Arc<Seen>>, request: Request, next: Next) -> Response {
    match seen.mood.load(Ordering::SeqCst) {
        BUSY => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        SILENT => std::future::pending().await,
        _ => next.run(request).await,
    }
}

async fn known(State(seen): State<Arc<Seen>>, Path(parcel): Path<String>) -> StatusCode {
    if seen.effects.lock().unwrap().contains_key(&parcel) {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    }
}

/// Repeats are not recognised here: each of them is an effect, and two are one too many.
async fn bring(
    State(seen): State<Arc<Seen>>,
    Path(parcel): Path<String>,
    body: Bytes,
) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let files = body["files"].as_array().unwrap().iter();
    let files = files.map(|file| STANDARD.decode(file["content"].as_str().unwrap()).unwrap());
    let files = files.collect();
    let mut effects = seen.effects.lock().unwrap();
    effects.entry(parcel).or_default().push(files);
    StatusCode::CREATED
}

async fn called(State(seen): State<Arc<Seen>>, body: Bytes) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let named = body["submissions"].as_array().into_iter().flatten();
    let ids = named.filter_map(|one| one["submissionId"].as_str().map(str::to_owned));
    seen.told.lock().unwrap().extend(ids);
    StatusCode::OK
}

pub(crate) fn certificate() -> (String, rustls::ServerConfig) {
    certificate_of("127.0.0.1")
}

fn certificate_of(name: &str) -> (String, rustls::ServerConfig) {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        );
    (ca_pem, config.unwrap())
}
