//! A way out: encrypted mail (S/MIME) to a procedure's mailbox.
//!
//! ```text
//!  parcel ─► wire: inner mail with all files ─► CMS for the settings' certificates ─► outer mail
//!                                                                                       │
//!  ledger on this machine: brought before? ── yes ─► Receipt, Repeated        SMTP over TLS: accepted
//!                                                                                       │
//!                                                          ledger: brought ◄────────────┘
//! ```
//!
//! Mail is at least once. A parcel whose hand-over is in the ledger is never sent again; if everything stops between the
//! server's word and the ledger's, the repeat sends the same message again, under the same `Message-ID`.
//!
//! It must never send content unencrypted (there is no switch for it), send to a certificate that is out of date, or put
//! anything of a parcel but its id into the outer headers.
//!
//! Start reading at [`Settings`], then `outbound.rs`, then `ledger.rs`.

mod fault;
mod ledger;
mod outbound;
mod settings;
mod smtp;
mod wire;

pub use outbound::{Mail, MailOutbound};
pub use settings::{Cipher, MailAddress, Settings, Subject, Tls};

/// The name of this way in settings, logs and docs.
pub const NAME: &str = "mail";
