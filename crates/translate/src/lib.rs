//! Annotated-sample translation: a municipality's *sample message* with binding attributes, plus one opened
//! submission, gives the document a procedure reads, and says where every part of it came from.
//!
//! ```text
//!   sample (XML, JSON, column list) ─► parse once ─► Sample ─┐
//!   code maps (TOML) ──────────────────────────┘             ├─► translate ─► Translation
//!   Sources (submission's data, message, receiver …) ────────┘                 ├ document
//!                                                                              ├ lineage   output ← input, template line
//!                                                                              └ losses    input nobody used
//! ```
//!
//! - [`xml`]: the XML sample. Its whole language stands there.
//! - [`json`]: the JSON sample, same sources and conversions.
//! - [`columns`]: the column list for CSV and fixed width; gives cells, not bytes.
//! - [`codes`]: code maps with pinned code list versions.
//! - [`Sources`]: what expressions may read. Expressions are jq (docs/adr/0003), always bounded.
//!
//! Pure: no I/O, no clock, no randomness. It must never put a value of a submission into an error, a finding or a
//! `Debug` output, never run an expression without a limit, and never check a target's schema (crate `validate` does).
//!
//! Start reading at [`xml`], then `run.rs` (how one binding becomes one text).

pub mod codes;
pub mod columns;
mod convert;
mod encoding;
mod expression;
mod fault;
mod finding;
pub mod json;
mod lineage;
mod place;
mod run;
mod source;
mod value;
mod word;
pub mod xml;

pub use codes::{CodeMap, CodeMaps};
pub use encoding::Encoding;
pub use fault::{Fault, FaultKind, Faults};
pub use finding::{Finding, Rule};
pub use lineage::{Change, Ignored, Lineage, Trace};
pub use place::Place;
pub use run::{Limits, Refusal, Translation};
pub use source::{Root, Sources};

/// A constant of a sample: text no binding replaces. Part of the template, not of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// Where in the template, for example `/antrag/kopf/@version`.
    pub at: String,
    /// Line of the template, from 1.
    pub line: Option<u32>,
    /// The text.
    pub text: String,
}
