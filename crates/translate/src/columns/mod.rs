//! The column list, for CSV and fixed width. Gives cells; crate `adapter-table` makes bytes of them.
//!
//! ```toml
//! header = true                   # CSV: a first line with the columns' names; false is the rule
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
    names: Option<Vec<String>>,
    scope: Scope,
    before: Vec<FieldSource>,
    columns: Vec<FieldSource>,
    after: Vec<FieldSource>,
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
    Count(Counter, Vec<Conversion>),
    Bound(Binding),
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
    /// The columns' names, if a first line with them is wanted.
    pub names: Option<Vec<String>>,
    /// All records, in order: at most one before the rows, the rows, at most one after them.
    pub records: Vec<Record>,
}

/// One record (line).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which kind.
    pub kind: RecordKind,
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
}

/// One cell, not padded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The text.
    pub text: Personal<String>,
    /// Its field.
    pub field: Arc<Field>,
}

impl Layout {
    /// Reads a column list; `file` names it in faults. All faults are reported at once.
    pub fn parse(file: &str, text: &str, codes: &CodeMaps) -> Result<Self, Faults> {
        let parts = read::read(file, text, codes)?;
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

    /// The fields of the rows, in order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.parts.columns.iter().map(|column| &*column.field)
    }

    /// Every field that is always the same.
    pub fn constants(&self) -> Vec<Constant> {
        let parts = &self.parts;
        let groups = [
            ("before", &parts.before),
            ("column", &parts.columns),
            ("after", &parts.after),
        ];
        let constant = |group: &str, source: &FieldSource| match &source.value {
            FieldValue::Constant(text) => Some(Constant {
                at: format!("{group}/{}", source.field.name),
                line: source.line,
                text: text.clone(),
            }),
            FieldValue::Count(..) | FieldValue::Bound(_) => None,
        };
        groups
            .into_iter()
            .flat_map(|(group, sources)| {
                sources
                    .iter()
                    .filter_map(move |source| constant(group, source))
            })
            .collect()
    }
}
