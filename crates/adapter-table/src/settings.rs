//! `[settings]` of a package for `table`; their reference is the README.

use amtsbote_adapter::{
    AttachmentName, Beside, Encoding, FileName, Letters, Naming, Numbering, Package,
};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::columns::Shape;
use serde::Deserialize;

use crate::segments::Signs;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    /// The column list, a file of the package.
    pub(crate) columns: String,
    /// Name of the file that is made.
    pub(crate) file: FileName,
    pub(crate) encoding: Encoding,
    #[serde(default)]
    pub(crate) unmappable: Unmappable,
    line_end: Option<LineEnd>,
    /// Bytes behind the last record.
    #[serde(default)]
    pub(crate) end_of_file: EndOfFile,
    #[serde(default)]
    pub(crate) line_breaks: LineBreaks,
    /// CSV, keys.
    separator: Option<String>,
    /// CSV, keys.
    quote: Option<Quote>,
    /// CSV only.
    guard: Option<Guard>,
    /// Fixed width only.
    width_in: Option<WidthIn>,
    /// Keys only: the line of a section, with `{}` for its title.
    sections: Option<String>,
    /// Keys only: empty lines before each section but the first.
    gap_lines: Option<u8>,
    /// Keys only: keys are filled up with blanks to this width.
    key_width: Option<usize>,
    /// Segments only.
    segments: Option<Signs>,
    /// Folder of the attachments, `.` or `none`.
    #[serde(default = "anlagen")]
    attachments: String,
    #[serde(default)]
    letters: Letters,
    #[serde(default)]
    numbering: Option<Numbering>,
    /// How they are called, where the rule of ours does not do.
    attachment_name: Option<AttachmentName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Csv,
    Fixed,
    Keys,
    Segments,
}

/// What becomes of a character the encoding does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unmappable {
    /// A finding.
    #[default]
    Report,
    /// The closest letters; a finding if there are none.
    Transliterate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LineEnd {
    Crlf,
    Lf,
    Cr,
    /// Nothing: fields of fixed width and segments tell where a record ends.
    None,
}

/// Bytes in hexadecimal digits, such as `1A`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct EndOfFile(Vec<u8>);

const END_MAX_BYTES: usize = 16;

impl TryFrom<String> for EndOfFile {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits: Option<Vec<u32>> = text
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_digit(16))
            .collect();
        let digits = digits.unwrap_or_default();
        if digits.is_empty() || !digits.len().is_multiple_of(2) || digits.len() > 2 * END_MAX_BYTES
        {
            return Err(format!(
                "end_of_file is 1 to {END_MAX_BYTES} bytes of two hexadecimal digits each, such as \"1A\""
            ));
        }
        let byte = |pair: &[u32]| pair.iter().fold(0, |byte, digit| byte * 16 + digit);
        let bytes = digits.chunks(2).map(byte).map(u8::try_from);
        let bytes: Result<Vec<u8>, _> = bytes.collect();
        bytes.map(Self).map_err(|error| error.to_string())
    }
}

impl EndOfFile {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What becomes of line breaks and tabs inside a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LineBreaks {
    /// One blank.
    #[default]
    Blank,
    /// Stay, inside quotes. CSV only.
    Keep,
    /// In keys `\n`, `\r`, `\t`, and `\\` for the sign itself; in segments of HL7 `\.br\`.
    Escape,
    /// A finding.
    Report,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Quote {
    /// Where the value asks for it (RFC 4180 §2).
    Needed,
    /// Around every cell.
    Always,
    /// Around texts and not around numbers, whether they ask for it or not.
    Texts,
    /// Nowhere; a value that would need quotes is a finding.
    Never,
}

/// What becomes of a value a spreadsheet would run as a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Guard {
    /// An apostrophe in front.
    Prefix,
    /// Quotes around it, nothing more.
    Quote,
    /// A finding.
    Report,
    /// Nothing.
    Off,
}

/// What a width counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WidthIn {
    /// Unicode scalar values after NFC.
    Characters,
    /// Bytes of the file.
    Bytes,
}

fn anlagen() -> String {
    "anlagen".to_owned()
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Fixed => "fixed",
            Self::Keys => "keys",
            Self::Segments => "segments",
        }
    }
}

impl LineEnd {
    pub(crate) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Crlf => b"\r\n",
            Self::Lf => b"\n",
            Self::Cr => b"\r",
            Self::None => b"",
        }
    }
}

impl Settings {
    pub(crate) fn shape(&self) -> Shape {
        match self.kind {
            Kind::Csv => Shape::Csv,
            Kind::Fixed => Shape::Fixed,
            Kind::Keys => Shape::Keys,
            Kind::Segments => Shape::Segments,
        }
    }

    pub(crate) fn separator(&self) -> &str {
        let default = match self.kind {
            Kind::Csv | Kind::Fixed | Kind::Segments => ";",
            Kind::Keys => "=",
        };
        self.separator.as_deref().unwrap_or(default)
    }

    pub(crate) fn line_end(&self) -> LineEnd {
        let default = match self.kind {
            Kind::Csv | Kind::Fixed | Kind::Keys => LineEnd::Crlf,
            Kind::Segments => LineEnd::None,
        };
        self.line_end.unwrap_or(default)
    }

    /// The signs of a file of segments.
    pub(crate) fn signs(&self) -> Signs {
        self.segments.clone().unwrap_or_default()
    }

    pub(crate) fn quote(&self) -> Quote {
        let default = match self.kind {
            Kind::Csv => Quote::Needed,
            Kind::Fixed | Kind::Keys | Kind::Segments => Quote::Never,
        };
        self.quote.unwrap_or(default)
    }

    /// What stands before a section's title and behind it.
    pub(crate) fn sections(&self) -> (&str, &str) {
        let form = self.sections.as_deref().unwrap_or("[{}]");
        form.split_once("{}").unwrap_or((form, ""))
    }

    pub(crate) fn gap_lines(&self) -> u8 {
        self.gap_lines.unwrap_or(1)
    }

    pub(crate) fn key_width(&self) -> usize {
        self.key_width.unwrap_or(0)
    }

    pub(crate) fn guard(&self) -> Guard {
        match self.kind {
            Kind::Csv => self.guard.unwrap_or(Guard::Prefix),
            Kind::Fixed | Kind::Keys | Kind::Segments => Guard::Off,
        }
    }

    pub(crate) fn width_in(&self) -> WidthIn {
        self.width_in.unwrap_or(WidthIn::Characters)
    }

    /// Where attachments go.
    pub(crate) fn beside(&self, package: &Package) -> Result<Beside, Findings> {
        let said = self.attachment_name.as_ref();
        let naming = Naming::open(package, self.letters, self.numbering, said)?;
        Beside::new(&self.attachments, naming)
    }

    /// What is wrong beyond the single keys.
    pub(crate) fn findings(&self) -> Findings {
        let mut findings: Findings = self.foreign().collect();
        let wrong = match self.kind {
            Kind::Csv => self.wrong_in_csv(),
            Kind::Fixed => Vec::new(),
            Kind::Keys => self.wrong_in_keys(),
            Kind::Segments => self.signs().wrong(self.line_breaks),
        };
        findings.extend(
            wrong
                .into_iter()
                .map(|(key, (de, en))| finding(key, de, en)),
        );
        findings
    }

    /// Settings that belong to other kinds.
    fn foreign(&self) -> impl Iterator<Item = Finding> + use<> {
        let (csv, fixed, keys, segments) = (Kind::Csv, Kind::Fixed, Kind::Keys, Kind::Segments);
        let all_kinds = vec![csv, fixed, keys, segments];
        let ends = match self.line_end() {
            LineEnd::None => vec![fixed, segments],
            LineEnd::Crlf | LineEnd::Lf | LineEnd::Cr => all_kinds.clone(),
        };
        let breaks = match self.line_breaks {
            LineBreaks::Keep => vec![csv],
            LineBreaks::Escape => vec![keys, segments],
            LineBreaks::Blank | LineBreaks::Report => all_kinds,
        };
        let all = [
            ("separator", self.separator.is_some(), vec![csv, keys]),
            ("quote", self.quote.is_some(), vec![csv, keys]),
            ("guard", self.guard.is_some(), vec![csv]),
            ("width_in", self.width_in.is_some(), vec![fixed]),
            ("line_breaks", true, breaks),
            ("line_end", true, ends),
            ("segments", self.segments.is_some(), vec![segments]),
            ("sections", self.sections.is_some(), vec![keys]),
            ("gap_lines", self.gap_lines.is_some(), vec![keys]),
            ("key_width", self.key_width.is_some(), vec![keys]),
        ];
        let kind = self.kind;
        all.into_iter()
            .filter(move |(_, is_there, kinds)| *is_there && !kinds.contains(&kind))
            .map(|(key, _, kinds)| {
                let kinds: Vec<String> = kinds
                    .iter()
                    .map(|kind| format!("kind = \"{}\"", kind.name()))
                    .collect();
                let kinds = kinds.join(", ");
                let de = format!("gehört zu {kinds}");
                finding(key, &de, &format!("belongs to {kinds}"))
            })
    }

    fn wrong_in_csv(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut letters = self.separator().chars();
        let is_plain = |c: char| c.is_ascii() && !c.is_alphanumeric() && !"\"\r\n".contains(c);
        if !letters.next().is_some_and(is_plain) || letters.next().is_some() {
            wrong.push(("separator", ONE_CHARACTER));
        }
        if self.quote() == Quote::Never
            && (self.line_breaks == LineBreaks::Keep || self.guard() == Guard::Quote)
        {
            wrong.push(("quote", NEED_QUOTES));
        }
        wrong
    }

    fn wrong_in_keys(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.chars().count() <= MARK_MAX
                && !text.contains(|c: char| c.is_control() && c != '\t')
        };
        let separator = self.separator();
        if !is_plain(separator) || separator.contains(|c: char| c.is_alphanumeric() || c == '"') {
            wrong.push(("separator", SEPARATOR));
        }
        let (before, behind) = self.sections();
        let has_place = self
            .sections
            .as_ref()
            .is_none_or(|form| form.contains("{}"));
        if !has_place || !is_plain(&format!("{before}{behind}")) {
            wrong.push(("sections", SECTIONS));
        }
        if self.quote() == Quote::Needed {
            wrong.push(("quote", ALL_OR_NONE));
        }
        if self.gap_lines() > GAP_MAX_LINES {
            wrong.push(("gap_lines", GAP));
        }
        wrong
    }
}

/// A setting, and what is wrong with it in German and English.
pub(crate) type Wrong = (&'static str, (&'static str, &'static str));

/// The longest separator, and the most around a title.
const MARK_MAX: usize = 40;
const GAP_MAX_LINES: u8 = 9;

const ONE_CHARACTER: (&str, &str) = (
    "ein ASCII-Zeichen, kein Buchstabe, keine Ziffer, kein Anführungszeichen",
    "one ASCII character, no letter, digit or quote",
);
const NEED_QUOTES: (&str, &str) = (
    "line_breaks = \"keep\" und guard = \"quote\" brauchen Anführungszeichen",
    "line_breaks = \"keep\" and guard = \"quote\" need quotes",
);
const SEPARATOR: (&str, &str) = (
    "ein bis 40 Zeichen wie \" = \", ohne Buchstaben, Ziffern und Anführungszeichen",
    "one to 40 characters such as \" = \", no letters, digits or quotes",
);
const SECTIONS: (&str, &str) = (
    "eine Zeile mit {} für den Namen des Abschnitts, wie \"[{}]\", und mindestens einem Zeichen darum",
    "one line with {} for the section's title, such as \"[{}]\", and at least one character around it",
);
const ALL_OR_NONE: (&str, &str) = (
    "\"never\", \"always\" oder \"texts\": was ein Leser von Schlüsseln und Werten braucht, ist nicht bekannt",
    "\"never\", \"always\" or \"texts\": what a reader of keys and values needs is not known",
);
const GAP: (&str, &str) = ("höchstens 9", "at most 9");

fn finding(key: &str, de: &str, en: &str) -> Finding {
    Finding::new(
        format!("package.toml/settings/{key}"),
        "settings",
        Bilingual::new(de, en),
    )
}
