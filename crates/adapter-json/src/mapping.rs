//! Annotated sample and settings to a document with attachments beside it.

use amtsbote_adapter::file_lineage::{SettingLine, document_type, explain_sources};
use amtsbote_adapter::{
    Beside, Cut, Format, Mapping, Opened, Package, ParcelFile, Product, loss_pointers,
    refusal_findings, safe, template_findings,
};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Ignored, Limits, json};
use serde_json::Value;

use crate::settings::{Form, Settings};

/// The format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let beside = settings.beside(package);
        let sample = sample(&settings, package);
        let (beside, sample) = match (beside, sample) {
            (Ok(beside), Ok(sample)) => (beside, sample),
            (beside, sample) => {
                let findings = [beside.err(), sample.err()];
                return Err(findings.into_iter().flatten().flatten().collect());
            }
        };
        Ok(Box::new(Compiled {
            beside,
            name_line: package.setting_line("file", settings.file.as_str()),
            settings,
            sample,
            ignored: package.ignored(),
        }))
    }
}

fn sample(settings: &Settings, package: &Package) -> Result<json::Sample, Findings> {
    let codes = package.code_maps()?;
    let path = &settings.template;
    let text = package.text(path).map_err(|finding| vec![finding])?;
    json::Sample::parse(path, text.as_bytes(), &codes).map_err(|faults| template_findings(&faults))
}

struct Compiled {
    beside: Beside,
    settings: Settings,
    name_line: SettingLine,
    sample: json::Sample,
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
            .sample
            .translate(&opened.sources(), &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let document = self.written(translation.document.reveal())?;
        let cut = Cut::new(&document, opened, &translation.lineage)?;
        let mut files = vec![ParcelFile {
            path: safe(&self.settings.file.of(opened))?,
            media_type: "application/json".to_owned(),
            pieces: cut.pieces(opened, |text| Ok(text.as_bytes().to_vec()))?,
        }];
        let along = laid.along(&cut.inside(), 1)?;
        files.extend(along.files);
        let mut lineage = translation.lineage;
        lineage.push(self.settings.file.lineage(1, self.name_line));
        lineage.push(document_type(1, "json"));
        lineage.extend(along.lineage);
        explain_sources(&mut lineage, opened.names, |place| laid.names.known(place));
        let mut losses = loss_pointers(&translation.losses);
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

impl Compiled {
    fn written(&self, document: &[u8]) -> Result<String, Findings> {
        match self.settings.form {
            Form::Indented => String::from_utf8(document.to_vec()).map_err(|_| unreadable()),
            Form::OneLine => {
                // Our own document of a moment ago; if it cannot be read, this submission waits instead of the process ending.
                let value: Value = serde_json::from_slice(document).map_err(|_| unreadable())?;
                Ok(format!("{value}\n"))
            }
        }
    }
}

fn unreadable() -> Findings {
    vec![
        Finding::new(
            "",
            "json",
            Bilingual::new(
                "das erzeugte Dokument ist nicht lesbar",
                "the document that was made cannot be read",
            ),
        )
        .of_receiver(),
    ]
}
