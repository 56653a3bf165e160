//! The format `table`: CSV and fixed width, for procedures that import records.
//!
//! ```text
//!  column list ──► crate translate ──► cells ──► wire: guard, quotes or padding ──► encoding ──► one file
//!                                                                                  attachments beside it
//! ```
//!
//! Which value goes into which column, with which conversion, width and overflow, is the column list's matter (crate
//! `translate`, module `columns`). Here cells become bytes.
//!
//! It must never write a character the file's encoding does not have, nor cut or change a value without the package
//! saying so: what does not fit is a finding.
//!
//! Start reading at [`Table`], then `wire.rs`.

mod keys;
mod mapping;
mod segments;
mod settings;
mod wire;
mod written;

pub use mapping::Table;
