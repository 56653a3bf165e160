//! Stores that forget everything when the process ends: for tests and for trying things out.
//!
//! They pass the same laws as the durable ones, except surviving. Lists read everything there is: not made for millions.

mod blobs;
mod chain;
mod deliveries;
mod desk;
mod leases;
mod reads;
mod relays;
mod state;
mod table;
mod upkeep;
mod ways_back;

use std::sync::{Mutex, MutexGuard, PoisonError};

use amtsbote_model::{
    CaseId, ClientId, Destination, DestinationId, ReplyId, Subject, SubmissionId, Timestamp,
};

pub use blobs::MemoryBlobs;
pub use deliveries::MemoryDeliveries;
pub use leases::MemoryLeases;
pub use relays::MemoryRelays;
pub use state::{State, apply};

use crate::{
    Batch, Case, CaseFilter, Cases, Committed, Content, DestinationFilter, Directory, Error, Event,
    KeyRecord, Leases, Ledger, Listed, LogOf, Mail, Notice, Outbox, Page, Remembered, Reply,
    ReplyFilter, ReplyRecord, ReplyRef, Submission, SubmissionFilter, SubmissionRef,
};

/// The gateway's store, in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    leases: MemoryLeases,
    /// Locked after the state, never before it.
    chain: Mutex<chain::Kept>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn chain(&self) -> MutexGuard<'_, chain::Kept> {
        locked(&self.chain)
    }
}

/// A thread that panicked with the lock leaves nothing half done that matters: `apply` starts by undoing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger for MemoryStore {
    fn commit(&self, batch: Batch) -> Reply<'_, Result<Committed, Error>> {
        Box::pin(async move { Ok(apply(&mut self.state(), batch)) })
    }

    fn submission(&self, id: SubmissionId) -> Reply<'_, Result<Option<Submission>, Error>> {
        Box::pin(async move { Ok(self.state().submission(id)) })
    }

    fn content(&self, of: Subject) -> Reply<'_, Result<Option<Content>, Error>> {
        Box::pin(async move { Ok(self.state().content(of)) })
    }

    fn submissions<'a>(
        &'a self,
        filter: &'a SubmissionFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<SubmissionRef>, Error>> {
        Box::pin(async move { Ok(self.state().submissions(filter, page)) })
    }

    fn events(&self, of: LogOf, page: Page) -> Reply<'_, Result<Listed<Event>, Error>> {
        Box::pin(async move { Ok(self.state().events(of, page)) })
    }

    fn remembered<'a>(
        &'a self,
        client: &'a ClientId,
        key: &'a str,
    ) -> Reply<'a, Result<Option<Remembered>, Error>> {
        Box::pin(async move { Ok(self.state().remembered(client, key)) })
    }

    fn quiet_cases(&self, before: Timestamp, max: u32) -> Reply<'_, Result<Vec<CaseId>, Error>> {
        Box::pin(async move { Ok(self.state().quiet_cases(before, max)) })
    }

    fn last_round(&self) -> Reply<'_, Result<Option<Timestamp>, Error>> {
        Box::pin(async move { Ok(self.state().last_round()) })
    }
}

impl Cases for MemoryStore {
    fn case(&self, id: CaseId) -> Reply<'_, Result<Option<Case>, Error>> {
        Box::pin(async move { Ok(self.state().case(id)) })
    }

    fn cases<'a>(
        &'a self,
        filter: &'a CaseFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Case>, Error>> {
        Box::pin(async move { Ok(self.state().cases(filter, page)) })
    }

    fn reply(&self, id: ReplyId) -> Reply<'_, Result<Option<ReplyRecord>, Error>> {
        Box::pin(async move { Ok(self.state().reply(id)) })
    }

    fn replies<'a>(
        &'a self,
        filter: &'a ReplyFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<ReplyRef>, Error>> {
        Box::pin(async move { Ok(self.state().replies(filter, page)) })
    }
}

impl Directory for MemoryStore {
    fn destination(&self, id: DestinationId) -> Reply<'_, Result<Option<Destination>, Error>> {
        Box::pin(async move { Ok(self.state().destination(id)) })
    }

    fn destinations<'a>(
        &'a self,
        filter: &'a DestinationFilter,
        page: Page,
    ) -> Reply<'a, Result<Listed<Destination>, Error>> {
        Box::pin(async move { Ok(self.state().destinations(filter, page)) })
    }

    fn keys(&self, id: DestinationId) -> Reply<'_, Result<Vec<KeyRecord>, Error>> {
        Box::pin(async move { Ok(self.state().keys(id)) })
    }
}

impl Outbox for MemoryStore {
    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Notice>, Error>> {
        Box::pin(async move { Ok(self.state().due(now, max)) })
    }

    fn due_mails(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<Mail>, Error>> {
        Box::pin(async move { Ok(self.state().due_mails(now, max)) })
    }
}

impl Leases for MemoryStore {
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>> {
        self.leases.hold(name, owner, now, until)
    }

    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>> {
        self.leases.leave(name, owner)
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryBlobs, MemoryDeliveries, MemoryLeases, MemoryRelays, MemoryStore};
    use crate::laws::Plain;

    crate::ledger_laws!(Plain(MemoryStore::new()));
    crate::chain_laws!(Plain(MemoryStore::new()));
    crate::blob_laws!(Plain(MemoryBlobs::new()));
    crate::delivery_laws!(Plain(MemoryDeliveries::new()));
    crate::lease_laws!(Plain(MemoryLeases::new()));
    crate::relay_laws!(Plain(MemoryRelays::new()));
    crate::way_back_laws!(Plain(MemoryDeliveries::new()));
    crate::desk_laws!(Plain(MemoryDeliveries::new()));
}
