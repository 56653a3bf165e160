//! How often a way in that does not answer is asked. Pure but for the log.

use std::time::Duration;

use amtsbote_adapter::Fault;
use amtsbote_model::DestinationId;
use amtsbote_model::delivery::{Cause, Failure, Jitter, RetryPolicy};

/// Longest pause of our own making; a longer `poll` stays as it is.
const PAUSE_MAX: Duration = Duration::from_mins(5);
/// Longest pause that the other side can ask for.
const ASKED_MAX: Duration = Duration::from_hours(1);

/// One way in: whether it answers.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    failures: u32,
    news: Option<News>,
}

#[derive(Debug, Clone, PartialEq)]
enum News {
    Began(Fault),
    Goes(Fault, u32),
    Over,
}

impl Outage {
    /// Counts a look and says how long to wait for the next one: `poll`, or ever longer while nothing is heard.
    pub(crate) fn heard(
        &mut self,
        look: Result<(), Fault>,
        poll: Duration,
        jitter: Jitter,
    ) -> Duration {
        let fault = match look {
            Ok(()) => {
                self.news = (self.failures > 0).then_some(News::Over);
                self.failures = 0;
                return poll;
            }
            Err(fault) => fault,
        };
        self.failures = self.failures.saturating_add(1);
        let asked = match &fault {
            Fault::Unavailable { retry_after, .. } => *retry_after,
            Fault::Rejected { .. } | Fault::Misconfigured { .. } => None,
        };
        let policy = RetryPolicy {
            first: poll,
            longest: PAUSE_MAX.max(poll),
            // Nobody gives up looking.
            tries_max: u32::MAX,
        };
        let failure = Failure {
            cause: Cause::Internal,
            retry_after: None,
        };
        let own = policy.delay(self.failures.saturating_add(1), failure, jitter);
        self.news = match self.failures {
            1 => Some(News::Began(fault)),
            many if many.is_power_of_two() => Some(News::Goes(fault, many)),
            _ => None,
        };
        own.max(poll).max(asked.unwrap_or_default().min(ASKED_MAX))
    }

    /// Tells the log what is new: an outage of a night costs a dozen lines.
    pub(crate) fn tell(&mut self, destination: DestinationId) {
        match self.news.take() {
            None => {}
            Some(News::Began(fault)) => {
                tracing::warn!(destination.id = %destination, error = %fault,
                    "answers of the procedure could not be looked for: {fault}");
            }
            Some(News::Goes(fault, times)) => {
                tracing::error!(destination.id = %destination, error = %fault,
                    "answers of the procedure could not be looked for, {times} times in a row: {fault}");
            }
            Some(News::Over) => {
                tracing::info!(destination.id = %destination, "answers of the procedure can be looked for again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_problem::Bilingual;

    use super::*;

    const POLL: Duration = Duration::from_secs(5);

    fn nothing(retry_after: Option<u64>) -> Result<(), Fault> {
        Err(Fault::Unavailable {
            reason: Bilingual::new("fort", "away"),
            retry_after: retry_after.map(Duration::from_secs),
        })
    }

    #[test]
    fn who_does_not_answer_is_asked_ever_more_rarely_and_who_does_as_before() {
        let mut outage = Outage::default();
        let pauses: Vec<u64> = (0..8)
            .map(|_| outage.heard(nothing(None), POLL, Jitter::WHOLE).as_secs())
            .collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(outage.heard(Ok(()), POLL, Jitter::WHOLE), POLL);
        assert_eq!(outage.news, Some(News::Over));
        outage.heard(Ok(()), POLL, Jitter::WHOLE);
        assert_eq!(outage.news, None);
        // However the dice fall, never more often than without an outage.
        let least = outage.heard(nothing(None), POLL, Jitter::from_byte(0));
        assert_eq!(least, POLL);
    }

    #[test]
    fn a_wish_for_rest_is_heard_up_to_an_hour_and_a_long_pause_stays_long() {
        for (asked, expected) in [(1, 10), (600, 600), (999_999, 3600)] {
            let pause = Outage::default().heard(nothing(Some(asked)), POLL, Jitter::WHOLE);
            assert_eq!(pause.as_secs(), expected);
        }
        let hour = Duration::from_hours(1);
        assert_eq!(
            Outage::default().heard(nothing(None), hour, Jitter::WHOLE),
            hour
        );
    }
}
