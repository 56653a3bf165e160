//! `Retry-After` (RFC 9110 §10.2.3): seconds or a date.

use std::time::Duration;

use amtsbote_model::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// A foreign wish is taken up to this.
const WAIT_MAX: Duration = Duration::from_hours(24);

/// How long the peer wants to be left alone; nothing if the header is absent or unreadable.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = jiff::fmt::rfc2822::parse(text)
            .ok()?
            .timestamp()
            .as_millisecond();
        Timestamp::from_millis(at).since(now)
    };
    Some(wait.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected_s: Option<u64>) {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        // 2026-11-23T08:00:00Z
        let now = Timestamp::from_seconds(1_795_420_800);
        assert_eq!(
            retry_after(&headers, now),
            expected_s.map(Duration::from_secs),
            "{text}"
        );
    }

    #[test]
    fn seconds_and_dates_are_read_and_clamped_to_a_day() {
        check("0", Some(0));
        check("120", Some(120));
        check("99999999999999999999999", Some(86_400));
        check("Mon, 23 Nov 2026 08:02:00 GMT", Some(120));
        check("Mon, 23 Nov 2026 07:00:00 GMT", Some(0));
        check("Fri, 31 Dec 2100 23:59:59 GMT", Some(86_400));
    }

    #[test]
    fn anything_else_is_no_wish() {
        for text in ["", "-1", "soon", "1.5", "2026-11-23T08:02:00Z"] {
            check(text, None);
        }
    }
}
