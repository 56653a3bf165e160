//! Submissions: announce, submit, list, fetch.

use std::fmt;
use std::str::FromStr;

use amtsbote_model::{
    AttachmentId, Callback, CaseId, DestinationId, Region, Secret, ServiceId, SubmissionId,
};
use amtsbote_problem::Findings;
use serde::Serialize;
use serde_json::{Value, json};

use crate::fields::{self, Fields, Form, Node, REGION, SERVICE};
use crate::{ApiVersion, Page};

/// A compact JWE (or an opaque text that looks like one): `^[a-zA-Z0-9-_=.]+$` (Submission API 1.1.3).
/// Prints its length only.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CompactJwe(String);

/// The text holds other characters than a compact JWE may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a compact JWE: expected base64url parts with dots between them")]
pub struct MalformedJwe;

impl CompactJwe {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, by move.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The authentication tag: the last of exactly five parts (RFC 7516 §7.1).
    pub fn tag(&self) -> Option<&str> {
        let (_, tag) = self.0.rsplit_once('.')?;
        let five = self.0.bytes().filter(|b| *b == b'.').count() == 4;
        (five && !tag.is_empty()).then_some(tag)
    }
}

impl TryFrom<String> for CompactJwe {
    type Error = MalformedJwe;

    fn try_from(text: String) -> Result<Self, MalformedJwe> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_=.".contains(&b);
        if !text.is_empty() && text.bytes().all(fits) {
            Ok(Self(text))
        } else {
            Err(MalformedJwe)
        }
    }
}

impl FromStr for CompactJwe {
    type Err = MalformedJwe;

    fn from_str(text: &str) -> Result<Self, MalformedJwe> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Debug for CompactJwe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jwe({} characters)", self.0.len())
    }
}

pub(crate) const JWE: Form = Form {
    rule: "pattern",
    text: ("ist kein kompaktes JWE", "is not a compact JWE"),
};

/// The service a submission is for (v1 `serviceType`, v2 `publicService`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// The service's URN.
    pub identifier: ServiceId,
    /// Its name. Demanded by v1 on announcing, where clients also send it empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// v1 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Service {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let name = fields.optional("name", Node::string);
        let description = fields.optional("description", Node::string);
        let identifier = fields.required("identifier", |n| n.parse(&SERVICE))?;
        Some(Self {
            identifier,
            name,
            description,
        })
    }

    fn read_announced(node: &Node<'_>, version: ApiVersion) -> Option<Self> {
        if version == ApiVersion::V1 {
            node.object()?.required("name", Node::string);
        }
        Self::read(node)
    }

    /// Under either name: answers of both versions are read alike.
    fn read_any(fields: &Fields<'_>) -> Option<Self> {
        let (v2, v1) = (ApiVersion::V2, ApiVersion::V1);
        if fields.has(v1.service_member()) {
            fields.required(v1.service_member(), Self::read)
        } else {
            fields.required(v2.service_member(), Self::read)
        }
    }
}

/// Reads a callback: `url` (`^https://.+`, at least 9 characters) and `secret` (32–512 characters).
pub(crate) fn callback(node: &Node<'_>) -> Option<Callback> {
    let fields = node.object()?;
    let url = fields.required("url", callback_url);
    let secret = fields.required("secret", |node| {
        let text = node.text()?;
        match text.chars().count() {
            0..32 => node.say(
                "minLength",
                ("ist kürzer als 32 Zeichen", "is shorter than 32 characters"),
            ),
            32..=512 => return Some(Secret::new(text.to_owned())),
            _ => node.say(
                "maxLength",
                (
                    "ist länger als 512 Zeichen",
                    "is longer than 512 characters",
                ),
            ),
        }
        None
    });
    Some(Callback {
        url: url?,
        secret: secret?,
    })
}

fn callback_url(node: &Node<'_>) -> Option<String> {
    node.matching(
        |text| text.len() >= 9 && text.starts_with("https://") && url::Url::parse(text).is_ok(),
        &Form {
            rule: "pattern",
            text: ("ist keine https-URL", "is not an https URL"),
        },
    )
}

/// Body of `POST submissions`: announces a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSubmission {
    /// For whom.
    pub destination_id: DestinationId,
    /// The attachments that will follow, as sent: ids may repeat (clients exist that do so); the service decides.
    pub announced_attachments: Vec<AttachmentId>,
    /// For which service.
    pub service: Service,
    /// Where; seen with v2 only.
    pub region: Option<Region>,
    /// The case to join; a new one is opened without it.
    pub case_id: Option<CaseId>,
    /// Where the sender wants to be told of events.
    pub callback: Option<Callback>,
}

impl CreateSubmission {
    /// From a request body.
    pub fn parse(bytes: &[u8], version: ApiVersion) -> Result<Self, Findings> {
        fields::parse(bytes, |node| Self::read(&node.object()?, version))
    }

    fn read(fields: &Fields<'_>, version: ApiVersion) -> Option<Self> {
        let (member, other) = (version.service_member(), version.other().service_member());
        let destination_id = fields.required("destinationId", Node::id);
        let announced_attachments =
            fields.required("announcedAttachments", |node| node.list(Node::id));
        let service = if !fields.has(member) && fields.has(other) {
            fields.advise(
                member,
                "required",
                ("fehlt", "is missing"),
                (
                    "v1 nennt die Leistung serviceType, v2 publicService",
                    "v1 calls the service serviceType, v2 publicService",
                ),
            );
            None
        } else {
            fields.required(member, |node| Service::read_announced(node, version))
        };
        let region = fields.optional("region", |node| node.parse(&REGION));
        let case_id = fields.optional("caseId", Node::id);
        let callback = fields.optional("callback", callback);
        Some(Self {
            destination_id: destination_id?,
            announced_attachments: announced_attachments?,
            service: service?,
            region,
            case_id,
            callback,
        })
    }

    /// As a request body. Holds the callback's secret: send it, never log it.
    pub fn body(&self, version: ApiVersion) -> Value {
        let mut body = json!({
            "destinationId": self.destination_id,
            "announcedAttachments": self.announced_attachments,
        });
        let service = match version {
            ApiVersion::V1 => json!({
                "name": self.service.name.as_deref().unwrap_or_default(),
                "identifier": self.service.identifier,
                "description": self.service.description,
            }),
            ApiVersion::V2 => json!({
                "identifier": self.service.identifier,
                "name": self.service.name,
            }),
        };
        body[version.service_member()] = without_nulls(service);
        body["region"] = match version {
            ApiVersion::V1 => Value::Null,
            ApiVersion::V2 => json!(self.region),
        };
        body["caseId"] = json!(self.case_id);
        body["callback"] = self.callback.as_ref().map_or(
            Value::Null,
            |callback| json!({"url": callback.url, "secret": callback.secret.reveal()}),
        );
        without_nulls(body)
    }
}

/// Leaves out members that are `null`, at the first level.
pub(crate) fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, member| !member.is_null());
    }
    value
}

/// The three ids of a submission: the answer to the announcement (*`SubmissionCreated`*), an entry of the list of
/// submissions to pick up, and an entry of callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmissionRef {
    /// For whom.
    pub destination_id: DestinationId,
    /// Which submission.
    pub submission_id: SubmissionId,
    /// Of which case.
    pub case_id: CaseId,
}

impl SubmissionRef {
    /// From an answer to the announcement.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, Self::read)
    }

    pub(crate) fn read(node: &Node<'_>) -> Option<Self> {
        Self::read_fields(&node.object()?)
    }

    fn read_fields(fields: &Fields<'_>) -> Option<Self> {
        let destination_id = fields.required("destinationId", Node::id);
        let submission_id = fields.required("submissionId", Node::id);
        let case_id = fields.required("caseId", Node::id);
        Some(Self {
            destination_id: destination_id?,
            submission_id: submission_id?,
            case_id: case_id?,
        })
    }
}

/// Body of `PUT submissions/{submissionId}`: completes a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitSubmission {
    /// The metadata, sealed.
    pub encrypted_metadata: CompactJwe,
    /// The data, sealed; mandatory under v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_data: Option<CompactJwe>,
}

impl SubmitSubmission {
    /// From a request body.
    pub fn parse(bytes: &[u8], version: ApiVersion) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let encrypted_metadata = fields.required("encryptedMetadata", |n| n.parse(&JWE));
            let encrypted_data = if version.requires_data() {
                fields.required("encryptedData", |n| n.parse(&JWE))
            } else {
                fields.optional("encryptedData", |n| n.parse(&JWE))
            };
            Some(Self {
                encrypted_metadata: encrypted_metadata?,
                encrypted_data,
            })
        })
    }
}

/// A submission without its content: the answer to submitting it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionReduced {
    /// Its ids.
    pub ids: SubmissionRef,
    /// The attachments that were uploaded.
    pub attachments: Vec<AttachmentId>,
    /// Its service.
    pub service: Service,
    /// Where the service is wanted, as announced; v2 only (users of the Java SDK 3.5 read it from what they receive).
    pub region: Option<Region>,
    /// Where the sender is called back; the secret is never shown.
    pub callback_url: Option<String>,
}

impl SubmissionReduced {
    /// From an answer of either version.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| Self::read(&node.object()?))
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let ids = SubmissionRef::read_fields(fields);
        let attachments = fields.optional("attachments", |node| node.list(Node::id));
        let service = Service::read_any(fields);
        let region = fields.optional("region", |node| node.parse(&REGION));
        let callback_url = fields.optional("callback", |node| {
            node.object()?.required("url", callback_url)
        });
        Some(Self {
            ids: ids?,
            attachments: attachments.unwrap_or_default(),
            service: service?,
            region,
            callback_url,
        })
    }

    /// As an answer.
    pub fn body(&self, version: ApiVersion) -> Value {
        let mut body = json!({
            "destinationId": self.ids.destination_id,
            "submissionId": self.ids.submission_id,
            "caseId": self.ids.case_id,
            "attachments": self.attachments,
        });
        body[version.service_member()] = match version {
            ApiVersion::V1 => json!(self.service),
            ApiVersion::V2 => without_nulls(
                json!({"identifier": self.service.identifier, "name": self.service.name}),
            ),
        };
        if let (ApiVersion::V2, Some(region)) = (version, &self.region) {
            body["region"] = json!(region);
        }
        if let Some(url) = &self.callback_url {
            body["callback"] = json!({ "url": url });
        }
        body
    }
}

/// A submission as the subscriber fetches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// What stands outside the envelope.
    pub reduced: SubmissionReduced,
    /// The metadata, sealed.
    pub encrypted_metadata: CompactJwe,
    /// The data, sealed.
    pub encrypted_data: Option<CompactJwe>,
}

impl Submission {
    /// From an answer of either version.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let reduced = SubmissionReduced::read(&fields);
            let encrypted_metadata = fields.required("encryptedMetadata", |n| n.parse(&JWE));
            let encrypted_data = fields.optional("encryptedData", |n| n.parse(&JWE));
            Some(Self {
                reduced: reduced?,
                encrypted_metadata: encrypted_metadata?,
                encrypted_data,
            })
        })
    }

    /// As an answer.
    pub fn body(&self, version: ApiVersion) -> Value {
        let mut body = self.reduced.body(version);
        body["encryptedMetadata"] = json!(self.encrypted_metadata);
        if let Some(data) = &self.encrypted_data {
            body["encryptedData"] = json!(data);
        }
        body
    }
}

/// The list of submissions that wait for the subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubmissionsForPickup {
    /// Where this page lies.
    #[serde(flatten)]
    pub page: Page,
    /// At most 500.
    pub submissions: Vec<SubmissionRef>,
}

impl SubmissionsForPickup {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let submissions = fields.required("submissions", |n| n.list(SubmissionRef::read));
            let submissions = submissions?;
            Some(Self {
                page: Page::read(&fields, submissions.len()),
                submissions,
            })
        })
    }
}

#[cfg(test)]
#[path = "submission_tests.rs"]
mod tests;
