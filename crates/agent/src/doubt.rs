//! Whether the delivery service has a fault, or one submission at the delivery service.
//!
//! A service that answers 500, or breaks off in the middle of an answer, may be broken as a whole, or unable to give away what is
//! damaged in its store. So it is asked something else: if it answers that, it is there, and the failure is this submission's, with a cause of its own. It is tried again, ever more
//! rarely, and parks in the end; the others go on. If it does not, it is an outage like any other.

use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_fit_connect::Paging;
use amtsbote_model::delivery::{Cause, Failure};
use amtsbote_store::DeliveryRow;

use crate::circuit::{Heard, Side};
use crate::work::Inner;

impl Inner {
    /// Tells the circuit what a call about a submission that failed after `took` says of the service; the failure, with its cause made
    /// sure.
    pub(crate) async fn heard_failure(
        &self,
        row: &DeliveryRow,
        failure: Failure,
        took: Duration,
    ) -> Failure {
        let is_doubtful = failure.cause == Cause::ServiceFaulty;
        let cause = if is_doubtful && !self.answers_otherwise(row).await {
            Cause::ServiceUnavailable
        } else {
            failure.cause
        };
        let failure = Failure { cause, ..failure };
        let heard = match cause {
            Cause::ServiceUnavailable => Heard::Nothing {
                retry_after: failure.retry_after,
            },
            Cause::ServiceRefused | Cause::ServiceFaulty => Heard::Answer,
            Cause::ProcedureUnavailable
            | Cause::ProcedureMisconfigured
            | Cause::PackageFaulty
            | Cause::Silence
            | Cause::Internal
            | Cause::Operator => Heard::NotAsked,
        };
        self.heard(Side::Service, heard.after(took, self.others()));
        failure
    }

    /// Whether the service answers what has nothing to do with this submission.
    async fn answers_otherwise(&self, row: &DeliveryRow) -> bool {
        let one = Paging {
            offset: 0,
            limit: 1,
        };
        let destination = Some(row.destination_id);
        let asked = self.service.pickup(self, destination, one, Duration::ZERO);
        let is_there = !matches!(asked.await, Err(Fault::Unavailable { .. }));
        if is_there {
            tracing::error!(submission.id = %row.submission_id, destination.id = %row.destination_id,
                "the delivery service answers, but has a fault with {}: its operator has to look at it", row.submission_id);
        }
        is_there
    }
}
