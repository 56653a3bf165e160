//! What an event, sealed parts and attachments belong to.

use std::fmt;

use crate::{ReplyId, SubmissionId};

/// A submission or a reply; the `sub` claim of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// `submission:<uuid>`
    Submission(SubmissionId),
    /// `reply:<uuid>`
    Reply(ReplyId),
}

impl Subject {
    /// The claim.
    pub fn claim(self) -> String {
        match self {
            Self::Submission(id) => id.prefixed(),
            Self::Reply(id) => id.prefixed(),
        }
    }

    /// The id, whatever it names.
    pub const fn uuid(self) -> uuid::Uuid {
        match self {
            Self::Submission(id) => id.uuid(),
            Self::Reply(id) => id.uuid(),
        }
    }
}

impl From<SubmissionId> for Subject {
    fn from(id: SubmissionId) -> Self {
        Self::Submission(id)
    }
}

impl From<ReplyId> for Subject {
    fn from(id: ReplyId) -> Self {
        Self::Reply(id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submission(id) => write!(f, "submission {id}"),
            Self::Reply(id) => write!(f, "reply {id}"),
        }
    }
}
