//! A parcel being written, not visible yet.

use std::collections::BTreeMap;
use std::fs::File;

use amtsbote_adapter::Step;
use amtsbote_adapter::placement::{Collision, FileMode};
use amtsbote_model::ParcelId;

use crate::dir::Dir;
use crate::fault::{AtStep as _, Failure};
use crate::ledger::{Folders, Known, Note, Shown};
use crate::settings::Settings;
use crate::steps;

/// How a try begins.
pub(crate) enum Begun {
    /// It ended at once: the parcel is there.
    There(Note, Shown),
    /// It has to be written.
    Write(Box<Staging>),
}

/// A parcel being written. Holds the parcel's lock until it is dropped.
pub(crate) struct Staging {
    folders: Folders,
    id: ParcelId,
    note: Note,
    file_mode: FileMode,
    dir_mode: FileMode,
    root: Dir,
    below: BTreeMap<String, Dir>,
    // Last, so that it falls after everything else is closed.
    _lock: File,
}

impl Staging {
    /// Looks into the ledger, finishes what an earlier try intended, or makes room for a new one.
    pub(crate) fn begin(
        settings: &Settings,
        id: ParcelId,
        note: Note,
        telltale: &str,
    ) -> Result<Begun, Failure> {
        let folders = Folders::open(settings)?;
        let lock = folders.lock(id)?;
        match folders.known(id, &note)? {
            Known::Done(note) => {
                folders.unlock(id);
                return Ok(Begun::There(note, Shown::Before));
            }
            Known::Intended(note) => {
                let shown = folders.show(id, &note)?;
                folders.unlock(id);
                return Ok(Begun::There(note, shown));
            }
            Known::Nothing => {}
        }
        if folders.path.has(telltale).at(steps::LOOK_AT_FOLDER)? {
            folders.unlock(id);
            return match settings.collision {
                Collision::Repeated => Ok(Begun::There(note, Shown::Before)),
                Collision::Refuse => Err(Failure::NameTaken),
            };
        }
        let waiting = id.to_string();
        folders.tmp.remove_tree(&waiting).at(steps::TIDY_UP)?;
        let root = folders
            .tmp
            .made(&waiting, settings.dir_mode)
            .at(steps::MAKE_PARCEL)?;
        let (file_mode, dir_mode) = (settings.file_mode, settings.dir_mode);
        Ok(Begun::Write(Box::new(Self {
            folders,
            id,
            note,
            file_mode,
            dir_mode,
            root,
            below: BTreeMap::new(),
            _lock: lock,
        })))
    }

    /// A new, empty file of the parcel.
    pub(crate) fn create(&mut self, folders: &[String], leaf: &str) -> Result<File, Failure> {
        const STEP: Step = steps::WRITE_PARCEL;
        let mut key = String::new();
        for folder in folders {
            let above = self.below.get(&key).unwrap_or(&self.root);
            let next = format!("{key}/{folder}");
            if !self.below.contains_key(&next) {
                let made = above.made(folder, self.dir_mode).at(STEP)?;
                self.below.insert(next.clone(), made);
            }
            key = next;
        }
        self.below
            .get(&key)
            .unwrap_or(&self.root)
            .new_file(leaf, self.file_mode)
            .at(STEP)
    }

    /// The files are durable: makes the parcel visible, with everything that belongs to it.
    pub(crate) fn commit(self) -> Result<Shown, Failure> {
        const STEP: Step = steps::SYNC_PARCEL;
        for dir in self.below.values() {
            dir.sync().at(STEP)?;
        }
        self.root.sync().at(STEP)?;
        self.folders.tmp.sync().at(STEP)?;
        amtsbote_names::fail_point!(ParcelWritten);
        self.folders.intend(self.id, &self.note)?;
        amtsbote_names::fail_point!(ParcelIntended);
        let shown = self.folders.show(self.id, &self.note)?;
        self.folders.unlock(self.id);
        Ok(shown)
    }
}
