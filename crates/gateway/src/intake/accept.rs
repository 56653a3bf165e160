//! One transaction: case, submission, sealed parts, events, the answer to repeat, the callback.

use std::collections::BTreeMap;

use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, EventKind, Issuer as ClaimsIssuer, Payload, SetSchema, Subject,
};
use amtsbote_fit_connect::intake::IntakeRequest;
use amtsbote_jose::Jwe;
use amtsbote_model::submission::{Issuer, State};
use amtsbote_model::{CaseId, ClientId, EventId, SubmissionId, Timestamp};
use amtsbote_problem::Code;
use amtsbote_store::{Batch, Change, Committed, Conflict, Content, Event, Remembered, Submission};
use serde_json::{Value, json};

use super::seal::{Plain, Sealed, seal_all};
use super::{Checked, Routed};
use crate::answer::{Refused, unexpected};
use crate::auth::Caller;
use crate::callbacks::arrival_notice;
use crate::events::{EVENT_TYP, sign_all};
use crate::receipt::{RECEIPT_TYP, accepted_claims};
use crate::{Context, answer};

/// The `Idempotency-Key` of a request and what tells a repeat from another request.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    /// The sender's key.
    pub(crate) key: String,
    /// Keyed hash of the body.
    pub(crate) fingerprint: String,
}

/// The answer, new or given before.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// Stored by this request.
    New(Value),
    /// Stored by an earlier request with the same key.
    Before(Value),
}

/// Seals and stores. Every await before `commit` may be the last: nothing is promised yet, kept blobs are swept.
/// After `commit` everything is there, and a repeat with the same key is answered from it.
pub(crate) async fn accept(
    context: &Context,
    caller: &Caller,
    (request, repeat): (&IntakeRequest, Option<Repeat>),
    (routed, checked): (Routed<'_>, Checked),
) -> Result<Accepted, Refused> {
    let plain = Plain {
        request,
        checked,
        service: routed.service,
        destination: &routed.destination,
    };
    let sealed = seal_all(context, plain).await?;
    let submission = draft(context, caller, request, &routed, &sealed);
    let tags = tags_of(&sealed)?;
    let signed = sign(context, &submission, &tags).await?;
    let answer = answer_of(context, &submission, &signed.receipt);

    let blobs: Vec<_> = submission
        .attachments
        .iter()
        .map(|attachment| attachment.blob.clone())
        .collect();
    let batch = batch_of(&submission, sealed.content, &signed, context.now());
    let batch = with_notice(batch, context, &routed, &submission);
    let batch = with_memory(
        batch,
        &caller.client,
        repeat.as_ref(),
        &answer,
        submission.created_at,
    );
    match context.store().commit(batch).await? {
        Committed::Done => {
            context.announce_arrival();
            tracing::info!(submission.id = %submission.id, case.id = %submission.case_id,
                destination.id = %submission.destination_id, "accepted {} by intake", submission.id);
            Ok(Accepted::New(answer))
        }
        Committed::Refused(conflict) => {
            for blob in blobs {
                context.blobs().delete(&blob).await?;
            }
            after_conflict(context, &caller.client, repeat, conflict).await
        }
    }
}

fn draft(
    context: &Context,
    caller: &Caller,
    request: &IntakeRequest,
    routed: &Routed<'_>,
    sealed: &Sealed,
) -> Submission {
    let now = context.now();
    Submission {
        id: SubmissionId::from_uuid(context.new_uuid()),
        case_id: CaseId::from_uuid(context.new_uuid()),
        destination_id: routed.destination.id,
        sender: caller.client.clone(),
        service: routed.service.id().clone(),
        service_name: Some(routed.service.label().de.clone()),
        region: None,
        state: State::Submitted,
        announced: sealed.announced.clone(),
        attachments: sealed.attachments.clone(),
        callback: request.callback.clone(),
        created_at: now,
        submitted_at: Some(now),
    }
}

fn tags_of(sealed: &Sealed) -> Result<AuthenticationTags, Refused> {
    let tag = |text: &str| {
        Jwe::parse(text, text.len() as u64)
            .map(|jwe| jwe.tag().to_string())
            .map_err(|error| {
                tracing::error!(error = %error, "our own JWE is malformed: {error}");
                Refused::from(Code::Internal)
            })
    };
    let attachments: BTreeMap<_, _> = sealed
        .attachments
        .iter()
        .map(|a| (a.id, a.tag.clone()))
        .collect();
    Ok(AuthenticationTags {
        metadata: tag(&sealed.content.metadata)?,
        data: sealed.content.data.as_deref().map(tag).transpose()?,
        attachments,
    })
}

struct Signed {
    create: (EventId, String),
    submit: (EventId, String),
    receipt: String,
}

async fn sign(
    context: &Context,
    submission: &Submission,
    tags: &AuthenticationTags,
) -> Result<Signed, Refused> {
    let claims = |kind: EventKind, payload: Payload| Claims {
        schema: Some(SetSchema::CURRENT),
        id: context.new_event_id(),
        issuer: ClaimsIssuer::Service(context.addresses().submission_api()),
        issued_at: submission.created_at,
        subject: Subject::Submission(submission.id),
        case_id: submission.case_id,
        kind,
        payload,
    };
    let create = claims(EventKind::CreateSubmission, Payload::Empty);
    let submit = claims(EventKind::SubmitSubmission, Payload::Tags(tags.clone()));
    let receipt = accepted_claims(context, submission, tags);
    let tokens = [
        (create.body().to_string(), EVENT_TYP),
        (submit.body().to_string(), EVENT_TYP),
        (receipt.to_string(), RECEIPT_TYP),
    ];
    let [create_token, submit_token, receipt] = sign_all(context, tokens).await?;
    Ok(Signed {
        create: (create.id, create_token),
        submit: (submit.id, submit_token),
        receipt,
    })
}

fn batch_of(submission: &Submission, content: Content, signed: &Signed, at: Timestamp) -> Batch {
    let event = |(id, token): &(EventId, String), name: &str| Event {
        id: *id,
        case_id: submission.case_id,
        submission_id: submission.id,
        name: name.to_owned(),
        issuer: Issuer::Service,
        at,
        token: token.clone(),
    };
    Batch::new()
        .with(Change::OpenCase {
            id: submission.case_id,
            destination_id: submission.destination_id,
            at,
        })
        .with(Change::Announce(Box::new(submission.clone())))
        .with(Change::Fill {
            submission_id: submission.id,
            content,
        })
        .with(Change::Append(event(&signed.create, "create-submission")))
        .with(Change::Append(event(&signed.submit, "submit-submission")))
}

fn with_notice(
    batch: Batch,
    context: &Context,
    routed: &Routed<'_>,
    submission: &Submission,
) -> Batch {
    match arrival_notice(context, &routed.destination, submission) {
        Some(notice) => batch.with(Change::Enqueue(notice)),
        None => batch,
    }
}

fn with_memory(
    batch: Batch,
    client: &ClientId,
    repeat: Option<&Repeat>,
    answer: &Value,
    at: Timestamp,
) -> Batch {
    let Some(repeat) = repeat else { return batch };
    batch.with(Change::Remember(Remembered {
        client: client.clone(),
        key: repeat.key.clone(),
        fingerprint: repeat.fingerprint.clone(),
        answer: answer.to_string(),
        at,
    }))
}

fn answer_of(context: &Context, submission: &Submission, receipt: &str) -> Value {
    json!({
        "submissionId": submission.id,
        "caseId": submission.case_id,
        "destinationId": submission.destination_id,
        "receivedAt": submission.created_at.to_rfc3339(),
        "receipt": receipt,
        "status": format!("{}/submissions/{}", context.addresses().intake(), submission.id),
    })
}

// Two requests with one key may race: the store lets one through, the other gets that one's answer.
async fn after_conflict(
    context: &Context,
    client: &ClientId,
    repeat: Option<Repeat>,
    conflict: Conflict,
) -> Result<Accepted, Refused> {
    match (conflict, repeat) {
        (Conflict::Exists, Some(repeat)) => {
            match answered_before(context, client, &repeat).await? {
                Some(answer) => Ok(Accepted::Before(answer)),
                None => Err(unexpected(conflict)),
            }
        }
        (Conflict::DestinationMoved, _) => Err(Code::DestinationStateInvalid.into()),
        (conflict, _) => Err(answer::unexpected(conflict)),
    }
}

/// The answer given before under this key, if the request is the same; 422 if it is another.
pub(crate) async fn answered_before(
    context: &Context,
    client: &ClientId,
    repeat: &Repeat,
) -> Result<Option<Value>, Refused> {
    let Some(before) = context.store().remembered(client, &repeat.key).await? else {
        return Ok(None);
    };
    if before.fingerprint != repeat.fingerprint {
        return Err(Code::IdempotencyKeyReused.into());
    }
    let answer = serde_json::from_str(&before.answer).map_err(|error| {
        tracing::error!(error = %error, "a remembered answer cannot be read: {error}");
        Refused::from(Code::Internal)
    })?;
    Ok(Some(answer))
}
