//! A gateway that is not ready yet: it answers, and says so, until its real routes are there.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use amtsbote_problem::{Code, Language, Problem};
use axum::extract::Request;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::answer::REQUEST_ID;

/// When to come again.
const RETRY: Duration = Duration::from_secs(2);

/// What a listener serves from its first moment on.
#[derive(Clone, Default)]
pub struct Door(Arc<OnceLock<Router>>);

impl Door {
    /// Everything is 503 until [`Door::open`]. `problem_types` is the prefix of problem types.
    pub fn router(&self, problem_types: String) -> Router {
        let behind = self.0.clone();
        Router::new().fallback(async move |headers: HeaderMap, request: Request| {
            match behind.get() {
                Some(router) => match router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                None => closed(&problem_types, &headers),
            }
        })
    }

    /// From now on these routes answer. The first ones stay.
    pub fn open(&self, router: Router) {
        let _ = self.0.set(router);
    }
}

fn closed(problem_types: &str, headers: &HeaderMap) -> Response {
    let accepted = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let language = accepted.map(Language::from_accept).unwrap_or_default();
    let detail = match language {
        Language::German => {
            "das Gateway startet und wartet auf seine Datenbank oder den Ort seiner Anlagen"
        }
        Language::English => {
            "the gateway starts, and waits for its database or the place of its attachments"
        }
    };
    let problem = Problem::new(Code::StoreUnavailable)
        .detail(detail)
        .retry_after(RETRY);
    let id = Uuid::new_v4().to_string();
    let body = problem.body(problem_types, &id, language);
    let headers = [
        (CONTENT_TYPE, "application/problem+json".to_owned()),
        (RETRY_AFTER, RETRY.as_secs().to_string()),
        (REQUEST_ID, id),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Json(body)).into_response()
}
