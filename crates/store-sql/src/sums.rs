//! Row sums: every row carries a sum over its columns, so that a changed byte on disk is found.
//!
//! Each table has one more column, `sum`: the first 16 bytes of SHA-256 over the table's name and the row's values, columns in
//! the order of their names. It is written by triggers of the writing connection (they are temporary, so that other programs
//! can read the file and even write to it; what they change has a wrong sum then, which is what sums are for), and looked at
//! where content and events are read, and by `amtsbote verify` for all rows. A row whose sum is wrong keeps a wrong one, whatever is
//! updated in it.
//!
//! The sum has no key: it finds accidents, and changes by hand. Against those who know it there is the log's chain.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};
use sha2::{Digest, Sha256};

const FUNCTION: &str = "row_sum";
const SUM_BYTES: usize = 16;

/// Lets statements of this connection use `row_sum(table, value, …)`.
pub(crate) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(FUNCTION, -1, flags, |context| Ok(row_sum(context)))
}

fn row_sum(context: &Context<'_>) -> Vec<u8> {
    let mut hash = Sha256::new();
    for at in 0..context.len() {
        push(&mut hash, context.get_raw(at));
    }
    let mut sum = hash.finalize().to_vec();
    sum.truncate(SUM_BYTES);
    sum
}

/// Kind and length go first, so that no two rows give the same bytes.
fn push(hash: &mut Sha256, value: ValueRef<'_>) {
    let mut put = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        ValueRef::Null => put(0, &[]),
        ValueRef::Integer(number) => put(1, &number.to_be_bytes()),
        ValueRef::Real(number) => put(2, &number.to_bits().to_be_bytes()),
        ValueRef::Text(text) => put(3, text),
        ValueRef::Blob(blob) => put(4, blob),
    }
}

/// One table of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// Columns under the sum, in the order of their names.
    columns: Vec<String>,
    /// Columns of the primary key; empty where `rowid` names a row.
    key: Vec<String>,
    pub(crate) has_sum: bool,
}

impl Table {
    /// The sum of a row as SQL; `row` is empty, `NEW.` or `OLD.`.
    pub(crate) fn sum(&self, row: &str) -> String {
        let values: Vec<_> = self
            .columns
            .iter()
            .map(|column| format!("{row}\"{column}\""))
            .collect();
        format!("{FUNCTION}('{}', {})", self.name, values.join(", "))
    }

    /// That a row is the one of the trigger, as SQL.
    fn is_new(&self) -> String {
        if self.key.is_empty() {
            return "rowid = NEW.rowid".to_owned();
        }
        let same: Vec<_> = self
            .key
            .iter()
            .map(|column| format!("\"{column}\" = NEW.\"{column}\""))
            .collect();
        same.join(" AND ")
    }

    /// What names a row for people, as SQL: ids and numbers. Texts may be what others have chosen, and are not told.
    pub(crate) fn row_name(&self) -> String {
        let name = |column: &String| {
            format!(
                "CASE typeof(\"{column}\") WHEN 'blob' THEN lower(hex(\"{column}\"))
                     WHEN 'integer' THEN CAST(\"{column}\" AS TEXT) ELSE '…' END"
            )
        };
        let names: Vec<_> = self.key.iter().map(name).collect();
        if names.is_empty() {
            "CAST(rowid AS TEXT)".to_owned()
        } else {
            names.join(" || ' ' || ")
        }
    }

    fn triggers(&self) -> String {
        let Self { name, .. } = self;
        let columns: Vec<_> = self.columns.iter().map(|c| format!("\"{c}\"")).collect();
        let columns = columns.join(", ");
        let (new, old, row) = (self.sum("NEW."), self.sum("OLD."), self.is_new());
        format!(
            "CREATE TEMP TRIGGER \"{name}_inserted\" AFTER INSERT ON main.\"{name}\" WHEN NEW.sum IS NULL
                 BEGIN UPDATE \"{name}\" SET sum = {new} WHERE {row}; END;
             CREATE TEMP TRIGGER \"{name}_updated\" AFTER UPDATE OF {columns} ON main.\"{name}\" WHEN OLD.sum IS {old}
                 BEGIN UPDATE \"{name}\" SET sum = {new} WHERE {row}; END;"
        )
    }
}

/// The tables there are.
pub(crate) fn tables(connection: &Connection) -> Result<Vec<Table>> {
    let sql = "SELECT name, wr FROM pragma_table_list
        WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let names: Vec<(String, bool)> = names.collect::<Result<_>>()?;
    names
        .into_iter()
        .map(|listed| table(connection, listed))
        .collect()
}

/// As listed: its name, and whether it has no `rowid`.
fn table(connection: &Connection, (name, without_rowid): (String, bool)) -> Result<Table> {
    let sql = "SELECT name, pk FROM pragma_table_info(?1) ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let columns = statement.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let columns: Vec<(String, i64)> = columns.collect::<Result<_>>()?;
    let key = columns
        .iter()
        .filter(|(_, place)| without_rowid && *place > 0);
    Ok(Table {
        key: key.map(|(column, _)| column.clone()).collect(),
        has_sum: columns.iter().any(|(column, _)| column == "sum"),
        columns: columns
            .into_iter()
            .map(|(column, _)| column)
            .filter(|column| column != "sum")
            .collect(),
        name,
    })
}

/// Sums on the way from one version to another: rows that have a wrong one lose it before, so that none becomes right after.
pub(crate) struct Migration {
    /// The statements. A table that they do not name keeps its rows, which are not looked at: there may be millions.
    sql: String,
    with_sums: Vec<String>,
}

impl Migration {
    /// Before the statements.
    pub(crate) fn begin(connection: &Connection, sql: String) -> Result<Self> {
        let mut with_sums = Vec::new();
        for table in tables(connection)?.into_iter().filter(|t| t.has_sum) {
            let (name, sum) = (&table.name, table.sum(""));
            if sql.contains(name) {
                connection.execute_batch(&format!(
                    "UPDATE \"{name}\" SET sum = NULL WHERE sum IS NOT {sum}"
                ))?;
            }
            with_sums.push(table.name);
        }
        Ok(Self { sql, with_sums })
    }

    /// After them: each table has its column and each row its sum, except rows that had a wrong one before.
    pub(crate) fn end(self, connection: &Connection) -> Result<()> {
        for table in tables(connection)? {
            let (name, sum) = (&table.name, table.sum(""));
            if !table.has_sum {
                connection.execute_batch(&format!("ALTER TABLE \"{name}\" ADD COLUMN sum BLOB"))?;
            }
            let had_sums = table.has_sum && self.with_sums.contains(name);
            if had_sums && !self.sql.contains(name) {
                continue;
            }
            let which = if had_sums {
                format!("sum IS NOT NULL AND sum IS NOT {sum}")
            } else {
                "true".to_owned()
            };
            connection
                .execute_batch(&format!("UPDATE \"{name}\" SET sum = {sum} WHERE {which}"))?;
        }
        Ok(())
    }
}

/// From now on this connection gives sums to the rows it writes.
pub(crate) fn keep(connection: &Connection) -> Result<()> {
    for table in tables(connection)? {
        connection.execute_batch(&table.triggers())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Connection {
        let database = Connection::open_in_memory().unwrap();
        register(&database).unwrap();
        let sql =
            "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT, n INTEGER NOT NULL DEFAULT 0) STRICT;
            CREATE TABLE b (k TEXT, x BLOB, y TEXT, PRIMARY KEY (k, x)) STRICT, WITHOUT ROWID;
            INSERT INTO a (x) VALUES ('before');";
        database.execute_batch(sql).unwrap();
        let migration = Migration::begin(&database, sql.to_owned()).unwrap();
        migration.end(&database).unwrap();
        keep(&database).unwrap();
        database
    }

    fn wrong(database: &Connection) -> i64 {
        let count = |table: &Table| {
            let sql = format!(
                "SELECT count(*) FROM \"{}\" WHERE sum IS NOT {}",
                table.name,
                table.sum("")
            );
            database
                .query_row(&sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        tables(database).unwrap().iter().map(count).sum()
    }

    const WRITES: &str = "INSERT INTO a (x) VALUES ('one'), ('two');
        UPDATE a SET x = 'three', n = n + 1 WHERE x = 'two';
        INSERT INTO b (k, x, y) VALUES ('k', x'01', 'y') ON CONFLICT DO NOTHING;
        INSERT OR REPLACE INTO b (k, x, y) VALUES ('k', x'01', 'z'), ('k', x'02', NULL);
        UPDATE b SET x = x'03' WHERE x = x'02';
        DELETE FROM a WHERE x = 'one';";

    #[test]
    fn every_row_has_its_sum_however_it_was_written() {
        let database = database();
        database.execute_batch(WRITES).unwrap();
        assert_eq!(wrong(&database), 0);
        let rows = "SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)";
        assert_eq!(database.query_row(rows, [], |row| row.get(0)), Ok(4));
    }

    #[test]
    fn a_row_changed_behind_our_back_stays_wrong_whatever_is_updated_in_it() {
        let database = database();
        database.execute_batch(WRITES).unwrap();
        let sql = "UPDATE a SET sum = zeroblob(16) WHERE x = 'three'; UPDATE a SET n = 7; UPDATE b SET y = 'changed'";
        database.execute_batch(sql).unwrap();
        assert_eq!(wrong(&database), 1);
    }

    #[test]
    fn a_migration_does_not_make_a_wrong_row_right() {
        let database = database();
        database.execute_batch(WRITES).unwrap();
        let sql = "UPDATE a SET sum = zeroblob(16) WHERE x = 'three'";
        database.execute_batch(sql).unwrap();
        let sql = "ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'new'; CREATE TABLE c (x TEXT); UPDATE a SET n = 9";
        let migration = Migration::begin(&database, sql.to_owned()).unwrap();
        database.execute_batch(sql).unwrap();
        migration.end(&database).unwrap();
        assert_eq!(wrong(&database), 1);
    }

    #[test]
    fn a_migration_leaves_tables_alone_that_it_does_not_name() {
        let database = database();
        database.execute_batch(WRITES).unwrap();
        // As the disk may have it: whoever looked at it would take its sum away.
        let sql = "UPDATE a SET sum = zeroblob(16) WHERE x = 'three'";
        database.execute_batch(sql).unwrap();
        let migration = Migration::begin(&database, "UPDATE b SET y = 'new'".to_owned()).unwrap();
        migration.end(&database).unwrap();
        let kept = "SELECT count(*) FROM a WHERE sum = zeroblob(16)";
        assert_eq!(database.query_row(kept, [], |row| row.get(0)), Ok(1));
        assert_eq!(wrong(&database), 1);
    }

    #[test]
    fn a_table_copied_with_its_sums_keeps_them_right_and_wrong() {
        let database = database();
        database.execute_batch(WRITES).unwrap();
        let sql = "UPDATE a SET sum = zeroblob(16) WHERE x = 'three'";
        database.execute_batch(sql).unwrap();
        let triggers = "DROP TRIGGER temp.a_inserted; DROP TRIGGER temp.a_updated";
        database.execute_batch(triggers).unwrap();
        let sql = "CREATE TABLE a_2 (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, x TEXT, sum BLOB) STRICT;
            INSERT INTO a_2 (id, n, x, sum) SELECT id, n, x, sum FROM a;
            DROP TABLE a; ALTER TABLE a_2 RENAME TO a;";
        let migration = Migration::begin(&database, sql.to_owned()).unwrap();
        database.execute_batch(sql).unwrap();
        migration.end(&database).unwrap();
        assert_eq!(wrong(&database), 1);
        let rows = "SELECT count(*) FROM a WHERE sum IS NOT NULL";
        assert_eq!(database.query_row(rows, [], |row| row.get(0)), Ok(1));
    }

    #[test]
    fn what_is_told_of_a_row_is_its_key() {
        let database = database();
        database.execute_batch(WRITES).unwrap();
        let names: Vec<String> = tables(&database)
            .unwrap()
            .iter()
            .map(|table| {
                let sql = format!(
                    "SELECT {} FROM \"{}\" LIMIT 1",
                    table.row_name(),
                    table.name
                );
                database.query_row(&sql, [], |row| row.get(0)).unwrap()
            })
            .collect();
        assert_eq!(names, ["1", "… 01"]);
    }
}
