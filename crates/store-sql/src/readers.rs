//! A few read-only connections, used one reader at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use amtsbote_store::Error;
use rusqlite::{Connection, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::columns::read_fault;
use crate::{OpenError, database};

const READERS: usize = 4;

/// The connections that are free.
pub(crate) struct Readers {
    free: Arc<Free>,
    permits: Arc<Semaphore>,
}

#[derive(Default)]
struct Free(Mutex<Vec<Connection>>);

/// Gives its connection back, also when the reader panics.
struct Borrowed {
    connection: Option<Connection>,
    to: Arc<Free>,
    _permit: OwnedSemaphorePermit,
}

impl Free {
    fn take(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, connection: Connection) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(connection);
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.to.give(connection);
        }
    }
}

impl Readers {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let free = Free::default();
        for _ in 0..READERS {
            free.give(database::open_reader(path)?);
        }
        Ok(Self {
            free: Arc::new(free),
            permits: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Reads in one transaction, so that all of `read` sees the same moment.
    pub(crate) async fn read<T, F>(&self, kind: &'static str, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.map_err(|_| stopped())?;
        let to = Arc::clone(&self.free);
        let job = tokio::task::spawn_blocking(move || {
            let mut borrowed = Borrowed {
                connection: to.take(),
                to,
                _permit: permit,
            };
            let connection = borrowed.connection.as_mut().ok_or_else(stopped)?;
            let transaction = connection.transaction();
            let transaction = transaction.map_err(|error| read_fault(kind, &error))?;
            read(&transaction).map_err(|error| read_fault(kind, &error))
        });
        job.await.map_err(|_| stopped())?
    }
}

fn stopped() -> Error {
    Error::Unavailable {
        reason: "the readers have stopped".into(),
        retry_after: None,
    }
}
