//! The format `json`: the JSON document a procedure reads, with attachments beside it.
//!
//! ```text
//!  annotated JSON sample ──► crate translate ──► document ──► one file, attachments beside it
//! ```
//!
//! Which value goes where is the sample's matter (crate `translate`, module `json`); here it becomes files.
//!
//! It must never add a member the sample does not have, nor leave an attachment out without saying so as a loss.
//!
//! Start reading at [`Json`].

mod mapping;
mod settings;

pub use mapping::Json;
