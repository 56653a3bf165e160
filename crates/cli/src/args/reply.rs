//! Replies, from both ends.

use std::path::PathBuf;

use amtsbote_model::{DestinationId, ReplyId, SubmissionId};
use clap::{Args, Subcommand};

use super::Access;

/// Replies. Content is shown to nobody: it is written where `--out` says, for the owner alone.
#[derive(Debug, Subcommand)]
pub(crate) enum Reply {
    /// List the replies that wait for this sender.
    List(Access),
    /// Fetch a reply, verify it by the event log and open it.
    Fetch {
        #[command(flatten)]
        reply: OpenReply,
        /// Folder to write metadata, data and attachments to; without it nothing is written.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Verify and open a reply, and say that it was taken. Fetch it before: it is gone then.
    Accept(OpenReply),
    /// Say that a reply cannot be taken, and why.
    Reject(RejectReply),
    /// Send a reply into the case of a submission that can still be fetched (subscriber's side).
    Send(SendReply),
}

#[derive(Debug, Args)]
pub(crate) struct OpenReply {
    /// The reply's id.
    pub(crate) id: ReplyId,
    /// Private JWK file of the key that the submission named for replies (`keys new reply`).
    #[arg(long = "key", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// Destination the submission went to; as the delivery service says if left out.
    #[arg(long)]
    pub(crate) destination: Option<DestinationId>,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
pub(crate) struct RejectReply {
    /// The reply's id.
    pub(crate) id: ReplyId,
    /// What is wrong, such as `encryption-issue` or `hash-mismatch`.
    #[arg(long, default_value = "technical-error")]
    pub(crate) problem: String,
    /// In words. It stands in the event log: nothing personal.
    #[arg(long, default_value = "")]
    pub(crate) detail: String,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[derive(Debug, Args)]
pub(crate) struct SendReply {
    /// The submission that is answered.
    pub(crate) submission: SubmissionId,
    /// Private decryption key of the destination (JWK file): the key for the reply stands in the submission's metadata.
    #[arg(long = "key", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// Data of the reply: JSON, or XML if the name ends so.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Schema of the data; the first of the submission's `processStandards` if left out.
    #[arg(long)]
    pub(crate) schema_uri: Option<String>,
    /// A file to attach; its name is sent along, sealed.
    #[arg(long = "attachment")]
    pub(crate) attachments: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) access: Access,
}
