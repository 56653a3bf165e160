//! The worker: asks the own state what is due and moves it on, a few deliveries at a time.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_jose::random_bytes;
use amtsbote_model::delivery::{Cause, Circumstances, Delivery, Event, Jitter};
use amtsbote_model::{DestinationId, SubmissionId};
use amtsbote_store::{DeliveryRow, Error as StoreError, Swapped};
use futures_util::FutureExt as _;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use crate::delivery::failure;
use crate::{Parts, Served};

/// Time for deliveries in hand when stopping.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// Rows looked at in one go: more than slots, so that one stuck destination does not hide the others.
const PAGE_ROWS: u32 = 256;
/// Rows that one [`Agent::run_once`] works on, at most.
const ROUND_ROWS: u32 = 10_000;
/// How often a failing store is asked to keep what has happened, with pauses between.
const SETTLE_TRIES: u32 = 5;

/// Brings submissions into procedures until told to stop.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) news: Notify,
    slots: Arc<Semaphore>,
    in_hand: Mutex<HashMap<SubmissionId, DestinationId>>,
}

impl Agent {
    /// An agent; makes no call yet.
    pub fn new(parts: Parts) -> Self {
        let slots = Arc::new(Semaphore::new(parts.policy.concurrency.max(1)));
        Self(Arc::new(Inner {
            parts,
            news: Notify::new(),
            slots,
            in_hand: Mutex::default(),
        }))
    }

    /// Runs until `stop` resolves; then finishes what is in hand, for 20 seconds at most.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = async {
                self.0.recover().await;
                tokio::join!(self.0.listen(), self.0.work(&mut tasks), self.0.bring_back());
            } => {}
            () = stop => {}
        }
        if tokio::time::timeout(DRAIN_MAX, drain(&mut tasks))
            .await
            .is_err()
        {
            // Dropped in the middle is the same as killed: the next start goes on from what is stored.
            tracing::warn!("some deliveries were still under way at the end of the drain time");
        }
    }

    /// One look at the service and at the ways in, one round over everything due, each row at most once; for tests and scripts. Tells
    /// how many deliveries were worked on.
    pub async fn run_once(&self) -> Result<usize, Fault> {
        self.0.look(Duration::ZERO).await?;
        let now = self.0.parts.clock.now();
        let rows = self.0.parts.deliveries.due(now, ROUND_ROWS).await;
        let rows = rows.unwrap_or_else(|error| {
            log_store(&error);
            Vec::new()
        });
        let (mut tasks, mut worked) = (JoinSet::new(), 0);
        for row in rows {
            let Ok(slot) = self.0.slots.clone().acquire_owned().await else {
                break;
            };
            if let Some(in_hand) = InHand::take(&self.0, &row) {
                worked += 1;
                tasks.spawn(in_hand.work(row, slot));
            }
        }
        drain(&mut tasks).await;
        self.0.bring_back_once().await;
        Ok(worked)
    }

    /// Ends leases that the last process left behind and sweeps its spool. The own state belongs to one process at a
    /// time, so nobody can hold them. [`Agent::run`] begins with it.
    pub async fn recover(&self) {
        self.0.recover().await;
    }
}

async fn drain(tasks: &mut JoinSet<()>) {
    while let Some(done) = tasks.join_next().await {
        log_lost(&done);
    }
}

/// Panics are caught inside the task. Never print the error: it holds the panic's text, which may hold content.
fn log_lost(done: &Result<(), JoinError>) {
    if done.is_err() {
        tracing::error!("a task ended with a fault; its delivery goes on when its lease ends");
    }
}

impl Inner {
    pub(crate) fn served(&self, id: DestinationId) -> Option<&Served> {
        self.parts
            .destinations
            .iter()
            .find(|served| served.id == id)
    }

    pub(crate) fn around(&self) -> Circumstances {
        let [byte] = random_bytes::<1>();
        Circumstances {
            policy: self.parts.policy.retry,
            jitter: Jitter::from_byte(byte),
            now: self.parts.clock.now(),
        }
    }

    /// Takes `row` to its next state. `None`: somebody else did, or the store failed (logged); the row stays as it is
    /// and is due again.
    pub(crate) async fn advance(&self, row: &DeliveryRow, event: Event) -> Option<DeliveryRow> {
        self.swap(row, event).await.unwrap_or_else(|error| {
            log_store(&error);
            None
        })
    }

    /// As [`Inner::advance`] for what has happened already and should not happen again: a failing store is asked a few
    /// times. If it stays down, the lease ends and the try is repeated.
    pub(crate) async fn settle(&self, row: &DeliveryRow, event: Event) -> Option<DeliveryRow> {
        for _ in 1..SETTLE_TRIES {
            match self.swap(row, event.clone()).await {
                Ok(found) => return found,
                Err(error) => log_store(&error),
            }
            tokio::time::sleep(self.parts.policy.pause).await;
        }
        self.advance(row, event).await
    }

    pub(crate) async fn swap(
        &self,
        row: &DeliveryRow,
        event: Event,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        let delivery = match row.delivery.clone().step(event, &self.around()) {
            Ok(delivery) => delivery,
            Err(illegal) => {
                tracing::error!(submission.id = %row.submission_id, "{illegal}");
                return Ok(None);
            }
        };
        let (id, revision) = (row.submission_id, row.revision);
        match self
            .parts
            .deliveries
            .swap(id, revision, delivery.clone())
            .await?
        {
            Swapped::Done => Ok(Some(DeliveryRow {
                delivery,
                revision: revision + 1,
                ..row.clone()
            })),
            Swapped::Stale => Ok(None),
        }
    }

    async fn recover(&self) {
        match self.parts.spool.list().await {
            Ok(blobs) => {
                for blob in blobs {
                    if let Err(error) = self.parts.spool.delete(&blob).await {
                        log_store(&error);
                    }
                }
            }
            Err(error) => log_store(&error),
        }
        for row in self.in_state("leased").await {
            self.advance(&row, Event::LeaseEnded).await;
        }
        // Settings, rights and packages are mended between two starts. What killed its worker stays parked, or it would
        // kill the process at every start.
        for row in self.in_state("parked").await {
            if let Delivery::Parked { cause, .. } = &row.delivery
                && cause.may_be_mended_by_settings()
            {
                self.advance(&row, Event::Released).await;
            }
        }
    }

    async fn in_state(&self, name: &str) -> Vec<DeliveryRow> {
        let rows = self.parts.deliveries.in_state(name, u32::MAX).await;
        rows.unwrap_or_else(|error| {
            log_store(&error);
            Vec::new()
        })
    }

    async fn work(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        loop {
            self.start_due(tasks).await;
            tokio::select! {
                () = self.news.notified() => {}
                Some(done) = tasks.join_next(), if !tasks.is_empty() => log_lost(&done),
                () = tokio::time::sleep(self.parts.policy.pause) => {}
            }
            while let Some(done) = tasks.try_join_next() {
                log_lost(&done);
            }
        }
    }

    /// Starts what is due, as far as there are slots; waits for none.
    async fn start_due(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        if self.slots.available_permits() == 0 {
            return;
        }
        let now = self.parts.clock.now();
        let rows = match self.parts.deliveries.due(now, PAGE_ROWS).await {
            Ok(rows) => rows,
            Err(error) => return log_store(&error),
        };
        for row in rows {
            if !self.has_room(row.destination_id) {
                continue;
            }
            let Ok(slot) = self.slots.clone().try_acquire_owned() else {
                return;
            };
            if let Some(in_hand) = InHand::take(self, &row) {
                tasks.spawn(in_hand.work(row, slot));
            }
        }
    }

    /// Where several destinations are served, none takes more than half of the slots: a procedure that does not answer
    /// must not hold up the others.
    fn has_room(&self, destination: DestinationId) -> bool {
        if self.parts.destinations.len() < 2 {
            return true;
        }
        let share = self.parts.policy.concurrency.div_ceil(2).max(1);
        let in_hand = self.in_hand();
        in_hand.values().filter(|id| **id == destination).count() < share
    }

    fn in_hand(&self) -> MutexGuard<'_, HashMap<SubmissionId, DestinationId>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: the row could not be moved.
    async fn next_step(self: &Arc<Self>, row: DeliveryRow) -> Option<DeliveryRow> {
        match row.delivery {
            Delivery::Waiting { .. } => {
                let until = self.parts.clock.now().plus(self.parts.policy.lease);
                let row = self.advance(&row, Event::Claimed { until }).await?;
                self.deliver(row).await
            }
            Delivery::Leased { .. } => self.advance(&row, Event::LeaseEnded).await,
            Delivery::Decided { .. } => self.post(row).await,
            Delivery::Done { .. } | Delivery::Parked { .. } => Some(row),
        }
    }

    /// A message that kills its worker runs out of tries like any other, and at once.
    async fn after_panic(&self, id: SubmissionId) {
        tracing::error!(submission.id = %id, "the delivery of {id} ended with a fault of ours");
        let row = match self.parts.deliveries.find(id).await {
            Ok(row) => row,
            Err(error) => return log_store(&error),
        };
        let Some(row) = row else { return };
        let event = match row.delivery {
            Delivery::Leased { .. } => Event::LeaseEnded,
            Delivery::Decided { .. } => Event::Failed(failure(Cause::Internal)),
            Delivery::Waiting { .. } | Delivery::Done { .. } | Delivery::Parked { .. } => return,
        };
        self.settle(&row, event).await;
    }
}

pub(crate) fn log_store(error: &StoreError) {
    tracing::error!(error = %error, "the agent's own state could not be used: {error}");
}

/// A submission that this process works on; given back when dropped, also by a panic.
struct InHand {
    inner: Arc<Inner>,
    id: SubmissionId,
}

impl InHand {
    fn take(inner: &Arc<Inner>, row: &DeliveryRow) -> Option<Self> {
        let id = row.submission_id;
        let mut in_hand = inner.in_hand();
        if in_hand.contains_key(&id) {
            return None;
        }
        in_hand.insert(id, row.destination_id);
        drop(in_hand);
        Some(Self {
            inner: inner.clone(),
            id,
        })
    }

    async fn work(self, row: DeliveryRow, slot: OwnedSemaphorePermit) {
        let inner = &self.inner;
        let worked = AssertUnwindSafe(inner.next_step(row)).catch_unwind().await;
        let is_stuck = match worked {
            Ok(moved) => moved.is_none(),
            Err(_panic) => {
                let after = AssertUnwindSafe(inner.after_panic(self.id)).catch_unwind();
                after.await.is_err()
            }
        };
        if is_stuck {
            // The row is due again at once: without a pause, a failing store would be asked without end.
            tokio::time::sleep(inner.parts.policy.pause).await;
        }
        drop(slot);
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.inner.in_hand().remove(&self.id);
    }
}
