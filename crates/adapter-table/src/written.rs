//! All records to the bytes of the file; what is changed of a cell goes into the lineage.

use std::collections::BTreeMap;
use std::sync::Arc;

use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::columns::{self, Cell, Field, Names, Nature, Record};
use amtsbote_translate::{Change, Lineage, Place, Trace};

use crate::keys;
use crate::segments;
use crate::settings::{Kind, Settings};
use crate::wire::{self, Misfit};

/// The file.
pub(crate) fn bytes(
    settings: &Settings,
    table: &columns::Table,
    lineage: &mut Vec<Lineage>,
) -> Result<Vec<u8>, Findings> {
    let mut file = File {
        settings,
        told: Told::new(lineage),
        findings: Findings::new(),
        out: settings.encoding.mark().to_vec(),
    };
    file.out.extend(segments::advice(settings));
    let above = table.names.as_ref().map(|names| names.above);
    for (index, record) in table.records.iter().enumerate() {
        if above == Some(index) {
            file.header(table);
        }
        file.record(index, record);
    }
    if above.is_some_and(|above| above >= table.records.len()) {
        file.header(table);
    }
    file.out.extend_from_slice(settings.end_of_file.bytes());
    if file.findings.is_empty() {
        Ok(file.out)
    } else {
        Err(file.findings)
    }
}

/// A file while it is written.
struct File<'f> {
    settings: &'f Settings,
    told: Told<'f>,
    findings: Findings,
    out: Vec<u8>,
}

impl File<'_> {
    fn record(&mut self, index: usize, record: &Record) {
        let cells: Vec<(&Cell, Vec<u8>)> = record
            .cells
            .iter()
            .filter_map(|cell| Some((cell, self.cell(record, cell)?)))
            .collect();
        let gap = match index {
            0 => 0,
            _ => usize::from(self.settings.gap_lines()),
        };
        let bytes = match self.settings.kind {
            Kind::Csv | Kind::Fixed => {
                let cells: Vec<Vec<u8>> = cells.into_iter().map(|(_, bytes)| bytes).collect();
                Ok(wire::record(self.settings, &cells))
            }
            Kind::Segments => segments::segment(self.settings, (record, &cells)),
            Kind::Keys => keys::section(self.settings, (record, &cells), gap),
        };
        match bytes {
            Ok(bytes) => self.out.extend(bytes),
            Err(misfit) => self.findings.push(finding(&record.place, misfit)),
        }
    }

    /// None if it does not fit; that is found.
    fn cell(&mut self, record: &Record, cell: &Cell) -> Option<Vec<u8>> {
        let output = format!("{}/{}", record.place, cell.field.name);
        match wire::cell(self.settings, cell) {
            Ok((bytes, changes)) => {
                self.told.changed(output, changes);
                Some(bytes)
            }
            Err(misfit) => {
                let at = self.told.source(&output).unwrap_or(output);
                self.findings.push(finding(&at, misfit));
                None
            }
        }
    }

    /// The line of names.
    fn header(&mut self, table: &columns::Table) {
        let mut cells = Vec::new();
        let Some(Names {
            names,
            columns,
            quoted,
            ..
        }) = &table.names
        else {
            return;
        };
        for (name, column) in names.iter().zip(columns) {
            let cell = Cell {
                key: None,
                text: Personal::new(name.clone()),
                nature: Nature::Text,
                field: Arc::new(Field {
                    quoted: *quoted,
                    ..Field::plain()
                }),
            };
            match wire::cell(self.settings, &cell) {
                Ok((bytes, changes)) => {
                    self.told.changed(format!("header/{column}"), changes);
                    cells.push(bytes);
                }
                Err(misfit) => return self.findings.push(finding("header", misfit)),
            }
        }
        self.out.extend(wire::record(self.settings, &cells));
    }
}

/// The lineage of a table while its cells are written.
struct Told<'l> {
    lineage: &'l mut Vec<Lineage>,
    by_output: BTreeMap<String, usize>,
}

impl<'l> Told<'l> {
    fn new(lineage: &'l mut Vec<Lineage>) -> Self {
        let has_value = |(_, one): &(usize, &Lineage)| one.trace != Trace::Decides;
        let by_output = lineage
            .iter()
            .enumerate()
            .filter(has_value)
            .map(|(index, one)| (one.output.clone(), index))
            .collect();
        Self { lineage, by_output }
    }

    /// The first place the output is from.
    fn source(&self, output: &str) -> Option<String> {
        let one = self.lineage.get(*self.by_output.get(output)?)?;
        one.sources.first().map(Place::to_string)
    }

    /// Notes what was changed of a cell. One without a value may still get quotes or padding: then the table itself made it.
    fn changed(&mut self, output: String, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let known = self.by_output.get(&output);
        match known.and_then(|index| self.lineage.get_mut(*index)) {
            Some(one) => one.changes.extend(changes),
            None => self.lineage.push(Lineage {
                changes,
                ..Lineage::made(output, Vec::new(), "no value")
            }),
        }
    }
}

pub(crate) fn finding(at: &str, misfit: Misfit) -> Finding {
    let (rule, de, en) = match misfit {
        Misfit::Unmappable => (
            "table-unmappable",
            "ein Zeichen, das die Kodierung der Datei nicht hat",
            "a character the file's encoding does not have",
        ),
        Misfit::Control => (
            "table-control-character",
            "ein Steuerzeichen",
            "a control character",
        ),
        Misfit::LineBreak => (
            "table-line-break",
            "ein Zeilenumbruch oder Tabulator",
            "a line break or tab",
        ),
        Misfit::NeedsQuotes => (
            "table-needs-quotes",
            "der Wert bräuchte Anführungszeichen",
            "the value would need quotes",
        ),
        Misfit::Formula => (
            "table-formula",
            "eine Tabellenkalkulation würde den Wert als Formel ausführen",
            "a spreadsheet would run the value as a formula",
        ),
        Misfit::QuoteInside => (
            "table-quote-inside",
            "ein Anführungszeichen in einem Wert, der in Anführungszeichen steht",
            "a quote in a value that stands in quotes",
        ),
        Misfit::Separator => (
            "table-separator-inside",
            "ein Zeichen, das in der Datei trennt und nicht anders geschrieben werden kann",
            "a sign that separates in the file and cannot be written another way",
        ),
        Misfit::TooWide => (
            "translate-too-wide",
            "der Text ist breiter als seine Spalte",
            "the text is wider than its column",
        ),
    };
    Finding::new(at, rule, Bilingual::new(de, en))
}
