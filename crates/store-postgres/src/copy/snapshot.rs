//! Tables as they were at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use amtsbote_store::{BlobId, Error};
use deadpool::managed::Object;
use futures_util::TryStreamExt as _;

use super::file::{Header, Numbers, Shape, Writer};
use super::{Copied, CopyError, Passed, Tables, settled};
use crate::database::{Connection, Database, SNAPSHOT};
use crate::fault::Fault;
use crate::migrations::Part;
use crate::{OpenError, Target};

/// Tables with their columns; what follows from other columns is not copied.
const SHAPES: &str = "
    SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'
    GROUP BY c.relname ORDER BY c.relname";
/// Which table names rows of which other.
const NAMED: &str = "
    SELECT DISTINCT c.conrelid::regclass::text, c.confrelid::regclass::text FROM pg_constraint c
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND c.conrelid <> c.confrelid";
/// Numbered columns and the last number given. Numbers are given outside transactions: it may be higher than what is copied, never lower.
const NUMBERS: &str = "
    SELECT c.relname::text, a.attname::text,
        coalesce(pg_sequence_last_value(pg_get_serial_sequence(c.oid::regclass::text, a.attname)::regclass), 0)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> ''
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY 1";

/// Tables as they were at one moment, for as long as this is held. Nobody who works on them waits for it.
pub struct PostgresSnapshot {
    database: Database,
    connection: Option<Connection>,
    part: &'static Part,
}

impl PostgresSnapshot {
    /// Begins to look. `None`: there are no such tables.
    pub async fn take(target: &Target, tables: Tables) -> Result<Option<Self>, CopyError> {
        let part = tables.part();
        let database = match Database::join(target, part, "amtsbote backup").await {
            Err(OpenError::OtherVersion { found: 0, .. }) => return Ok(None),
            opened => opened?,
        };
        let connection = Some(database.reader().await?);
        let snapshot = Self {
            database,
            connection,
            part,
        };
        // The moment is that of the first row read.
        let begin = format!("{SNAPSHOT}; SELECT count(*) FROM migrations");
        let client = snapshot.client()?;
        snapshot
            .patiently(async { Ok(client.batch_execute(&begin).await?) })
            .await?;
        Ok(Some(snapshot))
    }

    /// The blobs that the gateway's attachments name, each once.
    pub async fn named(&self) -> Result<Vec<BlobId>, CopyError> {
        let client = self.client()?;
        let sql = "SELECT DISTINCT blob FROM attachments ORDER BY blob";
        let asked = async {
            let rows = client.query_typed(sql, &[]).await?;
            let id = |row: &tokio_postgres::Row| {
                let name: String = row.try_get(0)?;
                name.parse().map_err(|_| Fault::Malformed)
            };
            rows.iter().map(id).collect()
        };
        Ok(self.patiently(asked).await?)
    }

    /// Writes all rows. `step` hears which table is being copied, and how many bytes of it are.
    pub async fn copy(
        &self,
        to: &mut (impl Write + Send),
        mut step: impl FnMut(&str, u64) + Send,
    ) -> Result<Copied, CopyError> {
        let header = self.header().await?;
        let mut writer = Writer::begin(to, &header)?;
        let mut rows = BTreeMap::new();
        for table in &header.tables {
            let passing = self.pass(table, &mut writer, &mut step);
            let count = settled(self.database.while_it_answers(passing).await)?;
            writer.end_table(count)?;
            rows.insert(table.name.clone(), count);
        }
        writer.finish()?;
        Ok(Copied {
            version: u64::try_from(header.version).unwrap_or(0),
            rows,
        })
    }

    async fn pass<W: Write + Send>(
        &self,
        table: &Shape,
        writer: &mut Writer<W>,
        step: &mut (impl FnMut(&str, u64) + Send),
    ) -> Passed<u64> {
        let Ok(client) = self.client() else {
            return Err(Fault::Silence);
        };
        let (name, columns) = (&table.name, table.columns.join("\", \""));
        let sql = format!("COPY \"{name}\" (\"{columns}\") TO STDOUT (FORMAT binary)");
        let mut bytes = 0;
        let mut stream = std::pin::pin!(client.copy_out(&sql).await?);
        while let Some(piece) = stream.try_next().await? {
            if let Err(error) = writer.piece(&piece) {
                return Ok(Err(error.into()));
            }
            bytes += u64::try_from(piece.len()).unwrap_or(0);
            step(name, bytes);
        }
        let count = format!("SELECT count(*) FROM \"{name}\"");
        let count: i64 = client.query_typed_one(&count, &[]).await?.try_get(0)?;
        Ok(Ok(u64::try_from(count).unwrap_or(0)))
    }

    async fn header(&self) -> Result<Header, CopyError> {
        let client = self.client()?;
        let schema = self.part.schema;
        let asked = async {
            let mut shapes = BTreeMap::new();
            for row in client.query_typed(SHAPES, &[]).await? {
                let (name, columns): (String, Vec<String>) = (row.try_get(0)?, row.try_get(1)?);
                shapes.insert(name, columns);
            }
            let mut named = BTreeSet::new();
            for row in client.query_typed(NAMED, &[]).await? {
                named.insert((row.try_get(0)?, row.try_get(1)?));
            }
            let mut numbers = Vec::new();
            for row in client.query_typed(NUMBERS, &[]).await? {
                numbers.push(Numbers {
                    table: row.try_get(0)?,
                    column: row.try_get(1)?,
                    last: row.try_get(2)?,
                });
            }
            Ok(Header {
                schema: schema.to_owned(),
                version: self.part.version(),
                tables: in_order(shapes, &named),
                numbers,
            })
        };
        Ok(self.patiently(asked).await?)
    }

    async fn patiently<T>(&self, step: impl Future<Output = Result<T, Fault>>) -> Result<T, Error> {
        let done = self.database.while_it_answers(step).await;
        done.map_err(|fault| fault.about("row"))
    }

    fn client(&self) -> Result<&Connection, Error> {
        let gone = || crate::fault::unavailable("the copy has ended".into());
        self.connection.as_ref().ok_or_else(gone)
    }
}

impl Drop for PostgresSnapshot {
    /// Its transaction is open: without the connection, the server takes it back.
    fn drop(&mut self) {
        drop(self.connection.take().map(Object::take));
    }
}

/// Tables whose rows are named by others come before those.
fn in_order(
    mut shapes: BTreeMap<String, Vec<String>>,
    named: &BTreeSet<(String, String)>,
) -> Vec<Shape> {
    let mut ordered = Vec::new();
    while !shapes.is_empty() {
        let waits = |name: &String| {
            named
                .iter()
                .any(|(by, of)| by == name && shapes.contains_key(of))
        };
        let next = shapes.keys().find(|name| !waits(name)).cloned();
        // Tables that name each other in a circle there are none; they would come as they are.
        let next = next.or_else(|| shapes.keys().next().cloned());
        if let Some((name, columns)) = next.and_then(|name| shapes.remove_entry(&name)) {
            ordered.push(Shape { name, columns });
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_comes_before_what_names_it() {
        let shapes = ["answers", "names", "ways"].map(|name| (name.to_owned(), vec![]));
        let pair = |by: &str, of: &str| (by.to_owned(), of.to_owned());
        let named = BTreeSet::from([pair("answers", "ways"), pair("ways", "names")]);
        let ordered = in_order(shapes.into_iter().collect(), &named);
        let names: Vec<_> = ordered.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["names", "ways", "answers"]);
    }
}
