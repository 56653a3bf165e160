//! `date`, `partial-date`, `time`, `date-time`, each with an optional pattern.
//!
//! Input is ISO 8601 as JSON Schema's formats `date`, `time` and `date-time` want it (RFC 3339); `date` takes `31.01.2026`, too. A moment with an offset is
//! turned into German legal time before its date or time of day is taken: Central European Time, summer time from
//! the last Sunday of March to the last Sunday of October at 01:00 UTC (Directive 2000/84/EC). Earlier years had other
//! rules; moments of receipt are never that old.

use jaq_json::Val;
use jiff::civil;
use jiff::tz::TimeZone;

use super::pattern::{Fields, Moment, Pattern};
use crate::value;

const GERMAN_LEGAL_TIME: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn pattern(argument: Option<&str>, default: &str, fields: Fields) -> Option<Pattern> {
    Pattern::parse(argument.unwrap_or(default), fields)
}

/// `date`.
#[derive(Debug, Clone)]
pub(super) struct Date(Pattern);

impl Date {
    pub(super) fn parse(argument: Option<&str>) -> Option<Self> {
        pattern(argument, "yyyy-MM-dd", Fields::Date).map(Self)
    }

    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let moment = if let Some(date) = german_date(text) {
            moment_of_date(date)?
        } else if text.len() == 10 {
            moment_of_date(civil_date(text)?)?
        } else {
            moment(local(text)?)?
        };
        Some(self.0.print(moment))
    }
}

/// `time`.
#[derive(Debug, Clone)]
pub(super) struct Time(Pattern);

impl Time {
    pub(super) fn parse(argument: Option<&str>) -> Option<Self> {
        pattern(argument, "HH:mm:ss", Fields::Time).map(Self)
    }

    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let moment = if text.contains('T') {
            moment(local(text)?)?
        } else {
            let long = if text.len() == 5 {
                format!("{text}:00")
            } else {
                text.to_owned()
            };
            let time =
                (long.as_bytes().get(2) == Some(&b':')).then(|| long.parse::<civil::Time>())?;
            moment_of_time(time.ok()?)?
        };
        Some(self.0.print(moment))
    }
}

/// `date-time`. Without a pattern the text stays as it is, once it is known to be a moment; `date-time:local` gives German
/// legal time with its offset.
#[derive(Debug, Clone)]
pub(super) enum DateTime {
    AsWritten,
    Local,
    Pattern(Pattern),
}

impl DateTime {
    pub(super) fn parse(argument: Option<&str>) -> Option<Self> {
        match argument {
            None => Some(Self::AsWritten),
            Some("local") => Some(Self::Local),
            Some(text) => Pattern::parse(text, Fields::Both).map(Self::Pattern),
        }
    }

    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let local_time = local(text)?;
        match self {
            Self::AsWritten => Some(text.to_owned()),
            Self::Local => {
                let at: jiff::Timestamp = text.parse().ok()?;
                let zoned = at.to_zoned(TimeZone::posix(GERMAN_LEGAL_TIME).ok()?);
                Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string())
            }
            Self::Pattern(pattern) => Some(pattern.print(moment(local_time)?)),
        }
    }
}

/// `partial-date`: takes `{jahr, monat?, tag?}` (numbers or texts), `yyyy`, `yyyy-MM`, `yyyy-MM-dd`. Without a pattern it
/// gives the longest of the three forms the known parts allow; a pattern prints unknown parts as zeros.
#[derive(Debug, Clone)]
pub(super) struct PartialDate(Option<Pattern>);

impl PartialDate {
    pub(super) fn parse(argument: Option<&str>) -> Option<Self> {
        match argument {
            None => Some(Self(None)),
            Some(text) => Pattern::parse(text, Fields::Date).map(|pattern| Self(Some(pattern))),
        }
    }

    pub(super) fn apply(&self, input: &Val) -> Option<String> {
        let moment = match input {
            Val::Obj(_) => parts_of_object(input)?,
            Val::Num(_) | Val::TStr(_) => parts_of_text(value::one_text(input)?.trim())?,
            Val::Null | Val::Bool(_) | Val::BStr(_) | Val::Arr(_) => return None,
        };
        let known = known_date(moment)?;
        Some(match (&self.0, known.month, known.day) {
            (Some(pattern), _, _) => pattern.print(known),
            (None, 0, _) => format!("{:04}", known.year),
            (None, month, 0) => format!("{:04}-{month:02}", known.year),
            (None, month, day) => format!("{:04}-{month:02}-{day:02}", known.year),
        })
    }
}

/// A date whose unknown end is 0; none if it is no date, or a day without a month.
fn known_date(moment: Moment) -> Option<Moment> {
    let year = i16::try_from(moment.year).ok().filter(|year| *year > 0)?;
    let month = i8::try_from(moment.month).ok()?;
    let day = i8::try_from(moment.day).ok()?;
    let sound = match (month, day) {
        (0, 0) => true,
        (0, _) => false,
        (month, day) => civil::Date::new(year, month, day.max(1)).is_ok(),
    };
    sound.then_some(moment)
}

fn parts_of_object(object: &Val) -> Option<Moment> {
    let part = |names: [&str; 2]| -> Option<u16> {
        let found = names
            .into_iter()
            .find_map(|name| value::member(object, name).filter(|member| !value::is_blank(member)));
        match found {
            Some(found) => value::one_text(&found)?.trim().parse().ok(),
            None => Some(0),
        }
    };
    Some(Moment {
        year: part(["jahr", "year"])?,
        month: u8::try_from(part(["monat", "month"])?).ok()?,
        day: u8::try_from(part(["tag", "day"])?).ok()?,
        ..Moment::default()
    })
}

fn parts_of_text(text: &str) -> Option<Moment> {
    let mut moment = Moment::default();
    let mut parts = text.split('-');
    let digits = |part: &str, length: usize| {
        (part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u16>().ok())
            .flatten()
    };
    moment.year = digits(parts.next()?, 4)?;
    if let Some(month) = parts.next() {
        moment.month = u8::try_from(digits(month, 2)?)
            .ok()
            .filter(|month| *month > 0)?;
    }
    if let Some(day) = parts.next() {
        moment.day = u8::try_from(digits(day, 2)?).ok().filter(|day| *day > 0)?;
    }
    parts.next().is_none().then_some(moment)
}

/// `31.1.2026`, `31.01.2026`: between dots day, month and year of four digits can stand in no other order.
fn german_date(text: &str) -> Option<civil::Date> {
    let mut parts = text.split('.');
    let mut digits = |longest: usize| {
        let part = parts.next()?;
        let sound = (1..=longest).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        sound.then(|| part.parse::<i16>().ok()).flatten()
    };
    let (day, month, year) = (digits(2)?, digits(2)?, digits(4)?);
    let whole = parts.next().is_none() && year >= 1000;
    whole
        .then(|| civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok())?
}

fn civil_date(text: &str) -> Option<civil::Date> {
    let bytes = text.as_bytes();
    let shaped = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    shaped.then(|| text.parse().ok()).flatten()
}

/// The German wall clock at the moment `text`; a moment without offset is taken as such a wall clock.
fn local(text: &str) -> Option<civil::DateTime> {
    civil_date(text.get(..10)?)?;
    if text.as_bytes().get(10) != Some(&b'T') || text.len() < 16 {
        return None;
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Some(
            at.to_zoned(TimeZone::posix(GERMAN_LEGAL_TIME).ok()?)
                .datetime(),
        ),
        Err(_) if text.ends_with(['Z', 'z', ']']) => None,
        Err(_) if text.get(11..)?.contains(['+', '-', '[']) => None,
        Err(_) => text.parse().ok(),
    }
}

fn moment_of_date(date: civil::Date) -> Option<Moment> {
    moment(date.at(0, 0, 0, 0))
}

fn moment_of_time(time: civil::Time) -> Option<Moment> {
    moment(time.on(2000, 1, 1))
}

fn moment(at: civil::DateTime) -> Option<Moment> {
    Some(Moment {
        year: u16::try_from(at.year()).ok()?,
        month: u8::try_from(at.month()).ok()?,
        day: u8::try_from(at.day()).ok()?,
        hour: u8::try_from(at.hour()).ok()?,
        minute: u8::try_from(at.minute()).ok()?,
        second: u8::try_from(at.second()).ok()?,
    })
}
