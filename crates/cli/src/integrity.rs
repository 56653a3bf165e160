//! What `amtsbote verify` found last, kept beside the databases so that `incident list` shows it until it is mended or somebody
//! has released it; and the notes of changes by hand at the gateway.
//!
//! ```text
//!  verify ──► integrity.json (findings, when each was first seen, who released it)   incident list, show, release
//!  incident retry|release at the gateway ──► interventions.jsonl                     incident audit
//! ```
//!
//! Ids and names of tables only, nothing of content. Two commands at the same moment: the later one counts.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use amtsbote_model::Timestamp;
use amtsbote_settings::Settings;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::folder::{self, Readers};

const FINDINGS: &str = "integrity.json";
const NOTES: &str = "interventions.jsonl";
/// Findings kept, at most: a disk that is gone has more, and the first ones say so.
const KEPT_MAX: usize = 10_000;

/// Which finding, in whatever language it was told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) kind: String,
    pub(crate) place: String,
    pub(crate) id: String,
}

/// A finding as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kept {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) what: String,
    first_seen_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    released: Option<Released>,
}

/// That somebody knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Released {
    at_ms: i64,
    who: String,
}

/// The findings of the last look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Integrity {
    at_ms: i64,
    findings: Vec<Kept>,
}

/// The folder in which it is kept: the gateway's, else the agent's.
pub(crate) fn home(settings: &Settings) -> Option<PathBuf> {
    let gateway = settings.gateway.as_ref().map(|part| part.data_dir.clone());
    gateway.or_else(|| settings.agent.as_ref().map(|part| part.data_dir.clone()))
}

/// The cause's name, for the kinds that `verify` tells.
pub(crate) fn cause(kind: &str) -> &'static str {
    match kind {
        "attachment" => "attachment-altered",
        "chain" => "log-altered",
        "missing" => "row-missing",
        "row" => "row-altered",
        "schema" => "schema-altered",
        _ => "database-unreadable",
    }
}

impl Kept {
    pub(crate) fn first_seen(&self) -> Timestamp {
        Timestamp::from_millis(self.first_seen_ms)
    }
}

impl Integrity {
    /// As kept in the folder; nothing if nothing was ever found.
    pub(crate) fn read(home: &Path) -> Result<Self> {
        let path = home.join(FINDINGS);
        if !path.exists() {
            return Ok(Self::default());
        }
        serde_json::from_slice(&folder::read_file(&path)?)
            .with_context(|| format!("{} is damaged: run `amtsbote verify` again", path.display()))
    }

    /// Puts the findings of a new look in the place of the last one's. What was known keeps its first moment and its release.
    pub(crate) fn replace(home: &Path, now: Timestamp, found: Vec<(Key, String)>) -> Result<()> {
        // A damaged file is replaced: it is a report, made anew.
        let before = Self::read(home).unwrap_or_default();
        let kept = found.into_iter().take(KEPT_MAX).map(|(key, what)| {
            let known = before.findings.iter().find(|known| known.key == key);
            Kept {
                first_seen_ms: known.map_or(now.as_millis(), |known| known.first_seen_ms),
                released: known.and_then(|known| known.released.clone()),
                key,
                what,
            }
        });
        let next = Self {
            at_ms: now.as_millis(),
            findings: kept.collect(),
        };
        if before.findings.is_empty() && next.findings.is_empty() {
            return Ok(());
        }
        next.write(home)
    }

    fn write(&self, home: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("the findings cannot be written")?;
        folder::write(&home.join(FINDINGS), text.as_bytes(), Readers::Owner)
    }

    /// Those that nobody has released.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Kept> {
        self.findings.iter().filter(|kept| kept.released.is_none())
    }

    /// Ticks one off; whether it was open.
    pub(crate) fn release(home: &Path, key: &Key, who: &str, now: Timestamp) -> Result<bool> {
        let mut all = Self::read(home)?;
        let mut open = all.findings.iter_mut();
        let Some(found) = open.find(|kept| kept.key == *key && kept.released.is_none()) else {
            return Ok(false);
        };
        found.released = Some(Released {
            at_ms: now.as_millis(),
            who: who.to_owned(),
        });
        all.write(home)?;
        Ok(true)
    }
}

/// What is noted of a change by hand at the gateway. It is durable before the change is made: there is no change without its note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Note {
    pub(crate) at: String,
    pub(crate) who: String,
    pub(crate) command: String,
    pub(crate) reason: Option<String>,
    pub(crate) submission_id: Option<String>,
    /// What was changed.
    pub(crate) what: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// Appends a note.
pub(crate) fn note(home: &Path, note: &Note) -> Result<()> {
    let path = home.join(NOTES);
    let append = || -> Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        let mut line = serde_json::to_string(note)?;
        line.push('\n');
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        Ok(())
    };
    append().with_context(|| format!("{} cannot be written: nothing was changed", path.display()))
}

/// All notes, oldest first. A line that a dying command has left half is passed over.
pub(crate) fn notes(home: &Path) -> Result<Vec<Note>> {
    let path = home.join(NOTES);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let file =
        std::fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut notes = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        notes.extend(serde_json::from_str::<Note>(&line).ok());
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    fn found(id: &str) -> (Key, String) {
        let key = Key {
            kind: "row".to_owned(),
            place: "gateway.db".to_owned(),
            id: id.to_owned(),
        };
        (key, format!("{id} ist verändert"))
    }

    #[test]
    fn what_was_released_stays_so_until_it_is_gone_and_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let open = || -> Vec<(String, i64)> {
            let all = Integrity::read(home).unwrap();
            let open = all.open();
            open.map(|kept| (kept.key.id.clone(), kept.first_seen().as_seconds()))
                .collect()
        };
        Integrity::replace(home, at(1), Vec::new()).unwrap();
        assert!(
            !home.join(FINDINGS).exists(),
            "nothing to say, nothing written"
        );
        Integrity::replace(home, at(2), vec![found("a"), found("b")]).unwrap();
        assert_eq!(open(), [("a".to_owned(), 2), ("b".to_owned(), 2)]);
        assert!(Integrity::release(home, &found("a").0, "ops", at(3)).unwrap());
        assert!(!Integrity::release(home, &found("a").0, "ops", at(3)).unwrap());
        Integrity::replace(home, at(4), vec![found("a"), found("b"), found("c")]).unwrap();
        assert_eq!(open(), [("b".to_owned(), 2), ("c".to_owned(), 4)]);
        Integrity::replace(home, at(5), Vec::new()).unwrap();
        assert_eq!(open(), []);
        Integrity::replace(home, at(6), vec![found("a")]).unwrap();
        assert_eq!(open(), [("a".to_owned(), 6)]);
    }

    #[test]
    fn notes_are_appended_and_a_half_line_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(notes(home.path()).unwrap(), []);
        let one = Note {
            at: "2026-11-26T10:00:00Z".to_owned(),
            who: "ops".to_owned(),
            command: "incident retry".to_owned(),
            reason: None,
            submission_id: None,
            what: "callback".to_owned(),
            before: "3 tries".to_owned(),
            after: "due now".to_owned(),
        };
        note(home.path(), &one).unwrap();
        note(home.path(), &one).unwrap();
        let path = home.path().join(NOTES);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"at\":");
        std::fs::write(&path, text).unwrap();
        assert_eq!(notes(home.path()).unwrap(), [one.clone(), one]);
    }
}
