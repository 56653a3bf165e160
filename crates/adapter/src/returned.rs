//! Answers that lie as files in a folder, wherever the folder is: what their names say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::{
    AttachmentReader, AttachmentSource, Fault, ParcelFile, Piece, Reply, Return, ReturnId, Said,
};

/// Files of one answer.
pub const FILES_MAX: usize = 200;
/// Where answers go that were kept, below the folder of answers.
pub const ANSWERED: &str = ".amtsbote-answered";
/// Where answers go that a person must look at, below the folder of answers.
pub const REFUSED: &str = ".amtsbote-refused";
const UUID_LEN: usize = 36;

/// One answer as it lies there. Names of files may be personal, so they are in no fact; UUIDs in them are.
pub struct Lying {
    names: Vec<String>,
    files: Vec<(String, Arc<dyn AttachmentSource>)>,
}

impl Lying {
    /// An answer of that name, without files yet.
    pub fn named(name: &str) -> Self {
        let (names, files) = (vec![name.to_owned()], Vec::new());
        Self { names, files }
    }

    /// With one more file.
    pub fn add(&mut self, name: String, file: Arc<dyn AttachmentSource>) {
        self.names.push(name.clone());
        self.files.push((name, file));
    }

    /// With something that no answer may hold: whoever reads it hears that a person must look.
    pub fn add_unusable(&mut self) {
        self.files.push((String::new(), Arc::new(Unusable)));
    }

    /// None without files: the procedure has only begun.
    pub fn into_return(self, id: ReturnId) -> Option<Return> {
        let uuids = self.names.iter().flat_map(|name| uuids_in(name));
        let mut facts: Vec<_> = uuids.map(|uuid| ("reference", uuid)).collect();
        facts.sort();
        facts.dedup();
        let file = |(nr, (name, source)): (usize, (String, Arc<dyn AttachmentSource>))| {
            let numbered = || format!("{nr:04}").parse().ok();
            Some(ParcelFile {
                media_type: media_type(&name).to_owned(),
                path: name.parse().ok().or_else(numbered)?,
                pieces: vec![Piece::Attachment(source)],
            })
        };
        let files: Vec<_> = self
            .files
            .into_iter()
            .enumerate()
            .filter_map(file)
            .collect();
        (!files.is_empty()).then_some(Return {
            id,
            facts,
            said: Said::Unread,
            files,
        })
    }
}

/// Which files that lie side by side are one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Together {
    /// Each file is one; what belongs together lies in a folder.
    #[default]
    Folder,
    /// Those of one name before the ending: `4711.xml` and `4711.pdf`. A file waits until its message, the XML or JSON of that name, is
    /// there: so the message has to be written last, or within `quiet`.
    Name,
}

impl Together {
    /// The files `names` as answers, each with its message first.
    pub fn groups(self, names: Vec<String>) -> Groups {
        match self {
            Self::Folder => Groups {
                whole: names.into_iter().map(|name| vec![name]).collect(),
                waiting: Vec::new(),
            },
            Self::Name => {
                let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for name in names {
                    let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
                    groups.entry(stem.to_owned()).or_default().push(name);
                }
                let is_message = |name: &String| {
                    ["application/xml", "application/json"].contains(&media_type(name))
                };
                let groups = groups.into_values();
                let (mut whole, waiting): (Vec<Vec<String>>, _) =
                    groups.partition(|group| group.iter().any(is_message));
                for group in &mut whole {
                    group.sort_by_key(|name| (!is_message(name), order(name)));
                }
                Groups { whole, waiting }
            }
        }
    }
}

/// Files that lie side by side, put together.
#[derive(Debug, PartialEq, Eq)]
pub struct Groups {
    /// Answers, each with its message first.
    pub whole: Vec<Vec<String>>,
    /// What belongs together and has no message yet.
    pub waiting: Vec<Vec<String>>,
}

/// How answers lie, and how long they are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    /// How long nothing of an answer may have changed before it is taken.
    pub quiet: Duration,
    /// Which files that lie side by side are one answer.
    pub together: Together,
    /// How long files may wait for their message before a person is told.
    pub message_within: Duration,
}

/// Whether a name says that its writer has not finished.
pub fn is_unfinished(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.starts_with('.') || [".tmp", ".part"].iter().any(|end| lower.ends_with(end))
}

/// The message first, then everything else by name.
pub fn order(name: &str) -> (bool, String) {
    (media_type(name) != "application/xml", name.to_owned())
}

/// What a name's ending says.
pub fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "xml" => "application/xml",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "tif" | "tiff" => "image/tiff",
        _ => "application/octet-stream",
    }
}

/// UUIDs with dashes, in lower case.
pub fn uuids_in(name: &str) -> Vec<String> {
    name.as_bytes()
        .windows(UUID_LEN)
        .filter(|window| {
            window.iter().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
        })
        .map(|window| String::from_utf8_lossy(window).to_ascii_lowercase())
        .collect()
}

struct Unusable;

impl AttachmentSource for Unusable {
    fn size_bytes(&self) -> u64 {
        0
    }

    fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
        let fault = Fault::misconfigured(
            format!("eine Antwort darf bis zu {FILES_MAX} Dateien enthalten und sonst nichts"),
            format!("an answer may hold up to {FILES_MAX} files and nothing else"),
        );
        Box::pin(std::future::ready(Err(fault)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_one_answer_once_their_message_is_there() {
        let names = ["4711.pdf", "4711.xml", "a.b.json", "a.b.pdf", "a.pdf", "b"];
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let alone = Together::Folder.groups(names.clone());
        assert_eq!((alone.whole.len(), alone.waiting.len()), (6, 0));
        let groups = Together::Name.groups(names);
        assert_eq!(
            groups.whole,
            [vec!["4711.xml", "4711.pdf"], vec!["a.b.json", "a.b.pdf"]]
        );
        assert_eq!(groups.waiting, [["a.pdf"], ["b"]]);
    }
}
