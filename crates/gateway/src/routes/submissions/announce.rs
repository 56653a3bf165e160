//! `POST submissions`: a sender says what it is going to send.

use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::Payload;
use amtsbote_fit_connect::submission::{CreateSubmission, SubmissionRef as WireRef};
use amtsbote_model::submission::{Event as Step, State};
use amtsbote_model::{AttachmentId, CaseId, Destination, DestinationStatus, Region, SubmissionId};
use amtsbote_problem::{Bilingual, Code, Finding, Findings, Problem};
use amtsbote_store::{Batch, Case as Record, Change, Conflict, Submission};
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};

use crate::access::{Asked, destination_inactive, no_such_destination, reference};
use crate::answer::{Refused, done_or, unexpected};
use crate::auth::Right;
use crate::body::{self, Media};
use crate::events::service_event;

pub(super) async fn announce(
    asked: Asked,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<WireRef>), Refused> {
    asked.caller.demand(Right::Send)?;
    let request = parsed(&asked, &headers, body).await?;
    let announced = once(&asked, &request.announced_attachments)?;
    let destination = destination(&asked, &request).await?;
    let (case_id, is_new) = case_of(&asked, &request).await?;
    let at = asked.context.now();
    let submission = Submission {
        id: SubmissionId::from_uuid(asked.context.new_uuid()),
        case_id,
        destination_id: destination.id,
        sender: asked.caller.client.clone(),
        service: request.service.identifier,
        service_name: request.service.name,
        region: request.region,
        state: State::Created,
        announced,
        attachments: Vec::new(),
        callback: request.callback,
        created_at: at,
        submitted_at: None,
    };
    let ids = reference(&submission);
    let opened = Record {
        id: case_id,
        destination_id: destination.id,
        sender: submission.sender.clone(),
        opened_at: at,
    };
    let event = service_event(&asked.context, ids, Step::Create, Payload::Empty, at).await?;
    let mut batch = Batch::new();
    if is_new == Case::New {
        batch = batch.with(Change::OpenCase(opened));
    }
    let batch = batch
        .with(Change::Announce(Box::new(submission)))
        .with(Change::Append(event));
    done_or(
        asked.context.store().commit(batch).await?,
        |conflict| match conflict {
            Conflict::DestinationMoved => destination_inactive(),
            Conflict::CaseMismatch => case_mismatch(),
            Conflict::Exists
            | Conflict::StateMoved(_)
            | Conflict::SubjectUnknown
            | Conflict::NotAnnounced
            | Conflict::AttachmentsMoved
            | Conflict::InUse
            | Conflict::DueMoved => unexpected(conflict),
        },
    )?;
    amtsbote_names::fail_point!(Announced);
    let ids = WireRef {
        destination_id: ids.destination_id,
        submission_id: ids.id,
        case_id,
    };
    Ok((StatusCode::CREATED, Json(ids)))
}

async fn parsed(
    asked: &Asked,
    headers: &HeaderMap,
    body: Body,
) -> Result<CreateSubmission, Refused> {
    // 415 is no answer of this route.
    Media::Json.demand_or(headers, Code::MalformedRequest)?;
    let bytes = body::read(headers, body, asked.context.limits().json_bytes).await?;
    CreateSubmission::parse(&bytes, asked.version)
        .map_err(|findings| Problem::new(Code::MalformedJson).findings(findings).into())
}

/// The announced ids, each once. v1 has no rule against repeats, and a client in use repeats one id for all its attachments: they
/// count as one. v2 senders are told.
pub(in crate::routes) fn once(
    asked: &Asked,
    announced: &[AttachmentId],
) -> Result<Vec<AttachmentId>, Refused> {
    let mut once: Vec<AttachmentId> = Vec::new();
    let mut repeats = Findings::new();
    let mut seen = std::collections::BTreeSet::new();
    for (place, id) in announced.iter().enumerate() {
        if seen.insert(*id) {
            once.push(*id);
        } else {
            let text = Bilingual::new("steht schon weiter oben", "stands further up already");
            repeats.push(Finding::new(
                format!("/announcedAttachments/{place}"),
                "uniqueItems",
                text,
            ));
        }
    }
    let refuses_repeats = asked.version == ApiVersion::V2;
    if refuses_repeats && !repeats.is_empty() {
        repeats.truncate(amtsbote_fit_connect::MAX_FINDINGS);
        return Err(Problem::new(Code::AttachmentsRepeated)
            .findings(repeats)
            .into());
    }
    let most = asked.context.limits().attachments;
    if once.len() > most {
        return Err(Problem::new(Code::TooManyAttachments)
            .detail(format!("at most {most} attachments"))
            .into());
    }
    Ok(once)
}

async fn destination(asked: &Asked, request: &CreateSubmission) -> Result<Destination, Refused> {
    let found = asked
        .context
        .store()
        .destination(request.destination_id)
        .await?;
    let destination = found.ok_or_else(no_such_destination)?;
    if destination.status != DestinationStatus::Active {
        return Err(destination_inactive());
    }
    let offer = destination
        .offer(&request.service.identifier)
        .ok_or(Code::ServiceNotOffered)?;
    let outside = |region: &Region| !offer.regions.iter().any(|offered| overlap(offered, region));
    if request.region.as_ref().is_some_and(outside) {
        return Err(Problem::new(Code::ServiceNotOffered)
            .detail("the service is not offered in this region")
            .into());
    }
    if !asked
        .caller
        .sends(&request.service.identifier, &offer.regions)
    {
        let detail = "the client's scopes do not include this service in this region";
        return Err(Problem::new(Code::NotPermitted).detail(detail).into());
    }
    Ok(destination)
}

/// Whether one region lies in the other. A sender may name less than the destination's Gemeinde, such as the Land.
fn overlap(one: &Region, other: &Region) -> bool {
    let (one, other) = (significant(one), significant(other));
    one.starts_with(other) || other.starts_with(one)
}

fn significant(region: &Region) -> &str {
    &region.as_str()[2..2 + region.precision()]
}

#[derive(PartialEq, Eq)]
enum Case {
    New,
    Joined,
}

/// A case is joined by the same sender at the same destination only; others' cases look as if they were not there.
async fn case_of(asked: &Asked, request: &CreateSubmission) -> Result<(CaseId, Case), Refused> {
    let Some(case_id) = request.case_id else {
        return Ok((CaseId::from_uuid(asked.context.new_uuid()), Case::New));
    };
    let joined = asked
        .context
        .store()
        .case(case_id)
        .await?
        .is_some_and(|case| {
            case.sender == asked.caller.client && case.destination_id == request.destination_id
        });
    if joined {
        Ok((case_id, Case::Joined))
    } else {
        Err(case_mismatch())
    }
}

fn case_mismatch() -> Refused {
    Problem::new(Code::CaseMismatch)
        .detail("this client has no such case at this destination")
        .into()
}
