//! The agent's store: [`SqliteDeliveries`].

use std::path::Path;

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{CaseId, DestinationId, SubmissionId, Timestamp};
use amtsbote_store::{Deliveries, DeliveryRow, Error, NewDelivery, Reply, Swapped};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::OpenError;
use crate::columns::{execute, id, malformed, unsigned};
use crate::database::{self, Schema};
use crate::desk::DeskWrite;
use crate::folder::{self, Lock};
use crate::group::{Job, Outcome};
use crate::readers::Readers;
use crate::ways_back::BackWrite;
use crate::writer::{QUEUE_MAX, Writer};

pub(crate) const SCHEMA: Schema = Schema {
    name: "agent",
    application_id: 0x4162_6F41, // "AboA"
    migrations: &[
        include_str!("schema/agent-1.sql"),
        include_str!("schema/agent-2.sql"),
        include_str!("schema/agent-3.sql"),
    ],
};

const COLUMNS: &str = "submission_id, case_id, destination_id, body, revision";

/// The agent's deliveries in one SQLite file. Dropping it waits for the writes that are queued and closes the file.
pub struct SqliteDeliveries {
    // Dropped in this order, see `SqliteStore`.
    pub(crate) readers: Readers,
    pub(crate) writer: Writer<Write>,
    // None for a guest.
    _lock: Option<Lock>,
}

impl SqliteDeliveries {
    /// Opens `agent.db` in the folder; makes what is missing, brings older schemas forward, and holds `agent.lock`
    /// so that no second process writes there. Blocks for the time of a recovery or migration.
    pub fn open(folder: &Path) -> std::result::Result<Self, OpenError> {
        folder::prepare(folder)?;
        let lock = folder::lock(&SCHEMA.lock_file(folder))?;
        let path = SCHEMA.file(folder);
        let database = database::open_writer(&path, &SCHEMA)?;
        Ok(Self {
            readers: Readers::open(&path)?,
            writer: Writer::start(database, QUEUE_MAX).map_err(OpenError::Thread)?,
            _lock: Some(lock),
        })
    }

    /// Opens `agent.db` beside the process that holds `agent.lock`, or without one: for an operator's commands. Makes and
    /// migrates nothing; another schema than this program's is refused.
    pub fn open_as_guest(folder: &Path) -> std::result::Result<Self, OpenError> {
        let path = SCHEMA.file(folder);
        let database = database::open_guest(&path, &SCHEMA)?;
        Ok(Self {
            readers: Readers::open(&path)?,
            writer: Writer::start(database, QUEUE_MAX).map_err(OpenError::Thread)?,
            _lock: None,
        })
    }
}

pub(crate) enum Write {
    Note(Vec<NewDelivery>),
    Swap {
        id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    },
    Back(BackWrite),
    ByHand(Box<DeskWrite>),
}

impl Job for Write {
    type Answer = Swapped;

    fn run(self, database: &Connection) -> Result<Outcome<Swapped>> {
        match self {
            Self::Note(new) => {
                for new in new {
                    note(database, &new)?;
                }
                Ok(Outcome::Keep(Swapped::Done))
            }
            Self::Swap {
                id,
                revision,
                delivery,
            } => swap(database, id, revision, &delivery),
            Self::Back(write) => write.run(database),
            Self::ByHand(write) => write.run(database),
        }
    }

    fn erases(&self) -> bool {
        false
    }
}

fn json(delivery: &Delivery) -> Result<String> {
    serde_json::to_string(delivery).map_err(|_| malformed())
}

fn note(database: &Connection, new: &NewDelivery) -> Result<()> {
    let delivery = Delivery::due(new.at);
    execute(
        database,
        "INSERT INTO deliveries (submission_id, case_id, destination_id, noted_at, state, due_at, body, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT DO NOTHING",
        params![
            new.submission_id.uuid().into_bytes(),
            new.case_id.uuid().into_bytes(),
            new.destination_id.uuid().into_bytes(),
            new.at.as_millis(),
            delivery.name(),
            delivery.due_at().map(Timestamp::as_millis),
            json(&delivery)?,
        ],
    )
    .map(|_| ())
}

pub(crate) fn swap(
    database: &Connection,
    id: SubmissionId,
    revision: u64,
    delivery: &Delivery,
) -> Result<Outcome<Swapped>> {
    // No row has a revision that SQLite cannot count to.
    let Ok(revision) = i64::try_from(revision) else {
        return Ok(Outcome::Keep(Swapped::Stale));
    };
    let changed = execute(
        database,
        "UPDATE deliveries SET state = ?3, due_at = ?4, body = ?5, revision = revision + 1
         WHERE submission_id = ?1 AND revision = ?2",
        params![
            id.uuid().into_bytes(),
            revision,
            delivery.name(),
            delivery.due_at().map(Timestamp::as_millis),
            json(delivery)?,
        ],
    )?;
    Ok(Outcome::Keep(if changed == 1 {
        Swapped::Done
    } else {
        Swapped::Stale
    }))
}

fn read(row: &Row<'_>) -> Result<DeliveryRow> {
    let body: String = row.get("body")?;
    Ok(DeliveryRow {
        submission_id: id(row, "submission_id", SubmissionId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        delivery: serde_json::from_str(&body).map_err(|_| malformed())?,
        revision: unsigned(row, "revision")?,
    })
}

pub(crate) fn select(
    database: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<DeliveryRow>> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE {condition}");
    let mut statement = database.prepare_cached(&sql)?;
    let rows = statement.query_map(values, read)?;
    rows.collect()
}

impl Deliveries for SqliteDeliveries {
    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, std::result::Result<(), Error>> {
        Box::pin(async move {
            // Either answer means that the rows are there.
            self.writer.submit(Write::Note(new)).await.map(|_| ())
        })
    }

    fn due(
        &self,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, std::result::Result<Vec<DeliveryRow>, Error>> {
        Box::pin(self.readers.read("delivery", move |database| {
            let condition = "due_at <= ?1 ORDER BY due_at, submission_id LIMIT ?2";
            select(database, condition, params![now.as_millis(), max])
        }))
    }

    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, std::result::Result<Swapped, Error>> {
        Box::pin(self.writer.submit(Write::Swap {
            id: submission_id,
            revision,
            delivery,
        }))
    }

    fn find(
        &self,
        submission_id: SubmissionId,
    ) -> Reply<'_, std::result::Result<Option<DeliveryRow>, Error>> {
        Box::pin(self.readers.read("delivery", move |database| {
            let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE submission_id = ?1");
            let mut statement = database.prepare_cached(&sql)?;
            let row = statement.query_row([submission_id.uuid().into_bytes()], read);
            row.optional()
        }))
    }

    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, std::result::Result<Vec<DeliveryRow>, Error>> {
        let name = name.to_owned();
        Box::pin(self.readers.read("delivery", move |database| {
            let condition = "state = ?1 ORDER BY noted_at, submission_id LIMIT ?2";
            select(database, condition, params![name, max])
        }))
    }
}
