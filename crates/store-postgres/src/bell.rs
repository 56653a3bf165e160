//! The bell: gateways tell each other of arrivals with `NOTIFY`, so that lists that wait need not wait for their next look.
//!
//! A hint and no more: what is lost is found by the next look. So it is sent apart from the transaction it tells of, at most so often,
//! and without waiting for the disk.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_model::submission::State;
use amtsbote_store::{Batch, Change};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client};

use crate::Target;
use crate::database::{ANSWER_MAX, Database};
use crate::target::Heard;

const RING: &str = "BEGIN; SET LOCAL synchronous_commit = off; NOTIFY amtsbote_arrivals; COMMIT";
const LISTEN: &str = "LISTEN amtsbote_arrivals";
/// Between two rings, at least.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks whether the server is still there.
const LOOK: Duration = Duration::from_secs(10);
/// Until the next try to listen.
const RETRY: Duration = Duration::from_secs(2);

/// Rings and listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Bell {
    rung: Arc<Notify>,
    heard: Arc<Notify>,
    tasks: [JoinHandle<()>; 2],
}

impl Bell {
    pub(crate) fn start(target: &Target, database: Database) -> Self {
        let (rung, heard) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let tasks = [
            tokio::spawn(ring(database, rung.clone())),
            tokio::spawn(listen(target.clone(), heard.clone())),
        ];
        Self { rung, heard, tasks }
    }

    /// What the writer rings.
    pub(crate) fn cord(&self) -> Arc<Notify> {
        self.rung.clone()
    }

    pub(crate) async fn heard(&self) {
        self.heard.notified().await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Whether somebody may wait for what a batch brings.
pub(crate) fn is_arrival(batch: &Batch) -> bool {
    batch.0.iter().any(|change| match change {
        Change::Move { to, .. } => *to == State::Submitted,
        Change::Announce(submission) => submission.state == State::Submitted,
        Change::AnnounceReply(reply) => reply.state == State::Submitted,
        Change::OpenCase(_)
        | Change::Attach { .. }
        | Change::Fill { .. }
        | Change::ExpectAttachments { .. }
        | Change::Append(_)
        | Change::Erase { .. }
        | Change::PutDestination { .. }
        | Change::DropDestination(_)
        | Change::PutKey { .. }
        | Change::Remember(_)
        | Change::Enqueue(_)
        | Change::Postpone { .. }
        | Change::Dequeue(_)
        | Change::Upkeep(_) => false,
    })
}

async fn ring(database: Database, rung: Arc<Notify>) {
    loop {
        rung.notified().await;
        // Whoever does not hear it looks again by itself.
        if let Ok(connection) = database.reader().await {
            let rung = timeout(ANSWER_MAX, connection.batch_execute(RING)).await;
            if !matches!(rung, Ok(Ok(()))) {
                drop(deadpool::managed::Object::take(connection));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(target: Target, heard: Arc<Notify>) {
    loop {
        if let Ok((client, connection)) = target.connect("amtsbote bell").await {
            let hear = async {
                match connection {
                    Heard::Plain(mut connection) => {
                        while let Some(Ok(message)) = poll_fn(|c| connection.poll_message(c)).await
                        {
                            tell(&message, &heard);
                        }
                    }
                    Heard::Tls(mut connection) => {
                        while let Some(Ok(message)) = poll_fn(|c| connection.poll_message(c)).await
                        {
                            tell(&message, &heard);
                        }
                    }
                }
            };
            // Without its connection the command would never be answered.
            tokio::select! {
                () = hear => {}
                () = keep_listening(&client) => {}
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Until the server does not answer any more: a connection that only listens would not notice.
async fn keep_listening(client: &Client) {
    let mut ask = LISTEN;
    while let Ok(Ok(())) = timeout(ANSWER_MAX, client.batch_execute(ask)).await {
        tokio::time::sleep(LOOK).await;
        ask = "SELECT 1";
    }
}

fn tell(message: &AsyncMessage, heard: &Notify) {
    if matches!(message, AsyncMessage::Notification(_)) {
        heard.notify_one();
    }
}
