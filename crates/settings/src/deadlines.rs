//! How long the gateway keeps things.

use std::time::Duration;

use amtsbote_model::Timestamp;
use serde::{Deserialize, Deserializer, de};

use crate::{SettingsFault, Span, fault};

/// `[gateway.deadlines]`; every span has FIT-Connect's value as its default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// Announced and not submitted: deleted after this (1d).
    pub unsubmitted: Option<Span>,
    /// Submitted and not answered: the destination's contact is reminded by mail after this (3d).
    pub remind_first: Option<Span>,
    /// Reminded again after this (9d).
    pub remind_again: Option<Span>,
    /// Submitted and not answered: rejected by the service after this (14d).
    pub unanswered: Option<Span>,
    /// Accepted or rejected: the content is deleted after this (7d).
    pub finished: Option<Span>,
    /// Everything of a case deleted: it goes with its event log so long after its last event (730d).
    pub event_log: Option<Span>,
    /// Answers kept for repeats under an `Idempotency-Key` are forgotten after this (30d).
    pub answers: Option<Span>,
    /// Pause between two rounds (1m).
    pub pause: Option<Span>,
    /// Things of one kind that a round does at most (1000).
    pub per_round: Option<u32>,
    /// The clock may move by this much against a steady one while the gateway runs, else deadlines are not kept (1h).
    pub clock_jump_max: Option<Span>,
    /// The clock may be this far from the last round when the gateway starts, else deadlines are not kept (3d).
    pub downtime_max: Option<Span>,
    /// A person's word that the clock was right at this moment (RFC 3339), after a longer downtime; may stay for ever.
    pub clock_confirmed: Option<Moment>,
}

/// A moment in RFC 3339, for example `2026-11-23T08:15:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse_rfc3339(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom("not a moment: write \"2026-11-23T08:15:00Z\""))
    }
}

impl Deadlines {
    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        const DAY: Duration = Duration::from_hours(24);
        let of = |span: Option<Span>, days: u32| span.map_or(days * DAY, |span| span.0);
        let (first, again) = (of(self.remind_first, 3), of(self.remind_again, 9));
        let mut complain = |key: &str, what: &str| {
            faults.push(fault(&format!("gateway.deadlines.{key}"), what));
        };
        if again <= first {
            complain("remind_again", "must be longer than remind_first");
        }
        if of(self.unanswered, 14) <= again {
            complain("unanswered", "must be longer than remind_again");
        }
        if self.per_round == Some(0) {
            complain("per_round", "must be at least 1");
        }
        let too_short = |span: Option<Span>| span.is_some_and(|Span(span)| span.is_zero());
        for (key, span) in [
            ("unsubmitted", self.unsubmitted),
            ("finished", self.finished),
            ("event_log", self.event_log),
            ("answers", self.answers),
            ("pause", self.pause),
            ("clock_jump_max", self.clock_jump_max),
            ("downtime_max", self.downtime_max),
        ] {
            if too_short(span) {
                complain(key, "must not be zero");
            }
        }
    }
}
