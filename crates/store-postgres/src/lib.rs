//! What survives a power cut, shared by several processes: the stores on PostgreSQL.
//!
//! ```text
//!  process A ─► writer ── BEGIN · lock rows · all batches of a group, pipelined · COMMIT ─┐
//!            └► reads ──► pool                                                            ├─► one database
//!  process B ─► …                                                                       ──┘
//! ```
//!
//! An answer is given after the `COMMIT` that made it durable; every connection is refused whose server does not promise
//! that. What a batch decides on is locked first, in one order everywhere, so that what is checked is what is changed.
//! If nobody knows whether a `COMMIT` came through, the answer is *unavailable*: the caller repeats.
//! Never put here: HTTP, plaintext, keys, decisions about submissions.
//!
//! Start reading at [`Target`], then `session.rs`, `migrations.rs`.

mod agent;
mod bell;
mod copy;
mod database;
mod fault;
mod gateway;
mod leases;
mod migrations;
mod open_error;
mod relays;
mod session;
mod sums;
mod target;
mod transfer;
mod writer;

pub use agent::PostgresDeliveries;
pub use copy::{Copied, CopyError, PostgresRestoring, PostgresSnapshot, Tables};
pub use gateway::{Examined, Member, NotAdmitted, PostgresStore, Shelf, SigningKeys};
pub use leases::PostgresLeases;
pub use open_error::OpenError;
pub use relays::PostgresRelays;
pub use session::Unfit;
pub use sums::RowsExamined;
pub use target::{Encryption, Target};
pub use transfer::{NotBegun, PostgresTransfer};
