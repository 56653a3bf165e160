//! What the agents tell of each submission.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amtsbote_agent::{Observer, Outcome};
use amtsbote_model::SubmissionId;
use tokio::sync::watch;

use crate::talk::Talk;

/// Outcomes by submission, told by six agents at once.
#[derive(Clone)]
pub(crate) struct Journeys {
    outcomes: Arc<Mutex<HashMap<SubmissionId, Outcome>>>,
    count: watch::Sender<usize>,
}

impl Default for Journeys {
    fn default() -> Self {
        Self {
            outcomes: Arc::default(),
            count: watch::Sender::new(0),
        }
    }
}

impl Journeys {
    /// What an agent is to call.
    pub(crate) fn observer(&self) -> Observer {
        let journeys = self.clone();
        Arc::new(move |outcome: &Outcome| {
            let mut outcomes = journeys
                .outcomes
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            outcomes.insert(outcome.submission_id, outcome.clone());
            journeys.count.send_replace(outcomes.len());
        })
    }

    /// What became of a submission, if it is known.
    pub(crate) fn of(&self, id: SubmissionId) -> Option<Outcome> {
        self.outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// Waits until `expected` outcomes are there or `limit` has passed.
    pub(crate) async fn wait_for(&self, expected: usize, (limit, talk): (Duration, Talk)) {
        let mut count = self.count.subscribe();
        let all = async {
            loop {
                let now = *count.borrow_and_update();
                talk.progress(&format!(
                    "{} {now}/{expected}",
                    talk.pick("übergeben", "handed over")
                ));
                if now >= expected || count.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whoever is missing shows in the table.
        let _ = tokio::time::timeout(limit, all).await;
        talk.progress_done();
    }
}
