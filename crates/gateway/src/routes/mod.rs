//! The routes, one file per resource.

pub(crate) mod attachments;
pub(crate) mod cases;
pub(crate) mod info;
pub(crate) mod intake;
pub(crate) mod jwks;
pub(crate) mod problems;
pub(crate) mod submissions;
pub(crate) mod token;

use amtsbote_fit_connect::ApiVersion;
use axum::{Extension, Router};

use crate::Context;

/// `/submission-api`: key set, and both versions side by side.
pub(crate) fn submission_api() -> Router<Context> {
    ApiVersion::ALL.into_iter().fold(jwks::service_routes(), |router, version| {
        router.nest(&format!("/{version}"), submission_api_of(version))
    })
}

fn submission_api_of(version: ApiVersion) -> Router<Context> {
    Router::new()
        .merge(info::routes())
        .merge(submissions::routes())
        .merge(attachments::routes())
        .merge(cases::routes())
        .layer(Extension(version))
}

/// `/portal`: the keys that sign routing data.
pub(crate) fn portal() -> Router<Context> {
    jwks::portal_routes()
}

/// `/destination-api`: both versions.
pub(crate) fn destination_api() -> Router<Context> {
    Router::new()
}

/// `/routing-api`: both versions.
pub(crate) fn routing_api() -> Router<Context> {
    Router::new()
}
