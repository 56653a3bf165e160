//! What was brought, durable beside the procedure's folder, because procedures take their folders away.
//!
//! ```text
//!  step                                            if the machine stops right after it
//!  1 write <tmp>/<id>/…, fsync files and folders   no intent: nothing was visible; the next try writes anew
//!  2 write <done>/<id>.intent, fsync               intent and <tmp>/<id>: the next try goes on with step 3
//!  3 rename <tmp>/<id> to <path>/<name>, fsync     intent, <tmp>/<id> gone: it was renamed (nothing else removes a
//!                                                  <tmp>/<id> that has an intent), perhaps taken away since; the
//!                                                  next try does step 4 and answers Repeated
//!  4 rename <id>.intent to <done>/<id>, fsync      done: every later try answers Repeated
//! ```
//!
//! In the flat layout step 3 is one rename per file in the order of their positions, the trigger last, with an fsync
//! before it; what is still in `<tmp>/<id>` was not renamed. When it is empty, it is removed.
//!
//! If power fails inside step 3 before its fsync, the file system may forget the rename: then `<tmp>/<id>` is there
//! again and is renamed again. Only if the procedure, on *another* machine, had read the folder in that instant would it
//! see it twice: the one gap a folder leaves; the name is the same, so the procedure can tell.

use std::io::{Read as _, Write as _};

use amtsbote_adapter::Step;
use amtsbote_adapter::placement::{FileMode, Layout, POSITION_LEN};
use amtsbote_model::ParcelId;

use crate::dir::{Dir, Lock};
use crate::fault::{AtStep as _, Failure};
use crate::settings::Settings;
use crate::steps;

const OURS: FileMode = FileMode::Bits(0o700);
const OURS_FILE: FileMode = FileMode::Bits(0o600);
const NOTE_MAX_BYTES: u64 = 1_000;

/// The three folders, open.
pub(crate) struct Folders {
    pub(crate) path: Dir,
    pub(crate) tmp: Dir,
    pub(crate) done: Dir,
}

/// How the parcel was or will be named: the content of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) layout: Layout,
    pub(crate) name: String,
}

/// What the ledger knows of a parcel.
pub(crate) enum Known {
    Nothing,
    Intended(Note),
    Done(Note),
}

/// Which call made the parcel visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Now,
    Before,
}

impl Folders {
    pub(crate) fn open(settings: &Settings) -> Result<Self, Failure> {
        let path = Dir::named(&settings.path).at(steps::OPEN_FOLDER)?;
        let (tmp, done) = match &settings.work_path {
            None => (
                path.made_durable(".amtsbote-tmp", OURS),
                path.made_durable(".amtsbote-done", OURS),
            ),
            Some(work) => {
                let work = Dir::named(work).at(steps::OPEN_WORK_FOLDER)?;
                (
                    work.made_durable("tmp", OURS),
                    work.made_durable("done", OURS),
                )
            }
        };
        let (tmp, done) = (
            tmp.at(steps::MAKE_UNFINISHED)?,
            done.at(steps::MAKE_LEDGER)?,
        );
        if !tmp.same_file_system(&path).at(steps::LOOK_AT_FOLDER)? {
            return Err(Failure::OtherFileSystem);
        }
        path.may_write().at(steps::WRITE_INTO_FOLDER)?;
        Ok(Self { path, tmp, done })
    }

    /// The lock of one parcel: one try at a time, over all processes on this machine.
    pub(crate) fn lock(&self, id: ParcelId) -> Result<std::fs::File, Failure> {
        match self.tmp.lock(&lock_name(id)).at(steps::LOCK_PARCEL)? {
            Lock::Held(file) => Ok(file),
            Lock::Elsewhere => Err(Failure::Held),
        }
    }

    /// Ends a try; the caller drops the lock after that.
    pub(crate) fn unlock(&self, id: ParcelId) {
        // A lock file that stays is harmless: the next try locks and removes it.
        let _ = self.tmp.remove_file(&lock_name(id));
    }

    pub(crate) fn known(&self, id: ParcelId, now: &Note) -> Result<Known, Failure> {
        if let Some(note) = self.note(&id.to_string(), now)? {
            return Ok(Known::Done(note));
        }
        Ok(self
            .note(&intent_name(id), now)?
            .map_or(Known::Nothing, Known::Intended))
    }

    fn note(&self, file: &str, otherwise: &Note) -> Result<Option<Note>, Failure> {
        if !self.done.has(file).at(steps::READ_LEDGER)? {
            return Ok(None);
        }
        let mut text = String::new();
        let opened = self.done.file(file).at(steps::READ_LEDGER)?;
        opened
            .take(NOTE_MAX_BYTES)
            .read_to_string(&mut text)
            .at(steps::READ_LEDGER)?;
        Ok(Some(
            Note::parse(&text).unwrap_or_else(|| otherwise.clone()),
        ))
    }

    /// Step 2. The parcel is whole and durable in `<tmp>`.
    pub(crate) fn intend(&self, id: ParcelId, note: &Note) -> Result<(), Failure> {
        const STEP: Step = steps::WRITE_LEDGER;
        let half = format!("{id}.new");
        self.done.remove_file(&half).at(STEP)?;
        let mut file = self.done.new_file(&half, OURS_FILE).at(STEP)?;
        file.write_all(note.text().as_bytes()).at(STEP)?;
        file.sync_all().at(STEP)?;
        self.done
            .rename(&half, &self.done, &intent_name(id))
            .at(STEP)?;
        self.done.sync().at(STEP)
    }

    /// Steps 3 and 4, also for an intent an earlier try left behind.
    pub(crate) fn show(&self, id: ParcelId, note: &Note) -> Result<Shown, Failure> {
        let waiting = id.to_string();
        let shown = if self.tmp.has(&waiting).at(steps::LOOK_AT_PARCEL)? {
            match note.layout {
                Layout::Folder => self.show_folder(&waiting, &note.name)?,
                Layout::Flat => self.show_files(&waiting)?,
            }
        } else {
            Shown::Before
        };
        amtsbote_names::fail_point!(ParcelMoved);
        // Also when it was shown before: the stop may have come between rename and fsync.
        self.path.sync().at(steps::SYNC_FOLDER)?;
        self.tmp.sync().at(steps::SYNC_FOLDER)?;
        amtsbote_names::fail_point!(ParcelShown);
        self.done
            .rename(&intent_name(id), &self.done, &waiting)
            .at(steps::WRITE_LEDGER)?;
        self.done.sync().at(steps::WRITE_LEDGER)?;
        Ok(shown)
    }

    fn show_folder(&self, waiting: &str, name: &str) -> Result<Shown, Failure> {
        rename(&self.tmp, waiting, &self.path, name)?;
        Ok(Shown::Now)
    }

    fn show_files(&self, waiting: &str) -> Result<Shown, Failure> {
        let dir = self.tmp.dir(waiting).at(steps::LOOK_AT_PARCEL)?;
        let names = dir.names().at(steps::LOOK_AT_PARCEL)?;
        for (index, name) in names.iter().enumerate() {
            if index + 1 == names.len() {
                // All others are durable before the trigger can be seen.
                self.path.sync().at(steps::SYNC_FOLDER)?;
            }
            rename(
                &dir,
                name,
                &self.path,
                name.get(POSITION_LEN..).unwrap_or(name),
            )?;
        }
        self.tmp.remove_dir(waiting).at(steps::TIDY_UP)?;
        Ok(if names.is_empty() {
            Shown::Before
        } else {
            Shown::Now
        })
    }

    /// Removes what stopped tries left in `<tmp>`: never a parcel with an intent, never one under way.
    pub(crate) fn sweep(&self) -> Result<(), Failure> {
        const STEP: Step = steps::TIDY_UP;
        for name in self.tmp.names().at(STEP)? {
            let Ok(id) = name.trim_end_matches(".lock").parse::<ParcelId>() else {
                continue;
            };
            let Ok(_lock) = self.lock(id) else { continue };
            if !self.done.has(&intent_name(id)).at(STEP)? {
                self.tmp.remove_tree(&id.to_string()).at(STEP)?;
            }
            self.unlock(id);
        }
        Ok(())
    }
}

fn rename(from: &Dir, name: &str, to: &Dir, new: &str) -> Result<(), Failure> {
    match from.rename(name, to, new) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::NameTaken),
        outcome => outcome.at(steps::SHOW_PARCEL),
    }
}

impl Note {
    fn text(&self) -> String {
        let layout = match self.layout {
            Layout::Folder => "folder",
            Layout::Flat => "flat",
        };
        format!("amtsbote 1\n{layout}\n{}\n", self.name)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let layout = match (lines.next()?, lines.next()?) {
            ("amtsbote 1", "folder") => Layout::Folder,
            ("amtsbote 1", "flat") => Layout::Flat,
            _ => return None,
        };
        let name = lines.next()?;
        (!name.is_empty() && !name.contains('/')).then(|| Self {
            layout,
            name: name.to_owned(),
        })
    }
}

fn intent_name(id: ParcelId) -> String {
    format!("{id}.intent")
}

fn lock_name(id: ParcelId) -> String {
    format!("{id}.lock")
}
