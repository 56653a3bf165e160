//! The name of an attachment as a package says it: a text with placeholders.
//!
//! ```text
//!  {az}_{nr:000}_{type}.{ext}     FS-2026-17_001_PDF.pdf     {az} is a value of the package's own
//! ```
//!
//! Whatever fills a placeholder is made safe first, so the text around it is what the package says. A name that is too long loses the end
//! of `{name}` and nothing else: half a number would be another number.

use std::collections::{BTreeMap, BTreeSet};

use amtsbote_problem::Bilingual;
use amtsbote_translate::{Place, Root};

use crate::attachment_names::{cleaned, is_device, parts_of, type_code};
use crate::file_name::{UUID, legal};
use crate::{Letters, Opened, ParcelPath};

/// The longest text of a package.
const TEXT_MAX: usize = 200;
/// The longest name: what a [`ParcelPath`] holds in one part.
pub(crate) const LENGTH_MAX: usize = 120;
pub(crate) const LENGTH_MIN: usize = 12;
/// Characters of the longest ending, type and purpose.
const WORD_MAX: usize = 10;
const DIGITS_MAX: usize = 4;
const KNOWN: &str = "{date}, {time}, {parcel}, {submission}, {case}, {nr}, {nr:000}, {name}, {ext}, {type}, {purpose}, {id}";

/// A text with placeholders, known to give safe names.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    letters: Letters,
    max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The position, with at least so many digits.
    Nr(usize),
    Date,
    Time,
    Parcel,
    Submission,
    Case,
    Name,
    Ext,
    Type,
    Purpose,
    Id,
    /// A value of the package's own.
    Own(String),
}

/// What fills the placeholders for one attachment.
#[derive(Debug)]
pub(crate) struct Filling<'a> {
    pub(crate) opened: &'a Opened<'a>,
    /// From 0.
    pub(crate) index: usize,
    pub(crate) own: BTreeMap<String, String>,
}

/// A piece of a name.
enum Filled {
    Whole(String),
    /// May lose its end.
    Shortened(String),
}

impl Pattern {
    /// Reads `text`; `own` are the names of the package's values.
    pub(crate) fn parse(
        text: &str,
        letters: Letters,
        max: usize,
        own: &[&str],
    ) -> Result<Self, Bilingual> {
        let parts = parts(text, own)?;
        for name in own {
            if !parts.contains(&Part::Own((*name).to_owned())) {
                return Err(Bilingual::new(
                    format!("{{{name}}} steht nicht im Namen"),
                    format!("{{{name}}} is not in the name"),
                ));
            }
        }
        let pattern = Self {
            parts,
            letters,
            max,
        };
        pattern.is_usable(text).map(|()| pattern)
    }

    fn is_usable(&self, text: &str) -> Result<(), Bilingual> {
        let sample: String = self.parts.iter().map(Part::sample).collect();
        let shortest = sample.chars().count();
        if text.chars().count() > TEXT_MAX || shortest > self.max {
            return Err(Bilingual::new(
                format!(
                    "der Name wird länger als {} Zeichen (ohne {{name}} und eigene Werte schon {shortest})",
                    self.max
                ),
                format!(
                    "the name gets longer than {} characters ({shortest} without {{name}} and values of its own)",
                    self.max
                ),
            ));
        }
        let is_written = |part: &Part| {
            let Part::Text(text) = part else {
                return true;
            };
            match self.letters {
                Letters::Keep => true,
                Letters::Ascii => text.is_ascii(),
                Letters::Portable => cleaned(text, Letters::Portable) == *text,
            }
        };
        let is_safe = !sample.contains('/') && sample.parse::<ParcelPath>().is_ok();
        if is_safe && self.parts.iter().all(is_written) {
            Ok(())
        } else {
            Err(Bilingual::new(
                "kein sicherer Dateiname (ohne /, Punkt am Anfang, Leerzeichen am Ende; die Zeichen, die letters erlaubt)",
                "not a safe file name (no /, no dot in front, no blank behind; the characters that letters allows)",
            ))
        }
    }

    /// The name; `is_free` says whether nothing else is called so. None where it is too long.
    pub(crate) fn name(
        &self,
        filling: &Filling<'_>,
        is_free: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let pieces: Vec<Filled> = self
            .parts
            .iter()
            .map(|part| part.filled(filling, self.letters))
            .collect();
        let counts = std::iter::once(String::new()).chain((2..).map(|nr| format!("-{nr}")));
        for count in counts {
            let name = with_count(&joined(&pieces, self.max - count.len())?, &count);
            if name.chars().count() > self.max {
                return None;
            }
            if is_free(&name) {
                return Some(name);
            }
        }
        None
    }

    /// Where the name of the attachment `index` comes from, without the package's own values.
    pub(crate) fn sources(
        &self,
        index: usize,
        is_named: impl Fn(usize) -> bool,
    ) -> BTreeSet<Place> {
        let attachment = Place::of(Root::Attachments).index(index);
        let filename = || is_named(index).then(|| attachment.key("filename"));
        let of = |part: &Part| -> Vec<Place> {
            match part {
                Part::Text(_) | Part::Nr(_) | Part::Own(_) => Vec::new(),
                Part::Date | Part::Time => vec![Place::of(Root::ReceivedAt)],
                Part::Parcel => vec![Place::of(Root::Parcel).key("id")],
                Part::Submission => vec![Place::of(Root::Submission).key("id")],
                Part::Case => vec![Place::of(Root::Case).key("id")],
                Part::Name => filename().into_iter().collect(),
                Part::Ext | Part::Type => filename()
                    .into_iter()
                    .chain([attachment.key("media_type")])
                    .collect(),
                Part::Purpose => vec![attachment.key("purpose")],
                Part::Id => vec![attachment.key("id")],
            }
        };
        self.parts.iter().flat_map(of).collect()
    }
}

fn parts(text: &str, own: &[&str]) -> Result<Vec<Part>, Bilingual> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or_else(|| unknown(behind))?;
        if before.contains('}') {
            return Err(unknown(before));
        }
        parts.push(Part::Text(before.to_owned()));
        parts.push(Part::read(name, own).ok_or_else(|| unknown(name))?);
        rest = after;
    }
    if rest.contains('}') || parts.is_empty() {
        return Err(unknown(rest));
    }
    parts.push(Part::Text(rest.to_owned()));
    parts.retain(|part| *part != Part::Text(String::new()));
    Ok(parts)
}

fn unknown(name: &str) -> Bilingual {
    Bilingual::new(
        format!(
            "{name:?} ist kein Platzhalter; es gibt {KNOWN} und die Namen unter values; mindestens einer muss dastehen"
        ),
        format!(
            "{name:?} is no placeholder; there are {KNOWN} and the names below values; at least one has to be there"
        ),
    )
}

impl Part {
    fn read(name: &str, own: &[&str]) -> Option<Self> {
        if own.contains(&name) {
            return Some(Self::Own(name.to_owned()));
        }
        if let Some(zeros) = name.strip_prefix("nr:") {
            let fits = (1..=DIGITS_MAX).contains(&zeros.len()) && zeros.bytes().all(|b| b == b'0');
            return fits.then_some(Self::Nr(zeros.len()));
        }
        Some(match name {
            "nr" => Self::Nr(1),
            "date" => Self::Date,
            "time" => Self::Time,
            "parcel" => Self::Parcel,
            "submission" => Self::Submission,
            "case" => Self::Case,
            "name" => Self::Name,
            "ext" => Self::Ext,
            "type" => Self::Type,
            "purpose" => Self::Purpose,
            "id" => Self::Id,
            _ => return None,
        })
    }

    /// The longest value, of what has a longest; one character of what may be short.
    fn sample(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Nr(_) => "0".repeat(DIGITS_MAX),
            Self::Date => "20260102".to_owned(),
            Self::Time => "030405".to_owned(),
            Self::Parcel | Self::Submission | Self::Case | Self::Id => UUID.to_owned(),
            Self::Name | Self::Own(_) => "x".to_owned(),
            Self::Ext | Self::Type | Self::Purpose => "x".repeat(WORD_MAX),
        }
    }

    fn filled(&self, filling: &Filling<'_>, letters: Letters) -> Filled {
        let Filling { opened, index, own } = filling;
        let attachment = &opened.attachments[*index];
        let given = attachment.filename.as_ref();
        let given = given.map_or("", |name| name.reveal().as_str());
        let (date, time) = legal(opened.received_at);
        let (stem, ending) = parts_of(given, &attachment.media_type, letters);
        Filled::Whole(match self {
            Self::Name => return Filled::Shortened(stem),
            Self::Text(text) => text.clone(),
            Self::Nr(digits) => format!("{:0digits$}", index + 1, digits = *digits),
            Self::Date => date,
            Self::Time => time,
            Self::Parcel => opened.parcel_id.to_string(),
            Self::Submission => opened.submission_id.to_string(),
            Self::Case => opened.case_id.to_string(),
            Self::Ext => ending,
            Self::Type => type_code(&ending, &attachment.media_type),
            Self::Purpose => cleaned(&attachment.purpose, letters),
            Self::Id => attachment.id.to_string(),
            Self::Own(name) => cleaned(own.get(name).map_or("", String::as_str), letters),
        })
    }
}

/// The pieces in at most `max` characters: what may be shortened is, to one character at least.
fn joined(pieces: &[Filled], max: usize) -> Option<String> {
    let length = |piece: &Filled| match piece {
        Filled::Whole(text) | Filled::Shortened(text) => text.chars().count(),
    };
    let whole: usize = pieces.iter().map(length).sum();
    let mut excess = whole.saturating_sub(max);
    let mut name = String::new();
    for piece in pieces {
        match piece {
            Filled::Whole(text) => name.push_str(text),
            Filled::Shortened(text) => {
                let has = text.chars().count();
                let kept = has.saturating_sub(excess).max(1);
                excess -= has.saturating_sub(kept).min(excess);
                name.extend(text.chars().take(kept));
            }
        }
    }
    (excess == 0).then(|| usable(&name))
}

/// Without what file systems stumble over.
fn usable(name: &str) -> String {
    let name = name.trim_start_matches(' ').trim_end_matches(['.', ' ']);
    if is_device(name) {
        format!("anlage-{name}")
    } else if name.is_empty() || name.starts_with('.') {
        format!("anlage{name}")
    } else {
        name.to_owned()
    }
}

/// `-2` before the ending.
fn with_count(name: &str, count: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}{count}.{ending}"),
        _ => format!("{name}{count}"),
    }
}
