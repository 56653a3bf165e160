//! How long and how hard callbacks are tried. Interval and count of the public service are unconfirmed: these are ours.

use std::time::Duration;

use super::circuit::CircuitPolicy;
use crate::backoff::Backoff;

/// Bounds of the callback worker.
#[derive(Debug, Clone, Copy)]
pub struct CallbackPolicy {
    /// Waits between the tries of one callback.
    pub backoff: Backoff,
    /// A callback that could not be delivered for so long is given up (polling remains to the other side).
    pub give_up_after: Duration,
    /// When a host is left alone.
    pub circuit: CircuitPolicy,
    /// Calls at a time.
    pub concurrency: usize,
    /// Calls to one host at a time, so that a slow one cannot take all places.
    pub per_host: usize,
    /// Between the turns of two callbacks whose host is busy.
    pub crowded_spacing: Duration,
    /// How long a callback that was begun belongs to this process. Longer than any call takes.
    pub lease: Duration,
    /// Pause between two looks at the outbox when nothing happens.
    pub poll: Duration,
    /// Time for open calls when shutting down.
    pub drain_max: Duration,
}

impl Default for CallbackPolicy {
    /// Waits up to 10 s doubling to 1 h, for 3 days.
    fn default() -> Self {
        Self {
            backoff: Backoff {
                first: Duration::from_secs(10),
                max: Duration::from_hours(1),
            },
            give_up_after: Duration::from_hours(72),
            circuit: CircuitPolicy::default(),
            concurrency: 32,
            per_host: 4,
            crowded_spacing: Duration::from_millis(10),
            // Connecting takes 10 s at most, the call 30 s.
            lease: Duration::from_secs(45),
            poll: Duration::from_secs(1),
            drain_max: Duration::from_secs(20),
        }
    }
}
