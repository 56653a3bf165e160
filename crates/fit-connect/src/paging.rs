//! Paging of every list (Submission API 1.1.3: `limit` 1–500, default 100; `offset` from 0).

use amtsbote_problem::Findings;
use serde::Serialize;

use crate::fields::{Fields, Log, Text, finding};

/// The part of a list that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// How many entries to leave out.
    pub offset: u32,
    /// How many entries at most, 1–500.
    pub limit: u32,
}

impl Default for Paging {
    fn default() -> Self {
        Self {
            offset: 0,
            limit: Self::DEFAULT_LIMIT,
        }
    }
}

impl Paging {
    /// The page size of a query that names none.
    pub const DEFAULT_LIMIT: u32 = 100;
    /// The largest page.
    pub const MAX_LIMIT: u32 = 500;

    /// From the decoded pairs of a query. Other parameters are not looked at.
    pub fn parse<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
    ) -> Result<Self, Findings> {
        let log = Log::default();
        let mut paging = Self::default();
        for (name, value) in pairs {
            paging.take(name, value, &log);
        }
        log.close(Some(paging))
    }

    /// From the decoded pairs of a query: numbers out of bounds become the bound, what is no number counts as not sent.
    pub fn nearest<'q>(pairs: impl IntoIterator<Item = (&'q str, &'q str)>) -> Self {
        let mut paging = Self::default();
        for (name, value) in pairs {
            match (name, whole(value)) {
                ("offset", Some(offset)) => {
                    let offset = offset.clamp(0, i64::from(i32::MAX));
                    paging.offset = u32::try_from(offset).unwrap_or(0);
                }
                ("limit", Some(limit)) => {
                    let limit = limit.clamp(1, i64::from(Self::MAX_LIMIT));
                    paging.limit = u32::try_from(limit).unwrap_or(Self::DEFAULT_LIMIT);
                }
                (_, _) => {}
            }
        }
        paging
    }

    /// Takes one pair of a query if it is about paging.
    pub(crate) fn take(&mut self, name: &str, value: &str, log: &Log) {
        match name {
            "offset" => match number(value).filter(|n| i32::try_from(*n).is_ok()) {
                Some(offset) => self.offset = offset,
                None => log.add(finding(name, "minimum", OFFSET)),
            },
            "limit" => match number(value).filter(|n| (1..=Self::MAX_LIMIT).contains(n)) {
                Some(limit) => self.limit = limit,
                None => log.add(finding(name, "maximum", LIMIT)),
            },
            _ => {}
        }
    }

    /// As the pairs of a query.
    pub fn pairs(self) -> [(&'static str, String); 2] {
        [
            ("offset", self.offset.to_string()),
            ("limit", self.limit.to_string()),
        ]
    }
}

const OFFSET: Text = (
    "muss eine ganze Zahl ab 0 sein",
    "must be an integer of 0 or more",
);
const LIMIT: Text = (
    "muss eine ganze Zahl von 1 bis 500 sein",
    "must be an integer from 1 to 500",
);

/// An integer of any length: what does not fit is the greatest or least that does.
fn whole(text: &str) -> Option<i64> {
    let (digits, far) = match text.strip_prefix('-') {
        Some(digits) => (digits, i64::MIN),
        None => (text, i64::MAX),
    };
    let is_integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_integer.then(|| text.parse().unwrap_or(far))
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Where a page lies in its list; the first members of every list body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Entries in this page.
    pub count: u32,
    /// Entries left out before it.
    pub offset: u32,
    /// Entries of the whole list.
    pub total_count: u32,
}

impl Page {
    /// The page answered to `paging`, with `count` entries out of `total`.
    pub fn of(paging: Paging, count: usize, total: usize) -> Self {
        Self {
            count: clamped(count),
            offset: paging.offset,
            total_count: clamped(total),
        }
    }

    /// From a body; the three members are optional (Submission API 1.1.3) and then follow from the entries.
    pub(crate) fn read(fields: &Fields<'_>, entries: usize) -> Self {
        let number = |name| {
            fields
                .optional(name, |node| node.integer(0))
                .and_then(|n| u32::try_from(n).ok())
        };
        let offset = number("offset").unwrap_or(0);
        Self {
            count: number("count").unwrap_or(clamped(entries)),
            offset,
            total_count: number("totalCount")
                .unwrap_or_else(|| offset.saturating_add(clamped(entries))),
        }
    }
}

fn clamped(number: usize) -> u32 {
    // int32 on the wire
    i32::try_from(number).unwrap_or(i32::MAX).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::summary;

    fn check(query: &[(&str, &str)], expected: Result<(u32, u32), &[&str]>) {
        let parsed = Paging::parse(query.iter().copied());
        match expected {
            Ok((offset, limit)) => assert_eq!(parsed, Ok(Paging { offset, limit })),
            Err(findings) => assert_eq!(summary(parsed), findings, "{query:?}"),
        }
    }

    #[test]
    fn paging_has_defaults_and_bounds() {
        check(&[], Ok((0, 100)));
        check(
            &[("offset", "0"), ("limit", "50"), ("destinationId", "x")],
            Ok((0, 50)),
        );
        check(
            &[("limit", "500"), ("offset", "2147483647")],
            Ok((2_147_483_647, 500)),
        );
        check(&[("limit", "501")], Err(&["maximum limit"]));
        check(
            &[("limit", "0"), ("offset", "-1")],
            Err(&["maximum limit", "minimum offset"]),
        );
        check(&[("limit", "")], Err(&["maximum limit"]));
        check(&[("offset", "2147483648")], Err(&["minimum offset"]));
        check(&[("offset", "+1")], Err(&["minimum offset"]));
    }

    #[test]
    fn the_nearest_page_is_found_for_any_query() {
        for (query, offset, limit) in [
            (&[][..], 0, 100),
            (&[("offset", "7"), ("limit", "500")], 7, 500),
            (&[("offset", "-1"), ("limit", "0")], 0, 1),
            (&[("limit", "-99999999999999999999")], 0, 1),
            (
                &[("offset", "99999999999999999999"), ("limit", "501")],
                2_147_483_647,
                500,
            ),
            (&[("offset", "x"), ("limit", "")], 0, 100),
            (&[("offset", "1.5"), ("limit", "null")], 0, 100),
        ] {
            let nearest = Paging::nearest(query.iter().copied());
            assert_eq!(nearest, Paging { offset, limit }, "{query:?}");
        }
    }
}
