//! A way out and a way in: folders on an SFTP server.
//!
//! ```text
//!  parcel ─► placement (adapter): which file gets which name
//!              │
//!              ▼            (1) write, fsync               (2) note: this try counts
//!         <path>/.amtsbote-tmp/<id>.<try>/…        <path>/.amtsbote-done/<id>
//!              │
//!              └──────── (3) rename ──► <path>/<name>
//! ```
//!
//! A rename is the only thing that makes content visible, and a noted try whose folder is gone was renamed: so each stop
//! between two requests, on either side, has one right continuation. The steps stand in `ledger.rs`.
//!
//! The way in (`inbound.rs`) takes answers from such a folder and moves each away when it is settled.
//!
//! It must never trust a server whose key nobody wrote down, show half a parcel, bring one twice, or print the server's
//! own words, which may quote a file's name.
//!
//! Start reading at [`Settings`], then `outbound.rs`, then `ledger.rs`.

mod fault;
mod inbound;
mod ledger;
mod outbound;
mod remote;
mod session;
mod settings;
mod steps;
mod wire;

pub use inbound::SftpInbound;
pub use outbound::{Sftp, SftpOutbound};
pub use settings::{HostKey, RemotePath, Settings};

/// The name of this way in settings, logs and docs.
pub const NAME: &str = "sftp";
