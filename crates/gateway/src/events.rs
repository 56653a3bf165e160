//! Events the delivery service signs itself.

use amtsbote_fit_connect::event::{
    Claims, EventKind, Issuer, NotifyType, Payload, SetSchema, Subject,
};
use amtsbote_jose::sign;
use amtsbote_model::ids::derived;
use amtsbote_model::submission::{Event as Step, Issuer as Signer};
use amtsbote_model::{CaseId, EventId, Timestamp};
use amtsbote_problem::Code;
use amtsbote_store::{Event, ReplyRef, SubmissionRef};

use crate::Context;
use crate::answer::Refused;

/// Media type in the header of security event tokens (RFC 8417 §2.3).
pub const EVENT_TYP: &str = "secevent+jwt";

/// Signs the claims of one event on the crypto pool.
pub async fn sign_event(context: &Context, claims: &Claims) -> Result<String, Refused> {
    let key = context.identity().signing.clone();
    let payload = claims.body().to_string();
    let signed = context
        .crypto()
        .run(move || sign(payload.as_bytes(), &key, EVENT_TYP))
        .await?;
    signed.map_err(|error| {
        tracing::error!(error = %error, "an event could not be signed: {error}");
        Refused::from(Code::Internal)
    })
}

/// An event of the service about a submission, signed, ready to be appended to the log.
pub async fn service_event(
    context: &Context,
    of: SubmissionRef,
    step: Step,
    payload: Payload,
    at: Timestamp,
) -> Result<Event, Refused> {
    let of = (of.id.into(), of.case_id);
    signed_event(context, of, (EventKind::from(step), payload), at).await
}

/// An event of the service about a reply, signed, ready to be appended to the log.
pub async fn reply_event(
    context: &Context,
    of: ReplyRef,
    step: Step,
    payload: Payload,
    at: Timestamp,
) -> Result<Event, Refused> {
    let kind = EventKind::of_reply(step).ok_or_else(|| {
        tracing::error!("no event tells that a reply was passed on");
        Refused::from(Code::Internal)
    })?;
    let of = (of.id.into(), of.case_id);
    signed_event(context, of, (kind, payload), at).await
}

async fn signed_event(
    context: &Context,
    (subject, case_id): (Subject, CaseId),
    (kind, payload): (EventKind, Payload),
    at: Timestamp,
) -> Result<Event, Refused> {
    let id = match &payload {
        Payload::Notify(way) => notify_event_id(subject, *way),
        Payload::Empty | Payload::Tags(_) | Payload::Problems(_) => context.new_event_id(),
    };
    let claims = Claims {
        schema: Some(SetSchema::CURRENT),
        id,
        issuer: Issuer::Service(context.addresses().submission_api()),
        issued_at: at,
        subject,
        case_id,
        kind,
        payload,
    };
    let token = sign_event(context, &claims).await?;
    Ok(Event {
        id,
        case_id,
        subject,
        name: kind.slug().to_owned(),
        issuer: Signer::Service,
        at,
        token,
    })
}

/// The id of a submission's or reply's notify event: there is at most one of each type (FIT-Connect documentation, event log), and an id
/// that follows from both lets the store see to that.
pub fn notify_event_id(subject: Subject, kind: NotifyType) -> EventId {
    let name: &[u8] = match kind {
        NotifyType::Callback => b"notify-callback",
        NotifyType::Polling => b"notify-polling",
    };
    EventId::from_uuid(derived(subject.uuid(), name))
}

/// Signs several payloads in one go on the crypto pool.
pub(crate) async fn sign_all<const N: usize>(
    context: &Context,
    payloads: [(String, &'static str); N],
) -> Result<[String; N], Refused> {
    let key = context.identity().signing.clone();
    let signed = context
        .crypto()
        .run(move || {
            let tokens: Result<Vec<String>, _> = payloads
                .iter()
                .map(|(payload, typ)| sign(payload.as_bytes(), &key, typ))
                .collect();
            tokens
        })
        .await?;
    let tokens = signed.map_err(|error| {
        tracing::error!(error = %error, "a token could not be signed: {error}");
        Refused::from(Code::Internal)
    })?;
    Ok(tokens.try_into().expect("one token per payload"))
}
