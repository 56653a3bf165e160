//! One transaction: case, submission, sealed parts, events, the answer to repeat, the callback.

use std::collections::BTreeMap;

use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, EventKind, Issuer as ClaimsIssuer, Payload, SetSchema, Subject,
};
use amtsbote_jose::Jwe;
use amtsbote_model::submission::{Issuer, State};
use amtsbote_model::{CaseId, ClientId, Destination, EventId, SubmissionId, Timestamp};
use amtsbote_problem::Code;
use amtsbote_store::{
    Attachment, Batch, Case, Change, Committed, Conflict, Content, Event, Remembered, Submission,
};
use serde_json::{Value, json};

use super::repeat::{Repeat, answered_before};
use super::route::Sealing;
use super::seal::{Sealed, seal_all};
use super::{Examined, Room};
use crate::Context;
use crate::answer::{Refused, unexpected};
use crate::callbacks::arrival_notice;
use crate::events::{EVENT_TYP, sign_all};
use crate::receipt::{RECEIPT_TYP, accepted_claims};
use crate::uplink::shade;

/// What is to be sealed and stored, and for whom.
pub(crate) struct Order {
    pub(crate) context: Context,
    pub(crate) sender: ClientId,
    pub(crate) examined: Examined,
    pub(crate) repeat: Option<Repeat>,
    /// Held until the content is forgotten.
    pub(crate) room: Room,
}

/// The answer, new or given before.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// Stored by this request.
    New(Value),
    /// Stored by an earlier request with the same key.
    Before(Value),
}

/// Seals and stores. Runs to its end once begun: attachments of what was certainly not stored are deleted at once. If the process
/// dies before that, or nobody knows what became of the batch, they are left to the sweep.
pub(crate) async fn accept(mut order: Order) -> Result<Accepted, Refused> {
    let mut kept = Vec::new();
    let id = SubmissionId::from_uuid(order.context.new_uuid());
    let accepted = seal_and_store(&mut order, id, &mut kept).await;
    if !matches!(accepted, Ok(Accepted::New(_))) {
        forget(&order.context, id, &kept).await;
    }
    drop(order.room);
    accepted
}

async fn seal_and_store(
    order: &mut Order,
    id: SubmissionId,
    kept: &mut Vec<Attachment>,
) -> Result<Accepted, Refused> {
    let context = order.context.clone();
    if let Sealing::Foreign(_) = &order.examined.sealing {
        // A shadow without submissions harms nobody: dying after this is fine.
        shade(&context, &order.examined.destination).await?;
    }
    let sealed = seal_all(&context, &mut order.examined, kept).await?;
    amtsbote_names::fail_point!(IntakeSealed);
    let submission = draft(order, id, &sealed, kept);
    let tags = tags_of(&sealed, kept)?;
    let signed = sign(&context, &submission, &tags).await?;
    let answer = answer_of(&context, &submission, &signed.receipt);

    let batch = batch_of(&submission, sealed.content, &signed);
    let batch = with_notice(batch, &context, &order.examined.destination, &submission);
    let batch = with_memory(batch, &submission, order.repeat.as_ref(), &answer);
    let committed = commit(&context, batch, id).await.inspect_err(|_| {
        // After a failed fsync or a lost connection the batch may come back when the store is opened again: then it needs them.
        kept.clear();
    });
    match committed? {
        Committed::Done => {
            amtsbote_names::fail_point!(IntakeCommitted);
            context.announce_arrival();
            tracing::info!(submission.id = %submission.id, case.id = %submission.case_id,
                destination.id = %submission.destination_id, "accepted {} by intake", submission.id);
            Ok(Accepted::New(answer))
        }
        Committed::Refused(conflict) => {
            after_conflict(&context, &order.sender, order.repeat.as_ref(), conflict).await
        }
    }
}

// A store that lost its connection may not know what became of the batch: then it is asked.
async fn commit(context: &Context, batch: Batch, id: SubmissionId) -> Result<Committed, Refused> {
    match context.store().commit(batch).await {
        Ok(committed) => Ok(committed),
        Err(error) => match context.store().submission(id).await {
            Ok(Some(_)) => Ok(Committed::Done),
            Ok(None) | Err(_) => Err(error.into()),
        },
    }
}

// Only blobs without a row go; what cannot be asked or deleted now is found by the sweep.
async fn forget(context: &Context, id: SubmissionId, kept: &[Attachment]) {
    if kept.is_empty() || !matches!(context.store().submission(id).await, Ok(None)) {
        return;
    }
    for attachment in kept {
        if let Err(error) = context.blobs().delete(&attachment.blob).await {
            tracing::warn!(error = %error, "a blob could not be deleted: {error}");
        }
    }
}

fn draft(order: &Order, id: SubmissionId, sealed: &Sealed, kept: &[Attachment]) -> Submission {
    // The moment of receipt: read once, for events, receipt and row.
    let now = order.context.now();
    let matter = &order.examined.matter;
    Submission {
        id,
        case_id: CaseId::from_uuid(order.context.new_uuid()),
        destination_id: order.examined.destination.id,
        sender: order.sender.clone(),
        service: matter.service.clone(),
        service_name: Some(matter.label_de.clone()),
        region: matter.region.clone(),
        state: State::Submitted,
        announced: sealed.announced.clone(),
        attachments: kept.to_vec(),
        callback: order.examined.request.callback.clone(),
        created_at: now,
        submitted_at: Some(now),
    }
}

fn tags_of(sealed: &Sealed, kept: &[Attachment]) -> Result<AuthenticationTags, Refused> {
    let tag = |text: &str| {
        Jwe::parse(text, text.len() as u64)
            .map(|jwe| jwe.tag().to_string())
            .map_err(|error| {
                tracing::error!(error = %error, "our own JWE is malformed: {error}");
                Refused::from(Code::Internal)
            })
    };
    let attachments: BTreeMap<_, _> = kept.iter().map(|a| (a.id, a.tag.clone())).collect();
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

fn batch_of(submission: &Submission, content: Content, signed: &Signed) -> Batch {
    let at: Timestamp = submission.created_at;
    let event = |(id, token): &(EventId, String), name: &str| Event {
        id: *id,
        case_id: submission.case_id,
        subject: submission.id.into(),
        name: name.to_owned(),
        issuer: Issuer::Service,
        at,
        token: token.clone(),
    };
    Batch::new()
        .with(Change::OpenCase(Case {
            id: submission.case_id,
            destination_id: submission.destination_id,
            sender: submission.sender.clone(),
            opened_at: at,
        }))
        .with(Change::Announce(Box::new(submission.clone())))
        .with(Change::Fill {
            subject: submission.id.into(),
            content,
        })
        .with(Change::Append(event(&signed.create, "create-submission")))
        .with(Change::Append(event(&signed.submit, "submit-submission")))
}

fn with_notice(
    batch: Batch,
    context: &Context,
    destination: &Destination,
    submission: &Submission,
) -> Batch {
    match arrival_notice(context, destination, submission) {
        Some(notice) => batch.with(Change::Enqueue(notice)),
        None => batch,
    }
}

fn with_memory(
    batch: Batch,
    submission: &Submission,
    repeat: Option<&Repeat>,
    answer: &Value,
) -> Batch {
    let Some(repeat) = repeat else { return batch };
    batch.with(Change::Remember(Remembered {
        client: submission.sender.clone(),
        key: repeat.key.clone(),
        fingerprint: repeat.fingerprint.clone(),
        answer: answer.to_string(),
        at: submission.created_at,
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
    sender: &ClientId,
    repeat: Option<&Repeat>,
    conflict: Conflict,
) -> Result<Accepted, Refused> {
    match (conflict, repeat) {
        (Conflict::Exists, Some(repeat)) => match answered_before(context, sender, repeat).await? {
            Some(answer) => Ok(Accepted::Before(answer)),
            None => Err(unexpected(conflict)),
        },
        (Conflict::DestinationMoved, _) => Err(Code::DestinationStateInvalid.into()),
        (
            Conflict::Exists
            | Conflict::StateMoved(_)
            | Conflict::SubjectUnknown
            | Conflict::NotAnnounced
            | Conflict::AttachmentsMoved
            | Conflict::CaseMismatch
            | Conflict::InUse
            | Conflict::DueMoved,
            _,
        ) => Err(unexpected(conflict)),
    }
}
