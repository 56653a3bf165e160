//! One SQLite file: opened, checked, brought to the latest schema.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::{OpenError, folder, sums};

const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The WAL is cut to this length after a checkpoint.
const WAL_KEPT_BYTES: i64 = 64 << 20;
const STATEMENTS_CACHED: usize = 128;
/// Pages that the writer keeps, in KiB: the upper ones of large indexes, and those where new rows come in.
const WRITER_CACHE_KIB: i64 = 16 << 10;

/// What kind of database it is.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Name of the files in the folder.
    pub(crate) name: &'static str,
    /// SQLite's `application_id`.
    pub(crate) application_id: i64,
    /// `migrations[n]` leads from version n to n + 1; what is released is never changed.
    pub(crate) migrations: &'static [&'static str],
    /// From this version on rows have sums.
    pub(crate) summed_from: usize,
}

impl Schema {
    pub(crate) fn file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.db", self.name))
    }

    /// Is there while the database is being restored.
    pub(crate) fn marker(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.restoring", self.name))
    }

    pub(crate) fn lock_file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.lock", self.name))
    }
}

/// Opens the file for writing and migrates it. The caller holds the lock.
pub(crate) fn open_writer(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    let unusable = |source| OpenError::Folder {
        path: path.to_owned(),
        source,
    };
    refuse_half_restored(path)?;
    if !path.try_exists().map_err(unusable)? {
        make(path, schema)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|source| fault(path, source))?;
    prepare(&mut connection, path, schema)?;
    if let Some(folder) = path.parent() {
        folder::sync(folder).map_err(unusable)?;
    }
    Ok(connection)
}

/// Makes a new database beside its place and moves it there when it is whole and durable: whatever is found there, even after a
/// power cut, has tables. An empty file there is a damaged one.
fn make(path: &Path, schema: &Schema) -> Result<(), OpenError> {
    let unusable = |source| OpenError::Folder {
        path: path.to_owned(),
        source,
    };
    let half = path.with_extension("making");
    for ending in ["making", "making-wal", "making-shm", "making-journal"] {
        // Left by a process that died here.
        match std::fs::remove_file(path.with_extension(ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            Ok(()) | Err(_) => {}
        }
    }
    // Made here, so that SQLite's own files take over its narrow rights.
    let file = folder::private_file(&half).map_err(unusable)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(&half, flags).map_err(|source| fault(path, source))?;
    prepare(&mut connection, path, schema)?;
    // Nothing may stay in the log, which is not moved along.
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|source| fault(path, source))?;
    if busy != 0 {
        return Err(unusable(io::ErrorKind::ResourceBusy.into()));
    }
    connection
        .close()
        .map_err(|(_, source)| fault(path, source))?;
    file.sync_all().map_err(unusable)?;
    std::fs::rename(&half, path).map_err(unusable)?;
    path.parent().map_or(Ok(()), folder::sync).map_err(unusable)
}

/// Opens the file for writing beside the process that has prepared it.
pub(crate) fn open_guest(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    if !path.is_file() {
        let path = path.to_owned();
        return Err(OpenError::Absent { path });
    }
    refuse_half_restored(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| fault(path, source))?;
    connection
        .busy_timeout(BUSY_WAIT)
        .map_err(|source| fault(path, source))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    let found = version(&connection, path, schema)?;
    if found != schema.migrations.len() {
        return Err(OpenError::Older {
            path: path.to_owned(),
            found,
            known: schema.migrations.len(),
        });
    }
    set_durable(&connection, path)?;
    sums::register(&connection)
        .and_then(|()| sums::keep(&connection))
        .map_err(|source| fault(path, source))?;
    Ok(connection)
}

fn refuse_half_restored(path: &Path) -> Result<(), OpenError> {
    let marker = path.with_extension("restoring");
    match marker.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::HalfRestored { path: marker }),
        Err(source) => Err(OpenError::Folder {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Opens the file for reading; the writer has prepared it.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        sums::register(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Ok(connection)
    };
    open().map_err(|source| fault(path, source))
}

fn fault(path: &Path, source: rusqlite::Error) -> OpenError {
    OpenError::Database {
        path: path.to_owned(),
        source,
    }
}

fn prepare(connection: &mut Connection, path: &Path, schema: &Schema) -> Result<(), OpenError> {
    let fault = |source| fault(path, source);
    connection.busy_timeout(BUSY_WAIT).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Looked at before anything is written: a foreign or newer file stays as it is.
    let version = version(connection, path, schema)?;
    set_durable(connection, path)?;
    connection
        .pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
        .map_err(fault)?;
    sums::register(connection).map_err(fault)?;
    migrate(connection, version, schema).map_err(fault)?;
    sums::keep(connection).map_err(fault)
}

pub(crate) fn version(
    connection: &Connection,
    path: &Path,
    schema: &Schema,
) -> Result<usize, OpenError> {
    let fault = |source| fault(path, source);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application_id = pragma("application_id").map_err(fault)?;
    let found = pragma("user_version").map_err(fault)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(fault)?;
    let known = i64::try_from(schema.migrations.len()).unwrap_or(i64::MAX);
    let is_new = (application_id, found, tables) == (0, 0, 0);
    if !is_new && application_id != schema.application_id {
        let path = path.to_owned();
        return Err(OpenError::Foreign { path });
    }
    usize::try_from(found)
        .ok()
        .filter(|version| *version <= schema.migrations.len())
        .ok_or_else(|| OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        })
}

fn set_durable(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let fault = |source| fault(path, source);
    let refused = |what| OpenError::NotDurable {
        path: path.to_owned(),
        what,
    };
    let set = |name, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value);
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(fault)?;
    if mode != "wal" {
        return Err(refused("no write-ahead log"));
    }
    set("synchronous", &"FULL").map_err(fault)?;
    let level: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(fault)?;
    if level != 2 {
        return Err(refused("synchronous is not FULL"));
    }
    set("foreign_keys", &true).map_err(fault)?;
    // Pages of a half-done transaction stay in memory: no file beside the database ever holds content.
    set("temp_store", &"MEMORY").map_err(fault)?;
    // What is deleted is overwritten; see `Writer` for the log.
    let secure: i64 = connection
        .pragma_update_and_check(None, "secure_delete", "ON", |row| row.get(0))
        .map_err(fault)?;
    if secure != 1 {
        return Err(refused("secure_delete is not on"));
    }
    connection
        .pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))
        .map_err(fault)
}

/// All steps in one transaction; rows get sums in between, as later steps may copy them.
pub(crate) fn migrate(
    connection: &mut Connection,
    from: usize,
    schema: &Schema,
) -> rusqlite::Result<()> {
    if from >= schema.migrations.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", schema.application_id)?;
    let summed_from = schema.summed_from.max(from);
    for steps in [from..summed_from, summed_from..schema.migrations.len()] {
        let migrations = &schema.migrations[steps.clone()];
        let sums = sums::Migration::begin(&transaction, migrations.concat())?;
        for migration in migrations {
            transaction.execute_batch(migration)?;
        }
        sums.end(&transaction)?;
        transaction.pragma_update(None, "user_version", signed(steps.end))?;
    }
    transaction.commit()
}

fn signed(version: usize) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema {
        name: "test",
        application_id: 77,
        migrations: &["CREATE TABLE a (x)", "CREATE TABLE b (x)"],
        summed_from: 0,
    };
    const OLDER: Schema = Schema {
        migrations: &["CREATE TABLE a (x)"],
        ..SCHEMA
    };
    const OTHER: Schema = Schema {
        application_id: 78,
        ..SCHEMA
    };

    fn opened(schema: &Schema) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = schema.file(folder.path());
        open_writer(&path, schema).unwrap();
        (folder, path)
    }

    #[test]
    fn an_older_schema_is_brought_forward_and_keeps_its_rows() {
        let (_folder, path) = opened(&OLDER);
        let old = open_writer(&path, &OLDER).unwrap();
        old.execute("INSERT INTO a (x) VALUES (5)", []).unwrap();
        drop(old);
        let new = open_writer(&path, &SCHEMA).unwrap();
        let kept: i64 = new
            .query_row("SELECT (SELECT x FROM a) + count(*) FROM b", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(kept, 5);
    }

    #[test]
    fn what_a_killed_process_had_begun_to_make_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = SCHEMA.file(folder.path());
        for name in ["test.making", "test.making-wal", "test.making-journal"] {
            std::fs::write(folder.path().join(name), "half").unwrap();
        }
        drop(open_writer(&path, &SCHEMA).unwrap());
        let names = std::fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["test.db"]);
    }

    #[test]
    fn a_failed_migration_leaves_the_version_as_it_was() {
        let (_folder, path) = opened(&OLDER);
        let broken = Schema {
            migrations: &["CREATE TABLE a (x)", "CREATE TABLE b (x); nonsense"],
            ..SCHEMA
        };
        let error = open_writer(&path, &broken).unwrap_err();
        assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
        open_writer(&path, &SCHEMA).unwrap();
    }

    #[test]
    fn a_newer_schema_is_refused_and_untouched() {
        let (_folder, path) = opened(&SCHEMA);
        let before = std::fs::read(&path).unwrap();
        let error = open_writer(&path, &OLDER).unwrap_err();
        let newer = matches!(
            error,
            OpenError::Newer {
                found: 2,
                known: 1,
                ..
            }
        );
        assert!(newer, "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn the_database_of_another_program_is_refused_and_untouched() {
        let (folder, path) = opened(&SCHEMA);
        let error = open_writer(&path, &OTHER).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");

        let path = folder.path().join("foreign.db");
        let foreign = Connection::open(&path).unwrap();
        foreign.execute_batch("CREATE TABLE x (y)").unwrap();
        drop(foreign);
        let before = std::fs::read(&path).unwrap();
        let error = open_writer(&path, &SCHEMA).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        std::fs::write(&path, "this is not a database, but a letter".repeat(99)).unwrap();
        let error = open_writer(&path, &SCHEMA).unwrap_err();
        assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
    }

    #[test]
    fn a_database_without_write_ahead_log_is_refused() {
        let mut memory = Connection::open_in_memory().unwrap();
        let error = prepare(&mut memory, Path::new("memory"), &SCHEMA).unwrap_err();
        assert!(matches!(error, OpenError::NotDurable { .. }), "{error:?}");
    }

    #[test]
    fn a_reader_cannot_write() {
        let (_folder, path) = opened(&SCHEMA);
        let reader = open_reader(&path).unwrap();
        assert!(reader.execute("INSERT INTO a (x) VALUES (5)", []).is_err());
    }

    #[test]
    fn the_files_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, path) = opened(&SCHEMA);
        let writer = open_writer(&path, &SCHEMA).unwrap();
        writer.execute("INSERT INTO a (x) VALUES (5)", []).unwrap();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", entry.file_name());
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["test.db", "test.db-shm", "test.db-wal"]);
    }
}
