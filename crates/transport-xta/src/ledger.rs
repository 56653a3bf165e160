//! Which message id belongs to which parcel, durable before the id is used.
//!
//! ```text
//!  step                                         if the machine stops right after it
//!  1 createMessageId                            the id is nobody's; the next try asks for another
//!  2 write <work>/<parcel>.sending, fsync       the next try asks for the transport report: unknown, so it sends, same id
//!  3 sendMessage, answer perhaps lost           the next try asks for the transport report: known, so step 4, Repeated;
//!                                               unknown, so it sends again under the same id, which the server keeps once
//!  4 rename to <work>/<parcel>, fsync           done: every later try answers Repeated without a call
//! ```
//!
//! If the server does not know the id any more (it expired), the note is removed and the next try begins with step 1: the
//! server has just said that nothing arrived under it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use amtsbote_model::ParcelId;

use crate::wire::is_message_id;

const NOTE_MAX_BYTES: u64 = 1_000;
const MARK: &str = "amtsbote 1";

/// What is known of a parcel when a try begins.
pub(crate) enum Begun {
    /// It was sent.
    Done(String),
    /// An id was noted: it may have been sent.
    Sending(String, Held),
    /// Nothing was noted.
    Nothing(Held),
    /// Another try is under way.
    Elsewhere,
}

/// The parcel's lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    work: PathBuf,
    id: ParcelId,
    _lock: File,
}

/// Makes the folder and looks whether it can be written.
pub(crate) fn check(work: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(work)?;
    let path = work.join(".check");
    drop(open_lock(&path)?);
    Ok(())
}

pub(crate) fn begin(work: &Path, id: ParcelId) -> io::Result<Begun> {
    DirBuilder::new().recursive(true).mode(0o700).create(work)?;
    if let Some(message_id) = read(&work.join(id.to_string()))? {
        return Ok(Begun::Done(message_id));
    }
    let lock = open_lock(&work.join(format!("{id}.lock")))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Begun::Elsewhere),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Again: the holder before us may have finished between our look and our lock.
    if let Some(message_id) = read(&work.join(id.to_string()))? {
        return Ok(Begun::Done(message_id));
    }
    let held = Held {
        work: work.to_owned(),
        id,
        _lock: lock,
    };
    Ok(match read(&held.sending())? {
        Some(message_id) => Begun::Sending(message_id, held),
        None => Begun::Nothing(held),
    })
}

impl Held {
    /// Step 2.
    pub(crate) fn note(&self, message_id: &str) -> io::Result<()> {
        let beside = self.work.join(format!("{}.new", self.id));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(format!("{MARK}\n{message_id}\n").as_bytes())?;
        file.sync_all()?;
        // What is not at its place is no note: the next try asks for another id.
        amtsbote_names::fail_point!(MessageIdWritten);
        fs::rename(&beside, self.sending())?;
        self.sync()
    }

    /// Step 4. The lock's file goes: later tries end before they lock.
    pub(crate) fn done(self) -> io::Result<()> {
        fs::rename(self.sending(), self.work.join(self.id.to_string()))?;
        // If the rename is forgotten, the note of step 2 is there again: looked up, and known.
        amtsbote_names::fail_point!(MessageDone);
        self.sync()?;
        gone(fs::remove_file(self.work.join(format!("{}.lock", self.id))))
    }

    /// Nothing arrived under the noted id, and nothing will.
    pub(crate) fn forget(&self) -> io::Result<()> {
        gone(fs::remove_file(self.sending()))?;
        self.sync()
    }

    fn sending(&self) -> PathBuf {
        self.work.join(format!("{}.sending", self.id))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.work)?.sync_all()
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(NOTE_MAX_BYTES).read_to_string(&mut text)?;
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some(MARK), Some(message_id)) if is_message_id(message_id) => {
            Ok(Some(message_id.to_owned()))
        }
        // Sending without knowing under which id it was sent before could send twice: a person looks.
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

fn gone(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
