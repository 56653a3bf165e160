//! The worker: claims what is due in the own state and moves it on, a few deliveries at a time.

mod claim;
mod leases;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_jose::random_bytes;
use amtsbote_model::delivery::{Cause, Circumstances, Delivery, Event, Jitter};
use amtsbote_model::{DestinationId, SubmissionId, WorkerId};
use amtsbote_store::{DeliveryRow, Error as StoreError, Sharing, Swapped};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use crate::backlog::Backlog;
use crate::circuit::{Circuits, Heard, Moment, Side, Turn};
use crate::delivery::failure;
use crate::hands::{Hands, InHand};
use crate::memory::Memory;
use crate::put_off::Returned;
use crate::service::{DeliveryService, FitConnect};
use crate::{Parts, Served};

/// Time for deliveries in hand when stopping.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// Time to give leases back after that.
const RETURN_MAX: Duration = Duration::from_secs(2);
/// Rows moved side by side where many are moved: as many as the store writes in one go.
const SIDE_BY_SIDE: usize = 256;
/// How often a failing store is asked to keep what has happened, with pauses between.
const SETTLE_TRIES: u32 = 5;

/// Random bytes; a simulation throws its own.
pub(crate) type Dice = Box<dyn Fn() -> [u8; 16] + Send + Sync>;

/// Brings submissions into procedures until told to stop.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) service: Box<dyn DeliveryService>,
    dice: Dice,
    pub(crate) news: Notify,
    pub(crate) backlog: Backlog,
    slots: Arc<Semaphore>,
    pub(crate) memory: Memory,
    pub(crate) worker: WorkerId,
    pub(crate) hands: Arc<Hands>,
    circuits: Circuits,
    pub(crate) returned: Returned,
    turn: AtomicUsize,
    /// Looks in a row at which the store failed.
    failed_looks: AtomicU32,
    /// What this process does alone, of all that share the state.
    pub(crate) turns: Mutex<BTreeSet<String>>,
}

impl Agent {
    /// An agent; makes no call yet.
    pub fn new(parts: Parts) -> Self {
        Self::assembled(parts, Box::new(FitConnect), Box::new(random_bytes))
    }

    pub(crate) fn assembled(parts: Parts, service: Box<dyn DeliveryService>, dice: Dice) -> Self {
        let slots = Arc::new(Semaphore::new(parts.policy.concurrency.max(1)));
        let memory = Memory::of(parts.policy.contents_max_kib);
        Self(Arc::new(Inner {
            parts,
            service,
            news: Notify::new(),
            backlog: Backlog::default(),
            slots,
            memory,
            // A random UUID, version 4 (RFC 9562 §5.4).
            worker: WorkerId::from_uuid(uuid::Builder::from_random_bytes(dice()).into_uuid()),
            hands: Arc::default(),
            circuits: Circuits::default(),
            returned: Returned::default(),
            turn: AtomicUsize::new(0),
            dice,
            failed_looks: AtomicU32::new(0),
            turns: Mutex::default(),
        }))
    }

    /// Runs until `stop` resolves; then finishes what is in hand, for 20 seconds at most.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let mut tasks = JoinSet::new();
        tokio::select! {
            biased;
            () = async {
                self.0.recover().await;
                tokio::join!(
                    self.0.listen(),
                    self.0.listen_apart(),
                    self.0.work(&mut tasks),
                    self.0.bring_back(),
                    self.0.renew(),
                    self.0.watch(),
                    self.0.bring_forward(),
                    self.0.reprieve()
                );
            } => {}
            () = stop => {}
        }
        // If that fails, others wait for the end of the leases.
        drop(tokio::time::timeout(RETURN_MAX, self.0.leave_all()).await);
        let drained = async {
            tokio::select! {
                biased;
                () = drain(&mut tasks) => {}
                () = self.0.renew() => {}
            }
        };
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
            tracing::warn!("some deliveries were still under way at the end of the drain time");
            let held = self.0.hands.all();
            tasks.shutdown().await;
            // What cannot be given back is taken over when its lease ends.
            let returned = self.0.give_back(held.into_iter());
            drop(tokio::time::timeout(RETURN_MAX, returned).await);
        }
        drop(tokio::time::timeout(RETURN_MAX, self.0.leave_all()).await);
    }

    /// One look at the service and at the ways in, one round over everything due, each row at most once; for tests and scripts. Tells
    /// how many deliveries were worked on.
    pub async fn run_once(&self) -> Result<usize, Fault> {
        self.0.look(Duration::ZERO).await?;
        // What fails now is due later than this.
        let now = self.0.parts.clock.now();
        let (mut tasks, mut worked) = (JoinSet::new(), 0);
        let round = async {
            loop {
                let began = self.0.start_due(&mut tasks, now).await;
                worked += began;
                match tasks.join_next().await {
                    Some(done) => log_lost(&done),
                    None if began == 0 => break,
                    None => {}
                }
            }
        };
        tokio::select! {
            biased;
            () = round => {}
            () = self.0.renew() => {}
        }
        self.0.bring_back_once().await;
        Ok(worked)
    }

    /// Sweeps the spool that the last process left behind, ends its leases where nobody else can hold them
    /// ([`Sharing`]), and releases what other settings may have mended. [`Agent::run`] begins with it.
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
        Circumstances {
            policy: self.parts.policy.retry,
            jitter: Jitter::from_byte((self.dice)()[0]),
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
        self.name_strangers().await;
        match self.others() {
            Sharing::Sole => self.end_leases().await,
            Sharing::Shared => {}
        }
        // Settings, rights and packages are mended between two starts. What killed its worker stays parked, or it would
        // kill the process at every start.
        let mut parked = self.in_state("parked").await;
        parked.retain(|row| {
            matches!(&row.delivery, Delivery::Parked { cause, .. } if cause.may_be_mended_by_settings())
        });
        self.move_all(&parked, &Event::Released).await;
    }

    pub(crate) async fn move_all(&self, rows: &[DeliveryRow], event: &Event) {
        for some in rows.chunks(SIDE_BY_SIDE) {
            join_all(some.iter().map(|row| self.advance(row, event.clone()))).await;
        }
    }

    /// Deliveries of destinations that the settings no longer name wait for ever, unless another process serves them.
    async fn name_strangers(&self) {
        let tally = self.parts.deliveries.tally().await;
        let tally = tally.unwrap_or_else(|error| {
            log_store(&error);
            Vec::new()
        });
        for group in tally {
            if self.served(group.destination_id).is_none() {
                tracing::warn!(destination.id = %group.destination_id,
                    "{} deliveries are {} for a destination that is not served here", group.count, group.state);
            }
        }
    }

    /// Back to the store, for others: no fault of the deliveries.
    pub(crate) async fn give_back(&self, ids: impl Iterator<Item = SubmissionId>) {
        for id in ids {
            if let Ok(Some(row)) = self.parts.deliveries.find(id).await
                && row.delivery.held_by() == Some(self.worker)
            {
                self.advance(&row, Event::Returned).await;
            }
        }
    }

    /// Whether other processes share the work.
    pub(crate) fn others(&self) -> Sharing {
        self.parts.deliveries.sharing()
    }

    pub(crate) fn heard(&self, side: Side, heard: Heard) {
        let spread = (self.dice)()[0];
        let moment = Moment {
            policy: self.parts.policy.circuit,
            now: self.parts.clock.now(),
            spread,
        };
        if self.circuits.heard(side, heard, &moment) == Some(Turn::Closed) {
            self.returned.put(side);
        }
    }

    /// The list was answered again: deliveries need not wait for the end of the circuit's wait.
    pub(crate) fn service_is_back(&self) {
        self.circuits.hurry(Side::Service, self.parts.clock.now());
    }

    pub(crate) async fn in_state(&self, name: &str) -> Vec<DeliveryRow> {
        let rows = self.parts.deliveries.in_state(name, u32::MAX).await;
        rows.unwrap_or_else(|error| {
            log_store(&error);
            Vec::new()
        })
    }

    async fn work(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        loop {
            self.start_due(tasks, self.parts.clock.now()).await;
            tokio::select! {
                biased;
                () = self.news.notified() => {}
                Some(done) = tasks.join_next(), if !tasks.is_empty() => log_lost(&done),
                () = tokio::time::sleep(self.look_pause()) => {}
            }
            while let Some(done) = tasks.try_join_next() {
                log_lost(&done);
            }
        }
    }

    async fn work_on(
        self: Arc<Self>,
        in_hand: InHand,
        row: DeliveryRow,
        slot: OwnedSemaphorePermit,
    ) {
        let destination = row.destination_id;
        let worked = AssertUnwindSafe(self.next_step(row, &in_hand.lost)).catch_unwind();
        let is_stuck = match worked.await {
            Ok(moved) => moved.is_none(),
            Err(_panic) => {
                let after = AssertUnwindSafe(self.after_panic(in_hand.id)).catch_unwind();
                after.await.is_err()
            }
        };
        // Of a probe that ended without asking, another has to go.
        for side in [Side::Procedure(destination), Side::Service] {
            self.heard(side, Heard::NotAsked);
        }
        if is_stuck {
            // Without a pause, a failing store would be asked without end.
            tokio::time::sleep(self.parts.policy.pause).await;
        }
        drop(slot);
    }

    /// `None`: the row could not be moved.
    async fn next_step(self: &Arc<Self>, row: DeliveryRow, lost: &Notify) -> Option<DeliveryRow> {
        match row.delivery {
            Delivery::Leased { .. } => self.deliver(row, lost).await,
            Delivery::Decided { .. } => self.post(row).await,
            Delivery::Waiting { .. } | Delivery::Done { .. } | Delivery::Parked { .. } => Some(row),
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
