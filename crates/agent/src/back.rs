//! The way back, first half: takes answers of procedures, finds their case, keeps the reply sealed.
//!
//! ```text
//!  poll ─► read, unless the way in understood it ─► match by names ─► status + receipt + documents ─► sealed for the reply key ─► keep_answer ─► settle(Kept)
//!                   └ none, several, unreadable, panic ─► refuse and an error for a person
//! ```
//!
//! Dying anywhere before `keep_answer` leaves the answer where it is: it is given again. Dying between `keep_answer` and `settle`
//! gives it again, too, under the same key, and the second one changes nothing.

mod understood;
mod way;
mod without_message;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amtsbote_adapter::{Answer, AnswerKind, Fault as WayFault, Refusal, Return, ReturnId, Settled};
use amtsbote_client::{NotSealed, SealedReply};
use amtsbote_jose::sha256_hex;
use amtsbote_model::delivery::Cause;
use amtsbote_model::{DestinationId, ParcelId, Personal};
use amtsbote_store::{CLOSED, DeliveryRow, Error as StoreError, NewAnswer, WayBack};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use self::understood::{Understood, bare, understood};
use self::way::{Waiting, number_name, reference_name, uuid_name, way_of};
use self::without_message::WithoutMessage;
use crate::delivery::{Stopped, parcel_id};
use crate::opening::Content;
use crate::outage::Outage;
use crate::status::{Channel, Enclosed, Told, kind};
use crate::turns::{Next, here};
use crate::work::{Inner, log_store};
use crate::{Served, WayIn};

/// Answers taken in one look.
const TAKEN_MAX: usize = 32;
/// Time for one call of a way in.
const LIMIT: Duration = Duration::from_mins(1);
const POLL_MIN: Duration = Duration::from_millis(50);

/// What was told of a way in.
#[derive(Default)]
struct Known {
    outage: Outage,
    without_message: WithoutMessage,
}

/// Why an answer was not kept.
enum NotTaken {
    /// It stays where it is and is looked at again.
    Later,
    /// A person must look: why, for the procedure, and what to do, for the log.
    Never(Refusal, String),
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        log_store(&error);
        Self::Later
    }
}

/// The id of the message in an XÖV parcel, to which answers refer.
pub fn message_uuid(parcel: ParcelId) -> Uuid {
    Uuid::new_v5(&parcel.uuid(), b"message")
}

impl Inner {
    /// Takes answers and sends replies until dropped.
    pub(crate) async fn bring_back(self: &Arc<Self>) {
        let with_way_in = |served| Some((served, Served::way_in(served)?));
        let looks = self.parts.destinations.iter().filter_map(with_way_in);
        let looks = looks.map(|(served, way_in)| async move {
            let known = Mutex::new(Known::default());
            let round = || self.look_for_answers((served, way_in), &known);
            if way_in.is_called {
                return here(round).await;
            }
            let name = format!("answers of {}", served.id);
            self.in_turn(&name, round).await;
        });
        let send = self.in_turn("replies", || self.send_round());
        tokio::join!(join_all(looks), send);
    }

    async fn look_for_answers(
        &self,
        (served, way_in): (&Served, &WayIn),
        known: &Mutex<Known>,
    ) -> Next {
        let heard = self.take_answers(served, way_in).await;
        let is_heard = heard.is_ok();
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if is_heard {
            let count = way_in.inbound.without_message();
            known.without_message.tell(served.id, count);
        }
        let poll = way_in.poll.max(POLL_MIN);
        let pause = known.outage.heard(heard, poll, self.around().jitter);
        known.outage.tell(served.id);
        if is_heard {
            Next::Again(pause)
        } else {
            Next::Elsewhere(pause)
        }
    }

    async fn send_round(self: &Arc<Self>) -> Next {
        let pause = self.parts.policy.pause;
        if self.send_replies().await {
            Next::Again(pause)
        } else {
            Next::Elsewhere(pause)
        }
    }

    /// One look at every way in, one round over the replies that are due.
    pub(crate) async fn bring_back_once(self: &Arc<Self>) {
        for served in &self.parts.destinations {
            if let Some(way_in) = &served.way_in {
                let heard = self.take_answers(served, way_in).await;
                Outage::default().heard(heard, way_in.poll, self.around().jitter);
            }
        }
        self.send_replies().await;
    }

    /// `Err` if nobody could be asked, or an answer could not be taken now: the next look comes later. Told to the log by whoever
    /// counts.
    async fn take_answers(&self, served: &Served, way_in: &WayIn) -> Result<(), WayFault> {
        let open = Waiting {
            agent: self,
            destination: served.id,
        };
        let returns = way_in.inbound.poll_for(&open, TAKEN_MAX, LIMIT).await?;
        let mut heard = Ok(());
        for returned in returns {
            // An answer that breaks us must not hold up the others, nor be tried for ever.
            let taken = AssertUnwindSafe(self.take(served, way_in, &returned));
            let id = &returned.id;
            let ended = match taken.catch_unwind().await {
                Ok(Ok(())) => {
                    let settled = way_in.inbound.settle(id, Settled::Kept, LIMIT).await;
                    // The reply is in our state and due, whoever looks for it.
                    amtsbote_names::fail_point!(AnswerSettled);
                    settled
                }
                Ok(Err(NotTaken::Later)) => {
                    heard = Err(WayFault::unavailable(
                        "eine Antwort lässt sich gerade nicht annehmen",
                        "an answer cannot be taken now",
                    ));
                    continue;
                }
                Ok(Err(NotTaken::Never(why, what))) => {
                    tell_refused(served.id, id, &what);
                    way_in.inbound.refuse(id, why, LIMIT).await
                }
                Err(_panic) => {
                    tell_refused(served.id, id, "reading it ended with a fault");
                    way_in.inbound.refuse(id, Refusal::Ours, LIMIT).await
                }
            };
            if let Err(fault) = ended {
                tracing::warn!(destination.id = %served.id, return.id = %id, error = %fault,
                    "the answer {id} could not be moved away: {fault}");
            }
        }
        heard
    }

    async fn take(
        &self,
        served: &Served,
        way_in: &WayIn,
        returned: &Return,
    ) -> Result<(), NotTaken> {
        let understood = understood(way_in, returned).await?;
        let way = self
            .matched(served.id, returned, &understood.answer)
            .await?;
        amtsbote_names::fail_point!(AnswerMatched);
        self.keep(served, way, understood).await
    }

    /// The one submission that the answer names.
    async fn matched(
        &self,
        destination: DestinationId,
        returned: &Return,
        answer: &Answer,
    ) -> Result<WayBack, NotTaken> {
        let facts = returned.facts.iter();
        let references = facts.filter(|(name, _)| *name == "reference");
        let mut names: Vec<String> = references.map(|(_, uuid)| uuid.clone()).collect();
        names.extend(answer.in_reply_to.as_deref().and_then(uuid_name));
        if let Some(reference) = &answer.reference {
            names.extend(uuid_name(reference.reveal()));
            names.push(reference_name(reference));
        }
        let by_number: Vec<String> = answer
            .file_number
            .iter()
            .map(|number| number_name(destination, number))
            .collect();
        for names in [names, by_number] {
            let mut found = self.parts.ways_back.ways(destination, names, 2).await?;
            match (found.pop(), found.pop()) {
                (Some(way), None) => return Ok(way),
                (Some(_), Some(_)) => {
                    let why = "it fits several submissions; name one of them, for example in the file name";
                    return Err(NotTaken::Never(Refusal::SeveralCases, why.to_owned()));
                }
                (None, _) => {}
            }
        }
        let why = "it names no submission that was delivered here; check its reference, or put the submission's id into the file name";
        Err(NotTaken::Never(Refusal::NoCase, why.to_owned()))
    }

    async fn keep(
        &self,
        served: &Served,
        way: WayBack,
        understood: Understood,
    ) -> Result<(), NotTaken> {
        let Understood {
            answer,
            enclosed,
            hash,
        } = understood;
        let kind_of = answer.kind;
        let key = sha256_hex(format!("{} {} {hash}", served.id, way.submission_id).as_bytes());
        let mut what = format!("{} ({})", kind(answer.kind).0, answer.message);
        if let Some(status) = &answer.status {
            what = format!(
                "{what} {}",
                status.code.chars().take(40).collect::<String>()
            );
        }
        if let Some(number) = &answer.file_number {
            let names = vec![number_name(served.id, number)];
            self.parts.ways_back.note_way(way.clone(), names).await?;
            // A name more by which the same answer is found again.
            amtsbote_names::fail_point!(NumberNoted);
        }
        let sealed = self.sealed(served, way.clone(), (answer, enclosed)).await?;
        tracing::info!(submission.id = %way.submission_id, destination.id = %served.id,
            "the procedure answered {}: {what}", way.submission_id);
        let answer = NewAnswer {
            key,
            submission_id: way.submission_id,
            what,
            sealed,
            at: self.parts.clock.now(),
        };
        let is_final = kind_of.is_final();
        self.parts.ways_back.keep_answer(answer).await?;
        amtsbote_names::fail_point!(AnswerKept);
        // Dying before it is noted: it is asked for once more, and the same answer changes nothing.
        if is_final {
            let closed = vec![CLOSED.to_owned()];
            self.parts.ways_back.note_way(way, closed).await?;
            amtsbote_names::fail_point!(CaseClosed);
        }
        Ok(())
    }

    /// `None`: there is no channel to send it through, and the status is only noted.
    async fn sealed(
        &self,
        served: &Served,
        way: WayBack,
        (answer, enclosed): (Answer, Vec<Enclosed>),
    ) -> Result<Option<String>, NotTaken> {
        let id = way.submission_id;
        let Some(channel) = way.channel.clone() else {
            tracing::info!(submission.id = %id,
                "{id} asked for no reply through FIT-Connect: its status is noted and not sent");
            return Ok(None);
        };
        let (signing, at) = (served.signing.clone(), self.parts.clock.now());
        let sealed = tokio::task::spawn_blocking(move || {
            let channel = Channel::read(&channel)?;
            if !channel.knows_status() {
                tracing::info!(submission.id = %way.submission_id,
                    "the reply channel of {} does not name the schema of our status: it is sent in it all the same", way.submission_id);
            }
            let told = Told {
                way: &way,
                answer: &answer,
                at,
                signing: &signing,
            };
            told.content(enclosed)?.seal(&channel.key)
        });
        match sealed.await {
            Ok(Ok(sealed)) => Ok(Some(sealed_text(&sealed))),
            Ok(Err(NotSealed::Key | NotSealed::NoChannel)) => {
                tracing::error!(submission.id = %id,
                    "the key for replies to {id} breaks the policy for keys: its status is noted and not sent; answer in another way");
                Ok(None)
            }
            Ok(Err(NotSealed::Seal)) | Err(_) => {
                let why = "its reply could not be sealed".to_owned();
                Err(NotTaken::Never(Refusal::Ours, why))
            }
        }
    }

    /// Before the hand-over, so that no answer can be earlier. Dying after it leaves a note that the next try finds.
    pub(crate) async fn note_way_back(
        &self,
        row: &DeliveryRow,
        content: &Content,
        package: &str,
    ) -> Result<(), StoreError> {
        let (way, mut names) = (
            way_of(row, content, package, self.parts.clock.now()),
            vec![
                row.submission_id.to_string(),
                row.case_id.to_string(),
                message_uuid(parcel_id(row)).to_string(),
            ],
        );
        names.extend(content.sender_reference.as_ref().map(reference_name));
        self.parts.ways_back.note_way(way, names).await
    }

    /// The procedure gave a file number with the hand-over itself.
    pub(crate) async fn numbered_at_once(
        &self,
        (row, served): (&DeliveryRow, &Served),
        number: Personal<String>,
    ) -> Result<(), Stopped> {
        let Some(way) = self.parts.ways_back.way(row.submission_id).await? else {
            return Ok(());
        };
        let hash = sha256_hex(number.reveal().as_bytes());
        let answer = Answer {
            file_number: Some(number),
            ..bare(AnswerKind::FileNumber, "hand-over", hash.clone())
        };
        let understood = Understood {
            answer,
            enclosed: Vec::new(),
            hash,
        };
        match self.keep(served, way, understood).await {
            Ok(()) => Ok(()),
            Err(NotTaken::Later) => Err(Stopped::failed(Cause::Internal)),
            Err(NotTaken::Never(_, why)) => {
                tracing::error!(submission.id = %row.submission_id,
                    "the file number of {} could not be told: {why}", row.submission_id);
                Ok(())
            }
        }
    }
}

fn tell_refused(destination: DestinationId, id: &ReturnId, why: &str) {
    tracing::error!(destination.id = %destination, return.id = %id,
        "the answer {id} of the procedure is set aside, a person must look: {why}");
}

fn sealed_text(sealed: &SealedReply) -> String {
    let attachments: Vec<_> = sealed
        .attachments
        .iter()
        .map(|(id, jwe)| json!({ "id": id, "jwe": jwe.as_str() }))
        .collect();
    let data = sealed.body.encrypted_data.as_ref();
    json!({
        "metadata": sealed.body.encrypted_metadata.as_str(),
        "data": data.map(|jwe| jwe.as_str().to_owned()),
        "attachments": attachments,
    })
    .to_string()
}
