//! Puts the container together.

use std::fmt::Write as _;

use amtsbote_adapter::file_lineage::{SettingLine, document_name, document_type, explain_sources};
use amtsbote_adapter::placement::Names;
use amtsbote_adapter::{
    Format, Mapping, Named, Naming, Opened, OpenedAttachment, Package, ParcelFile, Piece, Product,
    loss_pointers, refusal_findings, template_findings,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Ignored, Limits, Lineage, Place, Root, xml};
use bytes::Bytes;

use crate::generic::{self, Leaf, escaped};
use crate::lineage;
use crate::manifest::{Entry, Maker, manifest};
use crate::settings::{Layout, ManifestKind, Rendering, Settings};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const MANIFEST_JSON: &str = "manifest.json";
const MANIFEST_XML: &str = "manifest.xml";

/// The format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Container;

impl Format for Container {
    fn name(&self) -> &'static str {
        "container"
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let mut findings = settings.findings();
        let said = settings.attachment_name.as_ref();
        let naming = Naming::open(package, settings.letters, settings.numbering, said);
        let (sample, naming) = match (sample(&settings, package), naming) {
            (Ok(sample), Ok(naming)) if findings.is_empty() => (sample, naming),
            (sample, naming) => {
                let more = [sample.err(), naming.err()];
                findings.extend(more.into_iter().flatten().flatten());
                return Err(findings);
            }
        };
        let maker = Maker {
            package: package.name.to_string(),
            version: package.version.clone(),
            schema_uri: package.schema_uri.clone(),
        };
        Ok(Box::new(Compiled {
            name_line: package.setting_line("file", &settings.file),
            settings,
            naming,
            sample,
            ignored: package.ignored(),
            maker,
        }))
    }
}

fn sample(settings: &Settings, package: &Package) -> Result<Option<xml::Sample>, Findings> {
    let codes = package.code_maps()?;
    let Some(path) = &settings.template else {
        return Ok(None);
    };
    let text = package.text(path).map_err(|finding| vec![finding])?;
    let sample = xml::Sample::parse(path, text.as_bytes(), &codes)
        .map_err(|faults| template_findings(&faults))?;
    Ok(Some(sample))
}

struct Compiled {
    settings: Settings,
    name_line: SettingLine,
    naming: Naming,
    sample: Option<xml::Sample>,
    ignored: Ignored,
    maker: Maker,
}

/// The data as XML, without a declaration.
struct Rendered {
    text: String,
    lineage: Vec<Lineage>,
    losses: Vec<String>,
}

impl Mapping for Compiled {
    fn translate(&self, opened: &Opened<'_>) -> Result<Product, Findings> {
        let names = self.naming.names(opened, Vec::new())?;
        let folder = match self.settings.layout {
            Layout::Folder => format!("{}/", self.settings.attachments),
            Layout::OneFile => String::new(),
        };
        let placed = |(index, attachment): (usize, &OpenedAttachment)| OpenedAttachment {
            path: Some(format!("{folder}{}", names.name(index))),
            ..attachment.clone()
        };
        let attachments: Vec<_> = opened.attachments.iter().enumerate().map(placed).collect();
        let opened = &Opened {
            attachments: &attachments,
            names: match self.settings.layout {
                Layout::Folder => opened.names,
                // Names inside the one file.
                Layout::OneFile => &Names::Paths,
            },
            ..opened.clone()
        };
        match self.settings.layout {
            Layout::Folder => self.folder(opened, &names),
            Layout::OneFile => self.one_file(opened, &names),
        }
    }
}

impl Compiled {
    fn folder(&self, opened: &Opened<'_>, names: &Named) -> Result<Product, Findings> {
        let mut files = Vec::new();
        let mut entries = Vec::new();
        let mut lineage = Vec::new();
        let mut losses = Vec::new();
        if self.settings.has(Rendering::Json) {
            let path = format!("{}.json", self.settings.file);
            let bytes = Bytes::copy_from_slice(opened.data_bytes.reveal());
            entries.push(Entry::data(&path, "application/json", &bytes));
            lineage.extend(lineage::as_sent(&path, opened.data.reveal()));
            lineage.extend(self.said(files.len() + 1, "json"));
            files.push(made(&path, "application/json", bytes)?);
        }
        if self.settings.has(Rendering::Xml) {
            let path = format!("{}.xml", self.settings.file);
            let rendered = self.rendered(opened, "", 0)?;
            let bytes = Bytes::from(format!("{DECLARATION}{}", rendered.text));
            entries.push(Entry::data(&path, "application/xml", &bytes));
            lineage.extend(rendered.lineage);
            lineage.extend(self.said(files.len() + 1, "xml"));
            // With the data as sent beside it nothing is lost.
            if !self.settings.has(Rendering::Json) {
                losses = rendered.losses;
            }
            files.push(made(&path, "application/xml", bytes)?);
        }
        for (index, entry) in entries_of(opened, names).into_iter().enumerate() {
            lineage.push(Lineage::copied(
                format!("{}/{}", self.settings.attachments, index + 1),
                Place::of(Root::Attachments).index(index),
            ));
            lineage.extend(names.lineage(files.len() + 1, index, &self.settings.attachments));
            let source = opened.attachments[index].source.clone();
            files.push(ParcelFile {
                path: safe(&entry.path)?,
                media_type: entry.media_type.clone(),
                pieces: vec![Piece::Attachment(source)],
            });
            entries.push(entry);
        }
        losses.retain(|loss| names.is_lost(loss));
        let (manifests, about) = self.manifests(opened, &entries)?;
        for nr in files.len() + 1..=files.len() + manifests.len() {
            lineage.push(document_name(
                nr,
                SettingLine::NONE,
                Vec::new(),
                Some("manifest"),
            ));
            lineage.push(document_type(nr, "manifest"));
        }
        files.extend(manifests);
        lineage.extend(about);
        explain_sources(&mut lineage, opened.names, |place| names.known(place));
        Ok(Product {
            files,
            lineage,
            losses,
        })
    }

    /// Name and type of the parcel's file `nr`, which holds the data; `ending` is what comes behind the name.
    fn said(&self, nr: usize, ending: &str) -> [Lineage; 2] {
        let rule = format!("{{file}}.{ending}");
        [
            document_name(nr, self.name_line, Vec::new(), Some(&rule)),
            document_type(nr, ending),
        ]
    }

    fn manifests(
        &self,
        opened: &Opened<'_>,
        entries: &[Entry],
    ) -> Result<(Vec<ParcelFile>, Vec<Lineage>), Findings> {
        let mut lineage = Vec::new();
        let mut files = Vec::new();
        let kind = self.settings.manifest();
        if matches!(kind, ManifestKind::Json | ManifestKind::Both) {
            let value = manifest(opened, &self.maker, entries, "files");
            lineage.extend(lineage::manifest_json(
                MANIFEST_JSON,
                &value,
                (entries, opened.names),
            ));
            let bytes = Bytes::from(format!("{value:#}\n"));
            files.push(made(MANIFEST_JSON, "application/json", bytes)?);
        }
        if matches!(kind, ManifestKind::Xml | ManifestKind::Both) {
            let mut text = DECLARATION.to_owned();
            let leaves = self.manifest_xml(&mut text, opened, entries, 0)?;
            lineage.extend(lineage::manifest_xml(
                MANIFEST_XML,
                leaves,
                (entries, opened.names),
            ));
            files.push(made(MANIFEST_XML, "application/xml", Bytes::from(text))?);
        }
        Ok((files, lineage))
    }

    fn manifest_xml(
        &self,
        out: &mut String,
        opened: &Opened<'_>,
        entries: &[Entry],
        indent: usize,
    ) -> Result<Vec<Leaf>, Findings> {
        let value = manifest(opened, &self.maker, entries, "file");
        generic::element(out, "manifest", &value, indent).map_err(|findings| {
            // The place is in the manifest: say so.
            findings
                .into_iter()
                .map(|finding| Finding {
                    at: format!("manifest{}", finding.at),
                    ..finding
                })
                .collect()
        })
    }

    fn one_file(&self, opened: &Opened<'_>, names: &Named) -> Result<Product, Findings> {
        let path = format!("{}.xml", self.settings.file);
        let rendered = self.rendered(opened, "/container/data", 2)?;
        let entries = entries_of(opened, names);
        let mut text = format!("{DECLARATION}<container>\n");
        let leaves = self.manifest_xml(&mut text, opened, &entries, 1)?;
        let mut lineage = lineage::manifest_xml("/container", leaves, (&entries, opened.names));
        text.push_str("  <data>\n");
        text.push_str(&rendered.text);
        text.push_str("  </data>\n");
        lineage.extend(rendered.lineage);
        let mut pieces = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let nr = index + 1;
            let at = format!("$attachments/{index}");
            let (name, media_type) = (escaped(&entry.path, &at)?, escaped(&entry.media_type, &at)?);
            let _ = write!(
                text,
                "  <attachment nr=\"{nr}\" name=\"{name}\" media_type=\"{media_type}\" encoding=\"base64\">"
            );
            pieces.push(bytes_piece(Bytes::from(std::mem::take(&mut text))));
            pieces.push(Piece::Base64(opened.attachments[index].source.clone()));
            text.push_str("</attachment>\n");
            lineage.extend(lineage::inside(nr, index, names.said("", index)));
        }
        lineage.extend(self.said(1, "xml"));
        explain_sources(&mut lineage, opened.names, |place| names.known(place));
        text.push_str("</container>\n");
        pieces.push(bytes_piece(Bytes::from(text)));
        let mut losses = rendered.losses;
        losses.retain(|loss| names.is_lost(loss));
        let file = ParcelFile {
            path: safe(&path)?,
            media_type: "application/xml".to_owned(),
            pieces,
        };
        Ok(Product {
            files: vec![file],
            lineage,
            losses,
        })
    }

    fn rendered(
        &self,
        opened: &Opened<'_>,
        above: &str,
        indent: usize,
    ) -> Result<Rendered, Findings> {
        let Some(sample) = &self.sample else {
            let mut text = String::new();
            let data = opened.data.reveal();
            let leaves = generic::element(&mut text, &self.settings.root, data, indent)?;
            return Ok(Rendered {
                text,
                lineage: lineage::rendered(above, leaves),
                losses: Vec::new(),
            });
        };
        let translation = sample
            .translate(&opened.sources(), &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let document = String::from_utf8_lossy(translation.document.reveal());
        let body = document
            .strip_prefix("<?xml")
            .and_then(|rest| rest.split_once("?>"))
            .map_or(&*document, |(_, body)| body);
        let mut text = body.trim().to_owned();
        text.push('\n');
        Ok(Rendered {
            text,
            lineage: translation
                .lineage
                .into_iter()
                .map(|one| Lineage {
                    output: format!("{above}{}", one.output),
                    ..one
                })
                .collect(),
            losses: loss_pointers(&translation.losses),
        })
    }
}

/// The attachments, each with its place and why it has it.
fn entries_of(opened: &Opened<'_>, names: &Named) -> Vec<Entry> {
    let entry = |(index, attachment): (usize, &OpenedAttachment)| Entry {
        path: attachment.path.clone().unwrap_or_default(),
        media_type: attachment.media_type.clone(),
        size_bytes: attachment.source.size_bytes(),
        sha512: attachment.sha512.clone(),
        attachment: Some((index, names.said("", index))),
    };
    opened.attachments.iter().enumerate().map(entry).collect()
}

fn made(path: &str, media_type: &str, bytes: Bytes) -> Result<ParcelFile, Findings> {
    Ok(ParcelFile {
        path: safe(path)?,
        media_type: media_type.to_owned(),
        pieces: vec![bytes_piece(bytes)],
    })
}

fn bytes_piece(bytes: Bytes) -> Piece {
    Piece::Bytes(Personal::new(bytes))
}

fn safe(path: &str) -> Result<amtsbote_adapter::ParcelPath, Findings> {
    // Names are made safe before; if one slips through, this submission waits instead of the process ending.
    path.parse().map_err(|_| {
        vec![
            Finding::new(
                "",
                "path",
                Bilingual::new("ein Dateiname ist nicht sicher", "a file name is not safe"),
            )
            .of_receiver(),
        ]
    })
}
