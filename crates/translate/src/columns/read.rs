//! Reads the column list and finds all its faults.

use std::sync::Arc;

use toml::Spanned;

use super::numbered::{KNOWN, Numbered};
use super::raw::{
    BESIDE_RECORDS, COUNT_ONLY, CSV_ONLY, HEADER_ONLY, KEYS_ONLY, NO_KINDS, NOT_LEFT_OUT,
    ONLY_CONSTANTS, RECORDS_ONLY, RawField, RawLayout, RawRecord, SEGMENTS_ONLY, elsewhere,
    of_shape,
};
use super::{
    FIELDS_MAX, Field, FieldSource, FieldValue, Header, LAYOUT_MAX_BYTES, Parts, Position,
    RecordKind, RecordSource, Shape, WIDTH_MAX, each_source,
};
use crate::codes::CodeMaps;
use crate::convert::Conversion;
use crate::fault::{Fault, FaultKind, Faults};
use crate::word::{Missing, Scope, WhenEmpty, Words, line_at};

/// Kinds of records of one file.
const RECORDS_MAX: usize = 200;
/// Records inside of records.
const DEPTH_MAX: usize = 8;

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
    let header_quoted = raw.header_quoted;
    if header_quoted.is_some() && header.is_none() {
        builder.fault(
            None,
            "header_quoted",
            elsewhere("header_quoted", HEADER_ONLY),
        );
    }
    let empty = builder.empty(raw.empty.as_deref());
    let records = if raw.record.is_empty() {
        builder.rows(raw)
    } else {
        builder.alone(&raw);
        let mut names = Vec::new();
        let records = builder.records(raw.record, Inside::NOTHING, &mut names);
        builder.counted(&records, &names);
        records
    };
    builder.headings(header, &records);
    let parts = Parts {
        header,
        header_quoted,
        records,
        shape,
        empty,
    };
    Faults::unless_none(builder.faults, parts)
}

/// What is around a record.
#[derive(Clone, Copy)]
struct Inside {
    depth: usize,
    eaches: usize,
}

impl Inside {
    const NOTHING: Self = Self {
        depth: 0,
        eaches: 0,
    };
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

    /// Headings stand above rows, in the line of names.
    fn headings(&mut self, header: Option<Header>, records: &[RecordSource]) {
        each_source(records, &mut |record, source| {
            let has_line = header.is_some() && record.kind == RecordKind::Row;
            if source.heading.is_some() && !has_line {
                let at = format!("{}/{}", record.name, source.field.name);
                self.fault(source.line, &at, elsewhere("heading", HEADER_ONLY));
            }
        });
    }

    /// What becomes of fields without a value.
    fn empty(&mut self, word: Option<&str>) -> WhenEmpty {
        if word.is_some() && self.shape != Shape::Keys {
            self.fault(None, "empty", elsewhere("empty", KEYS_ONLY));
        }
        WhenEmpty::parse(word).unwrap_or_else(|kind| {
            self.fault(None, "empty", kind);
            WhenEmpty::Keep
        })
    }

    /// What stands before the fields of a record: a section's title or a segment's tag, with the word for it.
    fn title(
        &mut self,
        (line, at): (Option<u32>, &str),
        (section, tag): (Option<String>, Option<String>),
    ) -> Option<(&'static str, String)> {
        if section.is_some() && self.shape != Shape::Keys {
            self.fault(line, at, elsewhere("section", KEYS_ONLY));
        }
        if tag.is_some() && self.shape != Shape::Segments {
            self.fault(line, at, elsewhere("tag", SEGMENTS_ONLY));
        }
        if self.shape == Shape::Segments && tag.as_ref().is_none_or(String::is_empty) {
            let (word, needs) = ("record".to_owned(), "tag".to_owned());
            self.fault(line, at, FaultKind::Needs { word, needs });
        }
        let section = section.map(|text| ("section", text));
        section.or(tag.map(|text| ("tag", text)))
    }

    /// A text with numbers; `eaches` are around it.
    fn numbered(
        &mut self,
        (line, at): (Option<u32>, &str),
        (word, text): (&str, String),
        eaches: usize,
    ) -> Option<Numbered> {
        let parsed = Numbered::parse(&text).filter(|parsed| parsed.depth() <= eaches);
        if parsed.is_none() {
            let (word, allowed) = (word.to_owned(), KNOWN.to_owned());
            self.fault(
                line,
                at,
                FaultKind::BadValue {
                    word,
                    text,
                    allowed,
                },
            );
        }
        parsed
    }

    /// One kind of rows, with a record before and after them.
    fn rows(&mut self, raw: RawLayout) -> Vec<RecordSource> {
        if self.shape == Shape::Segments {
            self.fault(None, "", elsewhere("[[column]]", RECORDS_ONLY));
        }
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
                title: None,
                fields: self.fields(name, fields, usize::from(each.is_some())),
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
        around: Inside,
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
            let here = Inside {
                depth: around.depth + 1,
                eaches: around.eaches + usize::from(record.each.is_some()),
            };
            let has_title = record.section.is_some() || record.tag.is_some();
            let is_bare = record.field.is_empty() && !has_title;
            if is_bare || here.depth > DEPTH_MAX || names.len() > RECORDS_MAX {
                let needs =
                    format!("[[record.field]], at most {RECORDS_MAX} kinds and {DEPTH_MAX} levels");
                let word = "record".to_owned();
                self.fault(line, &name, FaultKind::Needs { word, needs });
                continue;
            }
            let title = self
                .title((line, &name), (record.section, record.tag))
                .and_then(|title| self.numbered((line, &name), title, here.eaches));
            records.push(RecordSource {
                kind: RecordKind::Named,
                title,
                line,
                scope: self.scope(
                    line,
                    &name,
                    (record.each.as_deref(), record.r#if.as_deref()),
                ),
                fields: self.fields(&name, record.field, here.eaches),
                below: self.records(record.record, here, names),
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

    fn fields(
        &mut self,
        group: &str,
        raw: Vec<Spanned<RawField>>,
        eaches: usize,
    ) -> Vec<FieldSource> {
        if raw.len() > FIELDS_MAX {
            self.fault(None, group, FaultKind::TooMany { max: FIELDS_MAX });
            return Vec::new();
        }
        let mut names: Vec<String> = Vec::new();
        let mut fields = Vec::new();
        let mut position = None;
        for spanned in raw {
            let line = line_at(self.text, spanned.span().start);
            let mut field = spanned.into_inner();
            let key = self.key(&mut field);
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
            let key = key.and_then(|key| self.numbered((Some(line), &at), ("key", key), eaches));
            let is_bare = key.as_ref().is_some_and(|key| key.text().is_empty());
            if is_bare && field.text.is_none() {
                self.fault(Some(line), &at, elsewhere("key = \"\"", ONLY_CONSTANTS));
            }
            position = Some(self.position((&field, line, &at), position));
            let source = self.field((field, position), line, &at);
            fields.extend(source.map(|source| FieldSource { key, ..source }));
        }
        fields
    }

    /// Where in its segment a field stands; the one before it stands at `last`.
    fn position(
        &mut self,
        (raw, line, at): (&RawField, u32, &str),
        last: Option<Position>,
    ) -> Position {
        let next = last.map_or(Position::FIRST, Position::next);
        let Some(text) = &raw.at else {
            return next;
        };
        let parsed = Position::parse(text).filter(|parsed| Some(*parsed) > last);
        parsed.unwrap_or_else(|| {
            let (word, text) = ("at".to_owned(), text.clone());
            let allowed = "3, 3.2, 3.2.1, 3[2].1 …, 1 < 1.2 < 1[2] < 2 < 3".to_owned();
            self.fault(
                Some(line),
                at,
                FaultKind::BadValue {
                    word,
                    text,
                    allowed,
                },
            );
            next
        })
    }

    /// What stands before a value, in a file of keys and values; taken out of the field.
    fn key(&mut self, raw: &mut RawField) -> Option<String> {
        (self.shape == Shape::Keys).then(|| raw.key.take().unwrap_or_else(|| raw.name.clone()))
    }

    fn field(
        &mut self,
        (raw, position): (RawField, Option<Position>),
        line: u32,
        at: &str,
    ) -> Option<FieldSource> {
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
        if !of.is_empty() && raw.count.is_none() {
            kinds.push(elsewhere("of", COUNT_ONLY));
        }
        if let Some(FieldValue::Bound(binding)) = &value
            && binding.missing == Missing::Drop
            && self.shape != Shape::Keys
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
            position: position.unwrap_or(Position::FIRST),
        };
        value.map(|value| FieldSource {
            field: Arc::new(field),
            key: None,
            heading: raw.heading,
            line: Some(line),
            overflow: raw.overflow,
            value,
        })
    }
}
