//! The metadata of a submission: what is in the envelope, and how to answer.
//!
//! Written as schema 2.1.0 (`https://schema.fitko.de/fit-connect/metadata/2.1.0/metadata.schema.json`); read in
//! every version 1.x and 2.x, unknown members tolerated. Only senders and subscribers see metadata: it travels
//! encrypted, and everything in it that tells about a person is [`Personal`].

mod read;
mod reply_channel;

use std::fmt;
use std::str::FromStr;

use amtsbote_model::{AttachmentId, Personal, SubmissionSchema};
use amtsbote_problem::Findings;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::fields;

pub use reply_channel::{ReplyChannel, ReplyChannelKind};

/// The version of the metadata schema that `$schema` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion {
    /// 1 or 2.
    pub major: u16,
    /// Additions.
    pub minor: u16,
    /// Corrections.
    pub patch: u16,
}

/// The text is not the URI of a metadata schema of version 1 or 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the URI of a metadata schema of version 1 or 2")]
pub struct MalformedVersion;

impl MetadataVersion {
    /// What is written.
    pub const CURRENT: Self = Self {
        major: 2,
        minor: 1,
        patch: 0,
    };
    /// What a document without `$schema` is taken for: 1.0 does not define the member.
    pub const OLDEST: Self = Self {
        major: 1,
        minor: 0,
        patch: 0,
    };

    /// `2.1.0`, as destinations list it.
    pub fn number(self) -> String {
        format!("{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for MetadataVersion {
    type Err = MalformedVersion;

    fn from_str(uri: &str) -> Result<Self, MalformedVersion> {
        let [major, minor, patch] = uri
            .strip_prefix("https://schema.fitko.de/fit-connect/metadata/")
            .and_then(|rest| rest.strip_suffix("/metadata.schema.json"))
            .and_then(fields::version)
            .ok_or(MalformedVersion)?;
        if matches!(major, 1 | 2) {
            Ok(Self {
                major,
                minor,
                patch,
            })
        } else {
            Err(MalformedVersion)
        }
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "https://schema.fitko.de/fit-connect/metadata/{}/metadata.schema.json",
            self.number()
        )
    }
}

impl Serialize for MetadataVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// SHA-512 over plaintext bytes, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sha512(String);

/// The text is not 128 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-512 hash: expected 128 lower-case hexadecimal digits")]
pub struct MalformedHash;

impl Sha512 {
    /// From the digest.
    pub fn from_digest(digest: &[u8; 64]) -> Self {
        let hex = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        Self(
            digest
                .iter()
                .flat_map(|b| [hex(b >> 4), hex(b & 15)])
                .collect(),
        )
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sha512 {
    type Err = MalformedHash;

    fn from_str(text: &str) -> Result<Self, MalformedHash> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 128 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedHash)
        }
    }
}

impl Serialize for Sha512 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Hash<'a> {
            r#type: &'static str,
            content: &'a str,
        }
        Hash {
            r#type: "sha512",
            content: &self.0,
        }
        .serialize(serializer)
    }
}

/// The metadata of one submission or reply. Members are written in this order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The version; [`MetadataVersion::CURRENT`] in what we write.
    #[serde(rename = "$schema")]
    pub schema: MetadataVersion,
    /// What is in the envelope.
    pub content_structure: ContentStructure,
    /// How to answer; by letter without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_channel: Option<ReplyChannel>,
    /// References of the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_reference_info: Option<AdditionalReferenceInfo>,
    /// The program that made it; since 2.x.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// `paymentInformation`, kept as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_information: Option<Personal<Value>>,
    /// `dataSets` (2.x), kept as sent; identification reports among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_sets: Option<Personal<Value>>,
    /// `authenticationInformation` (1.x), kept as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_information: Option<Personal<Value>>,
}

/// Data and attachments of the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContentStructure {
    /// The data; always there since 2.x.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataDescription>,
    /// The attachments, in the sender's order.
    pub attachments: Vec<AttachmentDescription>,
}

/// What the data part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataDescription {
    /// Over the data exactly as encrypted.
    pub hash: Sha512,
    /// Its schema and media type.
    pub submission_schema: SubmissionSchema,
}

/// What an attachment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// The application, made readable.
    Form,
    /// Evidence.
    Attachment,
    /// A report, for example of the identification.
    Report,
    /// Data too large for the data part (2.x).
    Data,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Form, Self::Attachment, Self::Report, Self::Data];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Attachment => "attachment",
            Self::Report => "report",
            Self::Data => "data",
        }
    }
}

/// One attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentDescription {
    /// Its id, as announced.
    pub attachment_id: AttachmentId,
    /// Over the decrypted file (of a fragmented one presumably over the whole; unconfirmed).
    pub hash: Sha512,
    /// What it is for.
    pub purpose: Purpose,
    /// `^[-\w.]+/[-\w.+]+$`
    pub mime_type: String,
    /// The sender's name for the file. Comes from outside: never use it as a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<Personal<String>>,
    /// What it is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Personal<String>>,
    /// The ids of its parts, in order, if it was split (2.x).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fragments: Vec<AttachmentId>,
}

/// References of the sender.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalReferenceInfo {
    /// The sender's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_reference: Option<Personal<String>>,
    /// Date of the application, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_date: Option<String>,
    /// `BundID` application id (2.x).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_bund_de_application_id: Option<Personal<String>>,
    /// Whether a digital notice is agreed to (2.x); a refusal is written, not left out.
    #[serde(
        rename = "zustimmungZumDigitalenBescheid",
        skip_serializing_if = "Option::is_none"
    )]
    pub agrees_to_digital_notice: Option<bool>,
}

/// The program that made the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Author {
    /// Name of the operator or service.
    pub name: String,
    /// About it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The program.
    pub product: Product,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// About it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its version.
    pub version: String,
    /// Who makes it.
    pub manufacturer: String,
}

impl Metadata {
    /// Metadata of version 2.1.0 with this content and nothing else.
    pub const fn new(content_structure: ContentStructure) -> Self {
        Self {
            schema: MetadataVersion::CURRENT,
            content_structure,
            reply_channel: None,
            additional_reference_info: None,
            author: None,
            payment_information: None,
            data_sets: None,
            authentication_information: None,
        }
    }

    /// From decrypted bytes of any version 1.x or 2.x; all findings at once.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, read::metadata)
    }

    /// The bytes to encrypt. Personal: encrypt them, then drop them.
    ///
    /// # Panics
    /// Never: members are plain and keys are strings, so printing cannot fail.
    pub fn to_bytes(&self) -> Personal<Vec<u8>> {
        let bytes = serde_json::to_vec(self).expect("plain members and string keys always print");
        Personal::new(bytes)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
