//! Reads the column list and finds all its faults.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Align, Counter, FIELDS_MAX, Field, FieldSource, FieldValue, LAYOUT_MAX_BYTES, Overflow, Parts,
    WIDTH_MAX,
};
use crate::codes::CodeMaps;
use crate::convert::Conversion;
use crate::fault::{Fault, FaultKind, Faults};
use crate::word::{Missing, Scope, Words, line_at};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLayout {
    #[serde(default)]
    header: bool,
    each: Option<String>,
    r#if: Option<String>,
    #[serde(default)]
    before: Vec<Spanned<RawField>>,
    column: Vec<Spanned<RawField>>,
    #[serde(default)]
    after: Vec<Spanned<RawField>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    name: String,
    from: Option<String>,
    text: Option<String>,
    count: Option<Counter>,
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
}

const fn blank() -> char {
    ' '
}

pub(super) fn read(file: &str, text: &str, codes: &CodeMaps) -> Result<Parts, Faults> {
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
        faults: Vec::new(),
    };
    let mut kinds = Vec::new();
    let scope = Scope::read(raw.each.as_deref(), raw.r#if.as_deref(), None, &mut kinds);
    for kind in kinds {
        builder.fault(None, "each, if", kind);
    }
    let names = raw
        .column
        .iter()
        .map(|field| field.get_ref().name.clone())
        .collect();
    let parts = Parts {
        names: raw.header.then_some(names),
        scope,
        before: builder.fields("before", raw.before),
        columns: builder.fields("column", raw.column),
        after: builder.fields("after", raw.after),
    };
    Faults::unless_none(builder.faults, parts)
}

struct Builder<'f> {
    file: &'f str,
    text: &'f str,
    codes: &'f CodeMaps,
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
        let value = match (&raw.from, raw.text, raw.count) {
            (Some(_), None, None) => words
                .read(Some(line), self.codes, &mut kinds)
                .map(FieldValue::Bound),
            (None, Some(text), None) => Some(FieldValue::Constant(text)),
            (None, None, Some(counter)) => {
                Conversion::parse_all(raw.r#as.as_deref().unwrap_or("text"))
                    .map_err(|kind| kinds.push(kind))
                    .ok()
                    .map(|conversions| FieldValue::Count(counter, conversions))
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
        if let Some(FieldValue::Bound(binding)) = &value
            && binding.missing == Missing::Drop
        {
            let reason = "a column cannot be left out; say empty".to_owned();
            kinds.push(FaultKind::Misplaced {
                word: "missing = \"drop\"".to_owned(),
                reason,
            });
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
        for kind in kinds {
            self.fault(Some(line), at, kind);
        }
        let field = Field {
            name: raw.name,
            width: raw.width,
            align: raw.align,
            pad: raw.pad,
        };
        value.map(|value| FieldSource {
            field: Arc::new(field),
            line: Some(line),
            overflow: raw.overflow,
            value,
        })
    }
}
