//! Blobs as the files they are: for backup and restore, which carry them unopened from folder to folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use amtsbote_store::BlobId;

use crate::FolderBlobs;
use crate::folder;
use crate::folder_blobs::Places;

impl FolderBlobs {
    /// Where a kept blob lies in such a folder; `None` for a name that was not made here. Takes no lock: a blob's file
    /// never changes, it only goes.
    pub fn file(folder: &Path, id: &BlobId) -> Option<PathBuf> {
        let folder = folder.to_owned();
        Places { folder }.kept(id)
    }

    /// Takes in a blob's file under the name it had. Durable and visible when it returns; tells how long it is.
    pub fn admit(&self, id: &BlobId, mut file: impl Read) -> io::Result<u64> {
        let (Some(shelf), Some(place)) = (self.places.shelf(id), self.places.kept(id)) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let beside = self.places.being_written(id);
        let mut written = folder::private_file(&beside)?;
        written.set_len(0)?;
        let length = io::copy(&mut file, &mut written)?;
        written.sync_all()?;
        fs::rename(&beside, &place)?;
        folder::sync(&shelf)?;
        Ok(length)
    }
}
