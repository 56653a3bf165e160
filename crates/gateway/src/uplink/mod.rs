//! The uplink: intake's way to destinations of a foreign delivery service, the federal one included.
//!
//! ```text
//!  intake ─► find (static route, foreign routing service, or a named destination) ─► mirror: destination and key, for a while
//!         └► seal, accept: the submission is durable here ─► 2xx
//!  worker ─► relay: announce ─► upload ─► submit ─► watch the foreign log ─► tell: our own log, the sender's callback
//! ```
//!
//! Of a foreign destination our directory holds a shadow: it offers nothing and belongs to nobody who can get a token, so only the
//! intake leads there. What the foreign side says is kept as its own signed events and shown as such; nothing is signed in its name.
//! Each step is written down before the next ([`amtsbote_model::relay`]); what was submitted is looked up before it is repeated.
//!
//! Start reading at `find.rs`, then `relay.rs`.

mod find;
mod missed;
mod relay;
mod show;
mod tell;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amtsbote_client::{Router, Sender};
use amtsbote_model::{ClientId, DestinationId, Region, ServiceId, SubmissionId, Timestamp};
use amtsbote_store::{RelayRow, Relays};

pub(crate) use find::{Mirror, shade};
pub(crate) use show::{problems, show};
pub use worker::{UplinkPolicy, UplinkWorker};

/// Begins the name of who owns shadows; no client may be called so.
pub const OWNER_PREFIX: &str = "uplink:";
/// Destinations and routes remembered per uplink; beyond that the memory starts anew.
const REMEMBERED_MAX: usize = 10_000;

/// A route of the settings.
#[derive(Debug, Clone)]
pub struct StaticRoute {
    /// The service.
    pub service: ServiceId,
    /// Where.
    pub regions: Vec<Region>,
    /// The foreign destination.
    pub destination: DestinationId,
}

/// How long what a foreign service says of a destination is taken for true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Without asking again.
    pub fresh: Duration,
    /// While the service cannot be asked.
    pub stale: Duration,
    /// That it knows nothing of it.
    pub unknown: Duration,
}

impl Default for Freshness {
    /// 10 minutes, 1 hour, 1 minute.
    fn default() -> Self {
        Self {
            fresh: Duration::from_mins(10),
            stale: Duration::from_hours(1),
            unknown: Duration::from_mins(1),
        }
    }
}

/// One foreign delivery service and our access to it as a sender.
pub struct Uplink {
    name: String,
    owner: ClientId,
    sender: Sender,
    routes: Vec<StaticRoute>,
    router: Option<Router>,
    freshness: Freshness,
    memory: Mutex<Memory>,
}

/// What was asked lately.
#[derive(Default)]
struct Memory {
    mirrors: HashMap<DestinationId, (Timestamp, Option<Arc<Mirror>>)>,
    routes: HashMap<(ServiceId, String), (Timestamp, Vec<DestinationId>)>,
}

/// The name is not fit for an uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an uplink's name: expected 1 to 64 of a-z, 0-9 and -")]
pub struct MalformedName;

impl Uplink {
    /// An uplink without routes; makes no call yet.
    pub fn new(name: &str, sender: Sender) -> Result<Self, MalformedName> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
            return Err(MalformedName);
        }
        Ok(Self {
            name: name.to_owned(),
            owner: owner_of(name).ok_or(MalformedName)?,
            sender,
            routes: Vec::new(),
            router: None,
            freshness: Freshness::default(),
            memory: Mutex::new(Memory::default()),
        })
    }

    /// With routes of the settings.
    #[must_use]
    pub fn routes(mut self, routes: Vec<StaticRoute>) -> Self {
        self.routes = routes;
        self
    }

    /// With the foreign routing service.
    #[must_use]
    pub fn router(mut self, router: Option<Router>) -> Self {
        self.router = router;
        self
    }

    /// Trusting what was said for other spans.
    #[must_use]
    pub const fn freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner_of(name: &str) -> Option<ClientId> {
    format!("{OWNER_PREFIX}{name}").parse().ok()
}

/// All uplinks of a gateway, and what is known of the submissions that go through them.
#[derive(Clone, Default)]
pub struct Uplinks(Option<Arc<Inner>>);

struct Inner {
    list: Vec<Uplink>,
    relays: Arc<dyn Relays>,
}

impl Uplinks {
    /// With these.
    pub fn new(list: Vec<Uplink>, relays: Arc<dyn Relays>) -> Self {
        Self(Some(Arc::new(Inner { list, relays })))
    }

    fn list(&self) -> &[Uplink] {
        self.0.as_ref().map_or(&[], |inner| &inner.list)
    }

    fn named_so(&self, name: &str) -> Option<&Uplink> {
        self.list().iter().find(|uplink| uplink.name == name)
    }

    /// Whether `owner` stands for one of the uplinks.
    pub(crate) fn owns(&self, owner: &ClientId) -> bool {
        self.list().iter().any(|uplink| uplink.owner == *owner)
    }

    /// What is known of a submission that goes through an uplink.
    pub(crate) async fn relay(
        &self,
        id: SubmissionId,
    ) -> Result<Option<RelayRow>, amtsbote_store::Error> {
        match &self.0 {
            Some(inner) => inner.relays.relay(id).await,
            None => Ok(None),
        }
    }
}

/// Whether `owner` stands for an uplink, of these settings or of earlier ones.
pub(crate) fn is_shadow_owner(owner: &ClientId) -> bool {
    owner.as_str().starts_with(OWNER_PREFIX)
}
