//! Replies (*Rückantworten*): announce, submit, list, fetch, acknowledge.
//!
//! No public description names these bodies. They follow those of submissions; what else they hold is said at each. All of it is
//! **unconfirmed** (`docs/spec/fit-connect.md`).

use amtsbote_model::{AttachmentId, CaseId, DestinationId, ReplyId};
use amtsbote_problem::Findings;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Page;
use crate::event::{AuthenticationTags, EventProblem};
use crate::fields::{self, Fields, Node};
use crate::submission::{CompactJwe, JWE, without_nulls};

/// Body of `POST replies`: announces a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateReply {
    /// The case it belongs to.
    pub case_id: CaseId,
    /// Where it comes from. The case tells; if it is named it must fit.
    pub destination_id: Option<DestinationId>,
    /// The attachments that will follow, as sent.
    pub announced_attachments: Vec<AttachmentId>,
}

impl CreateReply {
    /// From a request body.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let case_id = fields.required("caseId", Node::id);
            let destination_id = fields.optional("destinationId", Node::id);
            let announced = fields.required("announcedAttachments", |node| node.list(Node::id));
            Some(Self {
                case_id: case_id?,
                destination_id,
                announced_attachments: announced?,
            })
        })
    }

    /// As a request body.
    pub fn body(&self) -> Value {
        without_nulls(json!({
            "caseId": self.case_id,
            "destinationId": self.destination_id,
            "announcedAttachments": self.announced_attachments,
        }))
    }
}

/// The ids of a reply: the answer to the announcement, an entry of the list of replies to pick up, and an entry of callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplyRef {
    /// Which reply.
    pub reply_id: ReplyId,
    /// Of which case.
    pub case_id: CaseId,
}

impl ReplyRef {
    /// From an answer to the announcement.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, Self::read)
    }

    pub(crate) fn read(node: &Node<'_>) -> Option<Self> {
        Self::read_fields(&node.object()?)
    }

    fn read_fields(fields: &Fields<'_>) -> Option<Self> {
        let reply_id = fields.required("replyId", Node::id);
        let case_id = fields.required("caseId", Node::id);
        Some(Self {
            reply_id: reply_id?,
            case_id: case_id?,
        })
    }
}

/// A reply without its content: the answer to submitting it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplyReduced {
    /// Its ids.
    #[serde(flatten)]
    pub ids: ReplyRef,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_id: Option<DestinationId>,
    /// The attachments that were uploaded.
    pub attachments: Vec<AttachmentId>,
}

impl ReplyReduced {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| Self::read(&node.object()?))
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let ids = ReplyRef::read_fields(fields);
        let destination_id = fields.optional("destinationId", Node::id);
        let attachments = fields.optional("attachments", |node| node.list(Node::id));
        Some(Self {
            ids: ids?,
            destination_id,
            attachments: attachments.unwrap_or_default(),
        })
    }
}

/// A reply as its receiver fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// What stands outside the envelope.
    #[serde(flatten)]
    pub reduced: ReplyReduced,
    /// The metadata, sealed for the key in the submission's `replyChannel.fitConnect`.
    pub encrypted_metadata: CompactJwe,
    /// The data, sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_data: Option<CompactJwe>,
}

impl Reply {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let reduced = ReplyReduced::read(&fields);
            let encrypted_metadata = fields.required("encryptedMetadata", |n| n.parse(&JWE));
            let encrypted_data = fields.optional("encryptedData", |n| n.parse(&JWE));
            Some(Self {
                reduced: reduced?,
                encrypted_metadata: encrypted_metadata?,
                encrypted_data,
            })
        })
    }
}

/// The list of replies that wait for their receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepliesForPickup {
    /// Where this page lies.
    #[serde(flatten)]
    pub page: Page,
    /// At most 500.
    pub replies: Vec<ReplyRef>,
}

impl RepliesForPickup {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let replies = fields.required("replies", |n| n.list(ReplyRef::read))?;
            Some(Self {
                page: Page::read(&fields, replies.len()),
                replies,
            })
        })
    }
}

/// Body of `PUT replies/{replyId}/accept`, an extension of ours: the receiver has opened the reply and found it valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptReply {
    /// The tags of what it opened.
    pub authentication_tags: AuthenticationTags,
}

impl AcceptReply {
    /// From a request body.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let tags = node
                .object()?
                .required("authenticationTags", AuthenticationTags::read);
            tags.map(|authentication_tags| Self {
                authentication_tags,
            })
        })
    }
}

/// Body of `PUT replies/{replyId}/reject`, an extension of ours: the receiver cannot take the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectReply {
    /// Why; at least one.
    pub problems: Vec<EventProblem>,
}

impl RejectReply {
    /// From a request body.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let problems = node
                .object()?
                .required("problems", |n| n.some_list(EventProblem::read));
            problems.map(|problems| Self { problems })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "e89e107e-ed79-40e6-ad34-4e770f9df263";
    const REPLY: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2";

    fn places(findings: &Findings) -> Vec<String> {
        let place = |f: &amtsbote_problem::Finding| format!("{} {}", f.rule, f.at);
        findings.iter().map(place).collect()
    }

    #[test]
    fn an_announcement_is_read_back() {
        let body = json!({ "caseId": CASE, "announcedAttachments": [REPLY] });
        let read = CreateReply::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(read.body(), body);
        let named = json!({ "caseId": CASE, "destinationId": REPLY, "announcedAttachments": [] });
        let read = CreateReply::parse(named.to_string().as_bytes()).unwrap();
        assert_eq!(read.body(), named);
    }

    #[test]
    fn all_faults_of_an_announcement_are_found_at_once() {
        let body = json!({ "destinationId": 5, "announcedAttachments": ["x"] });
        let findings = CreateReply::parse(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            places(&findings),
            [
                "required /caseId",
                "type /destinationId",
                "format /announcedAttachments/0"
            ]
        );
    }

    #[test]
    fn a_reply_is_read_back() {
        let body = json!({
            "replyId": REPLY, "caseId": CASE, "destinationId": CASE, "attachments": [CASE],
            "encryptedMetadata": "a.b.c.d.e", "encryptedData": "a.b.c.d.f",
        });
        let read = Reply::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(json!(read), body);
        let bare = json!({ "replyId": REPLY, "caseId": CASE, "encryptedMetadata": "a.b.c.d.e" });
        let read = Reply::parse(bare.to_string().as_bytes()).unwrap();
        assert_eq!(read.encrypted_data, None);
        assert_eq!(read.reduced.attachments, []);
    }

    #[test]
    fn a_list_is_read_back() {
        let list = RepliesForPickup {
            page: Page {
                offset: 0,
                count: 1,
                total_count: 1,
            },
            replies: vec![ReplyRef {
                reply_id: REPLY.parse().unwrap(),
                case_id: CASE.parse().unwrap(),
            }],
        };
        let body = json!(list);
        assert_eq!(
            body["replies"],
            json!([{ "replyId": REPLY, "caseId": CASE }])
        );
        assert_eq!(
            RepliesForPickup::parse(body.to_string().as_bytes()),
            Ok(list)
        );
    }

    #[test]
    fn acceptance_needs_tags_and_rejection_problems() {
        let tags = json!({ "authenticationTags": { "metadata": "AA", "attachments": {} } });
        let read = AcceptReply::parse(tags.to_string().as_bytes()).unwrap();
        assert_eq!(json!(read), tags);
        assert_eq!(
            places(&AcceptReply::parse(b"{}").unwrap_err()),
            ["required /authenticationTags"]
        );
        let none = RejectReply::parse(br#"{"problems":[]}"#).unwrap_err();
        assert_eq!(places(&none).len(), 1);
    }
}
