//! What a receipt file shows. Everything in here is signed, or follows from what is.

use amtsbote_model::{CaseId, DestinationId, EventId, ReplyId, SubmissionId, Timestamp};
use serde::{Serialize, Serializer};

use super::{Role, Vouched};

/// The result of a check that found nothing wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Statement {
    /// `iss` of the service.
    pub(crate) service: String,
    pub(crate) case_id: CaseId,
    pub(crate) destination_id: DestinationId,
    pub(crate) submissions: Vec<Submission>,
    pub(crate) replies: Vec<Replied>,
    /// In the order of the log.
    pub(crate) events: Vec<Happened>,
    /// Events that are in no block.
    pub(crate) pending: usize,
    /// The keys that were used.
    pub(crate) keys: Vec<UsedKey>,
    /// The newest block of the file.
    pub(crate) head: Option<Head>,
    /// Whether all blocks between the oldest and the newest are there, each naming the one before.
    pub(crate) linked: bool,
    /// What became of the head that was given beside the file.
    pub(crate) newer_head: Option<HeadCheck>,
}

/// One submission.
#[expect(
    clippy::struct_field_names,
    reason = "the name that other commands print"
)]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Submission {
    pub(crate) submission_id: SubmissionId,
    /// At the end of the log.
    pub(crate) state: &'static str,
    /// Level one: the service has it, durable.
    #[serde(serialize_with = "moment")]
    pub(crate) accepted_at: Option<Timestamp>,
    /// Level two: handed over to the procedure; signed by the destination.
    #[serde(serialize_with = "moment")]
    pub(crate) delivered_at: Option<Timestamp>,
    /// Level three: what the procedure said.
    pub(crate) taken_on: Vec<TakenOn>,
}

/// A receipt of level three.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TakenOn {
    pub(crate) at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replied {
    pub(crate) reply_id: ReplyId,
    pub(crate) state: &'static str,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Happened {
    pub(crate) event_id: EventId,
    pub(crate) name: &'static str,
    /// `submission:…` or `reply:…`.
    pub(crate) about: String,
    pub(crate) by: Role,
    /// As signed, in whole seconds.
    #[serde(serialize_with = "one_moment")]
    pub(crate) at: Timestamp,
    pub(crate) sealed: Option<Sealing>,
}

/// Where it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sealing {
    pub(crate) block: u64,
    /// In the whole log, from 0.
    pub(crate) position: u64,
    #[serde(serialize_with = "one_moment")]
    pub(crate) at: Timestamp,
}

/// A key that was used.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsedKey {
    pub(crate) role: Role,
    pub(crate) kid: String,
    /// SHA-256 (RFC 7638).
    pub(crate) thumbprint: String,
    pub(crate) vouched: Vouched,
    /// Whom the certificate names, if it is why the key is believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certified_name: Option<String>,
}

/// A signed block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) number: u64,
    pub(crate) hash: String,
    #[serde(serialize_with = "one_moment")]
    pub(crate) at: Timestamp,
}

/// How another head goes with the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeadCheck {
    pub(crate) number: u64,
    pub(crate) hash: String,
    /// It goes on from all blocks of the file, or is one of them. If not, blocks between are missing and nothing is shown.
    pub(crate) goes_on: bool,
}

impl Statement {
    /// Whether nothing is left open: all events are sealed, and the other head, if any, goes on from the file's.
    pub(crate) fn is_whole(&self) -> bool {
        self.pending == 0 && self.newer_head.as_ref().is_none_or(|head| head.goes_on)
    }
}

#[expect(clippy::ref_option, reason = "serde gives a reference")]
fn moment<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    at.map(Timestamp::to_rfc3339).serialize(to)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn one_moment<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.to_rfc3339())
}
