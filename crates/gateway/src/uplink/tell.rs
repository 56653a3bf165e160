//! The end of a relay in our own log: what the foreign side decided is told to the sender, and nothing is signed in its name.

use amtsbote_fit_connect::event::{Claims, EventProblem, Part, Payload, SchemaRule, Violation};
use amtsbote_jose::Jws;
use amtsbote_model::relay::Outcome;
use amtsbote_model::submission::{Event as Step, State};
use amtsbote_store::{Attachment, Batch, Change, Committed, Conflict, Submission};

use super::missed::Missed;
use super::relay::Way;
use crate::access::reference;
use crate::callbacks::event_notice;
use crate::events::service_event;

/// Tries to write while others write, too.
const ROUNDS_MAX: usize = 3;
const TOKEN_MAX_BYTES: usize = 256 * 1024;

impl Way<'_> {
    /// Writes down how it ended. Done before: nothing happens.
    pub(super) async fn tell(&self, outcome: &Outcome) -> Result<(), Missed> {
        let context = &self.worker.context;
        for _ in 0..ROUNDS_MAX {
            let found = context.store().submission(self.row.submission_id).await?;
            let open = found.filter(|found| found.state.is_open());
            let Some(submission) = open.filter(|_| *outcome != Outcome::Withdrawn) else {
                return Ok(());
            };
            let batch = match outcome {
                // Only the subscriber may say that it accepts, and it has said so in the foreign log. What it has is not kept here.
                Outcome::Accepted => taken(&submission, context.now()),
                Outcome::Rejected
                | Outcome::Refused { .. }
                | Outcome::Expired
                | Outcome::Withdrawn => self.rejected(&submission, outcome).await?,
            };
            let batch = match event_notice(context, &submission) {
                Some(notice) => batch.with(Change::Enqueue(notice)),
                None => batch,
            };
            match context.store().commit(batch).await? {
                Committed::Done => {
                    // Told again, it is so already; attachments that lie there yet are swept.
                    amtsbote_names::fail_point!(RelayTold);
                    let (id, name) = (submission.id, outcome.name());
                    tracing::info!(submission.id = %id, "{id} is {name} by uplink {}", self.row.uplink);
                    if *outcome == Outcome::Accepted {
                        self.delete_blobs(&submission.attachments).await;
                    }
                    return Ok(());
                }
                Committed::Refused(Conflict::StateMoved(_) | Conflict::AttachmentsMoved) => {}
                Committed::Refused(_) => return Err(Missed::Untold),
            }
        }
        Err(Missed::Untold)
    }

    /// Our service may reject in its own name, and gives the foreign reasons.
    async fn rejected(&self, submission: &Submission, outcome: &Outcome) -> Result<Batch, Missed> {
        let (context, of) = (&self.worker.context, reference(submission));
        let problems = self.problems(outcome);
        let event = service_event(
            context,
            of,
            Step::Reject,
            Payload::Problems(problems),
            context.now(),
        );
        let event = event.await.map_err(|_| Missed::Untold)?;
        let moved = Change::Move {
            subject: of.id.into(),
            from: submission.state,
            to: State::Rejected,
            at: event.at,
        };
        Ok(Batch::new().with(moved).with(Change::Append(event)))
    }

    fn problems(&self, outcome: &Outcome) -> Vec<EventProblem> {
        let one = |text: String| vec![Violation::TechnicalError.problem(Part::Other, text)];
        match outcome {
            Outcome::Refused { status, code } => {
                let code = code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
                one(format!(
                    "Der Zustelldienst des Empfängers nimmt die Einreichung nicht an (Status {status}{code}). / \
                     The receiver's delivery service does not take the submission (status {status}{code})."
                ))
            }
            Outcome::Expired => one("Die Einreichung konnte nicht rechtzeitig an den Zustelldienst des Empfängers übergeben werden. / \
                 The submission could not be brought to the receiver's delivery service in time.".to_owned()),
            Outcome::Accepted | Outcome::Rejected | Outcome::Withdrawn => {
                let theirs = reasons(&self.row.log);
                if theirs.is_empty() {
                    one("Der Empfänger hat die Einreichung ohne Angabe von Gründen abgelehnt. / The receiver refused the submission without reasons.".to_owned())
                } else {
                    theirs
                }
            }
        }
    }

    /// The rows are gone already: what cannot be deleted now is an orphan for the sweep.
    async fn delete_blobs(&self, attachments: &[Attachment]) {
        for attachment in attachments {
            if let Err(error) = self.worker.context.blobs().delete(&attachment.blob).await {
                tracing::warn!(error = %error, "a blob could not be deleted, the sweep will try again: {error}");
            }
        }
    }
}

fn taken(submission: &Submission, at: amtsbote_model::Timestamp) -> Batch {
    let subject = submission.id.into();
    Batch::new()
        .with(Change::Move {
            subject,
            from: submission.state,
            to: State::Deleted,
            at,
        })
        .with(Change::ExpectAttachments {
            subject,
            attachments: submission.attachments.clone(),
        })
        .with(Change::Erase { subject })
}

/// What the foreign reject event says. The log was verified before it was stored.
fn reasons(log: &[String]) -> Vec<EventProblem> {
    let payloads = log.iter().filter_map(|token| {
        let jws = Jws::parse(token, TOKEN_MAX_BYTES).ok()?;
        let claims = Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny).ok()?;
        Some(claims.payload)
    });
    let mut reasons = payloads.filter_map(|payload| match payload {
        Payload::Problems(problems) => Some(problems),
        Payload::Empty | Payload::Tags(_) | Payload::Notify(_) => None,
    });
    reasons.next_back().unwrap_or_default()
}
