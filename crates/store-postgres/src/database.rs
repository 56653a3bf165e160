//! Connections to one database: one for writing in groups, several for everything else.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_store::Error;
use deadpool::Runtime;
use deadpool::managed::{Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use deadpool_postgres::{ClientWrapper, Manager};
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;

use crate::fault::{Cause, Fault, is_untrusted, reason, unavailable};
use crate::migrations::{self, Part};
use crate::session::{self, NotConnected};
use crate::sums::{self, RowsExamined};
use crate::{OpenError, Target};

/// Connections for reads and single statements.
const READERS: usize = 12;
/// For a free connection; then the caller is told to come again.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// For a new connection with everything it is asked.
const MAKE_MAX: Duration = Duration::from_secs(10);

/// For the answer to a read or a single statement: a server that stands still keeps its connections, so only a clock tells.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// For a transaction with its `COMMIT`, which may wait for a standby.
pub(crate) const COMMIT_MAX: Duration = Duration::from_secs(25);

/// How often work without a limit of its own looks whether its server is there.
const LOOK: Duration = Duration::from_secs(5);

/// To read what is there at one moment, for as long as it takes.
pub(crate) const SNAPSHOT: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0";

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
    /// Gives rows of before their sums, as long as anybody has the database open.
    sums: Option<Arc<Ended>>,
}

/// A task that ends with its last owner.
#[derive(Debug)]
struct Ended(JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Database {
    /// Connects, migrates, and keeps the connection.
    pub(crate) async fn open(
        target: &Target,
        part: &'static Part,
        application: &str,
    ) -> Result<Self, OpenError> {
        let (mut database, connection) = Self::reach(target, part, application).await?;
        let migrating = async { Ok(migrations::migrate(&connection, part).await) };
        let migrated = match database.while_it_answers(migrating).await {
            Ok(migrated) => migrated,
            Err(fault) => Err(silent(target, &fault)),
        };
        if let Err(error) = migrated {
            // Nobody knows what is open on it.
            drop(Object::take(connection));
            return Err(error);
        }
        drop(connection);
        let completing = tokio::spawn(sums::complete(database.clone(), part));
        database.sums = Some(Arc::new(Ended(completing)));
        Ok(database)
    }

    /// Connects, whatever is there: the connection for writing.
    pub(crate) async fn reach(
        target: &Target,
        part: &'static Part,
        application: &str,
    ) -> Result<(Self, Connection), OpenError> {
        let database = Self {
            readers: pool(target, part, (application, READERS))?,
            writer: pool(target, part, (application, 1))?,
            sums: None,
        };
        let connection = database.writer.get().await;
        let connection = connection.map_err(|error| not_opened(target, error))?;
        Ok((database, connection))
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
            sums: None,
        };
        let connection = database.readers.get().await;
        let connection = connection.map_err(|error| not_opened(target, error))?;
        let asked = migrations::other_version(&connection, part);
        let Ok(version) = tokio::time::timeout(ANSWER_MAX, asked).await else {
            return Err(silent(target, &Fault::Silence));
        };
        match version? {
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

impl Database {
    /// For work that may take long, for as long as the server answers others: a migration of much, or behind another process's.
    pub(crate) async fn while_it_answers<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let silence = async {
            loop {
                tokio::time::sleep(LOOK).await;
                let asked = tokio::time::timeout(ANSWER_MAX, self.answers()).await;
                if !matches!(asked, Ok(Ok(()))) {
                    return Fault::Silence;
                }
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            fault = silence => Err(fault),
        }
    }

    /// Looks at the sums of a part's rows, in one snapshot.
    pub(crate) async fn examine(&self, part: &Part) -> Result<RowsExamined, Error> {
        let connection = self.reader().await?;
        let examining = async {
            connection.batch_execute(SNAPSHOT).await?;
            sums::examine(&connection, part).await
        };
        let examined = self.while_it_answers(examining).await;
        // Its transaction is open.
        drop(Object::take(connection));
        examined.map_err(|fault| fault.about("row"))
    }

    async fn answers(&self) -> Result<(), Error> {
        let connection = self.reader().await?;
        let asked = tokio::time::timeout(ANSWER_MAX / 2, connection.simple_query("SELECT 1")).await;
        let asked = asked.map(|asked| asked.map(|_| ()).map_err(Fault::from));
        settled(asked, connection, "answer")
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

fn silent(target: &Target, fault: &Fault) -> OpenError {
    OpenError::Unreachable {
        place: target.place(),
        reason: fault.to_string(),
    }
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
            } else if is_untrusted(&error) {
                OpenError::Untrusted { place }
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
