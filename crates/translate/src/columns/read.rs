//! Reads the column list and finds all its faults.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Align, Counter, FIELDS_MAX, Field, FieldSource, FieldValue, Header, LAYOUT_MAX_BYTES, Overflow,
    Parts, RecordKind, RecordSource, Shape, WIDTH_MAX,
};
use crate::codes::CodeMaps;
use crate::convert::Conversion;
use crate::fault::{Fault, FaultKind, Faults};
use crate::word::{Missing, Scope, Words, line_at};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLayout {
    #[serde(default)]
    header: RawHeader,
    each: Option<String>,
    r#if: Option<String>,
    #[serde(default)]
    before: Vec<Spanned<RawField>>,
    #[serde(default)]
    column: Vec<Spanned<RawField>>,
    #[serde(default)]
    after: Vec<Spanned<RawField>>,
    #[serde(default)]
    record: Vec<Spanned<RawRecord>>,
}

/// `true`, `false` or `"below"`.
#[derive(Default, Deserialize)]
#[serde(try_from = "toml::Value")]
struct RawHeader(Option<Header>);

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
struct RawRecord {
    name: String,
    each: Option<String>,
    r#if: Option<String>,
    #[serde(default)]
    field: Vec<Spanned<RawField>>,
    #[serde(default)]
    record: Vec<Spanned<RawRecord>>,
}

/// One kind of records, or several that are counted together.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kinds {
    One(String),
    Several(Vec<String>),
}

impl Default for Kinds {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Kinds {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    name: String,
    from: Option<String>,
    text: Option<String>,
    count: Option<Counter>,
    #[serde(default)]
    of: Kinds,
    r#as: Option<String>,
    codes: Option<String>,
    missing: Option<String>,
    width: Option<usize>,
    #[serde(default)]
    align: Align,
    #[serde(default = "blank")]
    pad: char,
    #[serde(default)]
    overflow: Overflow,
    quoted: Option<bool>,
}

/// Kinds of records of one file.
const RECORDS_MAX: usize = 200;
/// Records inside of records.
const DEPTH_MAX: usize = 8;

/// Why a word is not allowed where it stands, in German and English.
type Reason = (&'static str, &'static str);

const CSV_ONLY: Reason = (
    "es gehört zu kind = \"csv\"",
    "it belongs to kind = \"csv\"",
);
const NO_KINDS: Reason = (
    "es nennt eine Satzart ([[record]]), und es gibt keine",
    "it names one of [[record]], and there are none",
);
const BESIDE_RECORDS: Reason = (
    "neben [[record]] sagt es nichts: als eigenen [[record]] schreiben, oder in einen",
    "beside [[record]] it says nothing: write it as a [[record]] of its own, or inside one",
);
const ROWS_ONLY: Reason = (
    "es gehört zu count = \"rows\"",
    "it belongs to count = \"rows\"",
);
const NOT_LEFT_OUT: Reason = (
    "eine Spalte kann nicht wegfallen; empty schreiben",
    "a column cannot be left out; say empty",
);

fn elsewhere(word: &str, (de, en): Reason) -> FaultKind {
    let word = word.to_owned();
    FaultKind::Elsewhere { word, de, en }
}

const fn blank() -> char {
    ' '
}

pub(super) fn read(
    (file, text): (&str, &str),
    codes: &CodeMaps,
    shape: Shape,
) -> Result<Parts, Faults> {
    let whole = |line, kind| {
        Faults::one(Fault {
            file: file.to_owned(),
            line,
            at: String::new(),
            kind,
        })
    };
    if text.len() > LAYOUT_MAX_BYTES {
        let (bytes, max) = (text.len(), LAYOUT_MAX_BYTES);
        return Err(whole(None, FaultKind::TooLarge { bytes, max }));
    }
    let raw: RawLayout = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_at(text, span.start));
        whole(
            line,
            FaultKind::Malformed {
                reason: error.message().to_owned(),
            },
        )
    })?;
    let mut builder = Builder {
        file,
        text,
        codes,
        shape,
        faults: Vec::new(),
    };
    let header = raw.header.0;
    if header.is_some() && shape != Shape::Csv {
        builder.fault(None, "header", elsewhere("header", CSV_ONLY));
    }
    let records = if raw.record.is_empty() {
        builder.rows(raw)
    } else {
        builder.alone(&raw);
        let mut names = Vec::new();
        let records = builder.records(raw.record, 1, &mut names);
        builder.counted(&records, &names);
        records
    };
    let parts = Parts { header, records };
    Faults::unless_none(builder.faults, parts)
}

struct Builder<'f> {
    file: &'f str,
    text: &'f str,
    codes: &'f CodeMaps,
    shape: Shape,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    fn fault(&mut self, line: Option<u32>, at: &str, kind: FaultKind) {
        self.faults.push(Fault {
            file: self.file.to_owned(),
            line,
            at: at.to_owned(),
            kind,
        });
    }

    /// One kind of rows, with a record before and after them.
    fn rows(&mut self, raw: RawLayout) -> Vec<RecordSource> {
        if raw.column.is_empty() {
            self.needs("column", "at least one [[column]], or [[record]]");
        }
        let mut records = Vec::new();
        let groups = [
            (RecordKind::Before, "before", raw.before),
            (RecordKind::Row, "column", raw.column),
            (RecordKind::After, "after", raw.after),
        ];
        for (kind, name, fields) in groups {
            if fields.is_empty() && kind != RecordKind::Row {
                continue;
            }
            let (each, condition) = match kind {
                RecordKind::Row => (raw.each.as_deref(), raw.r#if.as_deref()),
                RecordKind::Before | RecordKind::After | RecordKind::Named => (None, None),
            };
            records.push(RecordSource {
                kind,
                name: name.to_owned(),
                line: None,
                scope: self.scope(None, "each, if", (each, condition)),
                fields: self.fields(name, fields),
                below: Vec::new(),
            });
        }
        for record in &records {
            for source in &record.fields {
                if matches!(&source.value, FieldValue::Count(_, of, _) if !of.is_empty()) {
                    let at = format!("{}/{}", record.name, source.field.name);
                    self.fault(source.line, &at, elsewhere("of", NO_KINDS));
                }
            }
        }
        records
    }

    fn scope(
        &mut self,
        line: Option<u32>,
        at: &str,
        (each, condition): (Option<&str>, Option<&str>),
    ) -> Scope {
        let mut kinds = Vec::new();
        let scope = Scope::read(each, condition, None, &mut kinds);
        for kind in kinds {
            self.fault(line, at, kind);
        }
        scope
    }

    fn needs(&mut self, word: &str, needs: &str) {
        let (word, needs) = (word.to_owned(), needs.to_owned());
        self.fault(None, "", FaultKind::Needs { word, needs });
    }

    /// Beside `[[record]]` there is nothing.
    fn alone(&mut self, raw: &RawLayout) {
        let beside = [
            ("header", raw.header.0.is_some()),
            ("each", raw.each.is_some()),
            ("if", raw.r#if.is_some()),
            ("[[before]]", !raw.before.is_empty()),
            ("[[column]]", !raw.column.is_empty()),
            ("[[after]]", !raw.after.is_empty()),
        ];
        for (word, _) in beside.into_iter().filter(|(_, is_there)| *is_there) {
            self.fault(None, "", elsewhere(word, BESIDE_RECORDS));
        }
    }

    fn records(
        &mut self,
        raw: Vec<Spanned<RawRecord>>,
        depth: usize,
        names: &mut Vec<String>,
    ) -> Vec<RecordSource> {
        let mut records = Vec::new();
        for spanned in raw {
            let line = Some(line_at(self.text, spanned.span().start));
            let record = spanned.into_inner();
            let name = record.name;
            if names.contains(&name) {
                self.fault(line, &name, FaultKind::Twice { name: name.clone() });
            }
            names.push(name.clone());
            let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
            if name.is_empty() || !name.chars().all(is_plain) {
                let (word, allowed) = ("name".to_owned(), "letters, digits, - and _".to_owned());
                let text = name.clone();
                self.fault(
                    line,
                    &name,
                    FaultKind::BadValue {
                        word,
                        text,
                        allowed,
                    },
                );
            }
            if record.field.is_empty() || depth > DEPTH_MAX || names.len() > RECORDS_MAX {
                let needs =
                    format!("[[record.field]], at most {RECORDS_MAX} kinds and {DEPTH_MAX} levels");
                let word = "record".to_owned();
                self.fault(line, &name, FaultKind::Needs { word, needs });
                continue;
            }
            records.push(RecordSource {
                kind: RecordKind::Named,
                line,
                scope: self.scope(
                    line,
                    &name,
                    (record.each.as_deref(), record.r#if.as_deref()),
                ),
                fields: self.fields(&name, record.field),
                below: self.records(record.record, depth + 1, names),
                name,
            });
        }
        records
    }

    /// What is counted is there.
    fn counted(&mut self, records: &[RecordSource], names: &[String]) {
        for record in records {
            for source in &record.fields {
                let FieldValue::Count(_, of, _) = &source.value else {
                    continue;
                };
                for of in of.iter().filter(|of| !names.contains(of)) {
                    let at = format!("{}/{}", record.name, source.field.name);
                    let (word, text) = ("of".to_owned(), of.clone());
                    let allowed = names.join(", ");
                    self.fault(
                        source.line,
                        &at,
                        FaultKind::BadValue {
                            word,
                            text,
                            allowed,
                        },
                    );
                }
            }
            self.counted(&record.below, names);
        }
    }

    fn fields(&mut self, group: &str, raw: Vec<Spanned<RawField>>) -> Vec<FieldSource> {
        if raw.len() > FIELDS_MAX {
            self.fault(None, group, FaultKind::TooMany { max: FIELDS_MAX });
            return Vec::new();
        }
        let mut names: Vec<String> = Vec::new();
        let mut fields = Vec::new();
        for spanned in raw {
            let line = line_at(self.text, spanned.span().start);
            let field = spanned.into_inner();
            let at = format!("{group}/{}", field.name);
            if names.contains(&field.name) {
                self.fault(
                    Some(line),
                    &at,
                    FaultKind::Twice {
                        name: field.name.clone(),
                    },
                );
            }
            names.push(field.name.clone());
            fields.extend(self.field(field, line, &at));
        }
        fields
    }

    fn field(&mut self, raw: RawField, line: u32, at: &str) -> Option<FieldSource> {
        let mut kinds = Vec::new();
        let words = Words {
            from: raw.from.as_deref(),
            convert: raw.r#as.as_deref(),
            codes: raw.codes.as_deref(),
            missing: raw.missing.as_deref(),
        };
        let of = raw.of.names().to_vec();
        let value = match (&raw.from, &raw.text, raw.count) {
            (Some(_), None, None) => words
                .read(Some(line), self.codes, &mut kinds)
                .map(FieldValue::Bound),
            (None, Some(text), None) => Some(FieldValue::Constant(text.clone())),
            (None, None, Some(counter)) => {
                Conversion::parse_all(raw.r#as.as_deref().unwrap_or("text"))
                    .map_err(|kind| kinds.push(kind))
                    .ok()
                    .map(|conversions| FieldValue::Count(counter, of.clone(), conversions))
            }
            _ => {
                let (word, needs) = (
                    "column".to_owned(),
                    "exactly one of from, text, count".to_owned(),
                );
                kinds.push(FaultKind::Needs { word, needs });
                None
            }
        };
        if !of.is_empty() && raw.count != Some(Counter::Rows) {
            kinds.push(elsewhere("of", ROWS_ONLY));
        }
        if let Some(FieldValue::Bound(binding)) = &value
            && binding.missing == Missing::Drop
        {
            kinds.push(elsewhere("missing = \"drop\"", NOT_LEFT_OUT));
        }
        if raw
            .width
            .is_some_and(|width| width == 0 || width > WIDTH_MAX)
        {
            let (word, allowed) = ("width".to_owned(), format!("1 to {WIDTH_MAX}"));
            let text = raw.width.unwrap_or_default().to_string();
            kinds.push(FaultKind::BadValue {
                word,
                text,
                allowed,
            });
        }
        kinds.extend(of_shape(self.shape, &raw));
        for kind in kinds {
            self.fault(Some(line), at, kind);
        }
        let field = Field {
            name: raw.name,
            width: raw.width,
            align: raw.align,
            pad: raw.pad,
            quoted: raw.quoted,
        };
        value.map(|value| FieldSource {
            field: Arc::new(field),
            line: Some(line),
            overflow: raw.overflow,
            value,
        })
    }
}

/// What a field needs or may not have, as the file is of this shape.
fn of_shape(shape: Shape, raw: &RawField) -> Vec<FaultKind> {
    let mut kinds = Vec::new();
    if shape == Shape::Fixed && raw.quoted.is_some() {
        kinds.push(elsewhere("quoted", CSV_ONLY));
    }
    if shape == Shape::Fixed && raw.width.is_none() {
        let (word, needs) = ("kind = \"fixed\"".to_owned(), "width".to_owned());
        kinds.push(FaultKind::Needs { word, needs });
    }
    kinds
}
