//! Replies: announce, submit (the destination's subscriber); list, fetch, acknowledge (who opened the case).
//!
//! No public description has these routes. They follow those of submissions; what is decided here stands in
//! `docs/spec/fit-connect.md`. A reply that is somebody else's looks like none (404), on every route.

mod acknowledge;
mod announce;
mod pickup;
mod submit;

use axum::Router;
use axum::routing::{get, put};

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/replies", get(pickup::list).post(announce::announce))
        .route(
            "/replies/{reply_id}",
            get(pickup::fetch).put(submit::submit),
        )
        .route("/replies/{reply_id}/accept", put(acknowledge::accept))
        .route("/replies/{reply_id}/reject", put(acknowledge::reject))
}
