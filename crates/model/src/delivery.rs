//! The life cycle of a delivery at the agent: one submission on its way into one procedure.
//!
//! ```text
//!  waiting ──claimed──► leased ──decided──► decided ──posted──► done
//!     ▲                   │ │                  └──failed──► decided, later
//!     └──failed/lease ended┘ └──tries used up──► parked ──released──► waiting
//! ```
//!
//! A *verdict* (accept or reject) is decided and its signed event stored before it is posted: a crash in between
//! posts the same event again, and the gateway's log tells whether it had arrived.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

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
            | Self::Internal => true,
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
            | Self::Internal => false,
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

/// State of a delivery; each variant owns what only that state has. Stored by variant name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Delivery {
    /// Due at `at`.
    Waiting {
        /// Failed tries so far.
        tries: u32,
        /// Due time.
        at: Timestamp,
        /// The package it was first handed over with, `name@version`; every later try uses the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package: Option<String>,
    },
    /// In the hands of a worker until `until`.
    Leased {
        /// Failed tries so far.
        tries: u32,
        /// End of the lease.
        until: Timestamp,
        /// As in [`Delivery::Waiting`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package: Option<String>,
    },
    /// The verdict is signed and stored; posting it is due at `at`.
    Decided {
        /// Failed posts so far.
        tries: u32,
        /// Due time.
        at: Timestamp,
        /// What was decided.
        verdict: Verdict,
        /// The signed event, compact. Carries ids, tags and problem codes, never content.
        event: String,
    },
    /// The gateway's log has the verdict.
    Done {
        /// What was decided.
        verdict: Verdict,
        /// When it was known to be in the log.
        at: Timestamp,
    },
    /// A person must act.
    Parked {
        /// The last cause.
        cause: Cause,
        /// Since when.
        since: Timestamp,
    },
}

/// What happens to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A worker took it.
    Claimed {
        /// End of its lease.
        until: Timestamp,
    },
    /// The hand-over begins with this package, `name@version`.
    Begun {
        /// Noted before the first byte leaves, so that a repeat is the same.
        package: String,
    },
    /// A verdict was reached and signed.
    Decided {
        /// Accept or reject.
        verdict: Verdict,
        /// The signed event, compact.
        event: String,
    },
    /// The gateway's log has the event.
    Posted,
    /// A try failed.
    Failed(Failure),
    /// The worker did not come back in time.
    LeaseEnded,
    /// An operator lets a parked delivery go on.
    Released,
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

/// When to try again, and when to give up. Delays double from `first` up to `longest`, with full jitter.
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
    /// The delay after `tries` failures (at least one), half fixed and half jittered.
    pub fn delay(&self, tries: u32, failure: Failure, jitter: Jitter) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1_u32 << tries.saturating_sub(1).min(20))
            .min(self.longest);
        let own = doubled / 2 + (doubled / 2).mul_f64(jitter.0);
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

impl Delivery {
    /// A new delivery, due at once.
    pub const fn due(now: Timestamp) -> Self {
        Self::Waiting {
            tries: 0,
            at: now,
            package: None,
        }
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
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { at, .. } | Self::Decided { at, .. } => Some(*at),
            Self::Leased { until, .. } => Some(*until),
            Self::Done { .. } | Self::Parked { .. } => None,
        }
    }

    /// The package the hand-over has begun with, `name@version`.
    pub fn package(&self) -> Option<&str> {
        match self {
            Self::Waiting { package, .. } | Self::Leased { package, .. } => package.as_deref(),
            Self::Decided { .. } | Self::Done { .. } | Self::Parked { .. } => None,
        }
    }

    /// The state after `event`.
    pub fn step(self, event: Event, around: &Circumstances) -> Result<Self, IllegalStep> {
        let now = around.now;
        Ok(match (self, event) {
            (Self::Waiting { tries, package, .. }, Event::Claimed { until }) => Self::Leased {
                tries,
                until,
                package,
            },
            // Noted once; what was begun with one package does not go on with another.
            (
                Self::Leased {
                    tries,
                    until,
                    package: None,
                },
                Event::Begun { package },
            ) => {
                let package = Some(package);
                Self::Leased {
                    tries,
                    until,
                    package,
                }
            }
            // A verdict counts even if the lease ended before it came: the effect has happened.
            (Self::Waiting { .. } | Self::Leased { .. }, Event::Decided { verdict, event }) => {
                decided((0, now), (verdict, event))
            }
            (Self::Leased { tries, package, .. }, Event::Failed(failure)) => {
                after_failure((tries + 1, package), failure, around)
            }
            // A message that kills its worker must run out of tries like any other.
            (Self::Leased { tries, package, .. }, Event::LeaseEnded) => {
                after_failure((tries + 1, package), Failure::SILENCE, around)
            }
            (Self::Decided { verdict, .. }, Event::Posted) => Self::Done { verdict, at: now },
            // An event that the gateway does not take (its key was withdrawn) is signed anew; never another verdict.
            (
                Self::Decided {
                    tries, at, verdict, ..
                },
                Event::Decided {
                    verdict: again,
                    event,
                },
            ) if verdict == again => decided((tries, at), (verdict, event)),
            (
                Self::Decided {
                    tries,
                    verdict,
                    event,
                    ..
                },
                Event::Failed(failure),
            ) => {
                let at = next_try(tries + 1, failure, around);
                decided((tries + 1, at), (verdict, event))
            }
            (Self::Parked { .. }, Event::Released) => Self::due(now),
            (
                state @ (Self::Waiting { .. }
                | Self::Leased { .. }
                | Self::Decided { .. }
                | Self::Done { .. }
                | Self::Parked { .. }),
                event,
            ) => {
                return Err(IllegalStep {
                    state: state.name(),
                    event: event.name(),
                });
            }
        })
    }
}

impl Event {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::Begun { .. } => "begun",
            Self::Decided { .. } => "decided",
            Self::Posted => "posted",
            Self::Failed(_) => "failed",
            Self::LeaseEnded => "lease-ended",
            Self::Released => "released",
        }
    }
}

fn after_failure(
    (tries, package): (u32, Option<String>),
    failure: Failure,
    around: &Circumstances,
) -> Delivery {
    if tries >= around.policy.tries_max && failure.cause.needs_a_person() {
        return Delivery::Parked {
            cause: failure.cause,
            since: around.now,
        };
    }
    let at = next_try(tries, failure, around);
    Delivery::Waiting { tries, at, package }
}

fn decided((tries, at): (u32, Timestamp), (verdict, event): (Verdict, String)) -> Delivery {
    Delivery::Decided {
        tries,
        at,
        verdict,
        event,
    }
}

fn next_try(tries: u32, failure: Failure, around: &Circumstances) -> Timestamp {
    around
        .now
        .plus(around.policy.delay(tries, failure, around.jitter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    const POLICY: RetryPolicy = RetryPolicy {
        first: Duration::from_secs(1),
        longest: Duration::from_mins(5),
        tries_max: 3,
    };

    fn around(now_s: i64) -> Circumstances {
        Circumstances {
            policy: POLICY,
            jitter: Jitter::WHOLE,
            now: Timestamp::from_seconds(now_s),
        }
    }

    fn failed(cause: Cause) -> Event {
        Event::Failed(Failure {
            cause,
            retry_after: None,
        })
    }

    #[test]
    fn every_state_answers_every_event() {
        let at = Timestamp::from_seconds(0);
        let states = [
            Delivery::Waiting {
                tries: 1,
                at,
                package: None,
            },
            Delivery::Leased {
                tries: 1,
                until: at,
                package: None,
            },
            Delivery::Decided {
                tries: 1,
                at,
                verdict: Verdict::Accept,
                event: "set".into(),
            },
            Delivery::Done {
                verdict: Verdict::Accept,
                at,
            },
            Delivery::Parked {
                cause: Cause::Silence,
                since: at,
            },
        ];
        let events = [
            Event::Claimed { until: at },
            Event::Begun {
                package: "hund@1.0.0".into(),
            },
            Event::Decided {
                verdict: Verdict::Reject,
                event: "set".into(),
            },
            Event::Posted,
            failed(Cause::ProcedureUnavailable),
            Event::LeaseEnded,
            Event::Released,
        ];
        let mut table = String::new();
        for state in &states {
            for event in &events {
                let answer = match state.clone().step(event.clone(), &around(10)) {
                    Ok(next) => next.name().to_owned(),
                    Err(illegal) => format!("illegal: {illegal}"),
                };
                writeln!(table, "{:<9}{:<12}{answer}", state.name(), event.name()).unwrap();
            }
        }
        insta::assert_snapshot!("delivery_state_table", table);
    }

    #[test]
    fn what_was_begun_with_a_package_goes_on_with_it_until_a_person_acts() {
        let until = Timestamp::from_seconds(5);
        let begun = Event::Begun {
            package: "hund@1.0.0".into(),
        };
        let leased = Delivery::due(Timestamp::from_seconds(0))
            .step(Event::Claimed { until }, &around(0))
            .and_then(|delivery| delivery.step(begun.clone(), &around(0)))
            .unwrap();
        // Not noted twice.
        assert!(leased.clone().step(begun, &around(0)).is_err());
        let mut delivery = leased;
        for _ in 1..POLICY.tries_max {
            delivery = delivery
                .step(failed(Cause::PackageFaulty), &around(1))
                .unwrap();
            assert_eq!(delivery.package(), Some("hund@1.0.0"));
            delivery = delivery.step(Event::Claimed { until }, &around(1)).unwrap();
            assert_eq!(delivery.package(), Some("hund@1.0.0"));
        }
        let parked = delivery
            .step(failed(Cause::PackageFaulty), &around(2))
            .unwrap();
        assert_eq!(parked.name(), "parked");
        let released = parked.step(Event::Released, &around(3)).unwrap();
        assert_eq!(released.package(), None);
    }

    #[test]
    fn a_row_from_before_packages_were_noted_is_read() {
        let read: Delivery =
            serde_json::from_str(r#"{"state":"waiting","tries":2,"at":1000}"#).unwrap();
        assert_eq!(read.package(), None);
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let failure = Failure {
            cause: Cause::Silence,
            retry_after: None,
        };
        let delay = |tries| POLICY.delay(tries, failure, Jitter::WHOLE).as_secs();
        assert_eq!([delay(1), delay(2), delay(3), delay(30)], [1, 2, 4, 300]);
    }

    #[test]
    fn a_foreign_retry_after_is_heard_and_clamped() {
        let asked = |secs| Failure {
            cause: Cause::ServiceUnavailable,
            retry_after: Some(Duration::from_secs(secs)),
        };
        assert_eq!(POLICY.delay(1, asked(60), Jitter::WHOLE).as_secs(), 60);
        assert_eq!(POLICY.delay(1, asked(86_400), Jitter::WHOLE).as_secs(), 300);
    }

    #[test]
    fn a_verdict_is_signed_anew_but_never_changed() {
        let decided = |event: &str| Delivery::Decided {
            tries: 3,
            at: Timestamp::from_seconds(7),
            verdict: Verdict::Accept,
            event: event.into(),
        };
        let again = |verdict| Event::Decided {
            verdict,
            event: "new".into(),
        };
        let step = |verdict| decided("old").step(again(verdict), &around(9));
        assert_eq!(step(Verdict::Accept).unwrap(), decided("new"));
        assert!(step(Verdict::Reject).is_err());
    }

    #[test]
    fn who_is_merely_away_is_waited_for() {
        let mut delivery = Delivery::due(Timestamp::from_seconds(0));
        for _ in 0..100 {
            let until = Timestamp::from_seconds(5);
            delivery = delivery.step(Event::Claimed { until }, &around(0)).unwrap();
            delivery = delivery
                .step(failed(Cause::ProcedureUnavailable), &around(6))
                .unwrap();
        }
        assert_eq!(delivery.name(), "waiting");
    }

    #[test]
    fn tries_run_out_but_a_verdict_is_posted_for_ever() {
        let mut delivery = Delivery::due(Timestamp::from_seconds(0));
        for _ in 0..POLICY.tries_max {
            delivery = delivery
                .step(
                    Event::Claimed {
                        until: Timestamp::from_seconds(5),
                    },
                    &around(0),
                )
                .unwrap();
            delivery = delivery.step(Event::LeaseEnded, &around(6)).unwrap();
        }
        assert_eq!(
            delivery,
            Delivery::Parked {
                cause: Cause::Silence,
                since: Timestamp::from_seconds(6)
            }
        );

        let mut decided = Delivery::Decided {
            tries: 0,
            at: Timestamp::from_seconds(0),
            verdict: Verdict::Accept,
            event: "set".into(),
        };
        for _ in 0..100 {
            decided = decided
                .step(failed(Cause::ServiceUnavailable), &around(0))
                .unwrap();
        }
        assert_eq!(decided.name(), "decided");
    }
}
