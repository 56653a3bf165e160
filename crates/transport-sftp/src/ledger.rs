//! What was brought, durable on the server beside the procedure's folder, because procedures take their files away.
//!
//! ```text
//!  step                                               if everything stops right after it
//!  1 write <tmp>/<id>.<try>/…, fsync files            no note: nothing was visible; the next try writes anew
//!  2 note <done>/<id>: this try, name and layout      note, <tmp>/<id>.<try> there: the next try goes on with 3
//!  3 rename <tmp>/<id>.<try> to <path>/<name>         note, <tmp>/<id>.<try> gone: it was renamed, perhaps taken away
//!                                                     since; every later try answers Repeated
//! ```
//!
//! Each step is one request that the server does whole or not at all, so an answer that got lost makes no difference.
//! SFTP has no locks, and none are needed: tries write into folders of their own; a note is made by the protocol's rename,
//! which refuses a name that is taken, so that of two tries one notes and the other goes on with the noted one; and of
//! two renames of the same folder one finds nothing.
//!
//! In the flat layout step 3 is one rename per file in the order of their positions, the trigger last; what is still in
//! `<tmp>/<id>.<try>` was not renamed. When it is empty, it is removed.
//!
//! Folders of tries that ended before step 2 are removed by the process that made them, at its next try; all others without
//! a note, when they are a day old by the server's clock. No try lives that long (`LIMIT_MAX`), and a request that the
//! server received from a broken connection is carried out long before.

use std::sync::Mutex;

use amtsbote_adapter::Step;
use amtsbote_adapter::placement::{Collision, FileMode, Layout, POSITION_LEN, Plan};
use amtsbote_model::ParcelId;

use crate::fault::Failure;
use crate::remote::{Entry, Kind, Remote, join};
use crate::settings::Settings;
use crate::steps;
use crate::wire::{Attempt, NOTE_MAX_BYTES, Note};

const OURS: FileMode = FileMode::Bits(0o700);
/// Age from which a try's folder belongs to nobody, in seconds.
const ABANDONED_S: u32 = 24 * 60 * 60;
/// Levels of folders in a parcel (`ParcelPath` has at most 8).
const DEPTH_MAX: usize = 10;
/// Old folders removed in one try.
const SWEPT_MAX: usize = 10;

/// The three folders on the server.
pub(crate) struct Ledger<'a> {
    remote: &'a Remote,
    path: String,
    tmp: String,
    done: String,
}

/// Which call made the parcel visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Now,
    Before,
}

/// What was found before anything was written.
pub(crate) enum Found {
    Nothing,
    Noted(Note),
    /// The parcel's name is there, without a note.
    Unnoted,
}

impl<'a> Ledger<'a> {
    /// Looks whether the procedure's folder is there and makes ours beside it.
    pub(crate) async fn open(remote: &'a Remote, settings: &Settings) -> Result<Self, Failure> {
        let path = settings.path.as_str().to_owned();
        let (work, tmp, done) = match &settings.work_path {
            None => (path.clone(), ".amtsbote-tmp", ".amtsbote-done"),
            Some(work) => (work.as_str().to_owned(), "tmp", "done"),
        };
        for (folder, step) in [(&path, steps::OPEN_PATH), (&work, steps::OPEN_WORK_PATH)] {
            if !remote.is_folder(folder, step).await? {
                return Err(Failure::Fault(step.misconfigured(
                    "das ist kein Ordner; die Einstellung berichtigen",
                    "it is no folder; correct the setting",
                )));
            }
        }
        let ledger = Self {
            remote,
            path,
            tmp: join(&work, tmp),
            done: join(&work, done),
        };
        ledger.made(&ledger.tmp).await?;
        ledger.made(&ledger.done).await?;
        Ok(ledger)
    }

    async fn made(&self, folder: &str) -> Result<(), Failure> {
        const STEP: Step = steps::MAKE_FOLDERS;
        if self.remote.is_there(folder, STEP).await? {
            return Ok(());
        }
        match self.remote.make_folder(folder, OURS, STEP).await {
            // Another process may have been quicker.
            Err(failure) if failure.is_refusal() && self.remote.is_there(folder, STEP).await? => {
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Makes and removes a folder among the unfinished: shows whether there is a right to write.
    pub(crate) async fn try_writing(&self) -> Result<(), Failure> {
        const STEP: Step = steps::WRITE_UNFINISHED;
        let folder = join(&self.tmp, &format!("probe.{}", uuid::Uuid::new_v4()));
        self.remote.make_folder(&folder, OURS, STEP).await?;
        self.remote.remove_folder(&folder, STEP).await
    }

    pub(crate) async fn find(&self, plan: &Plan<'_>, id: ParcelId) -> Result<Found, Failure> {
        if let Some(note) = self.note(id).await? {
            return Ok(Found::Noted(note));
        }
        let telltale = join(&self.path, plan.telltale());
        if self
            .remote
            .is_there(&telltale, steps::LOOK_AT_FOLDER)
            .await?
        {
            return Ok(Found::Unnoted);
        }
        Ok(Found::Nothing)
    }

    async fn note(&self, id: ParcelId) -> Result<Option<Note>, Failure> {
        let path = join(&self.done, &id.to_string());
        let read = self
            .remote
            .read_note(&path, NOTE_MAX_BYTES, steps::READ_LEDGER);
        match read.await? {
            None => Ok(None),
            Some(bytes) => Note::parse(&bytes)
                .filter(|note| note.attempt.parcel == id)
                .map(Some)
                .ok_or(Failure::NoteUnreadable),
        }
    }

    /// Step 1.
    pub(crate) async fn write(
        &self,
        plan: &Plan<'_>,
        settings: &Settings,
        attempt: Attempt,
    ) -> Result<(), Failure> {
        const STEP: Step = steps::MAKE_PARCEL;
        let root = join(&self.tmp, &attempt.folder());
        let dir_mode = settings.dir_mode;
        self.remote.make_folder(&root, dir_mode, STEP).await?;
        let mut made = std::collections::BTreeSet::new();
        for planned in &plan.files {
            let mut folder = root.clone();
            for name in &planned.folders {
                folder = join(&folder, name);
                if made.insert(folder.clone()) {
                    self.remote.make_folder(&folder, dir_mode, STEP).await?;
                }
            }
            let path = join(&folder, &planned.leaf);
            let mode = settings.file_mode;
            self.remote.write(&path, mode, planned.content).await?;
        }
        amtsbote_names::fail_point!(FarParcelWritten);
        Ok(())
    }

    /// Step 2. Gives back the note that counts, which may be another try's.
    pub(crate) async fn note_down(&self, note: Note) -> Result<Note, Failure> {
        const STEP: Step = steps::WRITE_LEDGER;
        let id = note.attempt.parcel;
        let half = join(&self.done, &format!("{}.new", note.attempt.folder()));
        self.remote.write_note(&half, &note.text(), STEP).await?;
        // Half a note is none: the next try writes all anew, and this one's folder is swept when it is a day old.
        amtsbote_names::fail_point!(FarNoteWritten);
        let whole = join(&self.done, &id.to_string());
        match self.remote.rename_new(&half, &whole, STEP).await {
            Ok(()) => {
                amtsbote_names::fail_point!(FarParcelNoted);
                Ok(note)
            }
            Err(failure) if failure.is_refusal() => {
                let counting = self.note(id).await?.ok_or(failure)?;
                self.remote.remove_file(&half, STEP).await?;
                Ok(counting)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Step 3, also for a note that an earlier try left behind.
    pub(crate) async fn show(&self, note: &Note) -> Result<Shown, Failure> {
        let waiting = join(&self.tmp, &note.attempt.folder());
        if !self
            .remote
            .is_there(&waiting, steps::LOOK_AT_PARCEL)
            .await?
        {
            return Ok(Shown::Before);
        }
        match note.layout {
            Layout::Folder => self.reveal(&waiting, &note.name).await,
            Layout::Flat => self.show_files(&waiting).await,
        }
    }

    async fn show_files(&self, waiting: &str) -> Result<Shown, Failure> {
        let entries = match self.remote.list(waiting, steps::LOOK_AT_PARCEL).await {
            Err(failure) if failure.is_not_there() => return Ok(Shown::Before),
            entries => entries?,
        };
        // New is the parcel for the call that renamed the last file, the trigger.
        let mut shown = Shown::Before;
        for Entry { name, .. } in entries {
            let visible = name.get(POSITION_LEN..).unwrap_or(&name);
            shown = self.reveal(&join(waiting, &name), visible).await?;
        }
        let tidied = self.remote.remove_folder(waiting, steps::TIDY_UP).await;
        match tidied {
            Err(failure) if !failure.is_refusal() => Err(failure),
            Ok(()) | Err(_) => Ok(shown),
        }
    }

    async fn reveal(&self, waiting: &str, name: &str) -> Result<Shown, Failure> {
        const STEP: Step = steps::SHOW_PARCEL;
        let visible = join(&self.path, name);
        if self.remote.is_there(&visible, STEP).await? {
            return self.taken_or_shown(waiting, STEP).await;
        }
        match self.remote.rename(waiting, &visible, STEP).await {
            Ok(()) => {
                amtsbote_names::fail_point!(FarParcelMoved);
                Ok(Shown::Now)
            }
            // Another try with the same note was quicker.
            Err(failure) if failure.is_not_there() => {
                if self.remote.is_there(waiting, STEP).await? {
                    Err(failure)
                } else {
                    Ok(Shown::Before)
                }
            }
            Err(failure) if failure.is_refusal() => {
                if self.remote.is_there(&visible, STEP).await? {
                    self.taken_or_shown(waiting, STEP).await
                } else {
                    Err(failure)
                }
            }
            Err(failure) => Err(failure),
        }
    }

    // The name is there: ours, if nothing waits any more.
    async fn taken_or_shown(&self, waiting: &str, step: Step) -> Result<Shown, Failure> {
        if self.remote.is_there(waiting, step).await? {
            Err(Failure::NameTaken)
        } else {
            Ok(Shown::Before)
        }
    }

    /// Removes the folder of a try that will not go on; never one that a note names.
    pub(crate) async fn discard(&self, attempt: Attempt) -> Result<(), Failure> {
        const STEP: Step = steps::TIDY_UP;
        let noted = self.note(attempt.parcel).await?;
        if noted.is_some_and(|note| note.attempt == attempt) {
            return Ok(());
        }
        let half = join(&self.done, &format!("{}.new", attempt.folder()));
        self.remote.remove_file(&half, STEP).await?;
        let folder = join(&self.tmp, &attempt.folder());
        self.remote.remove_tree(&folder, DEPTH_MAX, STEP).await
    }

    /// Removes what processes that died left among the unfinished, by the server's clock. `newest` was just made.
    pub(crate) async fn sweep(&self, newest: Attempt) -> Result<(), Failure> {
        const STEP: Step = steps::TIDY_UP;
        let folder = join(&self.tmp, &newest.folder());
        let now = self.remote.changed(&folder, STEP).await?;
        let old = |entry: &Entry| {
            entry.kind == Kind::Folder && entry.changed < now.saturating_sub(ABANDONED_S)
        };
        let entries = self.remote.list(&self.tmp, STEP).await?;
        let abandoned = entries
            .iter()
            .filter(|entry| old(entry))
            .filter_map(|entry| Attempt::parse(&entry.name));
        for attempt in abandoned.take(SWEPT_MAX) {
            self.discard(attempt).await?;
        }
        Ok(())
    }
}

/// Tries of this process that ended before they noted themselves down. (One that began to write its note is left alone:
/// the server may still be about to carry that out.)
#[derive(Debug, Default)]
pub(crate) struct Ended(Mutex<Vec<Attempt>>);

impl Ended {
    /// Tracks a try from here on: if what comes back is dropped, the try has ended.
    pub(crate) fn track(&self, attempt: Attempt) -> Tracked<'_> {
        Tracked {
            ended: self,
            attempt: Some(attempt),
        }
    }

    /// This try has ended; another one's note counts.
    pub(crate) fn push(&self, attempt: Attempt) {
        self.lock().push(attempt);
    }

    pub(crate) fn take(&self) -> Vec<Attempt> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Attempt>> {
        // A list of ids is whole whatever panicked beside it.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A try that has not noted itself down.
pub(crate) struct Tracked<'a> {
    ended: &'a Ended,
    attempt: Option<Attempt>,
}

impl Tracked<'_> {
    /// The try is about to note itself down: from now on nobody removes its folder before it is a day old.
    pub(crate) fn release(mut self) {
        self.attempt = None;
    }
}

impl Drop for Tracked<'_> {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt {
            self.ended.push(attempt);
        }
    }
}

/// What a name that is there without a note means.
pub(crate) fn unnoted(collision: Collision) -> Result<Shown, Failure> {
    match collision {
        Collision::Repeated => Ok(Shown::Before),
        Collision::Refuse => Err(Failure::NameTaken),
    }
}
