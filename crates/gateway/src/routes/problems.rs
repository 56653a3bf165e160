//! Routes of this resource.

use axum::Router;

use crate::Context;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
}
