//! Fills the columns for one submission.

use amtsbote_model::Personal;
use jaq_json::Val;

use super::{Cell, Counter, FieldSource, FieldValue, Overflow, Parts, Record, RecordKind, Table};
use crate::expression::Spot;
use crate::finding::Rule;
use crate::lineage::{Ignored, Lineage, Origin};
use crate::run::{Asked, Bound, Halt, Limits, Refusal, Run, Translation};
use crate::source::Sources;
use crate::value;

pub(super) fn table(
    parts: &Parts,
    sources: &Sources,
    limits: &Limits,
    ignored: &Ignored,
) -> Result<Translation<Table>, Refusal<Table>> {
    let mut rows = Rows {
        run: Run::new(sources, limits),
        records: Vec::new(),
        lineage: Vec::new(),
        bytes: 0,
        total: 0,
    };
    rows.fill(parts).map_err(|halt| halt.refusal(limits))?;
    let table = Table {
        names: parts.names.clone(),
        records: rows.records,
    };
    rows.run.finish(table, rows.lineage, ignored)
}

struct Rows<'a> {
    run: Run<'a>,
    records: Vec<Record>,
    lineage: Vec<Lineage>,
    bytes: usize,
    total: usize,
}

impl Rows<'_> {
    fn fill(&mut self, parts: &Parts) -> Result<(), Halt> {
        let data = self.run.start();
        let contexts = self.run.contexts(
            &parts.scope,
            &data,
            Asked {
                output: "rows",
                line: None,
            },
        );
        self.total = contexts.len();
        if parts.names.is_some() {
            let header = |column: &FieldSource| {
                Origin::constant(column.line).at(format!("header/{}", column.field.name))
            };
            self.lineage.extend(parts.columns.iter().map(header));
        }
        if !parts.before.is_empty() {
            self.record(&parts.before, &data, (RecordKind::Before, 0))?;
        }
        for (row, context) in contexts.iter().enumerate() {
            let outer = self.run.enter(context);
            self.record(&parts.columns, &context.spot, (RecordKind::Row, row + 1))?;
            self.run.world.number(outer);
        }
        if !parts.after.is_empty() {
            self.record(&parts.after, &data, (RecordKind::After, 0))?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        fields: &[FieldSource],
        here: &Spot,
        (kind, row): (RecordKind, usize),
    ) -> Result<(), Halt> {
        let mut cells = Vec::with_capacity(fields.len());
        for source in fields {
            self.run.count_node()?;
            let output = match kind {
                RecordKind::Before => format!("before/{}", source.field.name),
                RecordKind::Row => format!("row[{row}]/{}", source.field.name),
                RecordKind::After => format!("after/{}", source.field.name),
            };
            let text = self.text(source, here, &output, row);
            self.bytes += text.len();
            if self.bytes > self.run.limits.document_max_bytes {
                return Err(Halt::Bytes);
            }
            cells.push(Cell {
                text: Personal::new(text),
                field: source.field.clone(),
            });
        }
        self.records.push(Record { kind, cells });
        Ok(())
    }

    fn text(&mut self, source: &FieldSource, here: &Spot, output: &str, row: usize) -> String {
        let asked = Asked {
            output,
            line: source.line,
        };
        let (text, place) = match &source.value {
            FieldValue::Constant(text) => {
                self.lineage
                    .push(Origin::constant(source.line).at(output.to_owned()));
                (text.clone(), None)
            }
            FieldValue::Count(counter, conversions) => {
                let count = match counter {
                    Counter::Row => row,
                    Counter::Rows => self.total,
                };
                let text = conversions
                    .iter()
                    .try_fold(Val::from(count), |value, conversion| {
                        conversion
                            .apply(&value)
                            .map(|text| Val::utf8_str(text.into_bytes()))
                    });
                let Ok(text) = text else {
                    self.run.find(Rule::Unconvertible, None, asked, "");
                    return String::new();
                };
                let how = match counter {
                    Counter::Row => "count = row",
                    Counter::Rows => "count = rows",
                };
                self.lineage
                    .push(Origin::made(source.line, how).at(output.to_owned()));
                (value::one_text(&text).unwrap_or_default(), None)
            }
            FieldValue::Bound(binding) => match self.run.bind(binding, here, output) {
                Bound::Value { text, origin, .. } | Bound::Substitute { text, origin } => {
                    let place = origin.sources.first().cloned();
                    self.lineage.push(origin.at(output.to_owned()));
                    (text, place)
                }
                Bound::Absent | Bound::Faulty => return String::new(),
            },
        };
        let Some(width) = source.field.width else {
            return text;
        };
        match (text.chars().count() > width, source.overflow) {
            (false, _) => text,
            (true, Overflow::Cut) => text.chars().take(width).collect(),
            (true, Overflow::Report) => {
                self.run.find(
                    Rule::TooWide,
                    place.as_ref(),
                    asked,
                    &format!("width {width}"),
                );
                String::new()
            }
        }
    }
}
