//! `PUT submissions/{submissionId}`: a sender completes its submission. This is the moment of receipt.

use amtsbote_fit_connect::event::Payload;
use amtsbote_model::submission::{Event as Step, Issuer, State};
use amtsbote_model::{DestinationStatus, SubmissionId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict, Submission};
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::pickup::reduced;
use super::sealed::{Sealed, check_attachments, encryption_kids, expect_same, sealed, tags};
use crate::Context;
use crate::access::{
    Asked, Of, destination_inactive, no_such_submission, reference, sent_by_caller,
};
use crate::answer::{Refused, unexpected};
use crate::auth::Right;
use crate::body::{self, Media};
use crate::callbacks::arrival_notice;
use crate::consignment::{Consignment, closed};
use crate::events::service_event;

/// How often a submit is decided anew when attachments move under it; each time somebody else made progress.
const TRIES_MAX: usize = 4;

pub(super) async fn submit(
    asked: Asked,
    Of(id): Of<SubmissionId>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Refused> {
    asked.caller.demand(Right::Send)?;
    Media::Json.demand(&headers)?;
    let submission = sent_by_caller(&asked, id)
        .await?
        .ok_or_else(no_such_submission)?;
    let bytes = body::read(&headers, body, asked.context.limits().submit_bytes).await?;
    let names = encryption_kids(&asked.context, submission.destination_id).await?;
    let sealed = sealed(&asked, bytes, names).await?;
    for _ in 0..TRIES_MAX {
        let submission = sent_by_caller(&asked, id)
            .await?
            .ok_or_else(no_such_submission)?;
        let complete = match submission.state {
            State::Created => complete(&asked.context, &submission, &sealed).await?,
            State::Submitted | State::Forwarded | State::Accepted | State::Rejected => {
                expect_same(&asked.context, &Consignment::from(&submission), &sealed).await?;
                Complete::Yes
            }
            State::Deleted => {
                let detail = "it was deleted: announced submissions wait a limited time";
                return Err(closed(id.into(), detail));
            }
        };
        if complete == Complete::Yes {
            let status = StatusCode::from_u16(asked.version.submit_status().code())
                .unwrap_or(StatusCode::OK);
            return Ok((status, Json(reduced(&submission).body(asked.version))));
        }
    }
    // Somebody keeps replacing attachments while submitting.
    Err(Problem::new(Code::Overloaded)
        .detail("the attachments keep changing")
        .into())
}

#[derive(PartialEq, Eq)]
enum Complete {
    Yes,
    /// It moved meanwhile: read again and decide anew.
    NotYet,
}

async fn complete(
    context: &Context,
    submission: &Submission,
    sealed: &Sealed,
) -> Result<Complete, Refused> {
    let consignment = Consignment::from(submission);
    check_attachments(context, &consignment)?;
    let found = context
        .store()
        .destination(submission.destination_id)
        .await?;
    // An inactive destination takes no new announcements, but what was announced may still come.
    let destination = found
        .filter(|destination| destination.status != DestinationStatus::Decommissioned)
        .ok_or_else(destination_inactive)?;
    let to = submission
        .state
        .step(Step::Submit, Issuer::Service)
        .map_err(|_| Code::Internal)?;
    let ids = reference(submission);
    // The moment of receipt: read once, for the event and the row.
    let at = context.now();
    let event = service_event(
        context,
        ids,
        Step::Submit,
        Payload::Tags(tags(&consignment, sealed)),
        at,
    )
    .await?;
    let mut batch = Batch::new()
        .with(Change::ExpectAttachments {
            subject: ids.id.into(),
            attachments: submission.attachments.clone(),
        })
        .with(Change::Fill {
            subject: ids.id.into(),
            content: sealed.content.clone(),
        })
        .with(Change::Move {
            subject: ids.id.into(),
            from: submission.state,
            to,
            at,
        })
        .with(Change::Append(event));
    if let Some(notice) = arrival_notice(context, &destination, submission) {
        batch = batch.with(Change::Enqueue(notice));
    }
    match context.store().commit(batch).await? {
        Committed::Done => {
            amtsbote_names::fail_point!(SubmitCommitted);
            context.announce_arrival();
            Ok(Complete::Yes)
        }
        Committed::Refused(
            Conflict::AttachmentsMoved | Conflict::StateMoved(_) | Conflict::Exists,
        ) => Ok(Complete::NotYet),
        Committed::Refused(conflict) => Err(unexpected(conflict)),
    }
}
