//! From the driver's errors to the store's. PostgreSQL's messages may hold values, so only its codes are told.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use amtsbote_store::Error;
use tokio_postgres::error::SqlState;

/// When to ask again after a break.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a statement gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The server or the way to it.
    #[error("{}", reason(.0))]
    Driver(#[from] tokio_postgres::Error),
    /// A column does not hold what it must.
    #[error("a column is not of the expected form")]
    Malformed,
    /// The row is not the one that was written: its sum differs.
    #[error("its bytes are not those that were written")]
    Altered,
    /// It took too long.
    #[error("no answer in time")]
    Silence,
}

/// What became of a statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The connection is gone, or its server cannot go on.
    Connection,
    /// Another transaction was in the way; this one was taken back and may be tried again.
    Contention,
    /// The server has no room, or too much to do.
    Room,
    /// The statement and its values do not go together.
    Values,
}

/// PostgreSQL's code, or what became of the connection. Never a message.
pub(crate) fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(code) = error.code() {
        return format!("PostgreSQL: {}{}", code.code(), in_words(code));
    }
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    match io {
        Some(error) => format!("the connection to PostgreSQL failed: {}", error.kind()),
        None if error.is_closed() => "the connection to PostgreSQL was closed".into(),
        None => "the connection to PostgreSQL failed".into(),
    }
}

/// Whether TLS was refused for what the server showed: that is not over by itself.
pub(crate) fn is_untrusted(error: &tokio_postgres::Error) -> bool {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    io.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}

fn in_words(code: &SqlState) -> &'static str {
    if *code == SqlState::DISK_FULL {
        " (disk full)"
    } else if *code == SqlState::ADMIN_SHUTDOWN || *code == SqlState::CRASH_SHUTDOWN {
        " (the server is stopping)"
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        " (the server is starting)"
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        " (the server takes no writes)"
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        " (too many connections)"
    } else if *code == SqlState::QUERY_CANCELED {
        " (it took too long)"
    } else {
        ""
    }
}

impl Fault {
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Malformed | Self::Altered => Cause::Values,
            Self::Silence => Cause::Connection,
            Self::Driver(error) => error.code().map_or(Cause::Connection, cause_of),
        }
    }

    /// Whether what is stored is not what was written.
    fn is_damage(&self) -> bool {
        match self {
            Self::Malformed | Self::Altered => true,
            Self::Driver(error) => error.code().is_some_and(is_damage),
            Self::Silence => false,
        }
    }

    /// The error of a read or write about a record of this kind.
    pub(crate) fn about(&self, kind: &'static str) -> Error {
        match self.cause() {
            Cause::Values => {
                let reason = self.to_string();
                if self.is_damage() {
                    tracing::error!(record.kind = kind, reason = %reason,
                        "a stored {kind} is damaged and is not given away: run `amtsbote verify`, then restore it from a backup ({reason})");
                }
                Error::Unreadable { kind, reason }
            }
            Cause::Connection | Cause::Contention | Cause::Room => unavailable(self.to_string()),
        }
    }
}

fn cause_of(code: &SqlState) -> Cause {
    let contention = [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::LOCK_NOT_AVAILABLE,
    ];
    if contention.contains(code) {
        return Cause::Contention;
    }
    if is_damage(code) {
        return Cause::Values;
    }
    // By class: what the values did (22, 23), what is wrong with the statement or the schema (0A, 42); the rest is the server's.
    match code.code().get(..2) {
        Some("22" | "23") => Cause::Values,
        Some("53" | "54") => Cause::Room,
        Some(_) | None => Cause::Connection,
    }
}

/// A page or row that does not read: of its checksum (XX001), or of what stands in it (XX000, XX002).
fn is_damage(code: &SqlState) -> bool {
    ["XX000", "XX001", "XX002"].contains(&code.code())
}

/// The database cannot be used now; later it can.
pub(crate) fn unavailable(reason: String) -> Error {
    Error::Unavailable {
        reason,
        retry_after: Some(RETRY_AFTER),
    }
}
