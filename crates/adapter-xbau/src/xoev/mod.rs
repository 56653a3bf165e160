//! What all XÖV messages share, whatever the standard: the header's values, the character set, the official schemas.
//!
//! - [`Product`]: who writes the message (root attributes `produkt`, `produkthersteller`, `produktversion`).
//! - [`Header`]: what `$message` gives to templates for `nachrichtenkopf.g2g`.
//! - [`Document`]: a finished message, read again: form, empty elements, directory keys, characters.
//! - [`SchemaSets`]: official schemas by namespace.
//!
//! Sources: XÖV-Handbuch 4.0.0; XÖV-Basisnachricht G2G 1.1; DIN 91379:2022-08.

mod charset;
mod document;
mod header;
mod locate;
mod schema;

pub use document::{Document, Malformed, Node};
pub use header::{Header, Product};
pub use locate::Locator;
pub use schema::{SchemaSets, XmlSchema};
