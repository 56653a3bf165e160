//! What an agent is made of.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{Algorithm, Mapping, Outbound};
use amtsbote_client::Subscriber;
use amtsbote_jose::PrivateKey;
use amtsbote_model::delivery::{RetryPolicy, Verdict};
use amtsbote_model::{Clock, DestinationId, ServiceId, SubmissionId};
use amtsbote_store::{Blobs, Deliveries, Leases, Order, Rate, WaysBack};
use amtsbote_translate::Lineage;
use amtsbote_validate::service::Catalogue;
use serde_json::Value;

use crate::{CircuitPolicy, Mappings, WayIn};

/// A mapping package in use.
pub struct Activated {
    /// Whose data it takes.
    pub service: ServiceId,
    /// The schema of that data.
    pub schema_uri: String,
    /// The package's name.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// Checksums it asks for that are made for nobody else: MD5, SHA-1.
    pub old_checksums: Vec<Algorithm>,
    /// The compiled package.
    pub mapping: Box<dyn Mapping>,
}

impl Activated {
    /// `name@version`.
    pub fn name(&self) -> String {
        format!("{}@{}", self.package, self.version)
    }
}

/// A destination this agent serves.
pub struct Served {
    /// Which.
    pub id: DestinationId,
    /// Keys that open its submissions; several during a roll-over.
    pub decryption: Vec<PrivateKey>,
    /// Signs its events.
    pub signing: PrivateKey,
    /// Header data of the receiver for templates.
    pub receiver: Value,
    /// Packages, one per service and schema.
    pub mappings: Mappings,
    /// The way into the procedure.
    pub outbound: Arc<dyn Outbound>,
    /// Where the procedure's answers come from; none if nobody looks for them.
    pub way_in: Option<WayIn>,
    /// How many hand-overs at a time, in which order.
    pub pace: Pace,
}

/// How a procedure takes its deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Hand-overs at a time, of all processes together, at least one.
    pub limit: u32,
    /// In which order.
    pub order: Order,
    /// How many may begin within a minute, of all processes together; as many as come if left out.
    pub rate: Option<Rate>,
}

impl Default for Pace {
    /// 16 at a time, longest due first, as fast as they come.
    fn default() -> Self {
        Self {
            limit: 16,
            order: Order::Due,
            rate: None,
        }
    }
}

impl Served {
    pub(crate) const fn way_in(&self) -> Option<&WayIn> {
        self.way_in.as_ref()
    }
}

/// Times and bounds.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Deliveries worked on at a time, at least one; half of them per destination where several are served.
    pub concurrency: usize,
    /// When to try again, when to give up.
    pub retry: RetryPolicy,
    /// How long a list request may wait for news.
    pub wait: Duration,
    /// Pause between looks at a service that answers at once, and between looks at the own state.
    pub pause: Duration,
    /// So long after its last sign of life a worker's deliveries are taken over; see [`Policy::renew`].
    pub lease: Duration,
    /// How often leases are renewed, some times within [`Policy::lease`].
    pub renew: Duration,
    /// A try that takes longer has failed.
    pub try_limit: Duration,
    /// When a side that does not answer is asked rarely.
    pub circuit: CircuitPolicy,
    /// Time for the hand-over alone.
    pub deliver_limit: Duration,
    /// Data and metadata after unpacking, each at most.
    pub content_max_bytes: u64,
    /// Sealed data and metadata that are open at a time, all together, in KiB; one that is larger is open alone.
    pub contents_max_kib: u32,
    /// One attachment after unpacking, at most.
    pub attachment_max_bytes: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            concurrency: 16,
            retry: RetryPolicy {
                first: Duration::from_secs(2),
                longest: Duration::from_mins(15),
                tries_max: 50,
            },
            wait: Duration::from_secs(20),
            pause: Duration::from_secs(2),
            lease: Duration::from_secs(7),
            renew: Duration::from_secs(2),
            try_limit: Duration::from_mins(13),
            circuit: CircuitPolicy::default(),
            deliver_limit: Duration::from_mins(5),
            content_max_bytes: 64_000_000,
            contents_max_kib: 64 * 1024,
            attachment_max_bytes: 2_000_000_000,
        }
    }
}

/// What became of a delivery. Paths and ids only, no content.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Its destination.
    pub destination_id: DestinationId,
    /// Accept or reject.
    pub verdict: Verdict,
    /// The package, `name@version`; none if it was refused before.
    pub package: Option<String>,
    /// Where the procedure finds it; none if it was refused.
    pub place: Option<String>,
    /// Which output came from which input.
    pub lineage: Vec<Lineage>,
    /// Inputs that no output used.
    pub losses: Vec<String>,
}

/// Told of every verdict once it is stored, at most once; not if the process dies just then. A panic in it is caught.
pub type Observer = Arc<dyn Fn(&Outcome) + Send + Sync>;

/// What an agent is made of.
pub struct Parts {
    /// Our access to the FIT-Connect service.
    pub subscriber: Subscriber,
    /// Our own durable state.
    pub deliveries: Arc<dyn Deliveries>,
    /// What answers are matched by, and replies until they are sent.
    pub ways_back: Arc<dyn WaysBack>,
    /// Who listens, takes answers, sends replies and watches, where several processes share the state; none if there is one.
    pub leases: Option<Arc<dyn Leases>>,
    /// Spool for ciphertext of attachments; nobody else uses it.
    pub spool: Arc<dyn Blobs>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// The services whose data we can judge.
    pub services: Arc<Catalogue>,
    /// The destinations served.
    pub destinations: Vec<Served>,
    /// Times and bounds.
    pub policy: Policy,
    /// Who wants to hear of verdicts.
    pub observer: Option<Observer>,
}
