//! What an operator does with a delivery by hand.

use super::events::parked;
use super::{Cause, Delivery, Past, Verdict};
use crate::Timestamp;

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

#[expect(
    clippy::result_large_err,
    reason = "both sides are the same state, moved on or given back"
)]
impl Delivery {
    /// Not out of the hands of a worker: what is being handed over ends first.
    pub(super) fn taken_aside(self, now: Timestamp) -> Result<Self, Self> {
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

    pub(super) fn released(self, now: Timestamp) -> Result<Self, Self> {
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
                let mut past = past.afresh();
                // A package that does not fit is left behind: that is what was mended.
                past.package = past.package.filter(|_| cause != Cause::PackageFaulty);
                Ok(Self::Waiting { at: now, past })
            }
            state @ (Self::Waiting { .. }
            | Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }) => Err(state),
        }
    }

    pub(super) fn retried(self, now: Timestamp) -> Result<Self, Self> {
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

    /// Not out of the hands of a worker, and never against a verdict. The agent signs and posts it with its next try.
    pub(super) fn refused_by_operator(self, detail: String, now: Timestamp) -> Result<Self, Self> {
        match self {
            Self::Waiting { past, .. }
            | Self::Parked {
                decided: None,
                past,
                ..
            } => Ok(Self::Waiting {
                at: now,
                past: Past {
                    package: past.package,
                    refusal: Some(detail),
                    ..Past::default()
                },
            }),
            state @ (Self::Leased { .. }
            | Self::Decided { .. }
            | Self::Done { .. }
            | Self::Parked { .. }) => Err(state),
        }
    }

    /// A verdict that was reached is never taken back: what is accepted may be handed over again (once, by the parcel's
    /// id), what is refused is refused.
    pub(super) fn restarted(self, from: Restart, now: Timestamp) -> Result<Self, Self> {
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

    pub(super) fn acknowledged_again(self, now: Timestamp) -> Result<Self, Self> {
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
