//! From columns to values and back, and from SQLite's errors to the store's.

use std::str::FromStr;
use std::time::Duration;

use amtsbote_model::Timestamp;
use amtsbote_store::{Error, Page};
use rusqlite::types::{FromSql, Type};
use rusqlite::{ErrorCode, Row};
use uuid::Uuid;

/// The column does not hold what it must.
#[derive(Debug, thiserror::Error)]
#[error("not of the expected form")]
struct Malformed;

/// The row is not the one that was written: its sum differs.
#[derive(Debug, thiserror::Error)]
#[error("not as it was written")]
struct Altered;

/// Refuses a row whose column `is_right` says that its sum differs.
pub(crate) fn unaltered(row: &Row<'_>) -> rusqlite::Result<()> {
    if row.get("is_right")? {
        return Ok(());
    }
    Err(rusqlite::Error::FromSqlConversionFailure(
        0,
        Type::Null,
        Box::new(Altered),
    ))
}

fn is_altered(error: &rusqlite::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(<dyn std::error::Error>::is::<Altered>)
}

/// The error of a column whose value does not parse.
pub(crate) fn malformed() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, Box::new(Malformed))
}

/// An id: 16 bytes.
pub(crate) fn id<T>(row: &Row<'_>, column: &str, make: fn(Uuid) -> T) -> rusqlite::Result<T> {
    row.get(column)
        .map(|bytes: [u8; 16]| make(Uuid::from_bytes(bytes)))
}

/// Text that parses.
pub(crate) fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    parse(row.get_ref(column)?.as_str().map_err(|_| malformed())?)
}

/// Text that parses, or null.
pub(crate) fn parsed_if_any<T: FromStr>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.as_deref().map(parse).transpose()
}

fn parse<T: FromStr>(text: &str) -> rusqlite::Result<T> {
    text.parse().map_err(|_| malformed())
}

/// A number that is not negative.
pub(crate) fn unsigned<T: TryFrom<i64>>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    T::try_from(row.get(column)?).map_err(|_| malformed())
}

/// A moment.
pub(crate) fn moment(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// A moment, or null.
pub(crate) fn moment_if_any(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

/// A number as SQLite counts; numbers past its end stay at the end.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `LIMIT` and `OFFSET`.
pub(crate) fn bounds(page: Page) -> (i64, i64) {
    (i64::from(page.limit), signed(page.offset))
}

/// The first column of the first row, if there is a row.
pub(crate) fn first<T: FromSql>(
    database: &rusqlite::Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Option<T>> {
    use rusqlite::OptionalExtension as _;
    let mut statement = database.prepare_cached(sql)?;
    statement.query_row(parameters, |row| row.get(0)).optional()
}

/// Changes rows; how many.
pub(crate) fn execute(
    database: &rusqlite::Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<usize> {
    database.prepare_cached(sql)?.execute(parameters)
}

/// SQLite's own words for a code. Never its message, which may hold values.
pub(crate) fn sqlite_reason(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(error) => format!(
            "SQLite: {}",
            rusqlite::ffi::code_to_str(error.extended_code)
        ),
        None if is_altered(error) => "its bytes are not those that were written".into(),
        None => "a column is not of the expected form".into(),
    }
}

/// The error of a read.
pub(crate) fn read_fault(kind: &'static str, error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
            let reason = sqlite_reason(error);
            tracing::error!(
                record.kind = kind,
                reason = %reason,
                "a stored {kind} is damaged and is not given away: run `amtsbote verify`, then restore it from a backup ({reason})"
            );
            unreadable(kind, error)
        }
        Some(_) => unavailable(error),
    }
}

/// The database cannot be used now.
pub(crate) fn unavailable(error: &rusqlite::Error) -> Error {
    let passes = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    ) || is_failed_write(error);
    Error::Unavailable {
        reason: sqlite_reason(error),
        retry_after: passes.then_some(Duration::from_secs(10)),
    }
}

/// A write that the system refused: a quota, for example.
pub(crate) fn is_failed_write(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE)
}

/// A row is not as it must be.
pub(crate) fn unreadable(kind: &'static str, error: &rusqlite::Error) -> Error {
    Error::Unreadable {
        kind,
        reason: sqlite_reason(error),
    }
}
