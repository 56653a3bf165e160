//! By a list of new answers: page by page, entry by entry, acknowledged one by one.

use std::collections::VecDeque;
use std::time::Duration;

use amtsbote_adapter::returned::uuids_in;
use amtsbote_adapter::{Fault, Return, ReturnId, Settled};
use reqwest::Method;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{ACKNOWLEDGED_MAX_BYTES, HttpInbound, Look, PAGES_MAX, SPARE, is_same};
use crate::answer::{Answer, Meaning};
use crate::fields::{Case, scalar};
use crate::inbound_settings::{List, Next, SettleMethod};
use crate::reading::{self, Got};
use crate::settings::Answers;

/// One page of a list.
pub(super) struct Page {
    entries: Vec<(String, Value)>,
    next: Option<Url>,
}

impl HttpInbound {
    pub(super) async fn look(
        &self,
        list: &List,
        max: usize,
        limit: Duration,
    ) -> Result<Vec<Return>, Fault> {
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

    pub(super) async fn page(&self, list: &List, url: &Url) -> Result<Page, Fault> {
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
            Fault::misconfigured(
                "ein Eintrag der Liste hat dort, wo list.id hinzeigt, keine Kennung; er ließe sich nicht abschließen; list.id berichtigen",
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
            (None, None) => {
                return Err(Fault::misconfigured(
                    "list.item fehlt",
                    "list.item is missing",
                ));
            }
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

    pub(super) async fn end_entry(
        &self,
        list: &List,
        id: &ReturnId,
        outcome: Settled,
    ) -> Result<(), Fault> {
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
        Fault::misconfigured(
            "die Liste ist weder JSON noch XML, oder größer, als answer_max_bytes erlaubt; list.url oder answer_max_bytes berichtigen",
            "the list is neither JSON nor XML, or larger than answer_max_bytes allows",
        )
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
        Fault::misconfigured(
            "die nächste Seite der Liste liegt auf einem anderen Rechner; Zugangsdaten gehen dort nicht hin",
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
