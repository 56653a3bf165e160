//! The routing service (Routing API 2.0.0): which destination receives a service in an area. No token; rate limited.
//!
//! `/v1` and `/v2` answer alike, but for `destinationParameters` in the routes of `/v1`. A refusal for too many requests is a problem document like all others, though the public
//! document shows a bare JSON object there: that is a superset of it.

use std::cmp::Reverse;

use amtsbote_fit_connect::routing::{
    AreaQuery, Areas, Place, Route, RouteQuery, Routes, VersionInfo,
};
use amtsbote_fit_connect::{ApiVersion, Page, Paging};
use amtsbote_model::{Ars, Destination, Region, ServiceId};
use amtsbote_problem::{Bilingual, Code, Finding, Findings, Problem};
use amtsbote_store::{DestinationFilter, Page as Slice};
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, json};

use crate::Context;
use crate::access::pairs_of;
use crate::answer::Refused;
use crate::routing::{ags_of, is_expression, parameters, signature};

/// Destinations read from the store at a time.
const SLICE: u32 = 500;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/routes", get(find_routes))
        .route("/areas", get(find_areas))
        .route("/info", get(info))
}

async fn find_routes(
    State(context): State<Context>,
    Extension(version): Extension<ApiVersion>,
    query: RawQuery,
) -> Response {
    limited(&context, routes_of(&context, version, &query)).await
}

async fn find_areas(State(context): State<Context>, query: RawQuery) -> Response {
    limited(&context, async { areas_of(&context, &query) }).await
}

// Not counted: Routing API 2.0.0 has no 429 here, and it costs nothing.
async fn info() -> Json<serde_json::Value> {
    let version = VersionInfo {
        major: 2,
        minor: 0,
        patch: 0,
    };
    Json(version.body())
}

/// The answer, if there is one left in this minute; with the limit's headers in any case.
async fn limited(
    context: &Context,
    answer: impl Future<Output = Result<Response, Refused>>,
) -> Response {
    let Some(allowance) = context.routing().admit(context.now()) else {
        return answer.await.into_response();
    };
    let answer = match allowance.admit() {
        Ok(()) => answer.await,
        Err(refused) => Err(refused),
    };
    let mut response = answer.into_response();
    allowance.tell(response.headers_mut());
    response
}

async fn routes_of(
    context: &Context,
    version: ApiVersion,
    query: &RawQuery,
) -> Result<Response, Refused> {
    let pairs: Vec<_> = pairs_of(query).collect();
    let query = RouteQuery::parse(
        pairs
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref())),
    )
    .map_err(malformed)?;
    let offering = offering(context, query.service.clone()).await?;
    let found = match place_of(context, &query, &offering) {
        Some(ars) => ranked(offering, &query.service, &ars),
        None => Vec::new(),
    };
    let total = found.len();
    let mut routes = Vec::new();
    for destination in page_of(found, query.paging) {
        let mut found = route(context, &destination).await?;
        match version {
            ApiVersion::V1 => found
                .further
                .extend(parameters(context, &destination, &query.service).await?),
            ApiVersion::V2 => {}
        }
        routes.push(found);
    }
    let page = Page::of(query.paging, routes.len(), total);
    Ok(Json(Routes { page, routes }).into_response())
}

/// All active destinations that offer the service anywhere.
async fn offering(context: &Context, service: ServiceId) -> Result<Vec<Destination>, Refused> {
    let filter = DestinationFilter::Offering(service);
    let mut found = Vec::new();
    loop {
        let slice = Slice {
            offset: found.len() as u64,
            limit: SLICE,
        };
        let listed = context.store().destinations(&filter, slice).await?;
        let is_last = listed.entries.len() < SLICE as usize;
        found.extend(listed.entries);
        if is_last {
            return Ok(found);
        }
    }
}

/// The regional key asked for. A municipality key lacks the Verband: it is taken from the areas, else from the regions that
/// destinations name, else the Kreis must do.
fn place_of(context: &Context, query: &RouteQuery, offering: &[Destination]) -> Option<Ars> {
    match &query.place {
        Place::Ars(ars) => Some(ars.clone()),
        Place::AreaId(id) => id.parse().ok(),
        Place::Ags(ags) => {
            let known = context
                .routing()
                .areas()
                .iter()
                .find(|area| area.has_ags(ags))
                .map(|area| area.ars.clone());
            let named = || {
                let offers = offering
                    .iter()
                    .filter_map(|destination| destination.offer(&query.service));
                let mut regions = offers.flat_map(|offer| offer.regions.iter().map(Region::as_str));
                let region = regions.find(|region| ags_of(&region[2..]).as_ref() == Some(ags))?;
                region.parse().ok()
            };
            known.or_else(named).or_else(|| query.place.ars())
        }
    }
}

/// Those that receive the service there, the most precise first, of equals the oldest.
fn ranked(offering: Vec<Destination>, service: &ServiceId, ars: &Ars) -> Vec<Destination> {
    let precise = |destination: Destination| {
        destination
            .precision(service, ars)
            .map(|digits| (digits, destination))
    };
    let mut found: Vec<(usize, Destination)> = offering.into_iter().filter_map(precise).collect();
    found.sort_by_key(|(digits, destination)| {
        (Reverse(*digits), destination.created_at, destination.id)
    });
    found
        .into_iter()
        .map(|(_, destination)| destination)
        .collect()
}

async fn route(context: &Context, destination: &Destination) -> Result<Route, Refused> {
    Ok(Route {
        destination_id: destination.id,
        destination_signature: signature(context, destination).await?,
        destination_name: Some(destination.name.clone()).filter(|name| !name.is_empty()),
        further: Map::from_iter([("origin".to_owned(), json!("Zustelldienst"))]),
    })
}

fn areas_of(context: &Context, query: &RawQuery) -> Result<Response, Refused> {
    let pairs: Vec<_> = pairs_of(query).collect();
    let query = AreaQuery::parse(
        pairs
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref())),
    )
    .map_err(malformed)?;
    if !query
        .expressions
        .iter()
        .all(|expression| is_expression(expression))
    {
        return Err(malformed(vec![expression_malformed()]));
    }
    let areas = context.routing().areas().iter();
    let found: Vec<_> = areas
        .filter(|area| area.matches(&query.expressions))
        .collect();
    let total = found.len();
    let areas: Vec<_> = page_of(found, query.paging)
        .map(crate::routing::Area::to_wire)
        .collect();
    let page = Page::of(query.paging, areas.len(), total);
    Ok(Json(Areas { page, areas }).into_response())
}

fn page_of<T>(all: Vec<T>, paging: Paging) -> impl Iterator<Item = T> {
    let offset = usize::try_from(paging.offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
    all.into_iter().skip(offset).take(limit)
}

fn malformed(findings: Findings) -> Refused {
    Problem::new(Code::MalformedParameter)
        .findings(findings)
        .into()
}

fn expression_malformed() -> Finding {
    let text = Bilingual::new(
        "braucht je Suchwort 2 bis 100 Zeichen; * steht für beliebige Zeichen",
        "needs 2 to 100 characters per word; * stands for any characters",
    );
    Finding::new("areaSearchexpression", "pattern", text)
}
