//! Cases: what is in them, the event log, and the events subscribers send.

mod list;
mod log;
mod send;
mod token;

pub(super) use log::demand_any_right;
pub(super) use send::differences;

use axum::Router;
use axum::routing::get;

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/cases", get(list::list))
        .route("/cases/{case_id}", get(list::one))
        .route("/replies/{reply_id}/events", get(log::of_reply))
        .route(
            "/cases/{case_id}/events",
            get(log::of_case).post(send::send),
        )
        .route(
            "/submissions/{submission_id}/events",
            get(log::of_submission),
        )
}
