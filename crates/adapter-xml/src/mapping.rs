//! Annotated sample, schema and settings to a document with its attachments.

use amtsbote_adapter::file_lineage::{SettingLine, document_type, explain_sources};
use amtsbote_adapter::{
    Beside, Cut, Format, Mapping, Opened, Package, ParcelFile, Piece, Product, loss_pointers,
    refusal_findings, safe, template_findings,
};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Ignored, Limits, xml};
use amtsbote_validate::xsd::{Options, Set, Sources, XmlSchema as _};
use amtsbote_xoev::Locator;

use crate::settings::Settings;
use crate::written;

/// The format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Xml;

impl Format for Xml {
    fn name(&self) -> &'static str {
        "xml"
    }

    fn open(&self, package: &Package) -> Result<Box<dyn Mapping>, Findings> {
        let settings: Settings = package.settings_as()?;
        let (beside, sample, schema) = (
            settings.beside(package),
            sample(&settings, package),
            schema(&settings, package),
        );
        let (beside, sample, schema) = match (beside, sample, schema) {
            (Ok(beside), Ok(sample), Ok(schema)) => (beside, sample, schema),
            (beside, sample, schema) => {
                let findings = [beside.err(), sample.err(), schema.err()];
                return Err(findings.into_iter().flatten().flatten().collect());
            }
        };
        Ok(Box::new(Compiled {
            name_line: package.setting_line("file", settings.file.as_str()),
            settings,
            beside,
            sample,
            schema,
            ignored: package.ignored(),
        }))
    }

    fn notices(&self, package: &Package) -> Findings {
        let is_checked = package.settings.contains_key("schema");
        let unchecked = || {
            Finding::new(
                "package.toml/settings/schema",
                "xsd-none",
                Bilingual::new(
                    "die Ausgabe wird gegen kein Schema geprüft; die XSD des Verfahrens ins Paket legen und `schema = \"NAME.xsd\"` setzen",
                    "the output is checked against no schema; put the procedure's XSD into the package and say `schema = \"NAME.xsd\"`",
                ),
            )
        };
        if is_checked {
            Findings::new()
        } else {
            vec![unchecked()]
        }
    }
}

fn sample(settings: &Settings, package: &Package) -> Result<xml::Sample, Findings> {
    let codes = package.code_maps()?;
    let path = &settings.template;
    let text = package.text(path).map_err(|finding| vec![finding])?;
    if let Some(missing) = written::unwritable(text, settings.encoding) {
        return Err(vec![Finding::new(
            path,
            "encoding",
            Bilingual::new(
                format!(
                    "die Vorlage hat Zeichen, die die Kodierung der Ausgabe nicht hat: {missing} (als &#…; schreiben oder encoding = \"utf-8\")"
                ),
                format!(
                    "the template has characters the output's encoding does not have: {missing} (write them as &#…; or say encoding = \"utf-8\")"
                ),
            ),
        )]);
    }
    xml::Sample::parse(path, text.as_bytes(), &codes).map_err(|faults| template_findings(&faults))
}

/// The package's schema, compiled; the set is every schema file of the package.
fn schema(settings: &Settings, package: &Package) -> Result<Option<Set>, Findings> {
    let Some(root) = &settings.schema else {
        return Ok(None);
    };
    let is_schema = |path: &str| path.to_ascii_lowercase().ends_with(".xsd");
    let files = package
        .files
        .iter()
        .filter(|(path, _)| is_schema(path) && !path.starts_with("examples/"))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    let sources = Sources {
        files,
        roots: vec![root.clone()],
        ..Sources::default()
    };
    Set::compile(sources, Options::default()).map(Some)
}

struct Compiled {
    settings: Settings,
    name_line: SettingLine,
    beside: Beside,
    sample: xml::Sample,
    schema: Option<Set>,
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
        let document = String::from_utf8_lossy(translation.document.reveal());
        let cut = Cut::new(&document, opened, &translation.lineage)?;
        if let Some(schema) = &self.schema {
            let findings = schema.check(cut.sketch().as_bytes());
            if !findings.is_empty() {
                return Err(Locator::new(&translation.lineage).located(findings));
            }
        }
        let declared = written::declared(&document, &self.settings);
        let cut = Cut::new(&declared, opened, &translation.lineage)?;
        let mut pieces = cut.pieces(opened, |text| Ok(written::bytes(text, &self.settings)))?;
        let mark = self.settings.encoding.mark();
        if !mark.is_empty() {
            let mark = bytes::Bytes::from_static(mark);
            pieces.insert(0, Piece::Bytes(amtsbote_model::Personal::new(mark)));
        }
        let mut files = vec![ParcelFile {
            path: safe(&self.settings.file.of(opened))?,
            media_type: self.media_type(),
            pieces,
        }];
        let along = laid.along(&cut.inside(), 1)?;
        files.extend(along.files);
        let mut lineage = translation.lineage;
        lineage.push(self.settings.file.lineage(1, self.name_line));
        lineage.push(document_type(1, &self.written()));
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
    /// How the document is written, for lineage. A reader of XML sees nothing of it.
    fn written(&self) -> String {
        match self.settings.encoding.charset() {
            "utf-8" => "xml; encoding = utf-8".to_owned(),
            other => {
                format!("xml; encoding = {other}: other characters are references (&#…;)")
            }
        }
    }

    fn media_type(&self) -> String {
        match self.settings.encoding.charset() {
            "utf-8" => "application/xml".to_owned(),
            other => format!("application/xml; charset={other}"),
        }
    }
}
