//! `[settings]` of a package for `table`; their reference is the README.

use amtsbote_adapter::{Beside, Encoding, FileName, Letters, Numbering};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::columns::Shape;
use serde::Deserialize;

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
    #[serde(default)]
    pub(crate) line_end: LineEnd,
    /// Bytes behind the last record.
    #[serde(default)]
    pub(crate) end_of_file: EndOfFile,
    #[serde(default)]
    pub(crate) line_breaks: LineBreaks,
    /// CSV only.
    separator: Option<char>,
    /// CSV only.
    quote: Option<Quote>,
    /// CSV only.
    guard: Option<Guard>,
    /// Fixed width only.
    width_in: Option<WidthIn>,
    /// Folder of the attachments, `.` or `none`.
    #[serde(default = "anlagen")]
    attachments: String,
    #[serde(default)]
    letters: Letters,
    #[serde(default)]
    numbering: Numbering,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Csv,
    Fixed,
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LineEnd {
    #[default]
    Crlf,
    Lf,
    Cr,
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

impl LineEnd {
    pub(crate) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Crlf => b"\r\n",
            Self::Lf => b"\n",
            Self::Cr => b"\r",
        }
    }
}

impl Settings {
    pub(crate) fn shape(&self) -> Shape {
        match self.kind {
            Kind::Csv => Shape::Csv,
            Kind::Fixed => Shape::Fixed,
        }
    }

    pub(crate) fn separator(&self) -> char {
        self.separator.unwrap_or(';')
    }

    pub(crate) fn quote(&self) -> Quote {
        self.quote.unwrap_or(Quote::Needed)
    }

    pub(crate) fn guard(&self) -> Guard {
        match self.kind {
            Kind::Csv => self.guard.unwrap_or(Guard::Prefix),
            Kind::Fixed => Guard::Off,
        }
    }

    pub(crate) fn width_in(&self) -> WidthIn {
        self.width_in.unwrap_or(WidthIn::Characters)
    }

    /// Where attachments go.
    pub(crate) fn beside(&self) -> Result<Beside, Findings> {
        Beside::new(&self.attachments, self.letters, self.numbering)
    }

    /// What is wrong beyond the single keys.
    pub(crate) fn findings(&self) -> Findings {
        let mut findings = Findings::new();
        let mut wrong = |key: &str, de: &str, en: &str| {
            findings.push(Finding::new(
                format!("package.toml/settings/{key}"),
                "settings",
                Bilingual::new(de, en),
            ));
        };
        match self.kind {
            Kind::Csv => {
                if self.width_in.is_some() {
                    wrong(
                        "width_in",
                        "gehört zu kind = \"fixed\"",
                        "belongs to kind = \"fixed\"",
                    );
                }
                let separator = self.separator();
                if separator.is_alphanumeric()
                    || matches!(separator, '"' | '\r' | '\n')
                    || !separator.is_ascii()
                {
                    wrong(
                        "separator",
                        "ein ASCII-Zeichen, kein Buchstabe, keine Ziffer, kein Anführungszeichen",
                        "one ASCII character, no letter, digit or quote",
                    );
                }
                if self.quote() == Quote::Never
                    && (self.line_breaks == LineBreaks::Keep || self.guard() == Guard::Quote)
                {
                    wrong(
                        "quote",
                        "line_breaks = \"keep\" und guard = \"quote\" brauchen Anführungszeichen",
                        "line_breaks = \"keep\" and guard = \"quote\" need quotes",
                    );
                }
            }
            Kind::Fixed => {
                if self.separator.is_some() || self.quote.is_some() || self.guard.is_some() {
                    wrong(
                        "kind",
                        "separator, quote und guard gehören zu kind = \"csv\"",
                        "separator, quote and guard belong to kind = \"csv\"",
                    );
                }
                if self.line_breaks == LineBreaks::Keep {
                    wrong(
                        "line_breaks",
                        "keep gehört zu kind = \"csv\"",
                        "keep belongs to kind = \"csv\"",
                    );
                }
            }
        }
        findings.extend(self.beside().err().into_iter().flatten());
        findings
    }
}
