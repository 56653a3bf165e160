//! An empty database that is filled from a copy, in one transaction.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use amtsbote_store::Error;
use bytes::Bytes;
use deadpool::managed::Object;
use futures_util::SinkExt as _;

use super::file::{Header, Reader, Shape};
use super::{Copied, CopyError, Passed, Tables, settled};
use crate::Target;
use crate::database::{Connection, Database};
use crate::fault::Fault;
use crate::gateway::Shelf;
use crate::migrations::{self, Part};

/// Who starts meanwhile waits for the end: it is the lock of migrations.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// Tables that come into being. Dropped before the end, there are none.
pub struct PostgresRestoring {
    database: Database,
    connection: Option<Connection>,
    part: &'static Part,
}

impl PostgresRestoring {
    /// Holds the place; refuses one with tables.
    pub async fn claim(target: &Target, tables: Tables) -> Result<Self, CopyError> {
        let part = tables.part();
        let (database, connection) = Database::reach(target, part, "amtsbote restore").await?;
        let restoring = Self {
            database,
            connection: Some(connection),
            part,
        };
        let client = restoring.client()?;
        let asked = async {
            client.batch_execute(BEGIN).await?;
            migrations::lock(client, part).await?;
            let sql = "SELECT EXISTS (SELECT FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1::text))";
            Ok(client.query_one(sql, &[&part.schema]).await?.try_get(0)?)
        };
        if restoring.patiently(asked).await? {
            return Err(CopyError::Occupied(part.schema));
        }
        Ok(restoring)
    }

    /// Makes the tables as they were and fills them. `step` hears which table is being filled, and how many bytes of it are.
    pub async fn take(
        &self,
        from: impl Read + Send,
        mut step: impl FnMut(&str, u64) + Send,
    ) -> Result<Copied, CopyError> {
        let (header, mut reader) = Reader::begin(BufReader::new(from))?;
        self.make(&header).await?;
        let mut rows = BTreeMap::new();
        for table in &header.tables {
            let filling = self.fill(table, &mut reader, &mut step);
            let count = settled(self.database.while_it_answers(filling).await)?;
            rows.insert(table.name.clone(), count);
        }
        reader.finish()?;
        for of in &header.numbers {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('\"{}\"', '{}'), greatest({}, 1), {})",
                of.table,
                of.column,
                of.last,
                of.last > 0
            );
            self.run(&sql).await?;
        }
        Ok(Copied {
            version: u64::try_from(header.version).unwrap_or(0),
            rows,
        })
    }

    /// After the gateway's tables were taken in: its attachments are here now, so that the next gateway finds what the last one kept. Those
    /// that ran when the copy was made do not run here.
    pub async fn with_attachments_in(&self, shelf: &Shelf) -> Result<(), CopyError> {
        let client = self.client()?;
        let moving = async {
            let shelf = serde_json::to_string(shelf).map_err(|_| Fault::Malformed)?;
            let sql = "UPDATE gateways SET body = jsonb_set(body::jsonb, '{shelf}', $1::text::jsonb)::text,
                    until = least(until, clock_timestamp() - interval '1 second')";
            client.execute(sql, &[&shelf]).await?;
            Ok(())
        };
        Ok(self.patiently(moving).await?)
    }

    /// Makes it durable.
    pub async fn finish(self) -> Result<(), CopyError> {
        Ok(self.run("COMMIT").await?)
    }

    async fn make(&self, header: &Header) -> Result<(), CopyError> {
        let (part, client) = (self.part, self.client()?);
        if header.schema != part.schema {
            return Err(CopyError::Damaged("it holds other tables"));
        }
        if header.version > part.version() {
            return Err(CopyError::Newer {
                schema: part.schema,
                found: header.version,
                known: part.version(),
            });
        }
        let making = async { Ok(migrations::apply(client, part, header.version).await) };
        Ok(self.patiently(making).await??)
    }

    async fn fill<R: Read + Send>(
        &self,
        table: &Shape,
        reader: &mut Reader<BufReader<R>>,
        step: &mut (impl FnMut(&str, u64) + Send),
    ) -> Passed<u64> {
        let Ok(client) = self.client() else {
            return Err(Fault::Silence);
        };
        let (name, columns) = (&table.name, table.columns.join("\", \""));
        // The triggers would give new sums to whatever comes; some migrations have written rows.
        let prepare =
            format!("ALTER TABLE \"{name}\" DISABLE TRIGGER USER; DELETE FROM \"{name}\"");
        client.batch_execute(&prepare).await?;
        let sql = format!("COPY \"{name}\" (\"{columns}\") FROM STDIN (FORMAT binary)");
        let mut sink = std::pin::pin!(client.copy_in::<_, Bytes>(&sql).await?);
        let mut bytes = 0;
        let expected = loop {
            match reader.piece() {
                Ok(Some(piece)) => {
                    bytes += u64::try_from(piece.len()).unwrap_or(0);
                    sink.send(piece.into()).await?;
                    step(name, bytes);
                }
                Ok(None) => break reader.rows(),
                Err(error) => return Ok(Err(error)),
            }
        };
        let count = sink.finish().await?;
        let after = format!("ALTER TABLE \"{name}\" ENABLE TRIGGER USER");
        client.batch_execute(&after).await?;
        Ok(expected.and_then(|expected| {
            if expected == count {
                Ok(count)
            } else {
                Err(CopyError::Damaged("a table has other rows than it says"))
            }
        }))
    }

    async fn run(&self, sql: &str) -> Result<(), Error> {
        let client = self.client()?;
        self.patiently(async { Ok(client.batch_execute(sql).await?) })
            .await
    }

    /// A step may take long, but not longer than its server answers.
    async fn patiently<T>(&self, step: impl Future<Output = Result<T, Fault>>) -> Result<T, Error> {
        let done = self.database.while_it_answers(step).await;
        done.map_err(|fault| fault.about("row"))
    }

    fn client(&self) -> Result<&Connection, Error> {
        let gone = || crate::fault::unavailable("the restoring has ended".into());
        self.connection.as_ref().ok_or_else(gone)
    }
}

impl Drop for PostgresRestoring {
    /// Its transaction may be open: without the connection, the server takes it back.
    fn drop(&mut self) {
        drop(self.connection.take().map(Object::take));
    }
}
