//! What was brought, on this machine.
//!
//! ```text
//!  step                                       if everything stops right after it
//!  1 lock <ledger>/<id>.lock                  nothing was sent; the lock falls with the process
//!  2 the mail server accepts the mail         the one window: the next try sends it again, under the same Message-ID
//!  3 write <ledger>/<id>, fsync, fsync folder brought: every later try answers Repeated
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault;
use amtsbote_model::ParcelId;
use amtsbote_problem::io::in_german;

/// The ledger's entry of one parcel, locked.
pub(crate) struct Entry {
    folder: PathBuf,
    id: ParcelId,
    _lock: File,
}

/// Whether the folder is there and can be written.
pub(crate) fn probe(folder: &Path) -> Result<(), Fault> {
    let probe = folder.join(".probe");
    create(&probe)
        .and_then(|_| fs::remove_file(&probe))
        .map_err(|error| unusable(&error))
}

impl Entry {
    /// Step 1.
    pub(crate) fn lock(folder: &Path, id: ParcelId) -> Result<Self, Fault> {
        let lock = create(&folder.join(format!("{id}.lock"))).map_err(|error| unusable(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                id,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Fault::unavailable(
                "ein anderer Versuch mit dieser Sendung ist im Gange",
                "another try with this parcel is under way",
            )),
            Err(TryLockError::Error(error)) => Err(unusable(&error)),
        }
    }

    pub(crate) fn is_brought(&self) -> Result<bool, Fault> {
        let note = self.folder.join(self.id.to_string());
        note.try_exists().map_err(|error| unusable(&error))
    }

    /// Step 3.
    pub(crate) fn note_brought(&self) -> io::Result<()> {
        let half = self.folder.join(format!("{}.new", self.id));
        let mut file = create(&half)?;
        file.write_all(b"amtsbote 1\n")?;
        file.sync_all()?;
        // Still the one window: what is not at its place is no note.
        amtsbote_names::fail_point!(MailNoteWritten);
        fs::rename(&half, self.folder.join(self.id.to_string()))?;
        amtsbote_names::fail_point!(MailNoted);
        File::open(&self.folder)?.sync_all()
    }
}

// The lock's file stays: were it removed, two tries could each lock a file of that name.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn unusable(error: &io::Error) -> Fault {
    let kind = error.kind();
    if matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        Fault::unavailable(
            "in ledger_dir ist kein Platz mehr",
            "there is no space in ledger_dir",
        )
    } else {
        Fault::misconfigured(
            format!("ledger_dir ist nicht benutzbar: {}", in_german(kind)),
            format!("ledger_dir cannot be used: {kind}"),
        )
    }
}
