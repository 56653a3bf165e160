//! Texts with a number in them: `Hund{nr}`, `hund.{nr0}.name`.

use jaq_json::Val;

use crate::expression::Numbers;
use crate::value;

/// The widest number.
const DIGITS_MAX: usize = 12;
/// What may stand in braces, for faults.
pub(super) const KNOWN: &str =
    "{nr}, {nr0} (0, 1 …), {nr:000}, {outer_nr}, {outer_nr0}, in [[record]] each";

/// A text with places for numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Number(Number),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    of: Of,
    first: usize,
    digits: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The nearest `each`.
    Nr,
    /// The one around it.
    OuterNr,
}

impl Numbered {
    /// None if what stands in braces is not known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, open)) = rest.split_once('{') {
            let (inside, behind) = open.split_once('}')?;
            parts.push(Part::Text(plain(before)?));
            parts.push(Part::Number(Number::parse(inside)?));
            rest = behind;
        }
        parts.push(Part::Text(plain(rest)?));
        Some(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// As written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How many `each` have to be around it.
    pub(super) fn depth(&self) -> usize {
        let depth = |part: &Part| match part {
            Part::Text(_) => 0,
            Part::Number(number) => match number.of {
                Of::Nr => 1,
                Of::OuterNr => 2,
            },
        };
        self.parts.iter().map(depth).max().unwrap_or_default()
    }

    /// The first of them.
    pub(super) fn first(&self) -> String {
        self.with(&Numbers {
            nr: Val::from(1_usize),
            outer_nr: Val::from(1_usize),
        })
    }

    /// The text with these numbers.
    pub(super) fn with(&self, numbers: &Numbers) -> String {
        let of = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Number(number) => number.text(numbers),
        };
        self.parts.iter().map(of).collect()
    }
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let (name, digits) = text.split_once(':').unwrap_or((text, "0"));
        let (of, first) = match name {
            "nr" => (Of::Nr, 1),
            "nr0" => (Of::Nr, 0),
            "outer_nr" => (Of::OuterNr, 1),
            "outer_nr0" => (Of::OuterNr, 0),
            _ => return None,
        };
        let are_zeros = !digits.is_empty() && digits.bytes().all(|digit| digit == b'0');
        (are_zeros && digits.len() <= DIGITS_MAX).then_some(Self {
            of,
            first,
            digits: digits.len(),
        })
    }

    fn text(self, numbers: &Numbers) -> String {
        let number: &Val = match self.of {
            Of::Nr => &numbers.nr,
            Of::OuterNr => &numbers.outer_nr,
        };
        let number = value::one_text(number).and_then(|text| text.parse::<usize>().ok());
        let number = number.map(|number| (number + self.first).saturating_sub(1));
        let digits = self.digits;
        number.map_or_else(String::new, |number| format!("{number:0digits$}"))
    }
}

/// Text without braces.
fn plain(text: &str) -> Option<String> {
    (!text.contains(['{', '}'])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_where_the_text_says() {
        let numbers = Numbers {
            nr: Val::from(3_usize),
            outer_nr: Val::from(12_usize),
        };
        for (text, expected) in [
            ("Hund", Some("Hund")),
            ("Hund{nr}", Some("Hund3")),
            ("hund.{nr0}.name", Some("hund.2.name")),
            ("P{outer_nr:000}-{nr:00}", Some("P012-03")),
            ("", Some("")),
            ("{outer_nr0}", Some("11")),
            ("{row}", None),
            ("{nr", None),
            ("nr}", None),
            ("{nr:}", None),
            ("{nr:1}", None),
            ("{nr:0000000000000}", None),
        ] {
            let text = Numbered::parse(text);
            assert_eq!(text.map(|text| text.with(&numbers)).as_deref(), expected);
        }
    }
}
