//! `PUT submissions/{submissionId}`: a sender completes its submission. This is the moment of receipt.

use std::collections::{BTreeMap, BTreeSet};

use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::event::{AuthenticationTags, Payload};
use amtsbote_fit_connect::jwe_header::Part;
use amtsbote_fit_connect::submission::SubmitSubmission;
use amtsbote_jose::Jwe;
use amtsbote_model::submission::{Event as Step, Issuer, State};
use amtsbote_model::{DestinationStatus, SubmissionId};
use amtsbote_problem::{Bilingual, Code, Finding, Findings, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict, Content, Submission};
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::Value;

use super::pickup::reduced;
use super::{encryption_kids, header_findings, malformed};
use crate::Context;
use crate::access::{
    Asked, Of, destination_inactive, no_such_submission, reference, sent_by_caller,
};
use crate::answer::{Refused, unexpected};
use crate::auth::Right;
use crate::body::{self, Media};
use crate::callbacks::arrival_notice;
use crate::events::service_event;

/// A body above this is read on a thread of its own.
const INLINE_MAX_BYTES: usize = 256 * 1024;

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
    let kids = encryption_kids(&asked.context, submission.destination_id).await?;
    let sealed = sealed(&asked, bytes, kids).await?;
    for _ in 0..TRIES_MAX {
        let submission = sent_by_caller(&asked, id)
            .await?
            .ok_or_else(no_such_submission)?;
        let complete = match submission.state {
            State::Created => complete(&asked.context, &submission, &sealed).await?,
            State::Submitted | State::Forwarded | State::Accepted | State::Rejected => {
                repeated(&asked.context, &submission, &sealed).await?
            }
            State::Deleted => {
                let detail = "it was deleted: announced submissions wait a limited time";
                return Err(Problem::new(Code::SubmissionClosed).detail(detail).into());
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

/// The sealed parts and their tags.
struct Sealed {
    content: Content,
    metadata_tag: String,
    data_tag: Option<String>,
}

async fn sealed(asked: &Asked, bytes: Bytes, kids: Vec<String>) -> Result<Sealed, Refused> {
    let version = asked.version;
    let read = if bytes.len() > INLINE_MAX_BYTES {
        asked
            .context
            .crypto()
            .run(move || read_sealed(&bytes, version, &kids))
            .await?
    } else {
        read_sealed(&bytes, version, &kids)
    };
    Ok(read?)
}

fn read_sealed(bytes: &[u8], version: ApiVersion, kids: &[String]) -> Result<Sealed, Problem> {
    let body = SubmitSubmission::parse(bytes, version)
        .map_err(|findings| Problem::new(Code::MalformedJson).findings(findings))?;
    let metadata = body.encrypted_metadata.into_string();
    let data = body
        .encrypted_data
        .map(amtsbote_fit_connect::submission::CompactJwe::into_string);
    let mut findings = Findings::new();
    let mut tag = |text: &str, part: Part, at: &str| match Jwe::parse(text, bytes.len() as u64) {
        Ok(jwe) => {
            findings.extend(header_findings(jwe.header(), (version, part), kids, at));
            jwe.tag().as_str().to_owned()
        }
        Err(fault) => {
            findings.push(malformed(at, fault));
            String::new()
        }
    };
    let metadata_tag = tag(&metadata, Part::Metadata, "/encryptedMetadata");
    let data_tag = data
        .as_deref()
        .map(|data| tag(data, Part::Data, "/encryptedData"));
    if findings.is_empty() {
        return Ok(Sealed {
            content: Content { metadata, data },
            metadata_tag,
            data_tag,
        });
    }
    let problem = match findings.iter().find(|finding| finding.at.ends_with("#cty")) {
        // The words of the public service, which people search for.
        Some(_) => Problem::new(Code::JweMalformed).detail("Invalid JWE Header 'cty'"),
        None => Problem::new(Code::JweMalformed),
    };
    Err(problem.findings(findings))
}

#[derive(PartialEq, Eq)]
enum Complete {
    Yes,
    /// It moved meanwhile: read again and decide anew.
    NotYet,
}

/// The answer to a submit that is there already: the same again is fine (its answer may have been lost), anything else is not.
async fn repeated(
    context: &Context,
    submission: &Submission,
    sealed: &Sealed,
) -> Result<Complete, Refused> {
    match context.store().content(submission.id.into()).await? {
        Some(content) if content == sealed.content => Ok(Complete::Yes),
        Some(_) | None => {
            let detail = format!("it is {} already, with other content", submission.state);
            Err(Problem::new(Code::SubmissionClosed).detail(detail).into())
        }
    }
}

async fn complete(
    context: &Context,
    submission: &Submission,
    sealed: &Sealed,
) -> Result<Complete, Refused> {
    check_attachments(context, submission)?;
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
        Payload::Tags(tags(submission, sealed)),
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
            context.announce_arrival();
            Ok(Complete::Yes)
        }
        Committed::Refused(
            Conflict::AttachmentsMoved | Conflict::StateMoved(_) | Conflict::Exists,
        ) => Ok(Complete::NotYet),
        Committed::Refused(conflict) => Err(unexpected(conflict)),
    }
}

fn check_attachments(context: &Context, submission: &Submission) -> Result<(), Refused> {
    let arrived: BTreeSet<_> = submission
        .attachments
        .iter()
        .map(|attachment| attachment.id)
        .collect();
    let missing: Findings = submission
        .announced
        .iter()
        .filter(|id| !arrived.contains(id))
        .map(|id| {
            let text = Bilingual::new("wurde noch nicht hochgeladen", "has not been uploaded yet");
            Finding::new(format!("attachment:{id}"), "missing", text)
        })
        .collect();
    if !missing.is_empty() {
        return Err(Problem::new(Code::AttachmentsMissing)
            .findings(missing)
            .into());
    }
    // Uploads that ran side by side may have passed their own checks and be too much together.
    let total: u64 = submission
        .attachments
        .iter()
        .map(|attachment| attachment.size_bytes)
        .sum();
    let most = context.limits().submission_bytes;
    if total > most {
        let detail = format!("at most {most} bytes of encrypted attachments");
        return Err(Problem::new(Code::SubmissionTooLarge).detail(detail).into());
    }
    Ok(())
}

fn tags(submission: &Submission, sealed: &Sealed) -> AuthenticationTags {
    let attachments: BTreeMap<_, _> = submission
        .attachments
        .iter()
        .map(|attachment| (attachment.id, attachment.tag.clone()))
        .collect();
    AuthenticationTags {
        metadata: sealed.metadata_tag.clone(),
        data: sealed.data_tag.clone(),
        attachments,
    }
}
