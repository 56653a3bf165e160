//! Column list and settings to a file with attachments beside it.

use amtsbote_adapter::file_lineage::{SettingLine, document_type, explain_sources, of_file};
use amtsbote_adapter::{
    Beside, Cut, Format, Mapping, Opened, Package, ParcelFile, Piece, Product, loss_pointers,
    refusal_findings, safe, template_findings,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::columns::{Field, Layout};
use amtsbote_translate::{Ignored, Limits};
use bytes::Bytes;

use crate::keys;
use crate::segments;
use crate::settings::{Kind, Quote, Settings};
use crate::wire::Misfit;
use crate::written::{self, finding};

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
        let beside = settings.beside(package);
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
        findings.extend(keys::misfits(&settings, &layout));
        findings.extend(segments::misfits(&settings, &layout));
        findings.extend(unquoted(&settings, &layout));
        match beside {
            Ok(beside) if findings.is_empty() => Ok(Box::new(Compiled {
                beside,
                name_line: package.setting_line("file", settings.file.as_str()),
                advice_line: package.setting_line("service_advice", "true"),
                end_line: package.setting_line("end_of_file", ""),
                settings,
                layout,
                ignored: package.ignored(),
            })),
            beside => {
                findings.extend(beside.err().into_iter().flatten());
                Err(findings)
            }
        }
    }
}

/// Columns that say whether they are quoted where that is not asked.
fn unquoted(settings: &Settings, layout: &Layout) -> Findings {
    let says = |field: &&Field| field.quoted.is_some() && settings.quote() != Quote::Texts;
    let wrong = |at: &str, word: &str| {
        let (de, en) = (
            format!("{word} gehört zu quote = \"texts\""),
            format!("{word} belongs to quote = \"texts\""),
        );
        Finding::new(
            format!("{}: {at}", settings.columns),
            "settings",
            Bilingual::new(de, en),
        )
    };
    let of_header = layout.says_header_quoted() && settings.quote() != Quote::Texts;
    let header = of_header.then(|| wrong("header_quoted", "header_quoted"));
    let fields = layout.fields().into_iter().filter(says);
    let fields = fields.map(|field| wrong(&format!("column/{}", field.name), "quoted"));
    header.into_iter().chain(fields).collect()
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
    advice_line: SettingLine,
    layout: Layout,
    ignored: Ignored,
}

impl Mapping for Compiled {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        let laid = self.beside.lay(opened, self.documents(opened))?;
        let opened = &Opened {
            attachments: &laid.attachments,
            ..opened.clone()
        };
        let translation = self
            .layout
            .translate(&opened.sources(), &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let mut lineage = translation.lineage;
        let bytes = written::bytes(&self.settings, translation.document.reveal(), &mut lineage)?;
        // A table holds no attachments, so none of their marks may be left in it.
        let inside = Cut::new(&String::from_utf8_lossy(&bytes), opened, &lineage)?.inside();
        if !inside.is_empty() {
            return Err(content());
        }
        let mut losses = loss_pointers(&translation.losses);
        let kind = match self.settings.kind {
            Kind::Csv => "text/csv",
            Kind::Fixed | Kind::Keys | Kind::Segments => "text/plain",
        };
        let mut files = vec![ParcelFile {
            path: safe(&self.settings.file.of(opened))?,
            media_type: format!("{kind}; charset={}", self.settings.encoding.charset()),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from(bytes)))],
        }];
        lineage.push(self.settings.file.lineage(1, self.name_line));
        lineage.push(document_type(1, "kind, encoding"));
        if !segments::advice(&self.settings).is_empty() {
            let output = of_file(1, "@service_advice");
            lineage.push(
                self.advice_line
                    .lineage(output, Vec::new(), Some("segments")),
            );
        }
        if !self.settings.end_of_file.bytes().is_empty() {
            let output = of_file(1, "@end_of_file");
            lineage.push(self.end_line.lineage(output, Vec::new(), None));
        }
        let along = laid.along(&inside, 1)?;
        files.extend(along.files);
        lineage.extend(along.lineage);
        explain_sources(&mut lineage, opened.names, |place| laid.names.known(place));
        losses.retain(|loss| laid.names.is_lost(loss));
        losses.extend(along.losses);
        Ok(Product {
            files,
            lineage,
            losses,
        })
    }

    fn documents(&self, opened: &Opened<'_>) -> Vec<String> {
        vec![self.settings.file.of(opened)]
    }
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
