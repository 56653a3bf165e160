//! Blobs in an S3-compatible object store: what several gateways share.
//!
//! ```text
//!  begin ─ write ─ write ─ … 8 MiB ─► create multipart ─► part ─► part … ─ keep ─► complete: visible from here on
//!                                └ less: one PUT at keep                └ dropped: abort
//!  open ─► GET as a stream ─► Checked: the last piece is given only if the sum behind the content is right
//! ```
//!
//! One object per blob, `<prefix>/<id>`, the same bytes as in a folder (content, then its sum), so that one can be copied to the other as
//! it is. A blob counts once the store has answered: how durable that is, is the store's promise. A writer holds one part, 8 MiB, in memory.
//!
//! Calls go through `outgoing` (our TLS, no redirects, no proxies); each is bounded in time, and repeated a few times where the store is
//! overloaded. Parts of a killed process stay in the store, invisible, until a lifecycle rule of the bucket takes them away.
//!
//! Never put here: SQL, decisions about submissions. Start reading at [`S3Blobs`], then `writer.rs`.

mod blobs;
mod calls;
mod fault;
mod reader;
mod settings;
mod writer;

pub use blobs::S3Blobs;
pub use settings::{Addressing, OpenError, S3Settings};
