//! Copies of tables that are in use, and empty databases filled from them.
//!
//! ```text
//!  tables at one moment ─► PostgresSnapshot::copy ─► one file ─► PostgresRestoring::take ─► COMMIT: all of it, or nothing
//! ```
//!
//! Sums of rows are carried along as they were: what was altered before a backup is found after it.

mod file;
mod restoring;
mod snapshot;

use std::collections::BTreeMap;
use std::io;

use amtsbote_store::Error;

pub use restoring::PostgresRestoring;
pub use snapshot::PostgresSnapshot;

use crate::OpenError;
use crate::fault::Fault;
use crate::migrations::{AGENT, GATEWAY, Part, UPLINK};

/// The tables of one part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tables {
    /// The gateway's.
    Gateway,
    /// The uplinks', in the gateway's database.
    Uplinks,
    /// The agents', of all services.
    Agents,
}

impl Tables {
    const fn part(self) -> &'static Part {
        match self {
            Self::Gateway => &GATEWAY,
            Self::Uplinks => &UPLINK,
            Self::Agents => &AGENT,
        }
    }
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Version of the tables.
    pub version: u64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

/// Why tables were not copied, or not filled.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It failed in between.
    #[error(transparent)]
    Store(#[from] Error),
    /// The copy's file.
    #[error(
        "the copy of a database cannot be written or read: check the disk, and that there is room"
    )]
    File(#[from] io::Error),
    /// The file is not what a copy is.
    #[error("the copy of a database is not whole ({0}): take another backup")]
    Damaged(&'static str),
    /// There is something already.
    #[error(
        "the database has tables in {0} already: restore into an empty one (DROP SCHEMA {0} CASCADE, if nothing in it is needed)"
    )]
    Occupied(&'static str),
    /// Made by a newer program.
    #[error(
        "the copy has version {found} of {schema}, this program knows {known}: use a newer one"
    )]
    Newer {
        /// The tables' schema.
        schema: &'static str,
        /// Version of the copy.
        found: i32,
        /// Latest version known here.
        known: i32,
    },
}

/// Between server and file, either of which may fail.
type Passed<T> = Result<Result<T, CopyError>, Fault>;

/// Takes both apart again.
fn settled<T>(passed: Passed<T>) -> Result<T, CopyError> {
    passed.map_err(|fault| fault.about("row"))?
}

/// Names of our own tables and columns need no escaping; others are none of ours.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
