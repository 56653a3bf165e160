//! `POST replies`: a subscriber says what it is going to send into a case.

use amtsbote_fit_connect::event::Payload;
use amtsbote_fit_connect::reply::{CreateReply, ReplyRef as WireRef};
use amtsbote_model::submission::{Event as Step, State};
use amtsbote_model::{DestinationStatus, ReplyId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Batch, Case, Change, ReplyRecord};
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};

use crate::access::{Asked, destination_inactive, destination_of_caller, reply_reference};
use crate::answer::{Refused, done_or, unexpected};
use crate::auth::Right;
use crate::body::{self, Media};
use crate::callbacks::Thread;
use crate::events::reply_event;
use crate::routes::submissions::once;

pub(super) async fn announce(
    asked: Asked,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<WireRef>), Refused> {
    asked.caller.demand(Right::Subscribe)?;
    Media::Json.demand(&headers)?;
    let bytes = body::read(&headers, body, asked.context.limits().json_bytes).await?;
    let request = CreateReply::parse(&bytes)
        .map_err(|findings| Problem::new(Code::MalformedJson).findings(findings))?;
    let announced = once(&asked, &request.announced_attachments)?;
    let case = case(&asked, &request).await?;
    let at = asked.context.now();
    let reply = ReplyRecord {
        id: ReplyId::from_uuid(asked.context.new_uuid()),
        case_id: case.id,
        destination_id: case.destination_id,
        receiver: case.sender,
        state: State::Created,
        announced,
        attachments: Vec::new(),
        created_at: at,
        submitted_at: None,
    };
    let ids = reply_reference(&reply);
    let event = reply_event(&asked.context, ids, Step::Create, Payload::Empty, at).await?;
    let batch = Batch::new()
        .with(Change::AnnounceReply(Box::new(reply)))
        .with(Change::Append(event));
    // Dying before the commit leaves nothing; after it an announced reply that the deadline takes away.
    done_or(asked.context.store().commit(batch).await?, unexpected)?;
    amtsbote_names::fail_point!(ReplyEntered);
    let ids = WireRef {
        reply_id: ids.id,
        case_id: ids.case_id,
    };
    Ok((StatusCode::CREATED, Json(ids)))
}

/// The case, if the caller receives where it goes. A case of which nothing was submitted yet is not known there.
async fn case(asked: &Asked, request: &CreateReply) -> Result<Case, Refused> {
    let found = asked.context.store().case(request.case_id).await?;
    let case = found.ok_or(Code::CaseNotFound)?;
    let destination = destination_of_caller(asked, case.destination_id)
        .await?
        .ok_or(Code::CaseNotFound)?;
    Thread::of(&asked.context, case.id)
        .await?
        .ok_or(Code::CaseNotFound)?;
    if request
        .destination_id
        .is_some_and(|named| named != case.destination_id)
    {
        return Err(Code::CaseMismatch.into());
    }
    // A destination that takes nothing new still answers what it has.
    if destination.status == DestinationStatus::Decommissioned {
        return Err(destination_inactive());
    }
    Ok(case)
}
