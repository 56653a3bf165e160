//! The page of life cycles, drawn from the state machines themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use amtsbote_model::reply::{self, Party};
use amtsbote_model::submission::{self, Event, Issuer, State};

/// What a state answers to an event of somebody: the next state, or the status.
type Answer = Result<State, &'static str>;

/// One life cycle.
struct Machine<P: 'static> {
    title: &'static str,
    about: &'static str,
    parties: &'static [P],
    step: fn(State, Event, P) -> Answer,
}

/// The page.
pub(crate) fn page() -> String {
    let submissions = Machine {
        title: "Submissions",
        about: "What nobody may ever send is refused with 422; what does not fit the present state with 409. Events of the delivery \
                service are never taken from outside, whatever the table says: 422. `forward` exists in API v1 only; in v2 it is 422.",
        parties: &Issuer::ALL,
        step: |state, event, issuer| {
            state.step(event, issuer).map_err(|refusal| match refusal {
                submission::Refusal::WrongIssuer { .. } => "422",
                submission::Refusal::IllegalStep { .. } => "409",
            })
        },
    };
    let replies = Machine {
        title: "Replies",
        about: "The parties have changed places: who received the submission sends the reply. Nobody passes a reply on.",
        parties: &Party::ALL,
        step: |state, event, party| {
            reply::step(state, event, party).map_err(|refusal| match refusal {
                reply::Refusal::WrongParty { .. } => "422",
                reply::Refusal::IllegalStep { .. } => "409",
            })
        },
    };
    let mut text = String::from(
        "# Life cycles\n\n\
         Every state, every event, everybody who may say it. The same tables are golden files of `crates/model`; a gateway test sends\n\
         every event to a submission in every state, in both versions of the API.\n",
    );
    submissions.write(&mut text);
    replies.write(&mut text);
    text
}

impl<P: Copy + std::fmt::Display> Machine<P> {
    fn write(&self, text: &mut String) {
        let Self { title, about, .. } = self;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n## {title}\n\n{about}\n\n```mermaid\nstateDiagram-v2\n"
        );
        let _ = writeln!(text, "    [*] --> created: create");
        for ((from, to), events) in self.steps() {
            let _ = writeln!(text, "    {from} --> {to}: {}", events.join(", "));
        }
        text.push_str("```\n\n| event | by |");
        for state in self.states() {
            let _ = write!(text, " {state} |");
        }
        let _ = write!(text, "\n|---|---|{}\n", "---|".repeat(self.states().len()));
        for event in Event::ALL {
            for party in self.parties {
                self.row(text, event, *party);
            }
        }
    }

    fn row(&self, text: &mut String, event: Event, party: P) {
        let _ = write!(text, "| {event} | {party} |");
        for state in self.states() {
            let _ = match (self.step)(state, event, party) {
                Ok(next) => write!(text, " **{next}** |"),
                Err(status) => write!(text, " {status} |"),
            };
        }
        text.push('\n');
    }

    /// Those that can be reached.
    fn states(&self) -> Vec<State> {
        let is_reached = |state: &State| {
            *state == State::Created || self.steps().keys().any(|(_, to)| *to == state.name())
        };
        State::ALL.into_iter().filter(is_reached).collect()
    }

    /// The events that lead from one state to another.
    fn steps(&self) -> BTreeMap<(&'static str, &'static str), Vec<&'static str>> {
        let mut steps: BTreeMap<_, Vec<&'static str>> = BTreeMap::new();
        for state in State::ALL {
            for event in Event::ALL {
                let nexts = self
                    .parties
                    .iter()
                    .filter_map(|party| (self.step)(state, event, *party).ok());
                for next in nexts {
                    let events = steps.entry((state.name(), next.name())).or_default();
                    if !events.contains(&event.name()) {
                        events.push(event.name());
                    }
                }
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_step_and_every_refusal() {
        let page = page();
        for part in [
            "submitted --> accepted: accept",
            "submitted --> forwarded: forward",
            "submitted --> submitted: notify",
            "| reject | delivery service | 409 | **rejected** | **rejected** | 409 | 409 | 409 |",
            "| delete | subscriber | 422 | 422 | 422 | 422 | 422 | 422 |",
            "| accept | reply's receiver | 409 | **accepted** | 409 | 409 | 409 |",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
