//! What the uplink keeps of submissions that go on to a foreign delivery service.
//!
//! Holds ids, states and the foreign service's signed events; the content stays sealed in the gateway's own store.

use amtsbote_model::relay::Relay;
use amtsbote_model::{SubmissionId, Timestamp};

use crate::{Error, Reply, Swapped};

/// A submission that is to go through an uplink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelay {
    /// The submission, by our own id.
    pub submission_id: SubmissionId,
    /// The uplink's name in the settings.
    pub uplink: String,
    /// When it was noted.
    pub at: Timestamp,
}

/// A relay as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayRow {
    /// The submission, by our own id.
    pub submission_id: SubmissionId,
    /// The uplink's name in the settings.
    pub uplink: String,
    /// Life cycle.
    pub relay: Relay,
    /// The foreign log as last verified: compact security event tokens, oldest first.
    pub log: Vec<String>,
    /// Grows with each change; what [`Relays::swap`] compares.
    pub revision: u64,
}

/// Relays of one gateway.
pub trait Relays: Send + Sync {
    /// Adds a row, due at once; if there is one already, it stays as it is. Durable before it answers.
    fn begin(&self, new: NewRelay) -> Reply<'_, Result<(), Error>>;

    /// Rows due at `now` ([`Relay::due_at`]), longest due first, at most `max`.
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<RelayRow>, Error>>;

    /// Writes state and log of `row` if the stored revision is still its own. Durable before it answers.
    fn swap(&self, row: RelayRow) -> Reply<'_, Result<Swapped, Error>>;

    /// One row.
    fn relay(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<RelayRow>, Error>>;
}
