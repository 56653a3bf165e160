//! What incidents are made of, read from the agent's rows.

use std::time::Duration;

use amtsbote_model::DestinationId;
use amtsbote_model::delivery::{Cause, Delivery};
use amtsbote_model::incident::{Group, Kind, Stance, Stuck};

use crate::{AnswerRow, AnswerState, DeliveryRow};

/// A delivery that fails or is parked. The service refuses it by itself so long after its receipt as `unanswered` says.
pub fn of_delivery(row: &DeliveryRow, unanswered: Duration) -> Option<Stuck> {
    let trouble = row.delivery.trouble()?;
    Some(Stuck {
        group: Group {
            kind: Kind::Delivery,
            destination_id: row.destination_id,
            cause: trouble.cause,
        },
        submission_id: row.submission_id,
        stance: match row.delivery {
            Delivery::Parked { .. } => Stance::Parked,
            Delivery::Waiting { .. }
            | Delivery::Leased { .. }
            | Delivery::Decided { .. }
            | Delivery::Done { .. } => Stance::Tried,
        },
        since: trouble.since,
        last: Some(trouble.last),
        waits_since: row.noted_at,
        deadline: Some(row.noted_at.plus(unanswered)),
    })
}

/// A reply that fails or is parked.
pub fn of_answer(row: &AnswerRow, destination_id: DestinationId) -> Option<Stuck> {
    let (stance, cause) = match (row.state, row.failing) {
        (AnswerState::Sealed | AnswerState::Announced(_), Some(failing)) => {
            (Stance::Tried, failing.cause)
        }
        (AnswerState::Parked(_), _) => (Stance::Parked, Cause::Operator),
        (AnswerState::Sealed | AnswerState::Announced(_), None)
        | (AnswerState::Sent(_) | AnswerState::Kept, _) => return None,
    };
    let since = row.failing.map_or(row.at, |failing| failing.since);
    Some(Stuck {
        group: Group {
            kind: Kind::Reply,
            destination_id,
            cause,
        },
        submission_id: row.submission_id,
        stance,
        since,
        last: None,
        waits_since: since,
        deadline: None,
    })
}
