//! Names of files a format makes, with placeholders.

use amtsbote_model::Timestamp;
use serde::Deserialize;

use crate::{Opened, ParcelPath};

/// Central European Time, summer time from the last Sunday of March to the last of October (Directive 2000/84/EC).
const GERMAN_LEGAL_TIME: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const LENGTH_MAX: usize = 60;
pub(crate) const UUID: &str = "00000000-0000-4000-8000-000000000000";

/// 1–60 characters, safe as a file name, with `{date}` and `{time}` of receipt (`yyyymmdd`, `HHmmss`, German legal time), `{parcel}`,
/// `{submission}`, `{case}` (UUIDs) as often as wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct FileName(String);

/// The text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a file name: 1 to 60 characters that are safe in a file name; placeholders are {{date}}, {{time}}, {{parcel}}, {{submission}}, {{case}}"
)]
pub struct MalformedFileName(String);

impl FileName {
    /// A name of our own, known to be good.
    pub fn fixed(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// As the package says it, with placeholders.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for this submission.
    pub fn of(&self, opened: &Opened<'_>) -> String {
        let (date, time) = legal(opened.received_at);
        self.filled([
            &date,
            &time,
            &opened.parcel_id.to_string(),
            &opened.submission_id.to_string(),
            &opened.case_id.to_string(),
        ])
    }

    fn filled(&self, values: [&str; 5]) -> String {
        let names = ["{date}", "{time}", "{parcel}", "{submission}", "{case}"];
        names
            .iter()
            .zip(values)
            .fold(self.0.clone(), |text, (name, value)| {
                text.replace(name, value)
            })
    }
}

/// Day and time of day in German legal time.
pub(crate) fn legal(at: Timestamp) -> (String, String) {
    let zone = jiff::tz::TimeZone::posix(GERMAN_LEGAL_TIME).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = jiff::Timestamp::from_millisecond(at.as_millis())
        .unwrap_or_default()
        .to_zoned(zone);
    (
        at.strftime("%Y%m%d").to_string(),
        at.strftime("%H%M%S").to_string(),
    )
}

impl TryFrom<String> for FileName {
    type Error = MalformedFileName;

    fn try_from(text: String) -> Result<Self, MalformedFileName> {
        let name = Self(text);
        let filled = name.filled(["20260102", "030405", UUID, UUID, UUID]);
        let fits = name.0.chars().count() <= LENGTH_MAX
            && !filled.contains(['/', '{', '}'])
            && filled.parse::<ParcelPath>().is_ok();
        if fits {
            Ok(name)
        } else {
            Err(MalformedFileName(name.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_know_their_placeholders() {
        for good in ["antrag.xml", "HUND_{date}_{parcel}.csv", "{submission}.zip"] {
            assert!(FileName::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "../x.csv",
            "a/b.csv",
            ".x",
            "{nr}.csv",
            "{date",
            "{parcel}{parcel}{parcel}{parcel}.csv",
        ] {
            assert!(FileName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_day_is_the_german_one() {
        let at = |text: &str| {
            legal(Timestamp::from_millis(
                text.parse::<jiff::Timestamp>()
                    .expect("a moment")
                    .as_millisecond(),
            ))
        };
        let pair = |date: &str, time: &str| (date.to_owned(), time.to_owned());
        assert_eq!(at("2026-01-31T23:30:05Z"), pair("20260201", "003005"));
        assert_eq!(at("2026-07-31T21:59:59Z"), pair("20260731", "235959"));
    }
}
