//! Cases: the event log, and the events subscribers send.

mod log;
mod send;
mod token;

use axum::Router;
use axum::routing::get;

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route(
            "/cases/{case_id}/events",
            get(log::of_case).post(send::send),
        )
        .route(
            "/submissions/{submission_id}/events",
            get(log::of_submission),
        )
}
