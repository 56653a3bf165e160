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

mod ask;
mod content;
mod list;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_adapter::transport::settings_of;
use amtsbote_adapter::{Fault, Inbound, OpenCases, Reply, Return, ReturnId, Settled};
use amtsbote_model::SubmissionId;
use url::Url;
use uuid::Uuid;

use crate::access::{Access, Caller};
use crate::answer::Meaning;
use crate::inbound_settings::InboundSettings;
use crate::ledger::Ledger;
use crate::outbound::{Http, within};
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

    async fn end(&self, id: &ReturnId, outcome: Settled) -> Result<(), Fault> {
        match &self.settings.list {
            Some(list) => self.end_entry(list, id, outcome).await,
            None => self.end_asked(id, outcome).await,
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

fn is_same(url: &Url, base: &Url) -> bool {
    url.origin() == base.origin() && url.username().is_empty() && url.password().is_none()
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
