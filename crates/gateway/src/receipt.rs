//! Receipts: signed statements that a program can check offline (`amtsbote receipt verify`).
//!
//! Three levels: *accepted* (this gateway has it, durable), *handed over* (the agent's signed `accept-submission` event)
//! and *taken on* (the procedure's own answer). This file makes the first.

use amtsbote_fit_connect::event::AuthenticationTags;
use amtsbote_store::Submission;
use serde_json::{Value, json};

use crate::Context;

/// Media type in the header of our receipts.
pub const RECEIPT_TYP: &str = "amtsbote-receipt+jwt";

/// The claims of an *accepted* receipt. The tags bind it to the sealed parts, bit for bit.
pub(crate) fn accepted_claims(
    context: &Context,
    submission: &Submission,
    tags: &AuthenticationTags,
) -> Value {
    json!({
        "iss": context.addresses().submission_api(),
        "iat": submission.created_at.as_seconds(),
        "jti": context.new_event_id(),
        "sub": submission.id.prefixed(),
        "txn": submission.case_id.prefixed(),
        "level": "accepted",
        "destinationId": submission.destination_id,
        "service": submission.service,
        "receivedAt": submission.submitted_at.unwrap_or(submission.created_at).to_rfc3339(),
        "authenticationTags": tags,
    })
}
