//! What a procedure answers, read: the way back.

use amtsbote_model::Personal;
use amtsbote_problem::Findings;

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
