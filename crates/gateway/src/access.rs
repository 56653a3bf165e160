//! What a handler is asked, by whom, and about which of the caller's submissions.
//!
//! What belongs to somebody else and what does not exist look alike.

use std::str::FromStr;

use amtsbote_fit_connect::problem_types::ProblemType;
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_model::{
    AttachmentId, CaseId, ClientId, Destination, DestinationId, EventId, ReplyId, SubmissionId,
};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{DestinationFilter, Page, ReplyRecord, ReplyRef, Submission, SubmissionRef};
use axum::extract::{FromRequestParts, RawPathParams, RawQuery};
use axum::http::request::Parts;

use crate::Context;
use crate::answer::Refused;
use crate::auth::{Caller, Right};

/// Who asks, and in which API version.
pub(crate) struct Asked {
    pub(crate) context: Context,
    pub(crate) caller: Caller,
    pub(crate) version: ApiVersion,
}

impl FromRequestParts<Context> for Asked {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Refused> {
        let caller = Caller::from_request_parts(parts, context).await?;
        let version = parts
            .extensions
            .get::<ApiVersion>()
            .copied()
            .ok_or(Code::NoSuchPath)?;
        Ok(Self {
            context: context.clone(),
            caller,
            version,
        })
    }
}

/// An id in the path.
pub(crate) trait InPath: FromStr {
    /// The parameter's name in the route.
    const NAME: &'static str;
    /// The answer to what is no id.
    const MALFORMED: Code;
}

impl InPath for SubmissionId {
    const NAME: &'static str = "submission_id";
    const MALFORMED: Code = Code::MalformedParameter;
}

impl InPath for ReplyId {
    const NAME: &'static str = "reply_id";
    const MALFORMED: Code = Code::MalformedParameter;
}

impl InPath for AttachmentId {
    const NAME: &'static str = "attachment_id";
    const MALFORMED: Code = Code::MalformedParameter;
}

impl InPath for EventId {
    const NAME: &'static str = "event_id";
    const MALFORMED: Code = Code::MalformedParameter;
}

impl InPath for CaseId {
    const NAME: &'static str = "case_id";
    // Submission API 1.1.3 has no 400 for reading a case's log.
    const MALFORMED: Code = Code::CaseNotFound;
}

/// An id of the path, read. Comes after the caller in a handler's arguments: who may not ask is told nothing else.
pub(crate) struct Of<T>(pub(crate) T);

impl<T: InPath> FromRequestParts<Context> for Of<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Refused> {
        let malformed = || Problem::new(T::MALFORMED).detail(format!("{} is not a UUID", T::NAME));
        let params = RawPathParams::from_request_parts(parts, context)
            .await
            .map_err(|_| malformed())?;
        let text = params
            .iter()
            .find(|(name, _)| *name == T::NAME)
            .map_or("", |(_, value)| value);
        text.parse().map(Self).map_err(|_| malformed().into())
    }
}

/// The part of a list that is asked for, from the query. No list of Submission API 1.1.3 answers 400: there the nearest part
/// that can be had is given. v2 has no such document, and its clients are told.
pub(crate) fn paging_of(version: ApiVersion, query: &RawQuery) -> Result<Paging, Refused> {
    let pairs: Vec<_> = pairs_of(query).collect();
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()));
    match version {
        ApiVersion::V1 => Ok(Paging::nearest(pairs)),
        ApiVersion::V2 => Paging::parse(pairs).map_err(|findings| {
            Problem::new(Code::MalformedParameter)
                .findings(findings)
                .into()
        }),
    }
}

/// The decoded pairs of the query.
pub(crate) fn pairs_of(
    RawQuery(query): &RawQuery,
) -> impl Iterator<Item = (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)> {
    url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes())
}

/// The store's page.
pub(crate) fn page_of(paging: Paging) -> Page {
    Page {
        offset: paging.offset.into(),
        limit: paging.limit,
    }
}

/// The submission, if the caller announced it.
pub(crate) async fn sent_by_caller(
    asked: &Asked,
    id: SubmissionId,
) -> Result<Option<Submission>, Refused> {
    let found = asked.context.store().submission(id).await?;
    Ok(found.filter(|submission| submission.sender == asked.caller.client))
}

/// The submission and its destination, if the caller receives there.
pub(crate) async fn received_by_caller(
    asked: &Asked,
    id: SubmissionId,
) -> Result<Option<(Submission, Destination)>, Refused> {
    let Some(submission) = asked.context.store().submission(id).await? else {
        return Ok(None);
    };
    let destination = destination_of_caller(asked, submission.destination_id).await?;
    Ok(destination.map(|destination| (submission, destination)))
}

/// The reply and its destination, if the caller replies from there.
pub(crate) async fn replied_by_caller(
    asked: &Asked,
    id: ReplyId,
) -> Result<Option<(ReplyRecord, Destination)>, Refused> {
    let Some(reply) = asked.context.store().reply(id).await? else {
        return Ok(None);
    };
    let destination = destination_of_caller(asked, reply.destination_id).await?;
    Ok(destination.map(|destination| (reply, destination)))
}

/// The reply, if it is for the caller. Of what was not submitted its receiver knows nothing.
pub(crate) async fn reply_to_caller(
    asked: &Asked,
    id: ReplyId,
) -> Result<Option<ReplyRecord>, Refused> {
    let found = asked.context.store().reply(id).await?;
    Ok(found.filter(|reply| reply.receiver == asked.caller.client && reply.submitted_at.is_some()))
}

/// The destination, if the caller receives there.
pub(crate) async fn destination_of_caller(
    asked: &Asked,
    id: DestinationId,
) -> Result<Option<Destination>, Refused> {
    let found = asked.context.store().destination(id).await?;
    Ok(found.filter(|destination| asked.caller.subscribes_to(destination)))
}

/// All destinations of the caller's client, whatever its token permits there.
pub(crate) async fn owned_destinations(asked: &Asked) -> Result<Vec<Destination>, Refused> {
    let filter = DestinationFilter::OwnedBy(asked.caller.client.clone());
    let mut own = Vec::new();
    loop {
        let page = Page {
            offset: own.len() as u64,
            limit: Paging::MAX_LIMIT,
        };
        let listed = asked.context.store().destinations(&filter, page).await?;
        let is_last = listed.entries.is_empty();
        own.extend(listed.entries);
        if is_last || own.len() as u64 >= listed.total {
            return Ok(own);
        }
    }
}

/// Whether the caller may read the log of a case that `sender` has at the destination: the sender, the subscriber, or who
/// administers the destination.
pub(crate) async fn reads_log(
    asked: &Asked,
    sender: &ClientId,
    destination_id: DestinationId,
) -> Result<bool, Refused> {
    let caller = &asked.caller;
    if *sender == caller.client && caller.has(Right::Send) {
        return Ok(true);
    }
    let destination = asked.context.store().destination(destination_id).await?;
    Ok(destination.is_some_and(|destination| caller.owns(&destination)))
}

/// The ids of a reply.
pub(crate) const fn reply_reference(reply: &ReplyRecord) -> ReplyRef {
    ReplyRef {
        id: reply.id,
        case_id: reply.case_id,
        destination_id: reply.destination_id,
    }
}

/// The three ids.
pub(crate) fn reference(submission: &Submission) -> SubmissionRef {
    SubmissionRef {
        id: submission.id,
        case_id: submission.case_id,
        destination_id: submission.destination_id,
    }
}

/// 404, by the name FIT-Connect's clients know.
pub(crate) fn no_such_submission() -> Refused {
    Refused::from(Code::SubmissionNotFound).known_as(ProblemType::SubmissionNotFound.uri())
}

/// 404, by the name FIT-Connect's clients know.
pub(crate) fn no_such_destination() -> Refused {
    Refused::from(Code::DestinationNotFound).known_as(ProblemType::DestinationNotFound.uri())
}

/// 422, by the name FIT-Connect's clients know.
pub(crate) fn destination_inactive() -> Refused {
    Refused::from(Code::DestinationStateInvalid)
        .known_as(ProblemType::DestinationStateInvalid.uri())
}
