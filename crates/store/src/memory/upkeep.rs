//! Upkeep in the in-memory store.

use amtsbote_model::submission::State as Life;
use amtsbote_model::{CaseId, Subject, SubmissionId, Timestamp};

use super::state::State;
use crate::{Case, Conflict, Mail, MailId, Upkeep};

impl State {
    pub(super) fn keep_up(&mut self, upkeep: Upkeep) -> Result<(), Conflict> {
        match upkeep {
            Upkeep::Remind { submission_id, nth } => self.remind(submission_id, nth)?,
            Upkeep::Post(mail) => self.post(mail)?,
            Upkeep::PostponeMail {
                id,
                was_due_at,
                tries,
                due_at,
            } => self.postpone_mail(id, was_due_at, (tries, due_at))?,
            Upkeep::DropMail(id) => self.mails.remove(&id.0),
            Upkeep::DropCase { id, before } => self.drop_case(id, before)?,
            Upkeep::Forget { before, max } => self.forget(before, max),
            Upkeep::Round { at } => self.last_round.put((), at),
        }
        Ok(())
    }

    pub(super) fn reminders(&self, id: SubmissionId) -> u32 {
        self.reminded.find(&id).copied().unwrap_or_default()
    }

    fn remind(&mut self, id: SubmissionId, nth: u32) -> Result<(), Conflict> {
        let held = self.submissions.find(&id);
        let state = held.ok_or(Conflict::SubjectUnknown)?.what.state;
        if state != Life::Submitted {
            return Err(Conflict::StateMoved(state));
        }
        if self.reminders(id) >= nth {
            return Err(Conflict::Exists);
        }
        self.reminded.put(id, nth);
        Ok(())
    }

    fn post(&mut self, mail: Mail) -> Result<(), Conflict> {
        if self.mails.has(&mail.id.0) {
            return Err(Conflict::Exists);
        }
        let number = self.next_number();
        self.mails.put(mail.id.0, (number, mail));
        Ok(())
    }

    fn postpone_mail(
        &mut self,
        id: MailId,
        was_due_at: Timestamp,
        (tries, due_at): (u32, Timestamp),
    ) -> Result<(), Conflict> {
        let found = self.mails.find(&id.0);
        let found = found.filter(|(_, mail)| mail.due_at == was_due_at);
        let (number, mail) = found.ok_or(Conflict::DueMoved)?;
        let later = Mail {
            tries,
            due_at,
            ..mail.clone()
        };
        self.mails.put(id.0, (*number, later));
        Ok(())
    }

    fn drop_case(&mut self, id: CaseId, before: Timestamp) -> Result<(), Conflict> {
        if !self.cases.has(&id) {
            return Ok(());
        }
        if !self.is_quiet(id, before) {
            return Err(Conflict::InUse);
        }
        let mut gone: Vec<Subject> = Vec::new();
        for submission in keys(self.submissions.rows(), |held| held.what.case_id == id) {
            self.submissions.remove(&submission);
            self.reminded.remove(&submission);
            gone.push(submission.into());
        }
        for reply in keys(self.replies.rows(), |held| held.what.case_id == id) {
            self.replies.remove(&reply);
            gone.push(reply.into());
        }
        for subject in &gone {
            self.contents.remove(subject);
        }
        for notice in keys(self.notices.rows(), |(_, notice)| {
            gone.contains(&notice.subject)
        }) {
            self.notices.remove(&notice);
        }
        for number in keys(self.events.rows(), |event| event.case_id == id) {
            if let Some(event) = self.events.find(&number) {
                let event_id = event.id;
                self.event_ids.remove(&event_id);
            }
            self.events.remove(&number);
        }
        self.last_events.remove(&id);
        self.cases.remove(&id);
        Ok(())
    }

    /// The last event of a case; without any, its opening.
    fn last_at(&self, case: &Case) -> Timestamp {
        let last = self.last_events.find(&case.id).copied();
        last.unwrap_or(case.opened_at).max(case.opened_at)
    }

    fn is_quiet(&self, id: CaseId, before: Timestamp) -> bool {
        let over = |state: Life| state == Life::Deleted;
        self.cases
            .find(&id)
            .is_some_and(|case| self.last_at(case) < before)
            && self
                .submissions
                .rows()
                .all(|(_, held)| held.what.case_id != id || over(held.what.state))
            && self
                .replies
                .rows()
                .all(|(_, held)| held.what.case_id != id || over(held.what.state))
    }

    fn forget(&mut self, before: Timestamp, max: u32) {
        let mut old: Vec<_> = self
            .remembered
            .rows()
            .filter(|(_, answer)| answer.at < before)
            .map(|(pair, answer)| (answer.at, pair.clone()))
            .collect();
        old.sort();
        for (_, pair) in old.into_iter().take(count(max)) {
            self.remembered.remove(&pair);
        }
    }

    pub(super) fn quiet_cases(&self, before: Timestamp, max: u32) -> Vec<CaseId> {
        let mut quiet: Vec<_> = self
            .cases
            .rows()
            .filter(|(id, _)| self.is_quiet(**id, before))
            .map(|(id, case)| (self.last_at(case), *id))
            .collect();
        quiet.sort();
        quiet
            .into_iter()
            .take(count(max))
            .map(|(_, id)| id)
            .collect()
    }

    pub(super) fn last_round(&self) -> Option<Timestamp> {
        self.last_round.find(&()).copied()
    }

    pub(super) fn due_mails(&self, now: Timestamp, max: u32) -> Vec<Mail> {
        let mut due: Vec<_> = self
            .mails
            .rows()
            .map(|(_, row)| row)
            .filter(|(_, mail)| mail.due_at <= now)
            .collect();
        due.sort_by_key(|(number, mail)| (mail.due_at, *number));
        due.into_iter()
            .take(count(max))
            .map(|(_, mail)| mail.clone())
            .collect()
    }
}

fn count(max: u32) -> usize {
    usize::try_from(max).unwrap_or(usize::MAX)
}

fn keys<'a, K: Clone + 'a, V: 'a>(
    rows: impl Iterator<Item = (&'a K, &'a V)>,
    is_meant: impl Fn(&V) -> bool,
) -> Vec<K> {
    rows.filter(|(_, row)| is_meant(row))
        .map(|(key, _)| key.clone())
        .collect()
}
