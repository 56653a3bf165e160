//! The agent's state for the way back: which submissions an answer of a procedure may belong to, and the replies made of
//! answers, until they are sent.
//!
//! Holds ids, public keys, hashes and ciphertext only: a reply is kept sealed for its receiver, and no longer than until it is
//! sent.

use amtsbote_model::delivery::Cause;
use amtsbote_model::{CaseId, DestinationId, ReplyId, SubmissionId, Timestamp};

use crate::{Error, Reply, Swapped};

/// The name of a way back on which nothing more is expected ([`WaysBack::note_way`]).
pub const CLOSED: &str = "closed";

/// What a later answer to a delivered submission needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayBack {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// Its destination.
    pub destination_id: DestinationId,
    /// The package that wrote the parcel, `name@version`.
    pub package: String,
    /// The reply channel through FIT-Connect (public key and standards, JSON); none if the sender chose another or none.
    pub channel: Option<String>,
    /// When it was noted first.
    pub at: Timestamp,
}

/// An answer that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnswer {
    /// The same for the same answer: a hash.
    pub key: String,
    /// What it answers.
    pub submission_id: SubmissionId,
    /// What it was, for people: kind, message and status code, nothing personal.
    pub what: String,
    /// The reply, sealed (JSON); none if there is no channel to send it through.
    pub sealed: Option<String>,
    /// When it came.
    pub at: Timestamp,
}

/// How far a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerState {
    /// To be announced.
    Sealed,
    /// Announced under this id, to be uploaded and submitted.
    Announced(ReplyId),
    /// Submitted under this id. Its ciphertext is gone.
    Sent(ReplyId),
    /// Noted; there is no channel to send it through.
    Kept,
    /// Stopped by an operator, with the id if it was announced. Its ciphertext stays.
    Parked(Option<ReplyId>),
}

impl AnswerState {
    /// The name in the store and for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Announced(_) => "announced",
            Self::Sent(_) => "sent",
            Self::Kept => "kept",
            Self::Parked(_) => "parked",
        }
    }

    /// The id the service gave.
    pub const fn reply_id(self) -> Option<ReplyId> {
        match self {
            Self::Sealed | Self::Kept => None,
            Self::Announced(id) | Self::Sent(id) => Some(id),
            Self::Parked(id) => id,
        }
    }

    /// Whether nothing is left to be done.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Sealed | Self::Announced(_) | Self::Parked(_) => false,
            Self::Sent(_) | Self::Kept => true,
        }
    }

    /// Whether it is tried again by itself.
    pub const fn is_due(self) -> bool {
        match self {
            Self::Sealed | Self::Announced(_) => true,
            Self::Sent(_) | Self::Kept | Self::Parked(_) => false,
        }
    }
}

/// An answer as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// Its key.
    pub key: String,
    /// What it answers.
    pub submission_id: SubmissionId,
    /// What it was.
    pub what: String,
    /// The reply, sealed, as long as it is not sent.
    pub sealed: Option<String>,
    /// How far it is.
    pub state: AnswerState,
    /// Tries that failed since the last step.
    pub tries: u32,
    /// Why the last one did.
    pub failing: Option<Failing>,
    /// When to go on.
    pub at: Timestamp,
    /// Grows with each change.
    pub revision: u64,
}

/// Why a reply is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// The last cause.
    pub cause: Cause,
    /// When the first try since the last step failed.
    pub since: Timestamp,
}

/// The next state of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerMove {
    /// How far it is.
    pub state: AnswerState,
    /// Tries that failed since the last step.
    pub tries: u32,
    /// Why the last one did.
    pub failing: Option<Failing>,
    /// When to go on.
    pub at: Timestamp,
}

/// Ways back of one agent.
pub trait WaysBack: Send + Sync {
    /// Notes a submission under names by which answers may call it. What is noted already stays, names are added. Durable
    /// before it answers.
    fn note_way(&self, way: WayBack, names: Vec<String>) -> Reply<'_, Result<(), Error>>;

    /// Submissions of a destination that have at least one of the names: each once, in the order of their ids, at most `max`.
    fn ways(
        &self,
        destination_id: DestinationId,
        names: Vec<String>,
        max: u32,
    ) -> Reply<'_, Result<Vec<WayBack>, Error>>;

    /// Submissions of a destination behind `after` in the order of their ids that were noted at `since` or later and do not have
    /// the name [`CLOSED`], at most `max`. A store that cannot tell says so.
    fn open_ways(
        &self,
        destination_id: DestinationId,
        (after, since): (Option<SubmissionId>, Timestamp),
        max: u32,
    ) -> Reply<'_, Result<Vec<WayBack>, Error>> {
        let _ = (destination_id, after, since, max);
        Box::pin(std::future::ready(Err(Error::Unavailable {
            reason: "this store cannot list the submissions that wait for an answer".to_owned(),
            retry_after: None,
        })))
    }

    /// One of them.
    fn way(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<WayBack>, Error>>;

    /// Keeps an answer, due at once; one with the same key stays as it is. Durable before it answers.
    fn keep_answer(&self, answer: NewAnswer) -> Reply<'_, Result<(), Error>>;

    /// Answers that are due ([`AnswerState::is_due`]) at `now`, longest due first, at most `max`.
    fn due_answers(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<AnswerRow>, Error>>;

    /// Moves an answer if its revision is still `revision`; a final state forgets the ciphertext. Durable before it answers.
    fn move_answer(
        &self,
        key: String,
        revision: u64,
        to: AnswerMove,
    ) -> Reply<'_, Result<Swapped, Error>>;

    /// The answers to a submission, in the order of their keys.
    fn answers(&self, submission_id: SubmissionId) -> Reply<'_, Result<Vec<AnswerRow>, Error>>;
}
