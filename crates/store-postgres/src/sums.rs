//! Sums for rows that were written before there were any.
//!
//! Every row has a sum over its columns, written by triggers of the tables (`schema/*-sums.sql`) for sessions of this program, whatever its
//! version: what others write keeps the sum it had, or gets none. Rows that are older than the triggers get theirs here, a few
//! at a time, beside whoever works; until that is done, a row without a sum is taken as it is.

use std::time::Duration;

use amtsbote_store::Error;
use tokio::time::{sleep, timeout};

use crate::database::{ANSWER_MAX, Database, settled};
use crate::fault::{Cause, Fault};
use crate::migrations::Part;

/// Pages of a table at a time: what one statement hashes stays far below its time limit.
const PAGES: i64 = 16;
/// Between two steps: those who serve come first.
const PAUSE: Duration = Duration::from_millis(10);
/// Until what somebody held is looked at again.
const AGAIN: Duration = Duration::from_secs(1);
/// After something went wrong.
const RETRY: Duration = Duration::from_secs(30);

/// What a column of `table` says of its row, as SQL: whether it is as it was written.
pub(crate) fn is_whole(table: &str) -> String {
    format!("is_whole('{table}', \"{table}\".sum, to_jsonb(\"{table}\"))")
}

/// Goes on until every row of the part has its sum.
pub(crate) async fn complete(database: Database, part: &'static Part) {
    loop {
        match all(&database, part).await {
            Ok(0) => return,
            Ok(rows) => {
                tracing::info!("{rows} rows in {} have got their sums", part.schema);
                sleep(AGAIN).await;
            }
            Err(error) => {
                tracing::warn!(reason = %error, "rows in {} do not get their sums now: {error}", part.schema);
                sleep(RETRY).await;
            }
        }
    }
}

/// How many rows got one; 0: there is nothing left to do, now or ever.
async fn all(database: &Database, part: &Part) -> Result<u64, Error> {
    if ask(database, "SELECT count(*) FROM sums".into()).await? > 0 {
        return Ok(0);
    }
    let mut given = 0;
    for (table, _) in part.summed {
        let pages =
            format!("SELECT pg_relation_size('{table}') / current_setting('block_size')::bigint");
        let pages = ask(database, pages).await?;
        for from in (0..=pages).step_by(usize::try_from(PAGES).unwrap_or(1)) {
            // Rows that somebody is just writing to are passed over, not waited for: so nobody waits for us in a ring.
            let sql = format!(
                "WITH bare AS (SELECT ctid AS place FROM \"{table}\"
                     WHERE ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid AND sum IS NULL FOR NO KEY UPDATE SKIP LOCKED),
                 given AS (UPDATE \"{table}\" SET sum = row_sum('{table}', to_jsonb(\"{table}\"))
                     FROM bare WHERE \"{table}\".ctid = place RETURNING 1)
                 SELECT count(*) FROM given",
                to = from + PAGES
            );
            given += ask(database, sql).await?;
            sleep(PAUSE).await;
        }
    }
    let left: Vec<String> = part
        .summed
        .iter()
        .map(|(table, _)| format!("EXISTS (SELECT 1 FROM \"{table}\" WHERE sum IS NULL)"))
        .collect();
    // Who writes from now on gives a sum: if there is no row without one, there will be none.
    let done = format!(
        "WITH done AS (INSERT INTO sums (since) SELECT now() WHERE NOT ({}) RETURNING 1) SELECT count(*) FROM done",
        left.join(" OR ")
    );
    let connection = database.reader().await?;
    let asked = async {
        let sql = "BEGIN; SET LOCAL statement_timeout = 0";
        connection.batch_execute(sql).await?;
        connection.query_one(&done, &[]).await?;
        Ok(connection.batch_execute("COMMIT").await?)
    };
    let noted = database.while_it_answers(asked).await;
    if noted.is_err() {
        drop(deadpool::managed::Object::take(connection));
    }
    noted.map_err(|fault| fault.about("sum"))?;
    // Looked at once more: what was passed over has its turn then.
    Ok(u64::try_from(given).unwrap_or_default().max(1))
}

/// A statement that gives one number.
async fn ask(database: &Database, sql: String) -> Result<i64, Error> {
    let connection = database.reader().await?;
    let asked = async {
        let row = connection.query_one(&sql, &[]).await?;
        Ok::<i64, Fault>(row.try_get(0)?)
    };
    let asked = timeout(2 * ANSWER_MAX, asked).await;
    settled(asked, connection, "sum")
}

/// What was found of a part's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsExamined {
    /// Rows looked at.
    pub rows: u64,
    /// Rows that are not as they were written: table, and which row (ids and numbers, never content).
    pub altered: Vec<(&'static str, String)>,
    /// Tables that cannot be read to their end, and the server's code for it.
    pub unreadable: Vec<(&'static str, String)>,
    /// Rows of before there were sums, which have none yet: nobody knows whether they are as they were written.
    pub without_sum: u64,
}

/// Looks at each row of the part's tables, in the transaction that is open.
pub(crate) async fn examine(
    client: &tokio_postgres::Client,
    part: &Part,
) -> Result<RowsExamined, Fault> {
    let mut examined = RowsExamined::default();
    for (table, name) in part.summed {
        client.batch_execute("SAVEPOINT looked_at").await?;
        match look_at(client, (table, name), &mut examined).await {
            Ok(()) => client.batch_execute("RELEASE looked_at").await?,
            // A page that does not read is a finding, and says nothing of the other tables.
            Err(fault) if fault.cause() == Cause::Values => {
                examined.unreadable.push((table, fault.to_string()));
                client.batch_execute("ROLLBACK TO looked_at").await?;
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(examined)
}

async fn look_at(
    client: &tokio_postgres::Client,
    (table, name): (&'static str, &str),
    examined: &mut RowsExamined,
) -> Result<(), Fault> {
    let whole = is_whole(table);
    // By the rows themselves, not by copies of their columns in an index.
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE sum IS NULL AND {whole}) FROM \"{table}\""
    );
    let row = client.query_one(&sql, &[]).await?;
    let count =
        |at| Ok::<u64, Fault>(u64::try_from(row.try_get::<_, i64>(at)?).unwrap_or_default());
    examined.rows += count(0)?;
    examined.without_sum += count(1)?;
    let follows = if GENERATED.contains(&table) {
        "OR listed_at IS DISTINCT FROM coalesce(submitted_at, created_at)"
    } else {
        ""
    };
    let sql = format!("SELECT {name} FROM \"{table}\" WHERE NOT {whole} {follows}");
    for row in client.query(&sql, &[]).await? {
        examined.altered.push((table, row.try_get(0)?));
    }
    Ok(())
}

/// With a column that follows from others, which the sum leaves out.
const GENERATED: [&str; 2] = ["submissions", "replies"];
