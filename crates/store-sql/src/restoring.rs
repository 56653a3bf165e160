//! Puts the copy of a database back into an empty folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::folder::{self, Lock};
use crate::{Database, OpenError};

/// A database that is being restored: locked, and from [`Restoring::begin`] on marked so that nobody opens it half done.
/// Dropped before [`Restoring::finish`], the marker stays, and the next restore begins anew.
#[derive(Debug)]
pub struct Restoring {
    path: PathBuf,
    marker: PathBuf,
    is_repeat: bool,
    _lock: Lock,
}

impl Restoring {
    /// Claims the database's place in the folder; refuses one that is held or has a database already.
    pub fn claim(database: Database, folder: &Path) -> Result<Self, OpenError> {
        let schema = database.schema();
        folder::prepare(folder)?;
        let lock = folder::lock(&schema.lock_file(folder))?;
        let (path, marker) = (schema.file(folder), schema.marker(folder));
        let unusable = |source| OpenError::Folder {
            path: folder.to_owned(),
            source,
        };
        let is_repeat = marker.try_exists().map_err(unusable)?;
        for file in with_log(&path) {
            if !is_repeat && file.try_exists().map_err(unusable)? {
                return Err(OpenError::Occupied { path: file });
            }
        }
        Ok(Self {
            path,
            marker,
            is_repeat,
            _lock: lock,
        })
    }

    /// Whether an earlier restore began here and did not end.
    pub fn is_repeat(&self) -> bool {
        self.is_repeat
    }

    /// From now on nobody opens the database until [`Restoring::finish`]. What an earlier restore has left is taken away.
    pub fn begin(&self) -> Result<(), OpenError> {
        let begin = || {
            let folder = self.path.parent();
            folder::private_file(&self.marker)?;
            folder.map_or(Ok(()), folder::sync)?;
            for file in with_log(&self.path) {
                if file.try_exists()? {
                    fs::remove_file(&file)?;
                }
            }
            Ok(())
        };
        begin().map_err(|source| OpenError::Folder {
            path: self.path.clone(),
            source,
        })
    }

    /// Copies the database into its place; durable when it returns. Tells where.
    pub fn place(&self, copy: &Path) -> Result<&Path, OpenError> {
        self.put(copy).map_err(|source| OpenError::Folder {
            path: self.path.clone(),
            source,
        })?;
        Ok(&self.path)
    }

    fn put(&self, copy: &Path) -> io::Result<()> {
        let mut placed = folder::private_file(&self.path)?;
        placed.set_len(0)?;
        io::copy(&mut File::open(copy)?, &mut placed)?;
        placed.sync_all()?;
        self.path.parent().map_or(Ok(()), folder::sync)
    }

    /// All is there: from now on it can be opened.
    pub fn finish(self) -> Result<(), OpenError> {
        fs::remove_file(&self.marker)
            .and_then(|()| self.path.parent().map_or(Ok(()), folder::sync))
            .map_err(|source| OpenError::Folder {
                path: self.marker.clone(),
                source,
            })
    }
}

fn with_log(path: &Path) -> [PathBuf; 3] {
    ["db", "db-wal", "db-shm"].map(|ending| path.with_extension(ending))
}
