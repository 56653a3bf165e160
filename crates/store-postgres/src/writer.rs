//! The one task of a process that writes: batches in groups, one transaction a group.
//!
//! All statements of a group are sent at once and their verdicts read in order. If all are done, it is committed; if one is
//! refused, the group is taken back and done again batch by batch, each in a savepoint.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use amtsbote_store::{Batch, Committed, Conflict, Error};
use deadpool::managed::Object;
use deadpool_postgres::ClientWrapper;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::bell::is_arrival;
use crate::database::{COMMIT_MAX, Database};
use crate::fault::{Cause, Fault, unavailable};
use crate::gateway::changes::{Planned, plan, verdict};
use crate::gateway::locks::Locks;

/// Batches that may wait; one more is refused.
const QUEUE_MAX: usize = 1024;
const GROUP_MAX: usize = 256;
/// A group that got in another transaction's way is tried so often.
const TRIES_MAX: usize = 4;
/// `COMMIT` must not be cut short by a time limit: the server would stop waiting for its standby and say that it is done.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0";

type Answer = Result<Committed, Error>;
type Waiting = (Batch, oneshot::Sender<Answer>);

/// Writes until it is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Waiting>,
}

impl Writer {
    /// Rings when something arrived.
    pub(crate) fn start(database: Database, bell: Arc<Notify>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(write((database, bell), waiting));
        Self { queue }
    }

    /// Writes, and answers when it is durable. A caller that stops waiting does not stop the batch.
    pub(crate) async fn submit(&self, batch: Batch) -> Answer {
        let (sender, answer) = oneshot::channel();
        let queued = self.queue.try_send((batch, sender));
        queued.map_err(|_| unavailable("too many writes are waiting".into()))?;
        let stopped = |_| unavailable("the writer has stopped".into());
        answer.await.map_err(stopped)?
    }
}

async fn write((database, bell): (Database, Arc<Notify>), mut queue: mpsc::Receiver<Waiting>) {
    while let Some((batch, sender)) = queue.recv().await {
        let (mut batches, mut senders) = (vec![batch], vec![sender]);
        while batches.len() < GROUP_MAX {
            let Ok((batch, sender)) = queue.try_recv() else {
                break;
            };
            batches.push(batch);
            senders.push(sender);
        }
        let answers = settle(&database, &batches).await;
        let arrived = batches.iter().zip(&answers);
        let is_news = |(batch, answer): (&Batch, &Answer)| {
            matches!(answer, Ok(Committed::Done)) && is_arrival(batch)
        };
        if arrived.into_iter().any(is_news) {
            bell.notify_one();
        }
        for (sender, answer) in senders.into_iter().zip(answers) {
            // Whoever asked may have gone.
            drop(sender.send(answer));
        }
    }
}

async fn settle(database: &Database, batches: &[Batch]) -> Vec<Answer> {
    let all = |error: Error| batches.iter().map(|_| Err(error.clone())).collect();
    for tried in 1..=TRIES_MAX {
        let connection = match database.writer().await {
            Ok(connection) => connection,
            Err(error) => return all(error),
        };
        let done = tokio::time::timeout(COMMIT_MAX, group(&connection, batches)).await;
        let fault = match done {
            Ok(Ok(answers)) => return answers,
            Ok(Err(fault)) => fault,
            Err(_) => Fault::Silence,
        };
        // Nobody knows what is open on it; without it, the server takes back what was not committed.
        drop(Object::take(connection));
        if fault.cause() != Cause::Contention || tried == TRIES_MAX {
            return all(fault.about("batch"));
        }
    }
    all(unavailable("others were always faster".into()))
}

async fn group(client: &ClientWrapper, batches: &[Batch]) -> Result<Vec<Answer>, Fault> {
    let locks = Locks::of(batches);
    if together(client, &locks, batches).await? {
        return Ok(batches.iter().map(|_| Ok(Committed::Done)).collect());
    }
    one_by_one(client, &locks, batches).await
}

/// Whether all of it is committed; otherwise nothing is.
async fn together(client: &ClientWrapper, locks: &Locks, batches: &[Batch]) -> Result<bool, Fault> {
    client.batch_execute(BEGIN).await?;
    locks.take(client).await?;
    let mut known = locks.destinations(client).await?;
    let mut planned = Vec::new();
    for batch in batches {
        for change in &batch.0 {
            plan(change, &mut known, &mut planned)?;
        }
    }
    let is_done = match run(client, &planned).await {
        Ok(refusal) => refusal.is_none(),
        Err(fault) if fault.cause() == Cause::Values => false,
        Err(fault) => return Err(fault),
    };
    let end = if is_done {
        // The server takes back what was not committed.
        amtsbote_names::fail_point!(RowsWritten);
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    client.batch_execute(end).await?;
    if is_done {
        // Whoever asked has no answer and asks again.
        amtsbote_names::fail_point!(RowsCommitted);
    }
    Ok(is_done)
}

async fn one_by_one(
    client: &ClientWrapper,
    locks: &Locks,
    batches: &[Batch],
) -> Result<Vec<Answer>, Fault> {
    client.batch_execute(BEGIN).await?;
    locks.take(client).await?;
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        client.batch_execute("SAVEPOINT batch").await?;
        let own = Locks::of(std::slice::from_ref(batch));
        let mut known = own.destinations(client).await?;
        let mut planned = Vec::new();
        for change in &batch.0 {
            plan(change, &mut known, &mut planned)?;
        }
        let (answer, end) = match run(client, &planned).await {
            Ok(None) => (Ok(Committed::Done), "RELEASE batch"),
            Ok(Some(conflict)) => (Ok(Committed::Refused(conflict)), UNDO),
            Err(fault) if fault.cause() == Cause::Values => (Err(fault.about("row")), UNDO),
            Err(fault) => return Err(fault),
        };
        client.batch_execute(end).await?;
        answers.push(answer);
    }
    amtsbote_names::fail_point!(RowsWritten);
    client.batch_execute("COMMIT").await?;
    amtsbote_names::fail_point!(RowsCommitted);
    Ok(answers)
}

const UNDO: &str = "ROLLBACK TO batch; RELEASE batch";

type Rows<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + Send + 'a>>;

enum Sent<'a> {
    Open(Rows<'a>),
    Answered(Result<Vec<Row>, tokio_postgres::Error>),
    Refused(Conflict),
}

/// Sends all statements, then reads the answers in order: the first that is not *done* decides.
async fn run(client: &ClientWrapper, planned: &[Planned]) -> Result<Option<Conflict>, Fault> {
    let mut statements = Vec::with_capacity(planned.len());
    for planned in planned {
        statements.push(match planned {
            Planned::Refuse(_) => None,
            Planned::Run { sql, .. } => Some(client.prepare_cached(sql).await?),
        });
    }
    let mut sent = Vec::with_capacity(planned.len());
    for (planned, statement) in planned.iter().zip(&statements) {
        sent.push(match (planned, statement) {
            (Planned::Run { values, .. }, Some(statement)) => {
                let mut rows: Rows<'_> = Box::pin(async move {
                    let values: Vec<&(dyn ToSql + Sync)> =
                        values.iter().map(|value| value.as_ref() as _).collect();
                    client.query(statement, &values).await
                });
                // The first poll sends it; its answer is waited for below.
                match rows.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(answer) => Sent::Answered(answer),
                    Poll::Pending => Sent::Open(rows),
                }
            }
            (Planned::Refuse(conflict), _) => Sent::Refused(*conflict),
            (Planned::Run { .. }, None) => return Err(Fault::Malformed),
        });
    }
    let mut first = Ok(None);
    for (planned, sent) in planned.iter().zip(sent) {
        let answer = match sent {
            Sent::Open(rows) => rows.await,
            Sent::Answered(answer) => answer,
            Sent::Refused(conflict) => {
                if matches!(first, Ok(None)) {
                    first = Ok(Some(conflict));
                }
                continue;
            }
        };
        if matches!(first, Ok(None)) {
            first = match (answer, planned) {
                (Ok(rows), Planned::Run { if_none, .. }) => verdict(&rows, *if_none),
                (Ok(_), Planned::Refuse(conflict)) => Ok(Some(*conflict)),
                (Err(error), _) => Err(error.into()),
            };
        }
    }
    first
}
