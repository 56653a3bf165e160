//! How much content is open at a time. Opened and translated, a content takes several times its sealed length, so large ones wait for each
//! other; small ones do not.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1024;

/// Counts KiB of sealed content.
pub(crate) struct Memory {
    room: Arc<Semaphore>,
    max_kib: u32,
}

impl Memory {
    pub(crate) fn of(max_kib: u32) -> Self {
        let max_kib = max_kib.max(1);
        let permits = usize::try_from(max_kib).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(permits)),
            max_kib,
        }
    }

    /// Waits for room, in the order of asking. What is larger than all there is gets all.
    pub(crate) async fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let kib = kib.clamp(1, self.max_kib);
        // Never closed.
        self.room.clone().acquire_many_owned(kib).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn small_contents_are_open_together_and_a_large_one_alone() {
        let memory = Memory::of(64);
        let now = |bytes| memory.room_for(bytes).now_or_never().flatten();
        let small: Vec<_> = (0..4).map(|_| now(16 * KIB)).collect();
        assert!(small.iter().all(Option::is_some));
        assert!(now(0).is_none());
        drop(small);
        let large = now(usize::MAX);
        assert!(large.is_some());
        assert!(now(1).is_none());
        drop(large);
        assert!(now(1).is_some());
    }
}
