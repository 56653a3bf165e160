//! The format `bundle`: several documents and the attachments as one parcel, as files or as one ZIP archive, with checksums.
//!
//! ```text
//!  [[settings.part]]  xml ──► antrag.xml     ┐
//!  [[settings.part]]  table ► index.csv      ├─► files, or one ZIP
//!  attachments ──────────────► anlagen/…     │
//!  checksums ────────────────► SHA256SUMS    ┘
//! ```
//!
//! A part is a document of one of the formats handed in. Parts are made one after the other; `$files` tells a part of the attachments and of
//! the parts before it: names, sizes, checksums. That is how an index or a manifest is made.
//!
//! It must never leave an attachment out without saying so as a loss, nor make two files of one name.
//!
//! Start reading at [`Bundle`].

mod listed;
mod mapping;
mod settings;

pub use mapping::Bundle;
