//! The column list, for CSV and fixed width. Gives cells; crate `adapter-table` makes bytes of them.
//!
//! ```toml
//! header = true                   # CSV: a first line with the columns' names; "below" puts it below [[before]]; false is the rule
//! each = ".antragsteller"         # one row per item; one row if absent
//! if = ".art == \"privat\""       # only rows for which this is true
//!
//! [[column]]
//! name = "FAMNAME"
//! from = ".familienname"          # or text = "constant", or count = "row" | "rows"
//! as = "upper"                    # conversions as in XML samples
//! codes = "anrede"
//! missing = "empty"               # report (the rule), empty, default:TEXT
//! width = 30                      # characters; fixed width only, or the longest allowed in CSV
//! align = "left"                  # left (the rule), right
//! pad = " "                       # the filling character; a blank is the rule
//! quoted = true                   # where texts are quoted and numbers are not: this column is, whatever it holds
//! overflow = "report"             # report (the rule), cut
//!
//! [[before]]                      # fields of a record before the rows, as `column`; `.` is the data
//! name = "SATZART"
//! text = "V"
//!
//! [[after]]                       # fields of a record after the rows
//! name = "ANZAHL"
//! count = "rows"
//! as = "number:000000"
//! width = 6
//! ```
//!
//! A file of several kinds of records has `[[record]]` instead of all that, in the order of the file. Records inside of records follow
//! each of theirs:
//!
//! ```toml
//! [[record]]
//! name = "person"                 # names the record in the lineage: `person[2]/FAMNAME`
//! each = ".antragsteller"         # as above; `if`, too
//!
//! [[record.field]]                # as `column`; count = "row" is the number of the record in the file, "rows" that of all records,
//! name = "FAMNAME"                # and with of = "person" or a list of kinds that of theirs
//! from = ".familienname"
//!
//! [[record.record]]
//! name = "hund"
//! each = ".hunde"
//!
//! [[record.record.field]]
//! name = "RASSE"
//! from = ".rasse"
//! ```

mod read;
mod rows;

use std::sync::Arc;

use amtsbote_model::Personal;

use crate::Constant;
use crate::codes::CodeMaps;
use crate::convert::Conversion;
use crate::fault::Faults;
use crate::lineage::Ignored;
use crate::run::{Limits, Refusal, Translation, from_template};
use crate::source::Sources;
use crate::word::{Binding, Scope};

/// The largest column list, in bytes.
pub const LAYOUT_MAX_BYTES: usize = 1024 * 1024;
/// The most fields of one record.
pub const FIELDS_MAX: usize = 2_000;
/// The widest field, in characters.
pub const WIDTH_MAX: usize = 100_000;

/// A parsed column list. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Layout {
    file: Arc<str>,
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    /// The record whose fields' names are a line of the file, and where that line stands.
    header: Option<Header>,
    records: Vec<RecordSource>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    First,
    BelowBefore,
}

#[derive(Debug)]
struct RecordSource {
    kind: RecordKind,
    /// How faults and the lineage call it.
    name: String,
    line: Option<u32>,
    scope: Scope,
    fields: Vec<FieldSource>,
    /// They follow each of this kind.
    below: Vec<RecordSource>,
}

#[derive(Debug)]
struct FieldSource {
    field: Arc<Field>,
    line: Option<u32>,
    overflow: Overflow,
    value: FieldValue,
}

#[derive(Debug)]
enum FieldValue {
    Constant(String),
    Count(Counter, Vec<String>, Vec<Conversion>),
    Bound(Binding),
}

impl FieldValue {
    /// What kind of value it is, before there is one.
    fn nature(&self) -> Nature {
        match self {
            Self::Constant(_) => Nature::Text,
            Self::Count(..) => Nature::Number,
            Self::Bound(binding) => match binding.conversions.last() {
                Some(last) if last.is_number() && binding.codes.is_none() => Nature::Number,
                Some(_) | None => Nature::Text,
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Counter {
    Row,
    Rows,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Overflow {
    #[default]
    Report,
    Cut,
}

/// What the cells become. Some words belong to some of these only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Cells with a separator between them.
    Csv,
    /// Cells of fixed width.
    Fixed,
}

/// What the sample says of one field, for whoever makes bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// Its width in characters, if it has one. Cells are never longer.
    pub width: Option<usize>,
    /// On which side the text stands.
    pub align: Align,
    /// What fills the other side.
    pub pad: char,
    /// Whether texts of this column stand in quotes; none if their nature tells.
    pub quoted: Option<bool>,
}

/// On which side of its field a text stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// Left.
    #[default]
    Left,
    /// Right.
    Right,
}

/// A finished table, not yet bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The columns' names and how many records stand above them, if a line with them is wanted.
    pub names: Option<(Vec<String>, usize)>,
    /// All records, in order.
    pub records: Vec<Record>,
}

/// One record (line).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which kind.
    pub kind: RecordKind,
    /// What the lineage calls it: its cells are `place/name`.
    pub place: String,
    /// Its cells, in order.
    pub cells: Vec<Cell>,
}

/// The kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// Before the rows.
    Before,
    /// A row.
    Row,
    /// After the rows.
    After,
    /// One of `[[record]]`.
    Named,
}

/// One cell, not padded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The text.
    pub text: Personal<String>,
    /// What kind of value it is.
    pub nature: Nature,
    /// Its field.
    pub field: Arc<Field>,
}

/// Whether a cell is a number, as far as the column list and the data tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// A counter, what `as = "number…"` made, or a number of the data that no conversion changed.
    Number,
    /// Everything else.
    Text,
}

impl Layout {
    /// Reads a column list; `file` names it in faults. All faults are reported at once.
    pub fn parse(file: &str, text: &str, codes: &CodeMaps, shape: Shape) -> Result<Self, Faults> {
        let parts = read::read((file, text), codes, shape)?;
        Ok(Self {
            file: file.into(),
            parts: Arc::new(parts),
        })
    }

    /// Translates one submission.
    pub fn translate(
        &self,
        sources: &Sources,
        limits: &Limits,
        ignored: &Ignored,
    ) -> Result<Translation<Table>, Refusal<Table>> {
        let outcome = rows::table(&self.parts, sources, limits, ignored);
        from_template(outcome, &self.file)
    }

    /// The fields of all records, in order.
    pub fn fields(&self) -> Vec<&Field> {
        let mut fields = Vec::new();
        each_source(&self.parts.records, &mut |_, source| {
            fields.push(&*source.field);
        });
        fields
    }

    /// The names that are a line of the file, if such a line is wanted.
    pub fn names(&self) -> Option<Vec<String>> {
        self.parts.names()
    }

    /// Every field that is always the same.
    pub fn constants(&self) -> Vec<Constant> {
        let mut constants = Vec::new();
        each_source(&self.parts.records, &mut |record, source| {
            if let FieldValue::Constant(text) = &source.value {
                constants.push(Constant {
                    at: format!("{}/{}", record.name, source.field.name),
                    line: source.line,
                    text: text.clone(),
                });
            }
        });
        constants
    }
}

impl Parts {
    fn rows(&self) -> Option<&RecordSource> {
        let is_row = |record: &&RecordSource| record.kind == RecordKind::Row;
        self.records.iter().find(is_row)
    }

    fn names(&self) -> Option<Vec<String>> {
        let names = |rows: &RecordSource| {
            let fields = rows.fields.iter();
            fields.map(|source| source.field.name.clone()).collect()
        };
        self.header.and_then(|_| self.rows()).map(names)
    }
}

fn each_source<'p>(
    records: &'p [RecordSource],
    with: &mut impl FnMut(&'p RecordSource, &'p FieldSource),
) {
    for record in records {
        for source in &record.fields {
            with(record, source);
        }
        each_source(&record.below, with);
    }
}
