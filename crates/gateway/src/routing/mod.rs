//! What the routing service keeps in memory: its areas, its rate limit, and signatures already made.

mod area;
mod parameters;
mod signature;

use std::sync::{Mutex, MutexGuard, PoisonError};

use amtsbote_model::Timestamp;

use crate::rates::{Allowance, Window};

pub use area::Area;
pub(crate) use area::{ags_of, is_expression};
pub(crate) use parameters::parameters;
pub(crate) use signature::{Signatures, signature};

/// What the routing service is started with.
#[derive(Debug, Clone)]
pub struct RoutingSettings {
    /// The areas that can be searched; routes do not depend on them, but municipality keys (AGS) become exact with them.
    pub areas: Vec<Area>,
    /// Requests per minute to this gateway's routing service, all clients together; 0 is no limit.
    pub requests_per_minute: u32,
}

impl Default for RoutingSettings {
    /// No areas, 6000 requests per minute.
    fn default() -> Self {
        Self {
            areas: Vec::new(),
            requests_per_minute: 6000,
        }
    }
}

/// The state of the routing service.
pub(crate) struct Routing {
    settings: RoutingSettings,
    window: Mutex<Window>,
    signatures: Mutex<Signatures>,
}

impl Routing {
    pub(crate) fn new(settings: RoutingSettings) -> Self {
        Self {
            settings,
            window: Mutex::default(),
            signatures: Mutex::default(),
        }
    }

    pub(crate) fn areas(&self) -> &[Area] {
        &self.settings.areas
    }

    /// Counts one request; `None` if they are not limited.
    pub(crate) fn admit(&self, now: Timestamp) -> Option<Allowance> {
        let limit = self.settings.requests_per_minute;
        (limit > 0).then(|| locked(&self.window).take(now.as_seconds(), limit))
    }

    fn signatures(&self) -> MutexGuard<'_, Signatures> {
        locked(&self.signatures)
    }
}

/// Nothing in here can be left half done by a thread that panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
