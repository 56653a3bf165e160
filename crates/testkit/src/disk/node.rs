//! Files and folders.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pending::Change;

pub(super) type Ino = u64;
pub(super) type Name = Vec<u8>;

pub(super) const ROOT: Ino = 1;
const FOLDER_TYPE: u32 = 0o040_000;
const FILE_TYPE: u32 = 0o100_000;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Rights.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Since 1970.
    pub(super) changed: Duration,
    /// How often the kernel was told of it and has not forgotten it.
    pub(super) lookups: u64,
    /// Names it has.
    pub(super) links: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    File(File),
    /// What is there now.
    Folder(BTreeMap<Name, Ino>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    /// What is read.
    pub(super) now: Vec<u8>,
    /// What is durable.
    pub(super) safe: Vec<u8>,
    /// What leads from `safe` to `now`.
    pub(super) pending: Vec<Change>,
}

impl File {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.safe);
        }
    }
}

impl Node {
    pub(super) fn new(kind: Kind, mode: u32, owner: (u32, u32)) -> Self {
        Self {
            kind,
            mode: mode & 0o7777,
            uid: owner.0,
            gid: owner.1,
            changed: now(),
            lookups: 0,
            links: 0,
        }
    }

    pub(super) fn type_and_mode(&self) -> u32 {
        self.mode
            | match self.kind {
                Kind::File(_) => FILE_TYPE,
                Kind::Folder(_) => FOLDER_TYPE,
            }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(file) => file.now.len() as u64,
            Kind::Folder(_) => 4096,
        }
    }

    pub(super) fn touch(&mut self) {
        self.changed = now();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file system has a clock of its own"
)]
pub(super) fn now() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}
