//! The agent: brings submissions from a FIT-Connect service into procedures.
//!
//! ```text
//!  listen: pickup (Prefer: wait) ─► Deliveries::note ─┐ wakes
//!  work:   Deliveries::claim (renewed) ─► open ─► validate ─► translate ─► Outbound::deliver ─► verdict ─► post event
//!            │                            └ fit-connect, jose        └ Mapping     └ transport      └ stored before posted
//!            └ Delivery::step decides what comes next; time and retries are owned here
//!  back:   Inbound::poll ─► match ─► status, receipt, documents ─► sealed ─► WaysBack::keep_answer ─► announce, upload, submit
//! ```
//!
//! # Where the process may die, and why that is fine
//!
//! | after | before | what the next start does |
//! |---|---|---|
//! | pickup | `note` | the list still has it: it is noted at the next look |
//! | `note` | claim | the row is due |
//! | claim | hand-over | the lease ends, everything is fetched and opened anew; spooled ciphertext is swept |
//! | hand-over | verdict stored | handed over again under the same parcel id: the transport answers *repeated* |
//! | verdict stored | event posted | the same signed event is posted |
//! | event posted | row done | posted again: 409, and the log shows our own event |
//!
//! Dropping the agent's future is the same as dying. A panic in a mapping or a transport costs that delivery a try, at
//! once; nothing else stops. An event that the service does not take (400, 422) is signed anew, the verdict stays.
//!
//! The agent's own state holds ids, states and signed events; attachments are spooled as ciphertext; plaintext
//! lives in memory and, released only after tag and hash were checked, in the place the procedure reads.
//! Never: content in a log, a second effect for one submission, a verdict before the hand-over is durable.
//!
//! Start reading at [`Agent::run`], then `delivery.rs`; for the way back `back.rs`, then `replying.rs`.

mod attachments;
mod back;
mod backlog;
mod calm;
mod circuit;
mod delivery;
mod doubt;
mod hands;
mod listen;
mod mappings;
mod memory;
mod opening;
mod outage;
mod parts;
mod put_off;
mod replying;
mod service;
#[cfg(test)]
mod simulation;
mod status;
mod turns;
mod verdict;
mod watch;
mod way_in;
mod work;

pub use back::message_uuid;
pub use circuit::CircuitPolicy;
pub use mappings::{Mappings, Older};
pub use parts::{Activated, Observer, Outcome, Pace, Parts, Policy, Served};
pub use status::CASE_STATUS_SCHEMA;
pub use way_in::{ReadAnswer, WayIn};
pub use work::Agent;
