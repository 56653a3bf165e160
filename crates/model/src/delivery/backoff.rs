//! When to try again.

use std::time::Duration;

use super::{Cause, Failure};
use crate::Timestamp;

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

/// The longest delay of our own after a dead worker or a delivery service that was not there. Both end for all deliveries at once, and
/// neither says anything of this one: who was unlucky many times must not wait longer than the outage.
const OURS_LONGEST: Duration = Duration::from_secs(30);

pub(super) fn next_try(tries: u32, failure: Failure, around: &Circumstances) -> Timestamp {
    let policy = match failure.cause {
        Cause::Silence | Cause::ServiceUnavailable => RetryPolicy {
            first: around.policy.first.min(OURS_LONGEST),
            longest: around.policy.longest.min(OURS_LONGEST),
            ..around.policy
        },
        Cause::ProcedureUnavailable
        | Cause::ServiceRefused
        | Cause::ServiceFaulty
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
