//! The files of the checkout, as text, without what is built or left by runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold no sources.
const SKIPPED: &[&str] = &["target", ".git", ".demo", ".sandbox"];
/// Hidden folders that do.
const HIDDEN: &[&str] = &[".cargo", ".ci"];
/// Larger files are data, not text someone wrote.
const TEXT_MAX_BYTES: u64 = 1_000_000;

/// One text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl Source {
    /// Whether its name ends so, for example `.rs`.
    pub(crate) fn has_ending(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    /// Its lines, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }

    /// The crate's folder name, if it belongs to one.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

/// All of them, by path.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    root: PathBuf,
    sources: Vec<Source>,
}

impl Tree {
    /// The checkout this program was built from.
    pub(crate) fn of_this_checkout() -> Result<Self> {
        let root = root();
        let mut sources = Vec::new();
        walk(&root, "", &mut sources)?;
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root, sources })
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let source = |(path, text): &(&str, &str)| Source {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            root: PathBuf::new(),
            sources: files.iter().map(source).collect(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    /// Rust sources.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.sources().filter(|source| source.has_ending(".rs"))
    }

    /// One file's text; empty if it is not there.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.sources()
            .find(|source| source.path == path)
            .map_or("", |source| source.text.as_str())
    }

    /// Whether there is such a file, or a folder with text files in it, or (for what is no text) anything on disk.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.sources()
            .any(|source| source.path == path || source.path.starts_with(&folder))
            || (!self.root.as_os_str().is_empty() && self.root.join(path).exists())
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn walk(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<()> {
    let failed = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let kind = entry.file_type().with_context(failed)?;
        let relative = format!("{prefix}{name}");
        if kind.is_dir() && is_wanted(&name) {
            walk(&entry.path(), &format!("{relative}/"), sources)?;
        } else if kind.is_file()
            && name != ".git" // of a linked checkout: its path
            && entry.metadata().with_context(failed)?.len() <= TEXT_MAX_BYTES
        {
            // What is not UTF-8 is no text; a file that went away meanwhile is no fault.
            if let Ok(text) = fs::read_to_string(entry.path()) {
                sources.push(Source {
                    path: relative,
                    text,
                });
            }
        }
    }
    Ok(())
}

fn is_wanted(folder: &str) -> bool {
    HIDDEN.contains(&folder) || !(folder.starts_with('.') || SKIPPED.contains(&folder))
}
