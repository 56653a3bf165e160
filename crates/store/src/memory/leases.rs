//! Leases in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use amtsbote_model::Timestamp;

use super::locked;
use crate::leases::Leases;
use crate::{Error, Reply};

#[derive(Debug)]
struct Lease {
    owner: String,
    until: Timestamp,
}

/// Leases of one process: all that is needed where no second one can open the store.
#[derive(Debug, Default)]
pub struct MemoryLeases(Mutex<BTreeMap<String, Lease>>);

impl MemoryLeases {
    /// Nothing is held.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Leases for MemoryLeases {
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>> {
        Box::pin(async move {
            let mut leases = locked(&self.0);
            let is_free = leases
                .get(name)
                .is_none_or(|lease| lease.owner == owner || lease.until <= now);
            if is_free {
                let owner = owner.to_owned();
                leases.insert(name.to_owned(), Lease { owner, until });
            }
            Ok(is_free)
        })
    }

    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut leases = locked(&self.0);
            if leases.get(name).is_some_and(|lease| lease.owner == owner) {
                leases.remove(name);
            }
            Ok(())
        })
    }
}
