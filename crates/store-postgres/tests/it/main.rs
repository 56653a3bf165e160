//! The stores against a real server: laws, and what only a shared database can do to them.
#![expect(clippy::unwrap_used, reason = "a test panics when it is broken")]

mod agents;
mod agents_around;
mod altered;
mod benches;
mod copies;
mod examine;
mod laws;
mod many;
mod opening;
mod outages;
mod silence;
