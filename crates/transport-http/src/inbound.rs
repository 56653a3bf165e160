//! A way in by asking: a procedure's list of new answers, or one question for each submission that waits.
//!
//! ```text
//!  list: GET url ─► entries, page by page ─► (GET item) ─► read ─► Return
//!          settle(Kept) ──► DELETE or POST settle.url         dying before it: it is listed and given again
//!          settle(Refused)► <work_path>/refused/<id>          it stays in the list and is not given again
//!  ask:  GET url of a submission ─► 404, 204: not yet; else read ─► Return, unless it is what was settled last
//!          settle(Kept) ──► <work_path>/kept/<submission>     dying before it: it is asked for and given again
//! ```
//!
//! What the procedure says may be personal, its ids too: a return's id is made of hashes.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_adapter::returned::uuids_in;
use amtsbote_adapter::transport::settings_of;
use amtsbote_adapter::{
    Fault, Inbound, OpenCase, OpenCases, Reply, Return, ReturnId, Said, Settled,
};
use amtsbote_jose::sha256_hex;
use amtsbote_model::SubmissionId;
use reqwest::Method;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::access::{Access, Caller};
use crate::answer::{Answer, Meaning};
use crate::fields::{Case, Document, Found, finding, scalar};
use crate::inbound_settings::{Ask, InboundSettings, List, Next, SettleMethod};
use crate::ledger::Ledger;
use crate::outbound::{Http, misconfigured, unavailable, within};
use crate::reading::{self, Filled, Got};
use crate::settings::{Answers, Status};

/// Pages of a list in one look.
const PAGES_MAX: usize = 100;
/// Answers in memory at a time: one look ends after this, and the next one goes on.
const HELD_MAX_BYTES: usize = 64 << 20;
const ACKNOWLEDGED_MAX_BYTES: usize = 1 << 20;
/// Of the time for a look, for what was found already to be handed on.
const SPARE: u32 = 4;

/// The way in from one REST interface.
pub struct HttpInbound {
    settings: InboundSettings,
    caller: Caller,
    ledger: Ledger,
    /// Ids of the list's entries as the procedure knows them, from the last look.
    given: Mutex<BTreeMap<ReturnId, String>>,
    /// The submission that was asked for last.
    asked: Mutex<Option<SubmissionId>>,
}

/// What one look has found, and what was in its way.
#[derive(Default)]
struct Look {
    found: Vec<Return>,
    held_bytes: usize,
    fault: Option<Fault>,
}

impl Look {
    fn is_full(&self, max: usize) -> bool {
        self.found.len() >= max || self.held_bytes >= HELD_MAX_BYTES
    }

    fn add(&mut self, one: Return, bytes: usize) {
        self.held_bytes += bytes;
        self.found.push(one);
    }

    /// What was found counts; what was in the way shows again at the next look.
    fn ended(self) -> Result<Vec<Return>, Fault> {
        match self.fault {
            Some(fault) if self.found.is_empty() => Err(fault),
            Some(_) | None => Ok(self.found),
        }
    }
}

/// One page of a list.
struct Page {
    entries: Vec<(String, Value)>,
    next: Option<Url>,
}

impl HttpInbound {
    /// Checks the settings and reads certificates; relative paths are below `base`. Calls nobody.
    pub fn open(mut settings: toml::Table, base: &Path) -> Result<Self, Fault> {
        let access = Access::taken_from(&mut settings)?;
        let mut settings: InboundSettings = settings_of(&Http, settings)?;
        settings.access = access;
        let settings = settings.below(base);
        settings.check()?;
        Ok(Self {
            caller: Caller::open(&settings.access)?,
            ledger: Ledger::open(&settings.work_path)?,
            settings,
            given: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    fn given(&self) -> MutexGuard<'_, BTreeMap<ReturnId, String>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self, list: &List, max: usize, limit: Duration) -> Result<Vec<Return>, Fault> {
        self.given().clear();
        let refused = self.ledger.refused().await?;
        let enough = tokio::time::sleep(limit / SPARE * (SPARE - 1));
        tokio::pin!(enough);
        let mut look = Look::default();
        let mut waiting = VecDeque::new();
        let (mut next, mut pages) = (Some(list.url.with(&[])?), 0);
        while !look.is_full(max) {
            let Some((id, entry)) = waiting.pop_front() else {
                let Some(url) = next.take().filter(|_| pages < PAGES_MAX) else {
                    break;
                };
                pages += 1;
                match self.page(list, &url).await {
                    Ok(page) => (waiting, next) = (page.entries.into(), page.next),
                    Err(fault) => look.fault = Some(fault),
                }
                continue;
            };
            let name = name_of(&id, &entry);
            if refused.contains(name.as_str()) {
                continue;
            }
            self.given().insert(name.clone(), id.clone());
            let taking = self.entry(list, (name, &id), entry);
            let taken = tokio::select! {
                taken = taking => taken,
                // What is left is found by the next look.
                () = &mut enough => break,
            };
            match taken {
                Ok(Some((one, bytes))) => look.add(one, bytes),
                Ok(None) => {}
                Err(fault @ Fault::Unavailable { .. }) => {
                    look.fault = Some(fault);
                    break;
                }
                // It may be this entry alone.
                Err(fault) => look.fault = look.fault.or(Some(fault)),
            }
        }
        look.ended()
    }

    async fn page(&self, list: &List, url: &Url) -> Result<Page, Fault> {
        let answer = self.caller.get(url, self.body_max()).await?;
        let value = match answer.meaning(&Answers::default()) {
            // Some say so of an empty list.
            Meaning::Accepted if answer.status == 204 => Value::Array(Vec::new()),
            Meaning::Accepted | Meaning::Repeated => value_of(&answer)?,
            Meaning::Busy => return Err(answer.busy()),
            Meaning::Refused | Meaning::Misconfigured => return Err(answer.misconfigured()),
        };
        let entry = |entry: &Value| {
            let id = scalar(list.id.of(entry)?).filter(|id| !id.is_empty())?;
            Some((id, entry.clone()))
        };
        let entries: Option<Vec<_>> = list.items.list(&value).into_iter().map(entry).collect();
        let entries = entries.ok_or_else(|| {
            misconfigured(
                "an entry of the list has no id where list.id says; it could not be settled",
            )
        })?;
        Ok(Page {
            entries,
            next: next_of(list, (&answer, &value), url)?,
        })
    }

    /// Nothing if it has gone meanwhile.
    async fn entry(
        &self,
        list: &List,
        (name, id): (ReturnId, &str),
        entry: Value,
    ) -> Result<Option<(Return, usize)>, Fault> {
        let fields = self.settings.fields.as_ref();
        let (got, base, bytes) = match (&list.item, fields) {
            (Some(item), _) => {
                let url = item.with(&[("id", id)])?;
                let answer = self.caller.get(&url, self.body_max()).await?;
                if matches!(answer.status, 404 | 410) {
                    return Ok(None);
                }
                let (got, bytes) = self.got(&answer, Case::Told)?;
                (got, url, bytes)
            }
            (None, Some(fields)) => {
                let bytes = entry.to_string().len();
                let max = self.settings.answer_max_bytes;
                let read = fields.read(&entry, (Case::Told, 0), max);
                let got = read.map_or_else(Got::Nonsense, |read| Got::Read(Box::new(read)));
                (got, list.url.with(&[])?, bytes)
            }
            (None, None) => return Err(misconfigured("list.item is missing")),
        };
        let facts = match fields {
            Some(_) => Vec::new(),
            // As in the names of files.
            None => uuids_in(id)
                .into_iter()
                .map(|uuid| ("reference", uuid))
                .collect(),
        };
        self.returned((name, facts), (got, base), bytes)
            .await
            .map(Some)
    }

    /// What an answer with content says.
    fn got(&self, answer: &Answer, case: Case) -> Result<(Got, usize), Fault> {
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
    fn body_max(&self) -> usize {
        self.settings.answer_max_bytes / 3 * 4 + ACKNOWLEDGED_MAX_BYTES
    }

    /// The return, with documents fetched.
    async fn returned(
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
    ) -> Result<Result<Vec<Filled>, amtsbote_problem::Finding>, Fault> {
        let mut left = self.settings.answer_max_bytes;
        let mut filled = Vec::new();
        for document in documents {
            let (content, said) = match document.content {
                Found::Here(content) => (content, document.media_type),
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

    async fn ask_round(
        &self,
        ask: &Ask,
        open: &dyn OpenCases,
        (max, limit): (usize, Duration),
    ) -> Result<Vec<Return>, Fault> {
        let refused = self.ledger.refused().await?;
        let enough = tokio::time::sleep(limit / SPARE * (SPARE - 1));
        tokio::pin!(enough);
        let after = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cases = open.open_cases(after, max).await?;
        if cases.len() < max && after.is_some() {
            // Round again; who was asked in this look is not asked twice.
            let first = open.open_cases(None, max - cases.len()).await?;
            let first = first.into_iter();
            cases.extend(first.take_while(|case| after.is_some_and(|at| case.submission_id <= at)));
        }
        let mut look = Look::default();
        for case in cases {
            if look.is_full(max) {
                break;
            }
            let taken = tokio::select! {
                taken = self.ask_for(ask, &case, &refused) => taken,
                () = &mut enough => break,
            };
            // Whatever became of it, the others have their turn before it is asked for again.
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(case.submission_id);
            match taken {
                Ok(Some((one, bytes))) => look.add(one, bytes),
                Ok(None) => {}
                Err(fault @ Fault::Unavailable { .. }) => {
                    look.fault = Some(fault);
                    break;
                }
                Err(fault) => look.fault = look.fault.or(Some(fault)),
            }
        }
        look.ended()
    }

    /// Nothing if there is no answer yet, or the one that was settled last.
    async fn ask_for(
        &self,
        ask: &Ask,
        case: &OpenCase,
        refused: &std::collections::BTreeSet<String>,
    ) -> Result<Option<(Return, usize)>, Fault> {
        let submission = case.submission_id.to_string();
        let url = ask.url.with(&[
            ("submission", &submission),
            ("case", &case.case_id.to_string()),
            ("message", &case.message.to_string()),
        ])?;
        let answer = self.caller.get(&url, self.body_max()).await?;
        if ask.absent.contains(&Status(answer.status)) {
            return Ok(None);
        }
        let (got, bytes) = self.got(&answer, Case::Known)?;
        let hash = sha256_hex(answer.body.as_deref().unwrap_or_default());
        let id = format!("{submission}.{hash}");
        let is_old = self
            .ledger
            .kept(&submission)
            .await?
            .is_some_and(|kept| kept == hash);
        if is_old || refused.contains(&id) {
            return Ok(None);
        }
        let id = ReturnId::try_from(id).map_err(|_| unavailable("an id of ours is too long"))?;
        let facts = vec![("reference", submission)];
        self.returned((id, facts), (got, url), bytes)
            .await
            .map(Some)
    }

    async fn end(&self, id: &ReturnId, outcome: Settled) -> Result<(), Fault> {
        match &self.settings.list {
            Some(list) => self.end_entry(list, id, outcome).await,
            None => self.end_asked(id, outcome).await,
        }
    }

    async fn end_entry(&self, list: &List, id: &ReturnId, outcome: Settled) -> Result<(), Fault> {
        let given = self.given().get(id).cloned();
        let entry = match given {
            Some(entry) => entry,
            // Another process gave it.
            None => match self.listed(list, id).await? {
                Some(entry) => entry,
                None => return Ok(()),
            },
        };
        match outcome {
            Settled::Refused => self.ledger.refuse(id.as_str()).await,
            Settled::Kept => {
                let url = list.settle.url.with(&[("id", &entry)])?;
                let method = match list.settle.method {
                    SettleMethod::Delete => Method::DELETE,
                    SettleMethod::Post => Method::POST,
                    SettleMethod::Put => Method::PUT,
                };
                let answer = self
                    .caller
                    .ask(&method, &url, ACKNOWLEDGED_MAX_BYTES)
                    .await?;
                // Dying here, or an answer that is lost: it is settled once more, and is not there any more.
                if !matches!(answer.status, 404 | 410) {
                    match answer.meaning(&Answers::default()) {
                        Meaning::Accepted | Meaning::Repeated => {}
                        Meaning::Busy => return Err(answer.busy()),
                        Meaning::Refused | Meaning::Misconfigured => {
                            return Err(answer.misconfigured());
                        }
                    }
                }
                self.given().remove(id);
                Ok(())
            }
        }
    }

    async fn listed(&self, list: &List, id: &ReturnId) -> Result<Option<String>, Fault> {
        let mut next = Some(list.url.with(&[])?);
        for _ in 0..PAGES_MAX {
            let Some(url) = next else { break };
            let page = self.page(list, &url).await?;
            let mut entries = page.entries.into_iter();
            if let Some((entry, _)) = entries.find(|(entry, value)| name_of(entry, value) == *id) {
                return Ok(Some(entry));
            }
            next = page.next;
        }
        Ok(None)
    }

    async fn end_asked(&self, id: &ReturnId, outcome: Settled) -> Result<(), Fault> {
        let parts = id.as_str().split_once('.');
        let is_ours = |(id, hash): &(&str, &str)| {
            id.parse::<SubmissionId>().is_ok() && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let Some((submission, hash)) = parts.filter(is_ours) else {
            return Ok(());
        };
        match outcome {
            Settled::Kept => self.ledger.keep(submission, hash).await,
            Settled::Refused => {
                if self
                    .ledger
                    .kept(submission)
                    .await?
                    .is_some_and(|kept| kept == hash)
                {
                    return Ok(());
                }
                self.ledger.refuse(id.as_str()).await
            }
        }
    }

    async fn try_asking(&self) -> Result<(), Fault> {
        if let Some(list) = &self.settings.list {
            return self.page(list, &list.url.with(&[])?).await.map(drop);
        }
        let Some(ask) = &self.settings.ask else {
            return Ok(());
        };
        let nobody = Uuid::nil().to_string();
        let url = ask.url.with(&[
            ("submission", &nobody),
            ("case", &nobody),
            ("message", &nobody),
        ])?;
        let answer = self.caller.get(&url, self.body_max()).await?;
        match answer.meaning(&Answers::default()) {
            _ if ask.absent.contains(&Status(answer.status)) => Ok(()),
            Meaning::Accepted | Meaning::Repeated => Ok(()),
            Meaning::Busy => Err(answer.busy()),
            Meaning::Refused | Meaning::Misconfigured => Err(answer.misconfigured()),
        }
    }
}

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

fn is_same(url: &Url, base: &Url) -> bool {
    url.origin() == base.origin() && url.username().is_empty() && url.password().is_none()
}

/// The same as long as the entry is: what was put right under its old id is a new return.
fn name_of(id: &str, entry: &Value) -> ReturnId {
    let text = format!("{id}\0{entry}");
    let uuid = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).to_string();
    ReturnId::try_from(uuid).expect("a UUID is visible ASCII")
}

fn value_of(answer: &Answer) -> Result<Value, Fault> {
    let content_type = answer.header("content-type").unwrap_or_default();
    let (media_type, _) = crate::multipart::kind(content_type);
    let body = answer.body.as_deref().unwrap_or_default();
    reading::value_of(&media_type, body).ok_or_else(|| {
        misconfigured("the list is neither JSON nor XML, or larger than answer_max_bytes allows")
    })
}

fn next_of(
    list: &List,
    (answer, value): (&Answer, &Value),
    here: &Url,
) -> Result<Option<Url>, Fault> {
    let text = |at: &crate::fields::Pointer| {
        let text = scalar(at.of(value)?);
        text.filter(|text| !text.is_empty())
    };
    let link = match &list.next {
        None => return Ok(None),
        Some(Next::Cursor { at, url }) => {
            return text(at)
                .map(|cursor| url.with(&[("cursor", &cursor)]))
                .transpose();
        }
        Some(Next::Link(at)) => text(at),
        Some(Next::Header(_)) => answer.header("link").and_then(next_link),
    };
    let Some(link) = link else { return Ok(None) };
    let next = here.join(&link).ok().filter(|next| is_same(next, here));
    next.map(Some).ok_or_else(|| {
        misconfigured(
            "the next page of the list is at another host; credentials are not sent there",
        )
    })
}

/// The target of `rel="next"` in a `Link` header (RFC 8288 §3).
fn next_link(header: &str) -> Option<String> {
    header.split('<').skip(1).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let plain = parameter.trim().replace(['"', ' '], "");
            plain.eq_ignore_ascii_case("rel=next")
        });
        is_next.then(|| target.to_owned())
    })
}

impl Inbound for HttpInbound {
    fn poll(&self, max: usize, limit: Duration) -> Reply<'_, Result<Vec<Return>, Fault>> {
        Box::pin(within(limit, async move {
            match &self.settings.list {
                Some(list) => self.look(list, max, limit).await,
                None => Ok(Vec::new()),
            }
        }))
    }

    fn poll_for<'a>(
        &'a self,
        open: &'a dyn OpenCases,
        max: usize,
        limit: Duration,
    ) -> Reply<'a, Result<Vec<Return>, Fault>> {
        let Some(ask) = &self.settings.ask else {
            return self.poll(max, limit);
        };
        Box::pin(within(limit, self.ask_round(ask, open, (max, limit))))
    }

    fn settle<'a>(
        &'a self,
        id: &'a ReturnId,
        outcome: Settled,
        limit: Duration,
    ) -> Reply<'a, Result<(), Fault>> {
        Box::pin(within(limit, self.end(id, outcome)))
    }

    /// Asks for the list, or for a submission that is nobody's. Settles nothing.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, self.try_asking()))
    }
}
