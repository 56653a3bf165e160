//! What the in-memory store answers: lists in their order, a page at a time.

use amtsbote_model::submission::State as Life;
use amtsbote_model::{
    CaseId, ClientId, Destination, DestinationId, DestinationStatus, ReplyId, Subject,
    SubmissionId, Timestamp,
};

use super::state::{Held, State};
use crate::{
    Case, CaseFilter, Content, DestinationFilter, Event, KeyRecord, Listed, LogOf, Notice, Page,
    Remembered, ReplyFilter, ReplyRecord, ReplyRef, Submission, SubmissionFilter, SubmissionRef,
};

impl State {
    pub(super) fn submission(&self, id: SubmissionId) -> Option<Submission> {
        self.submissions.find(&id).map(|held| held.what.clone())
    }

    pub(super) fn content(&self, of: Subject) -> Option<Content> {
        self.contents.find(&of).cloned()
    }

    pub(super) fn submissions(
        &self,
        filter: &SubmissionFilter,
        page: Page,
    ) -> Listed<SubmissionRef> {
        let mut found: Vec<_> = self
            .submissions
            .rows()
            .filter(|(id, held)| matches(held, self.reminders(**id), filter))
            .map(|(id, held)| (order(held, filter), *id, reference(&held.what)))
            .collect();
        found.sort_by_key(|(at, id, _)| (*at, *id));
        slice(found.into_iter().map(|(_, _, found)| found), page)
    }

    pub(super) fn case(&self, id: CaseId) -> Option<Case> {
        self.cases.find(&id).cloned()
    }

    pub(super) fn cases(&self, filter: &CaseFilter, page: Page) -> Listed<Case> {
        let mut found: Vec<_> = self
            .cases
            .rows()
            .map(|(_, case)| case)
            .filter(|case| {
                filter.sender.as_ref() == Some(&case.sender)
                    || filter.destinations.contains(&case.destination_id) && self.is_begun(case.id)
            })
            .collect();
        found.sort_by_key(|case| (case.opened_at, case.id));
        slice(found.into_iter().cloned(), page)
    }

    fn is_begun(&self, case: CaseId) -> bool {
        let submitted = SubmissionFilter::SubmittedOfCase(case);
        self.submissions
            .rows()
            .any(|(_, held)| matches(held, 0, &submitted))
    }

    pub(super) fn reply(&self, id: ReplyId) -> Option<ReplyRecord> {
        self.replies.find(&id).map(|held| held.what.clone())
    }

    pub(super) fn replies(&self, filter: &ReplyFilter, page: Page) -> Listed<ReplyRef> {
        let mut found: Vec<_> = self
            .replies
            .rows()
            .filter(|(_, held)| is_wanted(held, filter))
            .map(|(id, held)| {
                let found = ReplyRef {
                    id: *id,
                    case_id: held.what.case_id,
                    destination_id: held.what.destination_id,
                };
                (listed_reply_at(held, filter), *id, found)
            })
            .collect();
        found.sort_by_key(|(at, id, _)| (*at, *id));
        slice(found.into_iter().map(|(_, _, found)| found), page)
    }

    pub(super) fn events(&self, of: LogOf, page: Page) -> Listed<Event> {
        let found = self.events.rows().map(|(_, event)| event);
        let found = found.filter(|event| match of {
            LogOf::Case(id) => event.case_id == id,
            LogOf::Subject(subject) => event.subject == subject,
        });
        slice(found.cloned(), page)
    }

    pub(super) fn remembered(&self, client: &ClientId, key: &str) -> Option<Remembered> {
        self.remembered
            .find(&(client.clone(), key.to_owned()))
            .cloned()
    }

    pub(super) fn destination(&self, id: DestinationId) -> Option<Destination> {
        self.destinations.find(&id).cloned()
    }

    pub(super) fn destinations(
        &self,
        filter: &DestinationFilter,
        page: Page,
    ) -> Listed<Destination> {
        let mut found: Vec<_> = self
            .destinations
            .rows()
            .map(|(_, destination)| destination)
            .filter(|destination| match filter {
                DestinationFilter::All => true,
                DestinationFilter::OwnedBy(owner) => destination.owner == *owner,
                DestinationFilter::Offering(service) => {
                    destination.status == DestinationStatus::Active
                        && destination.offer(service).is_some()
                }
            })
            .collect();
        found.sort_by_key(|destination| (destination.created_at, destination.id));
        slice(found.into_iter().cloned(), page)
    }

    pub(super) fn keys(&self, id: DestinationId) -> Vec<KeyRecord> {
        let mut found: Vec<_> = self
            .keys
            .rows()
            .filter(|((destination_id, _), _)| *destination_id == id)
            .map(|(_, (number, key))| (key.added_at, *number, key.clone()))
            .collect();
        found.sort_by_key(|(at, number, _)| std::cmp::Reverse((*at, *number)));
        found.into_iter().map(|(_, _, key)| key).collect()
    }

    pub(super) fn due(&self, now: Timestamp, max: u32) -> Vec<Notice> {
        let mut found: Vec<_> = self
            .notices
            .rows()
            .map(|(_, row)| row)
            .filter(|(_, notice)| notice.due_at <= now)
            .collect();
        found.sort_by_key(|(number, notice)| (notice.due_at, *number));
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        found
            .into_iter()
            .take(max)
            .map(|(_, notice)| notice.clone())
            .collect()
    }
}

fn listed_at(submission: &Submission) -> Timestamp {
    submission.submitted_at.unwrap_or(submission.created_at)
}

fn matches(held: &Held<Submission>, reminders: u32, filter: &SubmissionFilter) -> bool {
    let submission = &held.what;
    match filter {
        SubmissionFilter::ForPickup(destinations) => {
            submission.state == Life::Submitted && destinations.contains(&submission.destination_id)
        }
        SubmissionFilter::Stale { state, before } => {
            submission.state == *state && held.since < *before
        }
        SubmissionFilter::Unreminded { reminded, before } => {
            submission.state == Life::Submitted && reminders == *reminded && held.since < *before
        }
        SubmissionFilter::OfCase(id) => submission.case_id == *id,
        SubmissionFilter::SubmittedOfCase(id) => {
            submission.case_id == *id && submission.submitted_at.is_some()
        }
    }
}

fn order(held: &Held<Submission>, filter: &SubmissionFilter) -> Timestamp {
    match filter {
        SubmissionFilter::Stale { .. } | SubmissionFilter::Unreminded { .. } => held.since,
        SubmissionFilter::ForPickup(_)
        | SubmissionFilter::OfCase(_)
        | SubmissionFilter::SubmittedOfCase(_) => listed_at(&held.what),
    }
}

fn is_wanted(held: &Held<ReplyRecord>, filter: &ReplyFilter) -> bool {
    let reply = &held.what;
    match filter {
        ReplyFilter::ForPickup(receiver) => {
            reply.state == Life::Submitted && reply.receiver == *receiver
        }
        ReplyFilter::Stale { state, before } => reply.state == *state && held.since < *before,
        ReplyFilter::OfCase(id) => reply.case_id == *id,
        ReplyFilter::SubmittedOfCase(id) => reply.case_id == *id && reply.submitted_at.is_some(),
    }
}

fn listed_reply_at(held: &Held<ReplyRecord>, filter: &ReplyFilter) -> Timestamp {
    match filter {
        ReplyFilter::Stale { .. } => held.since,
        ReplyFilter::ForPickup(_) | ReplyFilter::OfCase(_) | ReplyFilter::SubmittedOfCase(_) => {
            held.what.submitted_at.unwrap_or(held.what.created_at)
        }
    }
}

fn reference(submission: &Submission) -> SubmissionRef {
    SubmissionRef {
        id: submission.id,
        case_id: submission.case_id,
        destination_id: submission.destination_id,
    }
}

fn slice<T>(all: impl Iterator<Item = T>, page: Page) -> Listed<T> {
    let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    let mut total = 0;
    for (at, entry) in all.enumerate() {
        total += 1;
        if at >= offset && entries.len() < limit {
            entries.push(entry);
        }
    }
    Listed { entries, total }
}
