//! What every handler needs: handed in once, cloned cheaply.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amtsbote_jose::{KeySet, PrivateKey, TokenKey};
use amtsbote_model::ids::time_ordered;
use amtsbote_model::{Clock, EventId, Timestamp};
use amtsbote_store::{Blobs, Chain, Store};
use amtsbote_validate::service::Catalogue;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::duty::Duty;
use crate::intake::Budget;
use crate::notify::Noted;
use crate::rates::Rates;
use crate::routes::health::Health;
use crate::routing::{Routing, RoutingSettings};
use crate::uplink::Uplinks;
use crate::{Clients, CryptoPool};

/// Where the gateway is reached, as clients write it. No slash at the end.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Public base, for example `https://amtsbote.example.de`.
    pub base: String,
}

impl Addresses {
    /// From the public base URL; a slash at its end is left out.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Token endpoint.
    pub fn token(&self) -> String {
        format!("{}/token", self.base)
    }

    /// Submission API without version; also the `iss` of the service's events.
    pub fn submission_api(&self) -> String {
        format!("{}/submission-api", self.base)
    }

    /// Destination API without version.
    pub fn destination_api(&self) -> String {
        format!("{}/destination-api", self.base)
    }

    /// Routing API without version.
    pub fn routing_api(&self) -> String {
        format!("{}/routing-api", self.base)
    }

    /// Intake with version.
    pub fn intake(&self) -> String {
        format!("{}/intake/v1", self.base)
    }

    /// The portal that signs routing data; publishes `/.well-known/jwks.json`.
    pub fn portal(&self) -> String {
        format!("{}/portal", self.base)
    }

    /// Prefix of problem types; each resolves to its description.
    pub fn problem_types(&self) -> String {
        format!("{}/problems/", self.base)
    }
}

/// The gateway's own keys.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Signs events and receipts.
    pub signing: PrivateKey,
    /// Published keys of the delivery service: the signing key, and older ones that still verify.
    pub published: KeySet,
    /// Signs routing data as the portal.
    pub portal: PrivateKey,
    /// Published keys of the portal: the signing key, and older ones that still verify.
    pub portal_published: KeySet,
    /// Mints access tokens.
    pub tokens: TokenKey,
}

/// Every bound, each answered with a problem of the catalogue. 1 MB = 1 000 000 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// JSON bodies other than submit and intake.
    pub json_bytes: usize,
    /// Body of a submit: metadata and data together.
    pub submit_bytes: usize,
    /// Body of an intake request, attachments in base64 included.
    pub intake_bytes: usize,
    /// Bodies of all intake requests that are worked on at a time. Each takes about three times its length in memory. At least
    /// one body of the greatest length fits, whatever this says.
    pub intake_total_bytes: usize,
    /// One encrypted attachment (FIT-Connect: 500 MB).
    pub attachment_bytes: u64,
    /// All encrypted attachments of a submission (FIT-Connect: 2 GB).
    pub submission_bytes: u64,
    /// Attachments of a submission (FIT-Connect: 100).
    pub attachments: usize,
    /// Longest wait of a list request with `Prefer: wait`.
    pub wait_max: Duration,
    /// Life of an access token (observed at the federal service: 1800 s).
    pub token_life: Duration,
    /// Silence after which an upload is given up.
    pub upload_idle: Duration,
    /// The longest an upload may take, however steadily it drips: 500 MB at 1.2 Mbit/s.
    pub upload_max: Duration,
    /// Requests with tokens of one client per minute; 0 is no limit.
    pub requests_per_minute: u32,
    /// Tokens for one client per minute; 0 is no limit. Clients exist that ask for nine to send one submission.
    pub tokens_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 1_000_000,
            submit_bytes: 25_000_000,
            intake_bytes: 50_000_000,
            intake_total_bytes: 200_000_000,
            attachment_bytes: 500_000_000,
            submission_bytes: 2_000_000_000,
            attachments: 100,
            wait_max: Duration::from_secs(30),
            token_life: Duration::from_mins(30),
            upload_idle: Duration::from_mins(1),
            upload_max: Duration::from_hours(1),
            requests_per_minute: 60_000,
            tokens_per_minute: 60_000,
        }
    }
}

/// What a gateway is made of.
pub struct Parts {
    /// Where it is reached.
    pub addresses: Addresses,
    /// Its keys.
    pub identity: Identity,
    /// Who may ask for tokens.
    pub clients: Clients,
    /// The services intake knows.
    pub services: Arc<Catalogue>,
    /// What survives.
    pub store: Arc<dyn Store>,
    /// The chain over the event log, where the store has one.
    pub chain: Option<Arc<dyn Chain>>,
    /// Attachments.
    pub blobs: Arc<dyn Blobs>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Where RSA is done.
    pub crypto: CryptoPool,
    /// Bounds.
    pub limits: Limits,
    /// What is asked of the certificates (`x5c`) of subscribers' keys.
    pub certificates: amtsbote_jose::CertificateRule,
}

/// Shared by all handlers.
#[derive(Clone)]
pub struct Context(Arc<Shared>);

struct Shared {
    parts: Parts,
    arrivals: Notify,
    stopping: AtomicBool,
    background: TaskTracker,
    noted: Noted,
    routing: Routing,
    intake_budget: Budget,
    rates: Rates,
    uplinks: Uplinks,
    duty: Duty,
    health: Health,
}

impl Context {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self::with_routing(parts, RoutingSettings::default())
    }

    /// Puts the parts together, with areas and limits of the routing service.
    pub fn with_routing(parts: Parts, routing: RoutingSettings) -> Self {
        Self::with_uplinks(parts, routing, Uplinks::default())
    }

    /// Puts the parts together, with ways to foreign delivery services.
    pub fn with_uplinks(parts: Parts, routing: RoutingSettings, uplinks: Uplinks) -> Self {
        let intake_budget = Budget::new(&parts.limits);
        let rates = Rates::new(&parts.limits);
        Self(Arc::new(Shared {
            intake_budget,
            rates,
            parts,
            arrivals: Notify::new(),
            stopping: AtomicBool::new(false),
            background: TaskTracker::new(),
            noted: Noted::default(),
            routing: Routing::new(routing),
            uplinks,
            duty: Duty::default(),
            health: Health::default(),
        }))
    }

    /// Where the gateway is reached.
    pub fn addresses(&self) -> &Addresses {
        &self.0.parts.addresses
    }

    /// Its keys.
    pub fn identity(&self) -> &Identity {
        &self.0.parts.identity
    }

    /// Who may ask for tokens.
    pub fn clients(&self) -> &Clients {
        &self.0.parts.clients
    }

    /// The services intake knows.
    pub fn services(&self) -> &Catalogue {
        &self.0.parts.services
    }

    /// What survives.
    pub fn store(&self) -> &dyn Store {
        self.0.parts.store.as_ref()
    }

    /// The chain over the event log, where the store has one.
    pub fn chain(&self) -> Option<&dyn Chain> {
        self.0.parts.chain.as_deref()
    }

    /// Attachments.
    pub fn blobs(&self) -> &dyn Blobs {
        self.0.parts.blobs.as_ref()
    }

    /// Where RSA is done.
    pub fn crypto(&self) -> &CryptoPool {
        &self.0.parts.crypto
    }

    /// Bounds.
    pub fn limits(&self) -> &Limits {
        &self.0.parts.limits
    }

    /// What is asked of the certificates of subscribers' keys.
    pub fn certificates(&self) -> &amtsbote_jose::CertificateRule {
        &self.0.parts.certificates
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    /// A new UUID for any kind of id, ordered by time.
    pub fn new_uuid(&self) -> Uuid {
        time_ordered(self.now(), amtsbote_jose::random_bytes())
    }

    /// A new event id.
    pub fn new_event_id(&self) -> EventId {
        EventId::from_uuid(self.new_uuid())
    }

    /// Work that goes on after its answer was sent: close it and wait for it before the process ends. Losing it loses
    /// nothing that was promised.
    pub fn background(&self) -> &TaskTracker {
        &self.0.background
    }

    /// Submissions whose listing is in the log already.
    pub(crate) fn noted(&self) -> &Noted {
        &self.0.noted
    }

    /// The memory that intake bodies may take.
    pub(crate) fn intake_budget(&self) -> &Budget {
        &self.0.intake_budget
    }

    /// The limits of clients.
    pub(crate) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    /// The ways to foreign delivery services.
    pub(crate) fn uplinks(&self) -> &Uplinks {
        &self.0.uplinks
    }

    /// Whether this is the one of several gateways that does what one at a time does.
    pub(crate) fn duty(&self) -> &Duty {
        &self.0.duty
    }

    /// Whether it can do its work.
    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }

    /// The state of the routing service.
    pub(crate) fn routing(&self) -> &Routing {
        &self.0.routing
    }

    /// Says that the process is about to end: lists that wait for arrivals are answered as they are.
    pub fn begin_stopping(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
        self.0.arrivals.notify_waiters();
    }

    /// Whether the process is about to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }

    /// Wakes everybody who waits for submissions. Only saves time: waiters look again by themselves, too.
    pub fn announce_arrival(&self) {
        self.0.arrivals.notify_waiters();
    }

    /// Resolves at the next [`Context::announce_arrival`]. Make it before looking, so that nothing is missed.
    pub fn next_arrival(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.arrivals.notified()
    }
}
