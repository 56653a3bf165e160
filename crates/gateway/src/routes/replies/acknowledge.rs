//! `PUT replies/{replyId}/accept` and `…/reject`: extensions of ours.
//!
//! Whoever receives a submission signs its answer with a key of its destination. Whoever receives a reply is an online service:
//! no public source gives it a key, and configurations of the official SDK have none for senders. So it says here, with its
//! token, what became of the reply, and the service signs the event on its behalf.

use amtsbote_fit_connect::event::Payload;
use amtsbote_fit_connect::reply::{AcceptReply, RejectReply};
use amtsbote_model::ReplyId;
use amtsbote_model::reply::{self, Party, Refusal};
use amtsbote_model::submission::{Event as Step, State};
use amtsbote_problem::{Code, Findings, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict, LogOf, Page, ReplyRecord};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use crate::access::{Asked, Of, reply_reference, reply_to_caller};
use crate::answer::{Refused, unexpected};
use crate::auth::Right;
use crate::body::{self, Media};
use crate::callbacks::reply_event_notice_to_sender;
use crate::events::reply_event;
use crate::routes::cases::differences;

/// A reply's own log has a handful of entries; this many at most are read.
const LOG_MAX: u32 = 500;

pub(super) async fn accept(
    asked: Asked,
    Of(id): Of<ReplyId>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    let (reply, bytes) = begin(&asked, id, &headers, body).await?;
    let body = AcceptReply::parse(&bytes).map_err(malformed)?;
    let page = Page {
        offset: 0,
        limit: LOG_MAX,
    };
    let log = asked
        .context
        .store()
        .events(LogOf::Subject(id.into()), page);
    let differing = differences(&body.authentication_tags, &log.await?.entries, "")?;
    if !differing.is_empty() {
        return Err(Problem::new(Code::TagsDiffer).findings(differing).into());
    }
    let payload = Payload::Tags(body.authentication_tags);
    record(&asked, &reply, Step::Accept, payload).await
}

pub(super) async fn reject(
    asked: Asked,
    Of(id): Of<ReplyId>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    let (reply, bytes) = begin(&asked, id, &headers, body).await?;
    let body = RejectReply::parse(&bytes).map_err(malformed)?;
    let payload = Payload::Problems(body.problems);
    record(&asked, &reply, Step::Reject, payload).await
}

async fn begin(
    asked: &Asked,
    id: ReplyId,
    headers: &HeaderMap,
    body: Body,
) -> Result<(ReplyRecord, Bytes), Refused> {
    asked.caller.demand(Right::Send)?;
    Media::Json.demand(headers)?;
    let reply = reply_to_caller(asked, id)
        .await?
        .ok_or(Code::ReplyNotFound)?;
    let bytes = body::read(headers, body, asked.context.limits().json_bytes).await?;
    Ok((reply, bytes))
}

fn malformed(findings: Findings) -> Refused {
    Problem::new(Code::MalformedJson).findings(findings).into()
}

/// One batch: dying before it leaves the reply as it was, and its receiver without a 2xx. The same answer once more is fine: the
/// first one's 204 may have been lost.
async fn record(
    asked: &Asked,
    reply: &ReplyRecord,
    step: Step,
    payload: Payload,
) -> Result<StatusCode, Refused> {
    if is_answered(reply.state, step) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let to = reply::step(reply.state, step, Party::Receiver).map_err(|refusal| match refusal {
        Refusal::WrongParty { .. } => Code::Internal.into(),
        Refusal::IllegalStep { .. } => illegal(refusal.to_string()),
    })?;
    let (context, at) = (&asked.context, asked.context.now());
    let event = reply_event(context, reply_reference(reply), step, payload, at).await?;
    let mut batch = Batch::new()
        .with(Change::Move {
            subject: reply.id.into(),
            from: reply.state,
            to,
            at,
        })
        .with(Change::Append(event));
    if let Some(notice) = reply_event_notice_to_sender(context, reply).await? {
        batch = batch.with(Change::Enqueue(notice));
    }
    match context.store().commit(batch).await? {
        Committed::Done => {
            // The same word again is answered the same.
            amtsbote_names::fail_point!(ReplyAcknowledged);
            Ok(StatusCode::NO_CONTENT)
        }
        Committed::Refused(Conflict::StateMoved(state)) if is_answered(state, step) => {
            Ok(StatusCode::NO_CONTENT)
        }
        Committed::Refused(Conflict::StateMoved(state)) => {
            Err(illegal(format!("reply {} is {state} by now", reply.id)))
        }
        Committed::Refused(conflict) => Err(unexpected(conflict)),
    }
}

fn is_answered(state: State, step: Step) -> bool {
    matches!(
        (state, step),
        (State::Accepted, Step::Accept) | (State::Rejected, Step::Reject)
    )
}

fn illegal(detail: String) -> Refused {
    Problem::new(Code::IllegalStep).detail(detail).into()
}
