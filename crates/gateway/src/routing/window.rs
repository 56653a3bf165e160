//! The rate limit: a fixed window of a minute, as the headers of Routing API 2.0.0 describe it.

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
    fn no_requests_allowed_means_none() {
        assert_eq!(Window::default().take(1000, 0).left, None);
    }
}
