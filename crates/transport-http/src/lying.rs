//! Answers that lie as files, in a procedure's own words: any way in whose files are read by [`Fields`].
//!
//! ```text
//!  way in ─► files ─► the first that is XML or JSON is the message, read by `fields` ─► Said::Answer, all other files documents
//!                      └ none is: the files as they are, as without `fields`
//! ```
//!
//! It must never hold more than [`HELD_MAX_BYTES`] of answers and then one more, nor take a message for whole whose documents are missing.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{
    Fault, Inbound, OpenCases, ParcelFile, Refusal, Reply, Return, ReturnId, Said, Settled,
};
use amtsbote_problem::{Bilingual, Findings};
use bytes::Bytes;

use crate::fields::{Case, Fields, Found, Read, finding};
use crate::reading::{Filled, finished};
use crate::tree;

/// One answer with its documents, at most; a larger one is left to whoever polls.
const ANSWER_MAX_BYTES: usize = 48 << 20;
/// Answers of one look.
const HELD_MAX_BYTES: usize = 64 << 20;

const UNREADABLE: (&str, &str) = (
    "die Nachricht ist weder wohlgeformtes XML noch JSON, oder ihre Kodierung ist unbekannt",
    "the message is neither well-formed XML nor JSON, or its encoding is unknown",
);
const MISSING: (&str, &str) = (
    "das Dokument, das hier genannt ist, liegt nicht bei der Nachricht",
    "the document that is named here does not lie with the message",
);

/// A way in of files, read by what the settings say of their members.
pub struct FieldsInbound {
    inner: Arc<dyn Inbound>,
    fields: Fields,
}

impl FieldsInbound {
    /// `fields` is the table of the settings. Findings of one key alone are in the error of its type.
    pub fn open(inner: Arc<dyn Inbound>, fields: toml::Value) -> Result<Self, Fault> {
        let fields: Fields = fields.try_into().map_err(|error: toml::de::Error| {
            let german = amtsbote_problem::toml::german(error.message());
            Fault::misconfigured(
                format!("inbound.fields: {german}"),
                format!("inbound.fields: {}", error.message()),
            )
        })?;
        let mut faults = fields.faults();
        if fields.has_links() {
            faults.push(Bilingual::new(
                "fields.documents.link gehört zu http; hier stehen Dokumente in der Nachricht (content) oder liegen daneben (file)",
                "fields.documents.link belongs to http; here documents are in the message (content) or beside it (file)",
            ));
        }
        Fault::check(&faults)?;
        Ok(Self { inner, fields })
    }

    async fn read(&self, found: Vec<Return>) -> Result<Vec<Return>, Fault> {
        let (mut read, mut held) = (Vec::new(), 0);
        for one in found {
            if held > HELD_MAX_BYTES {
                break;
            }
            match self.understood(one).await {
                Ok((one, bytes)) => {
                    held += bytes;
                    read.push(one);
                }
                // What was read is given; the rest comes with the next look.
                Err(_) if !read.is_empty() => break,
                Err(fault) => return Err(fault),
            }
        }
        Ok(read)
    }

    /// The answer as far as it is understood, and how much of it is held.
    async fn understood(&self, mut one: Return) -> Result<(Return, usize), Fault> {
        if one.said != Said::Unread {
            return Ok((one, 0));
        }
        let Some(mut files) = contents(&one.files).await? else {
            return Ok((one, 0));
        };
        let Some(at) = files.iter().position(|(_, bytes)| is_message(bytes)) else {
            return Ok((one, 0));
        };
        let held = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let (_, message) = files.remove(at);
        let is_known = one.facts.iter().any(|(name, _)| *name == "reference");
        let case = if is_known { Case::Known } else { Case::Told };
        let (said, files) = match self.of(&message, &files, case) {
            Err(findings) => (Said::Nonsense(findings), one.files),
            Ok(mut answer) => {
                "file".clone_into(&mut answer.answer.message);
                one.facts.append(&mut answer.facts);
                one.facts.sort();
                one.facts.dedup();
                let inside = std::mem::take(&mut answer.documents);
                let inside = inside.into_iter().filter_map(Filled::here);
                let beside = files
                    .into_iter()
                    .map(|(name, bytes)| Filled::new(Some(name), None, bytes));
                finished(answer, beside.chain(inside).collect())
            }
        };
        Ok((Return { said, files, ..one }, held))
    }

    fn of(&self, message: &[u8], files: &[(String, Bytes)], case: Case) -> Result<Read, Findings> {
        let value =
            tree::of_bytes(message).ok_or_else(|| vec![finding("", "unreadable", UNREADABLE)])?;
        let read = self
            .fields
            .read(&value, (case, files.len()), ANSWER_MAX_BYTES)?;
        let has = |named: &str| files.iter().any(|(name, _)| name == last_of(named));
        let missing: Findings = read
            .documents
            .iter()
            .filter_map(|document| match &document.content {
                Found::Beside(name, at) if !has(name) => Some(finding(at, "missing", MISSING)),
                Found::Beside(..) | Found::Here(_) | Found::Link(..) => None,
            })
            .collect();
        if missing.is_empty() {
            Ok(read)
        } else {
            Err(missing)
        }
    }
}

/// Names and contents; none if they are larger than an answer may be, or something is no file: whoever polls tells.
async fn contents(files: &[ParcelFile]) -> Result<Option<Vec<(String, Bytes)>>, Fault> {
    let (mut contents, mut left) = (Vec::new(), ANSWER_MAX_BYTES);
    for file in files {
        let (mut reader, mut bytes) = (file.read(), Vec::new());
        loop {
            match reader.next().await {
                Ok(None) => break,
                Ok(Some(piece)) if piece.len() > left => return Ok(None),
                Ok(Some(piece)) => {
                    left -= piece.len();
                    bytes.extend_from_slice(&piece);
                }
                Err(fault @ Fault::Unavailable { .. }) => return Err(fault),
                Err(Fault::Misconfigured { .. } | Fault::Rejected { .. }) => return Ok(None),
            }
        }
        contents.push((last_of(file.path.as_str()).to_owned(), Bytes::from(bytes)));
    }
    Ok(Some(contents))
}

/// Procedures write whole paths, of Windows too.
fn last_of(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default().trim()
}

fn is_message(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    matches!(text.trim_ascii_start().first(), Some(b'<' | b'{' | b'['))
}

impl Inbound for FieldsInbound {
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        Box::pin(async move { self.read(self.inner.poll(max, limit).await?).await })
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        self.inner.settle(id, outcome, limit)
    }

    fn poll_for<'a>(
        &'a self,
        open: &'a dyn OpenCases,
        max: usize,
        limit: Duration,
    ) -> Reply<'a, Result<Vec<Return>, Fault>> {
        Box::pin(async move {
            self.read(self.inner.poll_for(open, max, limit).await?)
                .await
        })
    }

    fn without_message(&self) -> usize {
        self.inner.without_message()
    }

    fn refuse<'a>(
        &'a self,
        id: &'a ReturnId,
        why: Refusal,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        self.inner.refuse(id, why, limit)
    }

    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        self.inner.probe(limit)
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::{AnswerKind, Piece};
    use amtsbote_model::Personal;

    use super::*;

    const ID: &str = "5b5f7a0e-1111-4111-8111-0123456789ab";
    const FIELDS: &str = r#"
        submission = "/Rueck/Antrag"
        file_number = "/Rueck/@az"
        kind = "/Rueck/@art"
        kinds = { JA = "result", OFFEN = "status" }
        text = "/Rueck/Text"
        documents = { at = "/Rueck/Dok", file = "/@datei", content = "/Inhalt", name = "/@titel" }
    "#;

    /// A folder with one answer.
    struct Folder(Return);

    impl Inbound for Folder {
        fn poll(&self, _: usize, _: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
            Box::pin(std::future::ready(Ok(vec![self.0.clone()])))
        }

        fn settle<'a>(
            &'a self,
            _: &'a ReturnId,
            _: Settled,
            _: Duration,
        ) -> Reply<'a, Result<(), Fault>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    async fn read(files: &[(&str, &[u8])]) -> Return {
        let file = |(name, bytes): &(&str, &[u8])| ParcelFile {
            path: name.parse().unwrap(),
            media_type: String::new(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::copy_from_slice(bytes)))],
        };
        let returned = Return {
            id: ReturnId::try_from("1".to_owned()).unwrap(),
            facts: Vec::new(),
            said: Said::Unread,
            files: files.iter().map(file).collect(),
        };
        let fields = FIELDS.parse::<toml::Table>().unwrap().into();
        let inbound = FieldsInbound::open(Arc::new(Folder(returned)), fields).unwrap();
        let limit = Duration::from_secs(1);
        inbound.poll(1, limit).await.unwrap().remove(0)
    }

    fn message(art: &str, rest: &str) -> Vec<u8> {
        let text = format!(
            "<?xml version='1.0' encoding='ISO-8859-1'?><r:Rueck xmlns:r='urn:r' az='17/26' art='{art}'>\
             <r:Antrag>{ID}</r:Antrag><r:Text>Gr\u{fc}\u{df}e</r:Text>{rest}</r:Rueck>"
        );
        text.chars().map(|c| u8::try_from(c).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_message_is_read_and_what_lies_beside_it_goes_along() {
        let message = message(
            "JA",
            "<r:Dok datei='C:\\aus\\b.pdf'/><r:Dok titel='Karte'><r:Inhalt>eA==</r:Inhalt></r:Dok>",
        );
        let read = read(&[("a.txt", b"x"), ("b.pdf", b"%PDF-1"), ("m.xml", &message)]).await;
        let Said::Answer(answer) = &read.said else {
            panic!("{:?}", read.said)
        };
        assert_eq!(answer.kind, AnswerKind::Result);
        assert_eq!(answer.file_number.as_ref().unwrap().reveal(), "17/26");
        assert_eq!(answer.text.as_ref().unwrap().reveal(), "Grüße");
        assert_eq!(read.facts, [("reference", ID.to_owned())]);
        let files = read.files.iter();
        let files: Vec<_> = files
            .map(|file| (file.path.as_str(), file.media_type.as_str()))
            .collect();
        let expected = [
            ("a.txt", "text/plain"),
            ("b.pdf", "application/pdf"),
            ("Karte", "application/octet-stream"),
        ];
        assert_eq!(files, expected);
    }

    #[tokio::test]
    async fn the_same_words_with_another_document_are_another_answer() {
        let message = message("JA", "");
        let mut ids = Vec::new();
        for content in [&b"%PDF-1"[..], b"%PDF-2", b"%PDF-1"] {
            let read = read(&[("m.xml", &message), ("b.pdf", content)]).await;
            let Said::Answer(answer) = read.said else {
                panic!("read")
            };
            ids.push(answer.id);
        }
        assert!(ids[0] == ids[2] && ids[0] != ids[1]);
    }

    #[tokio::test]
    async fn what_is_missing_or_unknown_is_a_finding_and_documents_alone_stay_as_they_are() {
        for (art, rest, rule) in [
            ("JA", "<r:Dok datei='fehlt.pdf'/>", "missing"),
            ("VIELLEICHT", "", "unknown-kind"),
        ] {
            let read = read(&[("m.xml", &message(art, rest)), ("b.pdf", b"%PDF-1")]).await;
            let Said::Nonsense(findings) = read.said else {
                panic!("{rule}")
            };
            assert_eq!(findings[0].rule, rule);
        }
        let broken = read(&[("m.xml", b"<a>")]).await;
        assert!(matches!(broken.said, Said::Nonsense(_)));
        let alone = read(&[("b.pdf", b"%PDF-1")]).await;
        assert_eq!((alone.said, alone.files.len()), (Said::Unread, 1));
    }

    #[test]
    fn links_are_of_another_way_in() {
        let open = |text: &str| {
            let nobody = Return {
                id: ReturnId::try_from("1".to_owned()).unwrap(),
                facts: Vec::new(),
                said: Said::Unread,
                files: Vec::new(),
            };
            let fields = text.parse::<toml::Table>().unwrap().into();
            FieldsInbound::open(Arc::new(Folder(nobody)), fields).is_ok()
        };
        assert!(open("documents = { at = \"/d\", file = \"/f\" }"));
        assert!(!open("documents = { at = \"/d\", link = \"/f\" }"));
        assert!(!open("documents = { at = \"/d\" }"));
        assert!(!open("document = \"/d\""));
    }
}
