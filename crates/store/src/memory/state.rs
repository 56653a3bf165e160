//! The state machine behind the in-memory store: what each change means, without I/O.

use amtsbote_model::submission::State as Life;
use amtsbote_model::{
    AttachmentId, CaseId, ClientId, Destination, DestinationId, DestinationStatus, EventId,
    ReplyId, Subject, SubmissionId, Timestamp,
};

use super::table::Table;
use crate::{
    Attachment, Batch, Case, Change, Committed, Conflict, Content, Event, KeyRecord, Mail, Notice,
    NoticeId, Remembered, ReplyRecord, Submission,
};

/// Returns with the conflict if the condition holds.
macro_rules! refuse {
    ($conflict:expr, if $condition:expr) => {
        if $condition {
            return Err($conflict);
        }
    };
}

/// A submission or reply, and since when it has been in its state.
#[derive(Debug, Clone)]
pub(super) struct Held<T> {
    pub(super) what: T,
    pub(super) since: Timestamp,
}

/// What submissions and replies have in common.
struct Parts<'a> {
    state: &'a mut Life,
    since: &'a mut Timestamp,
    submitted_at: &'a mut Option<Timestamp>,
    announced: &'a [AttachmentId],
    attachments: &'a mut Vec<Attachment>,
}

macro_rules! parts {
    ($held:expr) => {
        Parts {
            state: &mut $held.what.state,
            since: &mut $held.since,
            submitted_at: &mut $held.what.submitted_at,
            announced: &$held.what.announced,
            attachments: &mut $held.what.attachments,
        }
    };
}

/// Everything the gateway stores.
#[derive(Debug, Default)]
pub struct State {
    pub(super) cases: Table<CaseId, Case>,
    /// When the last event of a case was.
    pub(super) last_events: Table<CaseId, Timestamp>,
    pub(super) submissions: Table<SubmissionId, Held<Submission>>,
    /// How often somebody was reminded of a submission, if at all.
    pub(super) reminded: Table<SubmissionId, u32>,
    pub(super) replies: Table<ReplyId, Held<ReplyRecord>>,
    pub(super) contents: Table<Subject, Content>,
    pub(super) destinations: Table<DestinationId, Destination>,
    pub(super) keys: Table<(DestinationId, String), (u64, KeyRecord)>,
    pub(super) events: Table<u64, Event>,
    pub(super) event_ids: Table<EventId, ()>,
    pub(super) remembered: Table<(ClientId, String), Remembered>,
    pub(super) notices: Table<EventId, (u64, Notice)>,
    pub(super) mails: Table<EventId, (u64, Mail)>,
    pub(super) last_round: Table<(), Timestamp>,
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
        self.last_events.keep();
        self.submissions.keep();
        self.reminded.keep();
        self.replies.keep();
        self.contents.keep();
        self.destinations.keep();
        self.keys.keep();
        self.events.keep();
        self.event_ids.keep();
        self.remembered.keep();
        self.notices.keep();
        self.mails.keep();
        self.last_round.keep();
    }

    fn undo(&mut self) {
        self.cases.undo();
        self.last_events.undo();
        self.submissions.undo();
        self.reminded.undo();
        self.replies.undo();
        self.contents.undo();
        self.destinations.undo();
        self.keys.undo();
        self.events.undo();
        self.event_ids.undo();
        self.remembered.undo();
        self.notices.undo();
        self.mails.undo();
        self.last_round.undo();
    }

    fn change(&mut self, change: Change) -> Result<(), Conflict> {
        match change {
            Change::OpenCase(case) => {
                refuse!(Conflict::Exists, if self.cases.has(&case.id));
                self.cases.put(case.id, case);
            }
            Change::Announce(submission) => self.announce(*submission)?,
            Change::AnnounceReply(reply) => self.announce_reply(*reply)?,
            Change::Attach {
                subject,
                attachment,
            } => self.revise(subject, |parts| attach(parts, attachment))?,
            Change::Fill { subject, content } => self.fill(subject, content)?,
            Change::Move {
                subject,
                from,
                to,
                at,
            } => self.revise(subject, |parts| move_on(parts, (from, to), at))?,
            Change::ExpectAttachments {
                subject,
                attachments,
            } => self.revise(subject, |parts| {
                let same = same_blobs(parts.attachments, &attachments);
                refuse!(Conflict::AttachmentsMoved, if !same);
                Ok(())
            })?,
            Change::Append(event) => self.append(event)?,
            Change::Erase { subject } => self.erase(subject),
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
            Change::Postpone {
                id,
                was_due_at,
                tries,
                due_at,
            } => self.postpone(id, was_due_at, (tries, due_at))?,
            Change::Dequeue(id) => self.notices.remove(&id.0),
            Change::Upkeep(upkeep) => self.keep_up(upkeep)?,
        }
        Ok(())
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.written += 1;
        self.written
    }

    /// Changes what is there, or nothing of it.
    fn revise(
        &mut self,
        subject: Subject,
        change: impl FnOnce(&mut Parts<'_>) -> Result<(), Conflict>,
    ) -> Result<(), Conflict> {
        match subject {
            Subject::Submission(id) => {
                let held = self.submissions.find(&id).cloned();
                let mut held = held.ok_or(Conflict::SubjectUnknown)?;
                change(&mut parts!(held))?;
                self.submissions.put(id, held);
            }
            Subject::Reply(id) => {
                let held = self.replies.find(&id).cloned();
                let mut held = held.ok_or(Conflict::SubjectUnknown)?;
                change(&mut parts!(held))?;
                self.replies.put(id, held);
            }
        }
        Ok(())
    }

    fn is_case(&self, id: CaseId, destination_id: DestinationId, sender: &ClientId) -> bool {
        self.cases
            .find(&id)
            .is_some_and(|case| case.destination_id == destination_id && case.sender == *sender)
    }

    fn announce(&mut self, mut what: Submission) -> Result<(), Conflict> {
        refuse!(Conflict::Exists, if self.submissions.has(&what.id));
        let fits = self.is_case(what.case_id, what.destination_id, &what.sender);
        refuse!(Conflict::CaseMismatch, if !fits);
        let active = self
            .destinations
            .find(&what.destination_id)
            .is_some_and(|destination| destination.status == DestinationStatus::Active);
        refuse!(Conflict::DestinationMoved, if !active);
        what.attachments.sort_by_key(|a| a.id);
        let since = what.submitted_at.unwrap_or(what.created_at);
        self.submissions.put(what.id, Held { what, since });
        Ok(())
    }

    fn announce_reply(&mut self, mut what: ReplyRecord) -> Result<(), Conflict> {
        refuse!(Conflict::Exists, if self.replies.has(&what.id));
        let fits = self.is_case(what.case_id, what.destination_id, &what.receiver);
        refuse!(Conflict::CaseMismatch, if !fits);
        what.attachments.sort_by_key(|a| a.id);
        let since = what.submitted_at.unwrap_or(what.created_at);
        self.replies.put(what.id, Held { what, since });
        Ok(())
    }

    fn fill(&mut self, subject: Subject, content: Content) -> Result<(), Conflict> {
        self.revise(subject, |_| Ok(()))?;
        refuse!(Conflict::Exists, if self.contents.has(&subject));
        self.contents.put(subject, content);
        Ok(())
    }

    fn append(&mut self, event: Event) -> Result<(), Conflict> {
        refuse!(Conflict::Exists, if self.event_ids.has(&event.id));
        self.event_ids.put(event.id, ());
        let last_at = self.last_events.find(&event.case_id);
        let last_at = last_at.map_or(event.at, |last_at| event.at.max(*last_at));
        self.last_events.put(event.case_id, last_at);
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

    fn erase(&mut self, subject: Subject) {
        self.contents.remove(&subject);
        // What never was has nothing to lose.
        let _ = self.revise(subject, |parts| {
            parts.attachments.clear();
            Ok(())
        });
    }

    fn drop_destination(&mut self, id: DestinationId) -> Result<(), Conflict> {
        let used = self
            .submissions
            .rows()
            .any(|(_, held)| held.what.destination_id == id);
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

    fn postpone(
        &mut self,
        id: NoticeId,
        was_due_at: Timestamp,
        (tries, due_at): (u32, Timestamp),
    ) -> Result<(), Conflict> {
        let found = self.notices.find(&id.0);
        let found = found.filter(|(_, notice)| notice.due_at == was_due_at);
        let (number, notice) = found.ok_or(Conflict::DueMoved)?;
        let later = Notice {
            tries,
            due_at,
            ..notice.clone()
        };
        self.notices.put(id.0, (*number, later));
        Ok(())
    }
}

fn same_blobs(stored: &[Attachment], expected: &[Attachment]) -> bool {
    let mut expected: Vec<_> = expected.iter().map(|a| (a.id, &a.blob)).collect();
    expected.sort();
    stored.iter().map(|a| (a.id, &a.blob)).eq(expected)
}

fn attach(parts: &mut Parts<'_>, attachment: Attachment) -> Result<(), Conflict> {
    refuse!(Conflict::StateMoved(*parts.state), if *parts.state != Life::Created);
    refuse!(Conflict::NotAnnounced, if !parts.announced.contains(&attachment.id));
    parts.attachments.retain(|old| old.id != attachment.id);
    parts.attachments.push(attachment);
    parts.attachments.sort_by_key(|a| a.id);
    Ok(())
}

fn move_on(parts: &mut Parts<'_>, (from, to): (Life, Life), at: Timestamp) -> Result<(), Conflict> {
    refuse!(Conflict::StateMoved(*parts.state), if *parts.state != from);
    if from != to {
        *parts.state = to;
        *parts.since = at;
        if to == Life::Submitted {
            *parts.submitted_at = Some(at);
        }
    }
    Ok(())
}
