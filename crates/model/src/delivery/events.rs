//! What happens to a delivery, and what it makes of it.

use std::time::Duration;

use super::backoff::next_try;
use super::{
    Cause, Circumstances, Decision, Delivery, Failure, Lease, Past, Restart, RetryPolicy, Trouble,
};
use crate::Timestamp;

/// So many workers may die with the same delivery in their hands; then it parks.
pub const SILENCES_MAX: u32 = 8;

/// From so many deaths on a delivery is tried alone. Fewer say nothing: somebody who kills processes at random leaves several with one death each
/// time, and if all these were done one by one, they would become more faster than they are done.
pub const SUSPECTED_FROM: u32 = 3;

/// How long a worker has to live without dying before it tries again what parked after that many deaths; doubles with each
/// death that follows, up to [`CALM_LONGEST`]. Somebody who kills processes at random strikes the same delivery again and again by
/// chance; in calm, one more death is clear.
const CALM_FIRST: Duration = Duration::from_secs(30);
const CALM_LONGEST: Duration = Duration::from_hours(24);

/// What happens to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A worker took it. Where the last one's lease has ended, that one died with it in its hands.
    Claimed {
        /// Who, and until when.
        lease: Lease,
    },
    /// The hand-over begins with this package, `name@version`.
    Begun {
        /// Noted before the first byte leaves, so that a repeat is the same.
        package: String,
    },
    /// A verdict was reached and signed.
    Decided(Decision),
    /// The gateway's log has the event.
    Posted,
    /// A try failed.
    Failed(Failure),
    /// The worker is known to be dead, or the try killed its task.
    LeaseEnded,
    /// The worker has lived long enough without dying: what was parked for killing workers is tried once more. Its deaths count on.
    Reprieved,
    /// The worker gives it back unfinished, for no fault of the delivery: it stops, or lost its turn.
    Returned,
    /// An operator takes it aside.
    ParkedByOperator,
    /// An operator lets a parked delivery go on where it stopped.
    Released,
    /// An operator does not want to wait for the next try.
    Retried,
    /// An operator lets it begin again from a step.
    Restarted(Restart),
    /// An operator wants it rejected: nobody can mend what keeps it.
    RejectedByOperator {
        /// What the sender is told.
        detail: String,
    },
}

/// The event does not fit the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a delivery that is {state} cannot be {event}")]
pub struct IllegalStep {
    /// Present state.
    pub state: &'static str,
    /// The event.
    pub event: &'static str,
}

impl Event {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::Begun { .. } => "begun",
            Self::Decided(_) => "decided",
            Self::Posted => "posted",
            Self::Failed(_) => "failed",
            Self::LeaseEnded => "lease-ended",
            Self::Reprieved => "reprieved",
            Self::Returned => "returned",
            Self::ParkedByOperator => "parked",
            Self::Released => "released",
            Self::Retried => "retried",
            Self::Restarted(from) => from.name(),
            Self::RejectedByOperator { .. } => "rejected",
        }
    }
}

impl Delivery {
    /// The state after `event`.
    pub fn step(self, event: Event, around: &Circumstances) -> Result<Self, IllegalStep> {
        let (now, name) = (around.now, event.name());
        let answer = match event {
            Event::Claimed { lease } => self.claimed(lease, around),
            Event::Begun { package } => self.begun(package),
            Event::Decided(decision) => self.decided(decision, now),
            Event::Posted => self.posted(now),
            Event::Failed(failure) => self.failed(failure, around),
            Event::LeaseEnded => self.lease_ended(around),
            Event::Reprieved => self.reprieved(now),
            Event::Returned => self.returned(now),
            Event::ParkedByOperator => self.taken_aside(now),
            Event::Released => self.released(now),
            Event::Retried => self.retried(now),
            Event::Restarted(from) => self.restarted(from, now),
            Event::RejectedByOperator { detail } => self.refused_by_operator(detail, now),
        };
        answer.map_err(|state| IllegalStep {
            state: state.name(),
            event: name,
        })
    }
}

impl Delivery {
    /// How long a worker has to have lived, since its start and since the parking, to try it once more; `None` for all that is not
    /// parked for killing workers.
    pub fn reprieve_after(&self) -> Option<Duration> {
        match self {
            Self::Parked {
                cause: Cause::Silence,
                decided: None,
                past,
                ..
            } => {
                let more = past.silences.saturating_sub(SILENCES_MAX).min(20);
                Some(CALM_FIRST.saturating_mul(1 << more).min(CALM_LONGEST))
            }
            Self::Parked { .. }
            | Self::Waiting { .. }
            | Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. } => None,
        }
    }
}

impl Past {
    pub(super) fn failed(self, cause: Cause, now: Timestamp) -> Self {
        let since = self
            .trouble
            .filter(|trouble| trouble.cause == cause)
            .map_or(now, |trouble| trouble.since);
        let last = now;
        Self {
            tries: self.tries.saturating_add(1),
            trouble: Some(Trouble { cause, since, last }),
            ..self
        }
    }

    pub(super) fn silenced(self, now: Timestamp) -> Self {
        Self {
            silences: self.silences.saturating_add(1),
            ..self.failed(Cause::Silence, now)
        }
    }

    /// Only the package, and whether it is to be rejected: tries count anew.
    pub(super) fn afresh(self) -> Self {
        Self {
            package: self.package,
            refusal: self.refusal,
            ..Self::default()
        }
    }

    pub(super) const fn kills(&self, policy: &RetryPolicy) -> bool {
        self.silences >= SILENCES_MAX || self.silences >= policy.tries_max
    }
}

/// One event each. What does not fit comes back as it was.
#[expect(
    clippy::result_large_err,
    reason = "both sides are the same state, moved on or given back"
)]
impl Delivery {
    fn claimed(self, lease: Lease, around: &Circumstances) -> Result<Self, Self> {
        match self {
            Self::Waiting { past, .. } => Ok(leased(lease, past)),
            // A message that kills its worker must run out of tries like any other.
            Self::Leased { until, past, .. } if until <= around.now => {
                let past = past.silenced(around.now);
                if past.kills(&around.policy) {
                    Ok(parked(Cause::Silence, past, around.now))
                } else {
                    Ok(leased(lease, past))
                }
            }
            Self::Decided {
                at,
                held,
                decision,
                past,
            } if held.is_none_or(|old| old.until <= around.now) => Ok(Self::Decided {
                at,
                held: Some(lease),
                decision,
                past,
            }),
            state @ (Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    /// Noted once; what was begun with one package does not go on with another.
    fn begun(self, package: String) -> Result<Self, Self> {
        match self {
            Self::Leased { until, by, past } if past.package.is_none() => {
                let package = Some(package);
                let past = Past { package, ..past };
                Ok(Self::Leased { until, by, past })
            }
            state @ (Self::Waiting { .. }
            | Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    fn decided(self, decision: Decision, now: Timestamp) -> Result<Self, Self> {
        match self {
            // A verdict counts even if the lease ended before it came: the effect has happened.
            Self::Waiting { past, .. } => Ok(Self::Decided {
                at: now,
                held: None,
                decision,
                past: past.afresh(),
            }),
            // Who decides goes on to post.
            Self::Leased { until, by, past } => Ok(Self::Decided {
                at: now,
                held: by.map(|by| Lease { by, until }),
                decision,
                past: past.afresh(),
            }),
            // An event that the gateway does not take (its key was withdrawn) is signed anew; never another verdict.
            Self::Decided {
                at,
                held,
                decision: old,
                past,
            } if old.verdict == decision.verdict => Ok(Self::Decided {
                at,
                held,
                decision,
                past,
            }),
            state @ (Self::Decided { .. } | Self::Done { .. } | Self::Parked { .. }) => Err(state),
        }
    }

    fn posted(self, now: Timestamp) -> Result<Self, Self> {
        match self {
            Self::Decided { decision, past, .. } => Ok(Self::Done {
                verdict: decision.verdict,
                at: now,
                package: past.package,
            }),
            state @ (Self::Waiting { .. }
            | Self::Leased { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    fn failed(self, failure: Failure, around: &Circumstances) -> Result<Self, Self> {
        let now = around.now;
        match self {
            Self::Leased { past, .. } => {
                let past = past.failed(failure.cause, now);
                let is_over = past.tries >= around.policy.tries_max;
                if is_over && failure.cause.needs_a_person() {
                    Ok(parked(failure.cause, past, now))
                } else {
                    let at = next_try(past.tries, failure, around);
                    Ok(Self::Waiting { at, past })
                }
            }
            Self::Decided { decision, past, .. } => {
                let past = past.failed(failure.cause, now);
                Ok(Self::Decided {
                    at: next_try(past.tries, failure, around),
                    held: None,
                    decision,
                    past,
                })
            }
            state @ (Self::Waiting { .. } | Self::Done { .. } | Self::Parked { .. }) => Err(state),
        }
    }

    fn lease_ended(self, around: &Circumstances) -> Result<Self, Self> {
        match self {
            Self::Leased { past, .. } => {
                let past = past.silenced(around.now);
                if past.kills(&around.policy) {
                    Ok(parked(Cause::Silence, past, around.now))
                } else {
                    let at = next_try(past.tries, Failure::SILENCE, around);
                    Ok(Self::Waiting { at, past })
                }
            }
            state @ (Self::Waiting { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => state.returned(around.now),
        }
    }

    fn reprieved(self, now: Timestamp) -> Result<Self, Self> {
        match self {
            Self::Parked {
                cause: Cause::Silence,
                decided: None,
                past,
                ..
            } => Ok(Self::Waiting { at: now, past }),
            state @ (Self::Waiting { .. }
            | Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    fn returned(self, now: Timestamp) -> Result<Self, Self> {
        match self {
            Self::Leased { past, .. } => Ok(Self::Waiting { at: now, past }),
            Self::Decided {
                at,
                held: Some(_),
                decision,
                past,
            } => Ok(Self::Decided {
                at,
                held: None,
                decision,
                past,
            }),
            state @ (Self::Waiting { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }
}

const fn leased(lease: Lease, past: Past) -> Delivery {
    Delivery::Leased {
        until: lease.until,
        by: Some(lease.by),
        past,
    }
}

pub(super) const fn parked(cause: Cause, past: Past, since: Timestamp) -> Delivery {
    Delivery::Parked {
        cause,
        since,
        decided: None,
        past,
    }
}
