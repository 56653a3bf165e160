//! Several files that a procedure takes together: which are documents, attachments, lists of checksums; and the package made of them.
//!
//! ```text
//!  antrag.csv            a document: a part
//!  steuer.xml            a document that names the others: the last part, each = $files
//!  anlagen/plan_01.pdf   attachments = "anlagen", attachment_name = "plan_{nr:00}.{ext}"
//!  antrag.csv.md5        sum_files = ["md5"]
//!  SHA256SUMS            checksums = "SHA256SUMS"
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use amtsbote_problem::Bilingual;

use crate::attached::{self, Content};
use crate::binding::quoted;
use crate::package::{Made, Note, NoteKind};
use crate::recognised::{Recognised, recognise};
use crate::{Sample, SampleKind, Schemas, Unusable, text};

/// Files of a sample, by what they are.
#[derive(Debug, Clone)]
pub struct Several<'a> {
    parts: Vec<Part<'a>>,
    attachments: Vec<&'a str>,
    sums: Sums<'a>,
    empty: Vec<&'a str>,
    schemas: Vec<&'a str>,
}

/// A document.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// Its path in the sample.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// What it is, and why.
    pub recognised: Recognised,
}

/// Checksums the sample has in files of their own.
#[derive(Debug, Clone, Default)]
struct Sums<'a> {
    /// One file for all others, and its algorithm.
    list: Option<(&'a str, &'static str)>,
    /// One file beside each.
    each: BTreeSet<&'static str>,
    is_bare: bool,
}

/// Checksums by their length in hexadecimal digits.
const SUMS: [(usize, &str); 4] = [(32, "md5"), (40, "sha1"), (64, "sha256"), (128, "sha512")];

impl<'a> Several<'a> {
    /// Sorts the files by their content: paths with `/`, at most one folder deep for attachments.
    pub fn sorted(files: &'a BTreeMap<String, Vec<u8>>) -> Result<Self, Unusable> {
        let mut sorted = Self {
            parts: Vec::new(),
            attachments: Vec::new(),
            sums: Sums::default(),
            empty: Vec::new(),
            schemas: Vec::new(),
        };
        for (path, bytes) in files {
            if last(path).starts_with('.') {
                continue;
            }
            if bytes.is_empty() {
                sorted.empty.push(path);
            } else if !sorted.is_sum(path, bytes, files) {
                sorted.push(path, bytes);
            }
        }
        if sorted.parts.is_empty() {
            return Err(Unusable::new(
                "unter den Dateien ist kein Dokument des Verfahrens (XML, JSON, CSV, feste Breite, Schlüssel und Werte, Segmente)",
                "no document of the procedure is among the files (XML, JSON, CSV, fixed width, keys and values, segments)",
            ));
        }
        // What names other documents comes behind them.
        let names: Vec<&str> = sorted.parts.iter().map(|part| last(part.path)).collect();
        sorted.parts.sort_by_cached_key(|part| {
            let own = last(part.path);
            let decoded = text::decoded(part.bytes).map(|(_, text)| text);
            let text = decoded.unwrap_or_default();
            let others = names.iter().filter(|name| **name != own);
            others.filter(|name| text.contains(**name)).count()
        });
        Ok(sorted)
    }

    fn push(&mut self, path: &'a str, bytes: &'a [u8]) {
        let ending = path.rsplit_once('.').map(|(_, ending)| ending);
        // What lies in a folder of its own is an attachment, also if it is a text.
        let recognised = if path.contains('/') {
            None
        } else {
            recognise(bytes, ending).ok()
        };
        match recognised {
            Some(recognised) if recognised.kind == SampleKind::Xsd => self.schemas.push(path),
            Some(recognised) => self.parts.push(Part {
                path,
                bytes,
                recognised,
            }),
            None => self.attachments.push(path),
        }
    }

    /// Whether the file holds checksums of others: `SUM  NAME` in each line, or a sum alone in `NAME.md5`.
    fn is_sum(&mut self, path: &'a str, bytes: &[u8], files: &BTreeMap<String, Vec<u8>>) -> bool {
        let Ok((_, text)) = text::decoded(bytes) else {
            return false;
        };
        let algorithm = |sum: &str| {
            let is_hex = sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            let known = SUMS.iter().find(|(length, _)| *length == sum.len());
            known.filter(|_| is_hex).map(|(_, name)| *name)
        };
        let is_there = |name: &str| files.keys().any(|path| path == name || last(path) == name);
        let of_one = SUMS.iter().find_map(|(_, name)| {
            let stem = path.strip_suffix(name)?.strip_suffix('.')?;
            files.contains_key(stem).then_some(*name)
        });
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        if let ([only], Some(name)) = (lines.as_slice(), of_one)
            && algorithm(only.trim()) == Some(name)
        {
            self.sums.each.insert(name);
            self.sums.is_bare = true;
            return true;
        }
        let listed: Option<Vec<&str>> = lines
            .iter()
            .map(|line| {
                let (sum, name) = line.trim().split_once([' ', '\t'])?;
                let name = name.trim_start_matches([' ', '\t', '*']);
                algorithm(sum).filter(|_| is_there(name))
            })
            .collect();
        match listed.as_deref() {
            Some([name, ..]) if of_one.is_some() => {
                self.sums.each.insert(name);
                true
            }
            Some([name, ..]) => {
                self.sums.list = Some((path, name));
                true
            }
            Some([]) | None => false,
        }
    }

    /// The documents, in the order in which they are made.
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// Files of the sample as attachments of an application.
    pub fn attachments(&self) -> &[&'a str] {
        &self.attachments
    }

    /// Schemas among the files: they have to be named for what they are the schema of.
    pub fn schemas(&self) -> &[&'a str] {
        &self.schemas
    }

    /// The settings of the whole.
    fn settings(&self, archive: Option<&str>) -> String {
        let mut text = String::new();
        if let Some(archive) = archive {
            let _ = writeln!(text, "pack = \"zip\"\nfile = {}", quoted(&pattern(archive)));
        }
        let folders: BTreeSet<&str> = self
            .attachments
            .iter()
            .map(|path| path.rsplit_once('/').map_or(".", |(folder, _)| folder))
            .collect();
        let folder = match folders.first() {
            Some(folder) if !folder.contains('/') => folder,
            Some(_) | None => "anlagen",
        };
        text.push_str("# Anlagen: Ordner, \".\" (neben den Dokumenten) oder \"none\" / attachments: folder, \".\" (beside the documents) or \"none\"\n");
        let _ = writeln!(text, "attachments = {}", quoted(folder));
        if let Some(name) = numbered(&self.attachments) {
            let _ = writeln!(text, "attachment_name = {}", quoted(&name));
        }
        if let Some((path, algorithm)) = self.sums.list {
            let _ = writeln!(
                text,
                "checksums = {}\nalgorithm = {}",
                quoted(&pattern(path)),
                quoted(algorithm)
            );
        }
        if !self.sums.each.is_empty() {
            let each: Vec<String> = self.sums.each.iter().map(|name| quoted(name)).collect();
            let _ = writeln!(text, "sum_files = [{}]", each.join(", "));
        }
        if self.sums.is_bare {
            text.push_str("sum_form = \"bare\"\n");
        }
        text
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        for path in &self.empty {
            notes.push(Note::new(
                NoteKind::Layout,
                (*path).to_owned(),
                "eine leere Datei: sagt sie, dass alles da ist, schreibt der Weg sie (marker)",
                "an empty file: if it says that all is there, the way out writes it (marker)",
            ));
        }
        for path in &self.schemas {
            notes.push(Note::new(
                NoteKind::Layout,
                (*path).to_owned(),
                "ein Schema: mit --xsd angeben, dann wird die Ausgabe geprüft",
                "a schema: name it with --xsd, then the output is checked",
            ));
        }
        notes
    }

    /// One package of what the parts became, in their order.
    pub(crate) fn together(&self, made: Vec<Made>, archive: Option<&str>) -> Bundle {
        let mut bundle = Bundle {
            format: "bundle",
            settings: self.settings(archive),
            notes: self.notes(),
            ..Bundle::default()
        };
        for (part, made) in self.parts.iter().zip(made) {
            let (usual, text) = made.template;
            let stem = last(part.path).replace(['.', ' '], "-");
            let template = format!("{}-{usual}", stem.to_lowercase());
            let settings = made
                .settings
                .replace(&quoted(usual), &quoted(&template))
                .replace("\n[settings.", "\n[settings.part.");
            let _ = write!(
                bundle.settings,
                "\n[[settings.part]]\nformat = {}\n",
                quoted(made.format)
            );
            for line in settings.lines() {
                // Attachments belong to the whole.
                let is_of_whole = line.starts_with("attachments = ")
                    || line.starts_with("# Anlagen: ")
                    || line.starts_with("# Die Anlagen ");
                if line.starts_with("file = ") {
                    let file = pattern(last(part.path));
                    let _ = writeln!(bundle.settings, "file = {}", quoted(&file));
                } else if !is_of_whole {
                    let _ = writeln!(bundle.settings, "{line}");
                }
            }
            bundle.templates.push((template, text));
            bundle.receiver.extend(made.receiver);
            bundle.notes.extend(made.notes.into_iter().map(|note| Note {
                at: format!("{}: {}", last(part.path), note.at),
                ..note
            }));
        }
        bundle
    }
}

impl<'a> Part<'a> {
    /// As a sample of its own; a schema is that of XML.
    pub(crate) fn sample(&self, schemas: Option<Schemas<'a>>) -> Sample<'a> {
        let bytes = self.bytes;
        match self.recognised.kind {
            SampleKind::Xml | SampleKind::Xsd => Sample::Xml(bytes, schemas),
            SampleKind::Csv => Sample::Csv(bytes),
            SampleKind::Fixed => Sample::Fixed(bytes, None),
            SampleKind::Keys => Sample::Keys(bytes),
            SampleKind::Segments => Sample::Segments(bytes),
            SampleKind::Json => Sample::Json(bytes),
        }
    }
}

/// What is written of a package, of one document or several.
#[derive(Default)]
pub(crate) struct Bundle {
    pub(crate) format: &'static str,
    pub(crate) settings: String,
    pub(crate) templates: Vec<(String, String)>,
    pub(crate) notes: Vec<Note>,
    pub(crate) receiver: serde_json::Map<String, serde_json::Value>,
}

impl Bundle {
    /// Of one document.
    pub(crate) fn one(made: Made) -> Self {
        let (path, text) = made.template;
        Self {
            format: made.format,
            settings: made.settings,
            templates: vec![(path.to_owned(), text)],
            notes: made.notes,
            receiver: made.receiver,
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name with what changes from application to application: a day, an id.
fn pattern(name: &str) -> String {
    const DAY: usize = 8;
    const UUID: usize = 36;
    let mut text = String::new();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let is_new = !text.ends_with(|c: char| c.is_ascii_digit());
        let day = rest.get(..DAY).filter(|day| is_new && is_day(day));
        let ends = rest
            .get(DAY..)
            .is_none_or(|more| !more.starts_with(|c: char| c.is_ascii_digit()));
        if rest.get(..UUID).is_some_and(is_uuid) {
            text.push_str("{parcel}");
            rest = &rest[UUID..];
        } else if day.is_some() && ends {
            text.push_str("{date}");
            rest = &rest[DAY..];
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    text
}

fn is_day(text: &str) -> bool {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    is_digits
        && year.is_some_and(|year| (1990..2100).contains(&year))
        && month.is_some_and(|month| (1..=12).contains(&month))
        && day.is_some_and(|day| (1..=31).contains(&day))
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.bytes().enumerate().all(|(at, byte)| {
        if dashes.contains(&at) {
            byte == b'-'
        } else {
            byte.is_ascii_hexdigit()
        }
    })
}

/// The rule by which the attachments are named, if their names differ in a number alone that counts them.
fn numbered(paths: &[&str]) -> Option<String> {
    let mut names = Vec::new();
    for path in paths {
        let (stem, _) = last(path).rsplit_once('.')?;
        let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (before, number) = stem.split_at(stem.len() - digits);
        names.push((before, number));
    }
    names.sort_unstable();
    let (before, first) = *names.first()?;
    let counts = names.iter().zip(1_usize..).all(|((own, number), nr)| {
        *own == before && number.len() == first.len() && number.parse() == Ok(nr)
    });
    let is_plain = !before.contains(['{', '}']);
    (counts && is_plain && first.len() <= 4)
        .then(|| format!("{before}{{nr:{}}}.{{ext}}", "0".repeat(first.len())))
}

/// Files of a sample as documents name them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// In the order in which they are made.
    pub(crate) documents: Vec<String>,
    pub(crate) attachments: Vec<String>,
}

/// What `$files` says of a document: the one so many places behind the first.
pub(crate) fn of_document(nr: usize, member: &str) -> String {
    format!("[$files[] | select(.kind == \"document\")][{nr}]{member}")
}

/// What a value of a document names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// The document so many places behind the first.
    Document(usize),
    Attachment,
}

impl Names {
    pub(crate) fn of(several: &Several<'_>) -> Self {
        let names = |paths: Vec<&str>| paths.into_iter().map(str::to_owned).collect();
        Self {
            documents: names(several.parts.iter().map(|part| part.path).collect()),
            attachments: names(several.attachments.clone()),
        }
    }

    pub(crate) fn named(&self, value: &str) -> Option<Named> {
        let value = value.trim();
        let is_it = |path: &String| !value.is_empty() && (path == value || last(path) == value);
        let document = self.documents.iter().position(is_it).map(Named::Document);
        document.or_else(|| {
            self.attachments
                .iter()
                .any(is_it)
                .then_some(Named::Attachment)
        })
    }

    /// The document that one of the values names.
    pub(crate) fn document<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> Option<usize> {
        values
            .into_iter()
            .find_map(|value| match self.named(value)? {
                Named::Document(nr) => Some(nr),
                Named::Attachment => None,
            })
    }

    /// What a value says that names a file: its path, or the last part of it.
    pub(crate) fn member(&self, value: &str) -> Option<&'static str> {
        self.named(value)?;
        Some(if value.contains('/') {
            ".path"
        } else {
            ".file"
        })
    }

    /// What a value says of the one document that it, or another beside it, names. Another name there is somebody else's.
    pub(crate) fn said(&self, name: &str, value: &str) -> Option<&'static str> {
        let told = || attached::told(name, value, Content::Beside);
        let is_of_file = |from: &&str| from.starts_with('.') && !from.starts_with(".file");
        self.member(value).or_else(|| told().filter(is_of_file))
    }

    /// The list of which one is named: of attachments alone, if no document is.
    pub(crate) fn list<'v>(
        &self,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Option<&'static str> {
        let named: Vec<Named> = values
            .into_iter()
            .filter_map(|value| self.named(value))
            .collect();
        if named.is_empty() {
            None
        } else if named.iter().all(|named| *named == Named::Attachment) {
            Some("$attachments")
        } else {
            Some("$files")
        }
    }
}

impl Several<'_> {
    /// What was read as what, for people.
    pub fn told(&self) -> Vec<(String, Bilingual)> {
        let part = |part: &Part<'_>| (part.path.to_owned(), part.recognised.why.clone());
        self.parts.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_from_what_changes_in_them() {
        assert_eq!(pattern("HUND_20260131_4711.csv"), "HUND_{date}_4711.csv");
        assert_eq!(pattern("120260131.csv"), "120260131.csv");
        assert_eq!(pattern("20261331.csv"), "20261331.csv");
        assert_eq!(
            pattern("a-5b5f7a0e-1111-4111-8111-0123456789ab.xml"),
            "a-{parcel}.xml"
        );
    }

    #[test]
    fn attachments_that_are_counted_are_named_by_their_number() {
        let rule = |paths: &[&str]| numbered(paths);
        assert_eq!(
            rule(&["x/plan_02.jpg", "x/plan_01.pdf"]).as_deref(),
            Some("plan_{nr:00}.{ext}")
        );
        assert_eq!(rule(&["001.pdf"]).as_deref(), Some("{nr:000}.{ext}"));
        assert_eq!(rule(&["plan.pdf"]), None);
        assert_eq!(rule(&["plan_1.pdf", "foto_2.pdf"]), None);
        assert_eq!(rule(&["plan_2.pdf"]), None);
        assert_eq!(rule(&[]), None);
    }

    #[test]
    fn files_are_sorted_by_what_they_are() {
        let files: BTreeMap<String, Vec<u8>> = [
            ("a-steuer.xml", "<Steuer><Datei>antrag.csv</Datei></Steuer>"),
            ("antrag.csv", "NAME;ORT\r\nMuster;Ulm\r\n"),
            ("antrag.csv.md5", "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"),
            ("plan.pdf", "%PDF-1.7"),
            (
                "SUMMEN",
                "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 *plan.pdf\n",
            ),
            ("fertig.ok", ""),
            (".DS_Store", "x"),
        ]
        .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
        .into();
        let sorted = Several::sorted(&files).unwrap();
        let parts: Vec<&str> = sorted.parts().iter().map(|part| part.path).collect();
        assert_eq!(parts, ["antrag.csv", "a-steuer.xml"]);
        assert_eq!(sorted.attachments(), ["plan.pdf"]);
        assert_eq!(sorted.empty, ["fertig.ok"]);
        assert_eq!(sorted.sums.list, Some(("SUMMEN", "sha256")));
        assert!(sorted.sums.each.contains("md5") && sorted.sums.is_bare);
        let only: BTreeMap<String, Vec<u8>> = [("plan.pdf".to_owned(), b"%PDF".to_vec())].into();
        assert!(Several::sorted(&only).is_err());
    }
}
