//! Why a store does not open.

use crate::session::Unfit;

/// Why a store does not open. Each message says what to do; none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of a database.
    #[error(
        "the database's URL is not usable: write postgres://user@host:5432/name, the password into a file of its own"
    )]
    Address,
    /// The URL asks for a plain connection to another machine.
    #[error(
        "the database is on another machine and its URL says sslmode=disable: leave that out, so that the way is encrypted"
    )]
    Plain,
    /// No TLS.
    #[error("TLS to the database cannot be set up: check the file of its certificate authority")]
    Tls(#[from] amtsbote_outgoing::NotOpened),
    /// Nobody answers, or nobody who takes writes.
    #[error(
        "no server that takes writes is reached at {place} ({reason}): check host, port, certificate, and that it runs"
    )]
    Unreachable {
        /// Hosts and database.
        place: String,
        /// What failed; never content.
        reason: String,
    },
    /// The server does not prove that it is the one that is meant.
    #[error(
        "the server at {place} has no certificate that is trusted here: check ca_file, the host's name in the URL, and the server's certificate"
    )]
    Untrusted {
        /// Hosts and database.
        place: String,
    },
    /// The server lets this user not in.
    #[error(
        "the server at {place} refuses this user ({reason}): check user, password file, database and pg_hba.conf"
    )]
    Refused {
        /// Hosts and database.
        place: String,
        /// PostgreSQL's code.
        reason: String,
    },
    /// The server does not promise what is asked of it.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The user may not do what is needed.
    #[error(
        "the database's user may not make or use the schema {schema}: let it own the database, or run CREATE SCHEMA {schema} AUTHORIZATION for it"
    )]
    NotAllowed {
        /// Its schema.
        schema: &'static str,
    },
    /// A guest finds other tables than its own.
    #[error(
        "the tables in {schema} have version {found} (0: there are none), and this command is made for {known}: use the program that runs there"
    )]
    OtherVersion {
        /// Their schema.
        schema: &'static str,
        /// Version there.
        found: i32,
        /// The version this program knows.
        known: i32,
    },
    /// A migration failed; nothing of it is there.
    #[error("the tables in {schema} cannot be brought to version {version} ({reason})")]
    Migration {
        /// Their schema.
        schema: &'static str,
        /// The version that was to be reached.
        version: i32,
        /// PostgreSQL's code.
        reason: String,
    },
    /// The connection failed in between.
    #[error("the database failed while it was opened ({reason}): try again")]
    Failed {
        /// What failed; never content.
        reason: String,
    },
}
