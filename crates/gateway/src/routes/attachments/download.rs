//! `GET submissions/{submissionId}/attachments/{attachmentId}`, and the same for replies.

use amtsbote_model::{AttachmentId, ReplyId, SubmissionId};
use amtsbote_problem::Code;
use amtsbote_store::BlobReader;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use bytes::Bytes;
use futures_util::stream::{self, Stream};

use crate::access::{Asked, Of, no_such_submission, received_by_caller, reply_to_caller};
use crate::answer::Refused;
use crate::auth::Right;
use crate::consignment::Consignment;

type Answer = ([(HeaderName, String); 2], Body);

pub(super) async fn of_submission(
    asked: Asked,
    Of(submission_id): Of<SubmissionId>,
    Of(id): Of<AttachmentId>,
) -> Result<Answer, Refused> {
    asked.caller.demand(Right::Subscribe)?;
    let (submission, _) = received_by_caller(&asked, submission_id)
        .await?
        .ok_or_else(no_such_submission)?;
    if !submission.state.is_open() {
        return Err(no_such_submission());
    }
    give(&asked, &Consignment::from(&submission), id).await
}

pub(super) async fn of_reply(
    asked: Asked,
    Of(reply_id): Of<ReplyId>,
    Of(id): Of<AttachmentId>,
) -> Result<Answer, Refused> {
    asked.caller.demand(Right::Send)?;
    let reply = reply_to_caller(&asked, reply_id)
        .await?
        .filter(|reply| reply.state.is_open())
        .ok_or(Code::ReplyNotFound)?;
    give(&asked, &Consignment::from(&reply), id).await
}

async fn give(
    asked: &Asked,
    consignment: &Consignment,
    id: AttachmentId,
) -> Result<Answer, Refused> {
    let attachment = consignment
        .attachments
        .iter()
        .find(|attachment| attachment.id == id)
        .ok_or(Code::AttachmentNotFound)?;
    let reader = asked
        .context
        .blobs()
        .open(&attachment.blob)
        .await?
        .ok_or_else(|| {
            let of = consignment.subject;
            tracing::error!(subject.id = %of.uuid(), "the blob of an attachment of {of} is gone");
            Refused::from(Code::Internal)
        })?;
    let headers = [
        (CONTENT_TYPE, "application/jose".to_owned()),
        (CONTENT_LENGTH, reader.size_bytes().to_string()),
    ];
    Ok((headers, Body::from_stream(pieces(reader))))
}

/// Reads on as fast as the client takes it. A failure in the middle cuts the connection: the client sees that it is short.
fn pieces(reader: Box<dyn BlobReader>) -> impl Stream<Item = Result<Bytes, amtsbote_store::Error>> {
    stream::try_unfold(reader, async |mut reader| {
        let piece = reader.next().await.inspect_err(|error| {
            tracing::error!(error = %error, "an attachment could not be read to its end: {error}");
        })?;
        Ok(piece.map(|piece| (piece, reader)))
    })
}
