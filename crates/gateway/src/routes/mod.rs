//! The routes, one file per resource.

pub(crate) mod attachments;
pub(crate) mod cases;
pub(crate) mod chain;
pub(crate) mod destinations;
pub(crate) mod health;
pub(crate) mod info;
pub(crate) mod intake;
pub(crate) mod jwks;
pub(crate) mod keys;
pub(crate) mod problems;
pub(crate) mod replies;
pub(crate) mod routing;
pub(crate) mod submissions;
pub(crate) mod token;

use amtsbote_fit_connect::ApiVersion;
use axum::{Extension, Router};

use crate::Context;

/// `/submission-api`: key set, and both versions side by side.
pub(crate) fn submission_api() -> Router<Context> {
    ApiVersion::ALL
        .into_iter()
        .fold(jwks::service_routes(), |router, version| {
            router.nest(&format!("/{version}"), submission_api_of(version))
        })
}

fn submission_api_of(version: ApiVersion) -> Router<Context> {
    Router::new()
        .merge(info::routes())
        .merge(submissions::routes())
        .merge(replies::routes())
        .merge(attachments::routes())
        .merge(cases::routes())
        .merge(destinations::reading())
        .merge(keys::reading())
        .merge(managed_at_the_delivery_service(version))
        .layer(Extension(version))
}

/// Managing destinations here is v1 only; v2 has the Destination API for it.
fn managed_at_the_delivery_service(version: ApiVersion) -> Router<Context> {
    match version {
        ApiVersion::V1 => destinations::managing()
            .merge(keys::managing())
            .merge(keys::no_listing()),
        ApiVersion::V2 => Router::new(),
    }
}

/// `/portal`: the keys that sign routing data.
pub(crate) fn portal() -> Router<Context> {
    jwks::portal_routes()
}

/// `/destination-api`: both versions.
pub(crate) fn destination_api() -> Router<Context> {
    ApiVersion::ALL
        .into_iter()
        .fold(Router::new(), |router, version| {
            router.nest(&format!("/{version}"), destination_api_of(version))
        })
}

fn destination_api_of(version: ApiVersion) -> Router<Context> {
    Router::new()
        .merge(destinations::reading())
        .merge(destinations::managing())
        .merge(keys::reading())
        .merge(keys::listing())
        .merge(keys::managing())
        .layer(Extension(version))
}

/// `/routing-api`: both versions.
pub(crate) fn routing_api() -> Router<Context> {
    ApiVersion::ALL
        .into_iter()
        .fold(Router::new(), |router, version| {
            let routes = routing::routes().layer(Extension(version));
            router.nest(&format!("/{version}"), routes)
        })
}
