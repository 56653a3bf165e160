//! A way out: a folder the procedure watches (*Übergabeverzeichnis*), local or mounted.
//!
//! ```text
//!  parcel ─► placement (adapter): which file gets which name
//!              │
//!              ▼               (a) write, fsync         (b) note the intent, fsync
//!         <path>/.amtsbote-tmp/<id>/…            <path>/.amtsbote-done/<id>.intent
//!              │                                              │
//!              └──────── (c) rename, fsync ──► <path>/<name>   └─ (d) rename ─► .amtsbote-done/<id>
//! ```
//!
//! A rename is the only thing that makes content visible, and what is no longer in `.amtsbote-tmp` was renamed: so
//! each crash between two steps has one right continuation, even if the procedure took the folder away in the
//! meantime. The steps and their crash points stand in `ledger.rs`.
//!
//! It must never show half a parcel, bring one twice, follow a symlink inside the folder, or put content anywhere
//! but under the two folders its settings name.
//!
//! The other way round, [`FolderInbound`] takes answers that a procedure puts into a folder.
//!
//! Start reading at [`Settings`], then `outbound.rs`, then `ledger.rs`.

mod dir;
mod fault;
mod inbound;
mod ledger;
mod outbound;
mod settings;
mod staging;
mod steps;

pub use inbound::{FolderInbound, InboundSettings};
pub use outbound::{Folder, FolderOutbound};
pub use settings::Settings;

/// The name of this way in settings, logs and docs.
pub const NAME: &str = "folder";
