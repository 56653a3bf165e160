//! Target format `xbau`: messages of XBau, the XÖV standard of the building authorities.
//!
//! ```text
//!  package: template (annotated sample message), code maps, [settings]
//!     │ open: settings, sample, message's root, version, message code, unqualified elements
//!     ▼
//!  opened submission ─► translate ─► document ─► xoev::Document (well-formed, nothing empty, DIN 91379)
//!                                                └─► xoev::SchemaSets (official XSD, where installed)
//!                                    │
//!                                    ▼
//!                     <message>_<uuid>.xml  +  each attachment under the name the message gives it
//! ```
//!
//! - [`Format`]: the format and its settings (README.md).
//! - [`message`]: the messages known, each with what its standard fixes.
//! - [`xoev`]: what all XÖV messages share (header, characters, schemas); knows nothing of XBau.
//!
//! It must never invent a value the submission does not have, write a message its schema refuses, or put a value of a
//! submission into a finding.
//!
//! Start reading at [`Format`], then `mapping.rs`.

mod attachment;
mod format;
mod mapping;
pub mod message;
mod settings;
pub mod xoev;

pub use format::Format;
pub use settings::{SchemaRule, Settings};
