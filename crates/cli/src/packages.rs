//! Versions of mapping packages, kept side by side, one of them active.
//!
//! ```text
//!  packages_dir/<name>/versions/<version>/…   written beside, synced, renamed: whole or not there
//!                      active.json            {"active": "1.1.0", "before": ["1.0.0"]}, replaced by rename
//!                      .lock                  one writer at a time
//! ```
//!
//! A version is never changed once it is there. Killed between two steps: a version that is not active yet, or a hidden
//! folder that the next activation replaces; the pointer names a whole version at every moment.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::folder::{self, Files, Readers};
use crate::talk::Talk;

const POINTER: &str = "active.json";
const VERSIONS: &str = "versions";
/// How many earlier versions a pointer remembers.
const BEFORE_MAX: usize = 50;

/// Which version is active, and which were before, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) active: String,
    #[serde(default)]
    pub(crate) before: Vec<String>,
}

/// A package that is kept.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
    pub(crate) pointer: Option<Pointer>,
}

/// The folder of all packages.
pub(crate) struct Store {
    dir: PathBuf,
}

impl Store {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The pointer of a package; none if nothing was activated.
    pub(crate) fn pointer(&self, name: &str) -> Result<Option<Pointer>> {
        let path = self.dir.join(name).join(POINTER);
        if !path.exists() {
            return Ok(None);
        }
        let pointer: Pointer = serde_json::from_slice(&folder::read_file(&path)?)
            .with_context(|| format!("{} is damaged", path.display()))?;
        Ok(Some(pointer))
    }

    pub(crate) fn files(&self, name: &str, version: &str) -> Result<Files> {
        folder::read(&self.version_dir(name, version))
    }

    pub(crate) fn has(&self, name: &str, version: &str) -> bool {
        is_version(version) && self.version_dir(name, version).exists()
    }

    fn version_dir(&self, name: &str, version: &str) -> PathBuf {
        self.dir.join(name).join(VERSIONS).join(version)
    }

    /// Keeps a version. The same version with other content is refused.
    pub(crate) fn keep(&self, name: &str, version: &str, files: &Files, talk: Talk) -> Result<()> {
        if !is_version(version) {
            return Err(talk.error(
                format_args!(
                    "{version:?} ist keine Version; bitte in package.toml etwa 1.2.0 schreiben"
                ),
                format_args!("{version:?} is no version; write for example 1.2.0 in package.toml"),
            ));
        }
        let home = self.dir.join(name);
        if home.join("package.toml").exists() {
            return Err(talk.error(
                format_args!("{} ist selbst ein Paketordner; bitte verschieben (etwa nach work/{name}) und von dort aktivieren", home.display()),
                format_args!("{} is a package folder itself; move it (for example to work/{name}) and activate it from there", home.display()),
            ));
        }
        let _lock = self.lock(name)?;
        let target = self.version_dir(name, version);
        if target.exists() {
            if folder::read(&target)? == *files {
                return Ok(());
            }
            return Err(talk.error(
                format_args!("{name}@{version} gibt es schon mit anderem Inhalt; bitte die Version in package.toml erhöhen"),
                format_args!("{name}@{version} is there already with other content; raise the version in package.toml"),
            ));
        }
        let beside = home.join(VERSIONS).join(format!(".{version}.part"));
        if beside.exists() {
            // Left by a process that was killed.
            std::fs::remove_dir_all(&beside)
                .with_context(|| format!("cannot remove {}", beside.display()))?;
        }
        for (path, bytes) in files {
            folder::write(&beside.join(path), bytes, Readers::All)?;
        }
        std::fs::rename(&beside, &target)
            .with_context(|| format!("cannot write {}", target.display()))?;
        sync(&home.join(VERSIONS))
    }

    /// Makes a version that is kept the active one.
    pub(crate) fn point(&self, name: &str, version: &str, turn: Turn) -> Result<Pointer> {
        let _lock = self.lock(name)?;
        let mut pointer = self.pointer(name)?.unwrap_or_default();
        if pointer.active == version {
            return Ok(pointer);
        }
        match turn {
            Turn::Forward if pointer.active.is_empty() => {}
            Turn::Forward => pointer.before.push(std::mem::take(&mut pointer.active)),
            // What is left behind on the way back is not returned to by going back once more.
            Turn::Back => {
                if let Some(at) = pointer.before.iter().rposition(|known| known == version) {
                    pointer.before.truncate(at);
                }
            }
        }
        let surplus = pointer.before.len().saturating_sub(BEFORE_MAX);
        pointer.before.drain(..surplus);
        version.clone_into(&mut pointer.active);
        let mut text =
            serde_json::to_vec_pretty(&pointer).context("the pointer cannot be written")?;
        text.push(b'\n');
        folder::write(&self.dir.join(name).join(POINTER), &text, Readers::All)?;
        Ok(pointer)
    }

    /// All packages that are kept, by name.
    pub(crate) fn list(&self) -> Result<Vec<Entry>> {
        if !self.dir.exists() {
            return Ok(Vec::new());
        }
        let mut entries = Vec::new();
        for home in folder::folders(&self.dir)? {
            if !home.join(VERSIONS).exists() {
                continue;
            }
            let name = name_of(&home);
            let mut versions: Vec<String> = folder::folders(&home.join(VERSIONS))?
                .iter()
                .map(|path| name_of(path))
                .collect();
            versions.sort_by_key(|version| sort_key(version));
            let pointer = self.pointer(&name)?;
            entries.push(Entry {
                name,
                versions,
                pointer,
            });
        }
        Ok(entries)
    }

    /// One writer at a time, until the file is dropped.
    fn lock(&self, name: &str) -> Result<File> {
        let home = self.dir.join(name);
        folder::make(&home.join(VERSIONS))?;
        let path = home.join(".lock");
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }
}

/// Which way a pointer moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A new version.
    Forward,
    /// An earlier one.
    Back,
}

fn sync(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot write {}", folder.display()))
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn is_version(text: &str) -> bool {
    (1..=60).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
}

/// Numbers as numbers: 1.10.0 comes after 1.9.0.
fn sort_key(version: &str) -> (Vec<u64>, String) {
    let numbers = version
        .split(['.', '-', '+'])
        .map_while(|part| part.parse().ok())
        .collect();
    (numbers, version.to_owned())
}

/// The files an agent uses for a package named in its settings: the active version, or a plain folder.
pub(crate) fn in_use(dir: &Path, name: &str) -> Result<Files> {
    let store = Store::new(dir);
    match store.pointer(name)? {
        Some(pointer) => store.files(name, &pointer.active),
        None => folder::read(&dir.join(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::{Form, Tongue};

    const TALK: Talk = Talk::new(Tongue::En, Form::Text);

    fn files(text: &str) -> Files {
        Files::from([
            ("package.toml".to_owned(), text.as_bytes().to_vec()),
            ("codes/a.toml".to_owned(), b"x".to_vec()),
        ])
    }

    #[test]
    fn versions_are_kept_side_by_side_and_one_is_active() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        for version in ["1.0.0", "1.9.0", "1.10.0"] {
            store.keep("hund", version, &files(version), TALK).unwrap();
            store.point("hund", version, Turn::Forward).unwrap();
        }
        let listed = store.list().unwrap();
        assert_eq!(listed[0].versions, ["1.0.0", "1.9.0", "1.10.0"]);
        assert_eq!(in_use(dir.path(), "hund").unwrap(), files("1.10.0"));
        store.point("hund", "1.9.0", Turn::Back).unwrap();
        let pointer = store.pointer("hund").unwrap().unwrap();
        assert_eq!(
            (pointer.active.as_str(), pointer.before),
            ("1.9.0", vec!["1.0.0".to_owned()])
        );
    }

    #[test]
    fn a_version_is_never_changed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        store.keep("hund", "1.0.0", &files("a"), TALK).unwrap();
        store.keep("hund", "1.0.0", &files("a"), TALK).unwrap();
        assert!(store.keep("hund", "1.0.0", &files("b"), TALK).is_err());
        assert_eq!(store.files("hund", "1.0.0").unwrap(), files("a"));
        for bad in ["", "../1", "v1", ".1", "1/2"] {
            assert!(store.keep("hund", bad, &files("a"), TALK).is_err(), "{bad}");
        }
    }

    #[test]
    fn killed_between_two_steps_the_pointer_names_a_whole_version_and_the_next_activation_ends_it()
    {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        store.keep("hund", "1.0.0", &files("a"), TALK).unwrap();
        store.point("hund", "1.0.0", Turn::Forward).unwrap();
        // Killed while the next version was written: some of its files, beside.
        let beside = dir.path().join("hund/versions/.1.1.0.part");
        folder::write(&beside.join("old.xml"), b"half", Readers::All).unwrap();
        assert_eq!(in_use(dir.path(), "hund").unwrap(), files("a"));
        assert_eq!(store.list().unwrap()[0].versions, ["1.0.0"]);
        // Killed after the version was kept, before the pointer moved.
        store.keep("hund", "1.1.0", &files("b"), TALK).unwrap();
        assert_eq!(store.files("hund", "1.1.0").unwrap(), files("b"));
        assert_eq!(in_use(dir.path(), "hund").unwrap(), files("a"));
        // Killed while the pointer was written, beside.
        std::fs::write(dir.path().join("hund/active.part"), b"{\"act").unwrap();
        assert_eq!(in_use(dir.path(), "hund").unwrap(), files("a"));
        store.keep("hund", "1.1.0", &files("b"), TALK).unwrap();
        store.point("hund", "1.1.0", Turn::Forward).unwrap();
        assert_eq!(in_use(dir.path(), "hund").unwrap(), files("b"));
    }
}
