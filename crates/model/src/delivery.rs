//! The life cycle of a delivery at the agent: one submission on its way into one procedure.
//!
//! ```text
//!  waiting ──claimed──► leased ──decided──► decided ──posted──► done
//!   ▲  ▲ ▲               │ │                 │ ▲ └──failed──► decided, later
//!   │  │ └─failed────────┘ │                 │ │
//!   │  └──released─────────┴─tries used up─► parked ──released──► where it stopped
//!   └───────────restarted─────────────────────┘  ▲
//!                      parked by operator ───────┘ (from waiting and decided)
//! ```
//!
//! A *lease* is short and renewed by who holds it; whoever finds it ended may claim the delivery. Each change counts the
//! row's revision up, and that is the fencing token: who was taken over cannot store, decide or post any more.
//!
//! A *verdict* (accept or reject) is decided and its signed event stored before it is posted: a crash in between
//! posts the same event again, and the gateway's log tells whether it had arrived.
//!
//! Read [`Delivery`] (`states.rs`), then [`Delivery::step`] (`events.rs`); when to try again is in `backoff.rs`, what
//! operators do in `restarts.rs`.

mod backoff;
mod causes;
mod events;
mod restarts;
mod states;

pub use backoff::{Circumstances, Jitter, RetryPolicy};
pub use causes::{Cause, Failure};
pub use events::{Event, IllegalStep, SILENCES_MAX, SUSPECTED_FROM};
pub use restarts::{Restart, Version};
pub use states::{Decision, Delivery, Lease, Past, Trouble, Verdict};

#[cfg(test)]
mod tests;
