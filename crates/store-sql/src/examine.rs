//! Looks at a whole database, row by row: `amtsbote verify`. Reads only, beside the process to which it belongs.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Result};

use crate::database::{self, Schema};
use crate::sums::{self, Table};
use crate::{Database, Snapshot, SnapshotError};

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// SQLite says that the file contradicts itself; in its words.
    File(String),
    /// A table or index is not as this program has made it.
    Shape {
        /// Its name.
        name: String,
    },
    /// A row is not as it was written.
    Row {
        /// The table.
        table: String,
        /// Which row: its ids or number, never content.
        row: String,
    },
    /// Something refers to what is not there: rows were taken away.
    Missing {
        /// What is missing.
        what: &'static str,
        /// Of which subject or destination.
        of: String,
    },
    /// A part of the file cannot be read at all.
    Unreadable {
        /// The table, or what else was read.
        table: String,
        /// SQLite's word for it.
        reason: String,
    },
}

/// What was looked at, and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// Rows whose sums were computed anew.
    pub rows: u64,
    /// What is not as it was written.
    pub damages: Vec<Damage>,
    /// Attachments whose ciphertext must be there: id of the blob, and its length.
    pub blobs: Vec<(String, u64)>,
}

/// Examines the database in the folder as it is at this moment; `None` if there is none.
pub fn examine(
    database: Database,
    folder: &Path,
) -> std::result::Result<Option<Examined>, SnapshotError> {
    let path = database.schema().file(folder);
    let snapshot = match Snapshot::take(database, folder) {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => return Ok(None),
        // So broken that it does not open, or is not ours any more: that is a finding, not a fault of ours.
        Err(SnapshotError::Open(error @ crate::OpenError::Foreign { .. })) => {
            return Ok(Some(unopened(error.to_string())));
        }
        Err(
            SnapshotError::Open(crate::OpenError::Database { source, .. })
            | SnapshotError::Database { source, .. },
        ) if is_damage(&source) => {
            return Ok(Some(unopened(crate::columns::sqlite_reason(&source))));
        }
        Err(error) => return Err(error),
    };
    let examined = look(snapshot.connection(), database);
    examined
        .map(Some)
        .map_err(|source| SnapshotError::Database { path, source })
}

fn unopened(reason: String) -> Examined {
    Examined {
        damages: vec![Damage::File(reason)],
        ..Examined::default()
    }
}

pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{
        ApiMisuse, ConstraintViolation, DatabaseCorrupt, NotADatabase, SystemIoFailure,
        TypeMismatch, Unknown,
    };
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            DatabaseCorrupt
                | NotADatabase
                | Unknown
                | TypeMismatch
                | ConstraintViolation
                | ApiMisuse
                | SystemIoFailure
        ),
        // A column that does not hold what it must.
        None => true,
    }
}

/// Looks at one side of a database.
type Part = fn(&Connection, Database, &mut Examined) -> Result<()>;

/// Everything, each part for itself: a part that cannot be read does not hide the others.
pub(crate) fn look(connection: &Connection, database: Database) -> Result<Examined> {
    let mut examined = Examined::default();
    let parts: [(&str, Part); 4] = [
        ("the file", check_file),
        ("the schema", check_shape),
        ("rows", check_rows),
        ("references", check_references),
    ];
    for (name, part) in parts {
        match part(connection, database, &mut examined) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => examined.damages.push(Damage::Unreadable {
                table: name.to_owned(),
                reason: crate::columns::sqlite_reason(&error),
            }),
            Err(error) => return Err(error),
        }
    }
    examined.damages.sort();
    examined.damages.dedup();
    Ok(examined)
}

const LINES_MAX: usize = 20;

fn check_file(connection: &Connection, _: Database, examined: &mut Examined) -> Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines.take(LINES_MAX) {
        // SQLite names tables, indexes, pages and numbers of rows here, never values.
        let line = line?;
        if line != "ok" {
            examined.damages.push(Damage::File(line));
        }
    }
    Ok(())
}

type Shape = BTreeMap<String, String>;

/// What a schema is made of, whatever the order in which columns were added.
fn shape(connection: &Connection) -> Result<Shape> {
    let mut shape = Shape::new();
    let mut put = |sql: &str| -> Result<()> {
        let mut statement = connection.prepare(sql)?;
        let lines = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for line in lines {
            let (name, what): (String, String) = line?;
            shape.entry(name).or_default().push_str(&what);
        }
        Ok(())
    };
    put(
        "SELECT name, type || ' ' || ncol || ' ' || wr || ' ' || strict FROM pragma_table_list
         WHERE schema = 'main' AND name <> 'sqlite_schema' ORDER BY name",
    )?;
    put("SELECT s.name, '; ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || coalesce(c.dflt_value, '')
             || ' ' || (c.pk > 0) || ' ' || c.hidden
         FROM sqlite_schema s, pragma_table_xinfo(s.name) c WHERE s.type = 'table' ORDER BY s.name, c.name")?;
    put(
        "SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema WHERE type <> 'table' ORDER BY name",
    )?;
    // A connection that only reads does not even look at CHECKs. Words in any order: columns were added at different times.
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL")?;
    let tables = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for table in tables {
        let (name, sql): (String, String) = table?;
        let mut words: Vec<_> = sql
            .split(|c: char| c.is_whitespace() || c == ',')
            .filter(|word| !word.is_empty())
            .collect();
        words.sort_unstable();
        shape.entry(name).or_default().push_str(&words.join(" "));
    }
    Ok(shape)
}

/// The schema as this program makes it.
fn made(schema: &Schema) -> Result<Shape> {
    let mut fresh = Connection::open_in_memory()?;
    sums::register(&fresh)?;
    database::migrate(&mut fresh, 0, schema)?;
    shape(&fresh)
}

fn check_shape(connection: &Connection, database: Database, examined: &mut Examined) -> Result<()> {
    let (found, made) = (shape(connection)?, made(database.schema())?);
    let names = found.keys().chain(made.keys());
    for name in names.filter(|name| found.get(*name) != made.get(*name)) {
        examined.damages.push(Damage::Shape { name: name.clone() });
    }
    Ok(())
}

fn check_rows(connection: &Connection, _: Database, examined: &mut Examined) -> Result<()> {
    for table in sums::tables(connection)? {
        match check_table(connection, &table, examined) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => examined.damages.push(Damage::Unreadable {
                table: table.name.clone(),
                reason: crate::columns::sqlite_reason(&error),
            }),
            Err(error) => return Err(error),
        }
    }
    let sql = "SELECT name FROM sqlite_sequence WHERE name NOT IN (SELECT name FROM sqlite_schema)";
    let has_sequences: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if has_sequences.is_some() {
        let lost: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
        if lost.is_some() {
            examined.damages.push(Damage::Shape {
                name: "sqlite_sequence".into(),
            });
        }
    }
    Ok(())
}

fn check_table(connection: &Connection, table: &Table, examined: &mut Examined) -> Result<()> {
    if !table.has_sum {
        // The shape tells so already.
        return Ok(());
    }
    let (name, row, sum) = (&table.name, table.row_name(), table.sum(""));
    // NOT INDEXED: the rows themselves, not copies of their columns.
    let sql = format!("SELECT {row}, sum IS {sum} FROM \"{name}\" NOT INDEXED");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        examined.rows += 1;
        if !row.get::<_, bool>(1)? {
            examined.damages.push(Damage::Row {
                table: name.clone(),
                row: row.get_ref(0)?.as_str().unwrap_or("?").to_owned(),
            });
        }
    }
    Ok(())
}

/// Rows that must be there because of others.
const GATEWAY_REFERENCES: &[(&str, &str)] = &[
    (
        "the sealed parts of a submission",
        "SELECT lower(hex(id)) FROM submissions WHERE state IN ('submitted', 'forwarded')
             AND NOT EXISTS (SELECT 1 FROM contents WHERE subject_id = submissions.id)",
    ),
    (
        "the sealed parts of a reply",
        "SELECT lower(hex(id)) FROM replies WHERE state IN ('submitted', 'forwarded')
             AND NOT EXISTS (SELECT 1 FROM contents WHERE subject_id = replies.id)",
    ),
    (
        "attachments of a submission",
        "SELECT lower(hex(id)) FROM submissions WHERE state IN ('submitted', 'forwarded')
             AND length(announced) / 16 <> (SELECT count(*) FROM attachments WHERE subject_id = submissions.id)",
    ),
    (
        "attachments of a reply",
        "SELECT lower(hex(id)) FROM replies WHERE state IN ('submitted', 'forwarded')
             AND length(announced) / 16 <> (SELECT count(*) FROM attachments WHERE subject_id = replies.id)",
    ),
    (
        "the events of a submission",
        "SELECT lower(hex(id)) FROM submissions WHERE NOT EXISTS (SELECT 1 FROM events WHERE subject_id = submissions.id)",
    ),
    (
        "the destination of a submission",
        "SELECT lower(hex(id)) FROM submissions
             WHERE NOT EXISTS (SELECT 1 FROM destinations WHERE destinations.id = submissions.destination_id)",
    ),
    (
        "the case of a submission",
        "SELECT lower(hex(id)) FROM submissions WHERE NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = submissions.case_id)",
    ),
    (
        "the case of events",
        "SELECT DISTINCT lower(hex(case_id)) FROM events WHERE NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = events.case_id)",
    ),
];

const AGENT_REFERENCES: &[(&str, &str)] = &[(
    "the way back of an answer",
    "SELECT lower(hex(submission_id)) FROM answers
         WHERE NOT EXISTS (SELECT 1 FROM ways_back WHERE ways_back.submission_id = answers.submission_id)",
)];

fn check_references(
    connection: &Connection,
    database: Database,
    examined: &mut Examined,
) -> Result<()> {
    let references = match database {
        Database::Gateway => GATEWAY_REFERENCES,
        Database::Agent => AGENT_REFERENCES,
        Database::Uplink => &[],
    };
    for (what, sql) in references {
        let mut statement = connection.prepare(sql)?;
        let lost = statement.query_map([], |row| row.get::<_, String>(0))?;
        for of in lost {
            examined.damages.push(Damage::Missing { what, of: of? });
        }
    }
    if database == Database::Gateway {
        let mut statement =
            connection.prepare("SELECT blob, size_bytes FROM attachments ORDER BY blob")?;
        let blobs = statement.query_map([], |row| {
            Ok((row.get(0)?, crate::columns::unsigned(row, "size_bytes")?))
        })?;
        examined.blobs = blobs.collect::<Result<_>>()?;
    }
    Ok(())
}
