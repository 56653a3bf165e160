//! `POST cases/{caseId}/events`: a subscriber accepts, rejects or forwards a submission with an event it signed itself.

use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, EventKind, Payload, SchemaRule, Subject,
};
use amtsbote_jose::Jws;
use amtsbote_model::submission::{Event as Step, Issuer, Refusal, State};
use amtsbote_model::{CaseId, SubmissionId};
use amtsbote_problem::{Code, Findings, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict, Event, LogOf, Page, Submission};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};

use super::token::{Expected, TOKEN_MAX_BYTES, Verified, finding, refused, verified};
use crate::access::{Asked, Of, destination_of_caller};
use crate::answer::{Refused, unexpected};
use crate::auth::Right;
use crate::body::{self, Media};
use crate::callbacks::event_notice;

/// A submission's own log has a handful of entries; this many at most are read.
const LOG_MAX: u32 = 500;

pub(super) async fn send(
    asked: Asked,
    Of(case_id): Of<CaseId>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    asked.caller.demand(Right::Subscribe)?;
    let case = asked
        .context
        .store()
        .case(case_id)
        .await?
        .ok_or(Code::CaseNotFound)?;
    let destination = destination_of_caller(&asked, case.destination_id)
        .await?
        .ok_or(Code::CaseNotFound)?;
    // Neither 413 nor 415 is an answer of this route.
    Media::Jose.demand_or(&headers, Code::MalformedRequest)?;
    let bytes = body::read(&headers, body, TOKEN_MAX_BYTES)
        .await
        .map_err(too_large_is_malformed)?;
    let token = verified(
        &asked,
        bytes,
        Expected {
            destination_id: destination.id,
            case_id,
        },
    )
    .await?;
    let submission = subject(&asked, &token.claims).await?;
    let next = next(&asked, &submission, &token.claims).await?;
    record(&asked, &submission, token, next).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn too_large_is_malformed(refused: Refused) -> Refused {
    if refused.problem().code == Code::BodyTooLarge {
        return Problem::new(Code::MalformedRequest)
            .detail(format!("at most {TOKEN_MAX_BYTES} bytes"))
            .into();
    }
    refused
}

async fn subject(asked: &Asked, claims: &Claims) -> Result<Submission, Refused> {
    let id = match claims.subject {
        Subject::Submission(id) => Some(id),
        Subject::Reply(_) => None,
    };
    let found = match id {
        Some(id) => asked.context.store().submission(id).await?,
        None => None,
    };
    found
        .filter(|submission| submission.case_id == claims.case_id)
        .ok_or_else(|| {
            let text = (
                "gehört nicht zu diesem Vorgang",
                "does not belong to this case",
            );
            refused(vec![finding("/sub", "subject", text)])
        })
}

/// The state after the event, if it may happen now.
async fn next(asked: &Asked, submission: &Submission, claims: &Claims) -> Result<State, Refused> {
    let page = Page {
        offset: 0,
        limit: LOG_MAX,
    };
    let log = asked
        .context
        .store()
        .events(LogOf::Subject(submission.id.into()), page)
        .await?
        .entries;
    if log.iter().any(|event| event.id == claims.id) {
        return Err(Code::EventExists.into());
    }
    let Some(step) = claims.kind.submission_event() else {
        return Err(refused(vec![foreign_event()]));
    };
    if step == Step::Forward && !asked.version.allows_forwarding() {
        let text = ("gibt es in v2 nicht mehr", "is gone from v2");
        return Err(refused(vec![finding("/events", "event", text)]));
    }
    let next =
        submission
            .state
            .step(step, Issuer::Subscriber)
            .map_err(|refusal| match refusal {
                Refusal::WrongIssuer { .. } => refused(vec![foreign_event()]),
                Refusal::IllegalStep { .. } => Problem::new(Code::IllegalStep)
                    .detail(refusal.to_string())
                    .into(),
            })?;
    if let Payload::Tags(tags) = &claims.payload {
        check_tags(tags, &log)?;
    }
    Ok(next)
}

fn foreign_event() -> amtsbote_problem::Finding {
    finding(
        "/events",
        "event",
        (
            "ist keines des Empfängers",
            "is not the subscriber's to send",
        ),
    )
}

/// Who accepts says what it received: the tags must be those of the submit event.
fn check_tags(tags: &AuthenticationTags, log: &[Event]) -> Result<(), Refused> {
    let within = format!("/events/{}", escaped(&EventKind::AcceptSubmission.uri()));
    let findings = differences(tags, log, &within)?;
    if findings.is_empty() {
        Ok(())
    } else {
        Err(refused(findings))
    }
}

/// Where the tags are not those of the submit event; `within` is where they stand.
pub(in crate::routes) fn differences(
    tags: &AuthenticationTags,
    log: &[Event],
    within: &str,
) -> Result<Findings, Refused> {
    let submitted = submitted_tags(log).ok_or_else(|| {
        tracing::error!("what was submitted has no readable submit event");
        Refused::from(Code::Internal)
    })?;
    let place = |part: &str| format!("{within}/authenticationTags/{part}");
    let mut findings = Findings::new();
    let mut differs = |part: &str| {
        let text = (
            "ist nicht das Tag des submit-Ereignisses",
            "is not the tag of the submit event",
        );
        findings.push(finding(&place(part), "tag", text));
    };
    if tags.metadata != submitted.metadata {
        differs("metadata");
    }
    if tags.data != submitted.data {
        differs("data");
    }
    for id in submitted.attachments.keys().chain(
        tags.attachments
            .keys()
            .filter(|id| !submitted.attachments.contains_key(id)),
    ) {
        if tags.attachments.get(id) != submitted.attachments.get(id) {
            differs(&format!("attachments/{id}"));
        }
    }
    findings.truncate(amtsbote_fit_connect::MAX_FINDINGS);
    Ok(findings)
}

/// As a token of a JSON pointer (RFC 6901 §3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn submitted_tags(log: &[Event]) -> Option<AuthenticationTags> {
    let is_submit = |event: &&Event| {
        [EventKind::SubmitSubmission, EventKind::SubmitReply]
            .iter()
            .any(|kind| kind.slug() == event.name)
    };
    let event = log.iter().find(is_submit)?;
    // Signed by us and kept by us: no need to verify it again.
    let jws = Jws::parse(&event.token, TOKEN_MAX_BYTES).ok()?;
    match Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny)
        .ok()?
        .payload
    {
        Payload::Tags(tags) => Some(tags),
        Payload::Empty | Payload::Notify(_) | Payload::Problems(_) => None,
    }
}

async fn record(
    asked: &Asked,
    submission: &Submission,
    token: Verified,
    to: State,
) -> Result<(), Refused> {
    let at = asked.context.now();
    let event = Event {
        id: token.claims.id,
        case_id: submission.case_id,
        subject: submission.id.into(),
        name: token.claims.kind.slug().to_owned(),
        issuer: Issuer::Subscriber,
        at,
        token: token.text,
    };
    let mut batch = Batch::new()
        .with(Change::Move {
            subject: submission.id.into(),
            from: submission.state,
            to,
            at,
        })
        .with(Change::Append(event));
    if let Some(notice) = event_notice(&asked.context, submission) {
        batch = batch.with(Change::Enqueue(notice));
    }
    match asked.context.store().commit(batch).await? {
        Committed::Done => {
            amtsbote_names::fail_point!(EventCommitted);
            Ok(())
        }
        Committed::Refused(Conflict::StateMoved(state)) => Err(moved(submission.id, state)),
        // Another submission's log has this jti.
        Committed::Refused(Conflict::Exists) => Err(Code::EventExists.into()),
        Committed::Refused(conflict) => Err(unexpected(conflict)),
    }
}

fn moved(id: SubmissionId, state: State) -> Refused {
    Problem::new(Code::IllegalStep)
        .detail(format!("submission {id} is {state} by now"))
        .into()
}
