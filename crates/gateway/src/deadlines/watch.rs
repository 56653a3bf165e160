//! Whether the clock is believed. Pure: what deletes by the clock must not trust it blindly (ADR 0005).
//!
//! ```text
//!  first round of a process:  clock against the last round in the store  ──further than `downtime_max`──► doubt
//!  later rounds:              clock against a steady one                 ──further than `jump_max`──────► doubt
//! ```
//!
//! A doubt ends by itself when the clock is right again; otherwise a person must say so (`confirmed`), or start anew.

use std::time::Duration;

use amtsbote_model::Timestamp;

/// How far the clock is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// How far the clock may move against a steady one between two rounds.
    pub jump_max: Duration,
    /// How far the clock may be from the last round when a process starts.
    pub downtime_max: Duration,
    /// A person's word: the clock was right at this moment.
    pub confirmed: Option<Timestamp>,
}

impl Default for Trust {
    /// 1 hour; 3 days.
    fn default() -> Self {
        Self {
            jump_max: Duration::from_hours(1),
            downtime_max: Duration::from_hours(3 * 24),
            confirmed: None,
        }
    }
}

/// Why the deadlines are not kept now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The clock moved by this much against a steady one.
    Jumped(Duration),
    /// The clock is so far from the last round in the store, before or after it.
    FarFromLastRound(Duration),
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Jumped(by) => write!(
                f,
                "the clock jumped by {} minutes; set it right, or restart if it is right",
                by.as_secs() / 60
            ),
            Self::FarFromLastRound(by) => write!(
                f,
                "the clock is {} hours from the last round; set it right, or confirm it with gateway.deadlines.clock_confirmed",
                by.as_secs() / 3600
            ),
        }
    }
}

/// One look at both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The clock.
    pub(super) wall: Timestamp,
    /// Time since the process began, by a clock that nobody sets.
    pub(super) steady: Duration,
}

/// What a process remembers of its rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watch {
    believed: Option<Moment>,
    doubts: u32,
}

impl Watch {
    /// Whether the clock is believed at `now`; `last_round` is what the store knows.
    pub(super) fn judge(
        &mut self,
        trust: &Trust,
        now: Moment,
        last_round: Option<Timestamp>,
    ) -> Result<(), Doubt> {
        let doubt = match self.believed {
            Some(believed) => jumped(trust, believed, now),
            None => last_round.and_then(|last| far(trust, last, now.wall)),
        };
        if let Some(doubt) = doubt {
            self.doubts = self.doubts.saturating_add(1);
            return Err(doubt);
        }
        self.believed = Some(now);
        self.doubts = 0;
        Ok(())
    }

    /// Rounds in doubt so far without one that was believed.
    pub(super) const fn doubts(&self) -> u32 {
        self.doubts
    }
}

fn jumped(trust: &Trust, believed: Moment, now: Moment) -> Option<Doubt> {
    let expected = believed
        .wall
        .plus(now.steady.saturating_sub(believed.steady));
    let by = distance(expected, now.wall);
    (by > trust.jump_max).then_some(Doubt::Jumped(by))
}

fn far(trust: &Trust, last_round: Timestamp, now: Timestamp) -> Option<Doubt> {
    let by = distance(last_round, now);
    let is_confirmed = trust
        .confirmed
        .is_some_and(|confirmed| distance(confirmed, now) <= trust.downtime_max);
    (by > trust.downtime_max && !is_confirmed).then_some(Doubt::FarFromLastRound(by))
}

fn distance(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at(wall_s: i64, steady_s: u64) -> Moment {
        Moment {
            wall: Timestamp::from_seconds(1_795_420_800 + wall_s),
            steady: Duration::from_secs(steady_s),
        }
    }

    fn seconds(wall_s: i64) -> Timestamp {
        at(wall_s, 0).wall
    }

    /// The first round of a process, `since_last_s` after the last one in the store.
    fn starts(since_last_s: i64, confirmed_s: Option<i64>) -> Result<(), Doubt> {
        let trust = Trust {
            confirmed: confirmed_s.map(seconds),
            ..Trust::default()
        };
        Watch::default().judge(&trust, at(0, 0), Some(seconds(-since_last_s)))
    }

    #[test]
    fn a_start_after_a_weekend_is_believed_and_one_after_a_month_is_not() {
        assert_eq!(starts(60, None), Ok(()));
        assert_eq!(starts(3 * DAY, None), Ok(()));
        let month = Duration::from_hours(30 * 24);
        assert_eq!(starts(30 * DAY, None), Err(Doubt::FarFromLastRound(month)));
        assert_eq!(starts(-30 * DAY, None), Err(Doubt::FarFromLastRound(month)));
    }

    #[test]
    fn the_first_round_ever_has_nothing_to_compare() {
        let judged = Watch::default().judge(&Trust::default(), at(0, 0), None);
        assert_eq!(judged, Ok(()));
    }

    #[test]
    fn a_persons_word_counts_near_its_moment_only() {
        assert_eq!(starts(30 * DAY, Some(-HOUR)), Ok(()));
        assert_eq!(starts(-30 * DAY, Some(HOUR)), Ok(()));
        // The word was given, and then the clock jumped.
        assert!(starts(30 * DAY, Some(-20 * DAY)).is_err());
        assert!(starts(30 * DAY, Some(20 * DAY)).is_err());
    }

    #[test]
    fn a_running_process_sees_jumps_in_both_directions_and_goes_on_when_they_are_taken_back() {
        let (trust, mut watch) = (Trust::default(), Watch::default());
        let mut judge = |wall_s, steady_s| {
            let judged = watch.judge(&trust, at(wall_s, steady_s), None);
            (judged.is_ok(), watch.doubts())
        };
        assert_eq!(judge(0, 0), (true, 0));
        assert_eq!(judge(60, 60), (true, 0));
        // A step of half an hour is somebody setting the clock right.
        assert_eq!(judge(120 + 1800, 120), (true, 0));
        assert_eq!(judge(365 * DAY, 180), (false, 1));
        assert_eq!(judge(365 * DAY + 60, 240), (false, 2));
        assert_eq!(judge(300 + 1800, 300), (true, 0));
        assert_eq!(judge(-365 * DAY, 360), (false, 1));
        assert_eq!(judge(420 + 1800, 420), (true, 0));
        // A long pause on both clocks is no jump.
        assert_eq!(judge(20 * DAY, 20 * 86_400), (true, 0));
    }
}
