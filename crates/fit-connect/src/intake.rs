//! Bodies of the intake: our own plain-JSON door beside FIT-Connect, for senders who do not encrypt.
//!
//! Lives here because it is made of the same parts (services, regions, reply channels, callbacks) and read by the same
//! rules: all findings at once, never with the value.

use std::fmt;

use amtsbote_model::{Ars, Callback, DestinationId, Personal, ServiceId};
use amtsbote_problem::Findings;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fields::{self, Fields, Form, Node};
use crate::metadata::{Purpose, ReplyChannel};

/// Where a submission shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To whoever receives this service in this region.
    Routed {
        /// The service.
        service: ServiceId,
        /// The region.
        region: Ars,
    },
    /// To this destination; the service may be left out if it offers only one.
    Named {
        /// The destination.
        destination_id: DestinationId,
        /// The service.
        service: Option<ServiceId>,
    },
}

/// An attachment inside an intake request.
#[derive(Clone, PartialEq, Eq)]
pub struct InlineAttachment {
    /// File name for the clerk.
    pub filename: Personal<String>,
    /// MIME type.
    pub mime_type: String,
    /// What it is.
    pub purpose: Purpose,
    /// A description for the clerk.
    pub description: Option<Personal<String>>,
    /// Base64 (RFC 4648 §4, padded), not yet decoded.
    pub content: Personal<String>,
}

impl fmt::Debug for InlineAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineAttachment")
            .field("mime_type", &self.mime_type)
            .finish_non_exhaustive()
    }
}

/// Body of `POST /intake/v1/submissions` and `/validations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeRequest {
    /// Where it goes.
    pub target: Target,
    /// The service's data: the JSON text of the member, byte for byte as sent.
    pub data: Personal<String>,
    /// Attachments.
    pub attachments: Vec<InlineAttachment>,
    /// The sender's own sign.
    pub sender_reference: Option<Personal<String>>,
    /// How the authority may answer.
    pub reply_channel: Option<ReplyChannel>,
    /// Where the sender wants to be told of events.
    pub callback: Option<Callback>,
}

#[derive(Deserialize)]
struct Verbatim<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl IntakeRequest {
    /// From a body; all findings at once, except those inside `data`, which the service's schema judges.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        let data = serde_json::from_slice::<Verbatim<'_>>(bytes)
            .ok()
            .and_then(|verbatim| verbatim.data);
        fields::parse(bytes, |node| Self::read(&node.object()?, data))
    }

    fn read(fields: &Fields<'_>, data: Option<&RawValue>) -> Option<Self> {
        unknown_members(fields, &MEMBERS);
        let target = target(fields);
        fields.required("data", Node::object);
        let attachments = fields.optional("attachments", |n| n.list(attachment));
        let sender_reference = fields.optional("senderReference", |n| n.matching(is_short, &SHORT));
        let reply_channel = fields.optional("replyChannel", ReplyChannel::read);
        let callback = fields.optional("callback", crate::submission::callback);
        Some(Self {
            target: target?,
            data: Personal::new(data?.get().to_owned()),
            attachments: attachments.unwrap_or_default(),
            sender_reference: sender_reference.map(Personal::new),
            reply_channel,
            callback,
        })
    }
}

const MEMBERS: [&str; 8] = [
    "service",
    "region",
    "destinationId",
    "data",
    "attachments",
    "senderReference",
    "replyChannel",
    "callback",
];

// A misspelt optional member must not be lost in silence: the sender would never hear of it.
fn unknown_members(fields: &Fields<'_>, known: &[&str]) {
    for (name, node) in fields.members() {
        if !known.contains(&name) {
            node.say(
                "additionalProperties",
                ("ist hier nicht bekannt", "is not known here"),
            );
        }
    }
}

fn target(fields: &Fields<'_>) -> Option<Target> {
    let service = fields.optional("service", |n| n.parse::<ServiceId>(&fields::SERVICE));
    if fields.has("destinationId") {
        if fields.has("region") {
            let text = (
                "entweder region oder destinationId angeben",
                "give either region or destinationId",
            );
            fields.say("region", "oneOf", text);
        }
        let destination_id = fields.required("destinationId", Node::id)?;
        return Some(Target::Named {
            destination_id,
            service,
        });
    }
    if !fields.has("service") {
        fields.say("service", "required", ("fehlt", "is missing"));
    }
    let text = (
        "fehlt; ohne destinationId ist eine Region nötig",
        "is missing; needed without destinationId",
    );
    if !fields.has("region") {
        fields.say("region", "required", text);
    }
    let region = fields.optional("region", |n| n.parse::<Ars>(&ARS));
    Some(Target::Routed {
        service: service?,
        region: region?,
    })
}

fn attachment(node: &Node<'_>) -> Option<InlineAttachment> {
    let fields = node.object()?;
    unknown_members(
        &fields,
        &["filename", "mimeType", "purpose", "description", "content"],
    );
    let filename = fields.required("filename", |n| n.matching(is_filename, &FILENAME));
    let mime_type = fields.required("mimeType", |n| n.matching(is_mime_type, &MIME));
    let names = Purpose::ALL.map(Purpose::name);
    let purpose = fields.optional("purpose", |n| n.one_of(&names));
    let description = fields.optional("description", |n| n.matching(is_short, &SHORT));
    let content = fields.required("content", Node::string);
    Some(InlineAttachment {
        filename: Personal::new(filename?),
        mime_type: mime_type?,
        purpose: purpose.map_or(Purpose::Attachment, |place| Purpose::ALL[place]),
        description: description.map(Personal::new),
        content: Personal::new(content?),
    })
}

const ARS: Form = Form {
    rule: "pattern",
    text: (
        "ist kein Regionalschlüssel (2, 3, 5, 9 oder 12 Ziffern)",
        "is not a regional key (2, 3, 5, 9 or 12 digits)",
    ),
};
const SHORT: Form = Form {
    rule: "maxLength",
    text: (
        "muss 1 bis 255 Zeichen ohne Steuerzeichen haben",
        "must have 1 to 255 characters, no control characters",
    ),
};
const FILENAME: Form = Form {
    rule: "filename",
    text: (
        "ist kein Dateiname (1 bis 255 Zeichen ohne Pfad und Steuerzeichen)",
        "is not a file name (1 to 255 characters, no path, no control characters)",
    ),
};
// Metadata 2.1.0: ^[-\w.]+/[-\w.+]+$
const MIME: Form = Form {
    rule: "pattern",
    text: (
        "ist kein MIME-Typ wie application/pdf",
        "is not a MIME type such as application/pdf",
    ),
};

fn is_short(text: &str) -> bool {
    (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_filename(text: &str) -> bool {
    is_short(text) && !text.contains(['/', '\\']) && !text.starts_with("..") && text != "."
}

fn is_mime_type(text: &str) -> bool {
    let word = |part: &str, more: &[u8]| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b) || more.contains(&b))
    };
    text.len() <= 127
        && text
            .split_once('/')
            .is_some_and(|(kind, sub)| word(kind, b"") && word(sub, b"+"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(body: &Value, expected: &[&str]) {
        let found = match IntakeRequest::parse(body.to_string().as_bytes()) {
            Ok(_) => vec![],
            Err(findings) => findings
                .iter()
                .map(|f| format!("{} {}", f.rule, f.at))
                .collect(),
        };
        assert_eq!(found, expected, "{body}");
    }

    fn request() -> Value {
        json!({
            "service": "urn:de:fim:leika:leistung:99102013002000",
            "region": "064140000000",
            "data": { "a": 1 },
            "attachments": [{ "filename": "plan.pdf", "mimeType": "application/pdf", "content": "aGFsbG8=" }],
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut body = request();
        body[name] = value;
        body
    }

    #[test]
    fn a_plain_request_is_read() {
        check(&request(), &[]);
        let request = IntakeRequest::parse(request().to_string().as_bytes()).unwrap();
        assert_eq!(request.attachments[0].purpose, Purpose::Attachment);
    }

    #[test]
    fn data_stays_byte_for_byte() {
        let body = r#"{"service":"urn:de:x","region":"06","data":{"betrag": 1.10, "gross": 123456789012345678901234567890}}"#;
        let request = IntakeRequest::parse(body.as_bytes()).unwrap();
        assert_eq!(
            request.data.reveal(),
            r#"{"betrag": 1.10, "gross": 123456789012345678901234567890}"#
        );
    }

    #[test]
    fn all_findings_come_at_once() {
        check(
            &json!({}),
            &["required /service", "required /region", "required /data"],
        );
        check(
            &json!({ "service": "x", "region": "6", "data": [], "datta": 1, "attachments": [{}] }),
            &[
                "additionalProperties /datta",
                "pattern /service",
                "pattern /region",
                "type /data",
                "required /attachments/0/filename",
                "required /attachments/0/mimeType",
                "required /attachments/0/content",
            ],
        );
    }

    #[test]
    fn a_target_is_routed_or_named() {
        let id = json!("f39ab143-d91a-474a-b69f-b00f1a1873c2");
        check(&with("destinationId", id.clone()), &["oneOf /region"]);
        check(&json!({ "destinationId": id, "data": {} }), &[]);
        check(
            &json!({ "destinationId": 7, "data": {} }),
            &["type /destinationId"],
        );
    }

    #[test]
    fn file_names_carry_no_path() {
        for bad in ["../x", "a/b", "a\\b", "", "a\nb"] {
            let attachment = json!([{ "filename": bad, "mimeType": "a/b", "content": "" }]);
            check(
                &with("attachments", attachment),
                &["filename /attachments/0/filename"],
            );
        }
    }
}
