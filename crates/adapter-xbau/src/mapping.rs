//! One submission becomes one message and its attachments.

use std::sync::Arc;

use amtsbote_adapter::{
    Mapping, Opened, ParcelFile, Piece, Product as Made, loss_pointers, refusal_findings,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::xml::Sample;
use amtsbote_translate::{Ignored, Limits, Lineage, Root};
use amtsbote_validate::charset::Group;
use bytes::Bytes;
use serde_json::Value;

use crate::attachment::Named;
use crate::message::Message;
use crate::settings::{NameParts, Settings};
use crate::xoev::{Document, Header, Locator, Product, XmlSchema};

/// Elements whose type is wider than datatypeC: names of attachments are datatypeD.
const WIDER: [(&str, Group); 1] = [("bezeichnung", Group::E)];

/// A package compiled for this format.
pub(crate) struct XbauMapping {
    pub(crate) settings: Settings,
    pub(crate) message: Message,
    pub(crate) sample: Sample,
    pub(crate) ignored: Ignored,
    pub(crate) schema: Option<Arc<dyn XmlSchema>>,
    pub(crate) product: Product,
}

impl Mapping for XbauMapping {
    fn translate(&self, opened: &Opened<'_>) -> Result<Made, Findings> {
        let header = Header::of(opened);
        let attachments = Named::new(opened.attachments);
        let sources = opened
            .sources()
            .with(Root::Data, self.identified(opened.data.reveal(), &header))
            .with(
                Root::Message,
                header.source(&self.product, self.settings.test.as_deref()),
            )
            .with(Root::Attachments, attachments.source());
        let translation = self
            .sample
            .translate(&sources, &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let document = translation.document.into_revealed();
        self.check(&document, &translation.lineage)?;
        let uuid = header.uuid.to_string();
        let parts = NameParts {
            name: self.message.name,
            number: self.message.number,
            uuid: &uuid,
            date: &header.date(),
        };
        let path = self
            .settings
            .file_name(&parts)
            .ok_or_else(|| vec![unsafe_name()])?;
        let message = ParcelFile {
            path,
            media_type: "application/xml".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from(document)))],
        };
        let mut files = vec![message];
        files.extend(attachments.files().ok_or_else(|| vec![unsafe_name()])?);
        Ok(Made {
            files,
            lineage: translation.lineage,
            losses: loss_pointers(&translation.losses),
        })
    }
}

impl XbauMapping {
    /// The data with an id for each item of the lists that need one.
    fn identified(&self, data: &Value, header: &Header) -> Value {
        let mut data = data.clone();
        for list in &self.settings.identify {
            let items = data.pointer_mut(list).and_then(Value::as_array_mut);
            for (index, item) in items.into_iter().flatten().enumerate() {
                if let Some(item) = item.as_object_mut() {
                    let id = header.part(&format!("{list}/{index}")).to_string();
                    item.entry("uuid").or_insert(Value::String(id));
                }
            }
        }
        data
    }

    fn check(&self, bytes: &[u8], lineage: &[Lineage]) -> Result<(), Findings> {
        let locator = Locator::new(lineage);
        let Ok(document) = Document::read(bytes) else {
            return Err(vec![Finding::new(
                "",
                "xml",
                Bilingual::new(
                    "die Nachricht wäre kein wohlgeformtes XML",
                    "the message would not be well-formed XML",
                ),
            )]);
        };
        let mut findings = document.empty_elements();
        findings.extend(document.directory_keys());
        findings.extend(document.characters(&WIDER));
        // A schema repeats what was just found, in less helpful words.
        if let (true, Some(schema)) = (findings.is_empty(), &self.schema) {
            findings = schema.check(bytes);
        }
        if findings.is_empty() {
            Ok(())
        } else {
            Err(locator.located(findings))
        }
    }
}

fn unsafe_name() -> Finding {
    Finding::new(
        "",
        "file-name",
        Bilingual::new(
            "aus den Namen wird kein sicherer Dateiname",
            "the names give no safe file name",
        ),
    )
}
