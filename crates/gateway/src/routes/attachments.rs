//! Attachments: streamed in from who sends, streamed out to who receives, never whole in memory.

mod download;
mod upload;

use axum::Router;
use axum::routing::get;

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route(
            "/submissions/{submission_id}/attachments/{attachment_id}",
            get(download::of_submission).put(upload::to_submission),
        )
        .route(
            "/replies/{reply_id}/attachments/{attachment_id}",
            get(download::of_reply).put(upload::to_reply),
        )
}
