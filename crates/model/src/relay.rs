//! The life of a submission on its way through an uplink to a foreign delivery service.
//!
//! ```text
//!  waiting ─announced► announced ─uploaded► … ─sent► submitting ─confirmed► watched ─decided► decided ─told► settled
//!     ▲                   │                             │
//!     └────forgotten──────┴─────────────────────────────┘      refused, expired: decided at once
//! ```
//!
//! *Announced* is stored before the first upload and *submitting* before the submit: from then on the foreign submission is
//! looked up before anything is repeated, and no other one is announced unless the foreign log shows that this one was never submitted.

use serde::{Deserialize, Serialize};

use crate::{CaseId, SubmissionId, Timestamp};

/// The ids a foreign service has given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct There {
    /// Its submission.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The foreign subscriber took it: its signed event says so.
    Accepted,
    /// The foreign subscriber, or its service, refused it: a signed event says so.
    Rejected,
    /// The foreign service would not take it.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code, if there was one.
        code: Option<String>,
    },
    /// It could not be brought there in time.
    Expired,
    /// It came to an end here before it was sent.
    Withdrawn,
}

impl Outcome {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Refused { .. } => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Where a relayed submission stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Relay {
    /// Nothing that counts is at the foreign service.
    Waiting {
        /// Failed tries.
        tries: u32,
        /// When to try next.
        at: Timestamp,
    },
    /// Announced there; attachments are going up.
    Announced {
        /// The foreign ids.
        there: There,
        /// So many attachments are up, in the order of their ids.
        uploaded: u32,
        /// Failed tries.
        tries: u32,
        /// When to try next.
        at: Timestamp,
    },
    /// The submit is under way or its answer was lost.
    Submitting {
        /// The foreign ids.
        there: There,
        /// Failed tries.
        tries: u32,
        /// When to try next.
        at: Timestamp,
    },
    /// Complete there: its signed log shows our authentication tags.
    Watched {
        /// The foreign ids.
        there: There,
        /// Since when.
        since: Timestamp,
        /// Failed looks.
        tries: u32,
        /// When to look next.
        at: Timestamp,
    },
    /// It has ended; our own log and the sender are still to be told.
    Decided {
        /// The foreign ids, if it got that far.
        there: Option<There>,
        /// How it ended.
        outcome: Outcome,
        /// Failed tries to write it down.
        tries: u32,
        /// When to try next.
        at: Timestamp,
    },
    /// Over.
    Settled {
        /// The foreign ids, if it got that far.
        there: Option<There>,
        /// How it ended.
        outcome: Outcome,
        /// Since when.
        since: Timestamp,
    },
}

/// What can happen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The foreign service gave ids.
    Announced(There),
    /// One more attachment is up.
    Uploaded,
    /// The submit is about to be sent.
    Sent,
    /// The foreign log shows the submission complete.
    Confirmed,
    /// The foreign service has no such open submission, and it was never submitted.
    Forgotten {
        /// When to announce it anew.
        at: Timestamp,
    },
    /// It came to an end.
    Decided(Outcome),
    /// Our own log says so, too.
    Told,
    /// A try failed, or there is no news; due again then.
    Later {
        /// Counted as a failure?
        failure: Failed,
        /// When.
        at: Timestamp,
    },
}

/// Whether waiting is a failure's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// A try failed.
    Yes,
    /// There is merely no news.
    No,
}

/// The event does not fit the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} does not follow {state}")]
pub struct IllegalStep {
    /// The state.
    pub state: &'static str,
    /// The event.
    pub event: &'static str,
}

impl Relay {
    /// A new one, due at once.
    pub const fn due(now: Timestamp) -> Self {
        Self::Waiting { tries: 0, at: now }
    }

    /// The stable name of the state, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Announced { .. } => "announced",
            Self::Submitting { .. } => "submitting",
            Self::Watched { .. } => "watched",
            Self::Decided { .. } => "decided",
            Self::Settled { .. } => "settled",
        }
    }

    /// When there is something to do; never again once it is settled.
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { at, .. }
            | Self::Announced { at, .. }
            | Self::Submitting { at, .. }
            | Self::Watched { at, .. }
            | Self::Decided { at, .. } => Some(*at),
            Self::Settled { .. } => None,
        }
    }

    /// Failed tries in this state.
    pub const fn tries(&self) -> u32 {
        match self {
            Self::Waiting { tries, .. }
            | Self::Announced { tries, .. }
            | Self::Submitting { tries, .. }
            | Self::Watched { tries, .. }
            | Self::Decided { tries, .. } => *tries,
            Self::Settled { .. } => 0,
        }
    }

    /// The foreign ids, once there are any.
    pub const fn there(&self) -> Option<There> {
        match self {
            Self::Waiting { .. } => None,
            Self::Announced { there, .. }
            | Self::Submitting { there, .. }
            | Self::Watched { there, .. } => Some(*there),
            Self::Decided { there, .. } | Self::Settled { there, .. } => *there,
        }
    }

    /// How it ended, once it has.
    pub const fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Decided { outcome, .. } | Self::Settled { outcome, .. } => Some(outcome),
            Self::Waiting { .. }
            | Self::Announced { .. }
            | Self::Submitting { .. }
            | Self::Watched { .. } => None,
        }
    }

    /// The state after `event`.
    pub fn step(self, event: Event, now: Timestamp) -> Result<Self, IllegalStep> {
        use Relay as R;
        let (tries, at) = (0, now);
        match (self, event) {
            (R::Waiting { .. }, Event::Announced(there)) => {
                let uploaded = 0;
                Ok(R::Announced {
                    there,
                    uploaded,
                    tries,
                    at,
                })
            }
            (
                R::Announced {
                    there, uploaded, ..
                },
                Event::Uploaded,
            ) => {
                let uploaded = uploaded.saturating_add(1);
                Ok(R::Announced {
                    there,
                    uploaded,
                    tries,
                    at,
                })
            }
            (R::Announced { there, .. } | R::Submitting { there, .. }, Event::Sent) => {
                Ok(R::Submitting { there, tries, at })
            }
            (R::Submitting { there, .. }, Event::Confirmed) => {
                let since = now;
                Ok(R::Watched {
                    there,
                    since,
                    tries,
                    at,
                })
            }
            (R::Announced { .. } | R::Submitting { .. }, Event::Forgotten { at }) => Ok(R::due(at)),
            (state, Event::Decided(outcome)) => state.decide(outcome, now),
            (R::Decided { there, outcome, .. }, Event::Told) => {
                let since = now;
                Ok(R::Settled {
                    there,
                    outcome,
                    since,
                })
            }
            (state, Event::Later { failure, at }) => state.later(failure, at),
            (state, event) => Err(illegal(&state, &event)),
        }
    }

    fn decide(self, outcome: Outcome, at: Timestamp) -> Result<Self, IllegalStep> {
        let there = self.there();
        match self {
            Self::Waiting { .. }
            | Self::Announced { .. }
            | Self::Submitting { .. }
            | Self::Watched { .. } => Ok(Self::Decided {
                there,
                outcome,
                tries: 0,
                at,
            }),
            Self::Decided { .. } | Self::Settled { .. } => {
                Err(illegal(&self, &Event::Decided(outcome)))
            }
        }
    }

    fn later(mut self, failure: Failed, then: Timestamp) -> Result<Self, IllegalStep> {
        match &mut self {
            Self::Waiting { tries, at }
            | Self::Announced { tries, at, .. }
            | Self::Submitting { tries, at, .. }
            | Self::Watched { tries, at, .. }
            | Self::Decided { tries, at, .. } => {
                *tries = match failure {
                    Failed::Yes => tries.saturating_add(1),
                    Failed::No => 0,
                };
                *at = then;
                Ok(self)
            }
            Self::Settled { .. } => {
                let at = then;
                Err(illegal(&self, &Event::Later { failure, at }))
            }
        }
    }
}

impl Event {
    /// The event's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Announced(_) => "announced",
            Self::Uploaded => "uploaded",
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Forgotten { .. } => "forgotten",
            Self::Decided(_) => "decided",
            Self::Told => "told",
            Self::Later { .. } => "later",
        }
    }
}

const fn illegal(state: &Relay, event: &Event) -> IllegalStep {
    IllegalStep {
        state: state.name(),
        event: event.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn there() -> There {
        There {
            submission_id: SubmissionId::from_uuid(uuid::Uuid::from_u128(1)),
            case_id: CaseId::from_uuid(uuid::Uuid::from_u128(2)),
        }
    }

    fn states() -> [Relay; 6] {
        let (at, there, tries) = (Timestamp::from_millis(1), there(), 3);
        let outcome = Outcome::Accepted;
        [
            Relay::Waiting { tries, at },
            Relay::Announced {
                there,
                uploaded: 1,
                tries,
                at,
            },
            Relay::Submitting { there, tries, at },
            Relay::Watched {
                there,
                since: at,
                tries,
                at,
            },
            Relay::Decided {
                there: Some(there),
                outcome: outcome.clone(),
                tries,
                at,
            },
            Relay::Settled {
                there: Some(there),
                outcome,
                since: at,
            },
        ]
    }

    fn events() -> [Event; 8] {
        [
            Event::Announced(there()),
            Event::Uploaded,
            Event::Sent,
            Event::Confirmed,
            Event::Forgotten {
                at: Timestamp::from_millis(7),
            },
            Event::Decided(Outcome::Rejected),
            Event::Told,
            Event::Later {
                failure: Failed::Yes,
                at: Timestamp::from_millis(9),
            },
        ]
    }

    #[test]
    fn every_state_answers_every_event() {
        let mut table = String::new();
        for state in states() {
            for event in events() {
                let next = state.clone().step(event.clone(), Timestamp::from_millis(5));
                let next = next.as_ref().map_or("-", Relay::name);
                writeln!(table, "{:<11}{:<10}{next}", state.name(), event.name()).unwrap();
            }
        }
        insta::assert_snapshot!("relay_state_table", table);
    }

    #[test]
    fn a_failure_counts_and_no_news_does_not() {
        let later = |failure| {
            let at = Timestamp::from_millis(9);
            let [.., watched, _, _] = states();
            watched.step(Event::Later { failure, at }, at).unwrap()
        };
        assert_eq!(later(Failed::Yes).tries(), 4);
        assert_eq!(later(Failed::No).tries(), 0);
        assert_eq!(later(Failed::No).due_at(), Some(Timestamp::from_millis(9)));
    }

    #[test]
    fn what_was_submitted_is_never_announced_again() {
        for state in [
            states()[3].clone(),
            states()[4].clone(),
            states()[5].clone(),
        ] {
            assert!(
                state
                    .step(
                        Event::Forgotten {
                            at: Timestamp::from_millis(7)
                        },
                        Timestamp::from_millis(5)
                    )
                    .is_err()
            );
        }
    }
}
