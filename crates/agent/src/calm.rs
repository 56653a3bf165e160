//! Another try for what was parked because workers died with it in their hands.
//!
//! Whoever kills processes at random, or a machine that runs out of memory again and again, strikes the same delivery often
//! enough by chance that it parks. So a process that has lived for a while tries it once more, one at a time like all suspects. If that kills
//! it, the next one waits twice as long: what really kills costs ever fewer deaths, what was unlucky arrives.

use std::time::Duration;

use amtsbote_model::delivery::{Cause, Event};
use tokio::time::Instant;

use crate::work::{Inner, log_store};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

impl Inner {
    /// For ever.
    pub(crate) async fn reprieve(&self) {
        let began = Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            self.reprieve_once(began.elapsed()).await;
        }
    }

    /// For a process that has lived so long. Dying between two of them is fine: each is a write of its own.
    async fn reprieve_once(&self, lived: Duration) {
        let tally = match self.parts.deliveries.tally().await {
            Ok(tally) => tally,
            Err(error) => return log_store(&error),
        };
        let is_silent = |group: &amtsbote_store::Tally| {
            group.state == "parked" && group.cause == Some(Cause::Silence)
        };
        if !tally.iter().any(is_silent) {
            return;
        }
        let now = self.parts.clock.now();
        for row in self.in_state("parked").await {
            let parked_for = row
                .delivery
                .trouble()
                .map_or(Duration::ZERO, |trouble| now.since(trouble.last));
            let calm = row.delivery.reprieve_after();
            if calm.is_none_or(|calm| calm > lived.min(parked_for)) {
                continue;
            }
            if self.advance(&row, Event::Reprieved).await.is_some() {
                tracing::warn!(submission.id = %row.submission_id, destination.id = %row.destination_id,
                    "the delivery of {}, with which workers have died, is tried once more", row.submission_id);
                self.news.notify_one();
            }
        }
    }
}
