//! The seam between the shells and what survives a power cut: records, the traits over them, their laws,
//! and an in-memory store that passes the same laws.
//!
//! ```text
//!  gateway ──► Ledger (submissions, events, idempotency)        ─┐
//!          ──► Cases (cases, replies)                            │
//!          ──► Directory (destinations, keys)                    ├─ one `Batch` = one transaction
//!          ──► Outbox (callbacks and mails that are due)        ─┘
//!          ──► Blobs (attachments: ciphertext streams)
//!          ──► Chain (blocks over the event log)
//!          ──► Leases (what one process at a time may do)
//!          ──► Relays (one row per submission on its way through an uplink)
//!  agent   ──► Deliveries (one row per submission on its way)  + Blobs (ciphertext spool)
//!          ──► WaysBack (what answers are matched by; replies until they are sent)
//!  operator ─► Desk (what is open at the agent; changes by hand, each with its note)
//! ```
//!
//! What is promised at this seam: when `commit` answers [`Committed::Done`], the whole batch survives `kill -9` and a
//! power cut; when it answers anything else, nothing of the batch is there. Content is ciphertext only.
//! Never put here: HTTP, keys, plaintext, time-keeping.
//!
//! Start reading at [`Batch`] in `batch.rs`.

pub mod batch;
pub mod blob_sum;
pub mod blobs;
pub mod chain;
pub mod deliveries;
pub mod desk;
#[cfg(any(test, feature = "laws"))]
pub mod laws;
pub mod leases;
pub mod memory;
pub mod pace;
pub mod records;
pub mod relays;
pub mod shelf;
pub mod stuck;
pub mod transfer;
pub mod upkeep;
pub mod ways_back;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use batch::{Batch, Change, Committed, Conflict};
pub use blobs::{BlobId, BlobReader, BlobWriter, Blobs, KeptBlob};
pub use chain::Chain;
pub use deliveries::{
    Candidates, Claim, Claimed, Deliveries, DeliveryRow, NewDelivery, Order, Share, Sharing,
    Swapped, Tally,
};
pub use desk::{Desk, Intervention};
pub use leases::Leases;
pub use memory::{MemoryBlobs, MemoryDeliveries, MemoryLeases, MemoryRelays, MemoryStore};
pub use pace::Rate;
pub use records::{
    Attachment, Case, CaseFilter, Content, DestinationFilter, Event, KeyRecord, Listed, LogOf,
    Mail, MailId, Notice, NoticeId, Page, Remembered, ReplyFilter, ReplyRecord, ReplyRef,
    Submission, SubmissionFilter, SubmissionRef,
};
pub use relays::{NewRelay, RelayRow, Relays};
pub use shelf::{References, Shelf, sweep};
pub use upkeep::Upkeep;
pub use ways_back::{
    AnswerMove, AnswerRow, AnswerState, CLOSED, Failing, NewAnswer, WayBack, WaysBack,
};

use amtsbote_model::{
    CaseId, ClientId, Destination, DestinationId, ReplyId, Subject, SubmissionId, Timestamp,
};

/// A boxed, sendable future: the price of swapping stores at run time, paid at this seam only.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why the store could not answer. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The disk, the database or its process cannot be used now.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What failed; never content.
        reason: String,
        /// When to ask again, if that is known.
        retry_after: Option<Duration>,
    },
    /// What is stored cannot be read back: broken or written by a newer version.
    #[error("a stored record of kind {kind} cannot be read: {reason}")]
    Unreadable {
        /// Which kind of record.
        kind: &'static str,
        /// Why; never content.
        reason: String,
    },
}

/// Submissions, sealed parts, the event log, and remembered answers.
pub trait Ledger: Send + Sync {
    /// Applies all changes in one transaction, or none. Durable before it answers.
    fn commit(&self, batch: Batch) -> Reply<'_, Result<Committed, Error>>;

    /// A submission with its attachments; `None` if it never was.
    fn submission(&self, id: SubmissionId) -> Reply<'_, Result<Option<Submission>, Error>>;

    /// The sealed metadata and data; `None` before submit and after deletion.
    fn content(&self, of: Subject) -> Reply<'_, Result<Option<Content>, Error>>;

    /// Submissions that match, oldest submitted (if not yet: announced) first; stale ones longest in their state first.
    fn submissions<'a>(
        &'a self,
        filter: &'a SubmissionFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<SubmissionRef>, Error>>;

    /// The event log of a case, or of one submission or reply, in the order of writing.
    fn events(&self, of: LogOf, page: Page) -> Reply<'_, Result<Listed<Event>, Error>>;

    /// The answer given before to this client under this `Idempotency-Key`.
    fn remembered<'a>(
        &'a self,
        client: &'a ClientId,
        key: &'a str,
    ) -> Reply<'a, Result<Option<Remembered>, Error>>;

    /// Cases of which everything is deleted and whose last event (without any: their opening) is older than `before`, quietest
    /// first, at most `max`.
    fn quiet_cases(&self, before: Timestamp, max: u32) -> Reply<'_, Result<Vec<CaseId>, Error>>;

    /// When the deadlines were last looked at, as noted by [`Upkeep::Round`].
    fn last_round(&self) -> Reply<'_, Result<Option<Timestamp>, Error>>;
}

/// Cases, and the replies in them. Written through [`Ledger::commit`].
pub trait Cases: Send + Sync {
    /// A case; `None` if it never was.
    fn case(&self, id: CaseId) -> Reply<'_, Result<Option<Case>, Error>>;

    /// Cases that match, each once, oldest first.
    fn cases<'a>(
        &'a self,
        filter: &'a CaseFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Case>, Error>>;

    /// A reply with its attachments; `None` if it never was.
    fn reply(&self, id: ReplyId) -> Reply<'_, Result<Option<ReplyRecord>, Error>>;

    /// Replies that match, in the order of [`Ledger::submissions`].
    fn replies<'a>(
        &'a self,
        filter: &'a ReplyFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<ReplyRef>, Error>>;
}

/// Destinations and their public keys. Written through [`Ledger::commit`].
pub trait Directory: Send + Sync {
    /// A destination; `None` if it never was.
    fn destination(&self, id: DestinationId) -> Reply<'_, Result<Option<Destination>, Error>>;

    /// Destinations that match, oldest first.
    fn destinations<'a>(
        &'a self,
        filter: &'a DestinationFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Destination>, Error>>;

    /// All public keys of a destination, newest first.
    fn keys(&self, id: DestinationId) -> Reply<'_, Result<Vec<KeyRecord>, Error>>;
}

/// Callbacks and mails waiting to be sent. Written and settled through [`Ledger::commit`].
pub trait Outbox: Send + Sync {
    /// Notices due at `now`, oldest first, at most `max`.
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Notice>, Error>>;

    /// Mails due at `now`, oldest first, at most `max`.
    fn due_mails(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Mail>, Error>>;
}

/// Everything the gateway needs.
pub trait Store: Ledger + Cases + Directory + Outbox + Leases {}

impl<T: Ledger + Cases + Directory + Outbox + Leases> Store for T {}
