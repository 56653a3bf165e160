//! Fills the columns for one submission.

use std::collections::BTreeMap;

use amtsbote_model::Personal;
use jaq_json::Val;

use super::{
    Cell, Counter, FieldSource, FieldValue, Header, Names, Nature, Overflow, Parts, Record,
    RecordKind, RecordSource, Shape, Table,
};
use crate::convert::Conversion;
use crate::expression::{Numbers, Spot};
use crate::finding::Rule;
use crate::lineage::{Change, Ignored, Lineage, Origin};
use crate::place::Place;
use crate::run::{Asked, Bound, Context, Halt, Limits, Refusal, Run, Translation};
use crate::source::Sources;
use crate::value;
use crate::word::WhenEmpty;

pub(super) fn table(
    parts: &Parts,
    sources: &Sources,
    limits: &Limits,
    ignored: &Ignored,
) -> Result<Translation<Table>, Refusal<Table>> {
    let mut rows = Rows {
        run: Run::new(sources, limits),
        parts,
        records: Vec::new(),
        lineage: Vec::new(),
        bytes: 0,
        totals: BTreeMap::new(),
        kinds: Vec::new(),
        ordinals: BTreeMap::new(),
    };
    rows.fill().map_err(|halt| halt.refusal(limits))?;
    let above = |record: &&Record| record.kind == RecordKind::Before;
    let table = Table {
        names: parts.names().map(|names| Names {
            names,
            columns: parts.rows().map_or_else(Vec::new, RecordSource::columns),
            above: match parts.header {
                Some(Header::BelowBefore) => rows.records.iter().take_while(above).count(),
                Some(Header::First) | None => 0,
            },
            quoted: parts.header_quoted,
        }),
        records: rows.records,
    };
    rows.run.finish(table, rows.lineage, ignored)
}

struct Rows<'a> {
    run: Run<'a>,
    parts: &'a Parts,
    records: Vec<Record>,
    lineage: Vec<Lineage>,
    bytes: usize,
    /// Records by the name of their kind.
    totals: BTreeMap<String, usize>,
    /// The kind of each record that will stand in the file.
    kinds: Vec<String>,
    /// How many of some kinds stand in the file up to each record.
    ordinals: BTreeMap<Vec<String>, Vec<usize>>,
}

/// A record that will stand in the file.
struct Planned<'p> {
    source: &'p RecordSource,
    spot: Spot,
    /// `$nr` and `$outer_nr`.
    numbers: Numbers,
    /// Its position among all of them.
    at: usize,
    /// That of the record it stands in.
    parent: Option<usize>,
    /// What `count = "row"` says.
    row: usize,
    place: String,
}

impl Rows<'_> {
    fn fill(&mut self) -> Result<(), Halt> {
        let parts = self.parts;
        let data = Context {
            spot: self.run.start(),
            nr: None,
        };
        // All of them before the first is filled: a head may say how many follow.
        let mut planned = Vec::new();
        self.plan(&parts.records, (&data, None), &mut planned)?;
        if let (Some(_), Some(rows)) = (parts.header, parts.rows()) {
            let header = |column: &FieldSource| {
                Origin::constant(column.line).at(format!("header/{}", column.field.name))
            };
            self.lineage.extend(rows.fields.iter().map(header));
        }
        for one in planned {
            let outer = self.run.world.numbers();
            self.run.world.number(one.numbers.clone());
            let filled = self.record(&one);
            self.run.world.number(outer);
            filled?;
        }
        Ok(())
    }

    fn plan<'p>(
        &mut self,
        records: &'p [RecordSource],
        (here, parent): (&Context, Option<usize>),
        planned: &mut Vec<Planned<'p>>,
    ) -> Result<(), Halt> {
        for source in records {
            let output = match source.kind {
                RecordKind::Row => "rows",
                RecordKind::Before | RecordKind::After | RecordKind::Named => &source.name,
            };
            let line = source.line;
            let contexts = self
                .run
                .contexts(&source.scope, &here.spot, Asked { output, line });
            for context in contexts {
                self.run.count_node()?;
                let at = self.kinds.len();
                self.kinds.push(source.name.clone());
                let of_kind = self.totals.entry(source.name.clone()).or_default();
                *of_kind += 1;
                let (place, row) = match source.kind {
                    RecordKind::Before => ("before".to_owned(), 0),
                    RecordKind::After => ("after".to_owned(), 0),
                    RecordKind::Row => (format!("row[{of_kind}]"), *of_kind),
                    RecordKind::Named => (format!("{}[{of_kind}]", source.name), at + 1),
                };
                let outer = self.run.enter(&context);
                planned.push(Planned {
                    source,
                    spot: context.spot.clone(),
                    numbers: self.run.world.numbers(),
                    at,
                    parent,
                    row,
                    place,
                });
                let below = self.plan(&source.below, (&context, Some(at)), planned);
                self.run.world.number(outer);
                below?;
            }
        }
        Ok(())
    }

    fn record(&mut self, planned: &Planned<'_>) -> Result<(), Halt> {
        let fields = &planned.source.fields;
        let title = self.title(planned);
        let mut cells = Vec::with_capacity(fields.len());
        for source in fields {
            self.run.count_node()?;
            let output = format!("{}/{}", planned.place, source.field.name);
            let Some((text, nature)) = self.kept(source, &output, planned) else {
                continue;
            };
            let key = source.key.as_ref().map(|key| key.with(&planned.numbers));
            self.bytes += text.len() + key.as_ref().map_or(0, String::len);
            if self.bytes > self.run.limits.document_max_bytes {
                return Err(Halt::Bytes);
            }
            cells.push(Cell {
                key,
                text: Personal::new(text),
                nature,
                field: source.field.clone(),
            });
        }
        self.records.push(Record {
            kind: planned.source.kind,
            place: planned.place.clone(),
            title,
            cells,
        });
        Ok(())
    }

    /// What stands before the fields of a record.
    fn title(&mut self, planned: &Planned<'_>) -> Option<String> {
        let title = planned.source.title.as_ref()?;
        let line = planned.source.line;
        let what = match self.parts.shape {
            Shape::Csv | Shape::Fixed | Shape::Keys => "section",
            Shape::Segments => "tag",
        };
        if !title.text().is_empty() {
            let origin = match title.depth() {
                0 => Origin::constant(line),
                _ => Origin::made(line, &format!("{what} = {}", title.text())),
            };
            self.lineage
                .push(origin.at(format!("{}/@{what}", planned.place)));
        }
        Some(title.with(&planned.numbers))
    }

    /// What `count = "rows"` says.
    fn total(&self, of: &[String], kind: RecordKind) -> usize {
        let of_kind = |name: &str| self.totals.get(name).copied().unwrap_or_default();
        match (of, kind) {
            ([], RecordKind::Named) => self.kinds.len(),
            ([], RecordKind::Before | RecordKind::Row | RecordKind::After) => of_kind("column"),
            (names, _) => names.iter().map(|name| of_kind(name)).sum(),
        }
    }

    /// The number of the record `at` among those of some kinds: how many of them stand in the file up to it.
    fn ordinal(&mut self, at: usize, of: &[String]) -> usize {
        if of.is_empty() {
            return at + 1;
        }
        let kinds = &self.kinds;
        let counted = || {
            let mut count = 0;
            let up_to = |kind: &String| {
                count += usize::from(of.contains(kind));
                count
            };
            kinds.iter().map(up_to).collect()
        };
        let ordinals = self.ordinals.entry(of.to_vec());
        let ordinals: &Vec<usize> = ordinals.or_insert_with(counted);
        ordinals.get(at).copied().unwrap_or_default()
    }

    /// None if the field is left out.
    fn kept(
        &mut self,
        source: &FieldSource,
        output: &str,
        planned: &Planned<'_>,
    ) -> Option<(String, Nature)> {
        let told = self.lineage.len();
        let text = self.text(source, output, planned);
        let is_bound = matches!(source.value, FieldValue::Bound(_));
        match text {
            Some((text, _))
                if text.is_empty() && is_bound && self.parts.empty == WhenEmpty::Drop =>
            {
                self.lineage.truncate(told);
                None
            }
            None if self.parts.shape != Shape::Keys => Some((String::new(), Nature::Text)),
            text => text,
        }
    }

    /// None if there is no value, and nothing was to be said of it.
    fn text(
        &mut self,
        source: &FieldSource,
        output: &str,
        planned: &Planned<'_>,
    ) -> Option<(String, Nature)> {
        let asked = Asked {
            output,
            line: source.line,
        };
        let mut nature = source.value.nature();
        let (text, place) = match &source.value {
            FieldValue::Constant(text) => {
                self.lineage
                    .push(Origin::constant(source.line).at(output.to_owned()));
                (text.clone(), None)
            }
            FieldValue::Count(counter, of, conversions) => {
                let count = match counter {
                    Counter::Row if of.is_empty() => planned.row,
                    Counter::Row => self.ordinal(planned.at, of),
                    Counter::Parent => planned.parent.map_or(0, |at| self.ordinal(at, of)),
                    Counter::Rows => self.total(of, planned.source.kind),
                };
                (self.counted(*counter, (count, conversions), asked), None)
            }
            FieldValue::Bound(binding) => match self.run.bind(binding, &planned.spot, output) {
                Bound::Value {
                    text,
                    origin,
                    typed,
                } => {
                    if matches!(typed, Val::Num(_)) {
                        nature = Nature::Number;
                    }
                    (text, self.told(origin, output))
                }
                Bound::Substitute { text, origin } => (text, self.told(origin, output)),
                Bound::Absent => return None,
                Bound::Faulty => return Some((String::new(), nature)),
            },
        };
        Some((self.within(source, text, (place, asked)), nature))
    }

    /// Notes where a text is from; gives the first place.
    fn told(&mut self, origin: Origin, output: &str) -> Option<Place> {
        let place = origin.sources.first().cloned();
        self.lineage.push(origin.at(output.to_owned()));
        place
    }

    fn counted(
        &mut self,
        counter: Counter,
        (count, conversions): (usize, &[Conversion]),
        asked: Asked<'_>,
    ) -> String {
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
            Counter::Parent => "count = parent",
            Counter::Rows => "count = rows",
        };
        self.lineage
            .push(Origin::made(asked.line, how).at(asked.output.to_owned()));
        value::one_text(&text).unwrap_or_default()
    }

    /// The text as far as its field is wide; the lineage has just been told where it is from.
    fn within(
        &mut self,
        source: &FieldSource,
        text: String,
        (place, asked): (Option<Place>, Asked<'_>),
    ) -> String {
        let Some(width) = source.field.width else {
            return text;
        };
        match (text.chars().count() > width, source.overflow) {
            (false, _) => text,
            (true, Overflow::Cut) => {
                if let Some(one) = self.lineage.last_mut() {
                    one.changes.push(Change::Cut);
                }
                text.chars().take(width).collect()
            }
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
