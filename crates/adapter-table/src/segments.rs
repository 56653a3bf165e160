//! Files of segments, as UN/EDIFACT and HL7 2 have them: a record is a segment, a cell an element or a component of one.

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::Change;
use amtsbote_translate::columns::{Cell, Layout, Position, Record};
use serde::Deserialize;

use crate::settings::{Kind, LineBreaks, Settings, Wrong};
use crate::wire::{Misfit, encoded};
use crate::written::finding;

/// The signs; those of ISO 9735 (UN/EDIFACT) are the rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Signs {
    element: char,
    component: char,
    /// Between parts of a component.
    part: Option<char>,
    /// Between repetitions of an element.
    repetition: Option<char>,
    terminator: char,
    release: char,
    escape: Escape,
    /// Only told in the service string advice.
    decimal: char,
    /// The first nine bytes (UNA) tell the signs.
    service_advice: bool,
    trailing: Trailing,
}

/// How a sign stands in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Escape {
    /// Behind the release character.
    Release,
    /// As a letter between two release characters (HL7 2, chapter 2, use of escape sequences).
    Hl7,
    /// Not at all: a finding.
    Report,
}

/// What becomes of empty elements and components at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Trailing {
    /// They are left out.
    Cut,
    /// Their separators stay.
    Keep,
}

impl Default for Signs {
    fn default() -> Self {
        Self {
            element: '+',
            component: ':',
            part: None,
            repetition: None,
            terminator: '\'',
            release: '?',
            escape: Escape::Release,
            decimal: '.',
            service_advice: false,
            trailing: Trailing::Cut,
        }
    }
}

const SIGNS: (&str, &str) = (
    "jedes Zeichen ein anderes: ASCII, kein Buchstabe, keine Ziffer, kein Leerzeichen; terminator auch \"\\r\" oder \"\\n\"",
    "each sign another one: ASCII, no letter, digit or blank; terminator may be \"\\r\" or \"\\n\"",
);
const BREAKS: (&str, &str) = (
    "\"escape\" (\\.br\\) gehört in Segmenten zu escape = \"hl7\"",
    "\"escape\" (\\.br\\) belongs to escape = \"hl7\" in segments",
);
const ADVICE: (&str, &str) = (
    "service_advice gehört zu escape = \"release\" und einem sichtbaren terminator",
    "service_advice belongs to escape = \"release\" and a terminator one can see",
);
const PART: (&str, &str) = (
    "at mit drei Zahlen braucht part in [settings.segments]",
    "at with three numbers needs part in [settings.segments]",
);
const REPETITION: (&str, &str) = (
    "at mit einer Wiederholung (\"3[2]\") braucht repetition in [settings.segments]",
    "at with a repetition (\"3[2]\") needs repetition in [settings.segments]",
);

impl Signs {
    /// Everything a value may not hold as it is.
    fn all(&self) -> impl Iterator<Item = char> {
        let release = (self.escape != Escape::Report).then_some(self.release);
        let rest = [release, self.part, self.repetition].into_iter().flatten();
        [self.element, self.component, self.terminator]
            .into_iter()
            .chain(rest)
    }

    pub(crate) fn wrong(&self, line_breaks: LineBreaks) -> Vec<Wrong> {
        let mut seen = Vec::new();
        let is_good = |sign: char| sign.is_ascii_punctuation();
        let mut is_fine = is_good(self.decimal);
        for sign in self.all() {
            let is_end = sign == self.terminator && matches!(sign, '\r' | '\n');
            is_fine &= (is_good(sign) || is_end) && !seen.contains(&sign);
            seen.push(sign);
        }
        let mut wrong = Vec::new();
        if !is_fine {
            wrong.push(("segments", SIGNS));
        }
        let is_told = self.escape == Escape::Release && !self.terminator.is_control();
        if line_breaks == LineBreaks::Escape && self.escape != Escape::Hl7 {
            wrong.push(("line_breaks", BREAKS));
        }
        if self.service_advice && !is_told {
            wrong.push(("segments", ADVICE));
        }
        wrong
    }

    /// The letter HL7 has for a sign.
    fn letter(&self, sign: char) -> Option<char> {
        let known = [
            (Some(self.element), 'F'),
            (Some(self.component), 'S'),
            (self.part, 'T'),
            (self.repetition, 'R'),
            (Some(self.release), 'E'),
        ];
        let of_sign = known.into_iter().find(|(known, _)| *known == Some(sign));
        of_sign.map(|(_, letter)| letter)
    }

    /// The text as it may stand in an element.
    fn escaped(&self, text: &str) -> Result<String, Misfit> {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            // Only line_breaks = "escape" leaves them there; a tab has no escape sequence.
            match c {
                '\n' | '\r' => {
                    out.extend([self.release, '.', 'b', 'r', self.release]);
                    continue;
                }
                '\t' => {
                    out.push(' ');
                    continue;
                }
                _ => {}
            }
            if !self.all().any(|sign| sign == c) {
                out.push(c);
                continue;
            }
            let release = self.release;
            match (self.escape, self.letter(c)) {
                (Escape::Release, _) => out.extend([release, c]),
                (Escape::Hl7, Some(letter)) => out.extend([release, letter, release]),
                (Escape::Hl7, None) | (Escape::Report, _) => return Err(Misfit::Separator),
            }
        }
        Ok(out)
    }
}

/// The service string advice, if the package wants it.
pub(crate) fn advice(settings: &Settings) -> Vec<u8> {
    let signs = settings.signs();
    if settings.kind != Kind::Segments || !signs.service_advice {
        return Vec::new();
    }
    let repetition = signs.repetition.unwrap_or(' ');
    let order = [
        signs.component,
        signs.element,
        signs.decimal,
        signs.release,
        repetition,
        signs.terminator,
    ];
    // All of them are ASCII.
    let mut out = format!("UNA{}", order.iter().collect::<String>()).into_bytes();
    out.extend_from_slice(settings.line_end().bytes());
    out
}

/// The bytes of one element or component.
pub(crate) fn value(
    settings: &Settings,
    text: &str,
    changes: &mut Vec<Change>,
) -> Result<Vec<u8>, Misfit> {
    let escaped = settings.signs().escaped(text)?;
    if escaped != text {
        changes.push(Change::Escaped);
    }
    encoded(settings, &escaped)
}

/// A segment with its terminator.
pub(crate) fn segment(
    settings: &Settings,
    (record, cells): (&Record, &[(&Cell, Vec<u8>)]),
) -> Result<Vec<u8>, Misfit> {
    let signs = settings.signs();
    let mut out = encoded(settings, record.title.as_deref().unwrap_or_default())?;
    let mut last = Position {
        element: 0,
        ..Position::FIRST
    };
    for (cell, value) in cells {
        if value.is_empty() && signs.trailing == Trailing::Cut {
            continue;
        }
        let next = cell.field.position;
        // Separators are written before what they lead to: behind the last value there are none.
        let mut here = last;
        if next.element > here.element {
            out.extend(sign(signs.element).repeat(next.element - here.element));
            here = Position::FIRST;
        }
        if let Some(between) = signs.repetition
            && next.repetition > here.repetition
        {
            out.extend(sign(between).repeat(next.repetition - here.repetition));
            here = Position::FIRST;
        }
        if next.component > here.component {
            out.extend(sign(signs.component).repeat(next.component - here.component));
            here.part = 1;
        }
        if let Some(between) = signs.part {
            out.extend(sign(between).repeat(next.part.saturating_sub(here.part)));
        }
        out.extend_from_slice(value);
        last = next;
    }
    out.extend(sign(signs.terminator));
    out.extend_from_slice(settings.line_end().bytes());
    Ok(out)
}

fn sign(sign: char) -> Vec<u8> {
    sign.to_string().into_bytes()
}

/// Tags the file cannot hold, and parts and repetitions without a sign for them.
pub(crate) fn misfits(settings: &Settings, layout: &Layout) -> Findings {
    if settings.kind != Kind::Segments {
        return Findings::new();
    }
    let signs = settings.signs();
    let at = |place: &str| format!("{}: {place}", settings.columns);
    let tags = layout.labels().into_iter().filter_map(|label| {
        let text = label.text.as_str();
        if text.contains(|c: char| c.is_control() || c == signs.terminator) {
            return Some(finding(&at(&label.at), Misfit::Separator));
        }
        (!settings.encoding.has(text)).then(|| finding(&at(&label.at), Misfit::Unmappable))
    });
    let fields = layout.fields();
    let places = fields.iter().flat_map(|field| {
        let Position {
            part, repetition, ..
        } = field.position;
        let lacking = [
            (part > 1 && signs.part.is_none()).then_some(PART),
            (repetition > 1 && signs.repetition.is_none()).then_some(REPETITION),
        ];
        lacking.into_iter().flatten().map(|(de, en)| {
            let at = at(&format!("column/{}", field.name));
            Finding::new(at, "settings", Bilingual::new(de, en))
        })
    });
    tags.chain(places).collect()
}

#[cfg(test)]
mod tests;
