//! The routes, one file per resource.

pub(crate) mod intake;
pub(crate) mod problems;
pub(crate) mod token;

use axum::Router;

use crate::Context;

/// `/submission-api`: key set, and both versions side by side.
pub(crate) fn submission_api() -> Router<Context> {
    Router::new()
}

/// `/destination-api`: both versions.
pub(crate) fn destination_api() -> Router<Context> {
    Router::new()
}

/// `/routing-api`: both versions.
pub(crate) fn routing_api() -> Router<Context> {
    Router::new()
}
