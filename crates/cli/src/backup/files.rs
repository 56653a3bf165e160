//! Files of a backup: copied and summed in one go, for the owner alone.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

const PIECE_BYTES: usize = 256 * 1024;

/// What a file was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    /// SHA-256 in hex.
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
}

/// Makes a folder and those above it, for the owner alone.
pub(crate) fn make(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Reads to the end.
pub(crate) fn sum(path: &Path) -> Result<Sum> {
    File::open(path)
        .and_then(|file| pass(file, &mut io::sink()))
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Copies into a new file; durable when it returns. `None` if there is nothing to copy.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<Option<Sum>> {
    let file = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", from.display()));
        }
    };
    let write = || {
        let mut copy = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(to)?;
        let sum = pass(file, &mut copy)?;
        copy.sync_all()?;
        Ok::<_, io::Error>(sum)
    };
    write().map(Some).with_context(|| {
        format!(
            "cannot copy {} to {}: check the disk, and that there is room",
            from.display(),
            to.display()
        )
    })
}

fn pass(mut from: impl Read, to: &mut impl Write) -> io::Result<Sum> {
    let (mut hash, mut size_bytes) = (Sha256::new(), 0_u64);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            break;
        }
        hash.update(&piece[..length]);
        to.write_all(&piece[..length])?;
        size_bytes += u64::try_from(length).unwrap_or(0);
    }
    let sha256 = hex(&hash.finalize());
    Ok(Sum { sha256, size_bytes })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot sync the folder {}", folder.display()))
}

/// Whether the folder has nothing in it, or is not there.
pub(crate) fn is_vacant(folder: &Path) -> Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot look into {}", folder.display())),
    }
}

/// Names in a folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).and_then(|entries| {
        let name = |entry: io::Result<std::fs::DirEntry>| {
            Ok(entry?.file_name().to_string_lossy().into_owned())
        };
        entries.map(name).collect()
    });
    entries.with_context(|| format!("cannot look into {}", folder.display()))
}
