//! Target formats of XÖV: `xbau`, `xpersonenstand`, `xmeld`, `xauslaender`, `xgewerbe`, `xdomea`. One engine; what differs between them are
//! facts, and those stand in `amtsbote_xoev::standard`.
//!
//! ```text
//!  package: template per edition (annotated sample message), code maps, [settings]
//!     │ open: settings, samples, root, version, message code, header, unqualified elements
//!     ▼
//!  opened submission ─► edition of that day ─► translate ─► Document (well-formed, nothing empty, DIN 91379, codes, keys, shape)
//!                                                             └─► official XSD, where installed
//!                                    │
//!                                    ▼
//!                     <message>_<uuid>.xml  +  each attachment under the name the message gives it
//!                                    └─► side by side, or one ZIP archive (xdomea)
//!
//!  answer of the procedure ─► Format::read_answer ─► Answer (file number, status, rejection …)
//! ```
//!
//! - [`Format`]: the formats and their settings (README.md).
//! - `mapping.rs`: one submission becomes one message; `lineage.rs`: where what no template binds comes from.
//! - `answers.rs`: what procedures answer.
//!
//! It must never invent a value the submission does not have, write a message its schema refuses, or put a value of a
//! submission or an answer into a finding.
//!
//! Start reading at [`Format`], then `mapping.rs`.

mod answers;
mod attachment;
mod format;
mod lineage;
mod mapping;
mod sample;
mod settings;

pub use format::{Format, NAMES};
pub use settings::{Characters, EditionSettings, Pack, Requirement, Settings};
