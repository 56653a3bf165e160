//! Files of a message while they are written: async, hashed, bounded by the caller.

use std::io;

use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::mailbox::{Mailbox, Staged, hex};

/// A file being written.
pub(crate) struct Spool {
    file: File,
    size: u64,
    hash: Sha256,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spooled {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

impl Spool {
    pub(crate) fn new(file: std::fs::File) -> Self {
        Self {
            file: File::from_std(file),
            size: 0,
            hash: Sha256::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
        self.file.write_all(bytes).await
    }

    /// Durable when it comes back.
    pub(crate) async fn finish(mut self) -> io::Result<Spooled> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(Spooled {
            size: self.size,
            sha256: hex(&self.hash.finalize()),
        })
    }
}

/// Runs what waits for the disk off the async threads.
pub(crate) async fn blocking<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::other("the program is shutting down")),
    }
}

/// Begins a message off the async threads.
pub(crate) async fn stage(mailbox: &Mailbox) -> io::Result<Staged> {
    let mailbox = mailbox.clone();
    blocking(move || mailbox.stage()).await
}
