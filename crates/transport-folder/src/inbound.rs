//! A way in: a folder into which a procedure puts its answers.
//!
//! ```text
//!  <path>/bescheid.xml      one answer of one file
//!  <path>/4711/…            one answer of several files, side by side in a folder
//!  <path>/4711.xml .pdf     one answer of several files, with `together = "name"`
//!  <path>/.x  x.tmp  x.part never looked at: still being written
//!     │ unchanged for `quiet`
//!     ▼ poll ─► settle(Kept) ──► <path>/.amtsbote-answered/<id>/<name>     (rename, fsync)
//!               settle(Refused)► <path>/.amtsbote-refused/<id>/<name>
//! ```
//!
//! An answer is named after inode and moment of its last change: the name stays over polls, and is another one when the procedure
//! uses the same file name again. Names of files may be personal, so they are in no fact; UUIDs in them are.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amtsbote_adapter::Step;
use amtsbote_adapter::placement::FileMode;
use amtsbote_adapter::returned::{self, ANSWERED, FILES_MAX, Habits, REFUSED, is_unfinished};
use amtsbote_adapter::{
    AttachmentReader, AttachmentSource, Fault, Inbound, Reply, Return, ReturnId, Settled,
};
use amtsbote_model::Clock;
use tokio::io::AsyncReadExt as _;

use crate::dir::{Dir, Kind, Stat};
use crate::fault::{AtStep as _, Failure};
use crate::steps;

const OURS: FileMode = FileMode::Bits(0o700);
const PIECE_BYTES: usize = 64 * 1024;

/// One folder with answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundSettings {
    /// The folder; absolute, has to be there.
    pub path: PathBuf,
    /// How answers lie. With no `quiet`, they have to become visible whole, by a rename.
    pub habits: Habits,
}

/// The way in from one folder. One process at a time takes answers from a folder.
#[derive(Clone)]
pub struct FolderInbound {
    settings: Arc<InboundSettings>,
    clock: Arc<dyn Clock>,
    /// At the last look.
    without_message: Arc<AtomicUsize>,
}

impl FolderInbound {
    /// Checks the settings; a folder that is not there yet is no fault here, `poll` tells.
    pub fn open(settings: InboundSettings, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        if settings.path.is_absolute() {
            return Ok(Self {
                settings: Arc::new(settings),
                clock,
                without_message: Arc::default(),
            });
        }
        Err(Fault::misconfigured(
            "path muss absolut sein",
            "path has to be absolute",
        ))
    }

    fn list(&self, max: usize) -> Result<Vec<Return>, Failure> {
        let path = Arc::new(Dir::named(&self.settings.path).at(steps::OPEN_ANSWERS)?);
        let Found {
            entries: mut found,
            waiting,
        } = self.entries(&path)?;
        // The file system's clock, as far as one machine has one.
        let now = i128::from(self.clock.now().as_millis()) * 1_000_000 + 999_999;
        let before = |span: Duration| {
            now.saturating_sub(i128::try_from(span.as_nanos()).unwrap_or(i128::MAX))
        };
        let (still, overdue) = (
            before(self.settings.habits.quiet),
            before(self.settings.habits.message_within),
        );
        let waiting = waiting.iter().filter(|entry| entry.changed_ns <= overdue);
        self.without_message
            .store(waiting.count(), Ordering::Relaxed);
        found.retain(|entry| entry.changed_ns <= still);
        found.sort_by(|a, b| (a.stat.changed_ns, &a.name).cmp(&(b.stat.changed_ns, &b.name)));
        Ok(found
            .into_iter()
            .take(max)
            .filter_map(Entry::into_return)
            .collect())
    }

    /// Everything that is not being written any more, as far as names tell.
    fn entries(&self, path: &Arc<Dir>) -> Result<Found, Failure> {
        let (mut entries, mut waiting) = (Vec::new(), Vec::new());
        let mut files = Vec::new();
        for name in path.names().at(steps::READ_ANSWERS)? {
            if is_unfinished(&name) {
                continue;
            }
            match path.stat(&name).at(steps::LOOK_AT_ANSWER)? {
                Some(stat) if stat.kind == Kind::File => files.push(name),
                Some(_) => entries.extend(Entry::look(path, name)?),
                None => {}
            }
        }
        let groups = self.settings.habits.together.groups(files);
        for group in groups.whole {
            entries.extend(Entry::beside(path, group)?);
        }
        for group in groups.waiting {
            waiting.extend(Entry::beside(path, group)?);
        }
        Ok(Found { entries, waiting })
    }

    fn end(&self, id: &ReturnId, outcome: Settled) -> Result<(), Failure> {
        const STEP: Step = steps::MOVE_ANSWER;
        let path = Arc::new(Dir::named(&self.settings.path).at(steps::OPEN_ANSWERS)?);
        let to = match outcome {
            Settled::Kept => ANSWERED,
            Settled::Refused => REFUSED,
        };
        let Found { entries, .. } = self.entries(&path)?;
        let Some(entry) = entries.into_iter().find(|entry| entry.id() == id.as_str()) else {
            return Ok(());
        };
        let shelf = path.made(to, OURS).at(STEP)?;
        let place = shelf.made(id.as_str(), OURS).at(STEP)?;
        shelf.sync().at(STEP)?;
        // Dying around the rename is fine: the answer lies either here, and is given again, or there. Of several files the message
        // goes first: what is left then waits for a message and is not given again.
        amtsbote_names::fail_point!(AnswerShelved);
        for name in std::iter::once(&entry.name).chain(&entry.others) {
            path.rename(name, &place, name).at(STEP)?;
            amtsbote_names::fail_point!(AnswerMoved);
        }
        place.sync().at(STEP)?;
        path.sync().at(STEP)
    }
}

/// What lies there.
struct Found {
    entries: Vec<Entry>,
    /// For their message.
    waiting: Vec<Entry>,
}

/// One answer, as it lies there.
struct Entry {
    /// Of the folder or the message.
    name: String,
    /// Files beside the message.
    others: Vec<String>,
    stat: Stat,
    /// Of the entry or what is in it, the latest.
    changed_ns: i128,
    lying: returned::Lying,
}

impl Entry {
    fn look(path: &Arc<Dir>, name: String) -> Result<Option<Self>, Failure> {
        const STEP: Step = steps::LOOK_AT_ANSWER;
        let Some(stat) = path.stat(&name).at(STEP)? else {
            return Ok(None);
        };
        let mut entry = Self {
            lying: returned::Lying::named(&name),
            name: name.clone(),
            others: Vec::new(),
            stat,
            changed_ns: stat.changed_ns,
        };
        match stat.kind {
            Kind::File => entry.add(path, name, stat),
            Kind::Folder => {
                let dir = Arc::new(path.dir(&name).at(STEP)?);
                let mut names = dir.names().at(STEP)?;
                if names.len() > FILES_MAX {
                    names.truncate(1);
                    entry.lying.add_unusable();
                }
                names.sort_by_key(|name| returned::order(name));
                for name in names {
                    if let Some(stat) = dir.stat(&name).at(STEP)? {
                        entry.add(&dir, name, stat);
                    }
                }
            }
            Kind::Other => return Ok(None),
        }
        Ok(Some(entry))
    }

    /// Files side by side, the message first.
    fn beside(path: &Arc<Dir>, names: Vec<String>) -> Result<Option<Self>, Failure> {
        let mut names = names.into_iter();
        let Some(first) = names.next() else {
            return Ok(None);
        };
        let Some(mut entry) = Self::look(path, first)? else {
            return Ok(None);
        };
        for name in names {
            if entry.others.len() + 1 >= FILES_MAX {
                entry.lying.add_unusable();
                break;
            }
            if let Some(stat) = path.stat(&name).at(steps::LOOK_AT_ANSWER)? {
                entry.add(path, name.clone(), stat);
                entry.others.push(name);
            }
        }
        Ok(Some(entry))
    }

    /// Its name at the way in: another one as soon as anything of it changes, also a file that has come.
    fn id(&self) -> String {
        let Stat {
            inode, changed_ns, ..
        } = self.stat;
        if self.others.is_empty() {
            return format!("{inode}-{changed_ns}");
        }
        format!("{inode}-{}-{}", self.changed_ns, self.others.len() + 1)
    }

    fn add(&mut self, dir: &Arc<Dir>, name: String, stat: Stat) {
        self.changed_ns = self.changed_ns.max(stat.changed_ns);
        if stat.kind != Kind::File {
            return self.lying.add_unusable();
        }
        let file = Lying {
            dir: dir.clone(),
            name: name.clone(),
            size: stat.size,
        };
        self.lying.add(name, Arc::new(file));
    }

    fn into_return(self) -> Option<Return> {
        let id = ReturnId::try_from(self.id()).ok()?;
        self.lying.into_return(id)
    }
}

/// A file of an answer. The open folder goes with it: it is read from there also while it is moved away.
struct Lying {
    dir: Arc<Dir>,
    name: String,
    size: u64,
}

impl AttachmentSource for Lying {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
        let (dir, name) = (self.dir.clone(), self.name.clone());
        Box::pin(async move {
            let file = blocking(move || dir.file(&name).at(steps::OPEN_ANSWER_FILE)).await?;
            let reader: Box<dyn AttachmentReader> =
                Box::new(Reading(tokio::fs::File::from_std(file)));
            Ok(reader)
        })
    }
}

struct Reading(tokio::fs::File);

impl AttachmentReader for Reading {
    fn next(&mut self) -> Reply<'_, Result<Option<bytes::Bytes>, Fault>> {
        Box::pin(async move {
            let mut piece = bytes::BytesMut::with_capacity(PIECE_BYTES);
            let read = self.0.read_buf(&mut piece).await;
            let read = read.at(steps::READ_ANSWER_FILE).map_err(Fault::from)?;
            Ok((read > 0).then(|| piece.freeze()))
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Fault::unavailable(
            "die Arbeit am Ordner endete mit einem Fehler",
            "the work on the folder ended with a fault",
        )),
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let ended = tokio::time::timeout(limit, work).await;
    ended.unwrap_or_else(|_| {
        Err(Fault::unavailable(
            "der Ordner der Antworten antwortet nicht in der erlaubten Zeit",
            "the folder of answers does not answer in time",
        ))
    })
}

impl Inbound for FolderInbound {
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        let this = self.clone();
        Box::pin(within(limit, blocking(move || this.list(max))))
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        let (this, id) = (self.clone(), id.clone());
        Box::pin(within(limit, blocking(move || this.end(&id, outcome))))
    }

    fn without_message(&self) -> usize {
        self.without_message.load(Ordering::Relaxed)
    }
}
