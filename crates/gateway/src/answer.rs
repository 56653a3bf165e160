//! How a problem becomes a response: handlers return [`Refused`], one layer renders it.

use std::fmt::Write as _;

use amtsbote_problem::{Code, Language, Problem};
use amtsbote_store::{Committed, Conflict};
use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Extensions, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::Context;
use crate::rates::Allowance;

/// The header that carries the request id, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A handler's refusal: the problem, to be rendered by [`render`].
#[derive(Debug)]
pub struct Refused {
    problem: Box<Problem>,
    kind: Option<String>,
}

impl Refused {
    /// With the type URI that FIT-Connect's own clients know by name instead of ours.
    #[must_use]
    pub fn known_as(mut self, type_uri: String) -> Self {
        self.kind = Some(type_uri);
        self
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            kind: None,
        }
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Problem::new(code).into()
    }
}

/// The store's failures: nothing was accepted, the sender repeats. Logged here, once, with the cause.
impl From<amtsbote_store::Error> for Refused {
    fn from(error: amtsbote_store::Error) -> Self {
        tracing::error!(error = %error, "the store failed: {error}");
        match error {
            amtsbote_store::Error::Unavailable { retry_after, .. } => {
                Problem::new(Code::StoreUnavailable)
                    .retry_after(retry_after.unwrap_or(Duration::from_secs(5)))
                    .into()
            }
            amtsbote_store::Error::Unreadable { .. } => Code::Internal.into(),
        }
    }
}

/// A conflict no caller expects here is ours to answer for.
pub fn unexpected(conflict: Conflict) -> Refused {
    tracing::error!("the store refused a batch unexpectedly: {conflict:?}");
    Code::Internal.into()
}

/// `Done`, or the refusal that `explain` makes of the conflict.
pub fn done_or(
    committed: Committed,
    explain: impl FnOnce(Conflict) -> Refused,
) -> Result<(), Refused> {
    match committed {
        Committed::Done => Ok(()),
        Committed::Refused(conflict) => Err(explain(conflict)),
    }
}

#[derive(Clone)]
struct Unrendered(Arc<Refused>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = status_of(&self.problem).into_response();
        response.extensions_mut().insert(Unrendered(Arc::new(self)));
        response
    }
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.code.entry().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Where a route leaves what the answer says about a rate limit.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<OnceLock<Allowance>>);

impl Told {
    /// The first word counts.
    pub(crate) fn tell(&self, allowance: Allowance) {
        let _ = self.0.set(allowance);
    }
}

/// The id of a request: the client's own if it is 8–64 characters of `[A-Za-z0-9-_.]`, else a new one.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    fn of(request: &Request) -> Self {
        let given = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        let fits = |text: &&str| {
            (8..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        given
            .filter(fits)
            .map_or_else(Self::fresh, |text| Self(text.to_owned()))
    }

    fn fresh() -> Self {
        let mut text = String::with_capacity(24);
        for byte in amtsbote_jose::random_bytes::<12>() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

/// The outermost layer: gives every request an id, renders problems, writes one line per request.
pub async fn render(State(context): State<Context>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let language = language_of(&request);
    let method = request.method().clone();
    let route = route_of(request.extensions());
    request.extensions_mut().insert(id.clone());
    let told = Told::default();
    request.extensions_mut().insert(told.clone());
    let began = std::time::Instant::now();

    let mut response = next.run(request).await;
    let refused = response.extensions_mut().remove::<Unrendered>();
    let code = refused
        .as_ref()
        .map_or("-", |Unrendered(refused)| refused.problem.code.entry().code);
    if let Some(Unrendered(refused)) = &refused {
        // Headers that a route or the router put on the refusal (rate limits, `Allow`) stay.
        let given = std::mem::take(response.headers_mut());
        response = problem_response(&context, refused, &id, language);
        for (name, value) in given.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    if let Some(allowance) = told.0.get() {
        allowance.tell(response.headers_mut());
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    // No browser takes a problem or a ciphertext for a page.
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        http.method = %method, http.route = route, http.status = status, problem.code = code,
        request.id = %id.0, duration_ms, "{method} {route} answered {status}"
    );
    response
}

fn language_of(request: &Request) -> Language {
    let header = request
        .headers()
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    header.map(Language::from_accept).unwrap_or_default()
}

// The template of the path, never the path itself: ids are not labels.
fn route_of(extensions: &Extensions) -> String {
    extensions
        .get::<MatchedPath>()
        .map_or_else(|| "(no route)".to_owned(), |path| path.as_str().to_owned())
}

fn problem_response(
    context: &Context,
    refused: &Refused,
    id: &RequestId,
    language: Language,
) -> Response {
    let mut body = refused
        .problem
        .body(&context.addresses().problem_types(), &id.0, language);
    if let Some(kind) = &refused.kind {
        body.kind.clone_from(kind);
    }
    let mut response = (status_of(&refused.problem), Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if let Some(wait) = refused.problem.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if refused.problem.code.entry().status == 401 {
        headers.insert(
            axum::http::header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer"),
        );
    }
    response
}
