//! Incidents: what does not go on, put together by what has to be mended.
//!
//! ```text
//!  stuck items ──same kind, destination and cause──► one incident: since when, how many, until when there is time
//! ```
//!
//! An incident is not stored: it is what is stuck now. Its number is made of kind, destination and cause, so it stays the
//! same from the first failure to the last one mended, whoever asks on whichever machine, and an outage that comes back is
//! told from the one before by when it was first seen.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::delivery::Cause;
use crate::{DestinationId, SubmissionId, Timestamp};

/// What is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A submission on its way into a procedure.
    Delivery,
    /// A procedure's answer on its way to the sender.
    Reply,
}

impl Kind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Reply => "reply",
        }
    }
}

/// By what stuck things are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// What is stuck.
    pub kind: Kind,
    /// At which destination.
    pub destination_id: DestinationId,
    /// Why.
    pub cause: Cause,
}

impl Group {
    /// The incident's number.
    pub fn number(&self) -> Number {
        let (kind, cause) = (self.kind.name(), self.cause.name());
        let text = format!("{kind} {} {cause}", self.destination_id.uuid());
        Number(fnv1a(text.as_bytes()))
    }
}

/// FNV-1a with 32 bits (draft-eastlake-fnv): short to type, and the same in every version of this program.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// An incident's number, for example `i-3f9a2c41`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u32);

impl Number {
    /// Of something that is no delivery and no reply: what tells it from others, in words that never change.
    pub fn of(what: &str) -> Self {
        Self(fnv1a(what.as_bytes()))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i-{:08x}", self.0)
    }
}

impl FromStr for Number {
    type Err = MalformedNumber;

    fn from_str(text: &str) -> Result<Self, MalformedNumber> {
        let digits = text.strip_prefix("i-").filter(|digits| digits.len() == 8);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        number.map(Self).ok_or(MalformedNumber)
    }
}

/// No incident has a number like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an incident's number looks like i-3f9a2c41")]
pub struct MalformedNumber;

/// Whether it goes on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// It is tried again.
    Tried,
    /// Only a person lets it go on.
    Parked,
}

/// One thing that is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// What, where and why.
    pub group: Group,
    /// The submission, or the one that is answered.
    pub submission_id: SubmissionId,
    /// Whether it goes on by itself.
    pub stance: Stance,
    /// The first failure of this cause.
    pub since: Timestamp,
    /// The last one, if that is known.
    pub last: Option<Timestamp>,
    /// Since when it waits.
    pub waits_since: Timestamp,
    /// When the service will decide for itself; none if it never does.
    pub deadline: Option<Timestamp>,
}

/// What has to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident {
    /// What, where and why.
    pub group: Group,
    /// How many are stuck.
    pub count: u64,
    /// How many of them are parked.
    pub parked: u64,
    /// The first failure.
    pub first_seen: Timestamp,
    /// The last one, if that is known.
    pub last_seen: Option<Timestamp>,
    /// The one that waits longest.
    pub oldest: SubmissionId,
    /// Since when it does.
    pub oldest_since: Timestamp,
    /// The nearest deadline of all.
    pub deadline: Option<Timestamp>,
}

impl Incident {
    /// Whether somebody has to know now: something is parked, or it has lasted for `patience`.
    pub fn is_serious(&self, now: Timestamp, patience: Duration) -> bool {
        self.parked > 0 || now.since(self.first_seen) >= patience
    }

    const fn of(stuck: &Stuck) -> Self {
        Self {
            group: stuck.group,
            count: 0,
            parked: 0,
            first_seen: stuck.since,
            last_seen: stuck.last,
            oldest: stuck.submission_id,
            oldest_since: stuck.waits_since,
            deadline: stuck.deadline,
        }
    }

    fn add(&mut self, stuck: &Stuck) {
        self.count += 1;
        self.parked += u64::from(stuck.stance == Stance::Parked);
        self.first_seen = self.first_seen.min(stuck.since);
        self.last_seen = self.last_seen.max(stuck.last);
        if (stuck.waits_since, stuck.submission_id) < (self.oldest_since, self.oldest) {
            (self.oldest_since, self.oldest) = (stuck.waits_since, stuck.submission_id);
        }
        self.deadline = match (self.deadline, stuck.deadline) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// Puts together what is stuck; the nearest deadline first, then the longest known.
pub fn gather<'a>(stuck: impl IntoIterator<Item = &'a Stuck>) -> Vec<Incident> {
    let mut found: BTreeMap<Number, Incident> = BTreeMap::new();
    for stuck in stuck {
        let number = stuck.group.number();
        let incident = found.entry(number);
        incident.or_insert_with(|| Incident::of(stuck)).add(stuck);
    }
    let mut found: Vec<Incident> = found.into_values().collect();
    let never = Timestamp::from_millis(i64::MAX);
    found.sort_by_key(|incident| {
        let deadline = incident.deadline.unwrap_or(never);
        (deadline, incident.first_seen, incident.group.number())
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    fn stuck(destination: u128, cause: Cause, second: i64) -> Stuck {
        Stuck {
            group: Group {
                kind: Kind::Delivery,
                destination_id: DestinationId::from_uuid(Uuid::from_u128(destination)),
                cause,
            },
            submission_id: SubmissionId::from_uuid(Uuid::from_u128(second.unsigned_abs().into())),
            stance: Stance::Tried,
            since: at(second),
            last: Some(at(second + 5)),
            waits_since: at(second),
            deadline: Some(at(second + 100)),
        }
    }

    #[test]
    fn what_has_the_same_cause_at_the_same_destination_is_one_incident() {
        let away = Cause::ProcedureUnavailable;
        let all = [
            stuck(1, away, 30),
            Stuck {
                stance: Stance::Parked,
                ..stuck(1, away, 10)
            },
            stuck(2, away, 5),
            stuck(1, Cause::Silence, 1),
            Stuck {
                group: Group {
                    kind: Kind::Reply,
                    ..stuck(1, away, 0).group
                },
                deadline: None,
                ..stuck(1, away, 0)
            },
        ];
        let found = gather(&all);
        let counts: Vec<_> = found.iter().map(|one| (one.count, one.parked)).collect();
        // By deadline; what has none comes last.
        assert_eq!(counts, [(1, 0), (1, 0), (2, 1), (1, 0)]);
        let both = found[2];
        assert_eq!((both.first_seen, both.last_seen), (at(10), Some(at(35))));
        assert_eq!(both.oldest, all[1].submission_id);
        assert_eq!(both.deadline, Some(at(110)));
        assert_eq!(found[3].group.kind, Kind::Reply);
    }

    #[test]
    fn a_number_stays_the_same_whatever_joins_and_is_read_back() {
        let one = [stuck(1, Cause::Silence, 10)];
        let two = [stuck(1, Cause::Silence, 10), stuck(1, Cause::Silence, 3)];
        let number = |all: &[Stuck]| gather(all)[0].group.number();
        assert_eq!(number(&one), number(&two));
        let text = number(&one).to_string();
        assert_eq!(text.parse(), Ok(number(&one)));
        assert_eq!(
            text, "i-fd13a2a3",
            "numbers must not change between versions"
        );
        for wrong in [
            "",
            "i-",
            "3f9a2c41",
            "i-3f9a2c4",
            "i-+f9a2c41",
            "i-3f9a2c4z",
        ] {
            assert_eq!(wrong.parse::<Number>(), Err(MalformedNumber), "{wrong}");
        }
    }

    #[test]
    fn a_hiccup_is_not_serious_what_lasts_or_is_parked_is() {
        let all = [stuck(1, Cause::Internal, 10)];
        let incident = gather(&all)[0];
        let patience = Duration::from_mins(1);
        assert!(!incident.is_serious(at(69), patience));
        assert!(incident.is_serious(at(70), patience));
        let parked = Stuck {
            stance: Stance::Parked,
            ..all[0]
        };
        assert!(gather(&[parked])[0].is_serious(at(11), patience));
    }
}
