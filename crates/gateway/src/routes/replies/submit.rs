//! `PUT replies/{replyId}`: a subscriber completes its reply.

use amtsbote_fit_connect::event::Payload;
use amtsbote_fit_connect::reply::{ReplyReduced, ReplyRef as WireRef};
use amtsbote_model::ReplyId;
use amtsbote_model::reply::{self, Party};
use amtsbote_model::submission::{Event as Step, State};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict, ReplyRecord};
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};

use crate::Context;
use crate::access::{Asked, Of, replied_by_caller, reply_reference};
use crate::answer::{Refused, unexpected};
use crate::auth::Right;
use crate::body::{self, Media};
use crate::callbacks::{Thread, reply_arrival_notice};
use crate::consignment::Consignment;
use crate::events::reply_event;
use crate::routes::submissions::{KeyNames, Sealed, check_attachments, expect_same, sealed, tags};

/// How often a submit is decided anew when attachments move under it; each time somebody else made progress.
const TRIES_MAX: usize = 4;

pub(super) async fn submit(
    asked: Asked,
    Of(id): Of<ReplyId>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ReplyReduced>), Refused> {
    asked.caller.demand(Right::Subscribe)?;
    Media::Json.demand(&headers)?;
    current(&asked, id).await?;
    let bytes = body::read(&headers, body, asked.context.limits().submit_bytes).await?;
    let sealed = sealed(&asked, bytes, KeyNames::Any).await?;
    for _ in 0..TRIES_MAX {
        let reply = current(&asked, id).await?;
        let consignment = Consignment::from(&reply);
        let complete = match reply.state {
            State::Created => complete(&asked.context, &reply, &sealed).await?,
            State::Submitted | State::Forwarded | State::Accepted | State::Rejected => {
                expect_same(&asked.context, &consignment, &sealed).await?;
                Complete::Yes
            }
            State::Deleted => {
                let detail = "it was deleted: announced replies wait a limited time";
                return Err(consignment.closed(detail));
            }
        };
        if complete == Complete::Yes {
            let status = StatusCode::from_u16(asked.version.submit_status().code())
                .unwrap_or(StatusCode::OK);
            return Ok((status, Json(reduced(&reply))));
        }
    }
    // Somebody keeps replacing attachments while submitting.
    Err(Problem::new(Code::Overloaded)
        .detail("the attachments keep changing")
        .into())
}

async fn current(asked: &Asked, id: ReplyId) -> Result<ReplyRecord, Refused> {
    let found = replied_by_caller(asked, id).await?;
    Ok(found.ok_or(Code::ReplyNotFound)?.0)
}

#[derive(PartialEq, Eq)]
enum Complete {
    Yes,
    /// It moved meanwhile: read again and decide anew.
    NotYet,
}

/// One batch: dying before it leaves a reply that is not submitted, and its sender without a 2xx.
async fn complete(
    context: &Context,
    reply: &ReplyRecord,
    sealed: &Sealed,
) -> Result<Complete, Refused> {
    let consignment = Consignment::from(reply);
    check_attachments(context, &consignment)?;
    let to = reply::step(reply.state, Step::Submit, Party::Service).map_err(|_| Code::Internal)?;
    let (ids, subject, at) = (reply_reference(reply), reply.id.into(), context.now());
    let tags = Payload::Tags(tags(&consignment, sealed));
    let event = reply_event(context, ids, Step::Submit, tags, at).await?;
    let mut batch = Batch::new()
        .with(Change::ExpectAttachments {
            subject,
            attachments: consignment.attachments,
        })
        .with(Change::Fill {
            subject,
            content: sealed.content.clone(),
        })
        .with(Change::Move {
            subject,
            from: reply.state,
            to,
            at,
        })
        .with(Change::Append(event));
    let thread = Thread::of(context, reply.case_id).await?;
    if let Some(notice) = thread.and_then(|thread| reply_arrival_notice(context, &thread, reply)) {
        batch = batch.with(Change::Enqueue(notice));
    }
    match context.store().commit(batch).await? {
        Committed::Done => {
            // Submitted again, it is the same submit; the log tells whoever asks.
            amtsbote_names::fail_point!(ReplyCompleted);
            context.announce_arrival();
            Ok(Complete::Yes)
        }
        Committed::Refused(
            Conflict::AttachmentsMoved | Conflict::StateMoved(_) | Conflict::Exists,
        ) => Ok(Complete::NotYet),
        Committed::Refused(conflict) => Err(unexpected(conflict)),
    }
}

/// The reply without its sealed parts, attachments in the sender's order.
pub(super) fn reduced(reply: &ReplyRecord) -> ReplyReduced {
    let arrived = |id: &_| reply.attachments.iter().any(|there| there.id == *id);
    ReplyReduced {
        ids: WireRef {
            reply_id: reply.id,
            case_id: reply.case_id,
        },
        destination_id: Some(reply.destination_id),
        attachments: reply.announced.iter().copied().filter(arrived).collect(),
    }
}
