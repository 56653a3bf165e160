//! Ways in: where procedures leave what goes back to the sender.

use std::fmt;
use std::time::Duration;

use amtsbote_model::{CaseId, SubmissionId};
use amtsbote_problem::Findings;
use uuid::Uuid;

use crate::{Answer, Fault, ParcelFile, Reply};

/// A way in. Nothing is taken for good before [`Inbound::settle`]: what was polled and not settled is given again, also to
/// another process.
pub trait Inbound: Send + Sync {
    /// What lies there, oldest first, at most `max`. Empty if there is nothing.
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>>;

    /// Ends a return. Ending one that is not there (any more) changes nothing.
    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>>;

    /// As [`Inbound::poll`], for whoever knows which submissions wait for an answer: ways in where one has to ask for each of them
    /// ask here, and find nothing in `poll`.
    fn poll_for<'a>(
        &'a self,
        open: &'a dyn OpenCases,
        max: usize,
        limit: Duration,
    ) -> Reply<'a, Result<Vec<Return>, Fault>> {
        let _ = open;
        self.poll(max, limit)
    }

    /// As [`Inbound::settle`] with [`Settled::Refused`], saying why: for ways in that can tell the procedure.
    fn refuse<'a>(
        &'a self,
        id: &'a ReturnId,
        why: Refusal,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        let _ = why;
        self.settle(id, Settled::Refused, limit)
    }

    /// How many answers lay there at the last look whose message had not come in the time the settings give it. They stay until it comes
    /// or a person takes them away.
    fn without_message(&self) -> usize {
        0
    }

    /// Whether answers could be taken now. What lies there stays. A look at one answer, unless there is a cheaper question.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(async move { self.poll(1, limit).await.map(drop) })
    }
}

/// What became of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is durable elsewhere: the way in may forget its content.
    Kept,
    /// It cannot be used: a person must look. It is not given again and not deleted.
    Refused,
}

/// Why a return cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// It was not understood. Findings never hold a value.
    Unreadable(Findings),
    /// It fits no submission that was delivered here.
    NoCase,
    /// It fits several.
    SeveralCases,
    /// It is larger than an answer may be.
    TooLarge,
    /// A fault of ours: reading or sealing it broke.
    Ours,
}

/// A submission that was handed over and whose result is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenCase {
    /// The submission; also the id of the parcel that was handed over.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// The id of the message in an XÖV parcel.
    pub message: Uuid,
}

/// Submissions that wait for an answer.
pub trait OpenCases: Send + Sync {
    /// Those behind `after` in the order of their ids, at most `max`.
    fn open_cases(
        &self,
        after: Option<SubmissionId>,
        max: usize,
    ) -> Reply<'_, Result<Vec<OpenCase>, Fault>>;
}

/// The name of a return at its way in: 1–200 visible ASCII characters, nothing personal; stable over polls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnId(String);

/// The text is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a return's id: 1 to 200 visible ASCII characters")]
pub struct MalformedReturnId;

impl ReturnId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReturnId {
    type Error = MalformedReturnId;

    fn try_from(text: String) -> Result<Self, MalformedReturnId> {
        let fits =
            (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Self(text))
        } else {
            Err(MalformedReturnId)
        }
    }
}

impl fmt::Display for ReturnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a way in has understood of a return.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Nothing yet: the files have to be read.
    Unread,
    /// All of it.
    Answer(Box<Answer>),
    /// It cannot be understood. Findings never hold a value.
    Nonsense(Findings),
}

/// What a procedure sent: files, and what the way in knows about them. Which case it belongs to is found from these by whoever
/// polls.
#[derive(Debug, Clone)]
pub struct Return {
    /// Its name at the way in.
    pub id: ReturnId,
    /// Facts of the way in for matching and for the log, closed sets of names, nothing personal: `author`, `service`,
    /// `message-type`, `message-id` …
    pub facts: Vec<(&'static str, String)>,
    /// What the way in has understood of it. Unless that is nothing yet, all files are documents that go along.
    pub said: Said,
    /// At least one file if nothing was understood yet; then the first is the message. Content streams.
    pub files: Vec<ParcelFile>,
}
