//! The states, what they own, and what is asked of them.

use serde::{Deserialize, Serialize};

use super::{Cause, SUSPECTED_FROM};
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
    /// An operator wants it rejected, and says this to the sender. Nothing is handed over any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
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

impl Delivery {
    /// A new delivery, due at once.
    pub const fn due(now: Timestamp) -> Self {
        let past = Past {
            tries: 0,
            silences: 0,
            package: None,
            trouble: None,
            refusal: None,
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

    /// What the sender is to be told, if an operator wants it rejected and it is not decided yet.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Waiting { past, .. } | Self::Leased { past, .. } | Self::Parked { past, .. } => {
                past.refusal.as_deref()
            }
            Self::Decided { .. } | Self::Done { .. } => None,
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

    /// Whether workers have died with it in their hands, [`SUSPECTED_FROM`] of them: such are tried one at a time, so that they take
    /// few others with them.
    pub const fn is_suspect(&self) -> bool {
        match self {
            Self::Waiting { past, .. } | Self::Leased { past, .. } => {
                past.silences >= SUSPECTED_FROM
            }
            Self::Decided { .. } | Self::Done { .. } | Self::Parked { .. } => false,
        }
    }
}
