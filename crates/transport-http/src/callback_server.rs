//! What procedures call: who is listened to, and what each call is answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{Refusal, Return, Said};
use amtsbote_incoming::{Bounds, ClientCertificates, Host, Listener, NotSecured, Speaks};
use amtsbote_jose::sha256_hex;
use amtsbote_problem::{Code, Findings, Language, Problem};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use crate::callback::{Callbacks, Outcome, Room, fresh_id};
use crate::callback_settings::{Refused, Shown};
use crate::fields::Case;
use crate::reading::{self, Filled, Got};

/// Bodies in memory at a time.
const BODIES_MAX: usize = 4;
/// Of these, bodies that have to be read before it is proven who sends them: so strangers cannot take all places.
const UNPROVEN_MAX: usize = 2;
/// Silence in a body.
const BODY_IDLE_MAX: Duration = Duration::from_secs(15);
const BODY_READ_MAX: Duration = Duration::from_mins(2);
/// Where problems are explained. A URI of ours: nothing is served there.
const PROBLEMS: &str = "https://schema.amtsbote.example/problems/";

/// TLS of the listener; with authorities, certificates of theirs are asked for and not demanded: each path says what it needs. All
/// in PEM.
pub fn callback_tls(
    chain: &[u8],
    key: &[u8],
    client_authorities: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, NotSecured> {
    let clients =
        client_authorities.map_or(ClientCertificates::NotAsked, ClientCertificates::Asked);
    amtsbote_incoming::server_tls((chain, key), clients, Speaks::Http1)
}

/// A bound listener, ready to serve.
pub struct CallbackServer {
    listener: Listener,
    desk: Arc<Desk>,
}

/// What all connections share.
struct Desk {
    callbacks: Arc<Callbacks>,
    bodies: Semaphore,
    unproven: Semaphore,
}

impl CallbackServer {
    /// Binds `address` (port 0 = any). With `tls`, speaks nothing else.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        callbacks: Arc<Callbacks>,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: Listener::bind(address, tls, Bounds::of_agents()).await?,
            desk: Arc::new(Desk {
                callbacks,
                bodies: Semaphore::new(BODIES_MAX),
                unproven: Semaphore::new(UNPROVEN_MAX),
            }),
        })
    }

    /// The bound address, with the real port.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves; then who waits is told to come again.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let desk = self.desk.clone();
        let stopped = move || {
            // Nobody settles any more.
            desk.bodies.close();
            desk.callbacks.close();
        };
        self.listener.run(self.desk, stop, stopped).await;
    }
}

impl Host for Desk {
    /// SHA-256 of the certificate that was shown.
    type Guest = Option<String>;
    type Body = Full<Bytes>;

    fn meet(&self, shown: Option<&CertificateDer<'_>>) -> Self::Guest {
        shown.map(|leaf| sha256_hex(leaf))
    }

    async fn answer(
        &self,
        certificate: Arc<Self::Guest>,
        request: Request<Incoming>,
    ) -> Option<Response<Full<Bytes>>> {
        let language = request.headers().get("accept-language");
        let language = language.and_then(|value| value.to_str().ok());
        let language = language.map_or(Language::default(), Language::from_accept);
        Some(match self.taken(request, certificate.as_deref()).await {
            Ok(()) => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            Err(problem) => rendered(&problem, language),
        })
    }
}

impl Desk {
    async fn taken(
        &self,
        request: Request<Incoming>,
        certificate: Option<&str>,
    ) -> Result<(), Problem> {
        let (head, body) = request.into_parts();
        let room = self.callbacks.at(head.uri.path());
        let room = room.ok_or(Problem::new(Code::NoSuchPath))?;
        if head.method != Method::POST {
            return Err(Code::MethodNotAllowed.into());
        }
        let shown = shown(&head.headers, certificate, &room);
        let auth = &room.settings.auth;
        auth.first(&shown).map_err(unproven)?;
        let overloaded = |_| later(Code::Overloaded);
        let stranger = auth.needs_body().then(|| self.unproven.try_acquire());
        let stranger = stranger.transpose().map_err(overloaded)?;
        let _slot = self.bodies.try_acquire().map_err(overloaded)?;
        let body = read(body, body_max(&room)).await?;
        auth.second(&shown, &body).map_err(unproven)?;
        drop(stranger);
        let content_type = header(&head.headers, "content-type")
            .unwrap_or_default()
            .to_owned();
        let answer = understood(&room, content_type, body).await?;
        // From here on whoever called waits for what becomes of it. Dying before that, it calls again.
        match room.enter(answer).outcome().await {
            Some(Outcome::Kept) => {
                amtsbote_names::fail_point!(CallbackAnswerKept);
                Ok(())
            }
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
    let reading = async {
        let mut body = Limited::new(body, max);
        let mut whole = BytesMut::new();
        while let Some(frame) = timeout(BODY_IDLE_MAX, body.frame())
            .await
            .map_err(|_| Code::TooSlow)?
        {
            match frame.map(Frame::into_data) {
                Ok(Ok(piece)) => whole.extend_from_slice(&piece),
                // Trailers carry nothing for us.
                Ok(Err(_)) => {}
                Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
                Err(_) => {
                    return Err(Problem::new(Code::MalformedRequest).detail("the body broke off"));
                }
            }
        }
        Ok(whole.freeze())
    };
    let read = timeout(BODY_READ_MAX, reading).await;
    read.unwrap_or_else(|_| Err(Code::TooSlow.into()))
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
