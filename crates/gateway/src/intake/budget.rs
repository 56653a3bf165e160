//! The memory that intake bodies may take together: what does not fit is told to come later, before it is read.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_problem::{Code, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Limits;
use crate::answer::Refused;

/// Bytes are counted in steps of this size, so that a semaphore's 32-bit count is enough.
const STEP_BYTES: usize = 4096;
/// What a refused sender is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Counts the bytes of bodies that are worked on.
pub(crate) struct Budget {
    steps: Arc<Semaphore>,
    body_max: usize,
}

/// Room for one body; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    steps: OwnedSemaphorePermit,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let total = limits.intake_total_bytes.max(limits.intake_bytes);
        Self {
            steps: Arc::new(Semaphore::new(steps_of(total).min(Semaphore::MAX_PERMITS))),
            body_max: limits.intake_bytes,
        }
    }

    /// Room for a body of `announced` bytes, or for the largest if nothing is announced; 503 if it is taken by others.
    pub(crate) fn take(&self, announced: Option<usize>) -> Result<Room, Refused> {
        let bytes = announced.unwrap_or(self.body_max).min(self.body_max);
        let wanted = u32::try_from(steps_of(bytes)).unwrap_or(u32::MAX);
        let steps = self.steps.clone().try_acquire_many_owned(wanted);
        let steps = steps.map_err(|_| Problem::new(Code::Overloaded).retry_after(RETRY_AFTER))?;
        Ok(Room { steps })
    }
}

impl Room {
    /// Keeps what a body of `bytes` needs and gives back the rest.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let spare = self.steps.num_permits().saturating_sub(steps_of(bytes));
        drop(self.steps.split(spare));
    }
}

const fn steps_of(bytes: usize) -> usize {
    bytes / STEP_BYTES + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(total: usize) -> Budget {
        Budget::new(&Limits {
            intake_bytes: 100_000,
            intake_total_bytes: total,
            ..Limits::default()
        })
    }

    #[test]
    fn bodies_that_do_not_fit_together_are_told_to_come_later() {
        let budget = budget(250_000);
        let first = budget.take(Some(100_000)).unwrap();
        let _second = budget.take(None).unwrap();
        let refused = budget.take(Some(100_000)).unwrap_err();
        assert_eq!(refused.problem().code, Code::Overloaded);
        assert_eq!(refused.problem().retry_after, Some(RETRY_AFTER));
        assert!(budget.take(Some(1_000)).is_ok());
        drop(first);
        assert!(budget.take(Some(100_000)).is_ok());
    }

    #[test]
    fn what_was_taken_too_much_is_given_back() {
        let budget = budget(110_000);
        let mut room = budget.take(None).unwrap();
        assert!(budget.take(Some(50_000)).is_err());
        room.shrink_to(1_000);
        assert!(budget.take(Some(50_000)).is_ok());
    }

    #[test]
    fn the_largest_body_always_fits() {
        assert!(budget(0).take(None).is_ok());
    }
}
