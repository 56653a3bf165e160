//! Callbacks: what the service posts to a sender or subscriber when there is something new.
//!
//! `POST <url>` with the headers [`TIMESTAMP_HEADER`] (Unix seconds) and [`AUTHENTICATION_HEADER`] (lower-case hex
//! HMAC-SHA-512 over [`mac_message`], keyed with the secret's UTF-8). Receivers compare in constant time, refuse
//! timestamps older than [`WINDOW`] and answer 200. The MAC is over the bytes as sent: never re-format a body.

use std::time::Duration;

use amtsbote_model::SubmissionId;
use amtsbote_problem::Findings;
use serde_json::{Value, json};

use crate::ApiVersion;
use crate::fields::{self, Node};
use crate::reply::ReplyRef;
use crate::submission::SubmissionRef;

/// Header with the Unix time in seconds.
pub const TIMESTAMP_HEADER: &str = "callback-timestamp";
/// Header with the MAC in lower-case hex.
pub const AUTHENTICATION_HEADER: &str = "callback-authentication";
/// How old a callback may be; exactly this is still fine.
pub const WINDOW: Duration = Duration::from_mins(5);

const PREFIX: &str = "https://schema.fitko.de/fit-connect/submission-api/callbacks/";

/// What the MAC is computed over: `timestamp`, a dot, the body's bytes.
pub fn mac_message(timestamp: &str, body: &[u8]) -> Vec<u8> {
    [timestamp.as_bytes(), b".", body].concat()
}

/// The body of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callback {
    /// New submissions wait for the subscriber.
    NewSubmissions(Vec<SubmissionRef>),
    /// Something happened to these submissions.
    NewEvents(Vec<SubmissionRef>),
    /// New replies wait. Its member is unconfirmed.
    NewReplies(Vec<ReplyRef>),
    /// New submissions, by id only: services before the member `submissions` came (v1).
    NewSubmissionIds(Vec<SubmissionId>),
    /// New events, by id only (v1).
    NewEventIds(Vec<SubmissionId>),
}

const SLUGS: [&str; 3] = ["new-submissions", "new-events", "new-replies"];

impl Callback {
    /// The type URI.
    pub fn uri(&self) -> String {
        let slug = match self {
            Self::NewSubmissions(_) | Self::NewSubmissionIds(_) => SLUGS[0],
            Self::NewEvents(_) | Self::NewEventIds(_) => SLUGS[1],
            Self::NewReplies(_) => SLUGS[2],
        };
        format!("{PREFIX}{slug}")
    }

    /// As a body; send its compact form.
    pub fn body(&self, version: ApiVersion) -> Value {
        let mut body = json!({ "type": self.uri() });
        match self {
            Self::NewSubmissions(submissions) | Self::NewEvents(submissions) => {
                if version.repeats_submission_ids() {
                    let ids: Vec<_> = submissions.iter().map(|s| s.submission_id).collect();
                    body["submissionIds"] = json!(ids);
                }
                body["submissions"] = json!(submissions);
            }
            Self::NewReplies(replies) => body["replies"] = json!(replies),
            Self::NewSubmissionIds(ids) | Self::NewEventIds(ids) => {
                body["submissionIds"] = json!(ids);
            }
        }
        body
    }

    /// From a body whose MAC was found right.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let uris = SLUGS.map(|slug| format!("{PREFIX}{slug}"));
            let uris = uris.each_ref().map(String::as_str);
            let kind = fields.required("type", |n| n.one_of(&uris))?;
            if kind == 2 {
                let replies = fields.required("replies", |n| n.some_list(ReplyRef::read));
                return replies.map(Self::NewReplies);
            }
            let by_id_only = !fields.has("submissions") && fields.has("submissionIds");
            if by_id_only {
                let ids = fields.required("submissionIds", |n| n.some_list(Node::id))?;
                let make = [Self::NewSubmissionIds, Self::NewEventIds];
                return Some(make[kind](ids));
            }
            let submissions =
                fields.required("submissions", |n| n.some_list(SubmissionRef::read))?;
            let make = [Self::NewSubmissions, Self::NewEvents];
            Some(make[kind](submissions))
        })
    }
}

#[cfg(test)]
#[path = "callback_tests.rs"]
mod tests;
