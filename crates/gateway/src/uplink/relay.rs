//! One submission on its way: one step after the other, each written down before the next.
//!
//! Where the process may die: before *announced* is written, the foreign service holds an announcement that nobody will complete and
//! deletes it after a day. From *announced* on the same foreign submission is gone on with; attachments that come twice replace
//! themselves. *Submitting* is written before the submit; afterwards the foreign log is asked first, always.

use std::io;

use amtsbote_client::{Fault, VerifiedLog};
use amtsbote_fit_connect::event::AuthenticationTags;
use amtsbote_fit_connect::submission::{
    CompactJwe, CreateSubmission, Service, SubmissionRef, SubmitSubmission,
};
use amtsbote_model::relay::{Event, Failed, Outcome, Relay, There};
use amtsbote_model::submission::{Event as Step, State};
use amtsbote_model::{DestinationStatus, Timestamp};
use amtsbote_store::{
    Attachment, Batch, BlobReader, Change, Content, Error, RelayRow, Relays, Submission, Swapped,
};
use bytes::Bytes;
use futures_util::stream::{self, Stream};

use super::Uplink;
use super::missed::{Missed, log_missed, refusal};
use super::worker::UplinkWorker;

/// Before something that a foreign service has forgotten is announced anew.
const AFTER_FORGETTING: std::time::Duration = std::time::Duration::from_mins(1);

/// What came of one step.
pub(super) enum Next {
    /// It goes on.
    Step(Event),
    /// It goes on, and this is the foreign log.
    Known(Event, Vec<String>),
    /// No news; this is the foreign log.
    Rest(Vec<String>, Timestamp),
}

/// Whether this pass has sent nothing yet whose answer may have been lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// The state was read from the store: who knows what was sent.
    Cold,
    /// This pass has just written it.
    Warm,
}

/// One row and its uplink.
pub(super) struct Way<'w> {
    pub(super) worker: &'w UplinkWorker,
    pub(super) uplink: &'w Uplink,
    pub(super) row: &'w RelayRow,
}

impl UplinkWorker {
    /// Goes on until there is nothing to do for now.
    pub(super) async fn relay(&self, mut row: RelayRow) -> Result<(), Error> {
        let uplinks = self.context.uplinks().clone();
        let Some(inner) = &uplinks.0 else {
            return Ok(());
        };
        let mut memory = Memory::Cold;
        while row
            .relay
            .due_at()
            .is_some_and(|at| at <= self.context.now())
        {
            let next = match uplinks.named_so(&row.uplink) {
                Some(uplink) => {
                    let way = Way {
                        worker: self,
                        uplink,
                        row: &row,
                    };
                    way.step(memory).await
                }
                None => Err(Missed::Unsendable(
                    "the settings do not name its uplink any more",
                )),
            };
            memory = Memory::Warm;
            let (event, log) = self.judge(&row, next);
            let Some(written) = self.write(inner.relays.as_ref(), row, event, log).await? else {
                return Ok(());
            };
            row = written;
        }
        Ok(())
    }

    fn judge(&self, row: &RelayRow, next: Result<Next, Missed>) -> (Event, Option<Vec<String>>) {
        match next {
            Ok(Next::Step(event)) => (event, None),
            Ok(Next::Known(event, log)) => (event, Some(log)),
            Ok(Next::Rest(log, at)) => {
                let failure = Failed::No;
                (Event::Later { failure, at }, Some(log))
            }
            Err(missed) => {
                log_missed(row, &missed);
                let pause = self.policy.delay(row.relay.tries() + 1, missed.asked());
                let at = self.context.now().plus(pause);
                let failure = Failed::Yes;
                (Event::Later { failure, at }, None)
            }
        }
    }

    /// Nothing if somebody else has gone on with it.
    async fn write(
        &self,
        relays: &dyn Relays,
        row: RelayRow,
        event: Event,
        log: Option<Vec<String>>,
    ) -> Result<Option<RelayRow>, Error> {
        let (id, revision) = (row.submission_id, row.revision);
        let relay = match row.relay.step(event, self.context.now()) {
            Ok(relay) => relay,
            Err(illegal) => {
                tracing::error!(submission.id = %id, error = %illegal, "a step of the uplink does not fit: {illegal}");
                return Ok(None);
            }
        };
        let written = RelayRow {
            relay,
            log: log.unwrap_or(row.log),
            submission_id: id,
            uplink: row.uplink,
            revision,
        };
        Ok(match relays.swap(written.clone()).await? {
            Swapped::Done => {
                amtsbote_names::fail_point!(RelayStepped);
                let state = written.relay.name();
                tracing::debug!(submission.id = %id, "{id} is {state} at uplink {}", written.uplink);
                let revision = revision + 1;
                Some(RelayRow {
                    revision,
                    ..written
                })
            }
            Swapped::Stale => None,
        })
    }
}

impl Way<'_> {
    async fn step(&self, memory: Memory) -> Result<Next, Missed> {
        match &self.row.relay {
            Relay::Waiting { .. } => self.announce().await,
            Relay::Announced {
                there, uploaded, ..
            } => self.upload(*there, *uploaded).await,
            Relay::Submitting { there, .. } => self.submit(*there, memory).await,
            Relay::Watched { there, since, .. } => self.watch(*there, *since).await,
            Relay::Decided { outcome, .. } => {
                self.tell(outcome).await?;
                Ok(Next::Step(Event::Told))
            }
            // Never due.
            Relay::Settled { outcome, .. } => Ok(Next::Step(Event::Decided(outcome.clone()))),
        }
    }

    /// The submission as long as it may still be sent; else how that ended.
    async fn open(&self) -> Result<Result<Submission, Outcome>, Missed> {
        let found = self
            .worker
            .context
            .store()
            .submission(self.row.submission_id)
            .await?;
        let Some(submission) = found.filter(|found| found.state == State::Submitted) else {
            return Ok(Err(Outcome::Withdrawn));
        };
        let since = submission.submitted_at.unwrap_or(submission.created_at);
        if self.worker.context.now().since(since) > self.worker.policy.unanswered {
            return Ok(Err(Outcome::Expired));
        }
        Ok(Ok(submission))
    }

    async fn announce(&self) -> Result<Next, Missed> {
        let submission = match self.open().await? {
            Ok(submission) => submission,
            Err(outcome) => return Ok(Next::Step(Event::Decided(outcome))),
        };
        let destination_id = submission.destination_id;
        let announcement = CreateSubmission {
            destination_id,
            announced_attachments: submission.announced,
            service: Service {
                identifier: submission.service,
                name: submission.service_name,
                description: None,
            },
            region: submission.region,
            case_id: None,
            // The sender's callback is ours to serve: the foreign ids mean nothing to it.
            callback: None,
        };
        // Dying before the answer is written down leaves an announcement there that nobody completes.
        match self.uplink.sender.announce(&announcement).await {
            Ok(ids) => {
                amtsbote_names::fail_point!(RelayAnnounced);
                Ok(Next::Step(Event::Announced(There {
                    submission_id: ids.submission_id,
                    case_id: ids.case_id,
                })))
            }
            Err(fault) => {
                let Some(outcome) = refusal(&fault) else {
                    return Err(fault.into());
                };
                // A destination that takes nothing for now is no reason to give up.
                let session = self.uplink.sender.session();
                let shown = session.destination(destination_id).await?;
                if shown.status == DestinationStatus::Active {
                    Ok(Next::Step(Event::Decided(outcome)))
                } else {
                    Err(fault.into())
                }
            }
        }
    }

    async fn upload(&self, there: There, uploaded: u32) -> Result<Next, Missed> {
        let submission = match self.open().await? {
            Ok(submission) => submission,
            Err(outcome) => return Ok(Next::Step(Event::Decided(outcome))),
        };
        let position = usize::try_from(uploaded).unwrap_or(usize::MAX);
        let Some(attachment) = submission.attachments.get(position) else {
            return Ok(Next::Step(Event::Sent));
        };
        match self.put(there, attachment).await {
            Ok(()) => {
                amtsbote_names::fail_point!(RelayUploaded);
                Ok(Next::Step(Event::Uploaded))
            }
            Err(Missed::There(fault)) => match &fault {
                // It was never submitted, so it may be announced anew.
                Fault::NotFound
                | Fault::Refused {
                    status: 409 | 410, ..
                } => Ok(Next::Step(self.forgotten())),
                Fault::Refused { .. }
                | Fault::Unavailable { .. }
                | Fault::Malformed { .. }
                | Fault::Misconfigured(_)
                | Fault::OwnEnd(_) => match refusal(&fault) {
                    Some(outcome) => Ok(Next::Step(Event::Decided(outcome))),
                    None => Err(fault.into()),
                },
            },
            Err(missed) => Err(missed),
        }
    }

    async fn put(&self, there: There, attachment: &Attachment) -> Result<(), Missed> {
        let reader = self.worker.context.blobs().open(&attachment.blob).await?;
        let reader = reader.ok_or(Missed::Unsendable("the blob of an attachment is gone"))?;
        let length = Some(reader.size_bytes());
        let sender = &self.uplink.sender;
        let upload = sender.upload(there.submission_id, attachment.id, pieces(reader), length);
        upload.await.map_err(Missed::from)
    }

    async fn submit(&self, there: There, memory: Memory) -> Result<Next, Missed> {
        if memory == Memory::Cold
            && let Some(next) = self.look_up(there).await?
        {
            return Ok(next);
        }
        // Seen not to be submitted there: it can still be called off.
        if let Err(outcome) = self.open().await? {
            return Ok(Next::Step(Event::Decided(outcome)));
        }
        let content = self
            .worker
            .context
            .store()
            .content(self.row.submission_id.into())
            .await?;
        let content = content.ok_or(Missed::Unsendable("its sealed parts are gone"))?;
        let sealed = sealed(content)?;
        let answer = self
            .uplink
            .sender
            .submit(there.submission_id, &sealed)
            .await;
        // A lost answer is looked up at the next try.
        if let Err(fault @ Fault::Unavailable { .. }) = answer {
            return Err(fault.into());
        }
        amtsbote_names::fail_point!(RelaySubmitted);
        match (self.look_up(there).await?, answer) {
            (Some(next), _) => Ok(next),
            (None, Ok(_)) => Err(Missed::Unbelievable(
                "it was taken, but is not in the log".to_owned(),
            )),
            (None, Err(fault)) => match refusal(&fault) {
                Some(outcome) => Ok(Next::Step(Event::Decided(outcome))),
                None => Err(fault.into()),
            },
        }
    }

    /// What the foreign log says of a submit that may have had its effect; nothing if it had none and may be made.
    async fn look_up(&self, there: There) -> Result<Option<Next>, Missed> {
        let (log, tokens) = self.log(there).await?;
        match (log.tags(), log.state()) {
            (Some(tags), _) if *tags == self.tags().await? => {
                Ok(Some(Next::Known(Event::Confirmed, tokens)))
            }
            (Some(_), _) => Err(Missed::OtherTags),
            (None, State::Deleted) => Ok(Some(Next::Step(self.forgotten()))),
            (
                None,
                State::Created
                | State::Submitted
                | State::Forwarded
                | State::Accepted
                | State::Rejected,
            ) => Ok(None),
        }
    }

    async fn watch(&self, there: There, since: Timestamp) -> Result<Next, Missed> {
        self.pass_on().await?;
        amtsbote_names::fail_point!(RelayPassedOn);
        let (log, tokens) = self.log(there).await?;
        let said = |step: Step| log.events().iter().any(|event| event.event == step);
        let outcome = match log.state() {
            State::Accepted => Some(Outcome::Accepted),
            State::Deleted if said(Step::Accept) => Some(Outcome::Accepted),
            State::Rejected | State::Deleted => Some(Outcome::Rejected),
            State::Created | State::Submitted | State::Forwarded => None,
        };
        if let Some(outcome) = outcome {
            return Ok(Next::Known(Event::Decided(outcome), tokens));
        }
        let now = self.worker.context.now();
        let pause = self.worker.policy.watch_pause(now.since(since));
        Ok(Next::Rest(tokens, now.plus(pause)))
    }

    /// Our own submission is passed on. Refused by the store: it is so already, or it has ended.
    async fn pass_on(&self) -> Result<(), Missed> {
        let context = &self.worker.context;
        let passed_on = Change::Move {
            subject: self.row.submission_id.into(),
            from: State::Submitted,
            to: State::Forwarded,
            at: context.now(),
        };
        context.store().commit(Batch::new().with(passed_on)).await?;
        Ok(())
    }

    async fn log(&self, there: There) -> Result<(VerifiedLog, Vec<String>), Missed> {
        let submission = self
            .worker
            .context
            .store()
            .submission(self.row.submission_id)
            .await?;
        let submission = submission.ok_or(Missed::Unsendable("the submission is gone"))?;
        let ids = SubmissionRef {
            destination_id: submission.destination_id,
            submission_id: there.submission_id,
            case_id: there.case_id,
        };
        let log = self.uplink.sender.session().verified_log(ids).await?;
        let log = log.map_err(|findings| {
            let places: Vec<String> = findings
                .iter()
                .map(|finding| format!("{} {}", finding.at, finding.rule))
                .collect();
            Missed::Unbelievable(places.join(", "))
        })?;
        let tokens = log
            .events()
            .iter()
            .map(|event| event.token.clone())
            .collect();
        Ok((log, tokens))
    }

    async fn tags(&self) -> Result<AuthenticationTags, Missed> {
        let (store, id) = (self.worker.context.store(), self.row.submission_id);
        let content = store.content(id.into()).await?;
        let content = content.ok_or(Missed::Unsendable("its sealed parts are gone"))?;
        let submission = store.submission(id).await?;
        let submission = submission.ok_or(Missed::Unsendable("the submission is gone"))?;
        let sealed = sealed(content)?;
        let tag = |jwe: &CompactJwe| jwe.tag().unwrap_or_default().to_owned();
        let attachments = submission.attachments.into_iter();
        Ok(AuthenticationTags {
            metadata: tag(&sealed.encrypted_metadata),
            data: sealed.encrypted_data.as_ref().map(tag),
            attachments: attachments.map(|one| (one.id, one.tag)).collect(),
        })
    }

    fn forgotten(&self) -> Event {
        Event::Forgotten {
            at: self.worker.context.now().plus(AFTER_FORGETTING),
        }
    }
}

fn sealed(content: Content) -> Result<SubmitSubmission, Missed> {
    let jwe = |text: String| {
        CompactJwe::try_from(text).map_err(|_| Missed::Unsendable("a sealed part is malformed"))
    };
    Ok(SubmitSubmission {
        encrypted_metadata: jwe(content.metadata)?,
        encrypted_data: content.data.map(jwe).transpose()?,
    })
}

fn pieces(reader: Box<dyn BlobReader>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold(reader, async |mut reader| {
        let piece = reader.next().await.map_err(io::Error::other)?;
        Ok(piece.map(|piece| (piece, reader)))
    })
}
