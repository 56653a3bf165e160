//! Changes that nobody asked for: reminders, mails, and what goes because its time has come.

use amtsbote_model::{CaseId, SubmissionId, Timestamp};

#[cfg(doc)]
use crate::Conflict;
use crate::{Change, Mail, MailId};

/// One change by the deadlines' rounds or the mail worker, and its precondition.
#[derive(Debug, Clone)]
pub enum Upkeep {
    /// The subscriber was reminded of a waiting submission for the `nth` time. The submission must be `submitted`
    /// ([`Conflict::StateMoved`]) and must have been reminded of less often ([`Conflict::Exists`]).
    Remind {
        /// The submission.
        submission_id: SubmissionId,
        /// Which reminder, from 1.
        nth: u32,
    },
    /// A mail to send. Its id must be new, else [`Conflict::Exists`].
    Post(Mail),
    /// A mail is claimed until it is due again, or was tried and is due again. It must be due when it was read to be, else somebody
    /// else has claimed or settled it ([`Conflict::DueMoved`]).
    PostponeMail {
        /// Which.
        id: MailId,
        /// When it was due as it was read.
        was_due_at: Timestamp,
        /// Failed tries so far.
        tries: u32,
        /// When to try next.
        due_at: Timestamp,
    },
    /// A mail is done, or given up. No change if it is not there any more.
    DropMail(MailId),
    /// A case goes away with its submissions, its event log and the callbacks about it. All its submissions must be deleted and
    /// its last event older than `before`, else [`Conflict::InUse`]. No change if it is not there.
    DropCase {
        /// The case.
        id: CaseId,
        /// Its last event (without any: its opening) must be older.
        before: Timestamp,
    },
    /// Answers remembered before the moment given are forgotten, at most `max`, oldest first. No precondition.
    Forget {
        /// Older ones go.
        before: Timestamp,
        /// How many at most.
        max: u32,
    },
    /// The deadlines were looked at. No precondition.
    Round {
        /// When, by the clock that was believed.
        at: Timestamp,
    },
}

impl From<Upkeep> for Change {
    fn from(upkeep: Upkeep) -> Self {
        Self::Upkeep(upkeep)
    }
}
