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
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| OpenError::Folder {
        path: folder.to_owned(),
        source,
    })
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
