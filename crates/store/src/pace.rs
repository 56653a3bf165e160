//! How fast a destination takes deliveries: so many hand-overs within any minute, whoever begins them. Pure.
//!
//! One moment per destination is stored, *full at*: a bucket of permits is full again then. Each hand-over takes one permit
//! and moves the moment by the time that one needs to come back.

use amtsbote_model::Timestamp;

/// So many hand-overs may begin within any minute, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once, after a pause.
    burst: i64,
    /// One more after so many milliseconds.
    interval_ms: i64,
}

const MINUTE_MS: i64 = 60_000;
/// A burst is what comes in two seconds, and one more: who looks for work that often loses little.
const BURSTS_A_MINUTE: u32 = 30;
/// Of fewer within a minute each is a burst of its own.
const SLOW: u32 = 10;

impl Rate {
    /// The fastest pace: a hundred a second.
    pub const MAX_PER_MINUTE: u32 = 6000;

    /// From the number within a minute, 1 to [`Rate::MAX_PER_MINUTE`]. The burst is part of the number: in the long run a few in a
    /// hundred less are begun.
    pub fn per_minute(number: u32) -> Option<Self> {
        if !(1..=Self::MAX_PER_MINUTE).contains(&number) {
            return None;
        }
        let burst = if number < SLOW {
            1
        } else {
            number.div_ceil(BURSTS_A_MINUTE) + 1
        };
        // Within a minute: a whole burst, and those that come back before the minute is over.
        let steady = i64::from(number - burst + 1);
        Some(Self {
            burst: i64::from(burst),
            interval_ms: (MINUTE_MS + steady - 1) / steady,
        })
    }

    /// How many may begin now, where the bucket is full at that moment (`None`: nothing was begun yet).
    pub fn room(self, full_at: Option<Timestamp>, now: Timestamp) -> u32 {
        let whole_ms = self.burst * self.interval_ms;
        let missing_ms = self.missing_ms(full_at, now);
        u32::try_from((whole_ms - missing_ms) / self.interval_ms).unwrap_or_default()
    }

    /// When the bucket is full again after so many have begun now.
    #[must_use]
    pub fn after(self, full_at: Option<Timestamp>, now: Timestamp, begun: u32) -> Timestamp {
        let missing_ms = self.missing_ms(full_at, now) + i64::from(begun) * self.interval_ms;
        Timestamp::from_millis(now.as_millis() + missing_ms)
    }

    fn missing_ms(self, full_at: Option<Timestamp>, now: Timestamp) -> i64 {
        let missing_ms = full_at.map_or(0, |at| at.as_millis() - now.as_millis());
        // Further away than a bucket and any disagreement of clocks: the clock was set back, and nothing must wait until
        // it is there again.
        if missing_ms > self.burst * self.interval_ms + MINUTE_MS {
            return 0;
        }
        missing_ms.max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who takes all there is, as often as that: when each of the first was begun, in milliseconds.
    fn begun(rate: Rate, every_ms: i64, until_ms: i64) -> Vec<i64> {
        let (mut full_at, mut begun) = (None, Vec::new());
        for now_ms in (0..until_ms).step_by(usize::try_from(every_ms).unwrap()) {
            let now = Timestamp::from_millis(now_ms);
            let room = rate.room(full_at, now);
            if room > 0 {
                full_at = Some(rate.after(full_at, now, room));
                begun.extend((0..room).map(|_| now_ms));
            }
        }
        begun
    }

    #[test]
    fn no_minute_sees_more_and_none_much_less() {
        for number in [
            1,
            2,
            9,
            10,
            29,
            30,
            31,
            60,
            61,
            600,
            999,
            Rate::MAX_PER_MINUTE,
        ] {
            let rate = Rate::per_minute(number).unwrap();
            for every_ms in [1, 7, 250, 2000] {
                let begun = begun(rate, every_ms, 5 * MINUTE_MS);
                let (mut first, mut most) = (0, 0);
                for (last, at) in begun.iter().enumerate() {
                    while begun[first] <= at - MINUTE_MS {
                        first += 1;
                    }
                    most = most.max(last + 1 - first);
                }
                let most = u32::try_from(most).unwrap();
                assert!(most <= number, "{number} every {every_ms} ms: {most}");
                let five = u32::try_from(begun.len()).unwrap();
                assert!(
                    five * 10 >= number * 5 * 8,
                    "{number} every {every_ms} ms: {five}"
                );
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nothing() {
        let rate = Rate::per_minute(6).unwrap();
        let (late, early) = (Timestamp::from_seconds(86_400), Timestamp::from_seconds(5));
        let full_at = rate.after(None, late, 1);
        assert_eq!(rate.room(Some(full_at), late), 0);
        assert_eq!(rate.room(Some(full_at), early), 1);
    }

    #[test]
    fn none_and_too_many_are_no_rate() {
        assert_eq!(Rate::per_minute(0), None);
        assert_eq!(Rate::per_minute(Rate::MAX_PER_MINUTE + 1), None);
    }
}
