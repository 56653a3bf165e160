//! One transaction, as a value.
//!
//! A batch is built by the gateway from what it read and decided; each change names its own precondition. The store
//! checks them inside the transaction: if one fails, nothing happens and the answer tells which, so the gateway reads
//! again and decides anew. Two requests that race are therefore an answer, not an error.

use amtsbote_model::submission::State;
use amtsbote_model::{Destination, DestinationId, Subject, Timestamp};

use crate::{
    Attachment, Case, Content, Event, KeyRecord, Notice, NoticeId, Remembered, ReplyRecord,
    Submission, Upkeep,
};

/// Changes that happen together or not at all, in order.
#[derive(Debug, Clone, Default)]
pub struct Batch(pub Vec<Change>);

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// With one more change.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.0.push(change);
        self
    }
}

/// One change and its precondition.
#[derive(Debug, Clone)]
pub enum Change {
    /// A new case. Refused as [`Conflict::Exists`] if the id is taken.
    OpenCase(Case),
    /// A new submission, in whatever state it carries, with its attachments (blobs are durable already). Its case must exist
    /// and have the same destination and sender, else [`Conflict::CaseMismatch`]; its destination must be active, else
    /// [`Conflict::DestinationMoved`].
    Announce(Box<Submission>),
    /// A new reply, in whatever state it carries, with its attachments. Its case must exist, have the same destination and be
    /// its receiver's, else [`Conflict::CaseMismatch`].
    AnnounceReply(Box<ReplyRecord>),
    /// An attachment arrived; replaces one with the same id. What it belongs to must be `created`
    /// ([`Conflict::StateMoved`]) and the id announced ([`Conflict::NotAnnounced`]).
    Attach {
        /// Whose.
        subject: Subject,
        /// The attachment; its blob is durable already.
        attachment: Attachment,
    },
    /// The sealed parts. There must not be any yet ([`Conflict::Exists`]).
    Fill {
        /// Whose.
        subject: Subject,
        /// The sealed parts.
        content: Content,
    },
    /// State change. The subject must be in `from`, else [`Conflict::StateMoved`]. Sets `submitted_at` when it becomes
    /// submitted; a move to the same state changes nothing.
    Move {
        /// Whose.
        subject: Subject,
        /// The state the decision was based on.
        from: State,
        /// The new state.
        to: State,
        /// When.
        at: Timestamp,
    },
    /// The attachments must still be exactly these (id, blob; in any order), else [`Conflict::AttachmentsMoved`].
    ExpectAttachments {
        /// Whose.
        subject: Subject,
        /// As read when the event with their tags was signed.
        attachments: Vec<Attachment>,
    },
    /// A signed event, appended to its case's log. Its id must be new, else [`Conflict::Exists`].
    Append(Event),
    /// Sealed parts and attachment rows go away (blobs are deleted by the caller afterwards). No precondition.
    Erase {
        /// Whose.
        subject: Subject,
    },
    /// A new destination, or a new version of one: `replaces` is what was read, else [`Conflict::DestinationMoved`].
    PutDestination {
        /// The version the change was based on; `None` for a new one.
        replaces: Option<Box<Destination>>,
        /// The destination.
        destination: Box<Destination>,
    },
    /// A destination and its keys go away. It must have no submissions (not even deleted ones), else
    /// [`Conflict::InUse`]. No change if it is not there.
    DropDestination(DestinationId),
    /// A public key. The same `kid` with the same JWK is no change; with another JWK it is [`Conflict::Exists`].
    PutKey {
        /// The destination.
        destination_id: DestinationId,
        /// The key.
        key: KeyRecord,
    },
    /// An answer to keep. The pair (client, key) must be new, else [`Conflict::Exists`].
    Remember(Remembered),
    /// A callback to send. Its id must be new, else [`Conflict::Exists`].
    Enqueue(Notice),
    /// A callback is claimed until it is due again, or was tried and is due again. It must be due when it was read to be, else
    /// somebody else has claimed or settled it ([`Conflict::DueMoved`]).
    Postpone {
        /// Which.
        id: NoticeId,
        /// When it was due as it was read.
        was_due_at: Timestamp,
        /// Failed tries so far.
        tries: u32,
        /// When to try next.
        due_at: Timestamp,
    },
    /// A callback is done, or given up. No change if it is not there any more.
    Dequeue(NoticeId),
    /// What the deadlines' rounds write.
    Upkeep(Upkeep),
}

/// Why a batch was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Something with this identity is there already.
    Exists,
    /// The submission is not in the expected state (now in this one).
    StateMoved(State),
    /// There is no such submission or reply.
    SubjectUnknown,
    /// The attachment was not announced.
    NotAnnounced,
    /// The attachments are not as they were read.
    AttachmentsMoved,
    /// The case does not exist or belongs to another destination or sender.
    CaseMismatch,
    /// The destination is not as it was read, or not active any more.
    DestinationMoved,
    /// Submissions still refer to it.
    InUse,
    /// The callback or mail is not there any more, or is not due when it was read to be.
    DueMoved,
}

/// The answer to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// All of it is durable.
    Done,
    /// Nothing happened.
    Refused(Conflict),
}
