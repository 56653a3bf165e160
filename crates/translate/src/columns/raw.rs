//! The column list as it is written, and which of its words belong to which shape of file.

use serde::Deserialize;
use toml::Spanned;

use super::{Align, Counter, Header, Overflow, Shape};
use crate::fault::FaultKind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLayout {
    #[serde(default)]
    pub(super) header: RawHeader,
    pub(super) header_quoted: Option<bool>,
    pub(super) empty: Option<String>,
    pub(super) each: Option<String>,
    pub(super) r#if: Option<String>,
    #[serde(default)]
    pub(super) before: Vec<Spanned<RawField>>,
    #[serde(default)]
    pub(super) column: Vec<Spanned<RawField>>,
    #[serde(default)]
    pub(super) after: Vec<Spanned<RawField>>,
    #[serde(default)]
    pub(super) record: Vec<Spanned<RawRecord>>,
}

/// `true`, `false` or `"below"`.
#[derive(Default, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) struct RawHeader(pub(super) Option<Header>);

impl TryFrom<toml::Value> for RawHeader {
    type Error = &'static str;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        match (value.as_bool(), value.as_str()) {
            (Some(false), _) => Ok(Self(None)),
            (Some(true), _) => Ok(Self(Some(Header::First))),
            (None, Some("below")) => Ok(Self(Some(Header::BelowBefore))),
            (None, _) => Err("header is true, false or \"below\" (below [[before]])"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord {
    pub(super) name: String,
    pub(super) section: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) each: Option<String>,
    pub(super) r#if: Option<String>,
    #[serde(default)]
    pub(super) field: Vec<Spanned<RawField>>,
    #[serde(default)]
    pub(super) record: Vec<Spanned<RawRecord>>,
}

/// One kind of records, or several that are counted together.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Kinds {
    One(String),
    Several(Vec<String>),
}

impl Default for Kinds {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Kinds {
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub(super) name: String,
    pub(super) from: Option<String>,
    pub(super) text: Option<String>,
    pub(super) count: Option<Counter>,
    #[serde(default)]
    pub(super) of: Kinds,
    pub(super) r#as: Option<String>,
    pub(super) codes: Option<String>,
    pub(super) missing: Option<String>,
    pub(super) width: Option<usize>,
    #[serde(default)]
    pub(super) align: Align,
    #[serde(default = "blank")]
    pub(super) pad: char,
    #[serde(default)]
    pub(super) overflow: Overflow,
    pub(super) quoted: Option<bool>,
    pub(super) heading: Option<String>,
    pub(super) key: Option<String>,
    pub(super) at: Option<String>,
}

/// Why a word is not allowed where it stands, in German and English.
pub(super) type Reason = (&'static str, &'static str);

pub(super) const CSV_ONLY: Reason = (
    "es gehört zu kind = \"csv\"",
    "it belongs to kind = \"csv\"",
);
pub(super) const HEADER_ONLY: Reason = ("es gehört zu header", "it belongs to header");
pub(super) const KEYS_ONLY: Reason = (
    "es gehört zu kind = \"keys\"",
    "it belongs to kind = \"keys\"",
);
pub(super) const SEGMENTS_ONLY: Reason = (
    "es gehört zu kind = \"segments\"",
    "it belongs to kind = \"segments\"",
);
pub(super) const RECORDS_ONLY: Reason = (
    "eine Segmentdatei hat [[record]] mit tag",
    "a file of segments has [[record]] with tag",
);
pub(super) const ONLY_CONSTANTS: Reason = (
    "eine Zeile ohne Schlüssel ist immer dieselbe: sie hat text",
    "a line without a key is always the same: it has text",
);
pub(super) const NO_KINDS: Reason = (
    "es nennt eine Satzart ([[record]]), und es gibt keine",
    "it names one of [[record]], and there are none",
);
pub(super) const BESIDE_RECORDS: Reason = (
    "neben [[record]] sagt es nichts: als eigenen [[record]] schreiben, oder in einen",
    "beside [[record]] it says nothing: write it as a [[record]] of its own, or inside one",
);
pub(super) const COUNT_ONLY: Reason = ("es gehört zu count", "it belongs to count");
pub(super) const NOT_LEFT_OUT: Reason = (
    "eine Spalte kann nicht wegfallen; empty schreiben",
    "a column cannot be left out; say empty",
);

pub(super) fn elsewhere(word: &str, (de, en): Reason) -> FaultKind {
    let word = word.to_owned();
    FaultKind::Elsewhere { word, de, en }
}

pub(super) const fn blank() -> char {
    ' '
}

/// What a field needs or may not have, as the file is of this shape.
pub(super) fn of_shape(shape: Shape, raw: &RawField) -> Vec<FaultKind> {
    let mut kinds = Vec::new();
    if raw.key.is_some() {
        kinds.push(elsewhere("key", KEYS_ONLY));
    }
    if raw.at.is_some() && shape != Shape::Segments {
        kinds.push(elsewhere("at", SEGMENTS_ONLY));
    }
    if matches!(shape, Shape::Fixed | Shape::Segments) && raw.quoted.is_some() {
        kinds.push(elsewhere("quoted", CSV_ONLY));
    }
    if shape == Shape::Fixed && raw.width.is_none() {
        let (word, needs) = ("kind = \"fixed\"".to_owned(), "width".to_owned());
        kinds.push(FaultKind::Needs { word, needs });
    }
    kinds
}
