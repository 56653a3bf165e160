//! Consistent copies of databases that are in use.
//!
//! A [`Snapshot`] is one long read transaction: from the moment it is taken it shows the same rows, whatever is written
//! meanwhile. It takes no lock that would stop the process to which the database belongs; only the log grows until it
//! is dropped.

use std::path::{Path, PathBuf};

use amtsbote_store::BlobId;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::database::{self, Schema};
use crate::{OpenError, deliveries, folder, gateway, relays};

/// Pages copied between two looks at the progress.
const STEP_PAGES: i32 = 1024;

/// The databases there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Database {
    /// `gateway.db`
    Gateway,
    /// `agent.db`
    Agent,
    /// `uplink.db`
    Uplink,
}

impl Database {
    pub(crate) const fn schema(self) -> &'static Schema {
        match self {
            Self::Gateway => &gateway::SCHEMA,
            Self::Agent => &deliveries::SCHEMA,
            Self::Uplink => &relays::SCHEMA,
        }
    }

    /// Name of its file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway.db",
            Self::Agent => "agent.db",
            Self::Uplink => "uplink.db",
        }
    }
}

/// Why a database was not copied or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading or copying failed.
    #[error("the database {path} cannot be copied or read: check the disk, and that there is room")]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The copy cannot be made or kept.
    #[error("the copy {path} cannot be written: check the disk, and that there is room")]
    Copy {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// SQLite finds that the file contradicts itself.
    #[error("the database {path} is damaged ({found}): take another copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says first.
        found: String,
    },
}

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Version of its schema.
    pub version: u64,
    /// Its tables by name, with how many rows they have.
    pub tables: Vec<(String, u64)>,
}

impl Content {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// A database as it was at one moment.
#[derive(Debug)]
pub struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Begins to look at the database in the folder; `None` if there is none.
    pub fn take(database: Database, folder: &Path) -> Result<Option<Self>, SnapshotError> {
        let schema = database.schema();
        let path = schema.file(folder);
        let there = path.try_exists();
        if !there.map_err(|source| unusable(&path, source))? {
            return Ok(None);
        }
        let connection = database::open_reader(&path)?;
        database::version(&connection, &path, schema)?;
        // The transaction begins with the first row read.
        connection
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
            .map_err(|source| fault(&path, source))?;
        Ok(Some(Self { connection }))
    }

    /// The blobs that a gateway's attachments name, each once.
    pub fn named(&self) -> Result<Vec<BlobId>, SnapshotError> {
        let path = Path::new(self.connection.path().unwrap_or_default());
        let names = "SELECT DISTINCT blob FROM attachments ORDER BY blob";
        let names = texts(&self.connection, names).map_err(|source| fault(path, source))?;
        let id = |name: String| {
            name.parse().map_err(|_| SnapshotError::Damaged {
                path: path.to_owned(),
                found: "an attachment whose blob has no name".to_owned(),
            })
        };
        names.into_iter().map(id).collect()
    }

    /// Writes it into a new file, readable by its owner only; durable when it returns. `step` hears how much of how
    /// much is done, in pages.
    pub fn copy(&self, into: &Path, mut step: impl FnMut(u64, u64)) -> Result<(), SnapshotError> {
        let kept = |source| SnapshotError::Copy {
            path: into.to_owned(),
            source,
        };
        let file = folder::private_file(into).map_err(kept)?;
        let fault = |source| fault(into, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(into, flags).map_err(fault)?;
        {
            let backup = Backup::new(&self.connection, &mut copy).map_err(fault)?;
            while backup.step(STEP_PAGES).map_err(fault)? != StepResult::Done {
                let progress = backup.progress();
                let all = u64::try_from(progress.pagecount).unwrap_or(0);
                let left = u64::try_from(progress.remaining).unwrap_or(0);
                step(all.saturating_sub(left), all);
            }
        }
        // One file without a log beside it.
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
            .map_err(fault)?;
        copy.close().map_err(|(_, source)| fault(source))?;
        file.sync_all().map_err(kept)?;
        into.parent().map_or(Ok(()), folder::sync).map_err(kept)
    }
}

/// What a copy holds, after SQLite has checked all of it.
pub fn content(database: Database, file: &Path) -> Result<Content, SnapshotError> {
    let connection = database::open_reader(file)?;
    let version = database::version(&connection, file, database.schema())?;
    let fault = |source| fault(file, source);
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(fault)?;
    if found != "ok" {
        let path = file.to_owned();
        return Err(SnapshotError::Damaged { path, found });
    }
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let names = texts(&connection, names).map_err(fault)?;
    let mut tables = Vec::new();
    for name in names {
        // The name comes from the schema, which is ours.
        let rows = format!("SELECT count(*) FROM \"{name}\"");
        let rows: i64 = connection
            .query_row(&rows, [], |row| row.get(0))
            .map_err(fault)?;
        tables.push((name, u64::try_from(rows).unwrap_or(0)));
    }
    Ok(Content {
        version: u64::try_from(version).unwrap_or(0),
        tables,
    })
}

fn texts(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

fn fault(path: &Path, source: rusqlite::Error) -> SnapshotError {
    SnapshotError::Database {
        path: path.to_owned(),
        source,
    }
}

fn unusable(path: &Path, source: std::io::Error) -> SnapshotError {
    SnapshotError::Open(OpenError::Folder {
        path: path.to_owned(),
        source,
    })
}
