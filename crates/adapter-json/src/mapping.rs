//! Annotated sample and settings to a document with attachments beside it.

use amtsbote_adapter::{
    AttachmentNames, Format, Mapping, Opened, Package, ParcelFile, ParcelPath, Piece, Product,
    loss_pointers, refusal_findings, template_findings,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Ignored, Limits, Lineage, Place, Root, json};
use bytes::Bytes;
use serde_json::Value;

use crate::settings::{Form, Settings};

const ATTACHMENTS_MAX: usize = 1_000;

/// The format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let mut findings = settings.findings();
        let sample = match sample(&settings, package) {
            Ok(sample) if findings.is_empty() => sample,
            Ok(_) => return Err(findings),
            Err(more) => {
                findings.extend(more);
                return Err(findings);
            }
        };
        Ok(Box::new(Compiled {
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
    settings: Settings,
    sample: json::Sample,
    ignored: Ignored,
}

impl Mapping for Compiled {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        if opened.attachments.len() > ATTACHMENTS_MAX {
            return Err(vec![Finding::new(
                "",
                "attachment-count",
                Bilingual::new("mehr als 1000 Anlagen", "more than 1000 attachments"),
            )]);
        }
        let translation = self
            .sample
            .translate(&opened.sources(), &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let document = self.written(translation.document.reveal())?;
        let mut lineage = translation.lineage;
        let mut losses = loss_pointers(&translation.losses);
        let mut files = vec![ParcelFile {
            path: safe(&self.settings.file)?,
            media_type: "application/json".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(document))],
        }];
        let mut names = AttachmentNames::new(
            self.settings.letters,
            self.settings.numbering,
            opened.attachments.len(),
        );
        for (index, attachment) in opened.attachments.iter().enumerate() {
            let place = Place::of(Root::Attachments).index(index);
            let Some(folder) = self.settings.folder() else {
                losses.push(place.to_string());
                continue;
            };
            let original = attachment
                .filename
                .as_ref()
                .map(|name| name.reveal().as_str());
            let name = names.next(index + 1, original, &attachment.media_type);
            files.push(ParcelFile {
                path: safe(&format!("{folder}/{name}"))?,
                media_type: attachment.media_type.clone(),
                pieces: vec![Piece::Attachment(attachment.source.clone())],
            });
            lineage.push(Lineage::copied(format!("{folder}/{}", index + 1), place));
        }
        Ok(Product {
            files,
            lineage,
            losses,
        })
    }
}

impl Compiled {
    fn written(&self, document: &[u8]) -> Result<Bytes, Findings> {
        match self.settings.form {
            Form::Indented => Ok(Bytes::copy_from_slice(document)),
            Form::OneLine => {
                // Our own document of a moment ago; if it cannot be read, this submission waits instead of the process ending.
                let value: Value = serde_json::from_slice(document).map_err(|_| unreadable())?;
                Ok(Bytes::from(format!("{value}\n")))
            }
        }
    }
}

fn unreadable() -> Findings {
    vec![Finding::new(
        "",
        "json",
        Bilingual::new(
            "das erzeugte Dokument ist nicht lesbar",
            "the document that was made cannot be read",
        ),
    )]
}

fn safe(path: &str) -> Result<ParcelPath, Findings> {
    // Names are made safe before; if one slips through, this submission waits instead of the process ending.
    path.parse().map_err(|_| {
        vec![Finding::new(
            "",
            "path",
            Bilingual::new("ein Dateiname ist nicht sicher", "a file name is not safe"),
        )]
    })
}
