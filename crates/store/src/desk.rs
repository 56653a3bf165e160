//! The operator's desk: what a person sees of the agent's state and changes in it by hand, beside the running agent.
//!
//! A change compares the revision like any worker's, and what is noted of it is in the same transaction: there is no change
//! without its note, and no note without its change.

use amtsbote_model::delivery::Delivery;
use amtsbote_model::{SubmissionId, Timestamp};

use crate::{AnswerMove, AnswerRow, DeliveryRow, Error, Reply, Swapped};

/// What is noted of a change by hand. Ids and names of states only, nothing personal of senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervention {
    /// When.
    pub at: Timestamp,
    /// Who, by the operating system.
    pub who: String,
    /// With which command.
    pub command: String,
    /// Why, in the operator's own words.
    pub reason: Option<String>,
    /// What was changed.
    pub submission_id: SubmissionId,
    /// Which reply to it (its key), if not the submission itself.
    pub answer: Option<String>,
    /// What it was.
    pub before: String,
    /// What it became.
    pub after: String,
}

/// The agent's state as operators work on it.
pub trait Desk: Send + Sync {
    /// Deliveries that are not done, longest known first, at most `max`; all of the same moment.
    fn open_deliveries(&self, max: u32) -> Reply<'_, Result<Vec<DeliveryRow>, Error>>;

    /// Replies that are not sent and either failed before or were parked, in the order of their keys, at most `max`.
    fn stuck_answers(&self, max: u32) -> Reply<'_, Result<Vec<AnswerRow>, Error>>;

    /// As [`Deliveries::swap`](crate::Deliveries::swap), with its note.
    fn change_delivery(
        &self,
        revision: u64,
        delivery: Delivery,
        note: Intervention,
    ) -> Reply<'_, Result<Swapped, Error>>;

    /// As [`WaysBack::move_answer`](crate::WaysBack::move_answer) for the answer that the note names, with its note.
    fn change_answer(
        &self,
        revision: u64,
        to: AnswerMove,
        note: Intervention,
    ) -> Reply<'_, Result<Swapped, Error>>;

    /// Notes, newest first, at most `max`; of one submission, or of all.
    fn interventions(
        &self,
        of: Option<SubmissionId>,
        max: u32,
    ) -> Reply<'_, Result<Vec<Intervention>, Error>>;
}
