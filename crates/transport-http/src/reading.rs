//! What came as one body: a message and documents, read as far as the settings say how. Pure.

use std::collections::BTreeSet;

use amtsbote_adapter::returned::uuids_in;
use amtsbote_adapter::{ParcelFile, Piece, Said};
use amtsbote_jose::sha256_hex;
use amtsbote_model::Personal;
use amtsbote_problem::Findings;
use bytes::Bytes;
use serde_json::Value;

use crate::fields::{Case, Document, Fields, Found, Read, finding, is_media_type, media_type_of};
use crate::multipart::{self, Part};
use crate::tree;

const NO_FIELDS: (&str, &str) = (
    "JSON ist ohne `fields` in den Einstellungen nicht zu verstehen",
    "JSON cannot be understood without `fields` in the settings",
);
const UNREADABLE: (&str, &str) = (
    "der Inhalt ist nicht das, was sein Content-Type sagt",
    "the content is not what its content type says",
);
const NO_MESSAGE: (&str, &str) = (
    "es gibt keinen Teil in JSON oder XML, der die Antwort wäre",
    "there is no part in JSON or XML that would be the answer",
);
const EMPTY: (&str, &str) = ("die Antwort ist leer", "the answer is empty");

/// What was understood before documents are fetched.
pub(crate) enum Got {
    /// Files for whoever reads the format, with facts from their names.
    Files(Vec<ParcelFile>, Vec<(&'static str, String)>),
    /// An answer and its documents.
    Read(Box<Read>),
    /// It cannot be understood.
    Nonsense(Findings),
}

/// A document with its bytes.
pub(crate) struct Filled {
    pub(crate) name: Option<String>,
    pub(crate) media_type: String,
    pub(crate) content: Bytes,
}

/// A body by its content type.
pub(crate) fn of_body(
    fields: Option<&Fields>,
    (content_type, body): (&str, &Bytes),
    case: Case,
    max_bytes: usize,
) -> Got {
    let (media_type, boundary) = multipart::kind(content_type);
    let parts = match boundary {
        Some(boundary) => multipart::parts(body, &boundary),
        None => Some(vec![Part {
            name: None,
            media_type,
            content: body.clone(),
        }]),
    };
    match (parts, fields) {
        (None, _) => nonsense("unreadable", UNREADABLE),
        (Some(parts), _) if parts.iter().all(|part| part.content.is_empty()) => {
            nonsense("required", EMPTY)
        }
        (Some(parts), None) if parts.iter().any(is_json) => nonsense("fields", NO_FIELDS),
        (Some(parts), None) => {
            let names = parts.iter().filter_map(|part| part.name.as_deref());
            let mut facts: Vec<_> = names
                .flat_map(uuids_in)
                .map(|id| ("reference", id))
                .collect();
            facts.sort();
            facts.dedup();
            Got::Files(files(parts.into_iter().map(Filled::from)), facts)
        }
        (Some(parts), Some(fields)) => of_parts(fields, parts, case, max_bytes),
    }
}

fn of_parts(fields: &Fields, mut parts: Vec<Part>, case: Case, max_bytes: usize) -> Got {
    let place = parts.iter().position(|part| is_json(part) || is_xml(part));
    let Some(place) = place else {
        return nonsense("required", NO_MESSAGE);
    };
    let message = parts.remove(place);
    let Some(value) = value_of(&message.media_type, &message.content) else {
        return nonsense("unreadable", UNREADABLE);
    };
    let beside: usize = parts.iter().map(|part| part.content.len()).sum();
    let left = max_bytes.saturating_sub(beside);
    match fields.read(&value, (case, parts.len()), left) {
        Err(findings) => Got::Nonsense(findings),
        Ok(mut read) => {
            read.documents
                .extend(parts.into_iter().map(|part| Document {
                    name: part.name,
                    media_type: Some(part.media_type).filter(|kind| is_media_type(kind)),
                    content: Found::Here(part.content),
                }));
            Got::Read(Box::new(read))
        }
    }
}

/// JSON or XML as a tree.
pub(crate) fn value_of(media_type: &str, body: &[u8]) -> Option<Value> {
    if media_type.ends_with("xml") {
        tree::of_xml(body)
    } else {
        serde_json::from_slice(body).ok()
    }
}

/// The answer with its documents as files. Without an id of its own it gets one from all it says.
pub(crate) fn finished(read: Read, documents: Vec<Filled>) -> (Said, Vec<ParcelFile>) {
    let mut answer = read.answer;
    if !read.has_id {
        let mut all = answer.said().into_revealed();
        for document in &documents {
            all.extend_from_slice(sha256_hex(&document.content).as_bytes());
        }
        answer.id = sha256_hex(&all);
    }
    (Said::Answer(Box::new(answer)), files(documents.into_iter()))
}

/// Documents as files, under their names where these are safe and not taken.
fn files(documents: impl Iterator<Item = Filled>) -> Vec<ParcelFile> {
    let mut taken = BTreeSet::new();
    let file = |(nr, document): (usize, Filled)| {
        let name = document.name.filter(|name| !name.contains('/'));
        let numbered = || format!("{:02}", nr + 1);
        let name = name.filter(|name| taken.insert(name.to_lowercase()));
        let name = name.unwrap_or_else(numbered);
        let path = name.parse().ok().or_else(|| numbered().parse().ok())?;
        Some(ParcelFile {
            path,
            media_type: document.media_type,
            pieces: vec![Piece::Bytes(Personal::new(document.content))],
        })
    };
    documents.enumerate().filter_map(file).collect()
}

impl Filled {
    pub(crate) fn new(name: Option<String>, media_type: Option<&str>, content: Bytes) -> Self {
        let shown = name.as_deref().unwrap_or_default();
        let media_type = media_type_of(media_type, shown, &content);
        Self {
            name,
            media_type,
            content,
        }
    }
}

impl Filled {
    /// A document whose bytes are here.
    pub(crate) fn here(document: Document) -> Option<Self> {
        match document.content {
            Found::Here(content) => Some(Self::new(
                document.name,
                document.media_type.as_deref(),
                content,
            )),
            Found::Link(..) | Found::Beside(..) => None,
        }
    }
}

impl From<Part> for Filled {
    fn from(part: Part) -> Self {
        let said = Some(part.media_type).filter(|kind| is_media_type(kind));
        Self::new(part.name, said.as_deref(), part.content)
    }
}

fn is_json(part: &Part) -> bool {
    part.media_type == "application/json" || part.media_type.ends_with("+json")
}

fn is_xml(part: &Part) -> bool {
    matches!(part.media_type.as_str(), "application/xml" | "text/xml")
        || part.media_type.ends_with("+xml")
}

fn nonsense(rule: &str, what: (&str, &str)) -> Got {
    Got::Nonsense(vec![finding("", rule, what)])
}
