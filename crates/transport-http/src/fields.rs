//! Answers that are no message of a standard: which member says what. Pure.
//!
//! Places are JSON pointers (RFC 6901), also into XML ([`crate::tree`]). A finding names the place and the rule, never the value.

use std::collections::BTreeMap;

use amtsbote_adapter::returned::media_type as by_name;
use amtsbote_adapter::{Answer, AnswerKind, Status};
use amtsbote_model::Personal;
use amtsbote_problem::{Bilingual, Finding, Findings};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

const NAME_MAX_CHARS: usize = 200;
const TEXT_MAX_CHARS: usize = 10_000;
const CODE_MAX_BYTES: usize = 40;
const DOCUMENTS_MAX: usize = 100;

/// Where an answer says what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    /// The answer's own id: the same when it is given again.
    pub id: Option<Pointer>,
    /// The submission's id, which is also the parcel's.
    pub submission: Option<Pointer>,
    /// The sender's reference.
    pub reference: Option<Pointer>,
    /// The id of the message that it answers.
    pub in_reply_to: Option<Pointer>,
    /// The file number (*Aktenzeichen*).
    pub file_number: Option<Pointer>,
    /// What kind of answer it is, in the procedure's words.
    pub kind: Option<Pointer>,
    /// The procedure's words, and what they mean: `received`, `fileNumber`, `status`, `rejected`, `notResponsible`, `question`,
    /// `appointment`, `result`.
    pub kinds: BTreeMap<String, Kind>,
    /// A code of a status: letters, digits, `.`, `_`, `-`.
    pub status: Option<Pointer>,
    /// The list that the code is of.
    pub status_list: Option<String>,
    /// The status in words.
    pub status_name: Option<Pointer>,
    /// Words for the applicant.
    pub text: Option<Pointer>,
    /// Reasons, one or a list; they follow the text.
    pub reason: Option<Pointer>,
    /// A day by which something has to be done.
    pub due: Option<Pointer>,
    /// Whether it is a test.
    pub test: Option<Pointer>,
    /// Documents.
    pub documents: Option<Documents>,
}

/// Where an answer has its documents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// One or a list of them. The other places are inside of each.
    pub at: Pointer,
    /// Its bytes in base64.
    pub content: Option<Pointer>,
    /// Its address at the same host.
    pub link: Option<Pointer>,
    /// The name of its file beside the message, where answers lie as files.
    pub file: Option<Pointer>,
    /// Its name.
    pub name: Option<Pointer>,
    /// Its media type.
    pub media_type: Option<Pointer>,
}

/// A kind of answer by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Kind(pub(crate) AnswerKind);

/// There is no such kind of answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a kind of answer: write received, fileNumber, status, rejected, notResponsible, question, appointment or result"
)]
pub struct UnknownKind;

impl TryFrom<String> for Kind {
    type Error = UnknownKind;

    fn try_from(text: String) -> Result<Self, UnknownKind> {
        let known = AnswerKind::ALL.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, kind)| Self(kind)).ok_or(UnknownKind)
    }
}

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

/// The text is no JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON pointer: empty, or each member behind a slash, as in /vorgang/aktenzeichen")]
pub struct MalformedPointer;

impl TryFrom<String> for Pointer {
    type Error = MalformedPointer;

    fn try_from(text: String) -> Result<Self, MalformedPointer> {
        if text.is_empty() || text.starts_with('/') {
            Ok(Self(text))
        } else {
            Err(MalformedPointer)
        }
    }
}

impl Pointer {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.pointer(&self.0).filter(|found| !found.is_null())
    }

    /// What stands there, one or several: XML cannot tell one from a list of one.
    pub(crate) fn list<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self.of(value) {
            Some(Value::Array(list)) => list.iter().collect(),
            // An empty element is a list without entries.
            Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }
}

/// How the case of an answer is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// It was asked for.
    Known,
    /// The answer has to name it.
    Told,
}

/// A document, here or elsewhere.
pub(crate) struct Document {
    pub(crate) name: Option<String>,
    pub(crate) media_type: Option<String>,
    pub(crate) content: Found,
}

/// Where a document's bytes are.
pub(crate) enum Found {
    Here(Bytes),
    /// A link as it stands there, and the place for findings.
    Link(String, String),
    /// The name of a file beside the message, and the place for findings.
    Beside(String, String),
}

/// What was read, before documents are fetched.
pub(crate) struct Read {
    pub(crate) answer: Answer,
    /// Facts for matching.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) documents: Vec<Document>,
    /// Whether the procedure itself gave the answer's id.
    pub(crate) has_id: bool,
}

impl Fields {
    /// What one key alone cannot tell.
    pub(crate) fn faults(&self) -> Vec<Bilingual> {
        let mut faults = Vec::new();
        if self.kind.is_some() == self.kinds.is_empty() {
            faults.push(Bilingual::new(
                "fields.kind und fields.kinds gehören zusammen",
                "fields.kind and fields.kinds belong together",
            ));
        }
        if let Some(documents) = &self.documents
            && documents.content.is_none()
            && documents.link.is_none()
            && documents.file.is_none()
        {
            faults.push(Bilingual::new(
                "fields.documents braucht content, link oder file",
                "fields.documents needs content, link or file",
            ));
        }
        faults
    }

    /// Whether documents may be links.
    pub(crate) fn has_links(&self) -> bool {
        let documents = self.documents.as_ref();
        documents.is_some_and(|documents| documents.link.is_some())
    }

    /// Whether documents may be files beside the message.
    pub(crate) fn has_files(&self) -> bool {
        let documents = self.documents.as_ref();
        documents.is_some_and(|documents| documents.file.is_some())
    }

    /// Whether an answer names its submission itself.
    pub(crate) fn names_case(&self) -> bool {
        [
            &self.submission,
            &self.reference,
            &self.in_reply_to,
            &self.file_number,
        ]
        .into_iter()
        .any(Option::is_some)
    }

    /// Reads one answer; everything that is wrong at once. `beside` says how many documents came beside it.
    pub(crate) fn read(
        &self,
        value: &Value,
        (case, beside): (Case, usize),
        max_bytes: usize,
    ) -> Result<Read, Findings> {
        let mut reader = Reader {
            value,
            findings: Vec::new(),
        };
        let submission = reader.text(self.submission.as_ref(), is_short);
        let uuid = submission.as_deref().map(Uuid::try_parse);
        if matches!(uuid, Some(Err(_))) {
            reader.complain(self.submission.as_ref(), "uuid", UUID);
        }
        let documents = reader.documents(self.documents.as_ref(), max_bytes);
        let id = reader.text(self.id.as_ref(), is_short);
        let status = reader.text(self.status.as_ref(), is_code);
        let mut answer = Answer {
            kind: AnswerKind::Status,
            message: "HTTP".to_owned(),
            id: id.clone().unwrap_or_default(),
            is_test: reader.flag(self.test.as_ref()),
            in_reply_to: reader.text(self.in_reply_to.as_ref(), is_short),
            reference: reader
                .text(self.reference.as_ref(), is_short)
                .map(Personal::new),
            file_number: reader
                .text(self.file_number.as_ref(), is_short)
                .map(Personal::new),
            status: None,
            due: reader.text(self.due.as_ref(), is_day),
            text: reader.words(self).map(Personal::new),
            findings: Findings::new(),
            documents: Vec::new(),
        };
        let name = reader.text(self.status_name.as_ref(), is_short);
        answer.status = status.map(|code| Status {
            list_uri: self.status_list.clone(),
            list_version: None,
            code,
            name,
        });
        answer.kind = reader.kind(self, &answer, beside + documents.len());
        let names_case = answer.reference.is_some()
            || answer.in_reply_to.is_some()
            || answer.file_number.is_some();
        if case == Case::Told && !names_case && submission.is_none() {
            reader.complain(None, "no-reference", NO_REFERENCE);
        }
        if !reader.findings.is_empty() {
            return Err(reader.findings);
        }
        let uuid = uuid.and_then(Result::ok);
        let fact = uuid.map(|uuid| ("reference", uuid.as_hyphenated().to_string()));
        Ok(Read {
            answer,
            facts: fact.into_iter().collect(),
            documents,
            has_id: id.is_some(),
        })
    }
}

const UUID: (&str, &str) = ("das ist keine UUID", "this is not a UUID");
const WRONG: (&str, &str) = (
    "hier steht kein Text, er ist zu lang, oder er hat nicht die Form, die hier gilt",
    "there is no text here, it is too long, or it does not have the form that holds here",
);
const NO_REFERENCE: (&str, &str) = (
    "die Antwort nennt keine Einreichung: weder Kennung noch Bezug, Nachricht oder Aktenzeichen",
    "the answer names no submission: neither id nor reference, message or file number",
);
const UNKNOWN_KIND: (&str, &str) = (
    "diese Art von Antwort steht nicht in den Einstellungen (fields.kinds)",
    "this kind of answer is not in the settings (fields.kinds)",
);
const NOTHING: (&str, &str) = (
    "die Antwort sagt nichts: weder Art noch Stand, Aktenzeichen, Text oder Dokument",
    "the answer says nothing: neither kind nor status, file number, text or document",
);
const BASE64: (&str, &str) = ("das ist kein Base64", "this is not base64");
const TOO_LARGE: (&str, &str) = (
    "die Dokumente sind zusammen zu groß oder zu viele",
    "the documents are too large together, or too many",
);
const NO_CONTENT: (&str, &str) = (
    "das Dokument hat weder Inhalt noch Adresse noch Datei",
    "the document has neither content nor link nor file",
);

/// Padded or not: what is meant is plain either way.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

struct Reader<'v> {
    value: &'v Value,
    findings: Findings,
}

impl Reader<'_> {
    fn complain(&mut self, at: Option<&Pointer>, rule: &str, what: (&str, &str)) {
        let at = at.map_or("", Pointer::as_str);
        self.findings.push(finding(at, rule, what));
    }

    fn text(&mut self, at: Option<&Pointer>, fits: fn(&str) -> bool) -> Option<String> {
        let found = at?.of(self.value)?;
        match scalar(found) {
            Some(text) if text.is_empty() => None,
            Some(text) if fits(&text) => Some(text),
            Some(_) | None => {
                self.complain(at, "form", WRONG);
                None
            }
        }
    }

    fn flag(&mut self, at: Option<&Pointer>) -> bool {
        let text = self.text(at, |text| matches!(text, "true" | "false" | "1" | "0"));
        text.is_some_and(|text| matches!(text.as_str(), "true" | "1"))
    }

    fn words(&mut self, fields: &Fields) -> Option<String> {
        let mut words: Vec<String> = self
            .text(fields.text.as_ref(), is_text)
            .into_iter()
            .collect();
        let reasons = fields.reason.as_ref().map(|at| at.list(self.value));
        for reason in reasons.into_iter().flatten() {
            match scalar(reason).filter(|text| is_text(text)) {
                Some(text) if text.is_empty() => {}
                Some(text) => words.push(text),
                None => self.complain(fields.reason.as_ref(), "form", WRONG),
            }
        }
        let words = words.join("\n\n");
        (!words.is_empty()).then_some(words)
    }

    fn kind(&mut self, fields: &Fields, answer: &Answer, documents: usize) -> AnswerKind {
        if let Some(word) = self.text(fields.kind.as_ref(), is_short) {
            if let Some(kind) = fields.kinds.get(&word) {
                return kind.0;
            }
            self.complain(fields.kind.as_ref(), "unknown-kind", UNKNOWN_KIND);
            return AnswerKind::Status;
        }
        if documents > 0 {
            AnswerKind::Result
        } else if answer.status.is_some() || answer.text.is_some() || answer.due.is_some() {
            AnswerKind::Status
        } else if answer.file_number.is_some() {
            AnswerKind::FileNumber
        } else {
            // What is wrong elsewhere may be what it says.
            if self.findings.is_empty() {
                self.complain(None, "says-nothing", NOTHING);
            }
            AnswerKind::Status
        }
    }

    fn documents(&mut self, places: Option<&Documents>, max_bytes: usize) -> Vec<Document> {
        let Some(places) = places else {
            return Vec::new();
        };
        let mut left = max_bytes;
        let mut documents = Vec::new();
        let listed = places.at.list(self.value);
        if listed.len() > DOCUMENTS_MAX {
            self.complain(Some(&places.at), "too-large", TOO_LARGE);
            return documents;
        }
        for (nr, entry) in listed.into_iter().enumerate() {
            let at = |inner: &Pointer| format!("{}/{nr}{}", places.at.as_str(), inner.as_str());
            let text = |place: Option<&Pointer>| scalar(place?.of(entry)?);
            let inside = places.content.as_ref().zip(text(places.content.as_ref()));
            let link = places.link.as_ref().zip(text(places.link.as_ref()));
            let file = places.file.as_ref().zip(text(places.file.as_ref()));
            let content = match (inside, link, file) {
                (Some((place, text)), _, _) if !text.is_empty() => {
                    // XML breaks long lines.
                    let plain: String = text.split_ascii_whitespace().collect();
                    let Ok(bytes) = LENIENT.decode(plain) else {
                        self.findings.push(finding(&at(place), "base64", BASE64));
                        continue;
                    };
                    if bytes.len() > left {
                        self.findings
                            .push(finding(&at(place), "too-large", TOO_LARGE));
                        break;
                    }
                    left -= bytes.len();
                    Found::Here(Bytes::from(bytes))
                }
                (_, Some((place, text)), _) if !text.is_empty() => Found::Link(text, at(place)),
                (_, _, Some((place, text))) if !text.is_empty() => Found::Beside(text, at(place)),
                _ => {
                    let place = format!("{}/{nr}", places.at.as_str());
                    self.findings.push(finding(&place, "required", NO_CONTENT));
                    continue;
                }
            };
            documents.push(Document {
                name: text(places.name.as_ref()).filter(|name| is_short(name)),
                media_type: text(places.media_type.as_ref()).filter(|kind| is_media_type(kind)),
                content,
            });
        }
        documents
    }
}

pub(crate) fn finding(at: &str, rule: &str, (de, en): (&str, &str)) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en))
}

/// The text of a value, trimmed; of an element with attributes its own text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Object(members) => match members.get("#text") {
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(_) | None => None,
        },
        Value::Null | Value::Array(_) => None,
    }
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= NAME_MAX_CHARS && !text.chars().any(char::is_control)
}

fn is_text(text: &str) -> bool {
    let is_bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    text.chars().count() <= TEXT_MAX_CHARS && !text.chars().any(is_bad)
}

/// Codes go into logs: what could be a name is none.
fn is_code(text: &str) -> bool {
    text.len() <= CODE_MAX_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_day(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok()
}

/// Two words with a slash between them; parameters are left out before.
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_word = |word: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !word.is_empty() && word.bytes().all(fits)
    };
    text.len() <= 120
        && text
            .split_once('/')
            .is_some_and(|(kind, rest)| is_word(kind) && is_word(rest))
}

/// What a document is: as it was said, by its first bytes, or by its name.
pub(crate) fn media_type_of(said: Option<&str>, name: &str, content: &[u8]) -> String {
    let said = said.filter(|said| *said != "application/octet-stream");
    match said {
        Some(said) => said.to_owned(),
        None if content.starts_with(b"%PDF-") => "application/pdf".to_owned(),
        None => by_name(name).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "5b5f7a0e-1111-4111-8111-0123456789ab";

    fn fields() -> Fields {
        let text = r#"
            id = "/nr"
            submission = "/antrag/id"
            file_number = "/az"
            kind = "/art"
            kinds = { bewilligt = "result", zurueck = "rejected" }
            status = "/stand/code"
            status_name = "/stand/name"
            text = "/text"
            reason = "/grund"
            due = "/frist"
            documents = { at = "/dok", content = "/inhalt", link = "/url", name = "/name", media_type = "/typ" }
        "#;
        toml::from_str(text).unwrap()
    }

    fn read(value: &Value) -> Result<Read, Vec<(String, String)>> {
        let read = fields().read(value, (Case::Told, 0), 10);
        read.map_err(|findings| findings.into_iter().map(|f| (f.at, f.rule)).collect())
    }

    #[test]
    fn each_member_says_what_the_settings_say() {
        let value = json!({
            "nr": 17, "antrag": { "id": ID.to_uppercase() }, "az": " 63-7 ", "art": "bewilligt",
            "stand": { "code": "B.1", "name": "bewilligt mit Auflagen" },
            "text": "Guten Tag", "grund": ["eins", "zwei"], "frist": "2026-12-24",
            "dok": [{ "inhalt": "JVBE\nRi0", "name": "Bescheid.pdf" }, { "url": "/d/2", "typ": "image/png" }],
        });
        let read = read(&value).ok().unwrap();
        let answer = &read.answer;
        assert_eq!(
            (answer.kind, answer.id.as_str(), read.has_id),
            (AnswerKind::Result, "17", true)
        );
        assert_eq!(answer.file_number.as_ref().unwrap().reveal(), "63-7");
        assert_eq!(
            answer.text.as_ref().unwrap().reveal(),
            "Guten Tag\n\neins\n\nzwei"
        );
        assert_eq!(answer.due.as_deref(), Some("2026-12-24"));
        assert_eq!(answer.status.as_ref().unwrap().code, "B.1");
        assert_eq!(read.facts, [("reference", ID.to_owned())]);
        assert!(matches!(&read.documents[0].content, Found::Here(bytes) if **bytes == *b"%PDF-"));
        assert!(
            matches!(&read.documents[1].content, Found::Link(url, at) if url == "/d/2" && at == "/dok/1/url")
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_and_no_value() {
        let value = json!({
            "antrag": { "id": "Erika" }, "az": ["x"], "art": "Erika", "stand": { "code": "Erika Mustermann" },
            "grund": { "a": 1 }, "frist": "morgen",
            "dok": [{ "inhalt": "??" }, {}, { "inhalt": "MDEyMzQ1Njc4OTAxMjM=" }],
        });
        let findings = read(&value).err().unwrap();
        let told: Vec<(&str, &str)> = findings.iter().map(|(at, rule)| (&**at, &**rule)).collect();
        assert_eq!(
            told,
            [
                ("/antrag/id", "uuid"),
                ("/dok/0/inhalt", "base64"),
                ("/dok/1", "required"),
                ("/dok/2/inhalt", "too-large"),
                ("/stand/code", "form"),
                ("/az", "form"),
                ("/frist", "form"),
                ("/grund", "form"),
                ("/art", "unknown-kind"),
            ]
        );
        assert!(!format!("{findings:?}").contains("Erika"));
    }

    #[test]
    fn without_a_word_on_its_kind_an_answer_is_what_it_holds() {
        let kind = |more: Value| {
            let mut value = json!({ "antrag": { "id": ID } });
            value
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            read(&value).map(|read| read.answer.kind)
        };
        assert_eq!(kind(json!({ "az": "1" })), Ok(AnswerKind::FileNumber));
        assert_eq!(
            kind(json!({ "az": "1", "text": "x" })),
            Ok(AnswerKind::Status)
        );
        assert_eq!(
            kind(json!({ "dok": { "inhalt": "eA==" } })),
            Ok(AnswerKind::Result)
        );
        let nothing = kind(json!({ "az": "", "art": null })).unwrap_err();
        assert_eq!(nothing, [(String::new(), "says-nothing".to_owned())]);
    }

    #[test]
    fn an_answer_names_its_case_unless_that_is_known() {
        let value = json!({ "text": "x" });
        assert_eq!(
            read(&value).err().unwrap(),
            [(String::new(), "no-reference".to_owned())]
        );
        assert!(fields().read(&value, (Case::Known, 0), 10).is_ok());
    }
}
