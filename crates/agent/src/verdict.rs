//! The verdict: signed, stored, posted until the log has it.

use std::sync::Arc;

use amtsbote_client::{Fault, Posted};
use amtsbote_fit_connect::event::{
    AuthenticationTags, Claims, EventKind, EventProblem, Issuer, Payload, SchemaRule, SetSchema,
    Subject,
};
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{Jws, sign};
use amtsbote_model::delivery::{Cause, Decision, Delivery, Event, Failure, Verdict};
use amtsbote_model::ids::time_ordered;
use amtsbote_model::submission::State;
use amtsbote_model::{EventId, Timestamp};
use amtsbote_store::DeliveryRow;
use tokio::time::Instant;

use crate::Served;
use crate::circuit::{Heard, Side};
use crate::delivery::{Stopped, failure};
use crate::work::Inner;

const EVENT_TYP: &str = "secevent+jwt";
/// An event of our own, read back.
const EVENT_MAX_BYTES: usize = 256 * 1024;

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
            id: fresh_event_id(self.parts.clock.now()),
            issuer: Issuer::Destination(row.destination_id),
            issued_at: self.parts.clock.now(),
            subject: Subject::Submission(row.submission_id),
            case_id: row.case_id,
            kind,
            payload,
        };
        self.service.sign(&claims, served).await
    }

    /// Posts a stored verdict. `None`: the row could not be moved.
    pub(crate) async fn post(self: &Arc<Self>, row: DeliveryRow) -> Option<DeliveryRow> {
        let Delivery::Decided { decision, .. } = &row.delivery else {
            return None;
        };
        let (token, verdict) = (decision.event.clone(), decision.verdict);
        let began = Instant::now();
        let posted = match self.post_token(&row, &token, verdict).await {
            Err(Unposted::Later(failure)) => Err(Unposted::Later(
                self.heard_failure(&row, failure, began.elapsed()).await,
            )),
            posted @ (Ok(()) | Err(Unposted::NotTaken)) => {
                self.heard(Side::Service, Heard::Answer);
                posted
            }
        };
        match posted {
            Ok(()) => {
                amtsbote_names::fail_point!(VerdictPosted);
                self.backlog.told();
                self.settle(&row, Event::Posted).await
            }
            Err(Unposted::Later(failure)) => self.settle(&row, Event::Failed(failure)).await,
            Err(Unposted::NotTaken) => self.sign_anew(row, &token, verdict).await,
        }
    }

    async fn post_token(
        &self,
        row: &DeliveryRow,
        token: &str,
        verdict: Verdict,
    ) -> Result<(), Unposted> {
        if token.is_empty() {
            // Nothing of ours to say: somebody else's answer was found in the log.
            return self.look_up(row, verdict).await?.ok_or(LATER);
        }
        let posted = self.service.post(self, row.case_id, token).await;
        match posted {
            Ok(Posted::Done) => Ok(()),
            // The log has an answer: ours from before a crash, or somebody else's.
            Ok(Posted::IllegalStep) => self.look_up(row, verdict).await?.ok_or(LATER),
            Err(Fault::Refused {
                status: 400 | 422, ..
            }) => {
                let standing = self.look_up(row, verdict).await?;
                standing.ok_or(Unposted::NotTaken)
            }
            Err(fault) => Err(later(fault)),
        }
    }

    /// Whether the log has a final answer.
    async fn look_up(&self, row: &DeliveryRow, ours: Verdict) -> Result<Option<()>, Unposted> {
        let theirs = self.service.answer(self, row, ours).await?;
        if let Some(theirs) = theirs.filter(|theirs| *theirs != ours) {
            tracing::error!(submission.id = %row.submission_id, destination.id = %row.destination_id,
                "the event log of {} has another answer than ours ({ours:?}), {theirs:?}: a person must act", row.submission_id);
        }
        Ok(theirs.map(|_| ()))
    }

    /// The final answer in the log, if there is one. Of a log that is gone, `ours`.
    pub(crate) async fn answer_in_log(
        &self,
        row: &DeliveryRow,
        ours: Verdict,
    ) -> Result<Option<Verdict>, Unposted> {
        let session = self.parts.subscriber.session();
        let log = match session.verified_log(ids_of(row)).await {
            Ok(Ok(log)) => log,
            Ok(Err(_)) => return Err(LATER),
            // Event logs are deleted in the end; then there is nobody left to tell.
            Err(Fault::NotFound) => return Ok(Some(ours)),
            Err(fault) => return Err(later(fault)),
        };
        Ok(match log.state() {
            State::Created | State::Submitted | State::Forwarded => None,
            State::Accepted => Some(Verdict::Accept),
            State::Rejected => Some(Verdict::Reject),
            // What came before the deletion stands in the log as well.
            State::Deleted => Some(
                log.events()
                    .iter()
                    .find_map(|event| answer_in(event.event))
                    .unwrap_or(ours),
            ),
        })
    }

    /// The service does not take the event as it is (its key was withdrawn, for example). The same verdict is signed
    /// anew and posted later.
    async fn sign_anew(
        &self,
        row: DeliveryRow,
        token: &str,
        verdict: Verdict,
    ) -> Option<DeliveryRow> {
        tracing::error!(submission.id = %row.submission_id, destination.id = %row.destination_id,
            "the service does not take our event about {}: check the signing key of the destination", row.submission_id);
        let again = match (self.served(row.destination_id), claims_of(token)) {
            (Some(served), Some(claims)) => {
                let claims = Claims {
                    id: fresh_event_id(self.parts.clock.now()),
                    issued_at: self.parts.clock.now(),
                    ..claims
                };
                self.service.sign(&claims, served).await.ok()
            }
            (Some(_) | None, _) => None,
        };
        let row = match again {
            Some(event) => {
                let decision = Decision { verdict, event };
                self.settle(&row, Event::Decided(decision)).await?
            }
            None => row,
        };
        self.settle(&row, Event::Failed(failure(Cause::ServiceRefused)))
            .await
    }
}

/// Why a verdict is not in the log yet.
pub(crate) enum Unposted {
    Later(Failure),
    /// The service refuses the event itself.
    NotTaken,
}

const LATER: Unposted = Unposted::Later(failure(Cause::ServiceRefused));

fn later(fault: Fault) -> Unposted {
    match Stopped::from(fault) {
        Stopped::Failed(failure) => Unposted::Later(failure),
        Stopped::Refused(_) | Stopped::Decided(_) | Stopped::TakenOver => LATER,
    }
}

fn answer_in(event: amtsbote_model::submission::Event) -> Option<Verdict> {
    use amtsbote_model::submission::Event as E;
    match event {
        E::Accept => Some(Verdict::Accept),
        E::Reject => Some(Verdict::Reject),
        E::Create | E::Submit | E::Notify | E::Forward | E::Delete => None,
    }
}

fn claims_of(token: &str) -> Option<Claims> {
    // We signed it and kept it: no need to verify it.
    let jws = Jws::parse(token, EVENT_MAX_BYTES).ok()?;
    Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny).ok()
}

pub(crate) async fn sign_claims(claims: &Claims, served: &Served) -> Result<String, Failure> {
    let (key, payload) = (served.signing.clone(), claims.body().to_string());
    let signed =
        tokio::task::spawn_blocking(move || sign(payload.as_bytes(), &key, EVENT_TYP)).await;
    let internal = failure(Cause::Internal);
    match signed {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "an event could not be signed: {error}");
            Err(internal)
        }
        Err(_) => Err(internal),
    }
}

pub(crate) fn ids_of(row: &DeliveryRow) -> SubmissionRef {
    SubmissionRef {
        destination_id: row.destination_id,
        submission_id: row.submission_id,
        case_id: row.case_id,
    }
}

fn fresh_event_id(now: Timestamp) -> EventId {
    EventId::from_uuid(time_ordered(now, amtsbote_jose::random_bytes()))
}
