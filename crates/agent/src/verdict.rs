//! The verdict: signed, stored, posted until the log has it.

use std::sync::Arc;

use amtsbote_client::{Fault, Posted};
use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, EventKind, EventProblem, Issuer, Payload, SetSchema, Subject,
};
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::sign;
use amtsbote_model::EventId;
use amtsbote_model::delivery::{Cause, Delivery, Event, Failure};
use amtsbote_model::submission::State;
use amtsbote_store::DeliveryRow;

use crate::Served;
use crate::delivery::Stopped;
use crate::work::Inner;

const EVENT_TYP: &str = "secevent+jwt";

impl Inner {
    pub(crate) async fn accept_event(
        &self,
        row: &DeliveryRow,
        served: &Served,
        tags: AuthenticationTags,
    ) -> Result<String, Failure> {
        self.signed(
            row,
            served,
            (EventKind::AcceptSubmission, Payload::Tags(tags)),
        )
        .await
    }

    pub(crate) async fn reject_event(
        &self,
        row: &DeliveryRow,
        served: &Served,
        problems: Vec<EventProblem>,
    ) -> Result<String, Failure> {
        self.signed(
            row,
            served,
            (EventKind::RejectSubmission, Payload::Problems(problems)),
        )
        .await
    }

    async fn signed(
        &self,
        row: &DeliveryRow,
        served: &Served,
        (kind, payload): (EventKind, Payload),
    ) -> Result<String, Failure> {
        let claims = Claims {
            schema: Some(SetSchema::CURRENT),
            id: fresh_event_id(),
            issuer: Issuer::Destination(row.destination_id),
            issued_at: self.parts.clock.now(),
            subject: Subject::Submission(row.submission_id),
            case_id: row.case_id,
            kind,
            payload,
        };
        let (key, payload) = (served.signing.clone(), claims.body().to_string());
        let signed =
            tokio::task::spawn_blocking(move || sign(payload.as_bytes(), &key, EVENT_TYP)).await;
        match signed {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "an event could not be signed: {error}");
                Err(Failure {
                    cause: Cause::Internal,
                    retry_after: None,
                })
            }
            Err(_) => Err(Failure {
                cause: Cause::Internal,
                retry_after: None,
            }),
        }
    }

    /// Posts a stored verdict. A 409 means that the log has an answer: ours from before a crash, or somebody else's.
    pub(crate) async fn post(self: &Arc<Self>, row: DeliveryRow) {
        let Delivery::Decided { event: token, .. } = &row.delivery else {
            return;
        };
        let posted = match self.parts.subscriber.post_event(row.case_id, token).await {
            Ok(Posted::Done) => Ok(()),
            Ok(Posted::IllegalStep) => self.look_up(&row).await,
            Err(fault) => Err(fault.into()),
        };
        match posted {
            Ok(()) => {
                self.advance(&row, Event::Posted).await;
            }
            Err(Stopped::Failed(failure)) => {
                self.advance(&row, Event::Failed(failure)).await;
            }
            Err(Stopped::Refused(_) | Stopped::Decided(_)) => {
                self.advance(&row, Event::Posted).await;
            }
        }
    }

    async fn look_up(&self, row: &DeliveryRow) -> Result<(), Stopped> {
        let log = self
            .parts
            .subscriber
            .session()
            .verified_log(ids_of(row))
            .await;
        let log = match log {
            Ok(Ok(log)) => log,
            Ok(Err(_)) => return Err(Stopped::failed(Cause::ServiceRefused)),
            // Event logs are deleted in the end; then there is nobody left to tell.
            Err(Fault::NotFound) => return Ok(()),
            Err(fault) => return Err(fault.into()),
        };
        match log.state() {
            State::Accepted | State::Rejected | State::Deleted => Ok(()),
            State::Created | State::Submitted | State::Forwarded => {
                Err(Stopped::failed(Cause::ServiceRefused))
            }
        }
    }
}

pub(crate) fn ids_of(row: &DeliveryRow) -> SubmissionRef {
    SubmissionRef {
        destination_id: row.destination_id,
        submission_id: row.submission_id,
        case_id: row.case_id,
    }
}

fn fresh_event_id() -> EventId {
    // A random UUID, version 4 (RFC 9562 §5.4).
    EventId::from_uuid(uuid::Builder::from_random_bytes(amtsbote_jose::random_bytes()).into_uuid())
}
