//! The format `xml`: the XML document a procedure reads, after its own sample and checked against its own schema.
//!
//! ```text
//!  annotated sample ──► crate translate ──► document ──► XSD of the package ──► encoding, line ends ──► one file
//!                                                                              attachments beside it or inside
//! ```
//!
//! Which value goes where is the sample's matter (crate `translate`, module `xml`); here it becomes files. Standards of the
//! administration (`XÖV`) are crate `adapter-xoev`'s matter.
//!
//! It must never hand over a document its package's schema refuses, nor lose a character: what the encoding does not have is written as
//! a character reference (XML 1.0 §4.1).
//!
//! Start reading at [`Xml`].

mod mapping;
mod settings;
mod written;

pub use mapping::Xml;
