//! All routes, and who may call them: the one place.
//!
//! Both API versions hang under the same base, as FIT-Connect's own hosts do it:
//! `<base>/submission-api/v1|v2/…`, `<base>/destination-api/v1|v2/…`, `<base>/routing-api/v1|v2/…`, `<base>/token`,
//! `<base>/intake/v1/…`, `<base>/log/v1/…`; `<base>/health`; key sets stand outside the version prefix (Submission API 1.1.3).

use amtsbote_problem::Code;
use axum::{Router, middleware};

use crate::answer::{Refused, render};
use crate::{Context, routes};

/// The whole gateway as a router.
pub fn router(context: Context) -> Router {
    Router::new()
        .merge(routes::health::routes())
        .merge(routes::token::routes())
        .nest("/submission-api", routes::submission_api())
        .nest("/destination-api", routes::destination_api())
        .nest("/routing-api", routes::routing_api())
        .nest("/portal", routes::portal())
        .nest("/intake/v1", routes::intake::routes())
        // Without version: the newest.
        .nest("/intake", routes::intake::routes())
        .nest("/log/v1", routes::chain::routes())
        .merge(routes::problems::routes())
        .fallback(async || Refused::from(Code::NoSuchPath))
        .method_not_allowed_fallback(async || Refused::from(Code::MethodNotAllowed))
        .layer(middleware::from_fn_with_state(context.clone(), render))
        .with_state(context)
}
