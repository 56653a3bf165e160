//! Whose submission is it? From service and region, or a named destination, to exactly one destination.

use amtsbote_fit_connect::intake::Target;
use amtsbote_model::{Ars, Destination, DestinationId, DestinationStatus, ServiceId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{DestinationFilter, Page};
use amtsbote_validate::service::Service;

use crate::Context;
use crate::answer::Refused;

/// Where a submission goes, and by which schema it is judged.
#[derive(Debug)]
pub(crate) struct Routed<'c> {
    /// Active, offers the service in the service's schema.
    pub(crate) destination: Destination,
    /// The service, known here.
    pub(crate) service: &'c Service,
}

/// Finds the one destination for `target`.
pub(crate) async fn route<'c>(
    context: &'c Context,
    target: &Target,
) -> Result<Routed<'c>, Refused> {
    let (destination, service) = match target {
        Target::Routed { service, region } => {
            demand_known(context, service)?;
            (by_region(context, service, region).await?, service.clone())
        }
        Target::Named {
            destination_id,
            service,
        } => named(context, *destination_id, service.as_ref()).await?,
    };
    if destination.status != DestinationStatus::Active {
        return Err(Code::DestinationStateInvalid.into());
    }
    let service = in_an_offered_schema(context, &destination, &service)?;
    Ok(Routed {
        destination,
        service,
    })
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
    let offer = destination.offer(id).ok_or(Code::ServiceNotOffered)?;
    let taken = |service: &&Service| {
        offer
            .submission_schemas
            .iter()
            .any(|s| s.schema_uri == service.schema_uri())
    };
    let known: Vec<&Service> = context
        .services()
        .iter()
        .filter(|service| service.id() == id)
        .collect();
    known.iter().copied().rfind(taken).ok_or_else(|| {
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
) -> Result<(Destination, ServiceId), Refused> {
    let destination = context
        .store()
        .destination(id)
        .await?
        .ok_or(Code::DestinationNotFound)?;
    let service = match (service, destination.services.as_slice()) {
        (Some(service), _) => service.clone(),
        (None, [only]) => only.identifier.clone(),
        (None, _) => {
            let detail = "the destination offers several services: name one in service";
            return Err(Problem::new(Code::MalformedRequest).detail(detail).into());
        }
    };
    demand_known(context, &service)?;
    Ok((destination, service))
}

// The most precise region wins; two of the same precision would make the sender's mail go either way.
async fn by_region(
    context: &Context,
    service: &ServiceId,
    region: &Ars,
) -> Result<Destination, Refused> {
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
    let most = best
        .iter()
        .map(|(precision, _)| *precision)
        .max()
        .ok_or(Code::NoRoute)?;
    best.retain(|(precision, _)| *precision == most);
    match (best.pop(), best.is_empty()) {
        (Some((_, destination)), true) => Ok(destination),
        (Some(_), false) => Err(Code::RouteAmbiguous.into()),
        (None, _) => Err(Code::NoRoute.into()),
    }
}
