//! `Prefer: wait=N` (RFC 7240 §4.3): an empty list is answered when something arrives, after `N` seconds at the latest.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};
use tokio::time::{Instant, timeout};

use crate::Context;
use crate::answer::Refused;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What arrives in another process wakes nobody here: look again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long the client wants to wait, within our limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::routes) struct Wait(Option<Duration>);

impl Wait {
    /// From the `Prefer` headers; the first `wait` counts (RFC 7240 §2). What cannot be read is no preference.
    pub(in crate::routes) fn preferred(headers: &HeaderMap, most: Duration) -> Self {
        let texts = headers
            .get_all(PREFER)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let wait = texts
            .flat_map(|text| text.split(','))
            .find_map(|preference| {
                let (name, value) = preference.split(';').next()?.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("wait")
                    .then(|| value.trim().trim_matches('"').to_owned())
            });
        let seconds = wait.and_then(|value| value.parse::<u32>().ok());
        Self(seconds.map(|seconds| most.min(Duration::from_secs(seconds.into()))))
    }

    /// What `look` finds, at once or as soon as there is something; `None` when the time is up.
    pub(in crate::routes) async fn until_some<T, F>(
        self,
        context: &Context,
        look: impl Fn() -> F,
    ) -> Result<Option<T>, Refused>
    where
        F: Future<Output = Result<Option<T>, Refused>>,
    {
        let end = Instant::now() + self.0.unwrap_or_default();
        loop {
            // Made before looking, so that nothing is missed in between.
            let arrival = context.next_arrival();
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || context.is_stopping() {
                return Ok(None);
            }
            // Woken or not, look again.
            let _ = timeout(left.min(LOOK_AGAIN), arrival).await;
        }
    }

    /// The answer's header, if there was a preference.
    pub(in crate::routes) fn applied(self) -> HeaderMap {
        let value = self
            .0
            .and_then(|wait| HeaderValue::from_str(&format!("wait={}", wait.as_secs())).ok());
        value
            .map(|value| (PREFERENCE_APPLIED, value))
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prefer: &[&str], expected_s: Option<u64>) {
        let headers = prefer
            .iter()
            .map(|text| (PREFER, text.parse().unwrap()))
            .collect();
        let wait = Wait::preferred(&headers, Duration::from_secs(30));
        assert_eq!(wait.0.map(|wait| wait.as_secs()), expected_s, "{prefer:?}");
    }

    #[test]
    fn the_first_wait_counts_up_to_the_limit() {
        check(&["wait=20"], Some(20));
        check(&["respond-async, Wait = \"7\"; x=y"], Some(7));
        check(&["respond-async", "wait=5, wait=9"], Some(5));
        check(&["wait=3600"], Some(30));
        check(&["wait=0"], Some(0));
        check(&["wait=-1"], None);
        check(&["wait"], None);
        check(&[], None);
    }
}
