//! What survives a power cut: the gateway's and the agent's stores on SQLite, and blobs in a folder.
//!
//! ```text
//!  SqliteStore ──────┐  commit   ┌────────┐ BEGIN … SAVEPOINT per batch … COMMIT, fsync
//!                    ├──────────►│ writer │────────────────► gateway.db / agent.db  (+ -wal)
//!  SqliteDeliveries ─┤  queue    └────────┘                        ▲
//!  SqliteRelays ─────┘              uplink.db                      │
//!          └── reads ──► a few read-only connections ──────────────┘
//!  FolderBlobs ── tmp/<id>, fsync ── rename ──► 3f/<id>, fsync of the folder
//! ```
//!
//! An answer is given after the `COMMIT` that made it durable: WAL, `synchronous=FULL`. Many batches share one commit.
//! After a failed commit the writer refuses everything until the store is opened again, because nobody knows what the
//! disk has kept; a full disk is the exception, it is known to have kept nothing.
//! Callback secrets stand in the database as they are: its files are readable by their owner only.
//! Never put here: HTTP, plaintext, keys, decisions about submissions.
//!
//! All of it needs a tokio runtime. To close a store, drop it: it waits for its writer.
//!
//! Start reading at [`SqliteStore`], then `writer.rs`.

mod blob_check;
mod blob_files;
mod chain_check;
mod claims;
mod columns;
mod database;
mod deliveries;
mod desk;
mod examine;
mod folder;
mod folder_blobs;
mod gateway;
mod group;
mod open_error;
#[cfg(test)]
mod plans;
mod readers;
mod relays;
mod restoring;
mod snapshot;
mod sums;
mod transfer;
mod ways_back;
mod writer;

pub use amtsbote_store::chain::{ChainChecked, Contradiction};
pub use blob_check::{BlobState, check_blob};
pub use chain_check::check_chain;
pub use deliveries::SqliteDeliveries;
pub use examine::{Damage, Examined, examine};
pub use folder::make_folder;
pub use folder_blobs::FolderBlobs;
pub use gateway::SqliteStore;
pub use open_error::OpenError;
pub use relays::SqliteRelays;
pub use restoring::Restoring;
pub use snapshot::{Content, Database, Snapshot, SnapshotError, content};
pub use transfer::SqliteTransfer;
