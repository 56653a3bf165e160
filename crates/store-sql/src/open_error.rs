//! Why a store does not open.

use std::io;
use std::path::PathBuf;

/// Why a store does not open. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be made or used.
    #[error("cannot use {path}: make sure that it is a folder this user may write to")]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process (or another part of this one) has it open.
    #[error(
        "{path} is held by a running process: stop that one first, or give each its own folder"
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A restore began here and did not end.
    #[error(
        "{path} tells that a restore (or move) did not come to its end: run `amtsbote restore` (or `store move`) again"
    )]
    HalfRestored {
        /// The marker.
        path: PathBuf,
    },
    /// There is something already where it is to be restored to.
    #[error("{path} is there already: restore into empty folders")]
    Occupied {
        /// What is there.
        path: PathBuf,
    },
    /// SQLite cannot open or set up the file.
    #[error("cannot open the database {path}: check the disk, or restore the file from a backup")]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is the database of another program or another part of this one.
    #[error("{path} is not a database of this kind: check the folder in the settings")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this program.
    #[error(
        "{path} has schema version {found}, this program knows up to {known}: install the newer program again"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// A guest found no database.
    #[error(
        "there is no database {path}: check data_dir in the settings, or start the process once"
    )]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by an older version of this program, and a guest migrates nothing.
    #[error(
        "{path} has schema version {found}, this program works with {known}: use the program that is running, or start this one"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: usize,
        /// The version known here.
        known: usize,
    },
    /// The file system does not let SQLite keep what it promises.
    #[error("{path} cannot be used durably ({what}): put the folder on a local file system")]
    NotDurable {
        /// The file.
        path: PathBuf,
        /// The setting that was not taken.
        what: &'static str,
    },
    /// No thread for the writer.
    #[error("cannot start the writer's thread: raise the limit of threads")]
    Thread(#[source] io::Error),
}
