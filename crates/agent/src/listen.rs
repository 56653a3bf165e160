//! The listener: asks the service what waits, and notes it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amtsbote_client::Fault;
use amtsbote_fit_connect::Paging;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_model::delivery::{Cause, Failure, RetryPolicy};
use amtsbote_model::{DestinationId, SubmissionId};
use amtsbote_store::{NewDelivery, Order};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::turns::Next;
use crate::work::{Inner, log_store};

/// Longest pause of our own between looks at a service that is down; it may ask for a longer one.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Pages of one look, at most: a list that never ends must not hold us up. The rest comes at the next look.
const PAGES_MAX: u32 = 200;

/// Destinations that are asked for apart, at most.
const APART_MAX: usize = 64;
/// The shortest wait of a service: whole seconds.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// Before a service is asked again whether it holds back an empty list.
const APART_AGAIN: Duration = Duration::from_mins(10);

enum Listed {
    Nothing,
    Something,
}

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
        let failures = AtomicU32::new(0);
        // Nothing new comes to anybody while its holder is gone: a lease and this have to fit into a take-over.
        let look = self.parts.policy.renew / 2;
        self.in_turn_looking("listening", look, || self.listen_once(&failures))
            .await;
    }

    async fn listen_once(&self, failures: &AtomicU32) -> Next {
        let began = Instant::now();
        match self.look(self.parts.policy.wait).await {
            Ok(found) => {
                if failures.swap(0, Ordering::Relaxed) > 0 {
                    self.service_is_back();
                }
                // A service that knows `Prefer: wait` has let us wait already.
                let is_early = !found && began.elapsed() < self.parts.policy.pause;
                if is_early {
                    self.backlog.less(self.parts.policy.pause).await;
                }
                Next::Again(Duration::ZERO)
            }
            Err(fault) => {
                let failed = failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                log_fault(&fault);
                Next::Elsewhere(self.listen_pause(failed, &fault))
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

    /// Asks for destinations apart, as long as others have something on the list that stays there: a service that holds
    /// back an empty list would answer at once, and news were found by polling alone.
    pub(crate) async fn listen_apart(&self) {
        let served = self.parts.destinations.iter().take(APART_MAX);
        join_all(served.map(|served| self.listen_to(served.id))).await;
    }

    async fn listen_to(&self, id: DestinationId) {
        loop {
            if !self.backlog.hides(id) {
                self.backlog.next_look().await;
                continue;
            }
            let began = Instant::now();
            let wait = self.parts.policy.pause.max(WAIT_MIN);
            match self.look_at(id, wait).await {
                // It held nothing back, so it does not know how: polling all is as good.
                Ok(Listed::Nothing) if began.elapsed() < wait / 2 => sleep(APART_AGAIN).await,
                Ok(Listed::Nothing) => {}
                Ok(Listed::Something) => self.backlog.less(self.parts.policy.pause).await,
                // Told of by the look at all.
                Err(fault) => sleep(self.listen_pause(1, &fault)).await,
            }
        }
    }

    async fn look_at(&self, id: DestinationId, wait: Duration) -> Result<Listed, Fault> {
        let paging = Paging {
            offset: 0,
            limit: Paging::MAX_LIMIT,
        };
        let listed = self.service.pickup(self, Some(id), paging, wait).await?;
        if listed.is_empty() {
            return Ok(Listed::Nothing);
        }
        if self.note(&listed, &Seen::Whole(None)).await {
            self.news.notify_one();
        }
        Ok(Listed::Something)
    }

    /// Asks for waiting submissions of our destinations and notes them; whether any new ones are noted now.
    pub(crate) async fn look(&self, wait: Duration) -> Result<bool, Fault> {
        let (mut found, mut seen) = (false, Seen::Whole(None));
        let mut all = Vec::new();
        for page in 0..PAGES_MAX {
            let paging = Paging {
                // One is on both pages: so a shift of the list between them shows.
                offset: page * (Paging::MAX_LIMIT - 1),
                limit: Paging::MAX_LIMIT,
            };
            let wait = if page == 0 { wait } else { Duration::ZERO };
            let listed = self.service.pickup(self, None, paging, wait).await?;
            let is_last = listed.len() < Paging::MAX_LIMIT as usize;
            seen = seen.and(&listed);
            let noted = self.note(&listed, &seen).await;
            all.extend(listed);
            if noted {
                found = true;
                self.news.notify_one();
            }
            if is_last {
                break;
            }
        }
        self.backlog.looked(&all);
        Ok(found)
    }

    /// What cannot be noted is still on the service's list.
    async fn note(&self, listed: &[SubmissionRef], seen: &Seen) -> bool {
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
            if self.backlog.is_noted(ids.submission_id) {
                continue;
            }
            // Others, or an earlier life, may have noted it: then it stays as it is.
            unknown.push(NewDelivery {
                submission_id: ids.submission_id,
                case_id: ids.case_id,
                destination_id: ids.destination_id,
                at,
            });
        }
        if unknown.is_empty() {
            return false;
        }
        amtsbote_names::fail_point!(Listed);
        let ids: Vec<_> = unknown.iter().map(|new| new.submission_id).collect();
        let noted = self.parts.deliveries.note(unknown).await;
        amtsbote_names::fail_point!(DeliveriesNoted);
        let is_noted = noted.inspect_err(log_store).is_ok();
        if is_noted {
            self.backlog.noted(ids);
        }
        is_noted
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
