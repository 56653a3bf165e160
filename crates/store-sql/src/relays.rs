//! The uplink's store: [`SqliteRelays`].

use std::path::Path;

use amtsbote_model::relay::Relay;
use amtsbote_model::{SubmissionId, Timestamp};
use amtsbote_store::{Error, NewRelay, RelayRow, Relays, Reply, Swapped};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::OpenError;
use crate::columns::{execute, id, malformed, unsigned};
use crate::database::{self, Schema};
use crate::folder::{self, Lock};
use crate::group::{Job, Outcome};
use crate::readers::Readers;
use crate::writer::{QUEUE_MAX, Writer};

pub(crate) const SCHEMA: Schema = Schema {
    name: "uplink",
    application_id: 0x4162_6F55, // "AboU"
    migrations: &[
        include_str!("schema/uplink-1.sql"),
        include_str!("schema/uplink-2.sql"),
    ],
    summed_from: 2,
};

const COLUMNS: &str = "submission_id, uplink, body, log, revision";

/// The gateway's relays in one SQLite file. Dropping it waits for the writes that are queued and closes the file.
pub struct SqliteRelays {
    // Dropped in this order, see `SqliteStore`.
    readers: Readers,
    writer: Writer<Write>,
    // None for a guest.
    _lock: Option<Lock>,
}

impl SqliteRelays {
    /// Opens `uplink.db` in the folder; makes what is missing, brings older schemas forward, and holds `uplink.lock`
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

    /// Opens `uplink.db` beside the process that holds `uplink.lock`, or without one: for an operator's commands. Makes and
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

enum Write {
    Begin(NewRelay),
    Swap(RelayRow),
}

impl Job for Write {
    type Answer = Swapped;

    fn run(self, database: &Connection) -> Result<Outcome<Swapped>> {
        match self {
            Self::Begin(new) => {
                begin(database, &new)?;
                Ok(Outcome::Keep(Swapped::Done))
            }
            Self::Swap(row) => swap(database, &row),
        }
    }

    fn erases(&self) -> bool {
        false
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| malformed())
}

fn begin(database: &Connection, new: &NewRelay) -> Result<()> {
    let relay = Relay::due(new.at);
    execute(
        database,
        "INSERT INTO relays (submission_id, uplink, noted_at, state, due_at, body, log, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, '[]', 1) ON CONFLICT DO NOTHING",
        params![
            new.submission_id.uuid().into_bytes(),
            new.uplink,
            new.at.as_millis(),
            relay.name(),
            relay.due_at().map(Timestamp::as_millis),
            json(&relay)?,
        ],
    )
    .map(|_| ())
}

fn swap(database: &Connection, row: &RelayRow) -> Result<Outcome<Swapped>> {
    // No row has a revision that SQLite cannot count to.
    let Ok(revision) = i64::try_from(row.revision) else {
        return Ok(Outcome::Keep(Swapped::Stale));
    };
    let changed = execute(
        database,
        "UPDATE relays SET state = ?3, due_at = ?4, body = ?5, log = ?6, revision = revision + 1
         WHERE submission_id = ?1 AND revision = ?2",
        params![
            row.submission_id.uuid().into_bytes(),
            revision,
            row.relay.name(),
            row.relay.due_at().map(Timestamp::as_millis),
            json(&row.relay)?,
            json(&row.log)?,
        ],
    )?;
    Ok(Outcome::Keep(if changed == 1 {
        Swapped::Done
    } else {
        Swapped::Stale
    }))
}

fn read(row: &Row<'_>) -> Result<RelayRow> {
    let (body, log): (String, String) = (row.get("body")?, row.get("log")?);
    Ok(RelayRow {
        submission_id: id(row, "submission_id", SubmissionId::from_uuid)?,
        uplink: row.get("uplink")?,
        relay: serde_json::from_str(&body).map_err(|_| malformed())?,
        log: serde_json::from_str(&log).map_err(|_| malformed())?,
        revision: unsigned(row, "revision")?,
    })
}

impl Relays for SqliteRelays {
    fn begin(&self, new: NewRelay) -> Reply<'_, std::result::Result<(), Error>> {
        Box::pin(async move {
            // Either answer means that the row is there.
            self.writer.submit(Write::Begin(new)).await.map(|_| ())
        })
    }

    fn due(
        &self,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, std::result::Result<Vec<RelayRow>, Error>> {
        Box::pin(self.readers.read("relay", move |database| {
            let sql = format!(
                "SELECT {COLUMNS} FROM relays WHERE due_at <= ?1 ORDER BY due_at, submission_id LIMIT ?2"
            );
            let mut statement = database.prepare_cached(&sql)?;
            let rows = statement.query_map(params![now.as_millis(), max], read)?;
            rows.collect()
        }))
    }

    fn swap(&self, row: RelayRow) -> Reply<'_, std::result::Result<Swapped, Error>> {
        Box::pin(self.writer.submit(Write::Swap(row)))
    }

    fn relay(
        &self,
        submission_id: SubmissionId,
    ) -> Reply<'_, std::result::Result<Option<RelayRow>, Error>> {
        Box::pin(self.readers.read("relay", move |database| {
            let sql = format!("SELECT {COLUMNS} FROM relays WHERE submission_id = ?1");
            let mut statement = database.prepare_cached(&sql)?;
            let row = statement.query_row([submission_id.uuid().into_bytes()], read);
            row.optional()
        }))
    }
}
