//! Who is being called: at most so many calls to one host, a circuit per host, and one word in the log per outage.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_model::Timestamp;

use super::circuit::{Circuit, CircuitPolicy, Leave, Outcome, Turn};

/// Hosts out of order that are remembered; beyond that the memory starts anew.
const FAILING_MAX: usize = 10_000;

#[derive(Default)]
struct State {
    busy: HashMap<String, usize>,
    /// Those that are not as new.
    circuits: HashMap<String, Circuit>,
    /// When the next one who finds a host busy has its turn.
    turns: HashMap<String, Timestamp>,
}

impl State {
    fn circuit(&self, host: &str) -> Circuit {
        self.circuits.get(host).copied().unwrap_or(Circuit::NEW)
    }

    fn set(&mut self, host: &str, circuit: Circuit) {
        if circuit == Circuit::NEW {
            self.circuits.remove(host);
            return;
        }
        if self.circuits.len() >= FAILING_MAX && !self.circuits.contains_key(host) {
            self.circuits.clear();
        }
        self.circuits.insert(host.to_owned(), circuit);
    }

    /// Turns come one after the other: a host that keeps up is always asked, and one that does not costs a steady trickle of
    /// postponements, however many wait.
    fn turn(&mut self, host: &str, now: Timestamp, spacing: Duration) -> Timestamp {
        if self.turns.len() >= FAILING_MAX && !self.turns.contains_key(host) {
            self.turns.clear();
        }
        let last = self.turns.get(host).copied().unwrap_or(now).max(now);
        let turn = last.plus(spacing);
        self.turns.insert(host.to_owned(), turn);
        turn
    }
}

/// Shared by all calls.
#[derive(Clone)]
pub(crate) struct Places {
    state: Arc<Mutex<State>>,
    circuits: CircuitPolicy,
    per_host: usize,
    spacing: Duration,
}

/// A place at a host; free again when dropped.
pub(crate) struct Place {
    places: Places,
    host: String,
    began: Timestamp,
    settled: bool,
}

/// The answer to who wants to call.
pub(crate) enum Taken {
    Place(Place),
    /// All places are taken, or somebody else is out to see whether the host answers again: ask when it is your turn.
    Busy(Timestamp),
    /// The host is out of order: not before this.
    NotBefore(Timestamp),
}

impl Places {
    pub(crate) fn new(circuits: CircuitPolicy, per_host: usize, spacing: Duration) -> Self {
        Self {
            state: Arc::default(),
            circuits,
            per_host,
            spacing,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at `host`, if there is one.
    pub(crate) fn take(&self, host: &str, now: Timestamp) -> Taken {
        let mut state = self.state();
        if state.busy.get(host).copied().unwrap_or_default() >= self.per_host {
            return Taken::Busy(state.turn(host, now, self.spacing));
        }
        let (circuit, leave) = state.circuit(host).ask(now);
        match leave {
            Leave::NotBefore(until) => Taken::NotBefore(until),
            Leave::OthersProbe => Taken::Busy(state.turn(host, now, self.spacing)),
            Leave::Granted => {
                state.set(host, circuit);
                *state.busy.entry(host.to_owned()).or_default() += 1;
                Taken::Place(Place {
                    places: self.clone(),
                    host: host.to_owned(),
                    began: now,
                    settled: false,
                })
            }
        }
    }
}

impl Place {
    /// The call has ended; the log is told when an outage begins or ends.
    pub(crate) fn settle(&mut self, outcome: Outcome, now: Timestamp) {
        self.settled = true;
        let host = &self.host;
        match self.step(outcome, now) {
            Some(Turn::Opened) => {
                tracing::warn!("callbacks to {host} fail, it is asked rarely until it answers");
            }
            Some(Turn::Closed) => tracing::info!("callbacks to {host} are answered again"),
            None => {}
        }
    }

    fn step(&self, outcome: Outcome, now: Timestamp) -> Option<Turn> {
        let mut state = self.places.state();
        let circuit = state.circuit(&self.host);
        let (next, turn) = circuit.step(outcome, &self.places.circuits, now);
        state.set(&self.host, next);
        turn
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.settled {
            self.step(Outcome::Lost, self.began);
        }
        let mut state = self.places.state();
        if let Some(busy) = state.busy.get_mut(&self.host) {
            *busy -= 1;
            if *busy == 0 {
                state.busy.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        let policy = CircuitPolicy {
            failures: 2,
            ..CircuitPolicy::default()
        };
        Places::new(policy, 1, Duration::from_secs(1))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[track_caller]
    fn place(taken: Taken) -> Place {
        match taken {
            Taken::Place(place) => place,
            Taken::Busy(_) => panic!("busy"),
            Taken::NotBefore(until) => panic!("not before {until}"),
        }
    }

    #[test]
    fn a_host_has_so_many_places_and_gets_them_back() {
        let places = places();
        let first = place(places.take("a", at(0)));
        let turn = |taken: Taken| match taken {
            Taken::Busy(turn) => turn,
            Taken::Place(_) | Taken::NotBefore(_) => panic!("not busy"),
        };
        // One after the other; nobody waits for those who had their turn long ago.
        assert_eq!(turn(places.take("a", at(0))), at(1));
        assert_eq!(turn(places.take("a", at(0))), at(2));
        assert_eq!(turn(places.take("a", at(9))), at(10));
        place(places.take("b", at(0)));
        drop(first);
        place(places.take("a", at(0)));
    }

    #[test]
    fn a_host_out_of_order_waits_alone() {
        let places = places();
        for _ in 0..2 {
            place(places.take("a", at(0))).settle(Outcome::Failed, at(0));
        }
        assert!(matches!(places.take("a", at(59)), Taken::NotBefore(until) if until == at(60)));
        place(places.take("b", at(59)));
        place(places.take("a", at(60))).settle(Outcome::Answered, at(61));
        place(places.take("a", at(61)));
        assert!(
            places.state().circuits.is_empty(),
            "nothing is kept of who answers"
        );
    }

    #[test]
    fn a_probe_that_is_dropped_lets_another_one_try() {
        let places = places();
        for _ in 0..2 {
            place(places.take("a", at(0))).settle(Outcome::Failed, at(0));
        }
        drop(place(places.take("a", at(60))));
        assert!(matches!(places.take("a", at(100)), Taken::NotBefore(_)));
        place(places.take("a", at(120)));
    }
}
