//! A way in: a folder on an SFTP server into which a procedure puts its answers.
//!
//! ```text
//!  <path>/bescheid.xml      one answer of one file
//!  <path>/4711/…            one answer of several files, side by side in a folder
//!  <path>/4711.xml .pdf     one answer of several files, with `together = "name"`
//!  <path>/.x  x.tmp  x.part never looked at: still being written
//!     │ nothing of it has changed for `quiet`, as we see it
//!     ▼ poll ─► settle(Kept) ──► <path>/.amtsbote-answered/<id>/<name>     (rename)
//!               settle(Refused)► <path>/.amtsbote-refused/<id>/<name>
//! ```
//!
//! SFTP tells neither inodes nor its clock. So an answer's id is made of names, lengths and moments of the last change, hashed, since
//! names may be personal; and it counts when two looks that lie `quiet` apart saw the same. A process that begins anew looks anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amtsbote_adapter::Step;
use amtsbote_adapter::placement::FileMode;
use amtsbote_adapter::returned::{
    self, ANSWERED, FILES_MAX, Habits, REFUSED, Together, is_unfinished,
};
use amtsbote_adapter::transport::settings_of;
use amtsbote_adapter::{
    AttachmentReader, AttachmentSource, Fault, Inbound, Reply, Return, ReturnId, Settled,
};
use amtsbote_model::{Clock, Timestamp};
use bytes::Bytes;
use uuid::Uuid;

use crate::fault::Failure;
use crate::outbound::{Sftp, within};
use crate::remote::{Entry, Kind, Remote, join};
use crate::settings::Settings;
use crate::steps;

const OURS: FileMode = FileMode::Bits(0o700);
const LOOK: Step = steps::LOOK_AT_ANSWERS;
const READ: Step = steps::READ_ANSWER_FILE;
const MOVE: Step = steps::MOVE_ANSWER;

/// The way in from one folder on one server. One process at a time takes answers from a folder.
pub struct SftpInbound {
    settings: Arc<Settings>,
    habits: Habits,
    clock: Arc<dyn Clock>,
    /// When each answer that lies there was first seen as it is.
    seen: Mutex<BTreeMap<String, Timestamp>>,
    /// The connection of the last look, if it held.
    remote: Mutex<Option<Arc<Remote>>>,
    /// At the last look.
    without_message: AtomicUsize,
}

/// One answer, as it lies there.
struct Found {
    id: String,
    /// Of the folder or the message.
    name: String,
    /// Files beside the message.
    others: Vec<String>,
    changed: u32,
    lying: returned::Lying,
    /// Its message has not come.
    is_waiting: bool,
}

impl SftpInbound {
    /// Checks the settings, which are those of the way out as far as they concern server, account and `path`; relative
    /// files of this machine are below `base`. Calls nobody.
    pub fn open(
        settings: toml::Table,
        base: &Path,
        habits: Habits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let settings: Settings = settings_of(&Sftp, settings)?;
        settings.check()?;
        Ok(Self {
            settings: Arc::new(settings.below(base)),
            habits,
            clock,
            seen: Mutex::default(),
            remote: Mutex::default(),
            without_message: AtomicUsize::default(),
        })
    }

    /// On the kept connection; if that broke meanwhile, once more on a new one.
    async fn on<T, F>(&self, work: impl Fn(Arc<Remote>) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let kept = self.kept().take();
        if let Some(remote) = kept {
            match work(remote.clone()).await {
                Err(Failure::Connection { .. }) => {}
                outcome => return self.ended(remote, outcome),
            }
        }
        let remote = Arc::new(Remote::connect(&self.settings).await?);
        let outcome = work(remote.clone()).await;
        self.ended(remote, outcome)
    }

    fn ended<T>(&self, remote: Arc<Remote>, outcome: Result<T, Failure>) -> Result<T, Fault> {
        if outcome.is_ok() {
            *self.kept() = Some(remote);
        }
        Ok(outcome?)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Arc<Remote>>> {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self, max: usize) -> Result<Vec<Return>, Fault> {
        let at = (self.settings.path.as_str(), self.habits.together);
        let mut found = self
            .on(|remote| async move { found(&remote, at).await })
            .await?;
        self.keep_quiet_ones(&mut found);
        found.sort_by(|a, b| (a.changed, &a.name).cmp(&(b.changed, &b.name)));
        let answer = |found: Found| found.lying.into_return(found.id.try_into().ok()?);
        Ok(found.into_iter().filter_map(answer).take(max).collect())
    }

    fn keep_quiet_ones(&self, found: &mut Vec<Found>) {
        let now = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|id, _| found.iter().any(|found| found.id == *id));
        let mut without_message = 0;
        found.retain(|found| {
            let first = *seen.entry(found.id.clone()).or_insert(now);
            let is_overdue = first.plus(self.habits.message_within) <= now;
            without_message += usize::from(found.is_waiting && is_overdue);
            !found.is_waiting && first.plus(self.habits.quiet) <= now
        });
        self.without_message
            .store(without_message, Ordering::Relaxed);
    }

    async fn end(&self, id: &ReturnId, outcome: Settled) -> Result<(), Fault> {
        let path = self.settings.path.as_str();
        let shelf = match outcome {
            Settled::Kept => ANSWERED,
            Settled::Refused => REFUSED,
        };
        let shelf = join(path, shelf);
        let shelf = shelf.as_str();
        let together = self.habits.together;
        self.on(|remote| async move {
            let found = found(&remote, (path, together)).await?;
            let Some(found) = found.into_iter().find(|found| found.id == id.as_str()) else {
                return Ok(());
            };
            if !remote.is_there(shelf, MOVE).await? {
                remote.make_folder(shelf, OURS, MOVE).await?;
            }
            // A folder of its own, so that no name is taken. Dying before the rename leaves the answer where it is, and an empty folder.
            let place = join(shelf, &format!("{id}.{}", Uuid::new_v4()));
            remote.make_folder(&place, OURS, MOVE).await?;
            amtsbote_names::fail_point!(FarAnswerShelved);
            // Of several files the message goes first: what is left then waits for a message and is not given again.
            for name in std::iter::once(&found.name).chain(&found.others) {
                let (old, new) = (join(path, name), join(&place, name));
                remote.rename(&old, &new, MOVE).await?;
            }
            Ok(())
        })
        .await
    }

    /// Whether the folder can be listed; what lies there stays.
    async fn try_looking(&self) -> Result<(), Fault> {
        let path = self.settings.path.as_str();
        self.on(|remote| async move { remote.list(path, LOOK).await.map(drop) })
            .await
    }
}

async fn found(
    remote: &Arc<Remote>,
    (path, together): (&str, Together),
) -> Result<Vec<Found>, Failure> {
    let mut all = Vec::new();
    let mut files = BTreeMap::new();
    for entry in remote.list(path, LOOK).await? {
        if is_unfinished(&entry.name) {
            continue;
        }
        match entry.kind {
            Kind::File => {
                files.insert(entry.name.clone(), entry);
            }
            Kind::Folder => all.push(in_folder(remote, path, &entry).await?),
            Kind::Other => {}
        }
    }
    let groups = together.groups(files.keys().cloned().collect());
    let found = |group: &Vec<String>| {
        let group: Vec<&Entry> = group.iter().filter_map(|name| files.get(name)).collect();
        beside(remote, path, &group)
    };
    all.extend(groups.whole.iter().filter_map(found));
    let waiting = groups.waiting.iter().filter_map(found);
    all.extend(waiting.map(|found| Found {
        is_waiting: true,
        ..found
    }));
    Ok(all)
}

impl Found {
    fn named(entry: &Entry) -> Self {
        Self {
            id: String::new(),
            changed: entry.changed,
            lying: returned::Lying::named(&entry.name),
            name: entry.name.clone(),
            others: Vec::new(),
            is_waiting: false,
        }
    }

    /// With an id of all that is known of its files.
    fn of(mut self, facts: &[String]) -> Self {
        let facts = facts.join("\0");
        self.id = Uuid::new_v5(&Uuid::NAMESPACE_OID, facts.as_bytes()).to_string();
        self
    }
}

async fn in_folder(remote: &Arc<Remote>, path: &str, folder: &Entry) -> Result<Found, Failure> {
    let mut found = Found::named(folder);
    let mut facts = vec![facts_of(folder)];
    let at = join(path, &folder.name);
    let mut entries = remote.list(&at, LOOK).await?;
    if entries.len() > FILES_MAX {
        entries.truncate(1);
        found.lying.add_unusable();
    }
    entries.sort_by_key(|entry| returned::order(&entry.name));
    for entry in entries {
        facts.push(facts_of(&entry));
        add(&mut found, (remote, join(&at, &entry.name)), &entry);
    }
    Ok(found.of(&facts))
}

/// Files side by side, the message first.
fn beside(remote: &Arc<Remote>, path: &str, group: &[&Entry]) -> Option<Found> {
    let (first, others) = group.split_first()?;
    let mut found = Found::named(first);
    let mut facts = vec![facts_of(first)];
    add(&mut found, (remote, join(path, &first.name)), first);
    for entry in others {
        if found.others.len() + 1 >= FILES_MAX {
            found.lying.add_unusable();
            break;
        }
        facts.push(facts_of(entry));
        add(&mut found, (remote, join(path, &entry.name)), entry);
        found.others.push(entry.name.clone());
    }
    Some(found.of(&facts))
}

fn facts_of(entry: &Entry) -> String {
    format!("{}\0{}\0{}", entry.name, entry.changed, entry.size)
}

fn add(found: &mut Found, (remote, path): (&Arc<Remote>, String), entry: &Entry) {
    found.changed = found.changed.max(entry.changed);
    match entry.kind {
        Kind::File => found.lying.add(
            entry.name.clone(),
            Arc::new(LyingFile {
                remote: remote.clone(),
                path,
                size: entry.size,
            }),
        ),
        Kind::Folder | Kind::Other => found.lying.add_unusable(),
    }
}

/// A file of an answer. The connection goes with it.
struct LyingFile {
    remote: Arc<Remote>,
    path: String,
    size: u64,
}

impl AttachmentSource for LyingFile {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
        Box::pin(async {
            let handle = self.remote.open(&self.path, READ).await?;
            let reader: Box<dyn AttachmentReader> = Box::new(Reading {
                remote: self.remote.clone(),
                handle: Some(handle),
                offset: 0,
            });
            Ok(reader)
        })
    }
}

struct Reading {
    remote: Arc<Remote>,
    /// None after the end.
    handle: Option<String>,
    offset: u64,
}

impl AttachmentReader for Reading {
    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Fault>> {
        Box::pin(async {
            let Some(handle) = &self.handle else {
                return Ok(None);
            };
            let piece = self.remote.read_at(handle, self.offset, READ).await?;
            match &piece {
                Some(piece) => self.offset += piece.len() as u64,
                None => self.handle = None,
            }
            Ok(piece.map(Bytes::from))
        })
    }
}

impl Inbound for SftpInbound {
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        Box::pin(within(limit, self.look(max)))
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        Box::pin(within(limit, self.end(id, outcome)))
    }

    fn without_message(&self) -> usize {
        self.without_message.load(Ordering::Relaxed)
    }

    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, self.try_looking()))
    }
}
