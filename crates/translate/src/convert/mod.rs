//! Conversions: the word `as`. Several stand in a row, divided by `|`, and apply from left to right.

mod boolean;
mod date;
mod letters;
mod number;
mod pattern;

use jaq_json::Val;

use crate::fault::FaultKind;
use crate::value;
use boolean::Words;
use date::{Date, DateTime, PartialDate, Time};
use letters::{Pad, Side};
use number::NumberForm;

/// One conversion.
#[derive(Debug, Clone)]
pub(crate) struct Conversion {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Text,
    Trim,
    Spaces,
    Upper,
    Lower,
    Ascii,
    Digits,
    /// The first so many characters.
    Max(usize),
    Pad(Pad),
    Date(Date),
    PartialDate(PartialDate),
    Time(Time),
    DateTime(DateTime),
    Number(NumberForm),
    Boolean(Words),
}

/// The value does not fit the conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// A list or object.
    NotOneValue,
    /// Not of the kind the conversion takes.
    Unconvertible,
}

const KNOWN: &str = "text, trim, spaces, upper, lower, ascii, digits, max:COUNT, pad-left:COUNT[:CHARACTER], pad-right:COUNT[:CHARACTER], date[:PATTERN], partial-date[:PATTERN], time[:PATTERN], \
                     date-time[:PATTERN], number[:0.00], boolean[:YES/NO]";

impl Conversion {
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, FaultKind> {
        text.split('|').map(|one| Self::parse(one.trim())).collect()
    }

    fn parse(text: &str) -> Result<Self, FaultKind> {
        let (word, argument) = match text.split_once(':') {
            Some((word, argument)) => (word, Some(argument)),
            None => (text, None),
        };
        let kind = match (word, argument) {
            ("text", None) => Some(Kind::Text),
            ("trim", None) => Some(Kind::Trim),
            ("spaces", None) => Some(Kind::Spaces),
            ("upper", None) => Some(Kind::Upper),
            ("lower", None) => Some(Kind::Lower),
            ("ascii", None) => Some(Kind::Ascii),
            ("digits", None) => Some(Kind::Digits),
            ("max", Some(count)) => letters::count(count).map(Kind::Max),
            ("pad-left", Some(argument)) => Pad::parse(argument, Side::Left).map(Kind::Pad),
            ("pad-right", Some(argument)) => Pad::parse(argument, Side::Right).map(Kind::Pad),
            ("date", argument) => Date::parse(argument).map(Kind::Date),
            ("partial-date", argument) => PartialDate::parse(argument).map(Kind::PartialDate),
            ("time", argument) => Time::parse(argument).map(Kind::Time),
            ("date-time", argument) => DateTime::parse(argument).map(Kind::DateTime),
            ("number", argument) => NumberForm::parse(argument).map(Kind::Number),
            ("boolean", argument) => Words::parse(argument).map(Kind::Boolean),
            _ => None,
        };
        let unknown = || FaultKind::UnknownConversion {
            text: text.to_owned(),
            known: KNOWN.to_owned(),
        };
        Ok(Self {
            text: text.to_owned(),
            kind: kind.ok_or_else(unknown)?,
        })
    }

    /// As written in the template.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text)
    }

    /// Whether a JSON document should hold the result as a number.
    pub(crate) const fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Number(_))
    }

    /// Whether a JSON document should hold the result as a boolean.
    pub(crate) const fn is_boolean(&self) -> bool {
        matches!(self.kind, Kind::Boolean(_))
    }

    /// The text of `input`.
    pub(crate) fn apply(&self, input: &Val) -> Result<String, Misfit> {
        if let Kind::PartialDate(form) = &self.kind {
            return form.apply(input).ok_or(Misfit::Unconvertible);
        }
        let text = value::one_text(input).ok_or(Misfit::NotOneValue)?;
        let text = match &self.kind {
            Kind::Text => Some(text),
            Kind::Trim => Some(text.trim().to_owned()),
            Kind::Spaces => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            Kind::Upper => Some(text.to_uppercase()),
            Kind::Lower => Some(text.to_lowercase()),
            Kind::Ascii => Some(letters::ascii(&text)),
            Kind::Digits => Some(text.chars().filter(char::is_ascii_digit).collect()),
            Kind::Max(count) => Some(text.chars().take(*count).collect()),
            Kind::Pad(pad) => pad.apply(text),
            Kind::Date(form) => form.apply(&text),
            Kind::Time(form) => form.apply(&text),
            Kind::DateTime(form) => form.apply(&text),
            Kind::Number(form) => form.apply(&text),
            Kind::Boolean(words) => words.apply(&text),
            Kind::PartialDate(form) => form.apply(input),
        };
        text.ok_or(Misfit::Unconvertible)
    }
}
