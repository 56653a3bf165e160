//! Rate limits: fixed windows of a minute, as the headers of Routing API 2.0.0 describe them.
//!
//! Clients are counted by their name, after their token or secret was found to be good: so there are no more windows than
//! registered clients, and nobody uses up somebody else's.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use amtsbote_model::{ClientId, Timestamp};
use amtsbote_problem::{Code, Problem};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};

use crate::answer::Refused;
use crate::context::Limits;

/// The limits of clients, and how much of them is used.
pub(crate) struct Rates {
    requests: PerClient,
    tokens: PerClient,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            requests: PerClient::new(limits.requests_per_minute),
            tokens: PerClient::new(limits.tokens_per_minute),
        }
    }

    /// Counts a request with a token; `None` if these are not limited.
    pub(crate) fn requests(&self, client: &ClientId, now: Timestamp) -> Option<Allowance> {
        self.requests.take(client, now)
    }

    /// Counts a token that is asked for; `None` if these are not limited.
    pub(crate) fn tokens(&self, client: &ClientId, now: Timestamp) -> Option<Allowance> {
        self.tokens.take(client, now)
    }
}

/// One limit, for each client by itself; 0 is none.
struct PerClient {
    limit: u32,
    windows: Mutex<BTreeMap<ClientId, Window>>,
}

impl PerClient {
    fn new(limit: u32) -> Self {
        Self {
            limit,
            windows: Mutex::default(),
        }
    }

    fn take(&self, client: &ClientId, now: Timestamp) -> Option<Allowance> {
        if self.limit == 0 {
            return None;
        }
        // A window cannot be left half counted by a thread that panicked.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get_mut(client) {
            return Some(window.take(now.as_seconds(), self.limit));
        }
        let window = windows.entry(client.clone()).or_default();
        Some(window.take(now.as_seconds(), self.limit))
    }
}

/// Seconds of a window.
const WINDOW_S: i64 = 60;

/// The current window.
#[derive(Debug, Default)]
pub(crate) struct Window {
    began_s: i64,
    used: u32,
}

/// What a request is told of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Requests per window.
    pub(crate) limit: u32,
    /// Requests left in this window; `None` if this one was one too many.
    pub(crate) left: Option<u32>,
    /// Seconds until the next window, 1 to 60.
    pub(crate) reset_s: u64,
}

impl Allowance {
    /// 429 if this request was one too many.
    pub(crate) fn admit(self) -> Result<(), Refused> {
        if self.left.is_some() {
            return Ok(());
        }
        let wait = Duration::from_secs(self.reset_s);
        Err(Problem::new(Code::TooManyRequests).retry_after(wait).into())
    }

    /// Writes `RateLimit-Limit`, `-Remaining` and `-Reset`.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let told = [
            ("ratelimit-limit", u64::from(self.limit)),
            ("ratelimit-remaining", u64::from(self.left.unwrap_or(0))),
            ("ratelimit-reset", self.reset_s),
        ];
        for (name, number) in told {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
    }
}

impl Window {
    /// Counts a request at `now_s` (Unix seconds). A clock that went back begins a new window.
    pub(crate) fn take(&mut self, now_s: i64, limit: u32) -> Allowance {
        let age_s = now_s.saturating_sub(self.began_s);
        if !(0..WINDOW_S).contains(&age_s) {
            *self = Self {
                began_s: now_s,
                used: 0,
            };
        }
        let left = limit
            .checked_sub(self.used)
            .and_then(|left| left.checked_sub(1));
        self.used = self.used.saturating_add(u32::from(left.is_some()));
        let ends_s = self.began_s.saturating_add(WINDOW_S);
        Allowance {
            limit,
            left,
            reset_s: ends_s.saturating_sub(now_s).unsigned_abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_runs_out_and_the_next_is_full_again() {
        let mut window = Window::default();
        let mut take = |now_s| {
            let allowance = window.take(now_s, 2);
            (allowance.left, allowance.reset_s)
        };
        assert_eq!(take(1000), (Some(1), 60));
        assert_eq!(take(1030), (Some(0), 30));
        assert_eq!(take(1059), (None, 1));
        assert_eq!(take(1060), (Some(1), 60));
        assert_eq!(take(900), (Some(1), 60), "the clock went back");
    }

    #[test]
    fn each_client_has_its_own_window_and_no_limit_counts_nothing() {
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        let now = Timestamp::from_seconds(1000);
        let limited = PerClient::new(1);
        let left = |client| limited.take(client, now).unwrap().left;
        assert_eq!(left(&one), Some(0));
        assert_eq!(left(&one), None);
        assert_eq!(left(&other), Some(0));
        let unlimited = PerClient::new(0);
        assert_eq!(unlimited.take(&one, now), None);
        assert!(unlimited.windows.lock().unwrap().is_empty());
    }

    #[test]
    fn no_requests_allowed_means_none() {
        assert_eq!(Window::default().take(1000, 0).left, None);
    }
}
