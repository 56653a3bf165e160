//! The gateway's rows as values, read from its database or taken into a new one.

use std::path::Path;

use amtsbote_store::transfer::{Cell, Row, Table, Transfer};
use amtsbote_store::{Error, Reply};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};

use crate::columns::{malformed, read_fault, unaltered, unavailable};
use crate::folder::{self, Lock};
use crate::gateway::SCHEMA;
use crate::{OpenError, database, sums};

/// The gateway's database, held so that no gateway opens it meanwhile.
pub struct SqliteTransfer {
    database: Connection,
    _lock: Lock,
}

impl SqliteTransfer {
    /// The database in the folder, to read from; it is brought to the latest schema. Refused while a gateway has it.
    pub fn open(folder: &Path) -> std::result::Result<Self, OpenError> {
        let path = SCHEMA.file(folder);
        if !path.is_file() {
            return Err(OpenError::Absent { path });
        }
        Self::begin(folder)
    }

    /// A new database in an empty folder, to take rows in.
    pub fn create(folder: &Path) -> std::result::Result<Self, OpenError> {
        folder::prepare(folder)?;
        let path = SCHEMA.file(folder);
        if path.exists() {
            return Err(OpenError::Occupied { path });
        }
        Self::begin(folder)
    }

    fn begin(folder: &Path) -> std::result::Result<Self, OpenError> {
        let lock = folder::lock(&SCHEMA.lock_file(folder))?;
        let path = SCHEMA.file(folder);
        let database = database::open_writer(&path, &SCHEMA)?;
        let begun = database.execute_batch("BEGIN IMMEDIATE");
        begun.map_err(|source| OpenError::Database { path, source })?;
        Ok(Self {
            database,
            _lock: lock,
        })
    }

    fn read(&self, table: &Table, after: Option<Row>) -> Result<Vec<Row>> {
        let name = |(name, _): &(&str, _)| format!("\"{name}\"");
        let columns: Vec<_> = table.columns.iter().map(name).collect();
        let order = |place: &usize| columns[*place].clone();
        let order: Vec<_> = table.order.iter().map(order).collect();
        let (columns, order) = (columns.join(", "), order.join(", "));
        let sum = sums::tables(&self.database)?;
        let sum = sum.iter().find(|known| known.name == table.name);
        let sum = sum.ok_or_else(malformed)?.sum("");
        let rest = if after.is_some() {
            let places: Vec<_> = (1..=table.order.len()).map(|at| format!("?{at}")).collect();
            format!("WHERE ({order}) > ({})", places.join(", "))
        } else {
            String::new()
        };
        let (table_name, page) = (table.name, table.page);
        let sql = format!(
            "SELECT {columns}, sum IS {sum} AS is_right FROM \"{table_name}\" {rest} ORDER BY {order} LIMIT {page}"
        );
        let mut statement = self.database.prepare_cached(&sql)?;
        let key = after.unwrap_or_default().into_iter().map(value);
        let rows = statement.query_map(params_from_iter(key), |row| {
            unaltered(row)?;
            (0..table.columns.len())
                .map(|at| cell(row.get(at)?))
                .collect()
        })?;
        rows.collect()
    }

    fn write(&self, table: &Table, rows: Vec<Row>) -> Result<()> {
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|(n, _)| format!("\"{n}\""))
            .collect();
        let places: Vec<_> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
        let sql = format!(
            "INSERT INTO \"{}\" ({}) VALUES ({})",
            table.name,
            columns.join(", "),
            places.join(", ")
        );
        let mut statement = self.database.prepare_cached(&sql)?;
        for row in rows {
            statement.execute(params_from_iter(row.into_iter().map(value)))?;
        }
        Ok(())
    }
}

/// Here events are numbered as they are sealed, and what is not sealed comes behind them: elsewhere numbers may have become visible
/// in another order. Their order within a case stays. Through negative numbers, so that no two are the same on the way; numbers of
/// sealed events that are gone are not given again.
const NUMBERED: &str = "
    UPDATE events SET number = CASE
        WHEN EXISTS (SELECT 1 FROM leaves WHERE event_id = events.id)
            THEN -1 - (SELECT position FROM leaves WHERE event_id = events.id)
        ELSE -(SELECT count(*) FROM leaves) - number END;
    UPDATE events SET number = -number;
    UPDATE leaves SET event_number = -1 - position;
    UPDATE leaves SET event_number = -event_number;
    DELETE FROM sqlite_sequence WHERE name = 'events';
    INSERT INTO sqlite_sequence (name, seq)
        SELECT 'events', max((SELECT count(*) FROM leaves), (SELECT coalesce(max(number), 0) FROM events));
    COMMIT;";

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Number(number) => Value::Integer(number),
        Cell::Text(text) => Value::Text(text),
        Cell::Bytes(bytes) => Value::Blob(bytes),
    }
}

fn cell(value: Value) -> Result<Cell> {
    Ok(match value {
        Value::Null => Cell::Null,
        Value::Integer(number) => Cell::Number(number),
        Value::Text(text) => Cell::Text(text),
        Value::Blob(bytes) => Cell::Bytes(bytes),
        Value::Real(_) => return Err(malformed()),
    })
}

impl Transfer for SqliteTransfer {
    fn rows<'a>(
        &'a mut self,
        table: &'static Table,
        after: Option<Row>,
    ) -> Reply<'a, std::result::Result<Vec<Row>, Error>> {
        Box::pin(async move {
            let read = self.read(table, after);
            read.map_err(|error| read_fault(table.name, &error))
        })
    }

    fn take<'a>(
        &'a mut self,
        table: &'static Table,
        rows: Vec<Row>,
    ) -> Reply<'a, std::result::Result<(), Error>> {
        Box::pin(async move {
            let written = self.write(table, rows);
            written.map_err(|error| unavailable(&error))
        })
    }

    fn finish(self: Box<Self>) -> Reply<'static, std::result::Result<(), Error>> {
        Box::pin(async move {
            let finished = self.database.execute_batch(NUMBERED);
            finished.map_err(|error| unavailable(&error))
        })
    }
}
