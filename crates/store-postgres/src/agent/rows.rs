//! From columns to rows of the agents.

use amtsbote_model::delivery::{Cause, Delivery};
use amtsbote_model::{CaseId, DestinationId, ReplyId, SubmissionId, Timestamp};
use amtsbote_store::{AnswerRow, AnswerState, DeliveryRow, Failing, Intervention, Tally, WayBack};
use deadpool_postgres::{ClientWrapper, Transaction};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::fault::Fault;

pub(crate) type Read<T> = Result<T, Fault>;
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The columns that [`delivery`] needs.
pub(super) const DELIVERY: &str =
    "submission_id, case_id, destination_id, noted_at, due_at, body, revision";
/// The columns that [`answer`] needs.
pub(super) const ANSWER: &str =
    "key, submission_id, what, sealed, state, reply_id, tries, at, revision, cause, failing_since";
/// The columns that [`way`] needs.
pub(super) const WAY: &str = "submission_id, case_id, destination_id, package, channel, noted_at";

/// A number as PostgreSQL counts; numbers past its end stay at the end.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn json(delivery: &Delivery) -> Read<String> {
    serde_json::to_string(delivery).map_err(|_| Fault::Malformed)
}

/// A connection, or a transaction on it.
pub(crate) trait Statements: Sync {
    fn query<'a>(
        &'a self,
        sql: &'a str,
        values: Values<'a>,
    ) -> impl Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + Send + 'a;

    fn run<'a>(
        &'a self,
        sql: &'a str,
        values: Values<'a>,
    ) -> impl Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a;
}

macro_rules! statements {
    ($client:ty) => {
        impl Statements for $client {
            async fn query<'a>(
                &'a self,
                sql: &'a str,
                values: Values<'a>,
            ) -> Result<Vec<Row>, tokio_postgres::Error> {
                let statement = self.prepare_cached(sql).await?;
                (**self).query(&statement, values).await
            }

            async fn run<'a>(
                &'a self,
                sql: &'a str,
                values: Values<'a>,
            ) -> Result<u64, tokio_postgres::Error> {
                let statement = self.prepare_cached(sql).await?;
                (**self).execute(&statement, values).await
            }
        }
    };
}

statements!(ClientWrapper);
statements!(Transaction<'_>);

pub(crate) async fn rows(
    client: &impl Statements,
    sql: &str,
    values: Values<'_>,
) -> Read<Vec<Row>> {
    Ok(client.query(sql, values).await?)
}

/// How many rows it changed.
pub(crate) async fn execute(client: &impl Statements, sql: &str, values: Values<'_>) -> Read<u64> {
    Ok(client.run(sql, values).await?)
}

/// Reads each row.
pub(crate) fn all<T>(found: &[Row], read: fn(&Row) -> Read<T>) -> Read<Vec<T>> {
    found.iter().map(read).collect()
}

pub(super) fn moment(row: &Row, column: &str) -> Read<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn moment_if_any(row: &Row, column: &str) -> Read<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

fn unsigned<T: TryFrom<i64>>(row: &Row, column: &str) -> Read<T> {
    T::try_from(row.try_get(column)?).map_err(|_| Fault::Malformed)
}

pub(super) fn submission_id(row: &Row) -> Read<SubmissionId> {
    Ok(SubmissionId::from_uuid(row.try_get("submission_id")?))
}

fn case_id(row: &Row) -> Read<CaseId> {
    Ok(CaseId::from_uuid(row.try_get("case_id")?))
}

fn destination_id(row: &Row) -> Read<DestinationId> {
    Ok(DestinationId::from_uuid(row.try_get("destination_id")?))
}

fn cause(row: &Row) -> Read<Option<Cause>> {
    let name: Option<&str> = row.try_get("cause")?;
    let named = |name| Cause::named(name).ok_or(Fault::Malformed);
    name.map(named).transpose()
}

pub(super) fn delivery(row: &Row) -> Read<DeliveryRow> {
    let body: &str = row.try_get("body")?;
    let delivery: Delivery = serde_json::from_str(body).map_err(|_| Fault::Malformed)?;
    // A renewal moves the end of the lease in its column alone.
    let delivery = match moment_if_any(row, "due_at")? {
        Some(end) if delivery.is_held() => delivery.renewed(end),
        Some(_) | None => delivery,
    };
    Ok(DeliveryRow {
        submission_id: submission_id(row)?,
        case_id: case_id(row)?,
        destination_id: destination_id(row)?,
        noted_at: moment(row, "noted_at")?,
        delivery,
        revision: unsigned(row, "revision")?,
    })
}

pub(super) fn tally(row: &Row) -> Read<Tally> {
    Ok(Tally {
        destination_id: destination_id(row)?,
        state: row.try_get("state")?,
        cause: cause(row)?,
        count: unsigned(row, "count")?,
        oldest: moment(row, "oldest")?,
        first_seen: moment_if_any(row, "first_seen")?,
        last_seen: moment_if_any(row, "last_seen")?,
    })
}

pub(super) fn way(row: &Row) -> Read<WayBack> {
    Ok(WayBack {
        submission_id: submission_id(row)?,
        case_id: case_id(row)?,
        destination_id: destination_id(row)?,
        package: row.try_get("package")?,
        channel: row.try_get("channel")?,
        at: moment(row, "noted_at")?,
    })
}

pub(super) fn answer(row: &Row) -> Read<AnswerRow> {
    let reply_id: Option<uuid::Uuid> = row.try_get("reply_id")?;
    let state: &str = row.try_get("state")?;
    let state = match (state, reply_id.map(ReplyId::from_uuid)) {
        ("sealed", None) => AnswerState::Sealed,
        ("announced", Some(id)) => AnswerState::Announced(id),
        ("sent", Some(id)) => AnswerState::Sent(id),
        ("kept", None) => AnswerState::Kept,
        ("parked", id) => AnswerState::Parked(id),
        _ => return Err(Fault::Malformed),
    };
    let failing = match (cause(row)?, moment_if_any(row, "failing_since")?) {
        (Some(cause), Some(since)) => Some(Failing { cause, since }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(Fault::Malformed),
    };
    Ok(AnswerRow {
        key: row.try_get("key")?,
        submission_id: submission_id(row)?,
        what: row.try_get("what")?,
        sealed: row.try_get("sealed")?,
        state,
        tries: unsigned(row, "tries")?,
        failing,
        at: moment(row, "at")?,
        revision: unsigned(row, "revision")?,
    })
}

pub(super) fn intervention(row: &Row) -> Read<Intervention> {
    Ok(Intervention {
        at: moment(row, "at")?,
        who: row.try_get("who")?,
        command: row.try_get("command")?,
        reason: row.try_get("reason")?,
        submission_id: submission_id(row)?,
        answer: row.try_get("answer")?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
    })
}
