//! Duty: of several gateways over one store, one at a time does what nobody asked for (callbacks, mails, deadlines, the log's
//! seal, uplinks).
//!
//! ```text
//!  keeper ──every second and a half──► Leases::hold ──held──► on duty until the lease ends, by a clock that nobody sets
//!                                                    └─not──► off duty
//! ```
//!
//! One sender of callbacks keeps the limits per host and the circuits, however many gateways there are. Duty saves double work
//! and is not needed for correctness: a gateway that was stopped for a while and goes on without noticing does nothing that
//! preconditions would not refuse. A store that belongs to one process gives it duty at once.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::Context;

const NAME: &str = "upkeep";
/// A gateway that died is replaced after this and one look of another one.
const LEASE: Duration = Duration::from_secs(6);
/// We stop so much before others may begin.
const MARGIN: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(1500);

/// Whether this process is on duty.
#[derive(Debug, Default)]
pub(crate) struct Duty {
    state: Mutex<State>,
    begins: Notify,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody keeps it: there is one process.
    #[default]
    Alone,
    Off,
    Until(Instant),
}

impl Duty {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_on(&self) -> bool {
        match *self.state() {
            State::Alone => true,
            State::Off => false,
            State::Until(end) => Instant::now() < end,
        }
    }

    /// Resolves when it begins. Make it before looking, so that nothing is missed.
    pub(crate) fn next(&self) -> Notified<'_> {
        self.begins.notified()
    }

    fn set(&self, state: State) {
        let was_on = self.is_on();
        *self.state() = state;
        match (was_on, self.is_on()) {
            (false, true) => {
                tracing::info!(
                    "this gateway is on duty: it sends callbacks and mails, and keeps the deadlines"
                );
                self.begins.notify_waiters();
            }
            (true, false) => tracing::info!("another gateway is on duty"),
            (true, true) | (false, false) => {}
        }
    }
}

/// Keeps the duty of a gateway.
pub struct DutyKeeper {
    context: Context,
    owner: String,
}

impl DutyKeeper {
    /// From now on this gateway is on duty only while it holds the lease.
    pub fn new(context: Context) -> Self {
        *context.duty().state() = State::Off;
        let owner = context.new_uuid().to_string();
        Self { context, owner }
    }

    /// Takes and prolongs the lease until `stop` resolves, then gives it back.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            self.look().await;
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        *self.context.duty().state() = State::Off;
        // If that fails, it ends by itself.
        drop(self.context.store().leave(NAME, &self.owner).await);
    }

    /// One try to take or prolong it. A store that does not answer changes nothing: what was taken ends by itself.
    pub async fn look(&self) {
        let (began, now) = (Instant::now(), self.context.now());
        let held = self
            .context
            .store()
            .hold(NAME, &self.owner, now, now.plus(LEASE))
            .await;
        match held {
            Ok(true) => self
                .context
                .duty()
                .set(State::Until(began + LEASE - MARGIN)),
            Ok(false) => self.context.duty().set(State::Off),
            Err(error) => {
                tracing::debug!(error = %error, "the duty could not be prolonged: {error}");
            }
        }
    }
}
