//! The durable stores against the laws, and what only they can do: being killed, erasing for good, sweeping.

mod benches;
mod erased;
mod folder;
mod killed;
mod laws;
