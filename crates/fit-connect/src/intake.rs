//! Bodies of the intake: our own plain-JSON door beside FIT-Connect, for senders who do not encrypt.
//!
//! Lives here because it is made of the same parts (services, regions, reply channels, callbacks) and read by the same
//! rules: all findings at once, never with the value.

use std::fmt;

use amtsbote_model::{Ars, Callback, DestinationId, Personal, ServiceId};
use amtsbote_problem::Findings;

use crate::fields::{self, Fields, Form, Node, Text};
use crate::metadata::{Purpose, ReplyChannel};

mod envelope;

use envelope::{Envelope, UNSHOWN, is_showable};

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

impl IntakeRequest {
    /// From a body; all findings at once, except those inside `data`, which the service's schema judges.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        Reading::parse(bytes)?.complete()
    }
}

/// An attachment as far as it can be read.
#[derive(Clone, Default)]
pub struct ReadAttachment {
    /// File name for the clerk.
    pub filename: Option<Personal<String>>,
    /// MIME type.
    pub mime_type: Option<String>,
    /// What it is; `attachment` where nothing is said.
    pub purpose: Option<Purpose>,
    /// A description for the clerk.
    pub description: Option<Personal<String>>,
    /// Base64 (RFC 4648 §4, padded), not yet decoded.
    pub content: Option<Personal<String>>,
}

/// A body as far as it can be read, and what is wrong with the rest: so that data and attachments can be judged although
/// another member is wrong, and the sender hears of everything at once.
#[derive(Clone, Default)]
pub struct Reading {
    /// The service, also where the rest of the target is missing.
    pub service: Option<ServiceId>,
    /// Where it goes.
    pub target: Option<Target>,
    /// The JSON text of the member `data`, byte for byte as sent; an object.
    pub data: Option<Personal<String>>,
    /// One for each item of the list.
    pub attachments: Vec<ReadAttachment>,
    /// How the authority may answer.
    pub reply_channel: Option<ReplyChannel>,
    /// What is wrong with the request's own members; at most [`crate::MAX_FINDINGS`].
    pub findings: Findings,
    sender_reference: Option<Personal<String>>,
    callback: Option<Callback>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("target", &self.target)
            .field("findings", &self.findings)
            .finish_non_exhaustive()
    }
}

impl Reading {
    /// Reads a body. An error means that the body is no JSON object at all, or names a member twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        let body = Envelope::open(bytes)?;
        let mut reading = Self::default();
        let read = fields::walk(&body.rest, |node| {
            reading = Self::read(&node.object()?);
            Some(())
        });
        reading.data = body.data.map(|data| Personal::new(data.to_owned()));
        reading.findings = body.findings;
        reading.findings.extend(read.err().unwrap_or_default());
        reading.findings.truncate(crate::MAX_FINDINGS);
        Ok(reading)
    }

    fn read(fields: &Fields<'_>) -> Self {
        unknown_members(fields, &MEMBERS, MEMBERS_HINT);
        let service = fields.optional("service", |n| n.parse::<ServiceId>(&fields::SERVICE));
        let target = target(fields, service.as_ref());
        fields.required("data", Node::object);
        let attachments = fields.optional("attachments", |n| n.list(|n| Some(attachment(n))));
        let sender_reference = fields.optional("senderReference", |n| n.matching(is_short, &SHORT));
        Self {
            service,
            target,
            data: None,
            attachments: attachments.unwrap_or_default(),
            reply_channel: fields.optional("replyChannel", ReplyChannel::read),
            findings: Findings::new(),
            sender_reference: sender_reference.map(Personal::new),
            callback: fields.optional("callback", crate::submission::callback),
        }
    }

    /// The request, or everything that is wrong with it.
    pub fn complete(self) -> Result<IntakeRequest, Findings> {
        let attachments = self.attachments.into_iter().map(whole);
        match (self.target, self.data, attachments.collect()) {
            (Some(target), Some(data), Some(attachments)) if self.findings.is_empty() => {
                Ok(IntakeRequest {
                    target,
                    data,
                    attachments,
                    sender_reference: self.sender_reference,
                    reply_channel: self.reply_channel,
                    callback: self.callback,
                })
            }
            _ => Err(self.findings),
        }
    }
}

fn whole(read: ReadAttachment) -> Option<InlineAttachment> {
    Some(InlineAttachment {
        filename: read.filename?,
        mime_type: read.mime_type?,
        purpose: read.purpose?,
        description: read.description,
        content: read.content?,
    })
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

const MEMBERS_HINT: Text = (
    "bekannt sind service, region, destinationId, data, attachments, senderReference, replyChannel, callback",
    "known are service, region, destinationId, data, attachments, senderReference, replyChannel, callback",
);
const ATTACHMENT_HINT: Text = (
    "bekannt sind filename, mimeType, purpose, description, content",
    "known are filename, mimeType, purpose, description, content",
);

// A misspelt optional member must not be lost in silence: the sender would never hear of it. Its name is the sender's text, so
// it is repeated only if it looks like a name.
fn unknown_members(fields: &Fields<'_>, known: &[&str], hint: Text) {
    for (name, _) in fields.members() {
        if !known.contains(&name) {
            let shown = if is_showable(name) { name } else { UNSHOWN };
            let text = ("ist hier nicht bekannt", "is not known here");
            fields.advise(shown, "additionalProperties", text, hint);
        }
    }
}

fn target(fields: &Fields<'_>, service: Option<&ServiceId>) -> Option<Target> {
    if fields.has("destinationId") {
        if fields.has("region") {
            let text = (
                "entweder region oder destinationId angeben",
                "give either region or destinationId",
            );
            fields.say("region", "oneOf", text);
        }
        let destination_id = fields.required("destinationId", Node::id)?;
        // An unreadable service is not "none".
        if fields.has("service") && service.is_none() {
            return None;
        }
        return Some(Target::Named {
            destination_id,
            service: service.cloned(),
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
        service: service?.clone(),
        region: region?,
    })
}

fn attachment(node: &Node<'_>) -> ReadAttachment {
    let Some(fields) = node.object() else {
        return ReadAttachment::default();
    };
    let known = ["filename", "mimeType", "purpose", "description", "content"];
    unknown_members(&fields, &known, ATTACHMENT_HINT);
    let filename = fields.required("filename", |n| n.matching(is_filename, &FILENAME));
    let mime_type = fields.required("mimeType", |n| n.matching(is_mime_type, &MIME));
    let names = Purpose::ALL.map(Purpose::name);
    let purpose = if fields.has("purpose") {
        let place = fields.optional("purpose", |n| n.one_of(&names));
        place.map(|place| Purpose::ALL[place])
    } else {
        Some(Purpose::Attachment)
    };
    let description = fields.optional("description", |n| n.matching(is_short, &SHORT));
    let content = fields.required("content", Node::string);
    ReadAttachment {
        filename: filename.map(Personal::new),
        mime_type,
        purpose,
        description: description.map(Personal::new),
        content: content.map(Personal::new),
    }
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
    (1..=255).contains(&text.chars().count()) && !text.chars().any(deceives)
}

// Control characters, and those that change the order of what is shown: `gpj.exe` may be read as `exe.jpg` (Unicode TR 36 §2.10).
fn deceives(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{FEFF}')
        || matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
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
    fn what_can_be_read_is_read_although_the_rest_is_wrong() {
        let body = with("region", json!("6"));
        let reading = Reading::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            reading.service.unwrap().as_str(),
            "urn:de:fim:leika:leistung:99102013002000"
        );
        assert!(reading.target.is_none());
        assert_eq!(reading.data.unwrap().reveal(), r#"{"a":1}"#);
        assert_eq!(
            reading.attachments[0].content.as_ref().unwrap().reveal(),
            "aGFsbG8="
        );
    }

    #[test]
    fn the_names_of_unknown_members_are_shown_only_if_they_look_like_names() {
        check(
            &with("Erika Mustermann", json!(1)),
            &["additionalProperties /…"],
        );
        let attachment =
            json!([{ "filename": "a", "mimeType": "a/b", "content": "", "Erika M.": 1 }]);
        check(
            &with("attachments", attachment),
            &["additionalProperties /attachments/0/…"],
        );
    }

    #[test]
    fn what_is_no_request_at_all_is_told_apart() {
        for (body, expected) in [
            ("", "json "),
            ("{", "json "),
            ("[]", "type "),
            ("7", "type "),
            ("{} {}", "json "),
            ("{\"data\": {}, \"data\": {}}", "duplicate-member /data"),
            ("{\"Erika M.\": 1, \"Erika M.\": 2}", "duplicate-member /…"),
            ("{\"data\": {\"a\": }}", "json "),
        ] {
            let findings = Reading::parse(body.as_bytes()).unwrap_err();
            assert_eq!(
                crate::fields::summary::<()>(Err(findings)),
                [expected],
                "{body}"
            );
        }
        assert!(Reading::parse(b"{\"data\": {\"a\": \"\xff\"}}").is_err());
    }

    #[test]
    fn the_number_of_members_and_values_is_bounded() {
        let members: Vec<String> = (0..100).map(|n| format!("\"m{n}\":1")).collect();
        let body = format!("{{{}}}", members.join(","));
        assert_eq!(
            crate::fields::summary(Reading::parse(body.as_bytes())),
            ["maxProperties "]
        );
        let body = format!(
            "{{\"data\":{{}},\"attachments\":[{}1]}}",
            "1,".repeat(20_000)
        );
        let reading = Reading::parse(body.as_bytes()).unwrap();
        assert!(reading.attachments.is_empty());
        assert_eq!(
            crate::fields::summary::<()>(Err(reading.findings))[0],
            "size /attachments"
        );
        let body = format!(
            "{{\"replyChannel\":{}1{}}}",
            "[".repeat(5_000),
            "]".repeat(5_000)
        );
        let reading = Reading::parse(body.as_bytes()).unwrap();
        assert_eq!(
            crate::fields::summary::<()>(Err(reading.findings))[0],
            "depth /replyChannel"
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
        for bad in ["../x", "a/b", "a\\b", "", "a\nb", "a\u{202E}fdp.exe"] {
            let attachment = json!([{ "filename": bad, "mimeType": "a/b", "content": "" }]);
            check(
                &with("attachments", attachment),
                &["filename /attachments/0/filename"],
            );
        }
    }
}
