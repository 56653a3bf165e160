//! The listener: asks the service what waits, and notes it.

use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::{Cause, Failure, RetryPolicy};
use amtsbote_store::NewDelivery;
use tokio::time::Instant;

use crate::work::{Inner, log_store};

/// Longest pause of our own between looks at a service that is down; it may ask for a longer one.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// Pages of one look, at most: a list that never ends must not hold us up. The rest comes at the next look.
const PAGES_MAX: u32 = 200;

impl Inner {
    pub(crate) async fn listen(&self) {
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            match self.look(self.parts.policy.wait).await {
                Ok(found) => {
                    failures = 0;
                    // A service that knows `Prefer: wait` has let us wait already.
                    if !found && began.elapsed() < self.parts.policy.pause {
                        tokio::time::sleep(self.parts.policy.pause).await;
                    }
                }
                Err(fault) => {
                    failures = failures.saturating_add(1);
                    log_fault(&fault);
                    tokio::time::sleep(self.listen_pause(failures, &fault)).await;
                }
            }
        }
    }

    fn listen_pause(&self, failures: u32, fault: &Fault) -> Duration {
        let asked = match fault {
            Fault::Unavailable { retry_after, .. } => *retry_after,
            Fault::Refused { .. }
            | Fault::NotFound
            | Fault::Malformed { .. }
            | Fault::Misconfigured(_)
            | Fault::OwnEnd(_) => None,
        };
        let around = self.around();
        let policy = RetryPolicy {
            longest: around.policy.longest.min(PAUSE_MAX),
            ..around.policy
        };
        let own = Failure {
            cause: Cause::ServiceUnavailable,
            retry_after: None,
        };
        let asked = asked.unwrap_or_default().min(around.policy.longest);
        // Never without a pause, whatever the settings say.
        policy
            .delay(failures, own, around.jitter)
            .max(asked)
            .max(self.parts.policy.pause)
    }

    /// Asks for waiting submissions of our destinations and notes them; whether any new ones are noted now.
    pub(crate) async fn look(&self, wait: Duration) -> Result<bool, Fault> {
        let mut found = false;
        for page in 0..PAGES_MAX {
            let paging = Paging {
                offset: page * Paging::MAX_LIMIT,
                limit: Paging::MAX_LIMIT,
            };
            let wait = if page == 0 { wait } else { Duration::ZERO };
            let listed = self.parts.subscriber.pickup(None, paging, wait).await?;
            let is_last = listed.submissions.len() < Paging::MAX_LIMIT as usize;
            if self.note(listed.submissions).await {
                found = true;
                self.news.notify_one();
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// What cannot be noted is still on the service's list.
    async fn note(&self, listed: Vec<SubmissionRef>) -> bool {
        let at = self.parts.clock.now();
        let mut unknown = Vec::new();
        for ids in listed {
            if self.served(ids.destination_id).is_none() {
                continue;
            }
            match self.parts.deliveries.find(ids.submission_id).await {
                Ok(Some(_)) => {}
                Ok(None) => unknown.push(NewDelivery {
                    submission_id: ids.submission_id,
                    case_id: ids.case_id,
                    destination_id: ids.destination_id,
                    at,
                }),
                Err(error) => {
                    log_store(&error);
                    return false;
                }
            }
        }
        if unknown.is_empty() {
            return false;
        }
        let noted = self.parts.deliveries.note(unknown).await;
        noted.inspect_err(log_store).is_ok()
    }
}

fn log_fault(fault: &Fault) {
    let text = "the delivery service could not be asked";
    let cause = cause_of(fault);
    match fault {
        Fault::Unavailable { .. } | Fault::OwnEnd(_) => {
            tracing::warn!(error = %fault, cause, "{text}: {fault} ({cause})");
        }
        Fault::Refused {
            status: 400 | 401 | 403,
            ..
        } => {
            tracing::error!(error = %fault, "{text}: {fault}; check client_id and client_secret_file");
        }
        Fault::Refused { .. }
        | Fault::NotFound
        | Fault::Malformed { .. }
        | Fault::Misconfigured(_) => tracing::error!(error = %fault, "{text}: {fault}"),
    }
}

/// What lies under it: refused certificates and unknown hosts look alike from above.
fn cause_of(fault: &Fault) -> String {
    let mut text = String::new();
    let mut next = std::error::Error::source(fault);
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}
