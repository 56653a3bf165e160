//! The agent's own durable state: one row per submission on its way into a procedure.
//!
//! Holds ids, states and signed events only; the content stays sealed at the gateway until the verdict is posted.

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{CaseId, DestinationId, SubmissionId, Timestamp};

use crate::{Error, Reply};

/// A submission the agent has heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewDelivery {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// Its destination.
    pub destination_id: DestinationId,
    /// When it was noted.
    pub at: Timestamp,
}

/// A delivery as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Its case.
    pub case_id: CaseId,
    /// Its destination.
    pub destination_id: DestinationId,
    /// Life cycle.
    pub delivery: Delivery,
    /// Grows with each change; what [`Deliveries::swap`] compares.
    pub revision: u64,
}

/// The answer to a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swapped {
    /// The new state is durable.
    Done,
    /// Somebody else changed the row since it was read.
    Stale,
}

/// Deliveries of one agent.
pub trait Deliveries: Send + Sync {
    /// Adds rows, due at once; what is there already stays as it is. Durable before it answers.
    fn note(&self, new: Vec<NewDelivery>) -> Reply<'_, Result<(), Error>>;

    /// Rows due at `now` ([`Delivery::due_at`]), longest due first, at most `max`.
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<DeliveryRow>, Error>>;

    /// Sets the state if the row's revision is still `revision`. Durable before it answers.
    fn swap(
        &self,
        submission_id: SubmissionId,
        revision: u64,
        delivery: Delivery,
    ) -> Reply<'_, Result<Swapped, Error>>;

    /// One row.
    fn find(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<DeliveryRow>, Error>>;

    /// Rows whose state has this name, oldest first, at most `max`: what an operator looks at.
    fn in_state<'a>(
        &'a self,
        name: &'a str,
        max: u32,
    ) -> Reply<'a, Result<Vec<DeliveryRow>, Error>>;
}
