//! What every new connection is asked and told before it is used: after a fail-over it may be another server.

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::fault::{Fault, reason};
use crate::migrations::{self, Part};

/// The oldest server whose behaviour is tested.
const VERSION_MIN: u32 = 150_000;

/// Bounds for what a session can hold when its process is dead or stuck, and that a `COMMIT` is on the disk when it answers
/// (a stronger `remote_apply` stays). A session whose process is cut off or stands still in the middle of a transaction holds rows that others
/// wait for: it is ended before their take-over is due (10 seconds), a lease of seven seconds included.
const SETTINGS: &str = "
    SET idle_in_transaction_session_timeout = '5s';
    SET lock_timeout = '5s';
    SET statement_timeout = '20s';
    SET client_connection_check_interval = '5s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '10s';
    SET default_transaction_isolation = 'read committed';
    SET client_min_messages = 'warning';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') <> 'remote_apply';
    SELECT current_setting('server_version_num'), current_setting('fsync'), current_setting('full_page_writes'),
        current_setting('server_encoding');";

/// A server that must not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unfit {
    /// A setting of the server takes back what a `COMMIT` promises.
    #[error(
        "the database's server has {setting} = {value}: what it confirms may be lost in a power cut; set {setting} = {wanted} there"
    )]
    Setting {
        /// The server's setting.
        setting: &'static str,
        /// What it says.
        value: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// The server is too old.
    #[error(
        "the database's server has version {found}, at least 15 is needed: bring it up to date"
    )]
    TooOld {
        /// Its version, as it counts.
        found: String,
    },
    /// A newer program has changed the tables so that this one must not use them.
    #[error(
        "the tables in {schema} have version {found}, which this program (up to {known}) must not use: install the newer program"
    )]
    Newer {
        /// Their schema.
        schema: &'static str,
        /// Version there.
        found: i32,
        /// Latest version known here.
        known: i32,
    },
}

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    #[error("{}", reason(.0))]
    Driver(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl From<NotConnected> for amtsbote_store::Error {
    fn from(error: NotConnected) -> Self {
        match error {
            NotConnected::Driver(error) => {
                crate::fault::unavailable(Fault::from(error).to_string())
            }
            NotConnected::Unfit(unfit) => {
                tracing::error!(reason = %unfit, "a server of the database is not used: {unfit}");
                crate::fault::unavailable(unfit.to_string())
            }
        }
    }
}

/// Makes a connection fit for use, or refuses it.
pub(crate) async fn prepare(client: &Client, part: &Part) -> Result<(), NotConnected> {
    let schema = part.schema;
    let settings = format!("SET search_path = {schema}, pg_temp; {SETTINGS}");
    let answers = client.simple_query(&settings).await?;
    let is_answer = |answer: &&SimpleQueryMessage| matches!(answer, SimpleQueryMessage::Row(row) if row.len() == 4);
    let row = answers.iter().rev().find(is_answer);
    let column = |at| match row {
        Some(SimpleQueryMessage::Row(row)) => row.get(at).unwrap_or_default(),
        Some(_) | None => "",
    };
    let version = column(0);
    if !version
        .parse()
        .is_ok_and(|version: u32| version >= VERSION_MIN)
    {
        let found = version.to_owned();
        return Err(Unfit::TooOld { found }.into());
    }
    for (at, setting, wanted) in [
        (1, "fsync", "on"),
        (2, "full_page_writes", "on"),
        (3, "server_encoding", "UTF8"),
    ] {
        if column(at) != wanted {
            let value = column(at).to_owned();
            return Err(Unfit::Setting {
                setting,
                value,
                wanted,
            }
            .into());
        }
    }
    match migrations::incompatible(client, part).await? {
        Some(found) => Err(Unfit::Newer {
            schema,
            found,
            known: part.version(),
        }
        .into()),
        None => Ok(()),
    }
}
