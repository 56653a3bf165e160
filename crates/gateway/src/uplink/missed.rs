//! Why a step was not taken, and what follows from that.

use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_model::relay::Outcome;
use amtsbote_store::{Error, RelayRow};

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missed {
    #[error("the foreign service: {0}")]
    There(#[source] Fault),
    #[error("the foreign event log does not hold: {0}")]
    Unbelievable(String),
    #[error("the foreign event log shows other authentication tags than ours")]
    OtherTags,
    #[error("what is stored here cannot be sent: {0}")]
    Unsendable(&'static str),
    #[error("our own store")]
    Store(#[from] Error),
    #[error("it could not be noted in our own log")]
    Untold,
}

impl From<Fault> for Missed {
    fn from(fault: Fault) -> Self {
        Self::There(fault)
    }
}

impl Missed {
    /// How long the foreign service wants to be left alone.
    pub(super) const fn asked(&self) -> Option<Duration> {
        match self {
            Self::There(Fault::Unavailable { retry_after, .. }) => *retry_after,
            Self::There(
                Fault::Refused { .. }
                | Fault::NotFound
                | Fault::Malformed { .. }
                | Fault::Misconfigured(_)
                | Fault::OwnEnd(_),
            )
            | Self::Unbelievable(_)
            | Self::OtherTags
            | Self::Unsendable(_)
            | Self::Store(_)
            | Self::Untold => None,
        }
    }
}

/// A refusal that is about what was sent and will not change; others are about us, the moment, or the way.
pub(super) fn refusal(fault: &Fault) -> Option<Outcome> {
    match fault {
        Fault::Refused {
            status: status @ (400 | 409 | 413 | 415 | 422),
            code,
            ..
        } => Some(Outcome::Refused {
            status: *status,
            code: code.clone(),
        }),
        Fault::Refused { .. }
        | Fault::Unavailable { .. }
        | Fault::NotFound
        | Fault::Malformed { .. }
        | Fault::Misconfigured(_)
        | Fault::OwnEnd(_) => None,
    }
}

/// Once per outage: the first failure of a row is told, what follows is for who looks closer.
pub(super) fn log_missed(row: &RelayRow, missed: &Missed) {
    let (id, name) = (row.submission_id, &row.uplink);
    let cause = chain(missed);
    let settled_by_waiting = matches!(
        missed,
        Missed::There(Fault::Unavailable { .. }) | Missed::Store(_)
    );
    match (row.relay.tries(), settled_by_waiting) {
        (0, true) => {
            tracing::warn!(submission.id = %id, uplink.name = %name, cause, "{id} could not go on through uplink {name}, it is tried again: {cause}");
        }
        (0, false) => {
            tracing::error!(submission.id = %id, uplink.name = %name, cause, "{id} cannot go on through uplink {name} until somebody acts: {cause}");
        }
        (1.., _) => {
            tracing::debug!(submission.id = %id, uplink.name = %name, cause, "{id} still cannot go on through uplink {name}: {cause}");
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}
