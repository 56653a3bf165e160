//! One submission becomes one message and its attachments.

use std::sync::Arc;

use amtsbote_adapter::file_lineage::SettingLine;
use amtsbote_adapter::placement::Names;
use amtsbote_adapter::{
    Archive, Mapping, Opened, ParcelFile, ParcelPath, Piece, Product as Made, loss_pointers,
    refusal_findings,
};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::xml::Sample;
use amtsbote_translate::{Ignored, Limits, Lineage, Place, Root, Trace};
use amtsbote_validate::charset::Group;
use amtsbote_xoev::standard::Message;
use amtsbote_xoev::{
    CodeLists, Day, Directory, Document, ErrorCode, Header, Locator, Product, XmlSchema, legal_day,
    test_mark, transliterate,
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::attachment::Named;
use crate::lineage::with_changes;
use crate::settings::{Characters, NameParts, Pack, Settings};

/// Elements whose type is wider than datatypeC: names of attachments are datatypeD in XBau.
const WIDER: [(&str, Group); 1] = [("bezeichnung", Group::D)];

/// A package compiled for one of these formats.
pub(crate) struct XoevMapping {
    pub(crate) settings: Settings,
    /// Where the package names the message's file and the data's.
    pub(crate) lines: [SettingLine; 2],
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
        let files = self.along(edition, opened, &header);
        let opened = &Opened {
            names: match self.settings.pack() {
                Pack::Files => opened.names,
                // Names inside the archive.
                Pack::Zip => &Names::Paths,
            },
            ..opened.clone()
        };
        let is_primary = edition.message.standard.has_primary_documents();
        if is_primary && matches!(opened.names, Names::Behind(_)) && !files.names().is_empty() {
            return Err(vec![names_of_the_standard()]);
        }
        let reference = opened.sender.reveal().get("reference");
        let reference = reference.and_then(Value::as_str);
        let test = test_mark(self.settings.test.as_deref(), reference);
        let mut message = header.source(&self.product, test);
        message["received_on"] = legal_day(opened.received_at)
            .map(|day| day.to_string())
            .into();
        message["data"] = match &files.data {
            None => Value::Null,
            Some(data) => data.source(opened),
        };
        let sources = opened
            .sources()
            .with(
                Root::Data,
                self.written(self.identified(opened.data.reveal(), &header)),
            )
            .with(Root::Message, message)
            .with(
                Root::Attachments,
                self.written(files.attachments.source(&header, opened)),
            );
        let translation = edition
            .sample
            .translate(&sources, &Limits::default(), &self.ignored)
            .map_err(|refusal| refusal_findings(&refusal))?;
        let document = translation.document.into_revealed();
        let along = (&header, files.names());
        self.check(edition, &document, &translation.lineage, along)?;
        let changed = self.changed(opened);
        let mut lineage: Vec<Lineage> = translation
            .lineage
            .into_iter()
            .map(|one| with_changes(one, &changed))
            .map(|one| self.with_ids(one, opened.data.reveal()))
            .collect();
        let mut losses = loss_pointers(&translation.losses);
        if let Some(data) = &files.data {
            // With the data as sent beside it nothing is lost.
            losses.clear();
            as_sent(opened.data.reveal(), &data.name, "", &mut lineage);
        }
        let attached = |index: usize| {
            let place = Place::of(Root::Attachments).index(index);
            Lineage::copied(format!("attachments/{}", index + 1), place)
        };
        lineage.extend((0..opened.attachments.len()).map(attached));
        let along = files;
        let files = self.files(edition, &header, document, &along)?;
        let lineage = self.said(lineage, edition, &along, opened);
        Ok(Made {
            files,
            lineage,
            losses,
        })
    }
}

/// What goes along with a message.
pub(crate) struct Along<'a> {
    pub(crate) data: Option<DataFile>,
    attachments: Named<'a>,
}

impl Along<'_> {
    fn names(&self) -> Vec<String> {
        let data = self.data.iter().map(|data| data.name.clone());
        data.chain(self.attachments.names().map(str::to_owned))
            .collect()
    }
}

/// The data as sent, as a file.
pub(crate) struct DataFile {
    name: String,
    uuid: String,
    bytes: Bytes,
}

impl DataFile {
    /// `$message.data` for templates.
    fn source(&self, opened: &Opened<'_>) -> Value {
        json!({ "file": opened.called(&self.name), "uuid": self.uuid, "size_bytes": self.bytes.len() })
    }
}

/// Each value of the data in the file `file`, which holds it as it was sent. Depth is bounded by the parser of the data.
fn as_sent(value: &Value, file: &str, at: &str, lineage: &mut Vec<Lineage>) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            lineage.push(Lineage::copied(
                format!("{file}{at}"),
                Place::pointing(Root::Data, at),
            ));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                as_sent(item, file, &format!("{at}/{index}"), lineage);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                as_sent(member, file, &format!("{at}/{key}"), lineage);
            }
        }
    }
}

impl XoevMapping {
    fn along<'a>(&self, edition: &Edition, opened: &Opened<'a>, header: &Header) -> Along<'a> {
        let primary = edition.message.standard.has_primary_documents();
        let uuid = header.part("/data").to_string();
        let data = self.settings.data_file.as_ref().map(|name| DataFile {
            name: if primary {
                format!("{uuid}_{name}")
            } else {
                name.clone()
            },
            uuid,
            bytes: Bytes::copy_from_slice(opened.data_bytes.reveal()),
        });
        let attachments = if primary {
            Named::primary(opened.attachments, header)
        } else {
            Named::new(opened.attachments, self.settings.data_file.as_deref())
        };
        Along { data, attachments }
    }

    /// The message and what goes along, packed as the package wants it.
    fn files(
        &self,
        edition: &Edition,
        header: &Header,
        document: Vec<u8>,
        along: &Along<'_>,
    ) -> Result<Vec<ParcelFile>, Findings> {
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
        let made = |path: ParcelPath, media_type: &str, bytes: Bytes| ParcelFile {
            path,
            media_type: media_type.to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(bytes))],
        };
        let mut files = vec![made(path.clone(), "application/xml", Bytes::from(document))];
        if let Some(data) = &along.data {
            let path = data.name.parse().map_err(|_| vec![unsafe_name()])?;
            files.push(made(path, "application/json", data.bytes.clone()));
        }
        let attachments = along.attachments.files();
        files.extend(attachments.ok_or_else(|| vec![unsafe_name()])?);
        match self.settings.pack() {
            Pack::Files => Ok(files),
            Pack::Zip => zipped(&path, files).map(|file| vec![file]),
        }
    }

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

    fn check(
        &self,
        edition: &Edition,
        bytes: &[u8],
        lineage: &[Lineage],
        (header, files): (&Header, Vec<String>),
    ) -> Result<(), Findings> {
        let locator = Locator::new(lineage);
        let Ok(document) = Document::read(bytes) else {
            let detail = Bilingual::new(
                "die Nachricht wäre kein wohlgeformtes XML",
                "the message would not be well-formed XML",
            );
            return Err(vec![Finding::new("", "xml", detail).of_receiver()]);
        };
        let standard = edition.message.standard;
        let mut findings = document.empty_elements();
        findings.extend(document.directory_keys(standard, self.directory.as_ref()));
        let wider: &[_] = if standard.format == "xbau" {
            &WIDER
        } else {
            &[]
        };
        if standard.is_of_din_91379() {
            findings.extend(document.characters(wider));
        }
        if standard.has_primary_documents() {
            findings.extend(document.primary_documents(&header.uuid.to_string(), &files));
        }
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
    .of_receiver()
    .hint(Bilingual::new(
        "[[settings.edition]] im Paket ergänzen",
        "add a [[settings.edition]] to the package",
    ))
}

/// One archive with the message's name.
fn zipped(message: &ParcelPath, files: Vec<ParcelFile>) -> Result<ParcelFile, Findings> {
    let stem = message.as_str().strip_suffix(".xml");
    let path = format!("{}.zip", stem.unwrap_or(message.as_str()));
    let archive = Archive::new(files).map_err(|_| {
        vec![Finding::new(
            "$attachments",
            "zip-size",
            Bilingual::new(
                "die Anlagen sind für ein ZIP-Archiv zu groß oder zu viele",
                "the attachments are too large or too many for a ZIP archive",
            ),
        )]
    })?;
    Ok(ParcelFile {
        path: path.parse().map_err(|_| vec![unsafe_name()])?,
        media_type: "application/zip".to_owned(),
        pieces: vec![Piece::Zip(Arc::new(archive))],
    })
}

/// xdomea says how files are called; a way that puts something before their names breaks that.
fn names_of_the_standard() -> Finding {
    let detail = Bilingual::new(
        "die Nachricht nennt ihre Dateien, wie der Standard es will, und der Weg hinaus setzt etwas davor: layout = \"folder\" am Weg, oder pack = \"zip\" im Paket",
        "the message names its files as the standard wants it, and the way out puts something before the names: layout = \"folder\" at the way, or pack = \"zip\" in the package",
    );
    Finding::new("", "file-names", detail).of_receiver()
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
    .of_receiver()
}
