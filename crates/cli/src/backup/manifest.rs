//! `manifest.json` and `SHA256SUMS`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::files::{self, Sum};
use super::look::Held;
use crate::folder::{self, Readers};

const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";
/// Changes when older programs could misread a backup.
const FORM: u32 = 1;

/// What a backup holds. Written last: a folder without it is no backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) form: u32,
    /// Version of the program that made it.
    pub(crate) program: String,
    /// When the databases were looked at.
    pub(crate) moment: String,
    pub(crate) databases: Vec<DatabaseCopy>,
    pub(crate) attachments: Attachments,
    /// SHA-256 of `SHA256SUMS`, which has one line per file.
    pub(crate) sums_sha256: String,
    /// Files and folders that the settings name and that are not in here: keys, secrets, packages, ledgers of ways out.
    pub(crate) keep_besides: Vec<PathBuf>,
}

/// The copy of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DatabaseCopy {
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    pub(crate) schema_version: u64,
    /// Rows by table.
    pub(crate) rows: BTreeMap<String, u64>,
}

impl DatabaseCopy {
    /// Refuses what holds something else.
    pub(super) fn check(&self, found: &Held) -> Result<()> {
        ensure!(
            found.rows == self.rows && found.version == self.schema_version,
            "{} has other rows than the manifest says",
            self.file
        );
        Ok(())
    }
}

/// The copies of attachments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Attachments {
    pub(crate) count: u64,
    pub(crate) size_bytes: u64,
    /// Named in the copy of the database, but erased by their deadline or replaced before they were copied.
    pub(crate) erased_meanwhile: Vec<String>,
    /// Named in the database in use and not there: the store is damaged.
    pub(crate) missing: Vec<String>,
}

impl Manifest {
    pub(crate) fn new(moment: String, keep_besides: Vec<PathBuf>) -> Self {
        Self {
            form: FORM,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            moment,
            databases: Vec::new(),
            attachments: Attachments::default(),
            sums_sha256: String::new(),
            keep_besides,
        }
    }

    /// Rows of all tables of all databases.
    pub(crate) fn rows(&self) -> u64 {
        self.databases
            .iter()
            .flat_map(|copy| copy.rows.values())
            .sum()
    }

    /// Bytes of all copies.
    pub(crate) fn size_bytes(&self) -> u64 {
        let databases: u64 = self.databases.iter().map(|copy| copy.size_bytes).sum();
        databases + self.attachments.size_bytes
    }

    /// Writes sums and manifest; after this, the folder is a backup.
    pub(crate) fn seal(mut self, dir: &Path, sums: &Sums) -> Result<Self> {
        self.sums_sha256 = sums.write(dir)?;
        let text = serde_json::to_vec_pretty(&self).context("the manifest cannot be written")?;
        folder::write(&dir.join(MANIFEST), &text, Readers::Owner)?;
        Ok(self)
    }

    /// Reads a backup's manifest, and the sums it vouches for.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Sums)> {
        let path = dir.join(MANIFEST);
        ensure!(
            path.exists(),
            "{} has no {MANIFEST}: it is no backup, or one that did not come to its end",
            dir.display()
        );
        let text = folder::read_file(&path)?;
        let manifest: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not readable", path.display()))?;
        if manifest.form != FORM {
            bail!(
                "the backup has form {}, this program knows {FORM}: use a newer program",
                manifest.form
            );
        }
        let found = files::sum(&dir.join(SUMS))?;
        ensure!(
            found.sha256 == manifest.sums_sha256,
            "{SUMS} is not what the manifest says: the backup was changed or is damaged"
        );
        let sums = Sums::read(&dir.join(SUMS))?;
        Ok((manifest, sums))
    }
}

/// Path below the backup's folder → SHA-256.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums(BTreeMap<String, String>);

impl Sums {
    pub(crate) fn note(&mut self, copy: String, sum: &Sum) {
        self.0.insert(copy, sum.sha256.clone());
    }

    pub(crate) fn forget(&mut self, copy: &str) {
        self.0.remove(copy);
    }

    pub(crate) fn has(&self, copy: &str) -> bool {
        self.0.contains_key(copy)
    }

    pub(crate) fn of(&self, copy: &str) -> Option<&str> {
        self.0.get(copy).map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(copy, sum)| (copy.as_str(), sum.as_str()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn write(&self, dir: &Path) -> Result<String> {
        let path = dir.join(SUMS);
        let context = || format!("cannot write {}", path.display());
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(context)?;
        let mut lines = BufWriter::new(file);
        for (copy, sum) in self.iter() {
            writeln!(lines, "{sum}  {copy}").with_context(context)?;
        }
        let file = lines
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all())
            .with_context(context)?;
        Ok(files::sum(&path)?.sha256)
    }

    fn read(path: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let file = std::fs::File::open(path).with_context(context)?;
        let mut sums = BTreeMap::new();
        for line in BufReader::new(file).lines() {
            let line = line.with_context(context)?;
            let Some((sum, copy)) = line.split_once("  ") else {
                bail!("{} has a line that is none of ours", path.display());
            };
            sums.insert(copy.to_owned(), sum.to_owned());
        }
        Ok(Self(sums))
    }
}
