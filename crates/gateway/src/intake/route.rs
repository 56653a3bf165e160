//! Whose submission is it? From service and region, or a named destination, to exactly one destination.

use std::sync::Arc;

use amtsbote_fit_connect::intake::Target;
use amtsbote_jose::PublicKey;
use amtsbote_model::{
    Ars, Destination, DestinationId, DestinationStatus, Region, ServiceId, SubmissionSchema,
};
use amtsbote_problem::{Bilingual, Code, Finding, Problem};
use amtsbote_store::{DestinationFilter, Page};
use amtsbote_validate::service::Service;

use crate::Context;
use crate::answer::Refused;
use crate::uplink::{Mirror, is_shadow_owner};

/// The version of the metadata that intake writes.
const METADATA: &str = "2.1.0";

/// Where a submission goes, and by which schema it is judged.
#[derive(Debug)]
pub(crate) struct Routed {
    /// Active, offers the service in its schema.
    pub(crate) destination: Destination,
    /// What it is about.
    pub(crate) matter: Matter,
    /// Where the destination offers the service.
    pub(crate) regions: Vec<Region>,
    /// Where the key to seal for is.
    pub(crate) sealing: Sealing,
}

/// Where the key to seal for is.
#[derive(Debug, Clone)]
pub(crate) enum Sealing {
    /// The destination is ours: its key is in the store.
    Ours,
    /// It lives at a foreign delivery service: this is its key.
    Foreign(Box<PublicKey>),
}

/// A destination, ours or a foreign one.
type Found = (Destination, Sealing);

/// What a submission is about.
#[derive(Debug, Clone)]
pub(crate) struct Matter {
    /// The service.
    pub(crate) service: ServiceId,
    /// Its name for people.
    pub(crate) label_de: String,
    /// The schema of the data; one of the catalogue.
    pub(crate) schema: SubmissionSchema,
    /// The region the sender asked for.
    pub(crate) region: Option<Region>,
}

/// Finds the one destination for `target`.
pub(crate) async fn route(context: &Context, target: &Target) -> Result<Routed, Refused> {
    let ((destination, sealing), service, region) = match target {
        Target::Routed { service, region } => {
            demand_known(context, service)?;
            let found = by_region(context, service, region).await?;
            (found, service.clone(), Some(region))
        }
        Target::Named {
            destination_id,
            service,
        } => {
            let (found, service) = named(context, *destination_id, service.as_ref()).await?;
            (found, service, None)
        }
    };
    if destination.status != DestinationStatus::Active {
        return Err(Code::DestinationStateInvalid.into());
    }
    let known = in_an_offered_schema(context, &destination, &service)?;
    demand_metadata(&destination)?;
    let offers = destination.services.iter();
    let regions = offers
        .filter(|offer| offer.identifier == service)
        .flat_map(|offer| offer.regions.clone());
    Ok(Routed {
        regions: regions.collect(),
        matter: Matter {
            label_de: known.label().de.clone(),
            schema: SubmissionSchema {
                schema_uri: known.schema_uri().to_owned(),
                mime_type: known.mime_type().to_owned(),
            },
            region: region.and_then(|ars| format!("DE{ars}").parse().ok()),
            service,
        },
        destination,
        sealing,
    })
}

fn demand_metadata(destination: &Destination) -> Result<(), Refused> {
    let taken = &destination.metadata_versions;
    if taken.iter().any(|version| version == METADATA) {
        return Ok(());
    }
    let detail = format!("the destination does not take metadata {METADATA}");
    Err(Problem::new(Code::SchemaNotOffered).detail(detail).into())
}

fn demand_known(context: &Context, service: &ServiceId) -> Result<(), Refused> {
    context
        .services()
        .by_service(service)
        .next()
        .map(|_| ())
        .ok_or_else(|| Code::ServiceUnknown.into())
}

// A service may be known in several schema versions; the latest the destination takes is used.
fn in_an_offered_schema<'c>(
    context: &'c Context,
    destination: &Destination,
    id: &ServiceId,
) -> Result<&'c Service, Refused> {
    destination.offer(id).ok_or(Code::ServiceNotOffered)?;
    let offers = destination
        .services
        .iter()
        .filter(|offer| offer.identifier == *id);
    let taken: Vec<&str> = offers
        .flat_map(|offer| &offer.submission_schemas)
        .map(|schema| schema.schema_uri.as_str())
        .collect();
    let all = context.services().iter();
    let known: Vec<&Service> = all.filter(|service| service.id() == id).collect();
    let fitting = known
        .iter()
        .rfind(|service| taken.contains(&service.schema_uri()));
    fitting.copied().ok_or_else(|| {
        let uris: Vec<&str> = known.iter().map(|service| service.schema_uri()).collect();
        Problem::new(Code::SchemaNotOffered)
            .detail(uris.join(", "))
            .into()
    })
}

async fn named(
    context: &Context,
    id: DestinationId,
    service: Option<&ServiceId>,
) -> Result<(Found, ServiceId), Refused> {
    let ours = context.store().destination(id).await?;
    // The shadow of a foreign destination knows nothing: its own service does.
    let ours = ours.filter(|destination| !is_shadow_owner(&destination.owner));
    let found = match ours {
        Some(destination) => Some((destination, Sealing::Ours)),
        None => context
            .uplinks()
            .named(context, id)
            .await?
            .as_ref()
            .map(foreign),
    };
    let found = found.ok_or(Code::DestinationNotFound)?;
    let destination = &found.0;
    let service = match (service, destination.services.as_slice()) {
        (Some(service), _) => service.clone(),
        (None, [only]) => only.identifier.clone(),
        (None, several) => {
            let names = several.iter().map(|offer| offer.identifier.to_string());
            let text = Bilingual::new(
                "fehlt; der Zustellpunkt bietet nicht genau eine Leistung an",
                "is missing; the destination does not offer exactly one service",
            );
            let finding = Finding::new("/service", "required", text).allowed(names.collect());
            let problem = Problem::new(Code::SchemaViolated).findings(vec![finding]);
            return Err(problem.into());
        }
    };
    demand_known(context, &service)?;
    Ok((found, service))
}

fn foreign(mirror: &Arc<Mirror>) -> Found {
    let key = Box::new(mirror.key.clone());
    (mirror.destination.clone(), Sealing::Foreign(key))
}

// The most precise region wins; two of the same precision would make the sender's mail go either way.
async fn by_region(context: &Context, service: &ServiceId, region: &Ars) -> Result<Found, Refused> {
    let filter = DestinationFilter::Offering(service.clone());
    let mut best: Vec<(usize, Destination)> = Vec::new();
    let mut offset = 0;
    loop {
        let page = Page { offset, limit: 500 };
        let listed = context.store().destinations(&filter, page).await?;
        offset += listed.entries.len() as u64;
        let last = listed.entries.is_empty() || offset >= listed.total;
        let fitting = listed
            .entries
            .into_iter()
            .filter_map(|d| Some((d.precision(service, region)?, d)));
        best.extend(fitting);
        if last {
            break;
        }
    }
    let most = best.iter().map(|(precision, _)| *precision).max();
    let Some(most) = most else {
        // Our own destinations go first.
        let mirror = context.uplinks().routed(context, service, region).await?;
        return mirror
            .as_ref()
            .map(foreign)
            .ok_or_else(|| Code::NoRoute.into());
    };
    best.retain(|(precision, _)| *precision == most);
    match (best.pop(), best.is_empty()) {
        (Some((_, destination)), true) => Ok((destination, Sealing::Ours)),
        (Some(_), false) => Err(Code::RouteAmbiguous.into()),
        (None, _) => Err(Code::NoRoute.into()),
    }
}
