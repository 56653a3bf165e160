//! One submission becomes one message and its attachments.

use std::sync::Arc;

use amtsbote_adapter::{
    Mapping, Opened, ParcelFile, Piece, Product as Made, loss_pointers, refusal_findings,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::xml::Sample;
use amtsbote_translate::{Ignored, Limits, Lineage, Place, Root, Trace};
use amtsbote_validate::charset::Group;
use amtsbote_xoev::standard::Message;
use amtsbote_xoev::{
    CodeLists, Day, Directory, Document, ErrorCode, Header, Locator, Product, XmlSchema, legal_day,
    transliterate,
};
use bytes::Bytes;
use serde_json::Value;

use crate::attachment::Named;
use crate::settings::{Characters, NameParts, Settings};

/// Elements whose type is wider than datatypeC: names of attachments are datatypeD in XBau.
const WIDER: [(&str, Group); 1] = [("bezeichnung", Group::E)];

/// A package compiled for one of these formats.
pub(crate) struct XoevMapping {
    pub(crate) settings: Settings,
    /// By first day, the one without a first day first.
    pub(crate) editions: Vec<Edition>,
    pub(crate) ignored: Ignored,
    pub(crate) lists: CodeLists,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) product: Product,
}

/// A version of the message.
pub(crate) struct Edition {
    pub(crate) valid_from: Option<Day>,
    pub(crate) message: Message,
    pub(crate) sample: Sample,
    pub(crate) schema: Option<Arc<dyn XmlSchema>>,
}

impl Mapping for XoevMapping {
    fn translate(&self, opened: &Opened<'_>) -> Result<Made, Findings> {
        let edition = self.edition(opened).ok_or_else(|| vec![no_version()])?;
        let header = Header::new(opened.parcel_id, opened.received_at);
        let attachments = Named::new(opened.attachments);
        let sources = opened
            .sources()
            .with(
                Root::Data,
                self.written(self.identified(opened.data.reveal(), &header)),
            )
            .with(
                Root::Message,
                header.source(&self.product, self.settings.test.as_deref()),
            )
            .with(Root::Attachments, self.written(attachments.source(&header)));
        let translation = edition
            .sample
            .translate(&sources, &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let document = translation.document.into_revealed();
        self.check(edition, &document, &translation.lineage)?;
        let uuid = header.uuid.to_string();
        let parts = NameParts {
            name: edition.message.name,
            number: edition.message.number,
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
        let mut lineage: Vec<Lineage> = translation
            .lineage
            .into_iter()
            .map(|one| self.with_ids(one, opened.data.reveal()))
            .collect();
        let attached = |index: usize| {
            let place = Place::of(Root::Attachments).index(index);
            Lineage::copied(format!("attachments/{}", index + 1), place)
        };
        lineage.extend((0..opened.attachments.len()).map(attached));
        Ok(Made {
            files,
            lineage,
            losses: loss_pointers(&translation.losses),
        })
    }
}

impl XoevMapping {
    /// The edition that held on the day of receipt, by German legal time.
    fn edition(&self, opened: &Opened<'_>) -> Option<&Edition> {
        let day = legal_day(opened.received_at)?;
        let holds = |edition: &&Edition| edition.valid_from.is_none_or(|first| first <= day);
        self.editions.iter().rev().find(holds)
    }

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

    /// An id that was given here has no source in the submission: it is made of the place of its item.
    fn with_ids(&self, mut one: Lineage, data: &Value) -> Lineage {
        let item = |place: &Place| {
            let item = place.pointer().strip_suffix("/uuid")?;
            let (list, _) = item.rsplit_once('/')?;
            let given = place.root() == Root::Data
                && self.settings.identify.iter().any(|known| known == list)
                && data.pointer(place.pointer()).is_none();
            given.then(|| item.to_owned())
        };
        for place in &mut one.sources {
            if let Some(item) = item(place) {
                *place = Place::pointing(Root::Data, item);
                one.trace = Trace::Made;
                one.conversion = Some("uuid".to_owned());
            }
        }
        one
    }

    /// The value with its texts as the package wants characters to be written. Depth is bounded by the parser of the data.
    fn written(&self, value: Value) -> Value {
        match self.settings.characters {
            Characters::Refuse => value,
            Characters::Transliterate => written(value),
        }
    }

    fn check(&self, edition: &Edition, bytes: &[u8], lineage: &[Lineage]) -> Result<(), Findings> {
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
        let standard = edition.message.standard;
        let mut findings = document.empty_elements();
        findings.extend(document.directory_keys(standard, self.directory.as_ref()));
        let wider: &[_] = if standard.format == "xbau" {
            &WIDER
        } else {
            &[]
        };
        findings.extend(document.characters(wider));
        findings.extend(document.codes(&self.lists));
        findings.extend(document.shape(standard));
        // A schema repeats what was just found, in less helpful words.
        if let (true, Some(schema)) = (findings.is_empty(), &edition.schema) {
            findings = schema.check(bytes);
        }
        if findings.is_empty() {
            Ok(())
        } else {
            Err(locator
                .located(findings)
                .into_iter()
                .map(with_code)
                .collect())
        }
    }
}

fn written(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(transliterate(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(written).collect()),
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, member)| (key, written(member)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Says by which code a receiver would have rejected the message.
fn with_code(mut finding: Finding) -> Finding {
    let code = ErrorCode::of_rule(&finding.rule).as_str();
    let Bilingual { de, en } = &finding.detail;
    finding.detail = Bilingual::new(
        format!("{de} (Rückweisungsgrund {code})"),
        format!("{en} (rejection code {code})"),
    );
    finding
}

fn no_version() -> Finding {
    with_code(Finding::new(
        "",
        "xoev-version",
        Bilingual::new(
            "am Tag des Eingangs gilt keine Version des Standards, die das Paket kennt",
            "no version of the standard that the package knows held on the day of receipt",
        ),
    ))
    .hint(Bilingual::new(
        "[[settings.edition]] im Paket ergänzen",
        "add a [[settings.edition]] to the package",
    ))
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
