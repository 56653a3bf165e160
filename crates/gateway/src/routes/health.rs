//! `/health`: whether this gateway can do its work now. For balancers and supervisors; no token.
//!
//! Ready means that the database answers. The place of attachments is not asked: without it reading and plain submissions without
//! attachments go on, and what needs it gets its own 503.

use std::time::{Duration, Instant};

use amtsbote_problem::{Code, Problem};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Context;
use crate::answer::Refused;

/// For the database's answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// When to come again.
const RETRY: Duration = Duration::from_secs(2);
/// So long an answer is given again: anybody may ask.
const FRESH: Duration = Duration::from_millis(500);

/// The last answer; held while asking, so that many callers cause one question.
#[derive(Default)]
pub(crate) struct Health(Mutex<Option<(Instant, bool)>>);

/// The route.
pub(crate) fn routes() -> Router<Context> {
    Router::new().route("/health", get(health))
}

async fn health(
    State(context): State<Context>,
) -> Result<([(HeaderName, &'static str); 1], Json<Value>), Refused> {
    let mut last = context.health().0.lock().await;
    let is_ready = match *last {
        Some((at, is_ready)) if at.elapsed() < FRESH => is_ready,
        _ => {
            let answered = timeout(ANSWER_MAX, context.store().last_round()).await;
            let is_ready = matches!(answered, Ok(Ok(_)));
            *last = Some((Instant::now(), is_ready));
            is_ready
        }
    };
    if is_ready && !context.is_stopping() {
        return Ok((
            [(CACHE_CONTROL, "no-store")],
            Json(json!({ "ready": true })),
        ));
    }
    let detail = if context.is_stopping() {
        "the gateway is about to stop"
    } else {
        "the database does not answer"
    };
    let problem = Problem::new(Code::StoreUnavailable).detail(detail);
    Err(problem.retry_after(RETRY).into())
}
