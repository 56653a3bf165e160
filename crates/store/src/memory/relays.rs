//! Relays in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use amtsbote_model::relay::Relay;
use amtsbote_model::{SubmissionId, Timestamp};

use super::locked;
use crate::relays::{NewRelay, RelayRow, Relays};
use crate::{Error, Reply, Swapped};

/// The uplink's relays, in memory.
#[derive(Debug, Default)]
pub struct MemoryRelays {
    rows: Mutex<BTreeMap<SubmissionId, RelayRow>>,
}

impl MemoryRelays {
    /// No relays.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Relays for MemoryRelays {
    fn begin(&self, new: NewRelay) -> Reply<'_, Result<(), Error>> {
        Box::pin(async move {
            let row = RelayRow {
                submission_id: new.submission_id,
                uplink: new.uplink,
                relay: Relay::due(new.at),
                log: Vec::new(),
                revision: 1,
            };
            locked(&self.rows).entry(row.submission_id).or_insert(row);
            Ok(())
        })
    }

    fn due(&self, now: Timestamp, max: u32) -> Reply<'_, Result<Vec<RelayRow>, Error>> {
        Box::pin(async move {
            let rows = locked(&self.rows);
            let due = rows.values().filter_map(|row| {
                let at = row.relay.due_at().filter(|at| *at <= now)?;
                Some((at, row))
            });
            let mut due: Vec<_> = due.collect();
            due.sort_by_key(|(at, row)| (*at, row.submission_id));
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            Ok(due
                .into_iter()
                .take(max)
                .map(|(_, row)| row.clone())
                .collect())
        })
    }

    fn swap(&self, row: RelayRow) -> Reply<'_, Result<Swapped, Error>> {
        Box::pin(async move {
            let mut rows = locked(&self.rows);
            let stored = rows.get_mut(&row.submission_id);
            Ok(
                match stored.filter(|stored| stored.revision == row.revision) {
                    Some(stored) => {
                        stored.revision += 1;
                        stored.relay = row.relay;
                        stored.log = row.log;
                        Swapped::Done
                    }
                    None => Swapped::Stale,
                },
            )
        })
    }

    fn relay(&self, submission_id: SubmissionId) -> Reply<'_, Result<Option<RelayRow>, Error>> {
        Box::pin(async move { Ok(locked(&self.rows).get(&submission_id).cloned()) })
    }
}
