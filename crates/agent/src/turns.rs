//! What one process at a time does, of all that share a state: listening, ways in, replies, the watch.
//!
//! ```text
//!  hold the lease ── somebody else's ──► look again after [`Policy::renew`](crate::Policy)
//!       │ ours
//!       ▼
//!  round, pause, round, pause …  beside it: renew ── lost, or not renewed in time ──► the round is dropped
//!       └ could not be done here ──► give the lease back, so that another process tries
//! ```
//!
//! A lease saves double work. Correctness does not rest on it: an answer has a key, a reply has a revision and is looked up before it is
//! repeated, a submission is noted once. So a round that is dropped anywhere is like dying there, which each of them says why it is fine.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_store::Leases;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::work::Inner;

/// What comes after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another one here, after a pause.
    Again(Duration),
    /// It could not be done; another process may be better off. Here again after a pause.
    Elsewhere(Duration),
}

impl Inner {
    /// Makes rounds for ever, but never while another process that shares the state makes them under the same name. Where
    /// nobody else can ([`Parts::leases`](crate::Parts) is none), they are made at once.
    pub(crate) async fn in_turn<F: Future<Output = Next>>(
        &self,
        name: &str,
        round: impl FnMut() -> F,
    ) {
        self.in_turn_looking(name, self.parts.policy.renew, round)
            .await;
    }

    /// As [`Inner::in_turn`], looking so often whether the turn is free.
    pub(crate) async fn in_turn_looking<F: Future<Output = Next>>(
        &self,
        name: &str,
        look: Duration,
        mut round: impl FnMut() -> F,
    ) {
        loop {
            let Some(leases) = self.parts.leases.as_deref() else {
                return here(round).await;
            };
            let began = Instant::now();
            // Before the question: stopped in the midst of it, we may hold it without having heard so.
            self.turns().insert(name.to_owned());
            if !self.takes(leases, name).await {
                self.turns().remove(name);
                tokio::time::sleep(look).await;
                continue;
            }
            let worker = self.worker;
            tracing::info!(turn.name = name, worker.id = %worker, "this agent ({worker}) has the turn: {name}");
            let pause = tokio::select! {
                pause = rounds(&mut round) => Some(pause),
                () = self.prolong(leases, name, began + self.parts.policy.lease) => None,
            };
            self.turns().remove(name);
            if let Some(pause) = pause {
                self.gives_back(leases, name).await;
                tokio::time::sleep(pause).await;
            } else {
                tracing::warn!(
                    turn.name = name,
                    "the turn {name} was lost to another agent, or the state did not answer in time"
                );
            }
        }
    }

    /// Gives back what this process holds or has just asked for, so that others need not wait for the end of its leases. Once at the
    /// end is too early: a question on its way when it was given up may reach the store after this.
    pub(crate) async fn leave_all(&self) {
        let held = self.turns().clone();
        if let Some(leases) = self.parts.leases.as_deref() {
            // Side by side: there is little time for it.
            let leaving = held.iter().map(|name| self.gives_back(leases, name));
            join_all(leaving).await;
        }
    }

    fn turns(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As leases know this process.
    fn owner(&self) -> String {
        self.worker.to_string()
    }

    async fn takes(&self, leases: &dyn Leases, name: &str) -> bool {
        let (now, owner) = (self.parts.clock.now(), self.owner());
        let until = now.plus(self.parts.policy.lease);
        match leases.hold(name, &owner, now, until).await {
            Ok(is_ours) => is_ours,
            Err(error) => {
                // The worker says it in the log, too.
                tracing::debug!(error = %error, turn.name = name, "no lease for {name}: {error}");
                false
            }
        }
    }

    /// Renews; returns when it is lost. What could not be renewed by its end is lost, whatever the store says later.
    async fn prolong(&self, leases: &dyn Leases, name: &str, mut end: Instant) {
        loop {
            tokio::time::sleep(self.parts.policy.renew).await;
            let began = Instant::now();
            let (now, owner) = (self.parts.clock.now(), self.owner());
            let until = now.plus(self.parts.policy.lease);
            match tokio::time::timeout_at(end, leases.hold(name, &owner, now, until)).await {
                Ok(Ok(true)) => end = began + self.parts.policy.lease,
                Ok(Ok(false)) | Err(_) => return,
                Ok(Err(error)) => {
                    tracing::debug!(error = %error, turn.name = name, "the lease for {name} is not renewed: {error}");
                    if Instant::now() >= end {
                        return;
                    }
                }
            }
        }
    }

    /// If that fails, it ends by itself.
    async fn gives_back(&self, leases: &dyn Leases, name: &str) {
        drop(leases.leave(name, &self.owner()).await);
    }
}

/// Rounds that each process makes for itself, for ever.
pub(crate) async fn here<F: Future<Output = Next>>(mut round: impl FnMut() -> F) {
    loop {
        let (Next::Again(pause) | Next::Elsewhere(pause)) = round().await;
        tokio::time::sleep(pause).await;
    }
}

/// Until one could not be done.
async fn rounds<F: Future<Output = Next>>(round: &mut impl FnMut() -> F) -> Duration {
    loop {
        match round().await {
            Next::Again(pause) => tokio::time::sleep(pause).await,
            Next::Elsewhere(pause) => return pause,
        }
    }
}
