//! One line per outage, not per message: says when an incident opens and when it is over.
//!
//! What is open is kept in memory: a new process says once more what is open when it begins. Of several that share a state, one
//! watches.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use amtsbote_model::delivery::Cause;
use amtsbote_model::incident::{Group, Kind, Number};
use amtsbote_model::{DestinationId, Timestamp};
use amtsbote_store::Tally;

use crate::turns::Next;
use crate::work::{Inner, log_store};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// What lasts shorter and parks nothing is a hiccup.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is open of one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    count: u64,
    parked: u64,
    first_seen: Timestamp,
}

/// What changed since the last look.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Opened(Group, Open),
    Closed(Group),
}

/// Incidents that were told of.
#[derive(Debug, Default)]
pub(crate) struct Watch(HashMap<Number, Group>);

impl Watch {
    fn look(&mut self, tallies: &[Tally], now: Timestamp) -> Vec<Turn> {
        let open = open(tallies);
        let mut turns = Vec::new();
        self.0.retain(|_, group| {
            let is_open = open.iter().any(|(other, _)| other == group);
            if !is_open {
                turns.push(Turn::Closed(*group));
            }
            is_open
        });
        for (group, open) in open {
            let is_serious = open.parked > 0 || now.since(open.first_seen) >= PATIENCE;
            if is_serious && self.0.insert(group.number(), group).is_none() {
                turns.push(Turn::Opened(group, open));
            }
        }
        turns
    }
}

/// By destination and cause, whatever the state. What a person took aside is known to a person.
fn open(tallies: &[Tally]) -> Vec<(Group, Open)> {
    let mut found: Vec<(Group, Open)> = Vec::new();
    for tally in tallies {
        let (Some(cause), Some(first_seen)) = (tally.cause, tally.first_seen) else {
            continue;
        };
        if cause == Cause::Operator {
            continue;
        }
        let group = group(tally.destination_id, cause);
        let parked = if tally.state == "parked" {
            tally.count
        } else {
            0
        };
        match found.iter_mut().find(|(other, _)| *other == group) {
            Some((_, open)) => {
                open.count += tally.count;
                open.parked += parked;
                open.first_seen = open.first_seen.min(first_seen);
            }
            None => found.push((
                group,
                Open {
                    count: tally.count,
                    parked,
                    first_seen,
                },
            )),
        }
    }
    found
}

const fn group(destination_id: DestinationId, cause: Cause) -> Group {
    Group {
        kind: Kind::Delivery,
        destination_id,
        cause,
    }
}

impl Inner {
    /// Looks again and again, until dropped.
    pub(crate) async fn watch(&self) {
        let watch = Mutex::new(Watch::default());
        self.in_turn("watch", || self.watch_once(&watch)).await;
    }

    async fn watch_once(&self, watch: &Mutex<Watch>) -> Next {
        match self.parts.deliveries.tally().await {
            Ok(tallies) => {
                let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
                for turn in watch.look(&tallies, self.parts.clock.now()) {
                    tell(&turn);
                }
            }
            Err(error) => log_store(&error),
        }
        Next::Again(LOOK)
    }
}

fn tell(turn: &Turn) {
    match turn {
        Turn::Opened(group, open) => {
            let (number, cause) = (group.number(), group.cause.name());
            tracing::error!(incident.number = %number, destination.id = %group.destination_id, delivery.cause = cause,
                incident.count = open.count, "incident {number}: {} deliveries to {} do not go on ({cause}), {} are parked; `amtsbote incident show {number}` tells more",
                open.count, group.destination_id, open.parked);
        }
        Turn::Closed(group) => {
            let (number, cause) = (group.number(), group.cause.name());
            tracing::info!(incident.number = %number, destination.id = %group.destination_id, delivery.cause = cause,
                "incident {number} is over");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tally(state: &str, cause: Option<Cause>, (count, first_s): (u64, i64)) -> Tally {
        let seen = cause.map(|_| Timestamp::from_seconds(first_s));
        Tally {
            destination_id: DestinationId::from_uuid(Uuid::from_u128(1)),
            state: state.to_owned(),
            cause,
            count,
            oldest: Timestamp::from_seconds(first_s),
            first_seen: seen,
            last_seen: seen,
        }
    }

    #[test]
    fn an_outage_is_told_once_and_its_end_once() {
        let mut watch = Watch::default();
        let away = Some(Cause::ProcedureUnavailable);
        let mut look =
            |tallies: &[Tally], now_s| watch.look(tallies, Timestamp::from_seconds(now_s));
        // A hiccup.
        assert_eq!(look(&[tally("waiting", away, (3, 0))], 59), []);
        let told = look(
            &[
                tally("waiting", away, (3, 0)),
                tally("leased", away, (1, 2)),
                tally("waiting", None, (9, 0)),
            ],
            60,
        );
        let [Turn::Opened(opened, open)] = told[..] else {
            panic!("{told:?}")
        };
        assert_eq!((open.count, open.parked), (4, 0));
        for now_s in 61..99 {
            assert_eq!(look(&[tally("waiting", away, (500, 0))], now_s), []);
        }
        assert_eq!(look(&[], 100), [Turn::Closed(opened)]);
        assert_eq!(look(&[], 101), []);
    }

    #[test]
    fn what_is_parked_is_told_at_once_but_not_what_a_person_parked() {
        let mut watch = Watch::default();
        let tallies = [
            tally("parked", Some(Cause::Silence), (1, 0)),
            tally("parked", Some(Cause::Operator), (1, 0)),
        ];
        let told = watch.look(&tallies, Timestamp::from_seconds(1));
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
