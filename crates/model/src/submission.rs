//! The life cycle of a submission at the gateway, as FIT-Connect's event log tells it.
//!
//! ```text
//!  created ──submit──► submitted ──accept──► accepted ──delete──► deleted
//!     │                 │  ▲  │ └──reject──► rejected ──delete──►   ▲
//!     │           notify┘──┘  └─forward (v1)─► forwarded ─accept/reject
//!     └────────────────────────delete───────────────────────────────┘
//! ```
//!
//! Which party may say what is part of the table: events of the delivery service are never taken from outside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// State of a submission. Stored by [`State::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Announced; attachments may arrive.
    Created,
    /// Complete and durable; waits for the subscriber.
    Submitted,
    /// Passed on by the subscriber (API v1 only).
    Forwarded,
    /// Technically received: downloaded, opened, found valid, handed over.
    Accepted,
    /// Refused for good, with problems.
    Rejected,
    /// Content is gone; the event log stays.
    Deleted,
}

/// What can happen to a submission. The event URI's last part is [`Event::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// It was announced.
    Create,
    /// All parts are there.
    Submit,
    /// The subscriber was told or has asked.
    Notify,
    /// The subscriber passed it on (API v1 only).
    Forward,
    /// The subscriber took it.
    Accept,
    /// The subscriber, or the service after the deadline, refused it.
    Reject,
    /// The content was deleted.
    Delete,
}

/// Who signs an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Issuer {
    /// The delivery service (*Zustelldienst*).
    Service,
    /// The destination's subscriber.
    Subscriber,
}

/// Why an event is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The issuer may never send this event (a semantic error: 422).
    #[error("{event} events are not for the {issuer} to send")]
    WrongIssuer {
        /// The event.
        event: Event,
        /// Who tried.
        issuer: Issuer,
    },
    /// The event does not fit the present state (409).
    #[error("{event} does not follow {state}")]
    IllegalStep {
        /// The present state.
        state: State,
        /// The event.
        event: Event,
    },
}

impl State {
    /// All states, in the order of life.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Submitted,
        Self::Forwarded,
        Self::Accepted,
        Self::Rejected,
        Self::Deleted,
    ];

    /// The stable name, as stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Submitted => "submitted",
            Self::Forwarded => "forwarded",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Deleted => "deleted",
        }
    }

    /// Whether the subscriber may fetch the content now.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Submitted | Self::Forwarded)
    }

    /// The state after `event` by `issuer`.
    pub fn step(self, event: Event, issuer: Issuer) -> Result<Self, Refusal> {
        use Issuer::{Service, Subscriber};
        match (event, issuer) {
            (Event::Accept | Event::Forward, Subscriber)
            | (Event::Reject, Service | Subscriber)
            | (Event::Create | Event::Submit | Event::Notify | Event::Delete, Service) => {
                self.follow(event)
            }
            (Event::Accept | Event::Forward, Service)
            | (Event::Create | Event::Submit | Event::Notify | Event::Delete, Subscriber) => {
                Err(Refusal::WrongIssuer { event, issuer })
            }
        }
    }

    fn follow(self, event: Event) -> Result<Self, Refusal> {
        match (self, event) {
            (Self::Created, Event::Submit) => Ok(Self::Submitted),
            // Telling somebody changes nothing; it may be recorded late, after the answer has come.
            (
                Self::Submitted | Self::Forwarded | Self::Accepted | Self::Rejected,
                Event::Notify,
            ) => Ok(self),
            (Self::Submitted, Event::Forward) => Ok(Self::Forwarded),
            (Self::Submitted | Self::Forwarded, Event::Accept) => Ok(Self::Accepted),
            (Self::Submitted | Self::Forwarded, Event::Reject) => Ok(Self::Rejected),
            (Self::Created | Self::Accepted | Self::Rejected, Event::Delete) => Ok(Self::Deleted),
            (
                Self::Created
                | Self::Submitted
                | Self::Forwarded
                | Self::Accepted
                | Self::Rejected
                | Self::Deleted,
                event,
            ) => Err(Refusal::IllegalStep { state: self, event }),
        }
    }
}

impl Event {
    /// All events, in the order of life.
    pub const ALL: [Self; 7] = [
        Self::Create,
        Self::Submit,
        Self::Notify,
        Self::Forward,
        Self::Accept,
        Self::Reject,
        Self::Delete,
    ];

    /// The stable name, as in the event URI: `accept` of `…/events/accept-submission`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Submit => "submit",
            Self::Notify => "notify",
            Self::Forward => "forward",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Delete => "delete",
        }
    }
}

impl Issuer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Service, Self::Subscriber];
}

/// The text names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a submission state")]
pub struct UnknownState;

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or(UnknownState)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "delivery service",
            Self::Subscriber => "subscriber",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn every_state_answers_every_event_of_every_issuer() {
        let mut table = String::new();
        for state in State::ALL {
            for event in Event::ALL {
                for issuer in Issuer::ALL {
                    let answer = match state.step(event, issuer) {
                        Ok(next) => next.name(),
                        Err(Refusal::WrongIssuer { .. }) => "422",
                        Err(Refusal::IllegalStep { .. }) => "409",
                    };
                    writeln!(table, "{state:<10}{event:<8}{issuer:<17}{answer}").unwrap();
                }
            }
        }
        insta::assert_snapshot!("submission_state_table", table);
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(state.name().parse(), Ok(state));
        }
    }
}
