//! The column list, for CSV and fixed width. Gives cells; crate `adapter-table` makes bytes of them.
//!
//! ```toml
//! header = true                   # CSV: a first line with the columns' names; "below" puts it below [[before]]; false is the rule
//! header_quoted = false           # where texts are quoted: the names are not
//! # heading = "" in a [[column]]: what that line calls it, where it has no name there, or that of another column
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
//! name = "FAMNAME"                # "parent" that of the record this one stands in, or 0; of = "person" or a list of kinds counts those only
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
//!
//! In a file of keys and values a record is a section and a field is a line:
//!
//! ```toml
//! empty = "drop"                  # lines without a value are left out; keep is the rule
//!
//! [[record]]
//! name = "hund"
//! section = "Hund{nr}"            # the section's title; without it its lines follow the ones above
//! each = ".hunde"
//!
//! [[record.field]]
//! name = "NAME"
//! key = "hund.{nr}.name"          # what stands before the value; `name` is the rule, nothing with ""
//! from = ".rufname"
//! missing = "drop"                # the line is left out
//! ```
//!
//! In a file of segments a record is a segment:
//!
//! ```toml
//! [[record]]
//! name = "hund"
//! tag = "LIN"                     # stands before the elements
//! each = ".hunde"
//!
//! [[record.field]]
//! name = "NR"                     # the first element; without `at` each field is the element behind the one above
//! from = "$nr"
//!
//! [[record.field]]
//! name = "CHIP"
//! at = "3.2"                      # the second component of the third element; a third number is a part of a component;
//!                                 # "3[2].1" stands in the second repetition of the element
//! from = ".chipnummer"
//! ```

mod numbered;
mod raw;
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
use crate::word::{Binding, Scope, WhenEmpty};
use numbered::Numbered;

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
    header_quoted: Option<bool>,
    records: Vec<RecordSource>,
    shape: Shape,
    empty: WhenEmpty,
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
    /// What stands before the fields.
    title: Option<Numbered>,
    fields: Vec<FieldSource>,
    /// They follow each of this kind.
    below: Vec<RecordSource>,
}

#[derive(Debug)]
struct FieldSource {
    field: Arc<Field>,
    /// In a file of keys and values.
    key: Option<Numbered>,
    /// What the line of names calls it, if not by its name.
    heading: Option<String>,
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
    /// The row of the record it stands in.
    Parent,
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
    /// Lines of keys and values, in sections.
    Keys,
    /// Segments of elements and their components.
    Segments,
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
    /// Where in its segment it stands.
    pub position: Position,
}

/// Where in a segment a value stands, each counted from 1. In other files it is the number of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The element, behind the tag.
    pub element: usize,
    /// Which repetition of the element.
    pub repetition: usize,
    /// The component of the element.
    pub component: usize,
    /// The part of the component.
    pub part: usize,
}

impl Field {
    /// One of no certain width that nothing is said of.
    pub const fn plain() -> Self {
        Self {
            name: String::new(),
            width: None,
            align: Align::Left,
            pad: ' ',
            quoted: None,
            position: Position::FIRST,
        }
    }
}

impl Position {
    /// The first element.
    pub const FIRST: Self = Self {
        element: 1,
        repetition: 1,
        component: 1,
        part: 1,
    };

    /// Reads `3`, `3.2`, `3.2.1`, and with the number of a repetition behind the element `3[2]`, `3[2].2`, `3[2].2.1`.
    fn parse(text: &str) -> Option<Self> {
        let number = |number: &str| {
            let number: usize = number.parse().ok()?;
            (1..=FIELDS_MAX).contains(&number).then_some(number)
        };
        let (element, rest) = text
            .split_once('.')
            .map_or((text, None), |(first, rest)| (first, Some(rest)));
        let (element, repetition) = match element.split_once('[') {
            Some((element, repetition)) => (element, number(repetition.strip_suffix(']')?)?),
            None => (element, 1),
        };
        let element = number(element)?;
        let mut numbers = rest
            .into_iter()
            .flat_map(|rest| rest.split('.'))
            .map(number);
        let component = numbers.next().unwrap_or(Some(1))?;
        let part = numbers.next().unwrap_or(Some(1))?;
        numbers.next().is_none().then_some(Self {
            element,
            repetition,
            component,
            part,
        })
    }

    /// The element behind this one.
    const fn next(self) -> Self {
        Self {
            element: self.element + 1,
            ..Self::FIRST
        }
    }
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
    /// The line of the columns' names, if one is wanted.
    pub names: Option<Names>,
    /// All records, in order.
    pub records: Vec<Record>,
}

/// The line of the columns' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What stands there.
    pub names: Vec<String>,
    /// The columns' own names; in the lineage a name stands at `header/` and this.
    pub columns: Vec<String>,
    /// How many records stand above them.
    pub above: usize,
    /// Whether they stand in quotes where texts do; none if nothing is said.
    pub quoted: Option<bool>,
}

/// One record (line).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which kind.
    pub kind: RecordKind,
    /// What the lineage calls it: its cells are `place/name`.
    pub place: String,
    /// What stands before its cells: a section's title.
    pub title: Option<String>,
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
    /// What stands before it: the key, in a file of keys and values.
    pub key: Option<String>,
    /// The text.
    pub text: Personal<String>,
    /// What kind of value it is.
    pub nature: Nature,
    /// Its field.
    pub field: Arc<Field>,
}

/// What stands before a record's fields, or before one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where in the column list: `record` or `record/field`.
    pub at: String,
    /// Which of both.
    pub kind: LabelKind,
    /// Its text; of a numbered one the first.
    pub text: String,
}

/// Kinds of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Of a record.
    Title,
    /// Of a field.
    Key,
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

    /// Titles and keys of all records, the first of those that are numbered.
    pub fn labels(&self) -> Vec<Label> {
        let mut labels = Vec::new();
        each_record(&self.parts.records, &mut |record| {
            labels.extend(record.title.iter().map(|title| Label {
                at: record.name.clone(),
                kind: LabelKind::Title,
                text: title.first(),
            }));
            for source in &record.fields {
                labels.extend(source.key.iter().map(|key| Label {
                    at: format!("{}/{}", record.name, source.field.name),
                    kind: LabelKind::Key,
                    text: key.first(),
                }));
            }
        });
        labels
    }

    /// The names that are a line of the file, if such a line is wanted.
    pub fn names(&self) -> Option<Vec<String>> {
        self.parts.names()
    }

    /// Whether something is said of quotes around the names.
    pub fn says_header_quoted(&self) -> bool {
        self.parts.header_quoted.is_some()
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

impl RecordSource {
    /// The names of its fields.
    fn columns(&self) -> Vec<String> {
        let names = self.fields.iter().map(|source| &source.field.name);
        names.cloned().collect()
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
            let heading = |source: &FieldSource| {
                let own = source.heading.as_ref();
                own.unwrap_or(&source.field.name).clone()
            };
            fields.map(heading).collect()
        };
        self.header.and_then(|_| self.rows()).map(names)
    }
}

fn each_source<'p>(
    records: &'p [RecordSource],
    with: &mut impl FnMut(&'p RecordSource, &'p FieldSource),
) {
    each_record(records, &mut |record| {
        for source in &record.fields {
            with(record, source);
        }
    });
}

fn each_record<'p>(records: &'p [RecordSource], with: &mut impl FnMut(&'p RecordSource)) {
    for record in records {
        with(record);
        each_record(&record.below, with);
    }
}
