//! Random numbers of a seed: the same ones in the same order, each time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and good enough to shuffle with.
#[derive(Debug)]
pub(super) struct Chance(Mutex<u64>);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        let chance = Self(Mutex::new(seed));
        chance.next();
        chance
    }

    pub(super) fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below `end`.
    pub(super) fn below(&self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of them.
    pub(super) fn pick<T: Copy>(&self, from: &[T]) -> T {
        let at = self.below(u64::try_from(from.len()).unwrap_or(1));
        from[usize::try_from(at).unwrap_or_default()]
    }

    pub(super) fn one_in(&self, number: u64) -> bool {
        self.below(number) == 0
    }

    pub(super) fn millis(&self, below: u64) -> Duration {
        Duration::from_millis(self.below(below))
    }

    pub(super) fn bytes(&self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()
    }
}
