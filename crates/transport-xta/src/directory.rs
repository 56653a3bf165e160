//! The directory of administrative services (DVDV) as far as this way needs it: where a reader's XTA server is. DVDV itself is
//! open to public bodies alone, so it stands behind [`Directory`]; a static table is the one implementation so far.

use std::path::Path;

use amtsbote_adapter::Fault;
use serde::Deserialize;

use crate::wire::Party;

/// Answers where a reader is reached for a service.
pub trait Directory: Send + Sync {
    /// The entry for a reader's identifier (`prefix:key`) and a service URI.
    fn look_up(&self, reader: &str, service: &str) -> Option<DirectoryEntry>;
}

/// Where a reader is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryEntry {
    /// The reader.
    pub reader: Party,
    /// The service URI.
    pub service: String,
    /// Base URL of the XTA server, before `/services/XTAService/…`.
    pub url: String,
}

/// A table from a TOML file: `[[entry]]` with `reader`, `service`, `url`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticDirectory {
    #[serde(default, rename = "entry")]
    entries: Vec<DirectoryEntry>,
}

impl StaticDirectory {
    /// Reads a table's text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        toml::from_str(text).map_err(|error| {
            let german = amtsbote_problem::toml::german(error.message());
            Fault::misconfigured(
                format!("das Verzeichnis ist nicht lesbar: {german}"),
                format!("the directory cannot be read: {}", error.message()),
            )
        })
    }

    /// Reads a table's file.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let (path, kind) = (path.display(), error.kind());
            let german = amtsbote_problem::io::in_german(kind);
            Fault::misconfigured(
                format!("das Verzeichnis {path} ist nicht lesbar: {german}"),
                format!("the directory {path} cannot be read: {kind}"),
            )
        })?;
        Self::parse(&text)
    }
}

impl Directory for StaticDirectory {
    fn look_up(&self, reader: &str, service: &str) -> Option<DirectoryEntry> {
        self.entries
            .iter()
            .find(|entry| entry.reader.id == reader && entry.service == service)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_reader_and_service() {
        let table = StaticDirectory::parse(
            "[[entry]]\nreader = { id = \"psw:1\", name = \"Standesamt\" }\nservice = \"urn:a\"\nurl = \"https://xta.example.de\"",
        )
        .unwrap();
        assert_eq!(
            table.look_up("psw:1", "urn:a").unwrap().url,
            "https://xta.example.de"
        );
        assert_eq!(table.look_up("psw:1", "urn:b"), None);
        assert_eq!(table.look_up("psw:2", "urn:a"), None);
        assert!(matches!(
            StaticDirectory::parse("[[entry]]\nreader = 1"),
            Err(Fault::Misconfigured { .. })
        ));
    }
}
