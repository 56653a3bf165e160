//! One circuit per target: whoever is out of order is asked rarely, and by one call at a time. Pure.
//!
//! ```text
//!            failure × k                wait over: one probe
//!  closed ───────────────► open ◄──────────────────────────► probing
//!    ▲                        └─── probe failed (wait doubles) ───┘ │
//!    └────────────────────────────── answered ──────────────────────┘
//! ```

use std::time::Duration;

use amtsbote_model::Timestamp;

/// When a circuit opens and how long it stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitPolicy {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it is open at first; doubles with each failed probe.
    pub wait_first: Duration,
    /// How long it is open at most.
    pub wait_max: Duration,
}

impl Default for CircuitPolicy {
    /// 5 failures; 1 minute doubling to 30.
    fn default() -> Self {
        Self {
            failures: 5,
            wait_first: Duration::from_mins(1),
            wait_max: Duration::from_mins(30),
        }
    }
}

/// The state of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Circuit {
    /// Calls go out; so many have failed in a row.
    Closed { failures: u32 },
    /// No calls before `until`.
    Open { until: Timestamp, wait: Duration },
    /// One call is out to see.
    Probing { wait: Duration },
}

/// Whether a call may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may.
    Granted,
    /// Not before this.
    NotBefore(Timestamp),
    /// Somebody is out to see.
    OthersProbe,
}

/// How a call ended, as far as the target is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The target answered; what it said about this one callback is another matter.
    Answered,
    /// No answer, or one that says the target is out of order.
    Failed,
    /// The call never ended: its process or task did.
    Lost,
}

/// What the log should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Opened,
    Closed,
}

impl Circuit {
    /// As it begins.
    pub(super) const NEW: Self = Self::Closed { failures: 0 };

    /// Asks for leave to call.
    pub(super) fn ask(self, now: Timestamp) -> (Self, Leave) {
        match self {
            Self::Closed { .. } => (self, Leave::Granted),
            Self::Open { until, .. } if now < until => (self, Leave::NotBefore(until)),
            Self::Open { wait, .. } => (Self::Probing { wait }, Leave::Granted),
            Self::Probing { .. } => (self, Leave::OthersProbe),
        }
    }

    /// A call has ended.
    pub(super) fn step(
        self,
        outcome: Outcome,
        policy: &CircuitPolicy,
        now: Timestamp,
    ) -> (Self, Option<Turn>) {
        let open = |wait: Duration| Self::Open {
            until: now.plus(wait),
            wait,
        };
        match (self, outcome) {
            (Self::Closed { .. }, Outcome::Answered) => (Self::NEW, None),
            (Self::Closed { failures }, Outcome::Failed) if failures + 1 < policy.failures => {
                let failures = failures + 1;
                (Self::Closed { failures }, None)
            }
            (Self::Closed { .. }, Outcome::Failed) => (open(policy.wait_first), Some(Turn::Opened)),
            // Late answers of calls that went out before it opened count, too.
            (Self::Open { .. } | Self::Probing { .. }, Outcome::Answered) => {
                (Self::NEW, Some(Turn::Closed))
            }
            (Self::Probing { wait }, Outcome::Failed) => {
                (open(wait.saturating_mul(2).min(policy.wait_max)), None)
            }
            (Self::Probing { wait }, Outcome::Lost) => (open(wait), None),
            (Self::Open { .. }, Outcome::Failed | Outcome::Lost)
            | (Self::Closed { .. }, Outcome::Lost) => (self, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: CircuitPolicy = CircuitPolicy {
        failures: 3,
        wait_first: Duration::from_mins(1),
        wait_max: Duration::from_secs(200),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn after(circuit: Circuit, outcomes: &[Outcome], at_s: i64) -> (Circuit, Vec<Turn>) {
        let mut turns = Vec::new();
        let last = outcomes.iter().fold(circuit, |circuit, outcome| {
            let (next, turn) = circuit.step(*outcome, &POLICY, at(at_s));
            turns.extend(turn);
            next
        });
        (last, turns)
    }

    fn open(until_s: i64, wait_s: u64) -> Circuit {
        Circuit::Open {
            until: at(until_s),
            wait: Duration::from_secs(wait_s),
        }
    }

    #[test]
    fn only_failures_in_a_row_open_it_and_that_is_told_once() {
        use Outcome::{Answered, Failed};
        let (state, turns) = after(Circuit::NEW, &[Failed, Failed, Answered, Failed, Failed], 0);
        assert_eq!((state, turns), (Circuit::Closed { failures: 2 }, vec![]));
        // More calls were out when it opened: they change nothing.
        let (state, turns) = after(state, &[Failed, Failed, Failed], 100);
        assert_eq!((state, turns), (open(160, 60), vec![Turn::Opened]));
    }

    #[test]
    fn after_the_wait_one_call_sees_and_the_others_wait() {
        assert_eq!(
            open(160, 60).ask(at(159)),
            (open(160, 60), Leave::NotBefore(at(160)))
        );
        let (probing, leave) = open(160, 60).ask(at(160));
        assert_eq!(leave, Leave::Granted);
        assert_eq!(probing.ask(at(161)), (probing, Leave::OthersProbe));
        let (closed, turn) = probing.step(Outcome::Answered, &POLICY, at(162));
        assert_eq!((closed, turn), (Circuit::NEW, Some(Turn::Closed)));
        assert_eq!(closed.ask(at(163)).1, Leave::Granted);
    }

    #[test]
    fn failed_probes_double_the_wait_up_to_the_longest_and_say_nothing() {
        let mut state = open(0, 60);
        for (now_s, expected) in [
            (0, open(120, 120)),
            (120, open(320, 200)),
            (320, open(520, 200)),
        ] {
            let (probing, _) = state.ask(at(now_s));
            let (next, turn) = probing.step(Outcome::Failed, &POLICY, at(now_s));
            assert_eq!((next, turn), (expected, None));
            state = next;
        }
    }

    #[test]
    fn a_lost_probe_does_not_keep_it_shut_for_ever() {
        let (probing, _) = open(0, 60).ask(at(0));
        let (state, turn) = probing.step(Outcome::Lost, &POLICY, at(5));
        assert_eq!((state, turn), (open(65, 60), None));
        assert_eq!(after(Circuit::NEW, &[Outcome::Lost], 0).0, Circuit::NEW);
    }

    #[test]
    fn every_state_and_outcome_has_an_answer() {
        let states = [
            Circuit::Closed { failures: 2 },
            open(100, 60),
            open(100, 60).ask(at(100)).0,
        ];
        let outcomes = [Outcome::Answered, Outcome::Failed, Outcome::Lost];
        let mut table = Vec::new();
        for state in states {
            for outcome in outcomes {
                let (next, turn) = state.step(outcome, &POLICY, at(100));
                table.push(format!("{state:?} + {outcome:?} = {next:?} {turn:?}"));
            }
        }
        insta::assert_snapshot!(table.join("\n"));
    }
}
