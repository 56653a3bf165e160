//! How long things stay: pure, one rule per state.

use std::time::Duration;

use amtsbote_model::Timestamp;
use amtsbote_model::submission::{Event as Step, State};

use super::watch::Trust;

const DAY: Duration = Duration::from_hours(24);

/// How long things stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Announced and not submitted: deleted after this.
    pub unsubmitted: Duration,
    /// Submitted and not answered: the subscriber is reminded after this.
    pub remind_first: Duration,
    /// Submitted and still not answered: the subscriber is reminded again after this.
    pub remind_again: Duration,
    /// Submitted (or passed on) and not answered: rejected by the service after this.
    pub unanswered: Duration,
    /// Accepted or rejected: deleted after this.
    pub finished: Duration,
    /// A case of which everything is deleted: its event log goes so long after the last event.
    pub event_log: Duration,
    /// Answers remembered under an `Idempotency-Key` are forgotten after this.
    pub answers: Duration,
    /// Stored attachments that no submission refers to: deleted after this. Longer than any request takes.
    pub orphans: Duration,
    /// Pause between two rounds.
    pub pause: Duration,
    /// Things of one kind that a round does at most; the rest waits for the next one.
    pub per_round: u32,
    /// When the clock is believed.
    pub trust: Trust,
}

impl Default for Retention {
    /// FIT-Connect: 1 day; 3 and 9, 14, 7 days; 730 days. Ours: answers 30 days, orphans 1 day, a round every minute.
    fn default() -> Self {
        Self {
            unsubmitted: DAY,
            remind_first: 3 * DAY,
            remind_again: 9 * DAY,
            unanswered: 14 * DAY,
            finished: 7 * DAY,
            event_log: 730 * DAY,
            answers: 30 * DAY,
            orphans: DAY,
            pause: Duration::from_mins(1),
            per_round: 1000,
            trust: Trust::default(),
        }
    }
}

impl Retention {
    /// What is due for a submission in `state` since `since`.
    pub fn due(&self, state: State, since: Timestamp, now: Timestamp) -> Option<Step> {
        self.rule(state)
            .and_then(|(after, step)| (now.since(since) > after).then_some(step))
    }

    /// What comes, and after how long in the state.
    pub(super) const fn rule(&self, state: State) -> Option<(Duration, Step)> {
        match state {
            State::Created => Some((self.unsubmitted, Step::Delete)),
            State::Submitted | State::Forwarded => Some((self.unanswered, Step::Reject)),
            State::Accepted | State::Rejected => Some((self.finished, Step::Delete)),
            State::Deleted => None,
        }
    }

    /// The reminders, the last one first: what is due for several gets only the last.
    pub(super) const fn reminders(&self) -> [(u32, Duration); 2] {
        [(2, self.remind_again), (1, self.remind_first)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: State, after_days: f64, expected: Option<Step>) {
        let since = Timestamp::from_seconds(1_795_420_800);
        let now = since.plus(Duration::from_secs_f64(after_days * 86_400.0));
        assert_eq!(
            Retention::default().due(state, since, now),
            expected,
            "{state} for {after_days} days"
        );
    }

    #[test]
    fn each_state_has_its_deadline() {
        check(State::Created, 1.0, None);
        check(State::Created, 1.01, Some(Step::Delete));
        check(State::Submitted, 14.0, None);
        check(State::Submitted, 14.01, Some(Step::Reject));
        check(State::Forwarded, 14.01, Some(Step::Reject));
        check(State::Accepted, 7.0, None);
        check(State::Accepted, 7.01, Some(Step::Delete));
        check(State::Rejected, 7.01, Some(Step::Delete));
        check(State::Deleted, 10_000.0, None);
    }

    #[test]
    fn a_clock_that_went_back_makes_nothing_due() {
        let retention = Retention::default();
        let since = Timestamp::from_seconds(1_795_420_800);
        assert_eq!(
            retention.due(State::Created, since, Timestamp::from_seconds(0)),
            None
        );
    }
}
