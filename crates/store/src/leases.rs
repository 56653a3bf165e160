//! Named leases: what several processes over one store must not do at the same time.
//!
//! A lease saves double work and is not needed for correctness: a process that lost its lease without noticing does nothing
//! that the store would not take from it anyway.

use amtsbote_model::Timestamp;

use crate::{Error, Reply};

/// Leases by name.
pub trait Leases: Send + Sync {
    /// Takes or prolongs a lease until `until`. Whether it is `owner`'s now: it is if it was free, had ended by `now`, or was
    /// `owner`'s already.
    fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Reply<'a, Result<bool, Error>>;

    /// Gives a lease back. One that is somebody else's stays.
    fn leave<'a>(&'a self, name: &'a str, owner: &'a str) -> Reply<'a, Result<(), Error>>;
}
