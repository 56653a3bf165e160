//! The tables, brought forward on a running database.
//!
//! Each part of the program has a schema of its own with a table of the migrations it has seen. Several processes may start
//! at once: the first one migrates, the others wait for it. Older processes may be at work meanwhile: each migration says
//! whether they may go on ([`Older`]).

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::OpenError;
use crate::fault::reason;

/// Whether processes that do not know a migration may use the tables after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Older {
    /// They may: it only adds what they need not know (nullable or defaulted columns, tables, indexes).
    MayGoOn,
    /// They must not: new connections of theirs are refused, so that they stop working.
    MustStop,
}

/// A step from one version to the next. What is released is never changed.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) sql: &'static str,
    pub(crate) older: Older,
}

/// The tables of one part of the program.
#[derive(Debug)]
pub(crate) struct Part {
    /// The schema they are in.
    pub(crate) schema: &'static str,
    /// `migrations[n]` leads from version n to n + 1.
    pub(crate) migrations: &'static [Migration],
    /// Tables whose rows have sums, and what names a row of each for people, as SQL: ids and numbers. Texts may be what others have chosen, and
    /// are not told.
    pub(crate) summed: &'static [(&'static str, &'static str)],
}

impl Part {
    /// The version this program knows.
    pub(crate) fn version(&self) -> i32 {
        i32::try_from(self.migrations.len()).unwrap_or(i32::MAX)
    }
}

/// The gateway's tables.
pub(crate) const GATEWAY: Part = Part {
    schema: "amtsbote_gateway",
    migrations: &[
        Migration {
            sql: include_str!("schema/gateway-1.sql"),
            older: Older::MayGoOn,
        },
        // Older ones would write events that are never sealed.
        Migration {
            sql: include_str!("schema/gateway-2.sql"),
            older: Older::MustStop,
        },
        // The triggers give sums to what older ones write.
        Migration {
            sql: concat!(
                include_str!("schema/sums.sql"),
                include_str!("schema/gateway-3.sql")
            ),
            older: Older::MayGoOn,
        },
    ],
    summed: &[
        ("destinations", "id::text"),
        ("offers", "destination_id::text"),
        ("keys", "number::text"),
        ("cases", "id::text"),
        ("submissions", "id::text"),
        ("replies", "id::text"),
        ("attachments", "subject_id::text || ' ' || id::text"),
        ("contents", "subject_id::text"),
        ("events", "number::text"),
        ("remembered", "'…'"),
        ("outbox", "number::text"),
        ("mails", "number::text"),
        ("marks", "name"),
        ("blocks", "number::text"),
        ("leaves", "position::text"),
    ],
};

/// The agents' tables.
pub(crate) const AGENT: Part = Part {
    schema: "amtsbote_agent",
    migrations: &[
        Migration {
            sql: include_str!("schema/agent-1.sql"),
            older: Older::MayGoOn,
        },
        // Older ones cannot read a row with a cause they do not know.
        Migration {
            sql: include_str!("schema/agent-2.sql"),
            older: Older::MustStop,
        },
        // The triggers give sums to what older ones write.
        Migration {
            sql: concat!(
                include_str!("schema/sums.sql"),
                include_str!("schema/agent-3.sql")
            ),
            older: Older::MayGoOn,
        },
        // They do not get hold of what they would misunderstand.
        Migration {
            sql: include_str!("schema/agent-4.sql"),
            older: Older::MayGoOn,
        },
    ],
    summed: &[
        ("deliveries", "submission_id::text"),
        ("paces", "destination_id::text"),
        ("ways_back", "submission_id::text"),
        ("way_names", "submission_id::text"),
        ("answers", "submission_id::text"),
        ("interventions", "number::text"),
        ("places", "'…'"),
    ],
};

/// The uplinks' tables.
pub(crate) const UPLINK: Part = Part {
    schema: "amtsbote_uplink",
    migrations: &[
        Migration {
            sql: include_str!("schema/uplink-1.sql"),
            older: Older::MayGoOn,
        },
        // The triggers give sums to what older ones write.
        Migration {
            sql: concat!(
                include_str!("schema/sums.sql"),
                include_str!("schema/uplink-2.sql")
            ),
            older: Older::MayGoOn,
        },
    ],
    summed: &[("relays", "submission_id::text")],
};

/// A version there that this program must not use.
pub(crate) async fn incompatible(
    client: &Client,
    part: &Part,
) -> Result<Option<i32>, tokio_postgres::Error> {
    let table = format!("{}.migrations", part.schema);
    let exists = client
        .query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&table])
        .await?;
    if !exists.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql = format!("SELECT max(version) FROM {table} WHERE version > $1 AND older_must_stop");
    let found = client.query_one(&sql, &[&part.version()]).await?;
    Ok(found.get(0))
}

/// Whether the tables are those of this program; their version if not, 0 if there are none.
pub(crate) async fn other_version(client: &Client, part: &Part) -> Result<Option<i32>, OpenError> {
    let asked = async {
        let table = format!("{}.migrations", part.schema);
        let sql = "SELECT to_regclass($1::text) IS NOT NULL";
        let exists = client.query_one(sql, &[&table]).await?;
        if !exists.get::<_, bool>(0) {
            return Ok(0);
        }
        let sql = format!("SELECT coalesce(max(version), 0) FROM {table}");
        Ok(client.query_one(&sql, &[]).await?.get(0))
    };
    let found: i32 = asked.await.map_err(|error| failed(part, &error))?;
    Ok(Some(found).filter(|found| *found != part.version()))
}

/// Applies what is missing, all of it or nothing.
pub(crate) async fn migrate(client: &Client, part: &Part) -> Result<(), OpenError> {
    let failed = |error: &tokio_postgres::Error| failed(part, error);
    let begin = "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0";
    client.batch_execute(begin).await.map_err(|e| failed(&e))?;
    let done = async {
        // Waits while another process migrates.
        lock(client, part).await.map_err(|e| failed(&e))?;
        apply(client, part, part.version()).await
    };
    let done = done.await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await.map_err(|e| failed(&e));
    done.and(ended)
}

/// Only one changes the tables at a time. Held until the transaction ends.
pub(crate) async fn lock(client: &Client, part: &Part) -> Result<(), tokio_postgres::Error> {
    let lock = "SELECT pg_advisory_xact_lock(hashtext('amtsbote'), hashtext($1))";
    client.execute(lock, &[&part.schema]).await.map(|_| ())
}

/// Brings the tables to a version, inside the caller's transaction and under its [`lock`].
pub(crate) async fn apply(client: &Client, part: &Part, to: i32) -> Result<(), OpenError> {
    let failed = |error: &tokio_postgres::Error| failed(part, error);
    let schema = part.schema;
    let exists = client
        .query_one("SELECT to_regnamespace($1::text) IS NOT NULL", &[&schema])
        .await
        .map_err(|e| failed(&e))?;
    if !exists.get::<_, bool>(0) {
        let sql = format!("CREATE SCHEMA {schema}");
        client.batch_execute(&sql).await.map_err(|e| failed(&e))?;
    }
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {schema}.migrations (
            version         int PRIMARY KEY,
            older_must_stop boolean NOT NULL,
            applied_at      timestamptz NOT NULL DEFAULT now()
        )"
    );
    client.batch_execute(&sql).await.map_err(|e| failed(&e))?;
    let sql = format!("SELECT coalesce(max(version), 0) FROM {schema}.migrations");
    let row = client.query_one(&sql, &[]).await.map_err(|e| failed(&e))?;
    let seen: i32 = row.get(0);
    for (version, migration) in (1_i32..).zip(part.migrations) {
        if version <= seen || version > to {
            continue;
        }
        let broken = |error: &tokio_postgres::Error| {
            if is_passing(error) {
                return failed(error);
            }
            OpenError::Migration {
                schema,
                version,
                reason: reason(error),
            }
        };
        client
            .batch_execute(migration.sql)
            .await
            .map_err(|e| broken(&e))?;
        let sql = format!("INSERT INTO {schema}.migrations VALUES ($1, $2)");
        let must_stop = migration.older == Older::MustStop;
        client
            .execute(&sql, &[&version, &must_stop])
            .await
            .map_err(|e| broken(&e))?;
    }
    Ok(())
}

/// Whether the same statement may work later: the connection broke, or the server was stopped, full, or busy. What it holds against the
/// statement itself stays.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    let class = error.code().and_then(|code| code.code().get(..2));
    // Classes of PostgreSQL's appendix A: connection, rollback, resources, an object in use, a person who stops it, the machine.
    matches!(class, None | Some("08" | "40" | "53" | "55" | "57" | "58"))
}

fn failed(part: &Part, error: &tokio_postgres::Error) -> OpenError {
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let schema = part.schema;
        return OpenError::NotAllowed { schema };
    }
    OpenError::Failed {
        reason: reason(error),
    }
}
