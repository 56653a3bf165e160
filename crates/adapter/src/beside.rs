//! Attachments of formats that make a document: where they go beside it, or inside it.
//!
//! ```text
//!  attachments = "anlagen"   anlagen/01-plan.pdf          $attachments[].path, .file
//!  attachments = "."         01-plan.pdf                  the same
//!  attachments = "none"      nowhere, a loss; or inside:  $attachments[].content, in base64
//! ```
//!
//! Content never passes through a template: what the template reads is a mark that nobody else can know, as the parcel's id is in it.
//! The document is cut at the marks afterwards, and the transport writes base64 there while it streams.

use std::collections::BTreeSet;

use amtsbote_model::{ParcelId, Personal};
use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Lineage, Place, Root, Trace};
use bytes::Bytes;

use crate::{Named, Naming, Opened, OpenedAttachment, ParcelFile, ParcelPath, Piece};

const MARK: char = '\u{E000}';
const MARK_END: char = '\u{E001}';

/// Where attachments go, by a package's setting `attachments` and those of their names.
#[derive(Debug, Clone)]
pub struct Beside {
    folder: Folder,
    naming: Naming,
}

#[derive(Debug, Clone)]
enum Folder {
    Nowhere,
    /// Beside the document.
    Same,
    Named(String),
}

/// The attachments with their places.
#[derive(Debug)]
pub struct Laid {
    /// With `path`, where they have one.
    pub attachments: Vec<OpenedAttachment>,
    /// Their names.
    pub names: Named,
    folder: Folder,
}

/// What goes along beside the document.
#[derive(Debug, Default)]
pub struct Along {
    /// One file per attachment.
    pub files: Vec<ParcelFile>,
    /// Where they came from.
    pub lineage: Vec<Lineage>,
    /// Attachments that are in no file.
    pub losses: Vec<String>,
}

impl Beside {
    /// `folder` is the setting `attachments`: a name of at most 60 characters, `"."` or `"none"`.
    pub fn new(folder: &str, naming: Naming) -> Result<Self, Findings> {
        let folder = match folder {
            "none" if naming.is_said() => {
                return Err(vec![Finding::new(
                    "package.toml/settings/attachment_name",
                    "settings",
                    Bilingual::new(
                        "gehört zu Anlagen in eigenen Dateien, nicht zu attachments = \"none\"",
                        "belongs to attachments in files of their own, not to attachments = \"none\"",
                    ),
                )]);
            }
            "none" => Folder::Nowhere,
            "." => Folder::Same,
            name if is_name(name) => Folder::Named(name.to_owned()),
            _ => {
                return Err(vec![Finding::new(
                    "package.toml/settings/attachments",
                    "settings",
                    Bilingual::new(
                        "weder ein sicherer Dateiname von höchstens 60 Zeichen noch \".\" (neben dem Dokument) noch \"none\"",
                        "neither a safe file name of at most 60 characters nor \".\" (beside the document) nor \"none\"",
                    ),
                )]);
            }
        };
        Ok(Self { folder, naming })
    }

    /// Gives each attachment its place, none of which is one of `documents`. What already has one, from a bundle around this document,
    /// keeps it.
    pub fn lay(&self, opened: &Opened<'_>, documents: Vec<String>) -> Result<Laid, Findings> {
        let taken = match &self.folder {
            Folder::Nowhere | Folder::Named(_) => Vec::new(),
            Folder::Same => documents,
        };
        let names = self.naming.names(opened, taken)?;
        let mut attachments = opened.attachments.to_vec();
        for (index, attachment) in attachments.iter_mut().enumerate() {
            let name = names.name(index);
            match &self.folder {
                Folder::Nowhere => {}
                Folder::Same => attachment.path = Some(name.to_owned()),
                Folder::Named(folder) => attachment.path = Some(format!("{folder}/{name}")),
            }
        }
        Ok(Laid {
            attachments,
            names,
            folder: self.folder.clone(),
        })
    }
}

impl Laid {
    /// The files beside the `documents` documents, behind them; `inside` are those a document itself holds.
    pub fn along(&self, inside: &BTreeSet<usize>, documents: usize) -> Result<Along, Findings> {
        let mut along = Along::default();
        for (index, attachment) in self.attachments.iter().enumerate() {
            let place = Place::of(Root::Attachments).index(index);
            let nr = documents + along.files.len() + 1;
            let output = match &self.folder {
                Folder::Nowhere => {
                    if !inside.contains(&index) {
                        along.losses.push(place.to_string());
                    }
                    continue;
                }
                Folder::Same => format!("./{}", index + 1),
                Folder::Named(folder) => format!("{folder}/{}", index + 1),
            };
            along.files.push(ParcelFile {
                path: safe(attachment.path.as_deref().unwrap_or_default())?,
                media_type: attachment.media_type.clone(),
                pieces: vec![Piece::Attachment(attachment.source.clone())],
            });
            along.lineage.push(Lineage::copied(output, place));
            along
                .lineage
                .extend(self.names.lineage(nr, index, self.folder()));
        }
        Ok(along)
    }

    fn folder(&self) -> &str {
        match &self.folder {
            Folder::Nowhere | Folder::Same => "",
            Folder::Named(folder) => folder,
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.contains('/') && name.parse::<ParcelPath>().is_ok() && name.chars().count() <= 60
}

/// The path, or a finding: names are made safe before; if one slips through, this submission waits instead of the process ending.
pub fn safe(path: &str) -> Result<ParcelPath, Findings> {
    path.parse().map_err(|_| {
        vec![
            Finding::new(
                "",
                "path",
                Bilingual::new(
                    "ein Dateiname ist nicht sicher oder zu lang",
                    "a file name is not safe or too long",
                ),
            )
            .of_receiver(),
        ]
    })
}

/// What stands in a document for the content of the attachment `nr` (from 1).
pub(crate) fn mark(parcel: ParcelId, nr: usize) -> String {
    format!("{MARK}{parcel}:{nr}{MARK_END}")
}

/// A document cut where attachments go in.
#[derive(Debug)]
pub struct Cut {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Content(usize),
}

impl Cut {
    /// Cuts `document`, which a template made of `opened` with that lineage.
    pub fn new(document: &str, opened: &Opened<'_>, lineage: &[Lineage]) -> Result<Self, Findings> {
        let begin = format!("{MARK}{}:", opened.parcel_id);
        let mut parts = Vec::new();
        let mut rest = document;
        while let Some((before, mark)) = rest.split_once(&begin) {
            let content = mark.split_once(MARK_END).and_then(|(nr, after)| {
                let index = nr.parse::<usize>().ok()?.checked_sub(1)?;
                opened.attachments.get(index)?;
                Some((index, after))
            });
            let (index, after) = content.ok_or_else(changed)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Content(index));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        // Capitals, a cut or a conversion leave half a mark: that is never handed over. No other text of an application has this sign.
        let is_whole = |part: &Part| !matches!(part, Part::Text(text) if text.contains(MARK));
        let asked = lineage.iter().filter(|one| is_content(one)).count();
        let inside = parts.len() / 2;
        if !opened.attachments.is_empty() && (asked != inside || !parts.iter().all(is_whole)) {
            return Err(changed());
        }
        Ok(Self { parts })
    }

    /// The document for a schema check: a little base64 where content goes in.
    pub fn sketch(&self) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Content(_) => "AAAA".to_owned(),
        };
        self.parts.iter().map(text).collect()
    }

    /// The attachments inside, from 0.
    pub fn inside(&self) -> BTreeSet<usize> {
        let index = |part: &Part| match part {
            Part::Text(_) => None,
            Part::Content(index) => Some(*index),
        };
        self.parts.iter().filter_map(index).collect()
    }

    /// The file's content; `write` makes bytes of text.
    pub fn pieces(
        &self,
        opened: &Opened<'_>,
        mut write: impl FnMut(&str) -> Result<Vec<u8>, Findings>,
    ) -> Result<Vec<Piece>, Findings> {
        let mut pieces = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) if text.is_empty() => {}
                Part::Text(text) => {
                    pieces.push(Piece::Bytes(Personal::new(Bytes::from(write(text)?))));
                }
                Part::Content(index) => pieces.extend(
                    opened
                        .attachments
                        .get(*index)
                        .map(|attachment| Piece::Base64(attachment.source.clone())),
                ),
            }
        }
        Ok(pieces)
    }
}

/// Whether an output is an attachment's content.
fn is_content(one: &Lineage) -> bool {
    let is_content =
        |place: &Place| place.root() == Root::Attachments && place.pointer().ends_with("/content");
    one.trace == Trace::Exact && one.sources.iter().any(is_content)
}

fn changed() -> Findings {
    vec![Finding::new(
        "$attachments",
        "attachment-content",
        Bilingual::new(
            "der Inhalt einer Anlage (.content) kann nur so übernommen werden, wie er ist: ohne Umwandlung, und nur in XML und JSON",
            "an attachment's content (.content) can only be taken as it is: without a conversion, and only into XML and JSON",
        ),
    )
    .of_receiver()]
}
