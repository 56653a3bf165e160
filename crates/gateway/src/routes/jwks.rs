//! Published keys: of the delivery service (events) and of the portal (routing data). No token needed.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::Context;

/// How long a reader may keep a set: a new key must be published at least that long before it signs.
const FRESH: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=300")];

const PATH: &str = "/.well-known/jwks.json";

/// The delivery service's set, outside the version prefix (Submission API 1.1.3).
pub(crate) fn service_routes() -> Router<Context> {
    Router::new().route(PATH, get(service_keys))
}

/// The portal's set.
pub(crate) fn portal_routes() -> Router<Context> {
    Router::new().route(PATH, get(portal_keys))
}

async fn service_keys(
    State(context): State<Context>,
) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    (FRESH, Json(context.identity().published.to_json()))
}

async fn portal_keys(
    State(context): State<Context>,
) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    (FRESH, Json(context.identity().portal_published.to_json()))
}
