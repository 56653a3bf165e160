//! Who is being called: at most so many calls to one host, and one word in the log per outage.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Failing hosts that are remembered; beyond that the memory starts anew.
const FAILING_MAX: usize = 10_000;

#[derive(Default)]
struct State {
    busy: HashMap<String, usize>,
    failing: HashSet<String>,
}

/// Shared by all calls.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<State>>);

/// A place at a host; free again when dropped.
pub(crate) struct Place {
    places: Places,
    host: String,
}

impl Places {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at `host`, if fewer than `max` are taken.
    pub(crate) fn take(&self, host: &str, max: usize) -> Option<Place> {
        let mut state = self.state();
        let busy = state.busy.entry(host.to_owned()).or_default();
        if *busy >= max {
            return None;
        }
        *busy += 1;
        Some(Place {
            places: self.clone(),
            host: host.to_owned(),
        })
    }
}

impl Place {
    /// The host.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether this failure is the first since the host last answered.
    pub(crate) fn begins_outage(&self) -> bool {
        let mut state = self.places.state();
        if state.failing.len() >= FAILING_MAX {
            state.failing.clear();
        }
        state.failing.insert(self.host.clone())
    }

    /// Whether this success ends an outage.
    pub(crate) fn ends_outage(&self) -> bool {
        self.places.state().failing.remove(&self.host)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
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

    #[test]
    fn a_host_has_so_many_places_and_gets_them_back() {
        let places = Places::default();
        let first = places.take("a", 1);
        assert!(first.is_some());
        assert!(places.take("a", 1).is_none());
        assert!(places.take("b", 1).is_some());
        drop(first);
        assert!(places.take("a", 1).is_some());
    }

    #[test]
    fn an_outage_begins_once_and_ends_once() {
        let place = Places::default().take("a", 1).unwrap();
        assert_eq!(
            [place.begins_outage(), place.begins_outage()],
            [true, false]
        );
        assert_eq!([place.ends_outage(), place.ends_outage()], [true, false]);
    }
}
