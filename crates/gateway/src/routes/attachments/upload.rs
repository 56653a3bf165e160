//! `PUT submissions/{submissionId}/attachments/{attachmentId}`, and the same for replies.
//!
//! ```text
//!  body ──piece──► scanner (form, length) ──► blob writer ─┐ end of body
//!                                                          ▼
//!                                   header and tag ──► keep ──► commit(Attach) ──► replaced blob goes
//! ```
//!
//! Whatever fails, a begun blob goes with its writer, and a kept one whose row was refused is deleted; where nobody knows what became of
//! the row, the blob stays for the sweep.

use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::jwe_header::Part;
use amtsbote_jose::{Envelope, Header, JweScanner, jwe};
use amtsbote_model::submission::State;
use amtsbote_model::{AttachmentId, ReplyId, Subject, SubmissionId};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Attachment, Batch, BlobId, BlobWriter, Change, Committed, Conflict, Error};
use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::Context;
use crate::access::{Asked, Of, replied_by_caller, sent_by_caller};
use crate::answer::{Refused, done_or, unexpected};
use crate::auth::Right;
use crate::body::{Media, cut_off};
use crate::consignment::{Consignment, closed};
use crate::routes::submissions::{KeyNames, encryption_kids, header_findings, malformed};

pub(super) async fn to_submission(
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
    let names = encryption_kids(&asked.context, submission.destination_id).await?;
    let incoming = Incoming {
        consignment: Consignment::from(&submission),
        id,
        names,
    };
    take(&asked, incoming, &headers, body).await
}

pub(super) async fn to_reply(
    asked: Asked,
    Of(reply_id): Of<ReplyId>,
    Of(id): Of<AttachmentId>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    asked.caller.demand(Right::Subscribe)?;
    Media::Jose.demand(&headers)?;
    let (reply, _) = replied_by_caller(&asked, reply_id)
        .await?
        .ok_or(Code::ReplyNotFound)?;
    let incoming = Incoming {
        consignment: Consignment::from(&reply),
        id,
        names: KeyNames::Any,
    };
    take(&asked, incoming, &headers, body).await
}

/// An attachment on its way in.
struct Incoming {
    consignment: Consignment,
    id: AttachmentId,
    names: KeyNames,
}

async fn take(
    asked: &Asked,
    incoming: Incoming,
    headers: &HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    let Incoming {
        consignment,
        id,
        names,
    } = incoming;
    check_takes(&consignment, id)?;
    let room = Room::left(&asked.context, &consignment, id);
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > room.bytes) {
        return Err(room.exceeded());
    }
    let rules = Rules {
        version: asked.version,
        names,
        place: format!("attachment:{id}"),
        room,
    };
    let mut writer = asked.context.blobs().begin().await?;
    let receiving = receive(&asked.context, body, writer.as_mut(), &rules);
    let envelope = timeout(asked.context.limits().upload_max, receiving)
        .await
        .map_err(|_| Code::TooSlow)??;
    let end = Arrival {
        subject: consignment.subject,
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

fn check_takes(consignment: &Consignment, id: AttachmentId) -> Result<(), Refused> {
    if consignment.state != State::Created {
        return Err(consignment.closed(format!("it is {} already", consignment.state)));
    }
    if !consignment.announced.contains(&id) {
        return Err(Code::AttachmentNotAnnounced.into());
    }
    Ok(())
}

/// How long the attachment may be, and which limit says so.
struct Room {
    bytes: u64,
    attachment_max: u64,
    submission_max: u64,
}

impl Room {
    fn left(context: &Context, consignment: &Consignment, id: AttachmentId) -> Self {
        let (attachment_max, submission_max) = (
            context.limits().attachment_bytes,
            context.limits().submission_bytes,
        );
        let others = consignment
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

/// What the ciphertext must keep to.
struct Rules {
    version: ApiVersion,
    names: KeyNames,
    place: String,
    room: Room,
}

impl Rules {
    fn check(&self, header: &Header) -> Result<(), Refused> {
        let which = (self.version, Part::Attachment);
        let findings = header_findings(header, which, &self.names, &self.place);
        if findings.is_empty() {
            return Ok(());
        }
        Err(Problem::new(Code::JweMalformed).findings(findings).into())
    }

    fn refuse(&self, fault: jwe::Malformed) -> Refused {
        if fault == jwe::Malformed::TooLong {
            return self.room.exceeded();
        }
        Problem::new(Code::JweMalformed)
            .findings(vec![malformed(&self.place, fault)])
            .into()
    }
}

/// Takes the body piece by piece, as fast as the blob store writes. A wrong header ends it before the rest has come.
async fn receive(
    context: &Context,
    mut body: Body,
    writer: &mut dyn BlobWriter,
    rules: &Rules,
) -> Result<Envelope, Refused> {
    let mut scanner = JweScanner::new(rules.room.bytes);
    let mut header_seen = false;
    let idle = context.limits().upload_idle;
    while let Some(frame) = timeout(idle, body.frame())
        .await
        .map_err(|_| Code::TooSlow)?
    {
        let Ok(piece) = frame.map_err(|_| cut_off())?.into_data() else {
            continue;
        };
        scanner.push(&piece).map_err(|fault| rules.refuse(fault))?;
        if let Some(header) = scanner.header().filter(|_| !header_seen) {
            rules.check(header)?;
            header_seen = true;
        }
        writer.write(piece).await?;
    }
    scanner.finish().map_err(|fault| rules.refuse(fault))
}

/// What the row says, once the blob is kept.
struct Arrival {
    subject: Subject,
    id: AttachmentId,
    tag: String,
}

async fn finish(
    context: Context,
    writer: Box<dyn BlobWriter>,
    arrival: Arrival,
) -> Result<(), Refused> {
    let kept = writer.keep().await?;
    amtsbote_names::fail_point!(UploadKept);
    // Two uploads of one id at a time may leave a blob behind: the sweep finds it.
    let replaced = row_of(&context, &arrival).await?;
    let row = Attachment {
        id: arrival.id,
        blob: kept.id.clone(),
        size_bytes: kept.size_bytes,
        tag: arrival.tag.clone(),
    };
    let batch = Batch::new().with(Change::Attach {
        subject: arrival.subject,
        attachment: row,
    });
    // After a failed fsync or a lost connection the row may come back when the store is opened again, and needs its blob: then it is
    // left to the sweep.
    let committed = context.store().commit(batch).await?;
    if committed == Committed::Done {
        amtsbote_names::fail_point!(UploadCommitted);
        if let Some(old) = replaced {
            delete(&context, &old).await;
        }
        return Ok(());
    }
    if let Ok(row) = row_of(&context, &arrival).await
        && row.as_ref() != Some(&kept.id)
    {
        delete(&context, &kept.id).await;
    }
    done_or(committed, |conflict| match conflict {
        Conflict::StateMoved(state) => closed(arrival.subject, format!("it is {state} already")),
        Conflict::Exists
        | Conflict::SubjectUnknown
        | Conflict::NotAnnounced
        | Conflict::AttachmentsMoved
        | Conflict::CaseMismatch
        | Conflict::DestinationMoved
        | Conflict::InUse
        | Conflict::DueMoved => unexpected(conflict),
    })
}

/// The blob the row names now.
async fn row_of(context: &Context, arrival: &Arrival) -> Result<Option<BlobId>, Error> {
    let found = Consignment::find(context, arrival.subject).await?;
    let rows = found.into_iter().flat_map(|found| found.attachments);
    let mut blobs = rows.filter(|row| row.id == arrival.id).map(|row| row.blob);
    Ok(blobs.next())
}

/// What cannot be deleted now is found by the sweep.
async fn delete(context: &Context, blob: &BlobId) {
    if let Err(error) = context.blobs().delete(blob).await {
        tracing::warn!(error = %error, "a blob could not be deleted: {error}");
    }
}
