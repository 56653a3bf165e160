//! The agent's store: [`SqliteDeliveries`].

use std::path::Path;

use amtsbote_model::delivery::{Cause, Delivery};
use amtsbote_model::{CaseId, DestinationId, SubmissionId, Timestamp, WorkerId};
use amtsbote_store::{
    Claim, Claimed, Deliveries, DeliveryRow, Error, NewDelivery, Reply, Sharing, Swapped, Tally,
};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::OpenError;
use crate::claims;
use crate::columns::{execute, first, id, malformed, moment, moment_if_any, unsigned};
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
        include_str!("schema/agent-4.sql"),
        include_str!("schema/agent-5.sql"),
        include_str!("schema/agent-6.sql"),
    ],
    summed_from: 5,
};

const COLUMNS: &str = "submission_id, case_id, destination_id, noted_at, due_at, body, revision";

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
    Claim(Box<Claim>),
    Renew {
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    },
    Swap {
        id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    },
    Back(BackWrite),
    ByHand(Box<DeskWrite>),
}

/// What a write answers.
#[derive(Clone)]
pub(crate) enum Written {
    Swapped(Swapped),
    Claimed(Claimed),
    /// What could not be renewed.
    Lost(Vec<SubmissionId>),
}

impl Written {
    /// Of everything but claims and renewals.
    pub(crate) fn swapped(self) -> Swapped {
        match self {
            Self::Swapped(answer) => answer,
            Self::Claimed(_) | Self::Lost(_) => Swapped::Done,
        }
    }
}

impl Job for Write {
    type Answer = Written;

    fn run(self, database: &Connection) -> Result<Outcome<Written>> {
        match self {
            Self::Note(new) => {
                for new in new {
                    note(database, &new)?;
                }
                Ok(Outcome::Keep(Written::Swapped(Swapped::Done)))
            }
            Self::Claim(claim) => claims::claim(database, &claim)
                .map(|claimed| Outcome::Keep(Written::Claimed(claimed))),
            Self::Renew { by, ids, until } => claims::renew(database, by, &ids, until)
                .map(|lost| Outcome::Keep(Written::Lost(lost))),
            Self::Swap {
                id,
                revision,
                delivery,
            } => swap(database, id, revision, &delivery)
                .map(|answer| Outcome::Keep(Written::Swapped(answer))),
            Self::Back(write) => write
                .run(database)
                .map(|answer| Outcome::Keep(Written::Swapped(answer))),
            Self::ByHand(write) => write
                .run(database)
                .map(|answer| Outcome::Keep(Written::Swapped(answer))),
        }
    }

    fn erases(&self) -> bool {
        false
    }
}

fn json(delivery: &Delivery) -> Result<String> {
    serde_json::to_string(delivery).map_err(|_| malformed())
}

/// The place of the last that is open.
pub(crate) const LAST_NOTED: &str = "SELECT noted_at FROM deliveries WHERE destination_id = ?1
     AND state IN ('waiting', 'leased') ORDER BY noted_at DESC, submission_id DESC LIMIT 1";

fn note(database: &Connection, new: &NewDelivery) -> Result<()> {
    let delivery = Delivery::due(new.at);
    let destination = new.destination_id.uuid().into_bytes();
    let last: Option<i64> = first(database, LAST_NOTED, params![destination])?;
    let at = new.at.as_millis();
    let place = last.map_or(at, |last| at.max(last.saturating_add(1)));
    execute(
        database,
        "INSERT INTO deliveries (submission_id, case_id, destination_id, noted_at, state, due_at, body, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT DO NOTHING",
        params![
            new.submission_id.uuid().into_bytes(),
            new.case_id.uuid().into_bytes(),
            destination,
            place,
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
) -> Result<Swapped> {
    // While the holder stays the same, its lease is never shortened: what it read may be older than its renewal.
    let due = "CASE WHEN held_by = ?5 THEN max(due_at, ?4) ELSE ?4 END";
    Ok(if set(database, due, (id, revision), delivery)? == 1 {
        Swapped::Done
    } else {
        Swapped::Stale
    })
}

/// Stores `delivery` if the row's revision is still `revision`; how many rows that were.
pub(crate) fn set(
    database: &Connection,
    due: &str,
    (id, revision): (SubmissionId, u64),
    delivery: &Delivery,
) -> Result<usize> {
    // No row has a revision that SQLite cannot count to.
    let Ok(revision) = i64::try_from(revision) else {
        return Ok(0);
    };
    let trouble = delivery.trouble();
    execute(
        database,
        &format!(
            "UPDATE deliveries SET state = ?3, due_at = {due}, held_by = ?5, suspect = ?6,
                 cause = ?7, failing_since = ?8, failed_at = ?9, body = ?10, revision = revision + 1
             WHERE submission_id = ?1 AND revision = ?2"
        ),
        params![
            id.uuid().into_bytes(),
            revision,
            delivery.name(),
            delivery.due_at().map(Timestamp::as_millis),
            delivery.held_by().map(|by| by.uuid().into_bytes()),
            delivery.is_suspect(),
            trouble.map(|trouble| trouble.cause.name()),
            trouble.map(|trouble| trouble.since.as_millis()),
            trouble.map(|trouble| trouble.last.as_millis()),
            json(delivery)?,
        ],
    )
}

fn read(row: &Row<'_>) -> Result<DeliveryRow> {
    let body: String = row.get("body")?;
    let delivery: Delivery = serde_json::from_str(&body).map_err(|_| malformed())?;
    // A renewal moves the end of the lease in its column alone.
    let delivery = match moment_if_any(row, "due_at")? {
        Some(end) if delivery.is_held() => delivery.renewed(end),
        Some(_) | None => delivery,
    };
    Ok(DeliveryRow {
        submission_id: id(row, "submission_id", SubmissionId::from_uuid)?,
        case_id: id(row, "case_id", CaseId::from_uuid)?,
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        noted_at: moment(row, "noted_at")?,
        delivery,
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

fn read_tally(row: &Row<'_>) -> Result<Tally> {
    let cause: Option<String> = row.get("cause")?;
    let named = |name: String| Cause::named(&name).ok_or_else(malformed);
    Ok(Tally {
        destination_id: id(row, "destination_id", DestinationId::from_uuid)?,
        state: row.get("state")?,
        cause: cause.map(named).transpose()?,
        count: unsigned(row, "count")?,
        oldest: moment(row, "oldest")?,
        first_seen: moment_if_any(row, "first_seen")?,
        last_seen: moment_if_any(row, "last_seen")?,
    })
}

/// A range of the index `deliveries_due_at`.
pub(crate) const POSTPONED: &str =
    "destination_id = ?1 AND state = ?2 AND suspect = 0 AND due_at > ?3 AND held_by IS NULL
     ORDER BY due_at, submission_id LIMIT ?4";

pub(crate) const TALLY: &str =
    "SELECT destination_id, state, cause, count(*) AS count, min(noted_at) AS oldest,
     min(failing_since) AS first_seen, max(failed_at) AS last_seen
     FROM deliveries WHERE state <> 'done'
     GROUP BY destination_id, state, cause ORDER BY destination_id, state, cause";

impl Deliveries for SqliteDeliveries {
    fn sharing(&self) -> Sharing {
        // The lock file says so. Guests change rows by hand and hold none.
        Sharing::Sole
    }

    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, std::result::Result<(), Error>> {
        Box::pin(async move {
            // Either answer means that the rows are there.
            self.writer.submit(Write::Note(new)).await.map(|_| ())
        })
    }

    fn claim(&self, claim: Claim) -> Reply<'_, std::result::Result<Claimed, Error>> {
        Box::pin(async move {
            match self.writer.submit(Write::Claim(Box::new(claim))).await? {
                Written::Claimed(claimed) => Ok(claimed),
                Written::Swapped(_) | Written::Lost(_) => Ok(Claimed::default()),
            }
        })
    }

    fn renew(
        &self,
        by: WorkerId,
        ids: Vec<SubmissionId>,
        until: Timestamp,
    ) -> Reply<'_, std::result::Result<Vec<SubmissionId>, Error>> {
        Box::pin(async move {
            match self.writer.submit(Write::Renew { by, ids, until }).await? {
                Written::Lost(lost) => Ok(lost),
                Written::Swapped(_) | Written::Claimed(_) => Ok(Vec::new()),
            }
        })
    }

    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, std::result::Result<Swapped, Error>> {
        Box::pin(async move {
            let swap = Write::Swap {
                id: submission_id,
                revision,
                delivery,
            };
            Ok(self.writer.submit(swap).await?.swapped())
        })
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

    fn postponed(
        &self,
        destination_id: DestinationId,
        now: Timestamp,
        max: u32,
    ) -> Reply<'_, std::result::Result<Vec<DeliveryRow>, Error>> {
        Box::pin(self.readers.read("delivery", move |database| {
            let of = |state: &str| {
                let destination = destination_id.uuid().into_bytes();
                let values = params![destination, state, now.as_millis(), max];
                select(database, POSTPONED, values)
            };
            Ok([of("decided")?, of("waiting")?].concat())
        }))
    }

    fn tally(&self) -> Reply<'_, std::result::Result<Vec<Tally>, Error>> {
        Box::pin(self.readers.read("delivery", |database| {
            let mut statement = database.prepare_cached(TALLY)?;
            let rows = statement.query_map([], read_tally)?;
            rows.collect()
        }))
    }
}
