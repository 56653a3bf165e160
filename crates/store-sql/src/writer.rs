//! The one thread that writes to a database.
//!
//! ```text
//!  submit ──try_send──► bounded queue ──all that is there──► group::commit ──► answers
//!             └ full: Unavailable, ask again in a second          └ health unknown: refuse from now on
//! ```
//!
//! While a group is fsynced the next one gathers in the queue, so the more there is to do, the cheaper each becomes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use amtsbote_store::Error;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::group::{self, Health, Job};

/// Jobs that may wait; one more is refused.
pub(crate) const QUEUE_MAX: usize = 1024;
const GROUP_MAX: usize = 256;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Pause before the log is emptied again, if that failed and nothing is written.
const EMPTY_AGAIN: Duration = Duration::from_secs(1);

type Answer<J> = Result<<J as Job>::Answer, Error>;
type Waiting<J> = (J, oneshot::Sender<Answer<J>>);

/// Writes until it is dropped; dropping waits for what is queued.
pub(crate) struct Writer<J: Job> {
    queue: Option<SyncSender<Waiting<J>>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Job> Writer<J> {
    /// Starts the thread. The queue holds `queue_max` jobs.
    pub(crate) fn start(database: Connection, queue_max: usize) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(queue_max);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write(&database, &jobs))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Writes, and answers when it is durable. A caller that stops waiting does not stop the job.
    pub(crate) async fn submit(&self, job: J) -> Answer<J> {
        let (sender, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        match queue.try_send((job, sender)) {
            Ok(()) => answer.await.map_err(|_| stopped())?,
            Err(TrySendError::Full(_)) => Err(Error::Unavailable {
                reason: "too many writes are waiting".into(),
                retry_after: Some(RETRY_AFTER),
            }),
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }
}

impl<J: Job> Drop for Writer<J> {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread panicked");
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable {
        reason: "the writer has stopped".into(),
        retry_after: None,
    }
}

fn closed() -> Error {
    Error::Unavailable {
        reason: "closed for writing after a failed commit; start again".into(),
        retry_after: None,
    }
}

fn write<J: Job>(database: &Connection, queue: &Receiver<Waiting<J>>) {
    let mut health = Health::Good;
    // A process that was killed may have left erased content in the log.
    let mut log_holds_erased = true;
    loop {
        let first = match next(queue, log_holds_erased.then_some(EMPTY_AGAIN)) {
            Next::Job(first) => first,
            Next::Quiet => {
                log_holds_erased = health == Health::Good && !emptied_log(database);
                continue;
            }
            Next::End => return,
        };
        let mut waiting = vec![first];
        waiting.extend(queue.try_iter().take(GROUP_MAX - 1));
        let idle = waiting.len() < GROUP_MAX;
        let (jobs, senders): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        match health {
            Health::Good => {
                log_holds_erased |= jobs.iter().any(Job::erases);
                let settled = group::commit(database, jobs);
                health = settled.health;
                for (sender, answer) in senders.into_iter().zip(settled.answers) {
                    // Whoever asked may have gone.
                    drop(sender.send(answer));
                }
                if idle && log_holds_erased && health == Health::Good {
                    log_holds_erased = !emptied_log(database);
                }
            }
            Health::Unknown => {
                for sender in senders {
                    drop(sender.send(Err(closed())));
                }
            }
        }
    }
}

enum Next<T> {
    Job(T),
    /// Nothing came within the time.
    Quiet,
    End,
}

fn next<T>(queue: &Receiver<T>, patience: Option<Duration>) -> Next<T> {
    let Some(patience) = patience else {
        return queue.recv().map_or(Next::End, Next::Job);
    };
    match queue.recv_timeout(patience) {
        Ok(job) => Next::Job(job),
        Err(RecvTimeoutError::Timeout) => Next::Quiet,
        Err(RecvTimeoutError::Disconnected) => Next::End,
    }
}

/// Erased content still stands in the write-ahead log until that is written over: empty it. While somebody reads, it
/// stays, and is emptied after a later group or a while.
fn emptied_log(database: &Connection) -> bool {
    let busy = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0)
    });
    busy == Ok(0)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rusqlite::ErrorCode;

    use super::*;
    use crate::group::Outcome;

    /// A job that does what it is told.
    enum Told {
        Sql(&'static str),
        Undo(&'static str),
        Unreadable,
        /// Says that it has begun, and waits to be let go.
        Wait(mpsc::Sender<()>, mpsc::Receiver<()>),
    }

    impl Job for Told {
        type Answer = ();

        fn run(self, database: &Connection) -> rusqlite::Result<Outcome<()>> {
            match self {
                Self::Sql(sql) => database.execute_batch(sql).map(Outcome::Keep),
                Self::Undo(sql) => database.execute_batch(sql).map(Outcome::Undo),
                Self::Unreadable => Err(crate::columns::malformed()),
                Self::Wait(begun, go) => {
                    begun.send(()).unwrap();
                    go.recv().unwrap();
                    Ok(Outcome::Keep(()))
                }
            }
        }

        fn erases(&self) -> bool {
            false
        }
    }

    const INSERT: Told = Told::Sql("INSERT INTO t (x) VALUES (1)");
    const ORPHAN: Told =
        Told::Sql("PRAGMA defer_foreign_keys = ON; INSERT INTO child (t) VALUES (99)");
    const LARGE: Told = Told::Sql("INSERT INTO t (x) VALUES (zeroblob(1000000))");

    fn database(folder: &tempfile::TempDir) -> Connection {
        let database = Connection::open(folder.path().join("test.db")).unwrap();
        let sql = "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;
            CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, x ANY NOT NULL);
            CREATE TABLE IF NOT EXISTS child (t REFERENCES t (id));";
        database.execute_batch(sql).unwrap();
        database
    }

    fn rows(folder: &tempfile::TempDir) -> i64 {
        let database = database(folder);
        let count = "SELECT count(*) FROM t";
        database.query_row(count, [], |row| row.get(0)).unwrap()
    }

    /// Holds the writer with a first job, queues the jobs behind it so that they become one group, and lets go.
    async fn in_one_group(writer: &Writer<Told>, jobs: Vec<Told>) -> Vec<Answer<Told>> {
        let (begun, has_begun) = mpsc::channel();
        let (let_go, go) = mpsc::channel();
        let mut answers = Vec::new();
        for job in std::iter::once(Told::Wait(begun, go)).chain(jobs) {
            let mut answer = Box::pin(writer.submit(job));
            // The first poll queues it.
            assert!(poll_once(&mut answer).is_none());
            if answers.is_empty() {
                has_begun.recv().unwrap();
            }
            answers.push(answer);
        }
        let_go.send(()).unwrap();
        let mut settled = Vec::new();
        for answer in answers.into_iter().skip(1) {
            settled.push(answer.await);
        }
        settled
    }

    fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }

    fn is_unavailable(answer: &Answer<Told>) -> bool {
        matches!(answer, Err(Error::Unavailable { .. }))
    }

    #[tokio::test]
    async fn a_refused_or_unreadable_job_leaves_its_group_alone() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(&folder), 10).unwrap();
        let undone = Told::Undo("INSERT INTO t (x) VALUES (2), (3)");
        let broken = Told::Sql("INSERT INTO t (x) VALUES (4); INSERT INTO t (x) VALUES (NULL)");
        let jobs = vec![INSERT, undone, Told::Unreadable, broken, INSERT];
        let answers = in_one_group(&writer, jobs).await;
        assert!(matches!(
            answers[..],
            [
                Ok(()),
                Ok(()),
                Err(Error::Unreadable { .. }),
                Err(Error::Unreadable { .. }),
                Ok(())
            ]
        ));
        assert_eq!(rows(&folder), 2);
    }

    #[tokio::test]
    async fn after_a_failed_commit_all_of_the_group_is_gone_and_the_writer_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(&folder), 10).unwrap();
        let answers = in_one_group(&writer, vec![INSERT, ORPHAN, INSERT]).await;
        assert!(answers.iter().all(is_unavailable), "{answers:?}");
        assert!(is_unavailable(&writer.submit(INSERT).await));
        assert_eq!(rows(&folder), 0);

        drop(writer);
        let again = Writer::start(database(&folder), 10).unwrap();
        again.submit(INSERT).await.unwrap();
        assert_eq!(rows(&folder), 1);
    }

    #[tokio::test]
    async fn a_full_disk_refuses_the_group_and_passes() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        database
            .execute_batch("PRAGMA max_page_count = 20")
            .unwrap();
        let writer = Writer::start(database, 10).unwrap();
        let answers = in_one_group(&writer, vec![INSERT, LARGE, INSERT]).await;
        assert!(answers.iter().all(is_unavailable), "{answers:?}");
        assert!(matches!(
            answers[0],
            Err(Error::Unavailable {
                retry_after: Some(_),
                ..
            })
        ));
        assert_eq!(rows(&folder), 0);
        writer.submit(INSERT).await.unwrap();
        let room = Told::Sql("PRAGMA max_page_count = 10000");
        writer.submit(room).await.unwrap();
        writer.submit(LARGE).await.unwrap();
        assert_eq!(rows(&folder), 2);
    }

    #[tokio::test]
    async fn a_full_queue_asks_to_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(&folder), 2).unwrap();
        let jobs = vec![INSERT, INSERT];
        let (begun, has_begun) = mpsc::channel();
        let (let_go, go) = mpsc::channel();
        let mut first = Box::pin(writer.submit(Told::Wait(begun, go)));
        assert!(poll_once(&mut first).is_none());
        has_begun.recv().unwrap();
        let mut waiting: Vec<_> = jobs
            .into_iter()
            .map(|job| Box::pin(writer.submit(job)))
            .collect();
        for job in &mut waiting {
            assert!(poll_once(job).is_none());
        }
        let refused = writer.submit(INSERT).await;
        assert!(matches!(
            refused,
            Err(Error::Unavailable {
                retry_after: Some(RETRY_AFTER),
                ..
            })
        ));
        let_go.send(()).unwrap();
        first.await.unwrap();
        for job in waiting {
            job.await.unwrap();
        }
        assert_eq!(rows(&folder), 2);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_does_not_take_its_job_along() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(database(&folder), 10).unwrap();
        let mut gone = Box::pin(writer.submit(INSERT));
        // Whether it is answered already does not matter.
        drop(poll_once(&mut gone));
        drop(gone);
        // Dropping waits for what is queued.
        drop(writer);
        assert_eq!(rows(&folder), 1);
    }

    #[test]
    fn reasons_hold_no_values() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        let sql = "INSERT INTO t (id, x) VALUES (1, 'marked'); INSERT INTO t (id, x) VALUES (1, 'marked')";
        let error = database.execute_batch(sql).unwrap_err();
        assert_eq!(
            error.sqlite_error_code(),
            Some(ErrorCode::ConstraintViolation)
        );
        let reason = crate::columns::sqlite_reason(&error);
        assert!(
            reason.starts_with("SQLite: ") && !reason.contains("marked"),
            "{reason}"
        );
    }
}
