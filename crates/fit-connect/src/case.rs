//! Cases (*Vorgänge*): what belongs together.
//!
//! That `GET cases` and `GET cases/{caseId}` exist is documented; their bodies are ours and **unconfirmed**.

use amtsbote_model::{CaseId, DestinationId};
use amtsbote_problem::Findings;
use serde::Serialize;

use crate::Page;
use crate::fields::{self, Fields, Node};
use crate::reply::ReplyRef;
use crate::submission::SubmissionRef;

/// An entry of the list of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseRef {
    /// Which case.
    pub case_id: CaseId,
    /// Where its submissions go, and its replies come from.
    pub destination_id: DestinationId,
}

impl CaseRef {
    fn read(node: &Node<'_>) -> Option<Self> {
        Self::read_fields(&node.object()?)
    }

    fn read_fields(fields: &Fields<'_>) -> Option<Self> {
        let case_id = fields.required("caseId", Node::id);
        let destination_id = fields.required("destinationId", Node::id);
        Some(Self {
            case_id: case_id?,
            destination_id: destination_id?,
        })
    }
}

/// The list of the caller's cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseList {
    /// Where this page lies.
    #[serde(flatten)]
    pub page: Page,
    /// At most 500, oldest first.
    pub cases: Vec<CaseRef>,
}

impl CaseList {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let cases = fields.required("cases", |n| n.list(CaseRef::read))?;
            Some(Self {
                page: Page::read(&fields, cases.len()),
                cases,
            })
        })
    }
}

/// A case and what is in it; at most 500 of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Its ids.
    #[serde(flatten)]
    pub ids: CaseRef,
    /// Its submissions, oldest first.
    pub submissions: Vec<SubmissionRef>,
    /// Its replies, oldest first.
    pub replies: Vec<ReplyRef>,
}

impl Case {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let ids = CaseRef::read_fields(&fields);
            let submissions = fields.optional("submissions", |n| n.list(SubmissionRef::read));
            let replies = fields.optional("replies", |n| n.list(ReplyRef::read));
            Some(Self {
                ids: ids?,
                submissions: submissions.unwrap_or_default(),
                replies: replies.unwrap_or_default(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "e89e107e-ed79-40e6-ad34-4e770f9df263";

    #[test]
    fn a_case_is_read_back() {
        let body = json!({
            "caseId": ID, "destinationId": ID,
            "submissions": [{ "destinationId": ID, "submissionId": ID, "caseId": ID }],
            "replies": [{ "replyId": ID, "caseId": ID }],
        });
        let read = Case::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(json!(read), body);
    }

    #[test]
    fn a_list_is_read_back() {
        let body = json!({
            "offset": 0, "count": 1, "totalCount": 7,
            "cases": [{ "caseId": ID, "destinationId": ID }],
        });
        let read = CaseList::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(json!(read), body);
    }
}
