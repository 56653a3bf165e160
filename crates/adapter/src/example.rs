//! Reads one example of a package: the submission it stands for.
//!
//! ```text
//!  examples/<name>/case.toml         ids and moment of receipt (all have defaults)
//!                 /input.json        the data
//!                 /receiver.json     $receiver (default {})
//!                 /sender.json       $sender   (default {})
//!                 /attachments.toml  what the sender says of each attachment, in order
//!                 /attachments/…     the attachments
//!                 /expected/…        the files of the product, and losses.txt or findings.txt
//! ```

use std::sync::Arc;

use amtsbote_model::{
    AttachmentId, CaseId, DestinationId, ParcelId, Personal, SubmissionId, Timestamp,
};
use amtsbote_problem::{Bilingual, Finding, Findings};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use crate::checksum::hex;
use crate::placement::Names;
use crate::{
    Algorithm, AttachmentSource, Checksums, Opened, OpenedAttachment, Package, bytes_source,
};

const RECEIVED_AT: &str = "2026-01-02T03:04:05.678Z";

/// An example, read.
pub(crate) struct Case {
    ids: Ids,
    received_at: Timestamp,
    data: Personal<Value>,
    data_bytes: Personal<Vec<u8>>,
    receiver: Value,
    sender: Personal<Value>,
    attachments: Vec<OpenedAttachment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Ids {
    submission_id: SubmissionId,
    case_id: CaseId,
    destination_id: DestinationId,
    parcel_id: ParcelId,
    received_at: String,
}

impl Default for Ids {
    fn default() -> Self {
        let uuid =
            |last: u128| uuid::Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 | last);
        Self {
            submission_id: SubmissionId::from_uuid(uuid(1)),
            case_id: CaseId::from_uuid(uuid(2)),
            destination_id: DestinationId::from_uuid(uuid(3)),
            parcel_id: ParcelId::from_uuid(uuid(4)),
            received_at: RECEIVED_AT.to_owned(),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    attachment: Vec<SaidOfOne>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidOfOne {
    /// Name under `attachments/`.
    file: String,
    /// The file name the sender gave: the name under `attachments/` unless said.
    filename: Option<String>,
    id: Option<AttachmentId>,
    #[serde(default = "attachment")]
    purpose: String,
    mime: Option<String>,
    description: Option<String>,
}

fn attachment() -> String {
    "attachment".to_owned()
}

impl Case {
    /// Reads the example `name`; all that is wrong with it at once.
    pub(crate) fn read(package: &Package, name: &str) -> Result<Self, Findings> {
        let folder = Folder {
            package,
            prefix: format!("examples/{name}/"),
        };
        let mut findings = Findings::new();
        let ids = folder.toml::<Ids>("case.toml", &mut findings);
        let received_at = moment(&ids.received_at).unwrap_or_else(|| {
            findings.push(folder.wrong(
                "case.toml",
                "date-time",
                "received_at ist kein Zeitpunkt nach RFC 3339",
                "received_at is not an RFC 3339 time",
            ));
            Timestamp::from_millis(0)
        });
        let data = folder.json("input.json", &mut findings);
        if folder.bytes("input.json").is_none() {
            findings.push(folder.wrong(
                "input.json",
                "required",
                "die Datei fehlt",
                "the file is missing",
            ));
        }
        let receiver = folder.json("receiver.json", &mut findings);
        let sender = folder.json("sender.json", &mut findings);
        let attachments = folder.attachments(&mut findings);
        if !findings.is_empty() {
            return Err(findings);
        }
        Ok(Self {
            ids,
            received_at,
            data: Personal::new(data),
            data_bytes: Personal::new(folder.bytes("input.json").unwrap_or_default().to_vec()),
            receiver,
            sender: Personal::new(sender),
            attachments,
        })
    }

    /// The submission, for a mapping.
    pub(crate) fn opened<'a>(&'a self, package: &'a Package) -> Opened<'a> {
        Opened {
            submission_id: self.ids.submission_id,
            case_id: self.ids.case_id,
            destination_id: self.ids.destination_id,
            service: &package.service,
            parcel_id: self.ids.parcel_id,
            received_at: self.received_at,
            data: &self.data,
            data_bytes: &self.data_bytes,
            attachments: &self.attachments,
            receiver: &self.receiver,
            sender: &self.sender,
            files: &Value::Null,
            names: &Names::Paths,
        }
    }

    /// The same submission with other data.
    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data_bytes = Personal::new(data.to_string().into_bytes());
        self.data = Personal::new(data);
        self
    }
}

struct Folder<'a> {
    package: &'a Package,
    prefix: String,
}

impl<'a> Folder<'a> {
    fn bytes(&self, file: &str) -> Option<&'a [u8]> {
        self.package
            .files
            .get(&format!("{}{file}", self.prefix))
            .map(Vec::as_slice)
    }

    fn wrong(&self, file: &str, rule: &str, de: &str, en: &str) -> Finding {
        Finding::new(
            format!("{}{file}", self.prefix),
            rule,
            Bilingual::new(de, en),
        )
    }

    fn json(&self, file: &str, findings: &mut Findings) -> Value {
        let Some(bytes) = self.bytes(file) else {
            return Value::Object(serde_json::Map::new());
        };
        serde_json::from_slice(bytes).unwrap_or_else(|error| {
            let at = format!("line {}, column {}", error.line(), error.column());
            findings.push(self.wrong(
                file,
                "json",
                &format!("kein JSON: {at}"),
                &format!("not JSON: {at}"),
            ));
            Value::Null
        })
    }

    fn toml<T: DeserializeOwned + Default>(&self, file: &str, findings: &mut Findings) -> T {
        let Some(bytes) = self.bytes(file) else {
            return T::default();
        };
        // Examples are invented: the message may show the line.
        let text = String::from_utf8_lossy(bytes);
        toml::from_str(&text).unwrap_or_else(|error| {
            let told = error.to_string();
            let german = amtsbote_problem::toml::german(&told);
            findings.push(self.wrong(file, "toml", &german, told.trim_end()));
            T::default()
        })
    }

    fn attachments(&self, findings: &mut Findings) -> Vec<OpenedAttachment> {
        let prefix = format!("{}attachments/", self.prefix);
        let here: Vec<&str> = self
            .package
            .files
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .collect();
        let said = if self.bytes("attachments.toml").is_some() {
            self.toml::<Said>("attachments.toml", findings).attachment
        } else {
            here.iter().map(|file| SaidOfOne::nothing(file)).collect()
        };
        for file in &here {
            if !said.iter().any(|one| one.file == *file) {
                findings.push(self.wrong(
                    "attachments.toml",
                    "unlisted",
                    &format!("attachments/{file} fehlt in der Liste"),
                    &format!("attachments/{file} is not listed"),
                ));
            }
        }
        let mut attachments = Vec::new();
        for (index, one) in said.into_iter().enumerate() {
            match self.bytes(&format!("attachments/{}", one.file)) {
                Some(bytes) => attachments.push(one.opened(index, bytes)),
                None => findings.push(self.wrong(
                    "attachments.toml",
                    "required",
                    &format!("attachments/{} fehlt", one.file),
                    &format!("attachments/{} is missing", one.file),
                )),
            }
        }
        attachments
    }
}

impl SaidOfOne {
    fn nothing(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            filename: None,
            id: None,
            purpose: attachment(),
            mime: None,
            description: None,
        }
    }

    fn opened(self, index: usize, bytes: &[u8]) -> OpenedAttachment {
        let uuid = uuid::Uuid::from_u128(
            0x0000_0000_0000_4000_8000_0000_0000_0100 | (index as u128 & 0xff),
        );
        let media_type = self
            .mime
            .unwrap_or_else(|| media_type(&self.file).to_owned());
        let source: Arc<dyn AttachmentSource> = bytes_source(Bytes::copy_from_slice(bytes));
        OpenedAttachment {
            id: self.id.unwrap_or_else(|| AttachmentId::from_uuid(uuid)),
            filename: Some(Personal::new(self.filename.unwrap_or(self.file))),
            description: self.description.map(Personal::new),
            media_type,
            purpose: self.purpose,
            sha512: hex(&Sha512::digest(bytes)),
            sha256: hex(&Sha256::digest(bytes)),
            old_sums: Checksums::of(bytes, &[Algorithm::Md5, Algorithm::Sha1]),
            path: None,
            source,
        }
    }
}

fn media_type(file: &str) -> &'static str {
    match file.rsplit('.').next().unwrap_or_default() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "xml" => "application/xml",
        "json" => "application/json",
        "txt" => "text/plain",
        _ => "application/octet-stream",
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(|at| Timestamp::from_millis(at.as_millisecond()))
}
