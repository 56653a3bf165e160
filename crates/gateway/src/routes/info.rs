//! `GET info`: which version answers here (Submission API 1.1.3).

use amtsbote_fit_connect::ApiVersion;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new().route("/info", get(info))
}

async fn info(Extension(version): Extension<ApiVersion>) -> Json<Value> {
    // v1 is the public document's version; of v2 only the major number is known.
    let (major, minor, patch) = match version {
        ApiVersion::V1 => (1, 1, 3),
        ApiVersion::V2 => (2, 0, 0),
    };
    Json(json!({ "version": { "major": major, "minor": minor, "patch": patch } }))
}
