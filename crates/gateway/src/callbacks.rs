//! Callbacks: made with the event they tell of (one transaction), sent by a worker until the other side has them.

mod circuit;
mod places;
mod policy;
mod post;
mod worker;

pub use circuit::CircuitPolicy;
pub use policy::CallbackPolicy;
pub use worker::CallbackWorker;

use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::callback::Callback as Body;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::{Callback, Destination};
use amtsbote_store::{Notice, NoticeId, Submission};

use crate::Context;

/// Tells the destination's subscriber of a new submission, if it wants to be told.
pub(crate) fn arrival_notice(
    context: &Context,
    destination: &Destination,
    submission: &Submission,
) -> Option<Notice> {
    let body = Body::NewSubmissions(vec![reference(submission)]);
    destination
        .callback
        .as_ref()
        .map(|callback| notice(context, callback, submission, &body))
}

/// Tells the submission's sender of a new event, if it wants to be told.
pub(crate) fn event_notice(context: &Context, submission: &Submission) -> Option<Notice> {
    let body = Body::NewEvents(vec![reference(submission)]);
    submission
        .callback
        .as_ref()
        .map(|callback| notice(context, callback, submission, &body))
}

/// Tells the destination's subscriber of an event that is the service's own doing, if it wants to be told.
pub(crate) fn event_notice_to_subscriber(
    context: &Context,
    destination: &Destination,
    submission: &Submission,
) -> Option<Notice> {
    let body = Body::NewEvents(vec![reference(submission)]);
    destination
        .callback
        .as_ref()
        .map(|callback| notice(context, callback, submission, &body))
}

fn reference(submission: &Submission) -> SubmissionRef {
    SubmissionRef {
        destination_id: submission.destination_id,
        submission_id: submission.id,
        case_id: submission.case_id,
    }
}

// The v1 body carries all that v2 has, and the ids older receivers look for.
fn notice(context: &Context, callback: &Callback, submission: &Submission, body: &Body) -> Notice {
    Notice {
        id: NoticeId(context.new_event_id()),
        subject: submission.id.into(),
        url: callback.url.clone(),
        secret: callback.secret.clone(),
        body: body.body(ApiVersion::V1).to_string(),
        made_at: context.now(),
        tries: 0,
        due_at: context.now(),
    }
}
