//! The gateway's store: [`SqliteStore`].

mod apply;
mod chain;
mod destinations;
mod lists;
mod replies;
mod rows;
#[cfg(test)]
mod sums_cost;
mod upkeep;

use std::path::Path;

pub(crate) use chain::{block_of, leaf_of};
pub(crate) use rows::event as event_of;

use amtsbote_model::{
    CaseId, ClientId, Destination, DestinationId, EventId, ReplyId, Subject, SubmissionId,
    Timestamp,
};
use amtsbote_store::chain::{Block, Leaf, Proof};
use amtsbote_store::{
    Batch, BlobId, Case, CaseFilter, Cases, Chain, Change, Committed, Content, DestinationFilter,
    Directory, Error, Event, KeyRecord, Leases, Ledger, Listed, LogOf, Mail, MemoryLeases, Notice,
    Outbox, Page, References, Remembered, Reply, ReplyFilter, ReplyRecord, ReplyRef, Submission,
    SubmissionFilter, SubmissionRef, Upkeep,
};
use rusqlite::Connection;

use crate::OpenError;
use crate::database::{self, Schema};
use crate::folder::{self, Lock};
use crate::group::{Job, Outcome};
use crate::readers::Readers;
use crate::writer::{QUEUE_MAX, Writer};

pub(crate) const SCHEMA: Schema = Schema {
    name: "gateway",
    application_id: 0x4162_6F47, // "AboG"
    migrations: &[
        include_str!("../schema/gateway-1.sql"),
        include_str!("../schema/gateway-2.sql"),
        include_str!("../schema/gateway-3.sql"),
        include_str!("../schema/gateway-4.sql"),
        include_str!("../schema/gateway-5.sql"),
        include_str!("../schema/gateway-6.sql"),
    ],
    summed_from: 4,
};

/// The gateway's store in one SQLite file. Dropping it waits for the writes that are queued and closes the file.
pub struct SqliteStore {
    // In this order they are dropped: the last connection to go empties the log, then the lock is free.
    readers: Readers,
    writer: Writer<Written>,
    // In memory: whoever had one before died, since no second process gets the lock.
    leases: MemoryLeases,
    // None for a guest.
    _lock: Option<Lock>,
}

impl SqliteStore {
    /// Opens `gateway.db` in the folder; makes what is missing, brings older schemas forward, and holds
    /// `gateway.lock` so that no second process writes there. Blocks for the time of a recovery or migration.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        folder::prepare(folder)?;
        let lock = folder::lock(&SCHEMA.lock_file(folder))?;
        let path = SCHEMA.file(folder);
        let database = database::open_writer(&path, &SCHEMA)?;
        Ok(Self {
            readers: Readers::open(&path)?,
            writer: Writer::start(database, QUEUE_MAX).map_err(OpenError::Thread)?,
            leases: MemoryLeases::new(),
            _lock: Some(lock),
        })
    }

    /// Opens `gateway.db` beside the process that holds `gateway.lock`, or without one: for an operator's commands. Makes and
    /// migrates nothing; another schema than this program's is refused. A guest must not take leases: they are its own alone.
    pub fn open_as_guest(folder: &Path) -> Result<Self, OpenError> {
        let path = SCHEMA.file(folder);
        let database = database::open_guest(&path, &SCHEMA)?;
        Ok(Self {
            readers: Readers::open(&path)?,
            writer: Writer::start(database, QUEUE_MAX).map_err(OpenError::Thread)?,
            leases: MemoryLeases::new(),
            _lock: None,
        })
    }
}

impl References for SqliteStore {
    fn unreferenced(&self, blobs: Vec<BlobId>) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        let read = move |database: &Connection| {
            let mut unreferenced = Vec::new();
            for blob in blobs {
                if !rows::blob_is_referred_to(database, &blob)? {
                    unreferenced.push(blob);
                }
            }
            Ok(unreferenced)
        };
        Box::pin(self.readers.read("attachment", |t| read(t)))
    }
}

/// What is written in one transaction.
enum Written {
    Batch(Batch),
    Seal(Block, Vec<Leaf>),
}

impl Job for Written {
    type Answer = Committed;

    fn run(self, database: &Connection) -> rusqlite::Result<Outcome<Committed>> {
        Ok(match self.apply(database)? {
            Ok(()) => Outcome::Keep(Committed::Done),
            Err(conflict) => Outcome::Undo(Committed::Refused(conflict)),
        })
    }

    fn erases(&self) -> bool {
        let erases = |change: &Change| {
            matches!(
                change,
                Change::Erase { .. }
                    | Change::Upkeep(
                        Upkeep::DropCase { .. } | Upkeep::DropMail(_) | Upkeep::Forget { .. }
                    )
            )
        };
        match self {
            Self::Batch(batch) => batch.0.iter().any(erases),
            Self::Seal(..) => false,
        }
    }
}

impl Written {
    fn apply(self, database: &Connection) -> rusqlite::Result<apply::Step> {
        match self {
            Self::Batch(batch) => apply::apply(database, batch),
            Self::Seal(block, leaves) => chain::seal(database, &block, &leaves),
        }
    }
}

impl Chain for SqliteStore {
    fn head(&self) -> Reply<'_, Result<Option<Block>, Error>> {
        Box::pin(self.readers.read("block", |t| chain::head(t)))
    }

    fn unsealed(&self, max: u32) -> Reply<'_, Result<Vec<Event>, Error>> {
        let read = move |database: &Connection| chain::unsealed(database, max);
        Box::pin(self.readers.read("event", move |t| read(t)))
    }

    fn seal(&self, block: Block, leaves: Vec<Leaf>) -> Reply<'_, Result<bool, Error>> {
        Box::pin(async move {
            let sealed = self.writer.submit(Written::Seal(block, leaves)).await?;
            Ok(sealed == Committed::Done)
        })
    }

    fn proof_of(&self, event: EventId) -> Reply<'_, Result<Option<Proof>, Error>> {
        let read = move |database: &Connection| chain::proof_of(database, event);
        Box::pin(self.readers.read("block", move |t| read(t)))
    }

    fn block(&self, number: u64) -> Reply<'_, Result<Option<Block>, Error>> {
        let read = move |database: &Connection| chain::block(database, number);
        Box::pin(self.readers.read("block", move |t| read(t)))
    }
}

impl Ledger for SqliteStore {
    fn commit(&self, batch: Batch) -> Reply<'_, Result<Committed, Error>> {
        Box::pin(self.writer.submit(Written::Batch(batch)))
    }

    fn submission(&self, id: SubmissionId) -> Reply<'_, Result<Option<Submission>, Error>> {
        let read = move |database: &Connection| rows::submission(database, id);
        Box::pin(self.readers.read("submission", move |t| read(t)))
    }

    fn content(&self, of: Subject) -> Reply<'_, Result<Option<Content>, Error>> {
        let read = move |database: &Connection| rows::content(database, of);
        Box::pin(self.readers.read("content", move |t| read(t)))
    }

    fn submissions<'a>(
        &'a self,
        filter: &'a SubmissionFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<SubmissionRef>, Error>> {
        let filter = filter.clone();
        let read = move |database: &Connection| lists::submissions(database, &filter, page);
        Box::pin(self.readers.read("submission", move |t| read(t)))
    }

    fn events(&self, of: LogOf, page: Page) -> Reply<'_, Result<Listed<Event>, Error>> {
        let read = move |database: &Connection| lists::events(database, of, page);
        Box::pin(self.readers.read("event", move |t| read(t)))
    }

    fn remembered<'a>(
        &'a self,
        client: &'a ClientId,
        key: &'a str,
    ) -> Reply<'a, Result<Option<Remembered>, Error>> {
        let (client, key) = (client.clone(), key.to_owned());
        let read = move |database: &Connection| rows::remembered(database, client, key);
        Box::pin(self.readers.read("remembered answer", move |t| read(t)))
    }

    fn quiet_cases(&self, before: Timestamp, max: u32) -> Reply<'_, Result<Vec<CaseId>, Error>> {
        let read = move |database: &Connection| upkeep::quiet_cases(database, before, max);
        Box::pin(self.readers.read("case", move |t| read(t)))
    }

    fn last_round(&self) -> Reply<'_, Result<Option<Timestamp>, Error>> {
        Box::pin(self.readers.read("mark", |t| upkeep::last_round(t)))
    }
}

impl Cases for SqliteStore {
    fn case(&self, id: CaseId) -> Reply<'_, Result<Option<Case>, Error>> {
        let read = move |database: &Connection| replies::case(database, id);
        Box::pin(self.readers.read("case", move |t| read(t)))
    }

    fn cases<'a>(
        &'a self,
        filter: &'a CaseFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Case>, Error>> {
        let filter = filter.clone();
        let read = move |database: &Connection| lists::cases(database, &filter, page);
        Box::pin(self.readers.read("case", move |t| read(t)))
    }

    fn reply(&self, id: ReplyId) -> Reply<'_, Result<Option<ReplyRecord>, Error>> {
        let read = move |database: &Connection| replies::reply(database, id);
        Box::pin(self.readers.read("reply", move |t| read(t)))
    }

    fn replies<'a>(
        &'a self,
        filter: &'a ReplyFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<ReplyRef>, Error>> {
        let filter = filter.clone();
        let read = move |database: &Connection| lists::replies(database, &filter, page);
        Box::pin(self.readers.read("reply", move |t| read(t)))
    }
}

impl Directory for SqliteStore {
    fn destination(&self, id: DestinationId) -> Reply<'_, Result<Option<Destination>, Error>> {
        let read = move |database: &Connection| destinations::find(database, id);
        Box::pin(self.readers.read("destination", move |t| read(t)))
    }

    fn destinations<'a>(
        &'a self,
        filter: &'a DestinationFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Destination>, Error>> {
        let filter = filter.clone();
        let read = move |database: &Connection| lists::destinations(database, &filter, page);
        Box::pin(self.readers.read("destination", move |t| read(t)))
    }

    fn keys(&self, id: DestinationId) -> Reply<'_, Result<Vec<KeyRecord>, Error>> {
        let read = move |database: &Connection| destinations::keys(database, id);
        Box::pin(self.readers.read("key", move |t| read(t)))
    }
}

impl Outbox for SqliteStore {
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Notice>, Error>> {
        let read = move |database: &Connection| rows::due(database, now, max);
        Box::pin(self.readers.read("notice", move |t| read(t)))
    }

    fn due_mails(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Mail>, Error>> {
        let read = move |database: &Connection| upkeep::due_mails(database, now, max);
        Box::pin(self.readers.read("mail", move |t| read(t)))
    }
}

impl Leases for SqliteStore {
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>> {
        self.leases.hold(name, owner, now, until)
    }

    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>> {
        self.leases.leave(name, owner)
    }
}
