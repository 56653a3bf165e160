//! What lies in the container, and whose it is.

use amtsbote_adapter::Opened;
use amtsbote_model::Personal;
use amtsbote_translate::Lineage;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

/// One file of the container.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) media_type: String,
    pub(crate) size_bytes: u64,
    pub(crate) sha512: String,
    /// Position of the attachment, from 0, and why it is called so; none for data.
    pub(crate) attachment: Option<(usize, Lineage)>,
}

impl Entry {
    /// A data file.
    pub(crate) fn data(path: &str, media_type: &str, bytes: &[u8]) -> Self {
        Self {
            path: path.to_owned(),
            media_type: media_type.to_owned(),
            size_bytes: bytes.len() as u64,
            sha512: hex(&Sha512::digest(bytes)),
            attachment: None,
        }
    }
}

/// Which package and schema made the container.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) schema_uri: String,
}

/// The manifest; `list` names the list of files: `files` in JSON, `file` in XML, where it is repeated.
pub(crate) fn manifest(opened: &Opened<'_>, maker: &Maker, entries: &[Entry], list: &str) -> Value {
    let files: Vec<Value> = entries.iter().map(|entry| file(opened, entry)).collect();
    let mut manifest = Map::new();
    let mut put = |key: &str, value: Value| manifest.insert(key.to_owned(), value);
    put("format", "amtsbote-container".into());
    put("version", 1.into());
    put("submission_id", opened.submission_id.to_string().into());
    put("case_id", opened.case_id.to_string().into());
    put("destination_id", opened.destination_id.to_string().into());
    put("parcel_id", opened.parcel_id.to_string().into());
    put("service", opened.service.as_str().into());
    put("received_at", opened.received_at.to_rfc3339().into());
    put("schema", maker.schema_uri.clone().into());
    put(
        "package",
        json!({ "name": maker.package, "version": maker.version }),
    );
    put("sender", opened.sender.reveal().clone());
    put(list, files.into());
    Value::Object(manifest)
}

fn file(opened: &Opened<'_>, entry: &Entry) -> Value {
    let mut file = Map::new();
    let mut put = |key: &str, value: Value| file.insert(key.to_owned(), value);
    put("path", opened.called(&entry.path).into());
    put("media_type", entry.media_type.clone().into());
    put("size_bytes", entry.size_bytes.into());
    put("sha512", entry.sha512.clone().into());
    match entry
        .attachment
        .as_ref()
        .and_then(|(index, _)| opened.attachments.get(*index))
    {
        None => {
            put("purpose", "data".into());
        }
        Some(attachment) => {
            put("purpose", attachment.purpose.clone().into());
            put("attachment_id", attachment.id.to_string().into());
            let said = [
                ("original_filename", &attachment.filename),
                ("description", &attachment.description),
            ];
            for (key, text) in said {
                if let Some(text) = text.as_ref().map(Personal::reveal) {
                    put(key, text.clone().into());
                }
            }
        }
    }
    Value::Object(file)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
