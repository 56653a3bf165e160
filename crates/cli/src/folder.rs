//! Reads folders of our own files (packages, schemas) into memory, bounded; writes files durably.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::unread::{Unread, What};

const FILE_MAX_BYTES: u64 = 20_000_000;
const FOLDER_MAX_BYTES: u64 = 200_000_000;
const FILES_MAX: usize = 5_000;
const DEPTH_MAX: usize = 8;

/// Relative path with `/` → bytes.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// All files under `root`; hidden ones are left out, links are not followed.
pub(crate) fn read(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut left = FOLDER_MAX_BYTES;
    walk(root, "", DEPTH_MAX, &mut left, &mut files)?;
    Ok(files)
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    left: &mut u64,
    files: &mut Files,
) -> Result<()> {
    if depth == 0 {
        bail!(
            "{} is nested too deep (at most {DEPTH_MAX} levels)",
            folder.display()
        );
    }
    for path in entries(folder)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            bail!("{} has a name that is not UTF-8; rename it", path.display());
        };
        let relative = format!("{prefix}{name}");
        let kind = fs::symlink_metadata(&path).map_err(Unread::at(What::Look, &path))?;
        if kind.is_dir() {
            walk(&path, &format!("{relative}/"), depth - 1, left, files)?;
        } else if kind.is_file() {
            let bytes = read_file(&path)?;
            *left = left
                .checked_sub(bytes.len() as u64)
                .with_context(|| format!("{} is too large", folder.display()))?;
            files.insert(relative, bytes);
            if files.len() > FILES_MAX {
                bail!(
                    "{} has too many files (at most {FILES_MAX})",
                    folder.display()
                );
            }
        }
    }
    Ok(())
}

/// The entries of a folder by name, hidden ones left out.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).map_err(Unread::at(What::List, folder))?;
    let mut paths = Vec::new();
    for entry in listed {
        let entry = entry.map_err(Unread::at(What::List, folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The folders in a folder, by name.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect())
}

/// A whole file, at most 20 MB.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(Unread::at(What::Open, path))?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(Unread::at(What::Read, path))?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        bail!(
            "{} is too large (at most {FILE_MAX_BYTES} bytes)",
            path.display()
        );
    }
    Ok(bytes)
}

/// A whole text file.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read_file(path)?).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Who may read a file we write.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Readers {
    /// The owner alone: keys and secrets.
    Owner,
    /// Everybody.
    All,
}

/// Writes a file whole or not at all: beside it, synced, renamed, folder synced.
pub(crate) fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    make(parent)?;
    let beside = path.with_extension("part");
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::All => 0o644,
    };
    let context = || format!("cannot write {}", path.display());
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)
        .with_context(context)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .with_context(context)?;
    fs::rename(&beside, path).with_context(context)?;
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .with_context(context)
}

/// Makes a folder and those above it, durably; for the owner and their group if it is new.
pub(crate) fn make(folder: &Path) -> Result<()> {
    amtsbote_store_sql::make_folder(folder, 0o750)
        .with_context(|| format!("cannot make the folder {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_without_hidden_files_and_links() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("a/b.txt"), b"1", Readers::All).unwrap();
        write(&dir.path().join(".hidden"), b"2", Readers::All).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link")).unwrap();
        let files = read(dir.path()).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a/b.txt"]);
    }

    #[test]
    fn keys_are_written_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.jwk");
        write(&path, b"secret", Readers::Owner).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
