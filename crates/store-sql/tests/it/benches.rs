//! Stores in temporary folders.

use std::path::Path;

use amtsbote_store::laws::{Bench, DurableBench};
use amtsbote_store_sql::{FolderBlobs, OpenError, SqliteDeliveries, SqliteRelays, SqliteStore};
use tempfile::TempDir;

/// What can be opened in a folder.
pub(crate) trait Open: Sized {
    fn open(folder: &Path) -> Result<Self, OpenError>;
}

impl Open for SqliteStore {
    fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open(folder)
    }
}

impl Open for SqliteDeliveries {
    fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open(folder)
    }
}

impl Open for SqliteRelays {
    fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open(folder)
    }
}

impl Open for FolderBlobs {
    fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open(folder)
    }
}

/// A store and its folder, which goes last.
pub(crate) struct InFolder<S> {
    pub(crate) subject: S,
    pub(crate) folder: TempDir,
}

impl<S: Open> InFolder<S> {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            subject: S::open(folder.path()).unwrap(),
            folder,
        }
    }
}

impl<S> Bench for InFolder<S> {
    type Subject = S;

    fn subject(&self) -> &S {
        &self.subject
    }
}

impl<S: Open> DurableBench for InFolder<S> {
    fn reopen(self) -> Self {
        let Self { subject, folder } = self;
        drop(subject);
        Self {
            subject: S::open(folder.path()).unwrap(),
            folder,
        }
    }
}
