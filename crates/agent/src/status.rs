//! What goes back to the online service: the status of a case as data, the third receipt, documents. Pure but for keys and random
//! ids.
//!
//! The form of the data is `docs/spec/case-status-1.0.0.schema.json`.

use amtsbote_adapter::{Answer, AnswerKind};
use amtsbote_client::{NotSealed, ReplyAttachment, ReplyContent};
use amtsbote_jose::{KeyUse, PrivateKey, PublicKey, X5c, sign};
use amtsbote_model::{AttachmentId, EventId, Personal, SubmissionSchema, Timestamp};
use amtsbote_store::WayBack;
use serde_json::{Map, Value, json};

/// The schema of the data in our replies.
pub const CASE_STATUS_SCHEMA: &str =
    "https://schema.amtsbote.example/case-status/1.0.0/schema.json";
const RECEIPT_TYP: &str = "amtsbote-receipt+jwt";

/// A file that goes along.
pub(crate) struct Enclosed {
    pub(crate) media_type: String,
    pub(crate) name: Option<Personal<String>>,
    pub(crate) content: Personal<Vec<u8>>,
}

/// Where a reply goes: from the submission's metadata.
pub(crate) struct Channel {
    pub(crate) key: PublicKey,
    pub(crate) standards: Vec<String>,
}

/// The channel as kept from delivery on.
pub(crate) fn channel_text(key: &Value, standards: &[String]) -> String {
    json!({ "key": key, "standards": standards }).to_string()
}

impl Channel {
    pub(crate) fn read(text: &str) -> Result<Self, NotSealed> {
        let value: Value = serde_json::from_str(text).map_err(|_| NotSealed::Key)?;
        let key = PublicKey::from_json(&value["key"], KeyUse::Encryption, X5c::Optional);
        let standards = value["standards"].as_array().into_iter().flatten();
        Ok(Self {
            key: key.map_err(|_| NotSealed::Key)?,
            standards: standards
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Whether the online service said that it reads our status.
    pub(crate) fn knows_status(&self) -> bool {
        self.standards.iter().any(|uri| uri == CASE_STATUS_SCHEMA)
    }
}

/// The kind in data and logs, and how people call it.
pub(crate) const fn kind(kind: AnswerKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        AnswerKind::Received => ("received", "eingegangen", "received"),
        AnswerKind::FileNumber => (
            "fileNumber",
            "Aktenzeichen vergeben",
            "file number assigned",
        ),
        AnswerKind::Status => ("status", "Bearbeitungsstand", "status"),
        AnswerKind::Rejected => ("rejected", "zurückgewiesen", "rejected"),
        AnswerKind::NotResponsible => ("notResponsible", "nicht zuständig", "not responsible"),
        AnswerKind::Question => ("question", "Rückfrage", "question"),
        AnswerKind::Appointment => ("appointment", "Termin", "appointment"),
        AnswerKind::Result => ("result", "Ergebnis", "result"),
    }
}

/// Whether the procedure took the case on: it was neither rejected nor sent elsewhere.
const fn takes_on(kind: AnswerKind) -> bool {
    match kind {
        AnswerKind::Received
        | AnswerKind::FileNumber
        | AnswerKind::Status
        | AnswerKind::Question
        | AnswerKind::Appointment
        | AnswerKind::Result => true,
        AnswerKind::Rejected | AnswerKind::NotResponsible => false,
    }
}

/// What the case gets told.
pub(crate) struct Told<'a> {
    pub(crate) way: &'a WayBack,
    pub(crate) answer: &'a Answer,
    pub(crate) at: Timestamp,
    pub(crate) signing: &'a PrivateKey,
}

impl Told<'_> {
    /// The reply: status, receipt and documents.
    pub(crate) fn content(&self, enclosed: Vec<Enclosed>) -> Result<ReplyContent, NotSealed> {
        let data = serde_json::to_vec(&self.data()?).map_err(|_| NotSealed::Seal)?;
        let attachment = |enclosed: Enclosed| ReplyAttachment {
            id: AttachmentId::from_uuid(random_uuid()),
            mime_type: enclosed.media_type,
            filename: enclosed.name,
            content: enclosed.content,
        };
        Ok(ReplyContent {
            data: Personal::new(data),
            schema: SubmissionSchema {
                schema_uri: CASE_STATUS_SCHEMA.to_owned(),
                mime_type: "application/json".to_owned(),
            },
            attachments: enclosed.into_iter().map(attachment).collect(),
        })
    }

    fn data(&self) -> Result<Value, NotSealed> {
        let answer = self.answer;
        let (name, de, en) = kind(answer.kind);
        let mut data = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                data.insert(name.to_owned(), value);
            }
        };
        put("$schema", json!(CASE_STATUS_SCHEMA));
        put("submissionId", json!(self.way.submission_id));
        put("caseId", json!(self.way.case_id));
        put("kind", json!(name));
        put("label", json!({ "de": de, "en": en }));
        put("at", json!(self.at.to_rfc3339()));
        put("message", json!(answer.message));
        put("messageId", json!(answer.id));
        put("test", json!(answer.is_test));
        put(
            "fileNumber",
            json!(answer.file_number.as_ref().map(Personal::reveal)),
        );
        put("due", json!(answer.due));
        put("text", json!(answer.text.as_ref().map(Personal::reveal)));
        if let Some(status) = &answer.status {
            let members = [
                ("listUri", status.list_uri.as_deref()),
                ("listVersion", status.list_version.as_deref()),
                ("code", Some(status.code.as_str())),
                ("name", status.name.as_deref()),
            ];
            let given = members.into_iter();
            let given = given.filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
            put("status", Value::Object(given.collect()));
        }
        if !answer.findings.is_empty() {
            let finding = |finding: &amtsbote_problem::Finding| json!({ "rule": finding.rule, "de": finding.detail.de, "en": finding.detail.en });
            let findings: Vec<Value> = answer.findings.iter().map(finding).collect();
            put("reasons", json!(findings));
        }
        if takes_on(answer.kind) {
            put("receipt", json!(self.receipt()?));
        }
        Ok(Value::Object(data))
    }

    /// The third receipt, *taken on*: the procedure has the case, under this file number.
    fn receipt(&self) -> Result<String, NotSealed> {
        let mut claims = json!({
            "iss": self.way.destination_id,
            "iat": self.at.as_seconds(),
            "jti": EventId::from_uuid(random_uuid()),
            "sub": self.way.submission_id.prefixed(),
            "txn": self.way.case_id.prefixed(),
            "level": "takenOn",
            "destinationId": self.way.destination_id,
            "takenOnAt": self.at.to_rfc3339(),
            "message": self.answer.message,
            "messageId": self.answer.id,
        });
        if let Some(number) = &self.answer.file_number {
            claims["fileNumber"] = json!(number.reveal());
        }
        sign(claims.to_string().as_bytes(), self.signing, RECEIPT_TYP).map_err(|_| NotSealed::Seal)
    }
}

/// Version 4 (RFC 9562 §5.4).
fn random_uuid() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(amtsbote_jose::random_bytes()).into_uuid()
}
