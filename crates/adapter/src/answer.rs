//! What a procedure answers, read: the way back.

use amtsbote_model::Personal;
use amtsbote_problem::Findings;
use serde_json::json;

/// An answer of a procedure to one submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it says.
    pub kind: AnswerKind,
    /// Which message it was, for people and logs: standard, version and number.
    pub message: String,
    /// The answer's own id: the same when it is sent again.
    pub id: String,
    /// A test: it must not have effects.
    pub is_test: bool,
    /// The id of the message it answers, if it says one.
    pub in_reply_to: Option<String>,
    /// The sender's reference of the submission, if it says one.
    pub reference: Option<Personal<String>>,
    /// The file number (*Aktenzeichen*) the procedure gave.
    pub file_number: Option<Personal<String>>,
    /// A status by a code list.
    pub status: Option<Status>,
    /// A day by which something has to be done, `2026-05-01`.
    pub due: Option<String>,
    /// Words for the applicant.
    pub text: Option<Personal<String>>,
    /// Why the message was rejected: rules are the codes of the rejection, as far as they are known.
    pub findings: Findings,
    /// Documents, inside the answer or beside it.
    pub documents: Vec<AnswerDocument>,
}

impl AnswerKind {
    /// All kinds, by their names in our data and settings.
    pub const ALL: [(&'static str, Self); 8] = [
        ("received", Self::Received),
        ("fileNumber", Self::FileNumber),
        ("status", Self::Status),
        ("rejected", Self::Rejected),
        ("notResponsible", Self::NotResponsible),
        ("question", Self::Question),
        ("appointment", Self::Appointment),
        ("result", Self::Result),
    ];

    /// Whether nothing more is expected after it.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Rejected | Self::NotResponsible | Self::Result => true,
            Self::Received
            | Self::FileNumber
            | Self::Status
            | Self::Question
            | Self::Appointment => false,
        }
    }
}

impl Answer {
    /// Everything it says but the content of its documents, always in the same form: what is the same here is the same answer.
    pub fn said(&self) -> Personal<Vec<u8>> {
        let status = self.status.as_ref().map(|status| {
            let Status {
                list_uri,
                list_version,
                code,
                name,
            } = status;
            json!([list_uri, list_version, code, name])
        });
        let reveal =
            |text: &Option<Personal<String>>| text.as_ref().map(|text| text.reveal().clone());
        let documents: Vec<_> = self.documents.iter().map(|one| reveal(&one.name)).collect();
        let said = json!([
            format!("{:?}", self.kind),
            self.message,
            self.id,
            self.is_test,
            self.in_reply_to,
            reveal(&self.reference),
            reveal(&self.file_number),
            status,
            self.due,
            reveal(&self.text),
            self.findings,
            documents,
        ]);
        Personal::new(said.to_string().into_bytes())
    }
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// The message arrived.
    Received,
    /// A file number was given.
    FileNumber,
    /// How far it is.
    Status,
    /// The message was rejected (*Rückweisung*), for the reasons in the findings.
    Rejected,
    /// Another authority is responsible.
    NotResponsible,
    /// Something is asked of the applicant.
    Question,
    /// An appointment.
    Appointment,
    /// The result: a certificate, a decision, or that there is none.
    Result,
}

/// A status by a code list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The list; none if the schema fixes it.
    pub list_uri: Option<String>,
    /// Its version; none if the schema fixes it.
    pub list_version: Option<String>,
    /// The code.
    pub code: String,
    /// Its name, if the answer gives it.
    pub name: Option<String>,
}

/// A document of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerDocument {
    /// What it is, as the procedure named it.
    pub name: Option<Personal<String>>,
    /// Where its bytes are.
    pub content: AnswerContent,
}

/// Where the bytes of a document are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerContent {
    /// In the answer.
    Inside(Personal<Vec<u8>>),
    /// Beside the answer, under this id or file name.
    Beside(Personal<String>),
}
