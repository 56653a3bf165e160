//! The event log: security event tokens (SET, RFC 8417) as claims, and what can stand in them.
//!
//! ```text
//!  compact SET ──jose verifies──► payload bytes ──Claims::parse──► Claims { id, issuer, subject, case, Event }
//! ```
//!
//! Source: SET payload 1.2.2, of which the sub-schemas of `events` could not be read in full; what follows from
//! the documentation's examples only is marked unconfirmed.

mod claims;
mod kind;
mod problem;

pub use amtsbote_model::Subject;
use amtsbote_problem::Findings;
use serde::Serialize;

use crate::Page;
use crate::fields::{self, Form};

pub use claims::{
    AuthenticationTags, Claims, Issuer, MalformedSchema, NotifyType, Payload, SchemaRule, SetSchema,
};
pub use kind::EventKind;
pub use problem::{EventProblem, Part, Violation};

/// Body of the event log of a case or of one submission: compact SETs, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventLog {
    /// Where this page lies.
    #[serde(flatten)]
    pub page: Page,
    /// Compact SETs, at most 500.
    pub event_log: Vec<String>,
}

impl EventLog {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let event_log =
                fields.required("eventLog", |n| n.list(|n| n.matching(is_compact_jws, &JWS)))?;
            Some(Self {
                page: Page::read(&fields, event_log.len()),
                event_log,
            })
        })
    }
}

pub(crate) const JWS: Form = Form {
    rule: "pattern",
    text: ("ist kein kompaktes JWS", "is not a compact JWS"),
};

/// Three base64url parts (RFC 7515 §7.1). The pattern of Submission API 1.1.3 lacks `-`.
pub(crate) fn is_compact_jws(text: &str) -> bool {
    let base64url = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let mut parts = text.split('.');
    parts
        .by_ref()
        .take(3)
        .filter(|part| base64url(part))
        .count()
        == 3
        && parts.next().is_none()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
