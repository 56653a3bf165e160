//! `GET submissions` and `GET submissions/{submissionId}`: a subscriber sees what waits, and fetches it.

use amtsbote_fit_connect::submission::{
    CompactJwe, Service, Submission as WireSubmission, SubmissionReduced, SubmissionRef as WireRef,
    SubmissionsForPickup,
};
use amtsbote_fit_connect::{ApiVersion, Page as WirePage, Paging};
use amtsbote_model::{DestinationId, SubmissionId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Listed, Submission, SubmissionFilter, SubmissionRef};
use axum::Json;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::long_poll::Wait;
use crate::access::{
    Asked, Of, destination_of_caller, no_such_submission, owned_destinations, page_of, paging_of,
    pairs_of, received_by_caller,
};
use crate::answer::Refused;
use crate::auth::Right;
use crate::notify::note_listed;

pub(super) async fn list(
    asked: Asked,
    query: RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    asked.caller.demand(Right::Subscribe)?;
    let paging = paging_of(asked.version, &query)?;
    let filter = SubmissionFilter::ForPickup(destinations(&asked, &query).await?);
    let wait = Wait::preferred(&headers, asked.context.limits().wait_max);
    let look = || async {
        let listed = asked
            .context
            .store()
            .submissions(&filter, page_of(paging))
            .await?;
        Ok(Some(listed).filter(|listed| listed.total > 0))
    };
    let listed = wait.until_some(&asked.context, look).await?;
    let listed = listed.unwrap_or(Listed {
        entries: Vec::new(),
        total: 0,
    });
    note_listed(&asked.context, &listed.entries);
    Ok((wait.applied(), Json(body(paging, &listed))).into_response())
}

fn body(paging: Paging, listed: &Listed<SubmissionRef>) -> SubmissionsForPickup {
    let total = usize::try_from(listed.total).unwrap_or(usize::MAX);
    let wire = |entry: &SubmissionRef| WireRef {
        destination_id: entry.destination_id,
        submission_id: entry.id,
        case_id: entry.case_id,
    };
    SubmissionsForPickup {
        page: WirePage::of(paging, listed.entries.len(), total),
        submissions: listed.entries.iter().map(wire).collect(),
    }
}

/// The one the query names, or all of the caller's.
async fn destinations(asked: &Asked, query: &RawQuery) -> Result<Vec<DestinationId>, Refused> {
    let named = pairs_of(query)
        .find(|(name, _)| name == "destinationId")
        .map(|(_, value)| value.into_owned());
    let Some(text) = named else {
        return own_destinations(asked).await;
    };
    // Neither 400 nor 404 is an answer of this route in v1: what is no id, unknown or foreign is not permitted.
    let refused =
        || Problem::new(Code::NotPermitted).detail("this client receives at no such destination");
    let id = text
        .parse::<DestinationId>()
        .map_err(|_| match asked.version {
            ApiVersion::V1 => refused(),
            ApiVersion::V2 => {
                Problem::new(Code::MalformedParameter).detail("destinationId is not a UUID")
            }
        })?;
    destination_of_caller(asked, id)
        .await?
        .ok_or_else(refused)?;
    Ok(vec![id])
}

/// All destinations where the caller receives.
pub(in crate::routes) async fn own_destinations(
    asked: &Asked,
) -> Result<Vec<DestinationId>, Refused> {
    let owned = owned_destinations(asked).await?;
    let subscribed = owned
        .iter()
        .filter(|destination| asked.caller.subscribes_to(destination));
    Ok(subscribed.map(|destination| destination.id).collect())
}

pub(super) async fn fetch(asked: Asked, Of(id): Of<SubmissionId>) -> Result<Json<Value>, Refused> {
    asked.caller.demand(Right::Subscribe)?;
    let (submission, _) = received_by_caller(&asked, id)
        .await?
        .ok_or_else(no_such_submission)?;
    if !submission.state.is_open() {
        return Err(no_such_submission());
    }
    let content = asked
        .context
        .store()
        .content(id.into())
        .await?
        .ok_or_else(no_such_submission)?;
    let data = content.data.map(stored).transpose()?;
    let whole = WireSubmission {
        reduced: reduced(&submission),
        encrypted_metadata: stored(content.metadata)?,
        encrypted_data: data,
    };
    Ok(Json(whole.body(asked.version)))
}

/// It was a JWE when it was stored.
pub(in crate::routes) fn stored(text: String) -> Result<CompactJwe, Refused> {
    CompactJwe::try_from(text).map_err(|_| {
        tracing::error!("a stored part is not a JWE any more");
        Refused::from(Code::Internal)
    })
}

/// The submission without its sealed parts, attachments in the sender's order.
pub(super) fn reduced(submission: &Submission) -> SubmissionReduced {
    let arrived = |id: &_| {
        submission
            .attachments
            .iter()
            .any(|attachment| attachment.id == *id)
    };
    SubmissionReduced {
        ids: WireRef {
            destination_id: submission.destination_id,
            submission_id: submission.id,
            case_id: submission.case_id,
        },
        attachments: submission
            .announced
            .iter()
            .copied()
            .filter(arrived)
            .collect(),
        service: Service {
            identifier: submission.service.clone(),
            name: submission.service_name.clone(),
            description: None,
        },
        region: submission.region.clone(),
        callback_url: submission
            .callback
            .as_ref()
            .map(|callback| callback.url.clone()),
    }
}
