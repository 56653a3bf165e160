//! The life cycle of a delivery at the agent: one submission on its way into one procedure.
//!
//! ```text
//!  waiting ──claimed──► leased ──decided──► decided ──posted──► done
//!   ▲  ▲ ▲               │ │                 │ ▲ └──failed──► decided, later
//!   │  │ └─failed────────┘ │                 │ │
//!   │  └──released─────────┴─tries used up─► parked ──released──► where it stopped
//!   └───────────restarted─────────────────────┘  ▲
//!                      parked by operator ───────┘ (from waiting and decided)
//! ```
//!
//! A *lease* is short and renewed by who holds it; whoever finds it ended may claim the delivery. Each change counts the
//! row's revision up, and that is the fencing token: who was taken over cannot store, decide or post any more.
//!
//! A *verdict* (accept or reject) is decided and its signed event stored before it is posted: a crash in between
//! posts the same event again, and the gateway's log tells whether it had arrived.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, WorkerId};

/// What the agent tells the gateway in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Handed over; the procedure has it.
    Accept,
    /// Refused for good.
    Reject,
}

/// Why a try failed, in a closed set: one place counts them, one incident groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The delivery service does not answer, or says "later".
    ServiceUnavailable,
    /// The delivery service refuses us (credentials, rights).
    ServiceRefused,
    /// The procedure's way in does not answer.
    ProcedureUnavailable,
    /// The procedure's way in refuses us (credentials, path, rights).
    ProcedureMisconfigured,
    /// Our own mapping package or schema does not fit.
    PackageFaulty,
    /// The worker died with the delivery in its hands.
    Silence,
    /// Our own store or signer failed.
    Internal,
    /// A person took it aside.
    Operator,
}

impl Cause {
    /// Whether trying again and again will not help. Who is merely away is waited for, however long it takes: the
    /// deadlines at the gateway decide then, not the number of tries.
    pub const fn needs_a_person(self) -> bool {
        match self {
            Self::ServiceUnavailable | Self::ProcedureUnavailable => false,
            Self::ServiceRefused
            | Self::ProcedureMisconfigured
            | Self::PackageFaulty
            | Self::Silence
            | Self::Internal
            | Self::Operator => true,
        }
    }
}

impl Cause {
    /// Whether other settings, rights or packages may help: such deliveries go on when the agent starts anew.
    pub const fn may_be_mended_by_settings(self) -> bool {
        match self {
            Self::ServiceRefused | Self::ProcedureMisconfigured | Self::PackageFaulty => true,
            Self::ServiceUnavailable
            | Self::ProcedureUnavailable
            | Self::Silence
            | Self::Internal
            | Self::Operator => false,
        }
    }
}

impl Failure {
    /// The worker died with the delivery in its hands.
    pub const SILENCE: Self = Self {
        cause: Cause::Silence,
        retry_after: None,
    };
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::ServiceUnavailable,
        Self::ServiceRefused,
        Self::ProcedureUnavailable,
        Self::ProcedureMisconfigured,
        Self::PackageFaulty,
        Self::Silence,
        Self::Internal,
        Self::Operator,
    ];

    /// The cause of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// The stable name, as stored and counted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceUnavailable => "service-unavailable",
            Self::ServiceRefused => "service-refused",
            Self::ProcedureUnavailable => "procedure-unavailable",
            Self::ProcedureMisconfigured => "procedure-misconfigured",
            Self::PackageFaulty => "package-faulty",
            Self::Silence => "silence",
            Self::Internal => "internal",
            Self::Operator => "operator",
        }
    }
}

/// One failed try: the cause, and how long the other side asked us to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The other side's `Retry-After`, before clamping.
    pub retry_after: Option<Duration>,
}

/// So many workers may die with the same delivery in their hands; then it parks.
pub const SILENCES_MAX: u32 = 8;

/// What goes wrong with a delivery, from its first failure of that cause until it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Why, last.
    pub cause: Cause,
    /// The first failure of this cause in a row.
    pub since: Timestamp,
    /// The last failure.
    pub last: Timestamp,
}

/// What a delivery has been through so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Past {
    /// Failed tries so far, or failed posts once it is decided.
    #[serde(default)]
    pub tries: u32,
    /// How often a worker died with it in its hands.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silences: u32,
    /// The package it was first handed over with, `name@version`; every later try uses the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// What goes wrong at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Who holds a delivery, and how long unless it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who.
    pub by: WorkerId,
    /// End of the lease.
    pub until: Timestamp,
}

/// A verdict and the signed event that tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// The signed event, compact. Carries ids, tags and problem codes, never content.
    pub event: String,
}

/// State of a delivery; each variant owns what only that state has. Stored by variant name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Delivery {
    /// Due at `at`.
    Waiting {
        /// Due time.
        at: Timestamp,
        /// What was before.
        #[serde(flatten)]
        past: Past,
    },
    /// In the hands of a worker until `until`.
    Leased {
        /// End of the lease.
        until: Timestamp,
        /// Who holds it; unknown where an older version stored it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<WorkerId>,
        /// What was before.
        #[serde(flatten)]
        past: Past,
    },
    /// The verdict is signed and stored; posting it is due at `at`.
    Decided {
        /// Due time.
        at: Timestamp,
        /// Who is posting it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<Lease>,
        /// What was decided.
        #[serde(flatten)]
        decision: Decision,
        /// What was before; tries are posts.
        #[serde(flatten)]
        past: Past,
    },
    /// The gateway's log has the verdict.
    Done {
        /// What was decided.
        verdict: Verdict,
        /// When it was known to be in the log.
        at: Timestamp,
        /// The package it was handed over with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package: Option<String>,
    },
    /// A person must act.
    Parked {
        /// The last cause.
        cause: Cause,
        /// Since when.
        since: Timestamp,
        /// The verdict that is still to be posted; none if it stopped before the hand-over was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided: Option<Decision>,
        /// What was before.
        #[serde(flatten)]
        past: Past,
    },
}

/// From where a person lets a delivery begin again. Content is never kept, so each of them fetches it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// From the beginning: with whatever package is active then.
    Fetch,
    /// Translate with a package version.
    Translate(Version),
    /// Hand over again what was translated before. The parcel's id is the same: no second effect.
    HandOver,
    /// Post the verdict again.
    Acknowledge,
}

/// Which version of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one that it began with.
    Same,
    /// The one that is active then.
    Active,
}

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

/// When to try again, and when to give up. The longest delay doubles from `first` up to
/// `longest`; of it any part is waited (full jitter), so that many that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Delay after the first failure.
    pub first: Duration,
    /// Longest delay of our own, and the clamp for a foreign `Retry-After`.
    pub longest: Duration,
    /// Tries after which a person must act, unless the other side was merely unavailable. Posting a verdict never gives up: it is the truth already.
    pub tries_max: u32,
}

/// A number in 0..=1 from the shell's random source: which part of the delay to wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter(f64);

impl Jitter {
    /// No jitter: the whole delay.
    pub const WHOLE: Self = Self(1.0);

    /// From a random byte.
    pub fn from_byte(byte: u8) -> Self {
        Self(f64::from(byte) / 255.0)
    }
}

impl RetryPolicy {
    /// The delay after `tries` failures (at least one): any part of the doubled one, and never next to nothing.
    pub fn delay(&self, tries: u32, failure: Failure, jitter: Jitter) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1_u32 << tries.saturating_sub(1).min(20))
            .min(self.longest);
        let own = doubled.mul_f64(jitter.0).max(self.first / 8);
        failure
            .retry_after
            .map_or(own, |asked| asked.min(self.longest).max(own))
    }
}

/// What a step needs to know besides the event.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// When to try again.
    pub policy: RetryPolicy,
    /// Which part of the delay.
    pub jitter: Jitter,
    /// The present.
    pub now: Timestamp,
}

impl Past {
    fn failed(self, cause: Cause, now: Timestamp) -> Self {
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

    fn silenced(self, now: Timestamp) -> Self {
        Self {
            silences: self.silences.saturating_add(1),
            ..self.failed(Cause::Silence, now)
        }
    }

    /// Only the package: tries count anew.
    fn afresh(self) -> Self {
        Self {
            package: self.package,
            ..Self::default()
        }
    }

    const fn kills(&self, policy: &RetryPolicy) -> bool {
        self.silences >= SILENCES_MAX || self.silences >= policy.tries_max
    }
}

impl Delivery {
    /// A new delivery, due at once.
    pub const fn due(now: Timestamp) -> Self {
        let past = Past {
            tries: 0,
            silences: 0,
            package: None,
            trouble: None,
        };
        Self::Waiting { at: now, past }
    }

    /// The stable name of the state, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Leased { .. } => "leased",
            Self::Decided { .. } => "decided",
            Self::Done { .. } => "done",
            Self::Parked { .. } => "parked",
        }
    }

    /// When a worker should look at it next; `None` when only a person can move it or it is over.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { at, .. } => Some(*at),
            Self::Decided { at, held, .. } => Some(held.map_or(*at, |lease| lease.until)),
            Self::Leased { until, .. } => Some(*until),
            Self::Done { .. } | Self::Parked { .. } => None,
        }
    }

    /// Who holds it.
    pub fn held_by(&self) -> Option<WorkerId> {
        match self {
            Self::Leased { by, .. } => *by,
            Self::Decided { held, .. } => held.map(|lease| lease.by),
            Self::Waiting { .. } | Self::Done { .. } | Self::Parked { .. } => None,
        }
    }

    /// Whether its end or renewal is written down with the store's own time: what is held is held until then.
    pub const fn is_held(&self) -> bool {
        match self {
            Self::Leased { .. } => true,
            Self::Decided { held, .. } => held.is_some(),
            Self::Waiting { .. } | Self::Done { .. } | Self::Parked { .. } => false,
        }
    }

    /// The same, its lease renewed. Without a lease nothing changes.
    #[must_use]
    pub fn renewed(mut self, end: Timestamp) -> Self {
        match &mut self {
            Self::Leased { until, .. } => *until = end,
            Self::Decided {
                held: Some(lease), ..
            } => lease.until = end,
            Self::Decided { held: None, .. }
            | Self::Waiting { .. }
            | Self::Done { .. }
            | Self::Parked { .. } => {}
        }
        self
    }

    /// The package the hand-over has begun with, `name@version`.
    pub fn package(&self) -> Option<&str> {
        match self {
            Self::Done { package, .. } => package.as_deref(),
            Self::Waiting { past, .. }
            | Self::Leased { past, .. }
            | Self::Decided { past, .. }
            | Self::Parked { past, .. } => past.package.as_deref(),
        }
    }

    /// Failed tries so far, or failed posts once it is decided.
    pub const fn tries(&self) -> u32 {
        match self {
            Self::Waiting { past, .. }
            | Self::Leased { past, .. }
            | Self::Decided { past, .. }
            | Self::Parked { past, .. } => past.tries,
            Self::Done { .. } => 0,
        }
    }

    /// What goes wrong with it: since when, and when last. Of a parked one, the cause it was parked for.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Waiting { past, .. } | Self::Leased { past, .. } | Self::Decided { past, .. } => {
                past.trouble
            }
            Self::Parked {
                cause, since, past, ..
            } => {
                let known = past.trouble.filter(|trouble| trouble.cause == *cause);
                Some(known.unwrap_or(Trouble {
                    cause: *cause,
                    since: *since,
                    last: *since,
                }))
            }
            Self::Done { .. } => None,
        }
    }

    /// Whether a worker has died with it in its hands: such are tried one at a time, so that they take no others with
    /// them.
    pub const fn is_suspect(&self) -> bool {
        match self {
            Self::Waiting { past, .. } | Self::Leased { past, .. } => past.silences > 0,
            Self::Decided { .. } | Self::Done { .. } | Self::Parked { .. } => false,
        }
    }

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
            Event::Returned => self.returned(now),
            Event::ParkedByOperator => self.taken_aside(now),
            Event::Released => self.released(now),
            Event::Retried => self.retried(now),
            Event::Restarted(from) => self.restarted(from, now),
        };
        answer.map_err(|state| IllegalStep {
            state: state.name(),
            event: name,
        })
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

    /// Not out of the hands of a worker: what is being handed over ends first.
    fn taken_aside(self, now: Timestamp) -> Result<Self, Self> {
        match self {
            Self::Waiting { past, .. } => Ok(parked(Cause::Operator, past, now)),
            Self::Decided {
                held,
                decision,
                past,
                ..
            } if held.is_none_or(|lease| lease.until <= now) => Ok(Self::Parked {
                cause: Cause::Operator,
                since: now,
                decided: Some(decision),
                past,
            }),
            state @ (Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    fn released(self, now: Timestamp) -> Result<Self, Self> {
        match self {
            Self::Parked {
                decided: Some(decision),
                past,
                ..
            } => Ok(Self::Decided {
                at: now,
                held: None,
                decision,
                past: past.afresh(),
            }),
            Self::Parked {
                cause,
                decided: None,
                past,
                ..
            } => {
                let past = past.afresh();
                // A package that does not fit is left behind: that is what was mended.
                let package = past.package.filter(|_| cause != Cause::PackageFaulty);
                let past = Past {
                    package,
                    ..Past::default()
                };
                Ok(Self::Waiting { at: now, past })
            }
            state @ (Self::Waiting { .. }
            | Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }) => Err(state),
        }
    }

    fn retried(self, now: Timestamp) -> Result<Self, Self> {
        match self {
            Self::Waiting { past, .. } => Ok(Self::Waiting { at: now, past }),
            Self::Decided {
                held: None,
                decision,
                past,
                ..
            } => Ok(Self::Decided {
                at: now,
                held: None,
                decision,
                past,
            }),
            state @ (Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    /// A verdict that was reached is never taken back: what is accepted may be handed over again (once, by the parcel's
    /// id), what is refused is refused.
    fn restarted(self, from: Restart, now: Timestamp) -> Result<Self, Self> {
        let keeps_package = match from {
            Restart::Acknowledge => return self.acknowledged_again(now),
            Restart::Fetch | Restart::Translate(Version::Active) => false,
            Restart::HandOver | Restart::Translate(Version::Same) => true,
        };
        let package = self.package().map(str::to_owned);
        match self {
            Self::Waiting { .. }
            | Self::Parked { decided: None, .. }
            | Self::Done {
                verdict: Verdict::Accept,
                ..
            } => {
                let past = Past {
                    package: package.filter(|_| keeps_package),
                    ..Past::default()
                };
                Ok(Self::Waiting { at: now, past })
            }
            state @ (Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    fn acknowledged_again(self, now: Timestamp) -> Result<Self, Self> {
        match self {
            state @ Self::Decided { .. } => state.retried(now),
            state @ Self::Parked {
                decided: Some(_), ..
            } => state.released(now),
            state @ (Self::Waiting { .. }
            | Self::Leased { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }
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
            Self::Returned => "returned",
            Self::ParkedByOperator => "parked",
            Self::Released => "released",
            Self::Retried => "retried",
            Self::Restarted(from) => from.name(),
        }
    }
}

impl Restart {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetch => "restarted-from-fetch",
            Self::Translate(Version::Same) => "restarted-from-translate",
            Self::Translate(Version::Active) => "restarted-from-translate-anew",
            Self::HandOver => "restarted-from-hand-over",
            Self::Acknowledge => "restarted-from-acknowledge",
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

const fn parked(cause: Cause, past: Past, since: Timestamp) -> Delivery {
    Delivery::Parked {
        cause,
        since,
        decided: None,
        past,
    }
}

/// The longest delay of our own after a dead worker or a delivery service that was not there. Both end for all deliveries at once, and
/// neither says anything of this one: who was unlucky many times must not wait longer than the outage.
const OURS_LONGEST: Duration = Duration::from_secs(30);

fn next_try(tries: u32, failure: Failure, around: &Circumstances) -> Timestamp {
    let policy = match failure.cause {
        Cause::Silence | Cause::ServiceUnavailable => RetryPolicy {
            first: around.policy.first.min(OURS_LONGEST),
            longest: around.policy.longest.min(OURS_LONGEST),
            ..around.policy
        },
        Cause::ProcedureUnavailable
        | Cause::ServiceRefused
        | Cause::ProcedureMisconfigured
        | Cause::PackageFaulty
        | Cause::Internal
        | Cause::Operator => around.policy,
    };
    // A foreign wish is clamped by the whole policy, not by this.
    let own = policy.delay(
        tries,
        Failure {
            retry_after: None,
            ..failure
        },
        around.jitter,
    );
    let asked = failure.retry_after.unwrap_or_default();
    around.now.plus(own.max(asked.min(around.policy.longest)))
}

#[cfg(test)]
mod tests;
