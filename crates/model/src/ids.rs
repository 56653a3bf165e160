//! One type per thing that has an identifier.
//!
//! On the wire FIT-Connect ids are bare UUIDs: read in any letter case, with or without dashes (Submission API
//! 1.1.3: `format: uuid`, length 32–36), written in lower case with dashes. `Debug` prints them with the prefix of their kind.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    fn client_ids_are_short_and_visible() {
        assert!("sender-1".parse::<ClientId>().is_ok());
        assert!("".parse::<ClientId>().is_err());
        assert!("a b".parse::<ClientId>().is_err());
        assert!("x".repeat(129).parse::<ClientId>().is_err());
    }
}
