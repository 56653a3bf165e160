//! A folder of one's own: made, private, locked.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::OpenError;

/// Held as long as the store is open; the system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Makes the folder, readable by its owner only, if it is not there.
pub(crate) fn prepare(folder: &Path) -> Result<(), OpenError> {
    make_folder(folder, 0o700).map_err(|source| OpenError::Folder {
        path: folder.to_owned(),
        source,
    })
}

/// Makes a folder and those above it that are missing, with these rights, and makes their names durable: a power cut does not
/// take a new folder away with all that was synced in it.
pub fn make_folder(folder: &Path, mode: u32) -> io::Result<()> {
    let is_missing = |at: &&Path| !at.as_os_str().is_empty() && !at.exists();
    let missing: Vec<_> = folder.ancestors().take_while(is_missing).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(folder)?;
    for made in missing.iter().rev() {
        match made.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent)?,
            Some(_) | None => sync(Path::new("."))?,
        }
    }
    Ok(())
}

/// Takes the lock file, or tells that somebody has it.
pub(crate) fn lock(path: &Path) -> Result<Lock, OpenError> {
    let fault = |source| OpenError::Folder {
        path: path.to_owned(),
        source,
    };
    let file = private_file(path).map_err(fault)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock { _file: file }),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked {
            path: path.to_owned(),
        }),
        Err(errno) => Err(fault(errno.into())),
    }
}

/// Opens a file, made readable and writable by its owner only if it is not there.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn missing_folders_are_made_with_the_rights_asked_for_and_those_there_stay() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        make_folder(&folder, 0o700).unwrap();
        make_folder(&folder, 0o750).unwrap();
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::write(place.path().join("file"), "").unwrap();
        make_folder(&place.path().join("file/c"), 0o700).unwrap_err();
    }
}
