//! What is on the disk: as processes see it, and as it would be after a power cut.

use std::collections::{BTreeMap, BTreeSet};

use rustix::io::Errno;

use super::node::{File, Ino, Kind, Name, Node, ROOT};
use super::pending::{self, Change, Dice, Names, Renaming};

/// What the disk makes of fsync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Promise {
    /// What is fsynced is durable.
    #[default]
    Kept,
    /// fsync of files does nothing: as a program that forgot it.
    NotForFiles,
    /// fsync of folders does nothing: as a program that forgot it.
    NotForFolders,
}

/// Content of a disk.
///
/// | call | what is certain afterwards |
/// |---|---|
/// | `write`, `truncate`, `rename`, `unlink`, `mkdir` … | nothing |
/// | `fsync`, `fdatasync` of a file | its content and length; not its name |
/// | `fsync` of a folder | the names in it, and both ends of moves into and out of it; not the content |
///
/// Of what is not certain a power cut keeps nothing, all, a beginning, or any part: of names, those that do not depend on a lost
/// one; of content, any sectors of 512 bytes of any write, with the new length or the old one.
#[derive(Debug, Clone)]
pub struct Platter {
    nodes: BTreeMap<Ino, Node>,
    next: Ino,
    safe_names: Names,
    renamings: Vec<Renaming>,
    promise: Promise,
    sync_error: Option<SyncError>,
    room_bytes: Option<u64>,
    /// What is said when there is no room.
    shortage: Shortage,
    used_bytes: u64,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shortage {
    /// The disk is full: ENOSPC.
    #[default]
    Disk,
    /// The account has used up what it may use: EDQUOT.
    Quota,
}

/// fsync of files whose name ends like this fails.
#[derive(Debug, Clone)]
struct SyncError {
    suffix: Name,
    times: u64,
}

pub(super) type Answer<T> = Result<T, Errno>;

impl Default for Platter {
    fn default() -> Self {
        let mut root = Node::new(Kind::Folder(BTreeMap::new()), 0o755, (0, 0));
        root.links = 1;
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
            safe_names: Names::new(),
            renamings: Vec::new(),
            promise: Promise::Kept,
            sync_error: None,
            room_bytes: None,
            shortage: Shortage::Disk,
            used_bytes: 0,
        }
    }
}

impl Platter {
    /// An empty disk that keeps its promise, or does not.
    #[must_use]
    pub fn new(promise: Promise) -> Self {
        Self {
            promise,
            ..Self::default()
        }
    }

    /// What is left after the power went. `dice(n)` gives a number below `n`.
    #[must_use]
    pub fn after_power_cut(&self, dice: &mut dyn FnMut(u64) -> u64) -> Self {
        let mut names = self.safe_names.clone();
        pending::names_after_cut(&mut names, &self.renamings, dice);
        let mut left = Self {
            nodes: BTreeMap::new(),
            next: self.next,
            promise: self.promise,
            ..Self::default()
        };
        let mut open = vec![ROOT];
        while let Some(ino) = open.pop() {
            let Some(node) = self.nodes.get(&ino) else {
                continue;
            };
            if let Some(again) = left.nodes.get_mut(&ino) {
                again.links += 1;
                continue;
            }
            let kind = match &node.kind {
                Kind::File(file) => Kind::File(cut(file, dice)),
                Kind::Folder(_) => {
                    let entries = names.get(&ino).cloned().unwrap_or_default();
                    open.extend(entries.values());
                    left.safe_names.insert(ino, entries.clone());
                    Kind::Folder(entries)
                }
            };
            left.used_bytes += size(&kind);
            let node = Node {
                kind,
                lookups: 0,
                links: 1,
                ..node.clone()
            };
            left.nodes.insert(ino, node);
        }
        left
    }

    /// The next `times` fsyncs of files whose name ends with `suffix` fail with EIO, and what they should have written is lost: read
    /// until the power goes, but never durable, as Linux does it.
    pub fn fail_syncs(&mut self, suffix: &str, times: u64) {
        self.sync_error = Some(SyncError {
            suffix: suffix.as_bytes().to_vec(),
            times,
        });
    }

    /// Room for so many more bytes of content; without a number as much as memory has.
    pub fn set_room(&mut self, more_bytes: Option<u64>) {
        self.room_bytes = more_bytes.map(|more| self.used_bytes + more);
    }

    /// What is said when there is no room.
    pub fn set_shortage(&mut self, shortage: Shortage) {
        self.shortage = shortage;
    }

    /// How many fsyncs are still to fail.
    #[must_use]
    pub fn syncs_to_fail(&self) -> u64 {
        self.sync_error.as_ref().map_or(0, |error| error.times)
    }

    pub(super) fn node(&self, ino: Ino) -> Answer<&Node> {
        self.nodes.get(&ino).ok_or(Errno::NOENT)
    }

    pub(super) fn node_mut(&mut self, ino: Ino) -> Answer<&mut Node> {
        self.nodes.get_mut(&ino).ok_or(Errno::NOENT)
    }

    pub(super) fn entries(&self, folder: Ino) -> Answer<&BTreeMap<Name, Ino>> {
        match &self.node(folder)?.kind {
            Kind::Folder(entries) => Ok(entries),
            Kind::File(_) => Err(Errno::NOTDIR),
        }
    }

    pub(super) fn find(&self, folder: Ino, name: &[u8]) -> Answer<Ino> {
        self.entries(folder)?.get(name).copied().ok_or(Errno::NOENT)
    }

    pub(super) fn make(&mut self, folder: Ino, name: &[u8], node: Node) -> Answer<Ino> {
        if self.entries(folder)?.contains_key(name) {
            return Err(Errno::EXIST);
        }
        self.has_room(1)?;
        let ino = self.next;
        self.next += 1;
        self.nodes.insert(ino, node);
        self.rename_all(vec![((folder, name.to_vec()), Some(ino))])?;
        Ok(ino)
    }

    pub(super) fn link(&mut self, ino: Ino, folder: Ino, name: &[u8]) -> Answer<()> {
        if self.entries(folder)?.contains_key(name) {
            return Err(Errno::EXIST);
        }
        self.node(ino)?;
        self.rename_all(vec![((folder, name.to_vec()), Some(ino))])
    }

    pub(super) fn unlink(&mut self, folder: Ino, name: &[u8]) -> Answer<()> {
        let ino = self.find(folder, name)?;
        match &self.node(ino)?.kind {
            Kind::File(_) => self.rename_all(vec![((folder, name.to_vec()), None)]),
            Kind::Folder(_) => Err(Errno::ISDIR),
        }
    }

    pub(super) fn remove_folder(&mut self, folder: Ino, name: &[u8]) -> Answer<()> {
        let ino = self.find(folder, name)?;
        if !self.entries(ino)?.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        self.rename_all(vec![((folder, name.to_vec()), None)])
    }

    /// Moves it, over what is there.
    pub(super) fn rename(&mut self, from: (Ino, &[u8]), (to, new): (Ino, &[u8])) -> Answer<()> {
        let ino = self.find(from.0, from.1)?;
        if let Ok(there) = self.find(to, new) {
            if there == ino {
                return Ok(());
            }
            match &self.node(there)?.kind {
                Kind::Folder(entries) if !entries.is_empty() => return Err(Errno::NOTEMPTY),
                Kind::Folder(_) | Kind::File(_) => {}
            }
        }
        self.move_to(ino, from, (to, new))
    }

    /// Moves it, if nothing is there.
    pub(super) fn rename_aside(&mut self, from: (Ino, &[u8]), to: (Ino, &[u8])) -> Answer<()> {
        let ino = self.find(from.0, from.1)?;
        match self.find(to.0, to.1) {
            Ok(_) => Err(Errno::EXIST),
            Err(_) => self.move_to(ino, from, to),
        }
    }

    fn move_to(
        &mut self,
        ino: Ino,
        (folder, name): (Ino, &[u8]),
        (to, new): (Ino, &[u8]),
    ) -> Answer<()> {
        self.entries(to)?;
        self.rename_all(vec![
            ((folder, name.to_vec()), None),
            ((to, new.to_vec()), Some(ino)),
        ])
    }

    /// Does it now, and notes it as not durable.
    fn rename_all(&mut self, places: Vec<((Ino, Name), Option<Ino>)>) -> Answer<()> {
        // First up, then down, so that a move does not drop what it moves.
        for ((_, _), ino) in &places {
            if let Some(ino) = ino {
                self.node_mut(*ino)?.links += 1;
            }
        }
        for ((folder, name), ino) in &places {
            let node = self.node_mut(*folder)?;
            node.touch();
            let Kind::Folder(entries) = &mut node.kind else {
                return Err(Errno::NOTDIR);
            };
            let before = match ino {
                Some(ino) => entries.insert(name.clone(), *ino),
                None => entries.remove(name),
            };
            if let Some(before) = before {
                let node = self.node_mut(before)?;
                node.links = node.links.saturating_sub(1);
            }
        }
        self.renamings.push(Renaming { places });
        Ok(())
    }

    pub(super) fn write(&mut self, ino: Ino, at: usize, bytes: &[u8]) -> Answer<()> {
        let now = usize::try_from(self.node(ino)?.size()).unwrap_or(usize::MAX);
        let more = (at + bytes.len()).saturating_sub(now) as u64;
        self.has_room(more)?;
        let bytes = bytes.to_vec();
        self.change(ino, Change::Bytes { at, bytes })?;
        self.used_bytes += more;
        Ok(())
    }

    pub(super) fn truncate(&mut self, ino: Ino, length: usize) -> Answer<()> {
        let now = self.node(ino)?.size();
        self.has_room((length as u64).saturating_sub(now))?;
        self.change(ino, Change::Length(length))?;
        self.used_bytes = (self.used_bytes + length as u64).saturating_sub(now);
        Ok(())
    }

    fn change(&mut self, ino: Ino, change: Change) -> Answer<()> {
        let node = self.node_mut(ino)?;
        node.touch();
        match &mut node.kind {
            Kind::File(file) => file.change(change),
            Kind::Folder(_) => return Err(Errno::ISDIR),
        }
        Ok(())
    }

    fn has_room(&self, more: u64) -> Answer<()> {
        match self.room_bytes {
            Some(room) if more > 0 && self.used_bytes + more > room => Err(match self.shortage {
                Shortage::Disk => Errno::NOSPC,
                Shortage::Quota => Errno::DQUOT,
            }),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn read(&self, ino: Ino, at: usize, length: usize) -> Answer<&[u8]> {
        let Kind::File(file) = &self.node(ino)?.kind else {
            return Err(Errno::ISDIR);
        };
        let end = (at + length).min(file.now.len());
        Ok(file.now.get(at..end).unwrap_or_default())
    }

    pub(super) fn sync_file(&mut self, ino: Ino) -> Answer<()> {
        let fails = self.is_to_fail(ino);
        let promise = self.promise;
        let Kind::File(file) = &mut self.node_mut(ino)?.kind else {
            return Err(Errno::ISDIR);
        };
        if fails {
            file.pending.clear();
            return Err(Errno::IO);
        }
        if promise != Promise::NotForFiles {
            file.sync();
        }
        Ok(())
    }

    fn is_to_fail(&mut self, ino: Ino) -> bool {
        let Some(error) = &mut self.sync_error else {
            return false;
        };
        let mut folders = self.nodes.values().filter_map(|node| match &node.kind {
            Kind::Folder(entries) => Some(entries),
            Kind::File(_) => None,
        });
        let is_named = folders.any(|entries| {
            let mut entries = entries.iter();
            entries.any(|(name, at)| *at == ino && name.ends_with(&error.suffix))
        });
        let fails = is_named && error.times > 0;
        error.times -= u64::from(fails);
        fails
    }

    pub(super) fn sync_folder(&mut self, folder: Ino) -> Answer<()> {
        self.entries(folder)?;
        if self.promise != Promise::NotForFolders {
            pending::sync_folder(folder, &mut self.renamings, &mut self.safe_names);
        }
        Ok(())
    }

    /// The kernel knows of it so many times less.
    pub(super) fn forget(&mut self, ino: Ino, times: u64) {
        let Some(node) = self.nodes.get_mut(&ino) else {
            return;
        };
        node.lookups = node.lookups.saturating_sub(times);
        if node.lookups > 0 || node.links > 0 || ino == ROOT {
            return;
        }
        let size = size(&node.kind);
        // Its names may still come back with a power cut.
        let mut durable = self.safe_names.values().flat_map(BTreeMap::values);
        let mut pending = self.renamings.iter().flat_map(|change| &change.places);
        if !durable.any(|at| *at == ino) && !pending.any(|(_, at)| *at == Some(ino)) {
            self.nodes.remove(&ino);
            self.safe_names.remove(&ino);
        }
        self.used_bytes = self.used_bytes.saturating_sub(size);
    }

    /// All files, by path.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let (mut files, mut open) = (BTreeMap::new(), vec![(String::new(), ROOT)]);
        let mut seen = BTreeSet::new();
        while let Some((path, ino)) = open.pop() {
            match self.nodes.get(&ino).map(|node| &node.kind) {
                Some(Kind::File(file)) => {
                    files.insert(path, file.now.clone());
                }
                Some(Kind::Folder(entries)) if seen.insert(ino) => {
                    open.extend(entries.iter().map(|(name, ino)| {
                        let name = String::from_utf8_lossy(name);
                        (format!("{path}/{name}"), *ino)
                    }));
                }
                Some(Kind::Folder(_)) | None => {}
            }
        }
        files
    }
}

fn size(kind: &Kind) -> u64 {
    match kind {
        Kind::File(file) => file.now.len() as u64,
        Kind::Folder(_) => 0,
    }
}

fn cut(file: &File, dice: Dice<'_>) -> File {
    let mut safe = file.safe.clone();
    pending::content_after_cut(&mut safe, &file.pending, dice);
    File {
        now: safe.clone(),
        safe,
        pending: Vec::new(),
    }
}
