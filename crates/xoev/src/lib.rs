//! What all XÖV messages share, whatever the standard: facts of the standards, the header, characters, code lists, directory
//! keys, the vocabulary of rejections, and reading a message.
//!
//! ```text
//!  standard (facts: namespace, version, header, messages, basis of our checks)
//!     │
//!  bytes ──► Document ──► empty elements · characters · codes · directory keys · shape ──► Findings ──► ErrorCode
//!                │                                                                           └─ Locator: place in the submission
//!                └──► Head (who, what, when)
//! ```
//!
//! - [`standard`]: the standards and messages known, each with what its standard fixes.
//! - [`Document`]: a message, read: form, empty elements, characters, codes, directory keys.
//! - [`Header`], [`Product`]: what `$message` gives to templates.
//! - [`ErrorCode`]: the codes of the XInneres rejection, the vocabulary all findings of this crate map to.
//! - [`SchemaSets`], [`CodeLists`]: what an operator added.
//!
//! Pure. It must never fetch anything, put a text of a message into a finding, or say that something was checked which was not.
//!
//! Sources: XÖV-Handbuch 4.0.0; xdomea 3.1.0; XÖV-Basisnachricht G2G 1.1; XInneres-Basismodul (basisnachricht 7, rueckweisung 6); DIN 91379:2022-08.
//!
//! Start reading at [`standard`], then [`Document`].

mod charset;
mod codes;
mod directory;
mod document;
mod error_code;
mod head;
mod header;
mod legal_day;
mod locate;
mod primary;
mod schema;
pub mod shape;
pub mod standard;
mod transliterate;

pub use codes::{CodeLists, CodeType, ListId};
pub use directory::{Directory, DirectoryKey, ShippedDirectory};
pub use document::{Document, Malformed, Node};
pub use error_code::ErrorCode;
pub use head::{Head, Party};
pub use header::{Header, Product, TEST_REFERENCE, test_mark};
pub use legal_day::{Day, legal_day};
pub use locate::Locator;
pub use schema::{Installed, SchemaSets, XmlSchema};
pub use transliterate::transliterate;
