//! One account's message box on disk: what waits for the procedure, and what it has sent.
//!
//! ```text
//!  <path>/tmp/<uuid>/…           being written, with <uuid>.lock held; swept at start when nobody holds it
//!        /box/<key>/…            waits for the procedure: getStatusList, getMessage
//!        /inbox/<key>/…          came from the procedure: `Inbound::poll`
//!        /aside/<key>/…          came from the procedure and was refused: a person looks
//!        /reports/<key>.json     what is left of a message after close or settle: cover and times, no content
//! ```
//!
//! `<key>` is the SHA-256 of the message id. A message is a folder of numbered files and `record.json`; it becomes visible
//! by one rename, after everything in it is fsynced. It ends by writing its report and then removing its folder: after a
//! stop between these two the report counts and the rest of the folder is swept. Each step that others must see whole
//! happens under the lock of the box (`flock`), so processes on one machine do not get into each other's way.
//!
//! Everything blocks: callers run it off the async threads.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use amtsbote_model::{Personal, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::wire::{Cover, Status, Times};

const RECORD_MAX_BYTES: u64 = 1_000_000;
const RECORD: &str = "record.json";

/// Where a message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tray {
    Box,
    Inbox,
    Aside,
}

impl Tray {
    const ALL: [Self; 3] = [Self::Box, Self::Inbox, Self::Aside];

    const fn folder(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Inbox => "inbox",
            Self::Aside => "aside",
        }
    }
}

/// One file of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    #[serde(with = "shown")]
    pub(crate) name: Personal<String>,
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// File names are personal; the record is the one place they are written to.
mod shown {
    use amtsbote_model::Personal;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        name: &Personal<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Personal<String>, D::Error> {
        String::deserialize(from).map(Personal::new)
    }
}

/// What is known of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) message_id: String,
    pub(crate) cover: Cover,
    pub(crate) arrived: Timestamp,
    pub(crate) fetched: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    /// Files in order, the message first; empty in a report.
    #[serde(default)]
    pub(crate) files: Vec<Item>,
    /// SHA-256 over cover and files: tells a repeat from another message under the same id.
    pub(crate) digest: String,
}

impl Record {
    pub(crate) fn new(message_id: String, cover: Cover, files: Vec<Item>, now: Timestamp) -> Self {
        let mut digest = Sha256::new();
        digest.update(serde_json::to_vec(&(&cover, &files)).unwrap_or_default());
        Self {
            message_id,
            cover,
            arrived: now,
            fetched: None,
            ended: None,
            files,
            digest: hex(&digest.finalize()),
        }
    }

    pub(crate) fn key(&self) -> String {
        key(&self.message_id)
    }

    pub(crate) fn times(&self) -> Times {
        Times {
            delivery: Some(self.arrived),
            initial_fetch: self.fetched,
            reception: self.ended,
        }
    }
}

/// Where a known message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Tray(Tray),
    Ended,
}

impl Place {
    /// Closed, or taken by us: nothing more will happen to it.
    pub(crate) const fn status(self) -> Status {
        match self {
            Self::Tray(Tray::Box) => Status::Open,
            // The reader of what the procedure sends is this program: it has it.
            Self::Tray(Tray::Inbox | Tray::Aside) | Self::Ended => Status::Done,
        }
    }
}

/// What became of a message that was to be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    New,
    /// It was there before, the same.
    Repeated,
    /// Another one has its id.
    Taken,
}

/// One account's folder.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    path: PathBuf,
}

pub(crate) fn key(message_id: &str) -> String {
    hex(&Sha256::digest(message_id.as_bytes()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Mailbox {
    /// Makes what is missing of the folders, for the owner alone.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let this = Self {
            path: path.to_owned(),
        };
        let trays = Tray::ALL.map(Tray::folder);
        for folder in trays.into_iter().chain(["tmp", "reports"]) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path.join(folder))?;
        }
        Ok(this)
    }

    /// Whether messages can be written.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.lock()?;
        self.path.join("tmp").read_dir().map(drop)
    }

    /// Begins a message.
    pub(crate) fn stage(&self) -> io::Result<Staged> {
        let _box = self.lock()?;
        let name = uuid::Uuid::new_v4().to_string();
        let tmp = self.path.join("tmp");
        let lock_path = tmp.join(format!("{name}.lock"));
        let lock = new_file(&lock_path)?;
        lock.lock()?;
        let path = tmp.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Staged {
            path,
            lock_path,
            _lock: lock,
            count: 0,
        })
    }

    /// Makes a written message visible; durable when it comes back.
    pub(crate) fn place(&self, staged: Staged, record: &Record, tray: Tray) -> io::Result<Placed> {
        write_json(&staged.path.join(RECORD), record)?;
        sync_dir(&staged.path)?;
        amtsbote_names::fail_point!(MessageWritten);
        let _box = self.lock()?;
        if let Some((_, known)) = self.find(&record.message_id)? {
            return Ok(if known.digest == record.digest {
                Placed::Repeated
            } else {
                Placed::Taken
            });
        }
        let to = self.folder(tray);
        fs::rename(&staged.path, to.join(record.key()))?;
        // Whoever brought it has no answer and brings it again: it is found, or brought anew.
        amtsbote_names::fail_point!(MessageMoved);
        sync_dir(&to)?;
        sync_dir(&self.path.join("tmp"))?;
        drop(staged);
        amtsbote_names::fail_point!(MessagePlaced);
        Ok(Placed::New)
    }

    /// A message by its id, wherever it is.
    pub(crate) fn find(&self, message_id: &str) -> io::Result<Option<(Place, Record)>> {
        let key = key(message_id);
        if let Some(report) = read_json(&self.report_path(&key))? {
            return Ok(Some((Place::Ended, report)));
        }
        for tray in Tray::ALL {
            if let Some(record) = read_json(&self.folder(tray).join(&key).join(RECORD))? {
                return Ok(Some((Place::Tray(tray), record)));
            }
        }
        Ok(None)
    }

    /// Everything in a tray, oldest first.
    pub(crate) fn list(&self, tray: Tray) -> io::Result<Vec<Record>> {
        let mut records: Vec<Record> = Vec::new();
        for entry in self.folder(tray).read_dir()? {
            let entry = entry?;
            let key = entry.file_name().to_string_lossy().into_owned();
            let ended = self.report_path(&key).try_exists()?;
            if !ended && let Some(record) = read_json(&entry.path().join(RECORD))? {
                records.push(record);
            }
        }
        records.sort_by(|a, b| (a.arrived, &a.message_id).cmp(&(b.arrived, &b.message_id)));
        Ok(records)
    }

    /// Where a message's file lies.
    pub(crate) fn file(&self, tray: Tray, key: &str, index: usize) -> PathBuf {
        self.folder(tray).join(key).join(file_name(index))
    }

    /// Notes the first fetch.
    pub(crate) fn fetched(&self, mut record: Record, now: Timestamp) -> io::Result<Record> {
        if record.fetched.is_none() {
            record.fetched = Some(now);
            let _box = self.lock()?;
            let folder = self.folder(Tray::Box).join(record.key());
            // Closed meanwhile: nothing to note.
            if folder.try_exists()? {
                write_json(&folder.join(RECORD), &record)?;
                sync_dir(&folder)?;
                // Noted as fetched, and it still waits: only close takes it away.
                amtsbote_names::fail_point!(MessageFetched);
            }
        }
        Ok(record)
    }

    /// Ends a message: its report stays, its content goes. Ending it again changes nothing.
    pub(crate) fn end(&self, message_id: &str, tray: Tray, now: Timestamp) -> io::Result<()> {
        let _box = self.lock()?;
        let key = key(message_id);
        let folder = self.folder(tray).join(&key);
        if !self.report_path(&key).try_exists()? {
            let Some(mut record) = read_json::<Record>(&folder.join(RECORD))? else {
                return Ok(());
            };
            record.ended = Some(now);
            record.files.clear();
            write_json(&self.report_path(&key), &record)?;
            sync_dir(&self.path.join("reports"))?;
            amtsbote_names::fail_point!(ReportWritten);
        }
        remove_tree(&folder)?;
        sync_dir(&self.folder(tray))?;
        // Closed or settled once more, it has ended already.
        amtsbote_names::fail_point!(MessageEnded);
        Ok(())
    }

    /// Moves a message of the inbox to where a person looks.
    pub(crate) fn set_aside(&self, message_id: &str) -> io::Result<()> {
        let _box = self.lock()?;
        let key = key(message_id);
        match fs::rename(
            self.folder(Tray::Inbox).join(&key),
            self.folder(Tray::Aside).join(&key),
        ) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        }
        // It lies there, or here and is refused once more.
        amtsbote_names::fail_point!(MessageSetAside);
        sync_dir(&self.folder(Tray::Aside))?;
        sync_dir(&self.folder(Tray::Inbox))
    }

    fn folder(&self, tray: Tray) -> PathBuf {
        self.path.join(tray.folder())
    }

    fn report_path(&self, key: &str) -> PathBuf {
        self.path.join("reports").join(format!("{key}.json"))
    }

    // Held until the file is dropped; a dead process holds none.
    fn lock(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path.join("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// Removes what stops left behind: half written messages, and content whose report is there.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        let _box = self.lock()?;
        let tmp = self.path.join("tmp");
        for entry in tmp.read_dir()? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let name = name.trim_end_matches(".lock");
            let lock_path = tmp.join(format!("{name}.lock"));
            match File::open(&lock_path) {
                Ok(lock) if lock.try_lock().is_err() => continue,
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(_) | Err(_) => {}
            }
            remove_tree(&tmp.join(name))?;
            remove_file(&lock_path)?;
        }
        for tray in Tray::ALL {
            for entry in self.folder(tray).read_dir()? {
                let entry = entry?;
                if self
                    .report_path(&entry.file_name().to_string_lossy())
                    .try_exists()?
                {
                    remove_tree(&entry.path())?;
                }
            }
        }
        Ok(())
    }
}

/// A message being written. Dropped before it is placed, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Staged {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    count: usize,
}

impl Staged {
    /// The next file, empty.
    pub(crate) fn create(&mut self) -> io::Result<File> {
        let file = new_file(&self.path.join(file_name(self.count)))?;
        self.count += 1;
        Ok(file)
    }

    /// Puts the files into the order of `indices`; those that are not named go.
    pub(crate) fn order(&mut self, indices: &[usize]) -> io::Result<()> {
        for index in 0..self.count {
            fs::rename(
                self.path.join(file_name(index)),
                self.path.join(format!("was-{index}")),
            )?;
        }
        for (to, from) in indices.iter().enumerate() {
            fs::rename(
                self.path.join(format!("was-{from}")),
                self.path.join(file_name(to)),
            )?;
        }
        for index in 0..self.count {
            remove_file(&self.path.join(format!("was-{index}")))?;
        }
        self.count = indices.len();
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Placed messages are not here any more; what cannot be removed is swept at the next start.
        let _ = remove_tree(&self.path);
        let _ = remove_file(&self.lock_path);
    }
}

fn file_name(index: usize) -> String {
    format!("{index:04}")
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Writes beside, fsyncs, renames. The caller fsyncs the folder.
fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
    let beside = path.with_extension("part");
    remove_file(&beside)?;
    let mut file = new_file(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(RECORD_MAX_BYTES).read_to_end(&mut bytes)?;
    // What serde says could repeat content.
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|_| io::Error::other("a record cannot be read"))
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn remove_tree(path: &Path) -> io::Result<()> {
    gone(fs::remove_dir_all(path))
}

fn remove_file(path: &Path) -> io::Result<()> {
    gone(fs::remove_file(path))
}

fn gone(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
