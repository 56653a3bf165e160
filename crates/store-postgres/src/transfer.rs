//! The gateway's rows as values, read from its tables or taken into empty ones, each in one transaction.

use amtsbote_store::transfer::{Cell, Kind, Row, TABLES, Table, Transfer};
use amtsbote_store::{Error, Reply};
use deadpool::managed::Object;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::database::{Connection, Database};
use crate::fault::Fault;
use crate::gateway::changes::Value;
use crate::gateway::rows::unaltered;
use crate::migrations::GATEWAY;
use crate::sums::is_whole;
use crate::{OpenError, Target};

/// Attachments are copied meanwhile, which may take hours.
const UNBOUND: &str =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
/// Rows of one statement.
const STEP: usize = 50;

/// The gateway's tables, held so that no gateway joins meanwhile. Dropped before the end, nothing is changed.
pub struct PostgresTransfer {
    database: Database,
    connection: Option<Connection>,
}

/// Why a transfer does not begin.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It does not answer.
    #[error(transparent)]
    Store(#[from] Error),
    /// Gateways run over it.
    #[error(
        "a gateway runs over this database: stop all of them first (if it was killed, wait five seconds)"
    )]
    InUse,
    /// There is something in it already.
    #[error("the target's table {0} is not empty: give the move an empty database")]
    Occupied(&'static str),
}

impl PostgresTransfer {
    /// To read from. Rows are those of one moment.
    pub async fn source(target: &Target) -> Result<Self, NotBegun> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE gateways IN SHARE ROW EXCLUSIVE MODE";
        Self::begin(target, begin).await
    }

    /// To take rows in; must be empty.
    pub async fn target(target: &Target) -> Result<Self, NotBegun> {
        let begin = "BEGIN; LOCK TABLE gateways IN ACCESS EXCLUSIVE MODE";
        let transfer = Self::begin(target, begin).await?;
        for table in TABLES {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{}\")", table.name);
            if transfer.tells(&sql).await? {
                return Err(NotBegun::Occupied(table.name));
            }
        }
        Ok(transfer)
    }

    async fn begin(target: &Target, begin: &str) -> Result<Self, NotBegun> {
        let database = Database::open(target, &GATEWAY, "amtsbote move").await?;
        let connection = database.reader().await?;
        let transfer = Self {
            database,
            connection: Some(connection),
        };
        transfer.run(&format!("{begin}; {UNBOUND}")).await?;
        let sql = "SELECT EXISTS (SELECT 1 FROM gateways WHERE until > clock_timestamp())";
        if transfer.tells(sql).await? {
            return Err(NotBegun::InUse);
        }
        Ok(transfer)
    }

    async fn tells(&self, sql: &str) -> Result<bool, Error> {
        let client = self.client()?;
        let asked = async { Ok(client.query_one(sql, &[]).await?.try_get(0)?) };
        self.patiently(asked, "row").await
    }

    async fn run(&self, sql: &str) -> Result<(), Error> {
        let client = self.client()?;
        let run = async { Ok(client.batch_execute(sql).await?) };
        self.patiently(run, "row").await
    }

    /// A step may take long, but not longer than its server answers.
    async fn patiently<T>(
        &self,
        step: impl Future<Output = Result<T, Fault>>,
        kind: &'static str,
    ) -> Result<T, Error> {
        let done = self.database.while_it_answers(step).await;
        done.map_err(|fault| fault.about(kind))
    }

    fn client(&self) -> Result<&Connection, Error> {
        let gone = || crate::fault::unavailable("the transfer has ended".into());
        self.connection.as_ref().ok_or_else(gone)
    }

    async fn read(&self, table: &Table, after: Option<Row>) -> Result<Vec<Row>, Fault> {
        let client = self.connection.as_ref().ok_or(Fault::Silence)?;
        let name = |(name, _): &(&str, _)| format!("\"{name}\"");
        let columns: Vec<_> = table.columns.iter().map(name).collect();
        let order: Vec<_> = table.order.iter().map(|at| columns[*at].clone()).collect();
        let (columns, order) = (columns.join(", "), order.join(", "));
        let kinds = table.order.iter().map(|at| table.columns[*at].1);
        let key = after.unwrap_or_default().into_iter().zip(kinds);
        let key: Vec<Value> = key
            .map(|(c, kind)| value(c, kind))
            .collect::<Result<_, _>>()?;
        let rest = if key.is_empty() {
            String::new()
        } else {
            let places: Vec<_> = (1..=key.len()).map(|at| format!("${at}")).collect();
            format!("WHERE ({order}) > ({})", places.join(", "))
        };
        let has_sums = GATEWAY.summed.iter().any(|(name, _)| *name == table.name);
        let whole = if has_sums {
            is_whole(table.name)
        } else {
            "true".to_owned()
        };
        let sql = format!(
            "SELECT {columns}, {whole} AS is_whole FROM \"{}\" {rest} ORDER BY {order} LIMIT {}",
            table.name, table.page
        );
        let statement = client.prepare_cached(&sql).await?;
        let key: Vec<&(dyn ToSql + Sync)> = key.iter().map(|v| v.as_ref() as _).collect();
        let found = client.query(&statement, &key).await?;
        let read = |row: &tokio_postgres::Row| {
            // What is not as it was written would be right at its new place.
            unaltered(row)?;
            let kinds = table.columns.iter().enumerate();
            kinds.map(|(at, (_, kind))| cell(row, at, *kind)).collect()
        };
        found.iter().map(read).collect()
    }

    async fn write(&self, table: &Table, rows: Vec<Row>) -> Result<(), Fault> {
        let client = self.connection.as_ref().ok_or(Fault::Silence)?;
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|(n, _)| format!("\"{n}\""))
            .collect();
        let width = columns.len();
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let step: Vec<Row> = rows.by_ref().take(STEP).collect();
            let place = |row: usize| {
                let places: Vec<_> = (1..=width)
                    .map(|at| format!("${}", row * width + at))
                    .collect();
                format!("({})", places.join(", "))
            };
            let places: Vec<_> = (0..step.len()).map(place).collect();
            let sql = format!(
                "INSERT INTO \"{}\" ({}) OVERRIDING SYSTEM VALUE VALUES {}",
                table.name,
                columns.join(", "),
                places.join(", ")
            );
            let kinds = || table.columns.iter().map(|(_, kind)| *kind);
            let cells = step
                .into_iter()
                .flat_map(|row| row.into_iter().zip(kinds()));
            let cells: Vec<Value> = cells
                .map(|(c, kind)| value(c, kind))
                .collect::<Result<_, _>>()?;
            let cells: Vec<&(dyn ToSql + Sync)> = cells.iter().map(|v| v.as_ref() as _).collect();
            let statement = client.prepare_cached(&sql).await?;
            client.execute(&statement, &cells).await?;
        }
        Ok(())
    }
}

impl Drop for PostgresTransfer {
    /// Its transaction is open: without the connection, the server takes it back.
    fn drop(&mut self) {
        drop(self.connection.take().map(Object::take));
    }
}

/// What is numbered here goes on behind what was taken in, and behind sealed events that are gone.
const NUMBERED: &str = "
    INSERT INTO unsealed (number) SELECT number FROM events
        WHERE NOT EXISTS (SELECT 1 FROM leaves WHERE event_id = events.id);
    SELECT setval(pg_get_serial_sequence('keys', 'number'), (SELECT coalesce(max(number), 0) + 1 FROM keys), false);
    SELECT setval(pg_get_serial_sequence('outbox', 'number'), (SELECT coalesce(max(number), 0) + 1 FROM outbox), false);
    SELECT setval(pg_get_serial_sequence('mails', 'number'), (SELECT coalesce(max(number), 0) + 1 FROM mails), false);
    SELECT setval(pg_get_serial_sequence('events', 'number'), greatest(
        (SELECT coalesce(max(number), 0) + 1 FROM events), (SELECT coalesce(max(event_number), 0) + 1 FROM leaves)), false);
    COMMIT;";

fn value(cell: Cell, kind: Kind) -> Result<Value, Fault> {
    Ok(match (cell, kind) {
        (Cell::Null, Kind::Number) => Box::new(None::<i64>),
        (Cell::Null, Kind::Text | Kind::AnyText) => Box::new(None::<String>),
        (Cell::Null, Kind::Id) => Box::new(None::<Uuid>),
        (Cell::Null, Kind::Ids) => Box::new(None::<Vec<Uuid>>),
        (Cell::Null, Kind::Bytes) => Box::new(None::<Vec<u8>>),
        (Cell::Number(number), Kind::Number) => Box::new(number),
        (Cell::Text(text), Kind::Text) => Box::new(text),
        (Cell::Text(text), Kind::AnyText) => {
            Box::new(serde_json::to_string(&text).map_err(|_| Fault::Malformed)?)
        }
        (Cell::Bytes(bytes), Kind::Bytes) => Box::new(bytes),
        (Cell::Bytes(bytes), Kind::Id) => Box::new(id(&bytes)?),
        (Cell::Bytes(bytes), Kind::Ids) => {
            Box::new(bytes.chunks(16).map(id).collect::<Result<Vec<_>, _>>()?)
        }
        (Cell::Number(_) | Cell::Text(_) | Cell::Bytes(_), _) => return Err(Fault::Malformed),
    })
}

fn id(bytes: &[u8]) -> Result<Uuid, Fault> {
    Uuid::from_slice(bytes).map_err(|_| Fault::Malformed)
}

fn cell(row: &tokio_postgres::Row, at: usize, kind: Kind) -> Result<Cell, Fault> {
    let text = |text: String| match kind {
        Kind::AnyText => serde_json::from_str(&text).map_err(|_| Fault::Malformed),
        Kind::Number | Kind::Text | Kind::Id | Kind::Ids | Kind::Bytes => Ok(text),
    };
    let found = match kind {
        Kind::Number => row.try_get::<_, Option<i64>>(at)?.map(Cell::Number),
        Kind::Text | Kind::AnyText => {
            let found: Option<String> = row.try_get(at)?;
            found.map(text).transpose()?.map(Cell::Text)
        }
        Kind::Id => {
            let found: Option<Uuid> = row.try_get(at)?;
            found.map(|id| Cell::Bytes(id.into_bytes().to_vec()))
        }
        Kind::Ids => {
            let found: Option<Vec<Uuid>> = row.try_get(at)?;
            found.map(|ids| Cell::Bytes(ids.into_iter().flat_map(Uuid::into_bytes).collect()))
        }
        Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Cell::Bytes),
    };
    Ok(found.unwrap_or(Cell::Null))
}

impl Transfer for PostgresTransfer {
    fn rows<'a>(
        &'a mut self,
        table: &'static Table,
        after: Option<Row>,
    ) -> Reply<'a, Result<Vec<Row>, Error>> {
        Box::pin(async move { self.patiently(self.read(table, after), table.name).await })
    }

    fn take<'a>(
        &'a mut self,
        table: &'static Table,
        rows: Vec<Row>,
    ) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move { self.patiently(self.write(table, rows), table.name).await })
    }

    fn finish(self: Box<Self>) -> Reply<'static, Result<(), Error>> {
        Box::pin(async move { self.run(NUMBERED).await })
    }
}
