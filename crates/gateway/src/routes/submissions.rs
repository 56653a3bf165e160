//! Submissions: announce, submit (sender); list, fetch (subscriber).
//!
//! Statuses are those of Submission API 1.1.3 for each route, in both versions; besides them only what any route may answer
//! (408, 429, 500, 503). What v1 has no 400 for is read as the nearest that can be meant; v2 answers 400.

mod announce;
mod long_poll;
mod pickup;
mod sealed;
mod submit;

use axum::Router;
use axum::routing::get;

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/submissions", get(pickup::list).post(announce::announce))
        .route(
            "/submissions/{submission_id}",
            get(pickup::fetch).put(submit::submit),
        )
}

pub(super) use announce::once;
pub(super) use long_poll::Wait;
pub(super) use pickup::{own_destinations, stored};
pub(super) use sealed::{
    KeyNames, Sealed, check_attachments, encryption_kids, expect_same, header_findings, malformed,
    sealed, tags,
};
