//! Waits between tries: doubling, with full jitter.

use std::time::Duration;

/// Shortest wait, however the dice fall.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the wait after the first failure; doubles with each.
    pub first: Duration,
    /// Highest ceiling.
    pub max: Duration,
}

impl Backoff {
    /// The highest wait after `tries` failed tries.
    pub(crate) fn ceiling(&self, tries: u32) -> Duration {
        self.first
            .saturating_mul(1 << tries.saturating_sub(1).min(20))
            .min(self.max)
    }

    /// The wait after `tries` failed tries: anything up to the ceiling, so that those who failed together do not come back
    /// together. `dice` are random bits. `asked` is the other side's `Retry-After`: the least, up to the highest ceiling.
    pub(crate) fn wait(&self, tries: u32, asked: Option<Duration>, dice: u32) -> Duration {
        let share = f64::from(dice) / f64::from(u32::MAX);
        let wait = self.ceiling(tries).mul_f64(share).max(WAIT_MIN);
        wait.max(asked.unwrap_or_default().min(self.max))
    }
}

/// Random bits.
pub(crate) fn dice() -> u32 {
    u32::from_ne_bytes(amtsbote_jose::random_bytes::<4>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(10),
        max: Duration::from_hours(1),
    };

    #[test]
    fn ceilings_double_up_to_the_highest() {
        for (tries, expected_s) in [
            (1, 10),
            (2, 20),
            (3, 40),
            (9, 2560),
            (10, 3600),
            (u32::MAX, 3600),
        ] {
            assert_eq!(BACKOFF.ceiling(tries).as_secs(), expected_s, "{tries}");
        }
    }

    #[test]
    fn waits_are_anywhere_between_a_second_and_the_ceiling() {
        let wait = |dice| BACKOFF.wait(3, None, dice).as_secs();
        assert_eq!([wait(0), wait(u32::MAX / 2), wait(u32::MAX)], [1, 19, 40]);
    }

    #[test]
    fn the_other_side_may_ask_for_more_time_but_not_for_ever() {
        let wait = |asked_s| {
            BACKOFF
                .wait(1, Some(Duration::from_secs(asked_s)), 0)
                .as_secs()
        };
        assert_eq!([wait(0), wait(300), wait(1_000_000)], [1, 300, 3600]);
    }
}
