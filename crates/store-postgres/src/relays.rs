//! The uplinks' store: [`PostgresRelays`].
//!
//! Several gateways have it open, and the one on duty works. One that was stopped for a while and goes on without noticing finds
//! its swap stale: the revision is the fencing token, as at the agents.

use amtsbote_model::relay::Relay;
use amtsbote_model::{SubmissionId, Timestamp};
use amtsbote_store::{Error, NewRelay, RelayRow, Relays, Reply, Swapped};
use tokio_postgres::Row;

use crate::agent::{rows, run};
use crate::database::Database;
use crate::fault::Fault;
use crate::migrations::UPLINK;
use crate::{OpenError, RowsExamined, Target};

use rows::{Read, Values, execute};

const KIND: &str = "relay";
const COLUMNS: &str = "submission_id, uplink, body, log, revision";

/// The relays of one gateway, or of several that share the work, in a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresRelays {
    database: Database,
}

impl PostgresRelays {
    /// Connects, and brings the tables forward. Needs a tokio runtime.
    pub async fn open(target: &Target) -> Result<Self, OpenError> {
        let database = Database::open(target, &UPLINK, "amtsbote gateway").await?;
        Ok(Self { database })
    }

    /// Connects beside gateways that run, for an operator's commands. Makes and migrates nothing; tables of another version than
    /// this program's are refused.
    pub async fn open_as_guest(target: &Target) -> Result<Self, OpenError> {
        let database = Database::join(target, &UPLINK, "amtsbote incident").await?;
        Ok(Self { database })
    }

    /// Looks at the sum of each row, at one moment. Reads only.
    pub async fn examine(&self) -> Result<RowsExamined, Error> {
        self.database.examine(&UPLINK).await
    }
}

fn json(value: &impl serde::Serialize) -> Read<String> {
    serde_json::to_string(value).map_err(|_| Fault::Malformed)
}

fn read(row: &Row) -> Read<RelayRow> {
    let text = |column: &str| row.try_get::<_, String>(column);
    let revision: i64 = row.try_get("revision")?;
    Ok(RelayRow {
        submission_id: SubmissionId::from_uuid(row.try_get("submission_id")?),
        uplink: text("uplink")?,
        relay: serde_json::from_str(&text("body")?).map_err(|_| Fault::Malformed)?,
        log: serde_json::from_str(&text("log")?).map_err(|_| Fault::Malformed)?,
        revision: u64::try_from(revision).map_err(|_| Fault::Malformed)?,
    })
}

async fn begin(client: &impl rows::Statements, new: &NewRelay) -> Read<()> {
    let sql =
        "INSERT INTO relays (submission_id, uplink, noted_at, state, due_at, body, log, revision)
         VALUES ($1, $2, $3, $4, $5, $6, '[]', 1) ON CONFLICT DO NOTHING";
    let relay = Relay::due(new.at);
    let values: Values<'_> = &[
        &new.submission_id.uuid(),
        &new.uplink,
        &new.at.as_millis(),
        &relay.name(),
        &relay.due_at().map(Timestamp::as_millis),
        &json(&relay)?,
    ];
    execute(client, sql, values).await.map(|_| ())
}

async fn swap(client: &impl rows::Statements, row: &RelayRow) -> Read<Swapped> {
    // No row has a revision that PostgreSQL cannot count to.
    let Ok(revision) = i64::try_from(row.revision) else {
        return Ok(Swapped::Stale);
    };
    let sql =
        "UPDATE relays SET state = $3, due_at = $4, body = $5, log = $6, revision = revision + 1
         WHERE submission_id = $1 AND revision = $2";
    let values: Values<'_> = &[
        &row.submission_id.uuid(),
        &revision,
        &row.relay.name(),
        &row.relay.due_at().map(Timestamp::as_millis),
        &json(&row.relay)?,
        &json(&row.log)?,
    ];
    Ok(match execute(client, sql, values).await? {
        0 => Swapped::Stale,
        _ => Swapped::Done,
    })
}

impl Relays for PostgresRelays {
    fn begin(&self, new: NewRelay) -> Reply<'_, Result<(), Error>> {
        run!(self, KIND, connection => begin(&**connection, &new))
    }

    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<RelayRow>, Error>> {
        run!(self, KIND, connection => async {
            let sql = format!(
                "SELECT {COLUMNS} FROM relays WHERE due_at <= $1 ORDER BY due_at, submission_id LIMIT $2"
            );
            let values: Values<'_> = &[&now.as_millis(), &i64::from(max)];
            rows::all(&rows::rows(&**connection, &sql, values).await?, read)
        })
    }

    fn swap(&self, row: RelayRow) -> Reply<'_, Result<Swapped, Error>> {
        run!(self, KIND, connection => swap(&**connection, &row))
    }

    fn relay(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<RelayRow>, Error>> {
        run!(self, KIND, connection => async {
            let sql = format!("SELECT {COLUMNS} FROM relays WHERE submission_id = $1");
            let found = rows::rows(&**connection, &sql, &[&submission_id.uuid()]).await?;
            found.first().map(read).transpose()
        })
    }
}
