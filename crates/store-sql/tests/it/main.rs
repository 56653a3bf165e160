//! The durable stores against the laws, and what only they can do: being killed, erasing for good, sweeping.
#![expect(clippy::unwrap_used, reason = "a test panics when it is broken")]

mod benches;
mod chain;
mod erased;
mod flipped;
mod folder;
mod forward;
mod guest;
mod killed;
mod laws;
mod many;
mod many_deliveries;
mod snapshot;
