//! `PUT submissions/{submissionId}/attachments/{attachmentId}`.
//!
//! ```text
//!  body ──piece──► scanner (form, length) ──► blob writer ─┐ end of body
//!                                                          ▼
//!                                   header and tag ──► keep ──► commit(Attach) ──► replaced blob goes
//! ```
//!
//! Whatever fails, a begun blob goes with its writer, and a kept one whose row was refused is deleted.

use amtsbote_fit_connect::jwe_header::Part;
use amtsbote_jose::{Envelope, JweScanner, jwe};
use amtsbote_model::submission::State;
use amtsbote_model::{AttachmentId, SubmissionId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{
    Attachment, Batch, BlobId, BlobWriter, Change, Committed, Conflict, Submission,
};
use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::Context;
use crate::access::{Asked, Of, sent_by_caller};
use crate::answer::{Refused, unexpected};
use crate::auth::Right;
use crate::body::{Media, cut_off};
use crate::routes::submissions::{encryption_kids, header_findings, malformed};

pub(super) async fn upload(
    asked: Asked,
    Of(submission_id): Of<SubmissionId>,
    Of(id): Of<AttachmentId>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    asked.caller.demand(Right::Send)?;
    Media::Jose.demand(&headers)?;
    // 404 is no answer of this route (Submission API 1.1.3).
    let submission = sent_by_caller(&asked, submission_id)
        .await?
        .ok_or(Code::SubmissionNotYours)?;
    check_takes(&submission, id)?;
    let room = Room::left(&asked.context, &submission, id);
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > room.bytes) {
        return Err(room.exceeded());
    }
    let mut writer = asked.context.blobs().begin().await?;
    let envelope = receive(&asked.context, body, writer.as_mut(), &room).await?;
    let kids = encryption_kids(&asked.context, submission.destination_id).await?;
    let place = format!("attachment:{id}");
    let findings = header_findings(
        envelope.header(),
        (asked.version, Part::Attachment),
        &kids,
        &place,
    );
    if !findings.is_empty() {
        return Err(Problem::new(Code::JweMalformed).findings(findings).into());
    }
    let end = Arrival {
        submission_id,
        id,
        tag: envelope.tag().as_str().to_owned(),
    };
    // On a task of its own: a client that goes away now must not leave a blob without a row.
    let finished = tokio::spawn(finish(asked.context.clone(), writer, end)).await;
    finished.map_err(|error| {
        tracing::error!("storing an attachment did not end: {error}");
        Refused::from(Code::Internal)
    })??;
    Ok(StatusCode::NO_CONTENT)
}

fn check_takes(submission: &Submission, id: AttachmentId) -> Result<(), Refused> {
    if submission.state != State::Created {
        return Err(closed(submission.state));
    }
    if !submission.announced.contains(&id) {
        return Err(Code::AttachmentNotAnnounced.into());
    }
    Ok(())
}

fn closed(state: State) -> Refused {
    Problem::new(Code::SubmissionClosed)
        .detail(format!("it is {state} already"))
        .into()
}

/// How long the attachment may be, and which limit says so.
struct Room {
    bytes: u64,
    attachment_max: u64,
    submission_max: u64,
}

impl Room {
    fn left(context: &Context, submission: &Submission, id: AttachmentId) -> Self {
        let (attachment_max, submission_max) = (
            context.limits().attachment_bytes,
            context.limits().submission_bytes,
        );
        let others = submission
            .attachments
            .iter()
            .filter(|attachment| attachment.id != id);
        let taken: u64 = others.map(|attachment| attachment.size_bytes).sum();
        let bytes = attachment_max.min(submission_max.saturating_sub(taken));
        Self {
            bytes,
            attachment_max,
            submission_max,
        }
    }

    fn exceeded(&self) -> Refused {
        let (code, detail) = if self.bytes == self.attachment_max {
            (
                Code::AttachmentTooLarge,
                format!("at most {} bytes encrypted", self.attachment_max),
            )
        } else {
            (
                Code::SubmissionTooLarge,
                format!(
                    "at most {} bytes of encrypted attachments",
                    self.submission_max
                ),
            )
        };
        Problem::new(code).detail(detail).into()
    }
}

/// Takes the body piece by piece, as fast as the blob store writes.
async fn receive(
    context: &Context,
    mut body: Body,
    writer: &mut dyn BlobWriter,
    room: &Room,
) -> Result<Envelope, Refused> {
    let mut scanner = JweScanner::new(room.bytes);
    let refuse = |fault| match fault {
        jwe::Malformed::TooLong => room.exceeded(),
        jwe::Malformed::Parts
        | jwe::Malformed::Encoding
        | jwe::Malformed::Header
        | jwe::Malformed::Algorithm
        | jwe::Malformed::Encryption
        | jwe::Malformed::Compression
        | jwe::Malformed::Critical
        | jwe::Malformed::WrappedKey
        | jwe::Malformed::Iv
        | jwe::Malformed::Tag => Problem::new(Code::JweMalformed)
            .findings(vec![malformed("", fault)])
            .into(),
    };
    loop {
        let idle = context.limits().upload_idle;
        let frame = timeout(idle, body.frame())
            .await
            .map_err(|_| Code::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(piece) = frame.map_err(|_| cut_off())?.into_data() else {
            continue;
        };
        scanner.push(&piece).map_err(refuse)?;
        writer.write(piece).await?;
    }
    scanner.finish().map_err(refuse)
}

/// What the row says, once the blob is kept.
struct Arrival {
    submission_id: SubmissionId,
    id: AttachmentId,
    tag: String,
}

async fn finish(
    context: Context,
    writer: Box<dyn BlobWriter>,
    arrival: Arrival,
) -> Result<(), Refused> {
    let kept = writer.keep().await?;
    let replaced = replaced(&context, &arrival).await;
    let row = Attachment {
        id: arrival.id,
        blob: kept.id.clone(),
        size_bytes: kept.size_bytes,
        tag: arrival.tag,
    };
    let batch = Batch::new().with(Change::Attach {
        submission_id: arrival.submission_id,
        attachment: row,
    });
    let refused = match context.store().commit(batch).await {
        Ok(Committed::Done) => None,
        Ok(Committed::Refused(Conflict::StateMoved(state))) => Some(closed(state)),
        Ok(Committed::Refused(conflict)) => Some(unexpected(conflict)),
        Err(error) => Some(error.into()),
    };
    match refused {
        Some(refused) => {
            delete(&context, &kept.id).await;
            Err(refused)
        }
        None => {
            if let Some(old) = replaced {
                delete(&context, &old).await;
            }
            Ok(())
        }
    }
}

/// The blob that this one replaces. Two uploads of one id at a time may leave one behind: the sweep finds it.
async fn replaced(context: &Context, arrival: &Arrival) -> Option<BlobId> {
    let submission = context
        .store()
        .submission(arrival.submission_id)
        .await
        .ok()
        .flatten()?;
    submission
        .attachments
        .into_iter()
        .find(|attachment| attachment.id == arrival.id)
        .map(|attachment| attachment.blob)
}

/// What cannot be deleted now is found by the sweep.
async fn delete(context: &Context, blob: &BlobId) {
    if let Err(error) = context.blobs().delete(blob).await {
        tracing::warn!(error = %error, "a blob could not be deleted: {error}");
    }
}
