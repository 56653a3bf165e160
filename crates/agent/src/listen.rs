//! The listener: asks the service what waits, and notes it.

use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::SubmissionId;
use amtsbote_model::delivery::{Cause, Failure, RetryPolicy};
use amtsbote_store::{NewDelivery, Order};
use tokio::time::Instant;

use crate::work::{Inner, log_store};

/// Longest pause of our own between looks at a service that is down; it may ask for a longer one.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// Pages of one look, at most: a list that never ends must not hold us up. The rest comes at the next look.
const PAGES_MAX: u32 = 200;

/// How much of the list was seen so far.
enum Seen {
    /// Everything up to this one.
    Whole(Option<SubmissionId>),
    /// The list moved between two pages, and what moved from the later to the earlier one was not seen.
    Gap,
}

impl Seen {
    fn and(self, page: &[SubmissionRef]) -> Self {
        let (first, last) = (page.first(), page.last());
        match self {
            Self::Whole(Some(before))
                if first.is_none_or(|first| first.submission_id != before) =>
            {
                Self::Gap
            }
            Self::Whole(before) => Self::Whole(last.map(|last| last.submission_id).or(before)),
            Self::Gap => Self::Gap,
        }
    }
}

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
        let (mut found, mut seen) = (false, Seen::Whole(None));
        for page in 0..PAGES_MAX {
            let paging = Paging {
                // One is on both pages: so a shift of the list between them shows.
                offset: page * (Paging::MAX_LIMIT - 1),
                limit: Paging::MAX_LIMIT,
            };
            let wait = if page == 0 { wait } else { Duration::ZERO };
            let listed = self.parts.subscriber.pickup(None, paging, wait).await?;
            let is_last = listed.submissions.len() < Paging::MAX_LIMIT as usize;
            seen = seen.and(&listed.submissions);
            if self.note(listed.submissions, &seen).await {
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
    async fn note(&self, listed: Vec<SubmissionRef>, seen: &Seen) -> bool {
        let at = self.parts.clock.now();
        let mut unknown = Vec::new();
        for ids in listed {
            let Some(served) = self.served(ids.destination_id) else {
                continue;
            };
            // Something before it may be missing: it would get that one's place.
            if served.pace.order == Order::Noted && matches!(seen, Seen::Gap) {
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
        amtsbote_names::fail_point!(Listed);
        let noted = self.parts.deliveries.note(unknown).await;
        amtsbote_names::fail_point!(DeliveriesNoted);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn page(numbers: std::ops::Range<u128>) -> Vec<SubmissionRef> {
        let uuid = uuid::Uuid::from_u128;
        let one = |number| SubmissionRef {
            destination_id: amtsbote_model::DestinationId::from_uuid(uuid(1)),
            submission_id: SubmissionId::from_uuid(uuid(number)),
            case_id: amtsbote_model::CaseId::from_uuid(uuid(2)),
        };
        numbers.map(one).collect()
    }

    #[test]
    fn a_list_that_moved_between_two_pages_has_a_gap() {
        let first = || Seen::Whole(None).and(&page(0..5));
        let second = first().and(&page(4..9));
        assert!(matches!(second, Seen::Whole(Some(_))));
        assert!(matches!(second.and(&page(8..9)), Seen::Whole(Some(_))));
        // One of the first page was decided meanwhile.
        for moved in [page(5..10), page(0..0)] {
            let second = first().and(&moved);
            assert!(matches!(second, Seen::Gap));
            assert!(matches!(second.and(&page(9..14)), Seen::Gap));
        }
    }
}
