//! The claims of a security event token.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use amtsbote_model::{AttachmentId, CaseId, DestinationId, EventId, Subject, Timestamp};
use amtsbote_problem::Findings;
use serde::Serialize;
use serde_json::{Value, json};

use super::{EventKind, EventProblem};
use crate::fields::{self, Fields, Form, Node};

/// The version of the payload schema a token names: `$schema` is
/// `https://schema.fitko.de/fit-connect/set-payload/<major>.<minor>.<patch>/set-payload.schema.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetSchema {
    /// Always 1 so far.
    pub major: u16,
    /// 0 (until 2023) to 2.
    pub minor: u16,
    /// Corrections.
    pub patch: u16,
}

/// The text is not the URI of a SET payload schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the URI of a set-payload schema of version 1")]
pub struct MalformedSchema;

impl SetSchema {
    /// What the service itself writes, and what v2 takes.
    pub const CURRENT: Self = Self {
        major: 1,
        minor: 2,
        patch: 2,
    };
}

impl FromStr for SetSchema {
    type Err = MalformedSchema;

    fn from_str(uri: &str) -> Result<Self, MalformedSchema> {
        let [major, minor, patch] = uri
            .strip_prefix("https://schema.fitko.de/fit-connect/set-payload/")
            .and_then(|rest| rest.strip_suffix("/set-payload.schema.json"))
            .and_then(fields::version)
            .ok_or(MalformedSchema)?;
        if major == 1 {
            Ok(Self {
                major,
                minor,
                patch,
            })
        } else {
            Err(MalformedSchema)
        }
    }
}

impl fmt::Display for SetSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major,
            minor,
            patch,
        } = self;
        write!(
            f,
            "https://schema.fitko.de/fit-connect/set-payload/{major}.{minor}.{patch}/set-payload.schema.json"
        )
    }
}

/// Which `$schema` a token may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaRule {
    /// Any version 1.x, or none at all: v1, and reading logs that others wrote.
    OptionalAny,
    /// Must be there, 1.1 or later: v2 (the live service refuses 1.0.0).
    RequiredCurrent,
}

/// Who signed, by the `iss` claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issuer {
    /// The delivery service, by its base URL; its keys are in its JWKS.
    Service(String),
    /// The subscriber of the destination; the key is among the destination's.
    Destination(DestinationId),
}

/// The authentication tags of all parts: the fifth segment of each JWE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthenticationTags {
    /// Of `encryptedMetadata`.
    pub metadata: String,
    /// Of `encryptedData`, where there is data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Of each attachment.
    pub attachments: BTreeMap<AttachmentId, String>,
}

impl AuthenticationTags {
    pub(crate) fn read(node: &Node<'_>) -> Option<AuthenticationTags> {
        let fields = node.object()?;
        let metadata = fields.required("metadata", tag);
        let data = fields.optional("data", tag);
        let attachments = fields.optional("attachments", |n| {
            let object = n.object()?;
            let mut tags = BTreeMap::new();
            for (id, value) in object.members() {
                let Ok(id) = id.parse::<AttachmentId>() else {
                    n.say(
                        "format",
                        (
                            "enthält eine Kennung, die keine UUID ist",
                            "holds an id that is not a UUID",
                        ),
                    );
                    continue;
                };
                if let Some(tag) = tag(&value)
                    && tags.insert(id, tag).is_some()
                {
                    n.say(
                        "uniqueItems",
                        ("nennt eine Anlage doppelt", "names an attachment twice"),
                    );
                }
            }
            Some(tags)
        });
        Some(AuthenticationTags {
            metadata: metadata?,
            data,
            attachments: attachments.unwrap_or_default(),
        })
    }
}

/// How the receiver learnt of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyType {
    /// The callback was answered with success.
    Callback,
    /// It was listed.
    Polling,
}

/// What an event carries. Whether it fits the kind is checked by [`Claims::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: create, forward, delete; also accept events of some v1 clients.
    Empty,
    /// Submit and accept.
    Tags(AuthenticationTags),
    /// Notify.
    Notify(NotifyType),
    /// Reject; at least one.
    Problems(Vec<EventProblem>),
}

/// The claims of one security event token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `$schema`; [`SetSchema::CURRENT`] in what we write.
    pub schema: Option<SetSchema>,
    /// `jti`
    pub id: EventId,
    /// `iss`
    pub issuer: Issuer,
    /// `iat`, whole seconds.
    pub issued_at: Timestamp,
    /// `sub`
    pub subject: Subject,
    /// `txn`
    pub case_id: CaseId,
    /// The one member of `events`.
    pub kind: EventKind,
    /// What stands under it.
    pub payload: Payload,
}

impl Claims {
    /// The earliest `iat`: 2020-01-01 (SET payload 1.2.2).
    pub const EARLIEST: i64 = 1_577_833_200;

    /// From the (verified) payload of a token; all findings at once.
    pub fn parse(bytes: &[u8], rule: SchemaRule) -> Result<Self, Findings> {
        fields::parse(bytes, |node| Self::read(&node.object()?, rule))
    }

    fn read(fields: &Fields<'_>, rule: SchemaRule) -> Option<Self> {
        let schema = match rule {
            SchemaRule::OptionalAny => fields.optional("$schema", |n| n.parse(&SCHEMA)),
            SchemaRule::RequiredCurrent => fields.required("$schema", current_schema),
        };
        let id = fields.required("jti", Node::id);
        let issuer = fields.required("iss", issuer);
        let issued_at = fields.required("iat", |n| n.integer(Self::EARLIEST));
        let subject = fields.required("sub", subject);
        let case_id = fields.required("txn", |n| n.parse::<CaseClaim>(&CASE));
        let event = fields.required("events", |n| event(n, rule));
        if let (Some(subject), Some((kind, _))) = (subject, &event)
            && matches!(subject, Subject::Reply(_)) != kind.is_about_reply()
        {
            let text = ("passt nicht zum Ereignis", "does not fit the event");
            fields.say("sub", "subject", text);
        }
        let (kind, payload) = event?;
        Some(Self {
            schema,
            id: id?,
            issuer: issuer?,
            issued_at: Timestamp::from_seconds(issued_at?),
            subject: subject?,
            case_id: case_id?.0,
            kind,
            payload,
        })
    }

    /// As the payload of a token, to be signed.
    pub fn body(&self) -> Value {
        let payload = match &self.payload {
            Payload::Empty => json!({}),
            Payload::Tags(tags) => json!({ "authenticationTags": tags }),
            Payload::Notify(kind) => json!({ "notifyType": kind }),
            Payload::Problems(problems) => json!({ "problems": problems }),
        };
        let mut body = serde_json::Map::new();
        if let Some(schema) = self.schema {
            body.insert("$schema".to_owned(), json!(schema.to_string()));
        }
        let issuer = match &self.issuer {
            Issuer::Service(url) => json!(url),
            Issuer::Destination(id) => json!(id),
        };
        for (name, claim) in [
            ("jti", json!(self.id)),
            ("iss", issuer),
            ("iat", json!(self.issued_at.as_seconds())),
            ("sub", json!(self.subject.claim())),
            ("txn", json!(self.case_id.prefixed())),
            ("events", json!({ self.kind.uri(): payload })),
        ] {
            body.insert(name.to_owned(), claim);
        }
        Value::Object(body)
    }
}

const SCHEMA: Form = Form {
    rule: "pattern",
    text: (
        "ist kein Schema von Ereignissen der Version 1",
        "is not an event schema of version 1",
    ),
};
const CASE: Form = Form {
    rule: "pattern",
    text: ("ist nicht case:<UUID>", "is not case:<UUID>"),
};

fn current_schema(node: &Node<'_>) -> Option<SetSchema> {
    let schema: SetSchema = node.parse(&SCHEMA)?;
    if schema.minor == 0 {
        node.say(
            "unsupported",
            (
                "Version 1.0 wird nicht mehr angenommen; 1.2.2 verwenden",
                "version 1.0 is no longer taken; use 1.2.2",
            ),
        );
    }
    Some(schema)
}

struct CaseClaim(CaseId);

impl FromStr for CaseClaim {
    type Err = amtsbote_model::MalformedId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.strip_prefix("case:").unwrap_or_default();
        id.parse().map(Self)
    }
}

fn issuer(node: &Node<'_>) -> Option<Issuer> {
    let text = node.text()?;
    if text.starts_with("http") {
        return node.uri().map(Issuer::Service);
    }
    node.parse(&Form {
        rule: "pattern",
        text: (
            "ist weder eine URL noch die UUID eines Zustellpunkts",
            "is neither a URL nor the UUID of a destination",
        ),
    })
    .map(Issuer::Destination)
}

fn subject(node: &Node<'_>) -> Option<Subject> {
    let text = node.text()?;
    let read = match text.split_once(':') {
        Some(("submission", id)) => id.parse().ok().map(Subject::Submission),
        Some(("reply", id)) => id.parse().ok().map(Subject::Reply),
        _ => None,
    };
    if read.is_none() {
        let text = (
            "ist nicht submission:<UUID> oder reply:<UUID>",
            "is not submission:<UUID> or reply:<UUID>",
        );
        node.say("pattern", text);
    }
    read
}

fn event(node: &Node<'_>, rule: SchemaRule) -> Option<(EventKind, Payload)> {
    let fields = node.object()?;
    let mut members = fields.members();
    let (Some((uri, payload)), None) = (members.next(), members.next()) else {
        let text = (
            "muss genau ein Ereignis enthalten",
            "must hold exactly one event",
        );
        node.say("one-event", text);
        return None;
    };
    let Some(kind) = EventKind::from_uri(uri) else {
        let text = ("enthält ein unbekanntes Ereignis", "holds an unknown event");
        node.say("unknown-event", text);
        return None;
    };
    Some((kind, read_payload(kind, &payload, rule)?))
}

fn read_payload(kind: EventKind, node: &Node<'_>, rule: SchemaRule) -> Option<Payload> {
    let fields = node.object()?;
    match kind {
        EventKind::CreateSubmission
        | EventKind::ForwardSubmission
        | EventKind::DeleteSubmission
        | EventKind::CreateReply
        | EventKind::DeleteReply => Some(Payload::Empty),
        EventKind::NotifySubmission | EventKind::NotifyReply => notify(&fields, rule),
        EventKind::SubmitSubmission
        | EventKind::SubmitReply
        | EventKind::AcceptSubmission
        | EventKind::AcceptReply => {
            let member = "authenticationTags";
            let bare = rule == SchemaRule::OptionalAny && !fields.has(member);
            if bare {
                return Some(Payload::Empty);
            }
            fields
                .required(member, AuthenticationTags::read)
                .map(Payload::Tags)
        }
        EventKind::RejectSubmission | EventKind::RejectReply => fields
            .required("problems", |n| n.some_list(EventProblem::read))
            .map(Payload::Problems),
    }
}

/// The spelling of `notifyType` is known from the documentation only; older logs lack it.
fn notify(fields: &Fields<'_>, rule: SchemaRule) -> Option<Payload> {
    if rule == SchemaRule::OptionalAny && !fields.has("notifyType") {
        return Some(Payload::Empty);
    }
    let place = fields.required("notifyType", |n| n.one_of(&["callback", "polling"]))?;
    Some(Payload::Notify(
        [NotifyType::Callback, NotifyType::Polling][place],
    ))
}

fn tag(node: &Node<'_>) -> Option<String> {
    let base64url = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    node.matching(
        base64url,
        &Form {
            rule: "pattern",
            text: (
                "ist kein Authentifizierungs-Tag",
                "is not an authentication tag",
            ),
        },
    )
}
