//! The gateways' store: [`PostgresStore`].

mod chain;
pub(crate) mod changes;
mod destinations;
mod examine;
pub(crate) mod locks;
mod members;
pub(crate) mod rows;

pub use examine::Examined;
pub use members::{Member, NotAdmitted, Shelf, SigningKeys};

use amtsbote_model::{
    CaseId, ClientId, Destination, DestinationId, EventId, ReplyId, Subject, SubmissionId,
    Timestamp,
};
use amtsbote_store::chain::{Block, Leaf, Proof};
use amtsbote_store::{
    Batch, BlobId, Case, CaseFilter, Cases, Chain, Committed, Content, DestinationFilter,
    Directory, Error, Event, KeyRecord, Leases, Ledger, Listed, LogOf, Mail, Notice, Outbox, Page,
    References, Remembered, Reply, ReplyFilter, ReplyRecord, ReplyRef, Submission,
    SubmissionFilter, SubmissionRef,
};

use crate::bell::Bell;
use crate::database::{ANSWER_MAX, Database, settled};
use crate::fault::unavailable;
use crate::migrations::GATEWAY;
use crate::writer::Writer;
use crate::{OpenError, PostgresLeases, Target};

/// The gateways' store in one PostgreSQL database, which several processes may have open.
#[derive(Debug)]
pub struct PostgresStore {
    database: Database,
    writer: Writer,
    leases: PostgresLeases,
    bell: Bell,
}

impl PostgresStore {
    /// Connects, and brings the tables forward. Needs a tokio runtime.
    pub async fn open(target: &Target) -> Result<Self, OpenError> {
        let database = Database::open(target, &GATEWAY, "amtsbote gateway").await?;
        Ok(Self::over(target, database))
    }

    /// Connects beside gateways that run, for an operator's commands. Makes and migrates nothing; tables of another version than
    /// this program's are refused.
    pub async fn open_as_guest(target: &Target) -> Result<Self, OpenError> {
        let database = Database::join(target, &GATEWAY, "amtsbote incident").await?;
        Ok(Self::over(target, database))
    }

    fn over(target: &Target, database: Database) -> Self {
        let bell = Bell::start(target, database.clone());
        Self {
            writer: Writer::start(database.clone(), bell.cord()),
            bell,
            leases: PostgresLeases::over(database.clone()),
            database,
        }
    }

    /// Resolves when a store over this database, perhaps this one, has told of an arrival. A hint: it may be missed.
    pub async fn heard(&self) {
        self.bell.heard().await;
    }
}

impl References for PostgresStore {
    fn unreferenced(&self, blobs: Vec<BlobId>) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        Box::pin(async move {
            let connection = self.database.reader().await?;
            let names = blobs.iter().map(|blob| blob.as_str().to_owned()).collect();
            let asked = rows::unreferenced(&connection, names);
            let asked = tokio::time::timeout(ANSWER_MAX, asked).await;
            let mut unreferenced = settled(asked, connection, "attachment")?;
            unreferenced.sort();
            let is_in = |blob: &BlobId| {
                let found = unreferenced.binary_search_by(|name| name.as_str().cmp(blob.as_str()));
                found.is_ok()
            };
            Ok(blobs.into_iter().filter(is_in).collect())
        })
    }
}

/// Reads with a connection of the pool, for a limited time.
macro_rules! read {
    ($self:ident, $kind:literal, $client:ident => $read:expr) => {
        Box::pin(async move {
            let connection = $self.database.reader().await?;
            let done = {
                let $client = &connection;
                tokio::time::timeout(ANSWER_MAX, $read).await
            };
            settled(done, connection, $kind)
        })
    };
}

impl Ledger for PostgresStore {
    fn commit(&self, batch: Batch) -> Reply<'_, Result<Committed, Error>> {
        Box::pin(self.writer.submit(batch))
    }

    fn submission(&self, id: SubmissionId) -> Reply<'_, Result<Option<Submission>, Error>> {
        read!(self, "submission", client => rows::submission(client, id))
    }

    fn content(&self, of: Subject) -> Reply<'_, Result<Option<Content>, Error>> {
        read!(self, "content", client => rows::content(client, of))
    }

    fn submissions<'a>(
        &'a self,
        filter: &'a SubmissionFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<SubmissionRef>, Error>> {
        read!(self, "submission", client => rows::submissions(client, filter, page))
    }

    fn events(&self, of: LogOf, page: Page) -> Reply<'_, Result<Listed<Event>, Error>> {
        read!(self, "event", client => rows::events(client, of, page))
    }

    fn remembered<'a>(
        &'a self,
        client: &'a ClientId,
        key: &'a str,
    ) -> Reply<'a, Result<Option<Remembered>, Error>> {
        read!(self, "remembered answer", connection => rows::remembered(connection, client, key))
    }

    fn quiet_cases(&self, before: Timestamp, max: u32) -> Reply<'_, Result<Vec<CaseId>, Error>> {
        read!(self, "case", client => rows::quiet_cases(client, before, max))
    }

    fn last_round(&self) -> Reply<'_, Result<Option<Timestamp>, Error>> {
        read!(self, "mark", client => rows::last_round(client))
    }
}

impl Cases for PostgresStore {
    fn case(&self, id: CaseId) -> Reply<'_, Result<Option<Case>, Error>> {
        read!(self, "case", client => rows::case(client, id))
    }

    fn cases<'a>(
        &'a self,
        filter: &'a CaseFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Case>, Error>> {
        read!(self, "case", client => rows::cases(client, filter, page))
    }

    fn reply(&self, id: ReplyId) -> Reply<'_, Result<Option<ReplyRecord>, Error>> {
        read!(self, "reply", client => rows::reply(client, id))
    }

    fn replies<'a>(
        &'a self,
        filter: &'a ReplyFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<ReplyRef>, Error>> {
        read!(self, "reply", client => rows::replies(client, filter, page))
    }
}

impl Directory for PostgresStore {
    fn destination(&self, id: DestinationId) -> Reply<'_, Result<Option<Destination>, Error>> {
        read!(self, "destination", client => destinations::find(client, id))
    }

    fn destinations<'a>(
        &'a self,
        filter: &'a DestinationFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Destination>, Error>> {
        read!(self, "destination", client => rows::destinations(client, filter, page))
    }

    fn keys(&self, id: DestinationId) -> Reply<'_, Result<Vec<KeyRecord>, Error>> {
        read!(self, "key", client => rows::keys(client, id))
    }
}

impl Outbox for PostgresStore {
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Notice>, Error>> {
        read!(self, "notice", client => rows::due(client, now, max))
    }

    fn due_mails(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Mail>, Error>> {
        read!(self, "mail", client => rows::due_mails(client, now, max))
    }
}

impl Chain for PostgresStore {
    fn head(&self) -> Reply<'_, Result<Option<Block>, Error>> {
        read!(self, "block", client => chain::head(client))
    }

    fn unsealed(&self, max: u32) -> Reply<'_, Result<Vec<Event>, Error>> {
        read!(self, "event", client => chain::unsealed(client, max))
    }

    fn seal(&self, block: Block, leaves: Vec<Leaf>) -> Reply<'_, Result<bool, Error>> {
        let database = self.database.clone();
        Box::pin(async move {
            let connection = database.reader().await?;
            // In a task of its own: a caller that stops waiting must not leave a transaction open on a connection of the pool.
            let sealing = tokio::spawn(chain::seal(connection, block, leaves));
            let sealed = sealing
                .await
                .map_err(|_| unavailable("sealing has stopped".into()))?;
            sealed.map_err(|fault| fault.about("block"))
        })
    }

    fn proof_of(&self, event: EventId) -> Reply<'_, Result<Option<Proof>, Error>> {
        read!(self, "block", client => chain::proof_of(client, event))
    }

    fn block(&self, number: u64) -> Reply<'_, Result<Option<Block>, Error>> {
        read!(self, "block", client => chain::block(client, number))
    }
}

impl Leases for PostgresStore {
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
