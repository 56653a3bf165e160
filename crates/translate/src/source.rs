//! What an expression may read.

use serde_json::Value;

/// A named source. In expressions each is a variable: [`Root::Data`] is `$root`, [`Root::Message`] is `$message` …
/// `.` is the current item of the nearest `each`, and the data itself outside of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// `$root`: the submission's data.
    Data,
    /// `$message`: `uuid` (the same for each try of a parcel, new after a correction), `created_at` (RFC 3339).
    Message,
    /// `$sender`: what is known of the sending service.
    Sender,
    /// `$receiver`: the destination's settings (`name`, `kennung`, `ags` …).
    Receiver,
    /// `$received_at`: the moment of receipt, RFC 3339.
    ReceivedAt,
    /// `$submission`: ids and public service type of the submission.
    Submission,
    /// `$case`: the case the submission belongs to.
    Case,
    /// `$attachments`: one entry per attachment (name, type, size, checksum …), never the bytes.
    Attachments,
    /// `$parcel`: the parcel handed over.
    Parcel,
    /// `$files`: inside a bundle the files made so far (path, size, checksums …); else `null`.
    Files,
    /// `$nr`: which repeat of the nearest `each` this is, from 1; outside of one `null`.
    Nr,
    /// `$outer_nr`: what `$nr` is around the nearest `each`: which of the outer list the item belongs to.
    OuterNr,
}

impl Root {
    /// All, in order.
    pub const ALL: [Self; 12] = [
        Self::Data,
        Self::Message,
        Self::Sender,
        Self::Receiver,
        Self::ReceivedAt,
        Self::Submission,
        Self::Case,
        Self::Attachments,
        Self::Parcel,
        Self::Files,
        Self::Nr,
        Self::OuterNr,
    ];

    /// The variable, with its `$`.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Data => "$root",
            Self::Message => "$message",
            Self::Sender => "$sender",
            Self::Receiver => "$receiver",
            Self::ReceivedAt => "$received_at",
            Self::Submission => "$submission",
            Self::Case => "$case",
            Self::Attachments => "$attachments",
            Self::Parcel => "$parcel",
            Self::Files => "$files",
            Self::Nr => "$nr",
            Self::OuterNr => "$outer_nr",
        }
    }

    /// The root of a variable name with its `$`, if it is one.
    pub fn named(variable: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|root| root.variable() == variable)
    }
}

/// The values one translation reads. What was not given is `null`. Prints nothing of them.
#[derive(Clone)]
pub struct Sources {
    values: Vec<(Root, Value)>,
}

impl Sources {
    /// The submission's data, and nothing else yet.
    pub fn new(data: &Value) -> Self {
        Self {
            values: vec![(Root::Data, data.clone())],
        }
    }

    /// With another source; the last one given counts.
    #[must_use]
    pub fn with(mut self, root: Root, value: Value) -> Self {
        self.values.retain(|(known, _)| *known != root);
        self.values.push((root, value));
        self
    }

    pub(crate) fn value(&self, root: Root) -> &Value {
        self.values
            .iter()
            .find(|(known, _)| *known == root)
            .map_or(&Value::Null, |(_, value)| value)
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources(…)")
    }
}
