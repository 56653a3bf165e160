//! The life cycle of a reply (*Rückantwort*): the way back from a destination's subscriber to the online service.
//!
//! ```text
//!  created ──submit──► submitted ──accept──► accepted ──delete──► deleted
//!     │                 │  ▲   └──reject──► rejected ──delete──►   ▲
//!     │           notify┘──┘                                       │
//!     └────────────────────────delete──────────────────────────────┘
//! ```
//!
//! States and events are those of a submission, except that nobody passes a reply on. The parties have changed places: who
//! received the submission sends the reply, and who sent it answers.

use std::fmt;

pub use crate::submission::{Event, State};

/// Who says what happens to a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// The delivery service (*Zustelldienst*).
    Service,
    /// Who sends the reply: the destination's subscriber.
    Sender,
    /// Whom it is for: the online service that opened the case.
    Receiver,
}

/// Why an event is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The party may never send this event (a semantic error: 422).
    #[error("{event} events of replies are not for the {party} to send")]
    WrongParty {
        /// The event.
        event: Event,
        /// Who tried.
        party: Party,
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

impl Party {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Service, Self::Sender, Self::Receiver];
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "delivery service",
            Self::Sender => "reply's sender",
            Self::Receiver => "reply's receiver",
        })
    }
}

/// The state of a reply after `event` by `party`.
pub fn step(state: State, event: Event, party: Party) -> Result<State, Refusal> {
    use Party::{Receiver, Sender, Service};
    match (event, party) {
        (Event::Accept, Receiver)
        | (Event::Reject, Service | Receiver)
        | (Event::Create | Event::Submit | Event::Notify | Event::Delete, Service) => {
            follow(state, event)
        }
        (Event::Forward, Service | Sender | Receiver)
        | (Event::Accept, Service | Sender)
        | (Event::Reject, Sender)
        | (Event::Create | Event::Submit | Event::Notify | Event::Delete, Sender | Receiver) => {
            Err(Refusal::WrongParty { event, party })
        }
    }
}

fn follow(state: State, event: Event) -> Result<State, Refusal> {
    match (state, event) {
        (State::Created, Event::Submit) => Ok(State::Submitted),
        // Telling somebody changes nothing; it may be recorded late, after the answer has come.
        (State::Submitted | State::Accepted | State::Rejected, Event::Notify) => Ok(state),
        (State::Submitted, Event::Accept) => Ok(State::Accepted),
        (State::Submitted, Event::Reject) => Ok(State::Rejected),
        (State::Created | State::Accepted | State::Rejected, Event::Delete) => Ok(State::Deleted),
        (
            State::Created
            | State::Submitted
            | State::Forwarded
            | State::Accepted
            | State::Rejected
            | State::Deleted,
            event,
        ) => Err(Refusal::IllegalStep { state, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn every_state_answers_every_event_of_every_party() {
        let mut table = String::new();
        for state in State::ALL {
            for event in Event::ALL {
                for party in Party::ALL {
                    let answer = match step(state, event, party) {
                        Ok(next) => next.name(),
                        Err(Refusal::WrongParty { .. }) => "422",
                        Err(Refusal::IllegalStep { .. }) => "409",
                    };
                    let (state, event, party) = (state.name(), event.name(), party.to_string());
                    writeln!(table, "{state:<10}{event:<8}{party:<17}{answer}").unwrap();
                }
            }
        }
        insta::assert_snapshot!("reply_state_table", table);
    }

    #[test]
    fn no_reply_is_ever_forwarded() {
        for state in State::ALL.into_iter().filter(|s| *s != State::Forwarded) {
            for (event, party) in Event::ALL
                .into_iter()
                .flat_map(|event| Party::ALL.map(|party| (event, party)))
            {
                assert_ne!(step(state, event, party), Ok(State::Forwarded));
            }
        }
    }
}
