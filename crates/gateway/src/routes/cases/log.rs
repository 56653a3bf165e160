//! `GET cases/{caseId}/events`, `GET submissions/{submissionId}/events` and `GET replies/{replyId}/events`: for the sender, the subscriber, and who administers
//! the destination. The log outlives the content.

use amtsbote_fit_connect::event::EventLog;
use amtsbote_fit_connect::{Page, Paging};
use amtsbote_model::{CaseId, ReplyId, SubmissionId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::LogOf;
use axum::Json;
use axum::extract::RawQuery;

use crate::access::{Asked, Of, no_such_submission, page_of, paging_of, reads_log};
use crate::answer::Refused;
use crate::auth::Right;

pub(super) async fn of_case(
    asked: Asked,
    Of(id): Of<CaseId>,
    query: RawQuery,
) -> Result<Json<EventLog>, Refused> {
    demand_any_right(&asked)?;
    let case = asked
        .context
        .store()
        .case(id)
        .await?
        .ok_or(Code::CaseNotFound)?;
    if !reads_log(&asked, &case.sender, case.destination_id).await? {
        return Err(Code::CaseNotFound.into());
    }
    let log = log(&asked, LogOf::Case(id), paging_of(asked.version, &query)?).await?;
    if is_empty(&log) && asked.context.store().case(id).await?.is_none() {
        return Err(Code::CaseNotFound.into());
    }
    Ok(log)
}

pub(super) async fn of_submission(
    asked: Asked,
    Of(id): Of<SubmissionId>,
    query: RawQuery,
) -> Result<Json<EventLog>, Refused> {
    demand_any_right(&asked)?;
    let submission = asked
        .context
        .store()
        .submission(id)
        .await?
        .ok_or_else(no_such_submission)?;
    if !reads_log(&asked, &submission.sender, submission.destination_id).await? {
        return Err(no_such_submission());
    }
    let log = log(
        &asked,
        LogOf::Subject(id.into()),
        paging_of(asked.version, &query)?,
    )
    .await?;
    if is_empty(&log) && asked.context.store().submission(id).await?.is_none() {
        return Err(no_such_submission());
    }
    Ok(log)
}

pub(super) async fn of_reply(
    asked: Asked,
    Of(id): Of<ReplyId>,
    query: RawQuery,
) -> Result<Json<EventLog>, Refused> {
    demand_any_right(&asked)?;
    let reply = asked
        .context
        .store()
        .reply(id)
        .await?
        .ok_or(Code::ReplyNotFound)?;
    if !reads_log(&asked, &reply.receiver, reply.destination_id).await? {
        return Err(Code::ReplyNotFound.into());
    }
    let log = log(
        &asked,
        LogOf::Subject(id.into()),
        paging_of(asked.version, &query)?,
    )
    .await?;
    if is_empty(&log) && asked.context.store().reply(id).await?.is_none() {
        return Err(Code::ReplyNotFound.into());
    }
    Ok(log)
}

pub(in crate::routes) fn demand_any_right(asked: &Asked) -> Result<(), Refused> {
    if [Right::Send, Right::Subscribe, Right::Manage]
        .into_iter()
        .any(|right| asked.caller.has(right))
    {
        return Ok(());
    }
    let needed =
        "this needs a client with the right to send, to subscribe or to manage destinations";
    Err(Problem::new(Code::NotPermitted).detail(needed).into())
}

/// Then it may have been dropped with its case between the two reads: what is gone has no log, rather than an empty one.
fn is_empty(log: &EventLog) -> bool {
    log.page.total_count == 0
}

async fn log(asked: &Asked, of: LogOf, paging: Paging) -> Result<Json<EventLog>, Refused> {
    let listed = asked.context.store().events(of, page_of(paging)).await?;
    let total = usize::try_from(listed.total).unwrap_or(usize::MAX);
    Ok(Json(EventLog {
        page: Page::of(paging, listed.entries.len(), total),
        event_log: listed
            .entries
            .into_iter()
            .map(|event| event.token)
            .collect(),
    }))
}
