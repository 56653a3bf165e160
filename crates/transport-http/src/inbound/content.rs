//! What an answer says, with the documents it names.

use amtsbote_adapter::{Fault, Return, ReturnId, Said};
use amtsbote_problem::Finding;
use url::Url;

use super::{ACKNOWLEDGED_MAX_BYTES, HttpInbound, is_same};
use crate::answer::{Answer, Meaning};
use crate::fields::{Case, Document, Found, finding};
use crate::reading::{self, Filled, Got};
use crate::settings::Answers;

const ELSEWHERE: (&str, &str) = (
    "der Verweis führt zu einem anderen Rechner; dorthin werden Zugangsdaten nicht gesendet",
    "the link leads to another host; credentials are not sent there",
);

const NOT_GIVEN: (&str, &str) = (
    "das Dokument ist unter diesem Verweis nicht zu bekommen",
    "the document is not given under this link",
);

const TOO_LARGE: (&str, &str) = (
    "die Dokumente sind zusammen größer, als answer_max_bytes erlaubt",
    "the documents are larger together than answer_max_bytes allows",
);

impl HttpInbound {
    /// What an answer with content says.
    pub(super) fn got(&self, answer: &Answer, case: Case) -> Result<(Got, usize), Fault> {
        match answer.meaning(&Answers::default()) {
            Meaning::Accepted | Meaning::Repeated => {}
            Meaning::Busy => return Err(answer.busy()),
            Meaning::Refused | Meaning::Misconfigured => return Err(answer.misconfigured()),
        }
        let Some(body) = &answer.body else {
            let what = (
                "die Antwort ist größer, als answer_max_bytes erlaubt, oder brach ab",
                "the answer is larger than answer_max_bytes allows, or broke off",
            );
            return Ok((Got::Nonsense(vec![finding("", "too-large", what)]), 0));
        };
        let content_type = answer.header("content-type").unwrap_or_default();
        let max = self.settings.answer_max_bytes;
        let fields = self.settings.fields.as_ref();
        let got = reading::of_body(fields, (content_type, body), case, max);
        Ok((got, body.len()))
    }

    /// Base64 is a third longer.
    pub(super) fn body_max(&self) -> usize {
        self.settings.answer_max_bytes / 3 * 4 + ACKNOWLEDGED_MAX_BYTES
    }

    /// The return, with documents fetched.
    pub(super) async fn returned(
        &self,
        (id, mut facts): (ReturnId, Vec<(&'static str, String)>),
        (got, base): (Got, Url),
        mut bytes: usize,
    ) -> Result<(Return, usize), Fault> {
        let (said, files) = match got {
            Got::Files(files, more) => {
                facts.extend(more);
                (Said::Unread, files)
            }
            Got::Nonsense(findings) => (Said::Nonsense(findings), Vec::new()),
            Got::Read(mut read) => {
                facts.append(&mut read.facts);
                let documents = std::mem::take(&mut read.documents);
                match self.fetched(documents, &base).await? {
                    Ok(documents) => {
                        bytes += documents.iter().map(|one| one.content.len()).sum::<usize>();
                        reading::finished(*read, documents)
                    }
                    Err(finding) => (Said::Nonsense(vec![finding]), Vec::new()),
                }
            }
        };
        facts.sort();
        facts.dedup();
        let one = Return {
            id,
            facts,
            said,
            files,
        };
        Ok((one, bytes))
    }

    /// Documents with their bytes: links are followed with the same credentials, so to the same origin only.
    async fn fetched(
        &self,
        documents: Vec<Document>,
        base: &Url,
    ) -> Result<Result<Vec<Filled>, Finding>, Fault> {
        let mut left = self.settings.answer_max_bytes;
        let mut filled = Vec::new();
        for document in documents {
            let (content, said) = match document.content {
                Found::Here(content) => (content, document.media_type),
                // The settings of this way refuse it.
                Found::Beside(..) => continue,
                Found::Link(link, at) => {
                    let Some(url) = base.join(&link).ok().filter(|url| is_same(url, base)) else {
                        return Ok(Err(finding(&at, "link", ELSEWHERE)));
                    };
                    let answer = self.caller.get(&url, left).await?;
                    match answer.meaning(&Answers::default()) {
                        Meaning::Accepted | Meaning::Repeated => {}
                        Meaning::Busy => return Err(answer.busy()),
                        Meaning::Refused | Meaning::Misconfigured => {
                            return Ok(Err(finding(&at, "link", NOT_GIVEN)));
                        }
                    }
                    let kind = answer.header("content-type").unwrap_or_default();
                    let kind = crate::multipart::kind(kind).0;
                    let kind = Some(kind).filter(|kind| crate::fields::is_media_type(kind));
                    match answer.body {
                        Some(content) => (content, document.media_type.or(kind)),
                        None => return Ok(Err(finding(&at, "too-large", TOO_LARGE))),
                    }
                }
            };
            let Some(rest) = left.checked_sub(content.len()) else {
                return Ok(Err(finding("", "too-large", TOO_LARGE)));
            };
            left = rest;
            filled.push(Filled::new(document.name, said.as_deref(), content));
        }
        Ok(Ok(filled))
    }
}
