//! The state machine behind the in-memory store: what each change means, without I/O.

use amtsbote_model::submission::State as Life;
use amtsbote_model::{
    CaseId, ClientId, Destination, DestinationId, DestinationStatus, EventId, SubmissionId,
    Timestamp,
};

use super::table::Table;
use crate::{
    Attachment, Batch, Change, Committed, Conflict, Content, DestinationFilter, Event, KeyRecord,
    Listed, LogOf, Notice, NoticeId, Page, Remembered, Submission, SubmissionFilter, SubmissionRef,
};

/// Returns with the conflict if the condition holds.
macro_rules! refuse {
    ($conflict:expr, if $condition:expr) => {
        if $condition {
            return Err($conflict);
        }
    };
}

/// A submission and since when it has been in its state.
#[derive(Debug, Clone)]
struct Held {
    submission: Submission,
    since: Timestamp,
}

/// Everything the gateway stores.
#[derive(Debug, Default)]
pub struct State {
    cases: Table<CaseId, DestinationId>,
    submissions: Table<SubmissionId, Held>,
    contents: Table<SubmissionId, Content>,
    destinations: Table<DestinationId, Destination>,
    keys: Table<(DestinationId, String), (u64, KeyRecord)>,
    events: Table<u64, Event>,
    event_ids: Table<EventId, ()>,
    remembered: Table<(ClientId, String), Remembered>,
    notices: Table<EventId, (u64, Notice)>,
    written: u64,
}

/// Applies the changes in order. If one is refused, the state is as it was.
pub fn apply(state: &mut State, batch: Batch) -> Committed {
    // Leftovers of a batch whose thread died in the middle.
    state.undo();
    for change in batch.0 {
        if let Err(conflict) = state.change(change) {
            state.undo();
            return Committed::Refused(conflict);
        }
    }
    state.keep();
    Committed::Done
}

impl State {
    fn keep(&mut self) {
        self.cases.keep();
        self.submissions.keep();
        self.contents.keep();
        self.destinations.keep();
        self.keys.keep();
        self.events.keep();
        self.event_ids.keep();
        self.remembered.keep();
        self.notices.keep();
    }

    fn undo(&mut self) {
        self.cases.undo();
        self.submissions.undo();
        self.contents.undo();
        self.destinations.undo();
        self.keys.undo();
        self.events.undo();
        self.event_ids.undo();
        self.remembered.undo();
        self.notices.undo();
    }

    fn change(&mut self, change: Change) -> Result<(), Conflict> {
        match change {
            Change::OpenCase {
                id, destination_id, ..
            } => {
                refuse!(Conflict::Exists, if self.cases.has(&id));
                self.cases.put(id, destination_id);
            }
            Change::Announce(submission) => self.announce(*submission)?,
            Change::Attach {
                submission_id,
                attachment,
            } => self.attach(submission_id, attachment)?,
            Change::Fill {
                submission_id,
                content,
            } => self.fill(submission_id, content)?,
            Change::Move {
                submission_id,
                from,
                to,
                at,
            } => self.move_on(submission_id, (from, to), at)?,
            Change::ExpectAttachments {
                submission_id,
                attachments,
            } => {
                let stored = &self.held(submission_id)?.submission.attachments;
                refuse!(Conflict::AttachmentsMoved, if !same_blobs(stored, &attachments));
            }
            Change::Append(event) => self.append(event)?,
            Change::Erase { submission_id } => self.erase(submission_id),
            Change::PutDestination {
                replaces,
                destination,
            } => self.put_destination(replaces.as_deref(), *destination)?,
            Change::DropDestination(id) => self.drop_destination(id)?,
            Change::PutKey {
                destination_id,
                key,
            } => self.put_key(destination_id, key)?,
            Change::Remember(answer) => {
                let pair = (answer.client.clone(), answer.key.clone());
                refuse!(Conflict::Exists, if self.remembered.has(&pair));
                self.remembered.put(pair, answer);
            }
            Change::Enqueue(notice) => {
                refuse!(Conflict::Exists, if self.notices.has(&notice.id.0));
                let number = self.next_number();
                self.notices.put(notice.id.0, (number, notice));
            }
            Change::Postpone { id, tries, due_at } => self.postpone(id, tries, due_at),
            Change::Dequeue(id) => self.notices.remove(&id.0),
        }
        Ok(())
    }

    fn next_number(&mut self) -> u64 {
        self.written += 1;
        self.written
    }

    fn held(&self, id: SubmissionId) -> Result<&Held, Conflict> {
        self.submissions
            .find(&id)
            .ok_or(Conflict::SubmissionUnknown)
    }

    fn announce(&mut self, mut submission: Submission) -> Result<(), Conflict> {
        refuse!(Conflict::Exists, if self.submissions.has(&submission.id));
        let same = self.cases.find(&submission.case_id) == Some(&submission.destination_id);
        refuse!(Conflict::CaseMismatch, if !same);
        let active = self
            .destinations
            .find(&submission.destination_id)
            .is_some_and(|destination| destination.status == DestinationStatus::Active);
        refuse!(Conflict::DestinationMoved, if !active);
        submission.attachments.sort_by_key(|a| a.id);
        let since = listed_at(&submission);
        self.submissions
            .put(submission.id, Held { submission, since });
        Ok(())
    }

    fn fill(&mut self, id: SubmissionId, content: Content) -> Result<(), Conflict> {
        self.held(id)?;
        refuse!(Conflict::Exists, if self.contents.has(&id));
        self.contents.put(id, content);
        Ok(())
    }

    fn append(&mut self, event: Event) -> Result<(), Conflict> {
        refuse!(Conflict::Exists, if self.event_ids.has(&event.id));
        self.event_ids.put(event.id, ());
        let number = self.next_number();
        self.events.put(number, event);
        Ok(())
    }

    fn put_destination(
        &mut self,
        replaces: Option<&Destination>,
        destination: Destination,
    ) -> Result<(), Conflict> {
        let stored = self.destinations.find(&destination.id);
        refuse!(Conflict::DestinationMoved, if stored != replaces);
        self.destinations.put(destination.id, destination);
        Ok(())
    }

    fn attach(&mut self, id: SubmissionId, attachment: Attachment) -> Result<(), Conflict> {
        let mut held = self.held(id)?.clone();
        let submission = &mut held.submission;
        if submission.state != Life::Created {
            return Err(Conflict::StateMoved(submission.state));
        }
        refuse!(Conflict::NotAnnounced, if !submission.announced.contains(&attachment.id));
        submission.attachments.retain(|old| old.id != attachment.id);
        submission.attachments.push(attachment);
        submission.attachments.sort_by_key(|a| a.id);
        self.submissions.put(id, held);
        Ok(())
    }

    fn move_on(
        &mut self,
        id: SubmissionId,
        (from, to): (Life, Life),
        at: Timestamp,
    ) -> Result<(), Conflict> {
        let mut held = self.held(id)?.clone();
        if held.submission.state != from {
            return Err(Conflict::StateMoved(held.submission.state));
        }
        if from != to {
            held.submission.state = to;
            held.since = at;
            if to == Life::Submitted {
                held.submission.submitted_at = Some(at);
            }
            self.submissions.put(id, held);
        }
        Ok(())
    }

    fn erase(&mut self, id: SubmissionId) {
        self.contents.remove(&id);
        if let Some(held) = self.submissions.find(&id) {
            let mut held = held.clone();
            held.submission.attachments.clear();
            self.submissions.put(id, held);
        }
    }

    fn drop_destination(&mut self, id: DestinationId) -> Result<(), Conflict> {
        let used = self
            .submissions
            .rows()
            .any(|(_, held)| held.submission.destination_id == id);
        refuse!(Conflict::InUse, if used);
        self.destinations.remove(&id);
        let keys: Vec<_> = self
            .keys
            .rows()
            .map(|(key, _)| key.clone())
            .filter(|(destination_id, _)| *destination_id == id)
            .collect();
        for key in keys {
            self.keys.remove(&key);
        }
        Ok(())
    }

    fn put_key(&mut self, id: DestinationId, key: KeyRecord) -> Result<(), Conflict> {
        let name = (id, key.kid.clone());
        match self.keys.find(&name) {
            Some((_, old)) if old.jwk != key.jwk => Err(Conflict::Exists),
            Some(_) => Ok(()),
            None => {
                let number = self.next_number();
                self.keys.put(name, (number, key));
                Ok(())
            }
        }
    }

    fn postpone(&mut self, id: NoticeId, tries: u32, due_at: Timestamp) {
        if let Some((number, notice)) = self.notices.find(&id.0) {
            let later = Notice {
                tries,
                due_at,
                ..notice.clone()
            };
            self.notices.put(id.0, (*number, later));
        }
    }

    pub(super) fn submission(&self, id: SubmissionId) -> Option<Submission> {
        self.submissions
            .find(&id)
            .map(|held| held.submission.clone())
    }

    pub(super) fn content(&self, id: SubmissionId) -> Option<Content> {
        self.contents.find(&id).cloned()
    }

    pub(super) fn submissions(
        &self,
        filter: &SubmissionFilter,
        page: Page,
    ) -> Listed<SubmissionRef> {
        let mut found: Vec<_> = self
            .submissions
            .rows()
            .filter(|(_, held)| matches(held, filter))
            .map(|(id, held)| (order(held, filter), *id, reference(&held.submission)))
            .collect();
        found.sort_by_key(|(at, id, _)| (*at, *id));
        slice(found.into_iter().map(|(_, _, found)| found), page)
    }

    pub(super) fn events(&self, of: LogOf, page: Page) -> Listed<Event> {
        let found = self.events.rows().map(|(_, event)| event);
        let found = found.filter(|event| match of {
            LogOf::Case(id) => event.case_id == id,
            LogOf::Submission(id) => event.submission_id == id,
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

fn same_blobs(stored: &[Attachment], expected: &[Attachment]) -> bool {
    let mut expected: Vec<_> = expected.iter().map(|a| (a.id, &a.blob)).collect();
    expected.sort();
    stored.iter().map(|a| (a.id, &a.blob)).eq(expected)
}

fn listed_at(submission: &Submission) -> Timestamp {
    submission.submitted_at.unwrap_or(submission.created_at)
}

fn matches(held: &Held, filter: &SubmissionFilter) -> bool {
    let submission = &held.submission;
    match filter {
        SubmissionFilter::ForPickup(destinations) => {
            submission.state == Life::Submitted && destinations.contains(&submission.destination_id)
        }
        SubmissionFilter::Stale { state, before } => {
            submission.state == *state && held.since < *before
        }
        SubmissionFilter::OfCase(id) => submission.case_id == *id,
    }
}

fn order(held: &Held, filter: &SubmissionFilter) -> Timestamp {
    match filter {
        SubmissionFilter::Stale { .. } => held.since,
        SubmissionFilter::ForPickup(_) | SubmissionFilter::OfCase(_) => listed_at(&held.submission),
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
