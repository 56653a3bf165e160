//! The way back, second half: sends sealed replies.
//!
//! | after | before | what the next try does |
//! |---|---|---|
//! | announced | the id is stored | announces another one; the first has no content, nobody sees it, and the service deletes it |
//! | the id is stored | submitted | reads the log of the case: not submitted, so it uploads and submits the same ciphertext |
//! | submitted | *sent* is stored | reads the log of the case: submitted, so it only notes that |

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use amtsbote_client::{Fault, SealedReply};
use amtsbote_fit_connect::reply::{CreateReply, ReplyRef};
use amtsbote_fit_connect::submission::{CompactJwe, SubmitSubmission};
use amtsbote_model::delivery::{Cause, Delivery, Failure};
use amtsbote_model::submission::{Event as LogEvent, State};
use amtsbote_model::{AttachmentId, ReplyId};
use amtsbote_store::{
    AnswerMove, AnswerRow, AnswerState, Error as StoreError, Failing, Swapped, WayBack,
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use serde_json::Value;

use crate::work::{Inner, log_store};

/// Replies looked at in one round.
const ROUND_ROWS: u32 = 64;
const PIECE_BYTES: usize = 64 * 1024;

/// Why a reply is not sent yet.
enum NotSent {
    /// Another try; what failed stands in the log.
    Failed(Failure),
    /// It is not its turn: the verdict is not posted.
    TooEarly,
    /// Somebody else moved it.
    Moved,
}

const REFUSED: NotSent = NotSent::Failed(Failure {
    cause: Cause::ServiceRefused,
    retry_after: None,
});
const INTERNAL: NotSent = NotSent::Failed(Failure {
    cause: Cause::Internal,
    retry_after: None,
});

impl From<Fault> for NotSent {
    fn from(fault: Fault) -> Self {
        tracing::warn!(error = %fault, "the delivery service does not take a reply now: {fault}");
        let (cause, retry_after) = match fault {
            Fault::Unavailable { retry_after, .. } => (Cause::ServiceUnavailable, retry_after),
            Fault::Refused { .. }
            | Fault::NotFound
            | Fault::Malformed { .. }
            | Fault::Misconfigured(_) => (Cause::ServiceRefused, None),
            Fault::OwnEnd(_) => (Cause::Internal, None),
        };
        Self::Failed(Failure { cause, retry_after })
    }
}

impl From<StoreError> for NotSent {
    fn from(error: StoreError) -> Self {
        log_store(&error);
        INTERNAL
    }
}

impl Inner {
    /// Sends what is due. Whether the service could be asked, as far as it was.
    pub(crate) async fn send_replies(self: &Arc<Self>) -> bool {
        let mut is_reached = true;
        let now = self.parts.clock.now();
        let rows = match self.parts.ways_back.due_answers(now, ROUND_ROWS).await {
            Ok(rows) => rows,
            Err(error) => {
                log_store(&error);
                return true;
            }
        };
        for row in rows {
            let sent = AssertUnwindSafe(self.send_reply(&row)).catch_unwind().await;
            let failure = match sent {
                Ok(Ok(()) | Err(NotSent::Moved)) => continue,
                Ok(Err(NotSent::TooEarly)) => None,
                Ok(Err(NotSent::Failed(failure))) => Some(failure),
                Err(_panic) => {
                    tracing::error!(submission.id = %row.submission_id, "a reply to {} ended with a fault of ours", row.submission_id);
                    Some(Failure {
                        cause: Cause::Internal,
                        retry_after: None,
                    })
                }
            };
            is_reached &= failure.is_none_or(|why| why.cause != Cause::ServiceUnavailable);
            if let Err(error) = self.postpone(&row, failure).await {
                log_store(&error);
            }
        }
        is_reached
    }

    async fn send_reply(&self, row: &AnswerRow) -> Result<(), NotSent> {
        // The service's log then tells the story in order: taken, answered.
        let delivery = self.parts.deliveries.find(row.submission_id).await?;
        if delivery.is_some_and(|row| !matches!(row.delivery, Delivery::Done { .. })) {
            return Err(NotSent::TooEarly);
        }
        let way = self.parts.ways_back.way(row.submission_id).await?;
        let sealed = row.sealed.as_deref().and_then(read_sealed);
        let (Some(way), Some(sealed)) = (way, sealed) else {
            tracing::error!(submission.id = %row.submission_id, "a reply to {} is damaged in the own state", row.submission_id);
            return Err(INTERNAL);
        };
        let row = match row.state {
            AnswerState::Sealed => self.announce(row, &way, &sealed).await?,
            AnswerState::Announced(id) => match self.look_up_reply(&way, id).await? {
                Standing::Open => row.clone(),
                Standing::Submitted => return self.sent(row, id).await,
                Standing::Gone => {
                    self.step_answer(row, AnswerState::Sealed).await?;
                    return Ok(());
                }
            },
            AnswerState::Sent(_) | AnswerState::Kept | AnswerState::Parked(_) => return Ok(()),
        };
        let Some(id) = row.state.reply_id() else {
            return Err(INTERNAL);
        };
        for (attachment, jwe) in &sealed.attachments {
            self.upload(id, *attachment, jwe).await?;
            amtsbote_names::fail_point!(ReplyUploaded);
        }
        self.parts.subscriber.submit_reply(id, &sealed.body).await?;
        amtsbote_names::fail_point!(ReplySubmitted);
        self.sent(&row, id).await
    }

    async fn announce(
        &self,
        row: &AnswerRow,
        way: &WayBack,
        sealed: &SealedReply,
    ) -> Result<AnswerRow, NotSent> {
        let announcement = CreateReply {
            case_id: way.case_id,
            destination_id: Some(way.destination_id),
            announced_attachments: sealed.attachments.iter().map(|(id, _)| *id).collect(),
        };
        let ids = self.parts.subscriber.announce_reply(&announcement).await?;
        amtsbote_names::fail_point!(ReplyAnnounced);
        let noted = self.step_answer(row, AnswerState::Announced(ids.reply_id));
        let noted = noted.await?;
        amtsbote_names::fail_point!(ReplyNoted);
        Ok(noted)
    }

    async fn upload(
        &self,
        reply: ReplyId,
        attachment: AttachmentId,
        jwe: &CompactJwe,
    ) -> Result<(), NotSent> {
        let bytes = Bytes::copy_from_slice(jwe.as_str().as_bytes());
        let length = Some(bytes.len() as u64);
        let pieces: Vec<_> = bytes
            .chunks(PIECE_BYTES)
            .map(|piece| Ok(bytes.slice_ref(piece)))
            .collect();
        let stream = futures_util::stream::iter(pieces);
        let subscriber = &self.parts.subscriber;
        Ok(subscriber
            .upload_to_reply(reply, attachment, stream, length)
            .await?)
    }

    async fn look_up_reply(&self, way: &WayBack, id: ReplyId) -> Result<Standing, NotSent> {
        let session = self.parts.subscriber.session();
        let ids = ReplyRef {
            reply_id: id,
            case_id: way.case_id,
        };
        let log = session.verified_reply_log(ids, way.destination_id).await?;
        let log = log.map_err(|_| REFUSED)?;
        let was_submitted = log
            .events()
            .iter()
            .any(|event| event.event == LogEvent::Submit);
        Ok(match log.state() {
            _ if was_submitted => Standing::Submitted,
            State::Deleted => Standing::Gone,
            State::Created
            | State::Submitted
            | State::Forwarded
            | State::Accepted
            | State::Rejected => Standing::Open,
        })
    }

    async fn sent(&self, row: &AnswerRow, id: ReplyId) -> Result<(), NotSent> {
        self.step_answer(row, AnswerState::Sent(id)).await?;
        tracing::info!(submission.id = %row.submission_id, reply.id = %id,
            "replied to {}: {}", row.submission_id, row.what);
        Ok(())
    }

    async fn step_answer(&self, row: &AnswerRow, state: AnswerState) -> Result<AnswerRow, NotSent> {
        let to = AnswerMove {
            state,
            tries: 0,
            failing: None,
            at: self.parts.clock.now(),
        };
        let moved = self
            .parts
            .ways_back
            .move_answer(row.key.clone(), row.revision, to);
        match moved.await? {
            Swapped::Done => Ok(AnswerRow {
                state,
                tries: 0,
                failing: None,
                at: to.at,
                revision: row.revision + 1,
                ..row.clone()
            }),
            Swapped::Stale => Err(NotSent::Moved),
        }
    }

    /// A reply is never given up: it waits longer and longer, and says so.
    async fn postpone(&self, row: &AnswerRow, failure: Option<Failure>) -> Result<(), StoreError> {
        // It may have moved on during the try.
        let rows = self.parts.ways_back.answers(row.submission_id).await?;
        let Some(row) = rows.into_iter().find(|other| other.key == row.key) else {
            return Ok(());
        };
        let around = self.around();
        if !row.state.is_due() {
            return Ok(());
        }
        let (tries, pause) = match failure {
            None => (row.tries, self.parts.policy.pause),
            Some(failure) => {
                let tries = row.tries.saturating_add(1);
                (tries, around.policy.delay(tries, failure, around.jitter))
            }
        };
        let failing = failure.map_or(row.failing, |failure| {
            let since = row.failing.map_or(around.now, |failing| failing.since);
            Some(Failing {
                cause: failure.cause,
                since,
            })
        });
        if tries >= around.policy.tries_max {
            tracing::error!(submission.id = %row.submission_id,
                "a reply to {} could not be sent in {tries} tries; it goes on", row.submission_id);
        }
        let to = AnswerMove {
            state: row.state,
            tries,
            failing,
            at: around.now.plus(pause),
        };
        let moved = self.parts.ways_back.move_answer(row.key, row.revision, to);
        moved.await.map(|_| ())
    }
}

/// What the service's log says of a reply that was announced.
enum Standing {
    Open,
    Submitted,
    /// The announcement was deleted before anything was submitted.
    Gone,
}

fn read_sealed(text: &str) -> Option<SealedReply> {
    let value: Value = serde_json::from_str(text).ok()?;
    let jwe = |value: &Value| CompactJwe::try_from(value.as_str()?.to_owned()).ok();
    let attachments = value["attachments"].as_array()?.iter().map(|attachment| {
        let id: AttachmentId = attachment["id"].as_str()?.parse().ok()?;
        Some((id, jwe(&attachment["jwe"])?))
    });
    Some(SealedReply {
        body: SubmitSubmission {
            encrypted_metadata: jwe(&value["metadata"])?,
            encrypted_data: jwe(&value["data"]),
        },
        attachments: attachments.collect::<Option<_>>()?,
    })
}
