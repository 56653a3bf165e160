//! Proposes: a mapping package from a sample of the procedure and a service's schema; a service from a schema of others.
//!
//! ```text
//!  sample (XML, JSON, tables, keys, …)  ─┐
//!  XSD root ──► generated sample ────────┼─► slots ─┐
//!  service's schema and example ─────────┴─► fields ┴─► matching ──► package: template, code maps, example, notes
//!
//!  JSON Schema, XSD, XDatenfelder 2/3 ──► service: schema.json, service.toml, example, losses
//! ```
//!
//! Everything here is a proposal that a person has to confirm: each match says how sure it is, a proposed package is a draft
//! that cannot be activated, and what could not be taken over is listed, never silently left out. The same input gives the
//! same bytes. Pure: files come in as bytes.
//!
//! Start reading at [`package()`], then `matching.rs`.

mod alike;
mod attached;
mod binding;
mod counted;
mod csv;
mod directory;
mod dom;
mod fields;
mod fixed;
mod json;
mod keys;
mod kinds;
mod matching;
mod names;
mod package;
mod recognised;
mod records;
mod segments;
mod service;
mod several;
mod slots;
mod sums;
mod tables;
mod text;
mod together;
mod xml;
mod xsd;

pub use fields::{Code, Field, Kind, Step, fields};
pub use fixed::Column;
pub use package::{Ask, Note, NoteKind, Proposal, Sample, package};
pub use recognised::{Recognised, SampleKind, recognise};
pub use service::{Foreign, NewService, service};
pub use several::{Part, Several};
pub use xsd::Schemas;

/// What cannot be read or used at all, in German and English.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", text.en)]
pub struct Unusable {
    /// What is wrong and what to do.
    pub text: amtsbote_problem::Bilingual,
}

impl Unusable {
    pub(crate) fn new(de: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            text: amtsbote_problem::Bilingual::new(de, en),
        }
    }
}
