//! How long and how hard callbacks are tried. Interval and count of the public service are unconfirmed: these are ours.

use std::time::Duration;

/// Bounds of the callback worker.
#[derive(Debug, Clone, Copy)]
pub struct CallbackPolicy {
    /// Wait after the first failure; doubles with each.
    pub wait_first: Duration,
    /// Longest wait between two tries.
    pub wait_max: Duration,
    /// After so many failed tries a callback is given up (polling remains to the other side).
    pub tries_max: u32,
    /// Calls at a time.
    pub concurrency: usize,
    /// Calls to one host at a time, so that a slow one cannot take all places.
    pub per_host: usize,
    /// How long a callback whose host is busy waits for its turn.
    pub crowded_wait: Duration,
    /// How long a callback that was begun belongs to this process. Longer than any call takes.
    pub lease: Duration,
    /// Pause between two looks at the outbox when nothing happens.
    pub poll: Duration,
    /// Time for open calls when shutting down.
    pub drain_max: Duration,
}

impl Default for CallbackPolicy {
    /// 10 s doubling to 1 h: 80 tries are about 72 hours.
    fn default() -> Self {
        Self {
            wait_first: Duration::from_secs(10),
            wait_max: Duration::from_hours(1),
            tries_max: 80,
            concurrency: 32,
            per_host: 4,
            crowded_wait: Duration::from_secs(20),
            lease: Duration::from_mins(2),
            poll: Duration::from_secs(1),
            drain_max: Duration::from_secs(20),
        }
    }
}

/// What to do after a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// Again, after this time.
    Again(Duration),
    /// No more.
    GiveUp,
}

impl CallbackPolicy {
    /// After the try that made it `tries` failed ones. `asked` is the other side's `Retry-After`, clamped to the longest wait;
    /// `jitter` spreads the repeats by up to a tenth to each side.
    pub(crate) fn after(&self, tries: u32, asked: Option<Duration>, jitter: u8) -> AfterFailure {
        if tries >= self.tries_max {
            return AfterFailure::GiveUp;
        }
        let doubled = self
            .wait_first
            .saturating_mul(1 << tries.saturating_sub(1).min(20));
        let wait = doubled.max(asked.unwrap_or_default()).min(self.wait_max);
        // 230/256 to 281/256
        AfterFailure::Again(wait.saturating_mul(230 + u32::from(jitter) / 5) / 256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_s(tries: u32, asked_s: Option<u64>) -> Option<u64> {
        let asked = asked_s.map(Duration::from_secs);
        // This jitter changes nothing.
        match CallbackPolicy::default().after(tries, asked, 130) {
            AfterFailure::Again(wait) => Some(wait.as_secs()),
            AfterFailure::GiveUp => None,
        }
    }

    #[test]
    fn waits_double_up_to_an_hour_and_end_after_three_days() {
        for (tries, expected) in [(1, 10), (2, 20), (3, 40), (9, 2560), (10, 3600), (79, 3600)] {
            assert_eq!(wait_s(tries, None), Some(expected), "{tries}");
        }
        assert_eq!(wait_s(80, None), None);
        let total_s: u64 = (1..80).filter_map(|tries| wait_s(tries, None)).sum();
        assert_eq!(total_s / 3600, 71, "hours");
    }

    #[test]
    fn the_other_side_may_ask_for_more_time_but_not_for_ever() {
        assert_eq!(wait_s(1, Some(300)), Some(300));
        assert_eq!(wait_s(3, Some(1)), Some(40));
        assert_eq!(wait_s(1, Some(1_000_000)), Some(3600));
    }

    #[test]
    fn jitter_spreads_by_a_tenth() {
        let policy = CallbackPolicy::default();
        let spread = [0, 255].map(|jitter| policy.after(1, None, jitter));
        let [AfterFailure::Again(least), AfterFailure::Again(most)] = spread else {
            unreachable!("the first failure is never the last")
        };
        assert_eq!((least.as_millis(), most.as_millis()), (8984, 10976));
    }
}
