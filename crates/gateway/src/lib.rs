//! HTTP in: the FIT-Connect delivery service (*Zustelldienst*) and the intake for senders who do not encrypt.
//!
//! ```text
//!  request ─► server (time-outs, limits, TLS) ─► answer (request id, problems) ─► auth (who) ─► routes/…
//!                                                                                     │ parse: fit-connect
//!                                                                                     ▼
//!                                            model decides ─► store.commit(one Batch) ─► 2xx
//! ```
//!
//! Beside them the [`sealer`] seals the event log.
//! It keeps ciphertext, routing data and signed events. Intake alone sees content, in memory, for one request.
//! Beside it the [`uplink`](mod@uplink) brings what the intake took for foreign destinations to their own delivery service.
//! Never: a 2xx before the store said `Done`; content in a log, an error or a file; SQL; a key's bytes.
//!
//! Start reading at [`router`](mod@router), then `routes/submissions.rs`.

mod access;
pub mod answer;
pub mod auth;
mod backoff;
pub mod body;
pub mod callbacks;
mod consignment;
mod context;
pub mod crypto;
pub mod deadlines;
mod door;
pub mod duty;
pub mod events;
mod intake;
mod mails;
mod notify;
mod public_keys;
mod rates;
pub mod receipt;
pub mod router;
mod routes;
mod routing;
pub mod sealer;
pub mod server;
pub mod uplink;

pub use amtsbote_incoming::Bounds as ServerSettings;
pub use auth::{Client, Clients, Right};
pub use backoff::Backoff;
pub use callbacks::{CallbackPolicy, CallbackWorker, CircuitPolicy};
pub use context::{Addresses, Context, Identity, Limits, Parts};
pub use crypto::CryptoPool;
pub use deadlines::{Deadlines, Doubt, Orphans, Retention, Round, Trust};
pub use door::Door;
pub use duty::DutyKeeper;
pub use intake::preflight;
pub use mails::{MailPolicy, MailWorker, Postman, Undelivered};
pub use router::router;
pub use routing::{Area, RoutingSettings};
pub use sealer::{NotSealed, Sealer};
pub use server::Server;
pub use uplink::{Freshness, StaticRoute, Uplink, UplinkPolicy, UplinkWorker, Uplinks};
