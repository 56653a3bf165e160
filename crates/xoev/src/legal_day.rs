//! The day by German legal time, which decides the version of a standard.

use amtsbote_model::Timestamp;
use jiff::tz::TimeZone;

/// A calendar day; written `2026-05-01`.
pub type Day = jiff::civil::Date;

/// As in crate `translate`: no time zone database of the machine may change a date.
const GERMAN_LEGAL_TIME: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// The day of a moment by German legal time; none for moments no calendar has.
pub fn legal_day(moment: Timestamp) -> Option<Day> {
    let zone = TimeZone::posix(GERMAN_LEGAL_TIME).ok()?;
    let moment = jiff::Timestamp::from_millisecond(moment.as_millis()).ok()?;
    Some(moment.to_zoned(zone).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_germany() {
        for (seconds, expected) in [
            (1_777_586_399, "2026-04-30"), // 2026-04-30T21:59:59Z
            (1_777_586_400, "2026-05-01"), // 22:00 UTC is midnight in summer
            (1_767_222_000, "2026-01-01"), // 2025-12-31T23:00:00Z, winter
        ] {
            let day = legal_day(Timestamp::from_seconds(seconds)).unwrap();
            assert_eq!(day.to_string(), expected);
        }
    }
}
