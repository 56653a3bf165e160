//! Attachments: streamed in from senders, streamed out to subscribers, never whole in memory.

mod download;
mod upload;

use axum::Router;
use axum::routing::get;

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    let path = "/submissions/{submission_id}/attachments/{attachment_id}";
    Router::new().route(path, get(download::download).put(upload::upload))
}
