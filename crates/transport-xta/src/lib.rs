//! XTA 2 (web service namespace 211): a way out to XTA servers, and a small XTA server from which a procedure takes its
//! messages and to which it sends its answers.
//!
//! ```text
//!  parcel ─► XtaOutbound ──createMessageId, sendMessage, getTransportReport──► a foreign XTA server ─► procedure
//!              ledger: MessageID is durable before it is used
//!
//!  parcel ─► XtaBoxOutbound ─► message box (folder) ◄── Server ◄──getStatusList, getMessage, close── procedure's client
//!                                                         │
//!             whoever brings answers back ◄─ XtaInbound ◄─┴──sendMessage── procedure's client
//! ```
//!
//! Both sides speak SOAP 1.2 with MTOM over mutual TLS. `xml`, `mime`, `soap` and `wire` are pure; attachments pass as
//! streams, in and out. Facts of the protocol and their sources stand in `docs/spec/xta.md`.
//!
//! It must never answer sendMessage before the message is durable, send a parcel a second time while the first may have
//! arrived, show an account what belongs to another, read a body beyond its bounds, or repeat a peer's free text.
//!
//! Start reading at [`Settings`], then `outbound.rs` and `ledger.rs`; for the server at `service.rs`, then `mailbox.rs`.

mod accounts;
mod box_outbound;
mod browse;
mod call;
mod coding;
mod directory;
mod fault;
mod inbound;
mod ledger;
mod mailbox;
mod mime;
mod mtom;
mod outbound;
mod receive;
mod respond;
mod said;
mod server;
mod service;
mod settings;
mod soap;
mod source;
mod spool;
mod steps;
mod take;
mod wire;
mod xml;

pub use accounts::{Account, AccountSettings};
pub use box_outbound::{XtaBox, XtaBoxOutbound};
pub use directory::{Directory, DirectoryEntry, StaticDirectory};
pub use inbound::XtaInbound;
pub use outbound::{Xta, XtaOutbound};
pub use server::{Server, mutual_tls};
pub use service::Service;
pub use settings::{BoxSettings, Settings};
pub use wire::{BusinessScenario, Cover, MessageType, Party};

/// The name of the way to XTA servers in settings, logs and docs.
pub const NAME: &str = "xta";
/// The name of the way into a message box of our own.
pub const BOX_NAME: &str = "xta-box";
