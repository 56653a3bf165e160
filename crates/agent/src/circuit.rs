//! One circuit per procedure, and one for the delivery service: who does not answer is asked rarely, by one delivery at
//! a time; who answers again gets more and more. Pure but for [`Circuits`], which only keeps them.
//!
//! ```text
//!            failure × n                 wait over: one probe
//!  closed ───────────────► open ◄───────────────────────────► probing
//!    ▲                        └──── probe failed (wait doubles) ──┘ │
//!    └── answered: one at a time, one more with each answer ────────┘
//! ```
//!
//! What waits at an open circuit is not claimed: ten thousand deliveries at a dead procedure cost as much as one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use amtsbote_model::{DestinationId, Timestamp};
use amtsbote_store::Sharing;

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
    /// 5 failures; 5 seconds doubling to 2 minutes.
    fn default() -> Self {
        Self {
            failures: 5,
            wait_first: Duration::from_secs(5),
            wait_max: Duration::from_mins(2),
        }
    }
}

/// Whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    /// The delivery service.
    Service,
    /// The procedure behind a destination.
    Procedure(DestinationId),
}

/// What was heard of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An answer; what it said of this one delivery is another matter.
    Answer,
    /// No answer, or one that says *later*.
    Nothing { retry_after: Option<Duration> },
    /// Not even a word for some seconds, while other processes may be answered: the way may be cut here only.
    Silence,
    /// The try ended before the side was asked.
    NotAsked,
}

/// Who says nothing for so long costs a delivery more than a refusal does.
const SILENT: Duration = Duration::from_secs(3);

impl Heard {
    /// After a call that took so long. `others`: whether other processes share the work, and may go on with it.
    pub(crate) fn after(self, took: Duration, others: Sharing) -> Self {
        match (self, others) {
            (Self::Nothing { retry_after: None }, Sharing::Shared) if took >= SILENT => {
                Self::Silence
            }
            (heard, Sharing::Shared | Sharing::Sole) => heard,
        }
    }

    const fn asked(self) -> Option<Duration> {
        match self {
            Self::Nothing { retry_after } => retry_after,
            Self::Answer | Self::Silence | Self::NotAsked => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    /// At most `room` at a time.
    Closed { failures: u32, room: u32 },
    /// Nothing before `until`.
    Open { until: Timestamp, wait: Duration },
    /// One is out to see.
    Probing { wait: Duration },
}

/// What should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Opened,
    Closed,
}

/// What a step needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) policy: CircuitPolicy,
    pub(crate) now: Timestamp,
    /// At random: up to a quarter of the wait is left out, so that many processes do not probe together.
    pub(crate) spread: u8,
}

impl Circuit {
    const NEW: Self = Self::Closed {
        failures: 0,
        room: u32::MAX,
    };
    const AFTER_OUTAGE: Self = Self::Closed {
        failures: 0,
        room: 1,
    };

    /// How many more may begin, where `here` are under way.
    fn room(self, here: u32, now: Timestamp) -> u32 {
        match self {
            Self::Closed { room, .. } => room.saturating_sub(here),
            // Also while some hang that began before it opened.
            Self::Open { until, .. } if until <= now => 1,
            Self::Open { .. } | Self::Probing { .. } => 0,
        }
    }

    fn begun(self, now: Timestamp) -> Self {
        match self {
            Self::Open { until, wait } if until <= now => Self::Probing { wait },
            Self::Closed { .. } | Self::Open { .. } | Self::Probing { .. } => self,
        }
    }

    /// Somebody else was answered: the probe goes out now. Whether the circuit closes is the probe's to say.
    fn hurried(self, now: Timestamp) -> Self {
        match self {
            Self::Open { until, wait } => Self::Open {
                until: until.min(now),
                wait,
            },
            Self::Closed { .. } | Self::Probing { .. } => self,
        }
    }

    fn step(self, heard: Heard, moment: &Moment) -> (Self, Option<Turn>) {
        let policy = &moment.policy;
        match (self, heard) {
            (Self::Closed { room, .. }, Heard::Answer) => {
                let room = room.saturating_add(1);
                (Self::Closed { failures: 0, room }, None)
            }
            (Self::Closed { failures, room }, Heard::Nothing { .. })
                if failures + 1 < policy.failures =>
            {
                let failures = failures + 1;
                (Self::Closed { failures, room }, None)
            }
            (Self::Closed { .. }, Heard::Nothing { .. } | Heard::Silence) => (
                Self::open(policy.wait_first, heard.asked(), moment),
                Some(Turn::Opened),
            ),
            // Late answers of those that began before it opened count, too.
            (Self::Open { .. } | Self::Probing { .. }, Heard::Answer) => {
                (Self::AFTER_OUTAGE, Some(Turn::Closed))
            }
            (Self::Probing { wait }, Heard::Nothing { .. } | Heard::Silence) => {
                let wait = wait.saturating_mul(2).min(policy.wait_max);
                (Self::open(wait, heard.asked(), moment), None)
            }
            (Self::Probing { wait }, Heard::NotAsked) => (Self::open(wait, None, moment), None),
            (Self::Open { .. }, Heard::Nothing { .. } | Heard::Silence | Heard::NotAsked)
            | (Self::Closed { .. }, Heard::NotAsked) => (self, None),
        }
    }

    fn open(wait: Duration, asked: Option<Duration>, moment: &Moment) -> Self {
        let own = wait.mul_f64(1.0 - f64::from(moment.spread) / 1020.0);
        let asked = asked.unwrap_or_default().min(moment.policy.wait_max);
        Self::Open {
            until: moment.now.plus(own.max(asked)),
            wait,
        }
    }
}

/// All circuits of this process.
#[derive(Default)]
pub(crate) struct Circuits(Mutex<HashMap<Side, Circuit>>);

impl Circuits {
    fn change<T>(&self, side: Side, change: impl FnOnce(Circuit) -> (Circuit, T)) -> T {
        let mut circuits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, answer) = change(circuits.get(&side).copied().unwrap_or(Circuit::NEW));
        circuits.insert(side, next);
        answer
    }

    /// How many more may begin at this side, where `here` are under way.
    pub(crate) fn room(&self, side: Side, here: u32, now: Timestamp) -> u32 {
        self.change(side, |circuit| (circuit, circuit.room(here, now)))
    }

    /// One begins.
    pub(crate) fn begun(&self, side: Side, now: Timestamp) {
        self.change(side, |circuit| (circuit.begun(now), ()));
    }

    /// A side that is waited for has answered somebody else.
    pub(crate) fn hurry(&self, side: Side, now: Timestamp) {
        self.change(side, |circuit| (circuit.hurried(now), ()));
    }

    /// Something was heard; whether the circuit opened or closed by it.
    pub(crate) fn heard(&self, side: Side, heard: Heard, moment: &Moment) -> Option<Turn> {
        let turn = self.change(side, |circuit| circuit.step(heard, moment));
        match (side, turn) {
            (_, None) => {}
            (Side::Service, Some(Turn::Opened)) => {
                tracing::warn!("the delivery service does not answer: deliveries wait");
            }
            (Side::Service, Some(Turn::Closed)) => {
                tracing::info!("the delivery service answers again");
            }
            (Side::Procedure(id), Some(Turn::Opened)) => {
                tracing::warn!(destination.id = %id, "the procedure of {id} does not answer: its deliveries wait");
            }
            (Side::Procedure(id), Some(Turn::Closed)) => {
                tracing::info!(destination.id = %id, "the procedure of {id} answers again");
            }
        }
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Heard = Heard::Nothing { retry_after: None };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn whoever_is_waited_for_and_answers_somebody_else_is_probed_at_once() {
        let open = Circuit::Open {
            until: at(100),
            wait: Duration::from_mins(2),
        };
        assert_eq!(open.room(0, at(10)), 0);
        let hurried = open.hurried(at(10));
        assert_eq!(hurried.room(0, at(10)), 1);
        // It stays open until the probe was answered, and waits longer if it was not.
        assert_eq!(hurried.begun(at(10)).room(1, at(10)), 0);
        assert_eq!(Circuit::NEW.hurried(at(10)), Circuit::NEW);
    }

    fn moment(now_s: i64, spread: u8) -> Moment {
        let policy = CircuitPolicy {
            failures: 3,
            wait_first: Duration::from_secs(8),
            wait_max: Duration::from_secs(20),
        };
        Moment {
            policy,
            now: at(now_s),
            spread,
        }
    }

    fn after(mut circuit: Circuit, heard: &[Heard]) -> (Circuit, Vec<Turn>) {
        let mut turns = Vec::new();
        for heard in heard {
            let (next, turn) = circuit.step(*heard, &moment(0, 0));
            circuit = next;
            turns.extend(turn);
        }
        (circuit, turns)
    }

    #[test]
    fn only_failures_in_a_row_open_it_and_that_is_told_once() {
        let (state, turns) = after(
            Circuit::NEW,
            &[NOTHING, NOTHING, Heard::Answer, NOTHING, NOTHING],
        );
        assert_eq!(turns, []);
        assert_eq!(state.room(1000, at(0)), u32::MAX - 1000);
        let (state, turns) = after(state, &[NOTHING; 9]);
        assert_eq!(turns, [Turn::Opened]);
        assert_eq!(state.room(0, at(7)), 0);
        assert_eq!(state.room(5, at(8)), 1);
    }

    #[test]
    fn silence_opens_it_at_once_where_others_may_be_answered() {
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(5));
        for (took, others, opens) in [
            (short, Sharing::Shared, false),
            (long, Sharing::Sole, false),
            (long, Sharing::Shared, true),
        ] {
            let (state, turns) = after(Circuit::NEW, &[NOTHING.after(took, others)]);
            assert_eq!(turns == [Turn::Opened], opens, "{took:?} {others:?}");
            assert_eq!(state.room(0, at(7)) == 0, opens);
        }
        // Who said when to come again is there.
        let later = Heard::Nothing {
            retry_after: Some(short),
        };
        assert_eq!(later.after(long, Sharing::Shared), later);
        assert_eq!(Heard::Answer.after(long, Sharing::Shared), Heard::Answer);
    }

    #[test]
    fn one_probes_and_then_it_begins_slowly() {
        let (open, _) = after(Circuit::NEW, &[NOTHING; 3]);
        let probing = open.begun(at(8));
        assert_eq!(probing.room(0, at(99)), 0);
        let (closed, turns) = after(probing, &[Heard::Answer]);
        assert_eq!(turns, [Turn::Closed]);
        assert_eq!((closed.room(0, at(9)), closed.room(1, at(9))), (1, 0));
        let (wider, _) = after(closed, &[Heard::Answer; 3]);
        assert_eq!(wider.room(0, at(9)), 4);
    }

    #[test]
    fn failed_probes_wait_longer_and_lost_ones_as_long() {
        let (open, _) = after(Circuit::NEW, &[NOTHING; 3]);
        let wait = |heard| match open.begun(at(8)).step(heard, &moment(0, 0)).0 {
            Circuit::Open { until, wait } => (until, wait.as_secs()),
            other @ (Circuit::Closed { .. } | Circuit::Probing { .. }) => panic!("{other:?}"),
        };
        assert_eq!(wait(NOTHING), (at(16), 16));
        assert_eq!(wait(Heard::NotAsked), (at(8), 8));
        let asked = |secs| Heard::Nothing {
            retry_after: Some(Duration::from_secs(secs)),
        };
        assert_eq!(wait(asked(18)).0, at(18));
        // Clamped.
        assert_eq!(wait(asked(9999)).0, at(20));
    }

    #[test]
    fn many_processes_do_not_probe_together() {
        let until = |spread| Circuit::open(Duration::from_secs(8), None, &moment(0, spread));
        assert_ne!(until(0), until(100));
        assert_eq!(until(255).room(0, at(6)), 1);
        assert_eq!(until(255).room(0, at(5)), 0);
    }
}
