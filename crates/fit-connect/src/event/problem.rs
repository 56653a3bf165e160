//! Problems inside reject events.
//!
//! The catalogue of the public service could not be read: **slugs, instances and titles are unconfirmed** unless
//! said otherwise. `type` and `instance` of foreign problems are taken over exactly, whatever they are.

use std::fmt;

use amtsbote_model::{AttachmentId, Personal};
use serde::Serialize;

use crate::fields::Node;

const PREFIX: &str = "https://schema.fitko.de/fit-connect/events/problems/";

/// One reason for a rejection. The detail is free text of the receiver and never printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventProblem {
    /// A URI.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short name.
    pub title: String,
    /// What is specific.
    pub detail: Personal<String>,
    /// The part it is about.
    pub instance: String,
}

impl EventProblem {
    pub(crate) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let kind = fields.required("type", Node::uri);
        let text = |name| fields.optional(name, Node::string).unwrap_or_default();
        let (title, detail, instance) = (text("title"), text("detail"), text("instance"));
        Some(Self {
            kind: kind?,
            title,
            detail: Personal::new(detail),
            instance,
        })
    }

    /// What the type URI names, if it is one of ours.
    pub fn violation(&self) -> Option<Violation> {
        Violation::from_uri(&self.kind)
    }
}

/// The part of a submission a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The submission as a whole.
    Submission,
    /// The metadata; the only one seen in the wild.
    Metadata,
    /// The data.
    Data,
    /// One attachment.
    Attachment(AttachmentId),
    /// None of these.
    Other,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submission => f.write_str("submission"),
            Self::Metadata => f.write_str("metadata"),
            Self::Data => f.write_str("data"),
            Self::Attachment(id) => write!(f, "attachment:{id}"),
            Self::Other => f.write_str("other"),
        }
    }
}

macro_rules! violations {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $title:literal;)+) => {
        /// Why a subscriber refuses a submission. Unconfirmed, see the module.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Violation {$($(#[$doc])* $name,)+}

        impl Violation {
            /// All of them, in the order of checking.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The last part of the type URI. Unconfirmed.
            pub const fn slug(self) -> &'static str {
                match self {$(Self::$name => $slug,)+}
            }

            /// The title. Unconfirmed.
            pub const fn title(self) -> &'static str {
                match self {$(Self::$name => $title,)+}
            }
        }
    };
}

violations! {
    /// The log is inconsistent, or has not exactly one submit event.
    InvalidEventLog = "invalid-event-log", "Inkonsistentes Event-Log";
    /// The lists of attachments differ.
    AttachmentsMismatch = "attachments-mismatch", "Abweichende Liste von Anlagen";
    /// The service does not match.
    ServiceMismatch = "service-mismatch", "Abweichende Verwaltungsleistung";
    /// The destination does not offer the service.
    UnsupportedService = "unsupported-service", "Nicht unterstützte Verwaltungsleistung";
    /// The tag differs from that of the submit event.
    IncorrectAuthenticationTag = "incorrect-authentication-tag", "Ungültiges Authentifizierungs-Tag";
    /// No key opens it.
    EncryptionIssue = "encryption-issue", "Entschlüsselung nicht möglich";
    /// Not JSON, or not XML.
    SyntaxViolation = "syntax-violation", "Syntaxfehler";
    /// The metadata names no schema.
    MissingSchema = "missing-schema", "Schema-Referenz fehlt";
    /// The metadata's schema is not supported.
    UnsupportedSchema = "unsupported-schema", "Metadatenschema nicht unterstützt";
    /// It breaks its schema.
    SchemaViolation = "schema-violation", "Schemafehler";
    /// The destination does not take the schema of the data.
    UnsupportedDataSchema = "unsupported-data-schema", "Fachdatenschema nicht unterstützt";
    /// The reply channel is not offered.
    UnsupportedReplyChannel = "unsupported-reply-channel", "Rückkanal nicht unterstützt";
    /// Data is described but not there.
    MissingData = "missing-data", "Fachdatensatz fehlt";
    /// The attachment was announced but is not there.
    MissingAttachment = "missing-attachment", "Anlage fehlt";
    /// The hash differs.
    HashMismatch = "hash-mismatch", "Prüfsumme stimmt nicht";
    /// Anything else technical.
    TechnicalError = "technical-error", "Technischer Fehler";
}

impl Violation {
    /// The type URI. The prefix is confirmed, the rest is not.
    pub fn uri(self) -> String {
        format!("{PREFIX}{}", self.slug())
    }

    /// Which violation the URI names.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let slug = uri.strip_prefix(PREFIX)?;
        Self::ALL.iter().copied().find(|known| known.slug() == slug)
    }

    /// The problem to put into a reject event. `detail` leaves for the sender: no content of the submission in it.
    pub fn problem(self, part: Part, detail: impl Into<String>) -> EventProblem {
        EventProblem {
            kind: self.uri(),
            title: self.title().to_owned(),
            detail: Personal::new(detail.into()),
            instance: part.to_string(),
        }
    }
}
