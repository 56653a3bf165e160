//! Column list and settings to a file with attachments beside it.

use std::collections::BTreeMap;

use amtsbote_adapter::file_lineage::{SettingLine, document_type, explain_sources, of_file};
use amtsbote_adapter::{
    Beside, Cut, Format, Mapping, Opened, Package, ParcelFile, Piece, Product, loss_pointers,
    refusal_findings, safe, template_findings,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::columns::{self, Cell, Field, Layout, Nature, Record};
use amtsbote_translate::{Change, Ignored, Limits, Lineage, Place, Trace};
use bytes::Bytes;

use crate::settings::{Kind, Quote, Settings};
use crate::wire::{self, Misfit};

/// The format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Table;

impl Format for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let mut findings = settings.findings();
        let codes = package.code_maps()?;
        let text = package
            .text(&settings.columns)
            .map_err(|finding| vec![finding])?;
        let layout = match Layout::parse(&settings.columns, text, &codes, settings.shape()) {
            Ok(layout) => layout,
            Err(faults) => {
                findings.extend(template_findings(&faults));
                return Err(findings);
            }
        };
        findings.extend(misfits(&settings, &layout));
        findings.extend(unquoted(&settings, &layout));
        if findings.is_empty() {
            Ok(Box::new(Compiled {
                beside: settings.beside()?,
                name_line: package.setting_line("file", settings.file.as_str()),
                end_line: package.setting_line("end_of_file", ""),
                settings,
                layout,
                ignored: package.ignored(),
            }))
        } else {
            Err(findings)
        }
    }
}

/// Columns that say whether they are quoted where that is not asked.
fn unquoted(settings: &Settings, layout: &Layout) -> Findings {
    let says = |field: &&Field| field.quoted.is_some() && settings.quote() != Quote::Texts;
    let wrong = |field: &Field| {
        Finding::new(
            format!("{}: column/{}", settings.columns, field.name),
            "settings",
            Bilingual::new(
                "quoted gehört zu quote = \"texts\"",
                "quoted belongs to quote = \"texts\"",
            ),
        )
    };
    layout
        .fields()
        .into_iter()
        .filter(says)
        .map(wrong)
        .collect()
}

/// Constants, names and padding the file can't hold.
fn misfits(settings: &Settings, layout: &Layout) -> Findings {
    let constants = layout
        .constants()
        .into_iter()
        .map(|constant| (constant.at, constant.text));
    let names = layout.names().into_iter().flatten();
    let names = names.map(|name| (format!("column/{name}"), name));
    let fields = layout.fields().into_iter();
    let pads = fields.map(|field| (format!("column/{}", field.name), field.pad.to_string()));
    constants
        .chain(names)
        .chain(pads)
        .filter(|(_, text)| !settings.encoding.has(text))
        .map(|(at, _)| finding(&format!("{}: {at}", settings.columns), Misfit::Unmappable))
        .collect()
}

struct Compiled {
    beside: Beside,
    settings: Settings,
    name_line: SettingLine,
    end_line: SettingLine,
    layout: Layout,
    ignored: Ignored,
}

impl Mapping for Compiled {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        let laid = self.beside.lay(opened)?;
        let opened = &Opened {
            attachments: &laid.attachments,
            ..opened.clone()
        };
        let translation = self
            .layout
            .translate(&opened.sources(), &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let mut lineage = translation.lineage;
        let bytes = self.bytes(translation.document.reveal(), &mut lineage)?;
        // A table holds no attachments, so none of their marks may be left in it.
        let inside = Cut::new(&String::from_utf8_lossy(&bytes), opened, &lineage)?.inside();
        if !inside.is_empty() {
            return Err(content());
        }
        let mut losses = loss_pointers(&translation.losses);
        let kind = match self.settings.kind {
            Kind::Csv => "text/csv",
            Kind::Fixed => "text/plain",
        };
        let mut files = vec![ParcelFile {
            path: safe(&self.settings.file.of(opened))?,
            media_type: format!("{kind}; charset={}", self.settings.encoding.charset()),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from(bytes)))],
        }];
        lineage.push(self.settings.file.lineage(1, self.name_line));
        lineage.push(document_type(1, "kind, encoding"));
        if !self.settings.end_of_file.bytes().is_empty() {
            let output = of_file(1, "@end_of_file");
            lineage.push(self.end_line.lineage(output, Vec::new(), None));
        }
        let along = laid.along(&inside, 1)?;
        files.extend(along.files);
        lineage.extend(along.lineage);
        explain_sources(&mut lineage, |_| None);
        losses.extend(along.losses);
        Ok(Product {
            files,
            lineage,
            losses,
        })
    }
}

impl Compiled {
    /// The file, and in the lineage what was changed of its cells.
    fn bytes(
        &self,
        table: &columns::Table,
        lineage: &mut Vec<Lineage>,
    ) -> Result<Vec<u8>, Findings> {
        let mut out = self.settings.encoding.mark().to_vec();
        let mut findings = Findings::new();
        let mut told = Told::new(lineage);
        let header = |findings: &mut Findings, told: &mut Told<'_>| match self.header(table, told) {
            Ok(line) => line,
            Err(misfit) => {
                findings.push(finding("header", misfit));
                Vec::new()
            }
        };
        let above = table.names.as_ref().map(|(_, above)| *above);
        for (index, record) in table.records.iter().enumerate() {
            if above == Some(index) {
                out.extend(header(&mut findings, &mut told));
            }
            let cells = self.cells(record, &mut told, &mut findings);
            out.extend(wire::record(&self.settings, &cells));
        }
        if above.is_some_and(|above| above >= table.records.len()) {
            out.extend(header(&mut findings, &mut told));
        }
        out.extend_from_slice(self.settings.end_of_file.bytes());
        if findings.is_empty() {
            Ok(out)
        } else {
            Err(findings)
        }
    }

    /// The line of names.
    fn header(&self, table: &columns::Table, told: &mut Told<'_>) -> Result<Vec<u8>, Misfit> {
        let field = Field {
            name: String::new(),
            width: None,
            align: columns::Align::Left,
            pad: ' ',
            quoted: None,
        };
        let mut cells = Vec::new();
        for name in table.names.iter().flat_map(|(names, _)| names) {
            let (bytes, changes) = wire::cell(&self.settings, (&field, Nature::Text), name)?;
            told.changed(format!("header/{name}"), changes);
            cells.push(bytes);
        }
        Ok(wire::record(&self.settings, &cells))
    }

    fn cells(&self, record: &Record, told: &mut Told<'_>, findings: &mut Findings) -> Vec<Vec<u8>> {
        let mut cells = Vec::with_capacity(record.cells.len());
        for Cell {
            text,
            nature,
            field,
        } in &record.cells
        {
            let output = format!("{}/{}", record.place, field.name);
            match wire::cell(&self.settings, (field, *nature), text.reveal()) {
                Ok((bytes, changes)) => {
                    told.changed(output, changes);
                    cells.push(bytes);
                }
                Err(misfit) => {
                    let at = told.source(&output).unwrap_or(output);
                    findings.push(finding(&at, misfit));
                }
            }
        }
        cells
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

fn finding(at: &str, misfit: Misfit) -> Finding {
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
        Misfit::TooWide => (
            "translate-too-wide",
            "der Text ist breiter als seine Spalte",
            "the text is wider than its column",
        ),
    };
    Finding::new(at, rule, Bilingual::new(de, en))
}

fn content() -> Findings {
    vec![
        Finding::new(
            "$attachments",
            "attachment-content",
            Bilingual::new(
                "der Inhalt einer Anlage (.content) passt nicht in eine Tabelle",
                "an attachment's content (.content) does not fit into a table",
            ),
        )
        .of_receiver(),
    ]
}
