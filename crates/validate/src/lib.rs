//! Checks documents and says what is wrong so that people can act: JSON Schema, XSD, code lists, DIN 91379.
//!
//! ```text
//!  schemas/<service>/ ──► service::Service ──► json::Schema ─┐
//!  XÖV schema files  ───► xsd::Set ──────────────────────────┼──► Findings { at, rule, label, detail, hint, allowed }
//!  genericode files  ───► codes::CodeList                    │
//!  any text ────────────► charset (DIN 91379) ───────────────┘
//! ```
//!
//! Pure: files come in as bytes. Nothing is ever fetched: a schema that refers to something it was not given is refused.
//! A finding never carries a value of the document, and a member's name only where the schema has it or where it is
//! harmless (at most 64 of `[A-Za-z0-9_-]`). All input is bounded before it is parsed.
//!
//! Senders use it, too, to check before they send: `examples/preflight.rs`, `docs/preflight.md`.
//!
//! Start reading at [`json::Schema::check`], then [`service::Service`] and [`xsd::Set`].

pub mod charset;
pub mod codes;
pub mod json;
mod pointer;
pub mod service;
#[cfg(test)]
mod shared;
pub mod xml;
pub mod xsd;

use amtsbote_problem::{Bilingual, Finding};

/// The last finding of a list that was cut.
fn more() -> Finding {
    Finding::new(
        "",
        "more",
        Bilingual::new(
            "es gibt weitere Fehler; nach dem Berichtigen erneut prüfen",
            "there are more findings; check again after correcting these",
        ),
    )
}
