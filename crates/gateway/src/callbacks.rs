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
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::{Callback, CaseId, Destination, Subject};
use amtsbote_store::{Notice, NoticeId, Page, ReplyRecord, Submission, SubmissionFilter};

use crate::Context;
use crate::answer::Refused;

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
        .map(|callback| notice_of(context, callback, submission.id.into(), &body))
}

/// Tells the submission's sender of a new event, if it wants to be told.
pub(crate) fn event_notice(context: &Context, submission: &Submission) -> Option<Notice> {
    let body = Body::NewEvents(vec![reference(submission)]);
    submission
        .callback
        .as_ref()
        .map(|callback| notice_of(context, callback, submission.id.into(), &body))
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
        .map(|callback| notice_of(context, callback, submission.id.into(), &body))
}

/// Tells a reply's receiver that it has come, if it wants to be told.
pub(crate) fn reply_arrival_notice(
    context: &Context,
    thread: &Thread,
    reply: &ReplyRecord,
) -> Option<Notice> {
    let body = Body::NewReplies(vec![ReplyRef {
        reply_id: reply.id,
        case_id: reply.case_id,
    }]);
    let callback = thread.callback.as_ref()?;
    Some(notice_of(context, callback, reply.id.into(), &body))
}

/// Tells a reply's receiver of an event that is not its own doing, if it wants to be told. The body names the submission that
/// the case is about, since receivers know no other members of `new-events`.
pub(crate) fn reply_event_notice_to_receiver(
    context: &Context,
    thread: &Thread,
    reply: &ReplyRecord,
) -> Option<Notice> {
    let callback = thread.callback.as_ref()?;
    Some(events_of_reply(context, callback, thread.about, reply))
}

/// Tells a reply's sender, the destination's subscriber, of an event that is not its own doing, if it wants to be told.
pub(crate) async fn reply_event_notice_to_sender(
    context: &Context,
    reply: &ReplyRecord,
) -> Result<Option<Notice>, Refused> {
    let destination = context.store().destination(reply.destination_id).await?;
    let Some(callback) = destination.and_then(|destination| destination.callback) else {
        return Ok(None);
    };
    let thread = Thread::of(context, reply.case_id).await?;
    Ok(thread.map(|thread| events_of_reply(context, &callback, thread.about, reply)))
}

fn events_of_reply(
    context: &Context,
    callback: &Callback,
    about: SubmissionRef,
    reply: &ReplyRecord,
) -> Notice {
    let body = Body::NewEvents(vec![about]);
    notice_of(context, callback, reply.id.into(), &body)
}

/// What a reply belongs to: the newest submission of its case, and where the case's sender wants to be told.
#[derive(Debug)]
pub(crate) struct Thread {
    about: SubmissionRef,
    callback: Option<Callback>,
}

/// A case has a few submissions; so many of the newest are looked at.
const SUBMISSIONS_MAX: u32 = 50;

impl Thread {
    /// `None` if nothing in the case was ever submitted. The newest callback counts: senders give one with each submission.
    pub(crate) async fn of(context: &Context, case: CaseId) -> Result<Option<Self>, Refused> {
        let filter = SubmissionFilter::OfCase(case);
        let page = |offset| Page {
            offset,
            limit: SUBMISSIONS_MAX,
        };
        let mut listed = context.store().submissions(&filter, page(0)).await?;
        if let Some(offset) = listed.total.checked_sub(SUBMISSIONS_MAX.into())
            && offset > 0
        {
            listed = context.store().submissions(&filter, page(offset)).await?;
        }
        let mut thread: Option<Self> = None;
        for entry in listed.entries.iter().rev() {
            let found = context.store().submission(entry.id).await?;
            let Some(submission) = found.filter(|found| found.submitted_at.is_some()) else {
                continue;
            };
            let thread = thread.get_or_insert_with(|| Self {
                about: reference(&submission),
                callback: None,
            });
            if submission.callback.is_some() {
                thread.callback = submission.callback;
                break;
            }
        }
        Ok(thread)
    }
}

fn reference(submission: &Submission) -> SubmissionRef {
    SubmissionRef {
        destination_id: submission.destination_id,
        submission_id: submission.id,
        case_id: submission.case_id,
    }
}

// The v1 body carries all that v2 has, and the ids older receivers look for.
fn notice_of(context: &Context, callback: &Callback, subject: Subject, body: &Body) -> Notice {
    Notice {
        id: NoticeId(context.new_event_id()),
        subject,
        url: callback.url.clone(),
        secret: callback.secret.clone(),
        body: body.body(ApiVersion::V1).to_string(),
        made_at: context.now(),
        tries: 0,
        due_at: context.now(),
    }
}
