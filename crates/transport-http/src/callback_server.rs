//! The listener that procedures call: bounds, TLS, orderly end; and what each call is answered.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{Refusal, Return, Said};
use amtsbote_jose::sha256_hex;
use amtsbote_problem::{Code, Findings, Language, Problem};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use crate::callback::{Callbacks, Outcome, Room, fresh_id};
use crate::callback_settings::{Refused, Shown};
use crate::fields::Case;
use crate::reading::{self, Filled, Got};

const CONNECTIONS_MAX: usize = 64;
/// Bodies in memory at a time.
const BODIES_MAX: usize = 4;
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
const HEADER_READ_MAX: Duration = Duration::from_secs(30);
const BODY_READ_MAX: Duration = Duration::from_mins(2);
const DRAIN_MAX: Duration = Duration::from_secs(25);
/// Where problems are explained. A URI of ours: nothing is served there.
const PROBLEMS: &str = "https://schema.amtsbote.example/problems/";

/// TLS of the listener is not usable.
#[derive(Debug, thiserror::Error)]
pub enum NotSecured {
    /// No certificate in the chain's file.
    #[error("the certificate file of the callbacks holds no certificate in PEM form")]
    Chain,
    /// No key in the key's file.
    #[error("the key file of the callbacks holds no private key in PEM form")]
    Key,
    /// No authority in the file of those that issue client certificates.
    #[error(
        "the file of authorities for client certificates holds no usable certificate in PEM form"
    )]
    ClientAuthorities,
    /// The parts do not fit together.
    #[error("TLS cannot be set up with these certificates and this key")]
    Tls(#[source] rustls::Error),
}

/// TLS of the listener; with authorities, certificates of theirs are asked for and not demanded: each path says what it needs. All
/// in PEM.
pub fn callback_tls(
    chain: &[u8],
    key: &[u8],
    client_authorities: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, NotSecured> {
    let certificates = |pem| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = certificates(chain)
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or(NotSecured::Chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| NotSecured::Key)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(NotSecured::Tls)?;
    let builder = match client_authorities {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(pem).map_err(|_| NotSecured::ClientAuthorities)? {
                roots
                    .add(certificate)
                    .map_err(|_| NotSecured::ClientAuthorities)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|_| NotSecured::ClientAuthorities)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(NotSecured::Tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A bound listener, ready to serve.
pub struct CallbackServer {
    listener: TcpListener,
    desk: Arc<Desk>,
}

/// What all connections share.
struct Desk {
    tls: Option<TlsAcceptor>,
    callbacks: Arc<Callbacks>,
    bodies: Semaphore,
}

impl CallbackServer {
    /// Binds `address` (port 0 = any). With `tls`, speaks nothing else.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        callbacks: Arc<Callbacks>,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            desk: Arc::new(Desk {
                tls: tls.map(TlsAcceptor::from),
                callbacks,
                bodies: Semaphore::new(BODIES_MAX),
            }),
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves; then who waits is told to come again.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot,
                () = &mut stop => break,
            };
            let Ok(slot) = slot else { break };
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of file descriptors or the peer is gone: breathe, then go on.
                        tracing::warn!(error = %error, "a connection could not be accepted: {error}");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = &mut stop => break,
            };
            let (desk, watcher) = (self.desk.clone(), graceful.watcher());
            tokio::spawn(async move {
                desk.connected(stream, watcher).await;
                drop(slot);
            });
        }
        drop(self.listener);
        // Nobody settles any more.
        self.desk.bodies.close();
        self.desk.callbacks.close();
        if tokio::time::timeout(DRAIN_MAX, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some callbacks were still open at the end of the drain time");
        }
    }
}

impl Desk {
    async fn connected(self: Arc<Self>, stream: TcpStream, watcher: Watcher) {
        // Small answers must not wait for Nagle; failing to set it costs milliseconds, nothing else.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else {
            return self.speak(stream, None, watcher).await;
        };
        match tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates();
                let certificate = shown.and_then(<[_]>::first).map(|leaf| sha256_hex(leaf));
                self.speak(stream, certificate, watcher).await;
            }
            Ok(Err(error)) => tracing::debug!(error = %error, "a TLS handshake failed: {error}"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn speak<S>(self: Arc<Self>, stream: S, certificate: Option<String>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let serve = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (desk, certificate) = (self.clone(), certificate.clone());
            async move { Ok::<_, Infallible>(desk.answer(request, certificate).await) }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_MAX)
            .max_buf_size(64 * 1024);
        let connection = builder.serve_connection(TokioIo::new(stream), serve);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error = %error, "a connection ended early: {error}");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        certificate: Option<String>,
    ) -> Response<Full<Bytes>> {
        let language = request.headers().get("accept-language");
        let language = language.and_then(|value| value.to_str().ok());
        let language = language.map_or(Language::default(), Language::from_accept);
        match self.taken(request, certificate).await {
            Ok(()) => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            Err(problem) => rendered(&problem, language),
        }
    }

    async fn taken(
        &self,
        request: Request<Incoming>,
        certificate: Option<String>,
    ) -> Result<(), Problem> {
        let (head, body) = request.into_parts();
        let room = self.callbacks.at(head.uri.path());
        let room = room.ok_or(Problem::new(Code::NoSuchPath))?;
        if head.method != Method::POST {
            return Err(Code::MethodNotAllowed.into());
        }
        let shown = shown(&head.headers, certificate.as_deref(), &room);
        let auth = &room.settings.auth;
        auth.first(&shown).map_err(unproven)?;
        let slot = self.bodies.try_acquire();
        let _slot = slot.map_err(|_| later(Code::Overloaded))?;
        let body = read(body, body_max(&room)).await?;
        auth.second(&shown, &body).map_err(unproven)?;
        let content_type = header(&head.headers, "content-type")
            .unwrap_or_default()
            .to_owned();
        let answer = understood(&room, content_type, body).await?;
        // From here on whoever called waits for what becomes of it. Dying before that, it calls again.
        match room.enter(answer).outcome().await {
            Some(Outcome::Kept) => Ok(()),
            Some(Outcome::Refused(why)) => Err(refused(why)),
            None => Err(later(Code::StoreUnavailable)),
        }
    }
}

/// Base64 is a third longer.
fn body_max(room: &Room) -> usize {
    room.settings.answer_max_bytes / 3 * 4 + (1 << 20)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn shown<'a>(headers: &'a HeaderMap, certificate: Option<&'a str>, room: &Room) -> Shown<'a> {
    Shown {
        authorization: header(headers, "authorization"),
        timestamp: header(headers, "callback-timestamp"),
        mac: header(headers, "callback-authentication"),
        certificate,
        now: room.clock.now(),
    }
}

async fn read(body: Incoming, max: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge).detail(format!("at most {max} bytes"));
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(BODY_READ_MAX, Limited::new(body, max).collect()).await;
    match collected {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Code::MalformedRequest).detail("the body broke off")),
        Err(_) => Err(Code::TooSlow.into()),
    }
}

/// Large bodies take their time: not on the threads that serve.
async fn understood(
    room: &Arc<Room>,
    content_type: String,
    body: Bytes,
) -> Result<Return, Problem> {
    let room = room.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let fields = room.settings.fields.as_ref();
        let max = room.settings.answer_max_bytes;
        reading::of_body(fields, (&content_type, &body), Case::Told, max)
    });
    let (said, facts, files) = match reading.await {
        Ok(Got::Files(files, facts)) => (Said::Unread, facts, files),
        Ok(Got::Nonsense(findings)) => return Err(nonsense(findings)),
        Ok(Got::Read(mut read)) => {
            let facts = std::mem::take(&mut read.facts);
            let documents = std::mem::take(&mut read.documents);
            let documents = documents.into_iter().filter_map(Filled::here).collect();
            let (said, files) = reading::finished(*read, documents);
            (said, facts, files)
        }
        // It panicked: told as ours, and nothing of it was kept.
        Err(_) => return Err(Code::Internal.into()),
    };
    Ok(Return {
        id: fresh_id(),
        facts,
        said,
        files,
    })
}

fn unproven(refused: Refused) -> Problem {
    match refused {
        Refused::NotProven(what) => Problem::new(Code::CallerUnproven).detail(what.0),
        Refused::Ours(fault) => {
            tracing::error!(error = %fault, "a callback could not be proven: {fault}");
            Code::Internal.into()
        }
    }
}

fn nonsense(findings: Findings) -> Problem {
    Problem::new(Code::AnswerNotUnderstood).findings(findings)
}

fn refused(why: Refusal) -> Problem {
    match why {
        Refusal::Unreadable(findings) => nonsense(findings),
        Refusal::NoCase => Code::AnswerUnmatched.into(),
        Refusal::SeveralCases => Code::AnswerAmbiguous.into(),
        Refusal::TooLarge => Code::BodyTooLarge.into(),
        Refusal::Ours => Code::Internal.into(),
    }
}

fn later(code: Code) -> Problem {
    Problem::new(code).retry_after(Duration::from_secs(30))
}

/// RFC 9457.
fn rendered(problem: &Problem, language: Language) -> Response<Full<Bytes>> {
    let status = problem.code.entry().status;
    let id = Uuid::new_v4().to_string();
    let body = problem.body(PROBLEMS, &id, language);
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = Response::new(Full::from(bytes));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        const { hyper::header::HeaderValue::from_static("application/problem+json") },
    );
    if status == 405 {
        headers.insert(
            ALLOW,
            const { hyper::header::HeaderValue::from_static("POST") },
        );
    }
    if let Some(wait) = problem.retry_after {
        headers.insert(RETRY_AFTER, wait.as_secs().into());
    }
    response
}
