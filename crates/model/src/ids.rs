//! One type per thing that has an identifier.
//!
//! On the wire FIT-Connect ids are bare UUIDs: read in any letter case, with or without dashes (Submission API
//! 1.1.3: `format: uuid`, length 32–36), written in lower case with dashes. `Debug` prints them with the prefix of their kind.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::Timestamp;

/// The text is not a UUID of 32 hexadecimal digits (with or without dashes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID: expected 32 hexadecimal digits, with or without dashes")]
pub struct MalformedId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix that names the kind, as in the `sub` and `txn` claims of events.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID that was made elsewhere (a shell's random source).
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// `prefix:uuid`, the form used in event claims and logs.
            pub fn prefixed(self) -> String {
                format!("{}:{}", Self::PREFIX, self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", Self::PREFIX, self.0)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedId;

            fn try_from(text: String) -> Result<Self, MalformedId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )+};
}

/// A new id (UUID of version 7, RFC 9562 §5.7): 48 bits of time, 74 random ones.
///
/// Ids that are made about the same time lie beside each other in every index, so what a new one costs does not depend on how many
/// there are.
pub fn time_ordered(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The one id that follows from another one and a name.
///
/// Of a time-ordered id: its time and 74 bits of a hash (version 8, RFC 9562 §5.8), so that it lies beside it. Of all others: version 5.
pub fn derived(from: Uuid, name: &[u8]) -> Uuid {
    let hashed = Uuid::new_v5(&from, name);
    if from.get_version_num() != 7 {
        return hashed;
    }
    let mut bytes = hashed.into_bytes();
    bytes[..6].copy_from_slice(&from.as_bytes()[..6]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

fn parse(text: &str) -> Result<Uuid, MalformedId> {
    // `Uuid::try_parse` also takes braces and urn:uuid:, which the wire format does not allow.
    if !matches!(text.len(), 32 | 36) {
        return Err(MalformedId);
    }
    Uuid::try_parse(text).map_err(|_| MalformedId)
}

ids! {
    /// An attachment; chosen by the sender.
    AttachmentId = "attachment",
    /// A case (*Vorgang*): groups a submission, later submissions and replies; owns one event log.
    CaseId = "case",
    /// A destination (*Zustellpunkt*).
    DestinationId = "destination",
    /// One event of the log, the `jti` of its SET.
    EventId = "event",
    /// What is handed to a procedure in one piece; stable over repeats.
    ParcelId = "parcel",
    /// A reply (*Rückantwort*).
    ReplyId = "reply",
    /// A submission (*Einreichung*).
    SubmissionId = "submission",
    /// One life of one agent process: who holds a lease.
    WorkerId = "worker",
}

/// The name by which a client asks for tokens: 1–128 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text is not a client id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a client id: expected 1 to 128 visible ASCII characters")]
pub struct MalformedClientId;

impl ClientId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = MalformedClientId;

    fn try_from(text: String) -> Result<Self, MalformedClientId> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            Ok(Self(text))
        } else {
            Err(MalformedClientId)
        }
    }
}

impl FromStr for ClientId {
    type Err = MalformedClientId;

    fn from_str(text: &str) -> Result<Self, MalformedClientId> {
        Self::try_from(text.to_owned())
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let parsed = text.parse::<SubmissionId>().ok().map(|id| id.to_string());
        assert_eq!(parsed.as_deref(), expected, "{text}");
    }

    #[test]
    fn uuids_are_read_in_every_wire_form_and_written_in_one() {
        let canonical = Some("f39ab143-d91a-474a-b69f-b00f1a1873c2");
        check("f39ab143-d91a-474a-b69f-b00f1a1873c2", canonical);
        check("F39AB143-D91A-474A-B69F-B00F1A1873C2", canonical);
        check("f39ab143d91a474ab69fb00f1a1873c2", canonical);
        check("{f39ab143-d91a-474a-b69f-b00f1a1873c2}", None);
        check("urn:uuid:f39ab143-d91a-474a-b69f-b00f1a1873c2", None);
        check("", None);
        check("f39ab143-d91a-474a-b69f-b00f1a1873cg", None);
    }

    #[test]
    fn debug_names_the_kind() {
        let id: CaseId = "f39ab143d91a474ab69fb00f1a1873c2".parse().unwrap();
        assert_eq!(
            format!("{id:?}"),
            "case:f39ab143-d91a-474a-b69f-b00f1a1873c2"
        );
    }

    #[test]
    fn later_ids_come_later_and_those_of_one_moment_differ() {
        let at = |millis, random| time_ordered(Timestamp::from_millis(millis), [random; 10]);
        assert!(at(1_700_000_000_000, 255) < at(1_700_000_000_001, 0));
        assert_ne!(at(1_700_000_000_000, 1), at(1_700_000_000_000, 2));
        assert_eq!(at(1_700_000_000_000, 1).get_version_num(), 7);
        assert_eq!(at(-1, 1), at(0, 1));
        assert_eq!(
            at(1_700_000_000_000, 0xab).to_string(),
            "018bcfe5-6800-7bab-abab-abababababab"
        );
    }

    #[test]
    fn a_derived_id_lies_beside_a_time_ordered_one_and_others_keep_theirs() {
        let from = time_ordered(Timestamp::from_millis(1_700_000_000_000), [1; 10]);
        let one = derived(from, b"one");
        assert_eq!(one.as_bytes()[..6], from.as_bytes()[..6]);
        assert_eq!(one, derived(from, b"one"));
        assert_ne!(one, derived(from, b"two"));
        let beside = time_ordered(Timestamp::from_millis(1_700_000_000_000), [2; 10]);
        assert_ne!(one, derived(beside, b"one"));
        let old = Uuid::from_u128(0xf39a_b143_d91a_474a_b69f_b00f_1a18_73c2);
        assert_eq!(derived(old, b"one"), Uuid::new_v5(&old, b"one"));
    }

    #[test]
    fn client_ids_are_short_and_visible() {
        assert!("sender-1".parse::<ClientId>().is_ok());
        assert!("".parse::<ClientId>().is_err());
        assert!("a b".parse::<ClientId>().is_err());
        assert!("x".repeat(129).parse::<ClientId>().is_err());
    }
}
