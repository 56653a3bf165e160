//! What submissions and replies have in common while they are sent: announced ids, arrived attachments, a state.

use amtsbote_model::submission::State;
use amtsbote_model::{AttachmentId, Subject};
use amtsbote_problem::{Code, Problem};
use amtsbote_store::{Attachment, Error, ReplyRecord, Submission};

use crate::Context;
use crate::answer::Refused;

/// A submission or a reply, seen as something that arrives in parts.
#[derive(Debug, Clone)]
pub(crate) struct Consignment {
    pub(crate) subject: Subject,
    pub(crate) state: State,
    pub(crate) announced: Vec<AttachmentId>,
    pub(crate) attachments: Vec<Attachment>,
}

impl Consignment {
    /// As it is now; `None` if it never was.
    pub(crate) async fn find(context: &Context, subject: Subject) -> Result<Option<Self>, Error> {
        Ok(match subject {
            Subject::Submission(id) => context
                .store()
                .submission(id)
                .await?
                .as_ref()
                .map(Self::from),
            Subject::Reply(id) => context.store().reply(id).await?.as_ref().map(Self::from),
        })
    }

    /// The refusal of what it no longer takes.
    pub(crate) fn closed(&self, detail: impl Into<String>) -> Refused {
        closed(self.subject, detail)
    }
}

/// The refusal of what a submission or reply no longer takes.
pub(crate) fn closed(subject: Subject, detail: impl Into<String>) -> Refused {
    let code = match subject {
        Subject::Submission(_) => Code::SubmissionClosed,
        Subject::Reply(_) => Code::ReplyClosed,
    };
    Problem::new(code).detail(detail).into()
}

impl From<&Submission> for Consignment {
    fn from(submission: &Submission) -> Self {
        Self {
            subject: submission.id.into(),
            state: submission.state,
            announced: submission.announced.clone(),
            attachments: submission.attachments.clone(),
        }
    }
}

impl From<&ReplyRecord> for Consignment {
    fn from(reply: &ReplyRecord) -> Self {
        Self {
            subject: reply.id.into(),
            state: reply.state,
            announced: reply.announced.clone(),
            attachments: reply.attachments.clone(),
        }
    }
}
