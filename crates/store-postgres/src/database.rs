//! Connections to one database: one for writing in groups, several for everything else.

use std::time::Duration;

use amtsbote_store::Error;
use deadpool::Runtime;
use deadpool::managed::{Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use deadpool_postgres::{ClientWrapper, Manager};
use tokio::time::error::Elapsed;

use crate::fault::{Cause, Fault, reason, unavailable};
use crate::migrations::{self, Part};
use crate::session::{self, NotConnected};
use crate::{OpenError, Target};

/// Connections for reads and single statements.
const READERS: usize = 12;
/// For a free connection; then the caller is told to come again.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// For a new connection with everything it is asked.
const MAKE_MAX: Duration = Duration::from_secs(10);

/// For the answer to a read or a single statement: a server that stands still keeps its connections, so only a clock tells.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A connection, given back when it is dropped.
pub(crate) type Connection = Object<Checked>;

/// Makes connections and refuses unfit ones.
#[derive(Debug)]
pub(crate) struct Checked {
    inner: Manager,
    part: &'static Part,
}

impl deadpool::managed::Manager for Checked {
    type Type = ClientWrapper;
    type Error = NotConnected;

    async fn create(&self) -> Result<ClientWrapper, NotConnected> {
        let client = self.inner.create().await?;
        session::prepare(&client, self.part).await?;
        Ok(client)
    }

    async fn recycle(
        &self,
        client: &mut ClientWrapper,
        metrics: &Metrics,
    ) -> RecycleResult<NotConnected> {
        match self.inner.recycle(client, metrics).await {
            Ok(()) => Ok(()),
            Err(RecycleError::Message(message)) => Err(RecycleError::Message(message)),
            Err(RecycleError::Backend(error)) => Err(RecycleError::Backend(error.into())),
        }
    }

    fn detach(&self, client: &mut ClientWrapper) {
        self.inner.detach(client);
    }
}

/// Connections to one database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    readers: Pool<Checked>,
    writer: Pool<Checked>,
}

impl Database {
    /// Connects, migrates, and keeps the connection.
    pub(crate) async fn open(
        target: &Target,
        part: &'static Part,
        application: &str,
    ) -> Result<Self, OpenError> {
        let database = Self {
            readers: pool(target, part, (application, READERS))?,
            writer: pool(target, part, (application, 1))?,
        };
        let connection = database.writer.get().await;
        let connection = connection.map_err(|error| not_opened(target, error))?;
        migrations::migrate(&connection, part).await?;
        Ok(database)
    }

    /// Connects beside others. Makes and migrates nothing: tables of another version are refused.
    pub(crate) async fn join(
        target: &Target,
        part: &'static Part,
        application: &str,
    ) -> Result<Self, OpenError> {
        let database = Self {
            readers: pool(target, part, (application, READERS))?,
            writer: pool(target, part, (application, 1))?,
        };
        let connection = database.readers.get().await;
        let connection = connection.map_err(|error| not_opened(target, error))?;
        match migrations::other_version(&connection, part).await? {
            None => Ok(database),
            Some(found) => Err(OpenError::OtherVersion {
                schema: part.schema,
                found,
                known: part.version(),
            }),
        }
    }

    /// For reads, and for single statements.
    pub(crate) async fn reader(&self) -> Result<Connection, Error> {
        self.readers.get().await.map_err(not_there)
    }

    /// For writing in groups: there is one.
    pub(crate) async fn writer(&self) -> Result<Connection, Error> {
        self.writer.get().await.map_err(not_there)
    }
}

/// What became of a call. A connection that failed or did not answer goes away: nobody knows what is open on it.
pub(crate) fn settled<T>(
    done: Result<Result<T, Fault>, Elapsed>,
    connection: Connection,
    kind: &'static str,
) -> Result<T, Error> {
    let fault = match done {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(fault)) => fault,
        Err(_) => Fault::Silence,
    };
    if fault.cause() == Cause::Connection {
        drop(Object::take(connection));
    }
    Err(fault.about(kind))
}

fn pool(
    target: &Target,
    part: &'static Part,
    (application, size): (&str, usize),
) -> Result<Pool<Checked>, OpenError> {
    let manager = Checked {
        inner: target.manager(application)?,
        part,
    };
    let pool = Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(WAIT_MAX),
            create: Some(MAKE_MAX),
            recycle: Some(WAIT_MAX),
        })
        .build();
    Ok(pool.expect("a runtime is named, which is all that can be missing"))
}

fn not_there(error: PoolError<NotConnected>) -> Error {
    match error {
        PoolError::Backend(error) => error.into(),
        PoolError::Timeout(_) => unavailable("no connection to PostgreSQL in time".into()),
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            unavailable("the connections to PostgreSQL are closed".into())
        }
    }
}

fn not_opened(target: &Target, error: PoolError<NotConnected>) -> OpenError {
    let place = target.place();
    match error {
        PoolError::Backend(NotConnected::Unfit(unfit)) => unfit.into(),
        PoolError::Backend(NotConnected::Driver(error)) => {
            let reason = reason(&error);
            // Class 28: refused; 3D: no such database.
            let class = error.code().and_then(|code| code.code().get(..2));
            if matches!(class, Some("28" | "3D")) {
                OpenError::Refused { place, reason }
            } else {
                OpenError::Unreachable { place, reason }
            }
        }
        PoolError::Timeout(_) => OpenError::Unreachable {
            place,
            reason: "no answer in time".into(),
        },
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            OpenError::Failed {
                reason: "no connections".into(),
            }
        }
    }
}
