//! XML Schema 1.0: sets of schema files and the check of documents against them.
//!
//! ```text
//!  Sources { files, library, catalogue, roots } ──Set::compile──► Set ──check(document)──► Findings
//! ```
//!
//! A set loads nothing but the files it was given: addresses are looked up in the catalogue, then relative to the file
//! that names them, then by file name and namespace among the files and the library. An address that leads nowhere is
//! an error, unlike in XML Schema itself, where it is a hint.

pub mod characters;
mod contents;
mod facets;
mod locate;
mod patterns;
mod people;
mod run;
mod wording;
mod workers;

use amtsbote_problem::{Bilingual, Finding, Findings};
use xsd_schema::{ResolverConfig, SchemaResolver, SchemaSet, SchemaSetBuilder, XsdVersion};

pub use contents::{SchemaFile, contents};
pub use locate::Sources;

use crate::xml;
use locate::Locations;
use workers::Workers;

/// Size of all files of a set together.
const FILES_MAX_BYTES: usize = 64 << 20;
const FILES_MAX: usize = 1000;

/// A schema for XML documents, whatever library stands behind it.
pub trait XmlSchema: Send + Sync {
    /// Everything that is wrong with a document.
    fn check(&self, document: &[u8]) -> Findings;
}

/// How heavy a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// It is told, no more.
    Warning,
}

/// How documents are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bounds of a document.
    pub limits: xml::Limits,
    /// An `IDREF` without its `ID`: many procedures' own messages have them.
    pub dangling_references: Severity,
    /// A malformed `xsi:schemaLocation`, which nothing reads.
    pub schema_location: Severity,
    /// How many documents can be checked at the same time, at least 1. Each costs the memory of a compiled set.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: xml::Limits::default(),
            dangling_references: Severity::Error,
            schema_location: Severity::Error,
            workers: 1,
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// What refuses the document.
    pub errors: Findings,
    /// What does not.
    pub warnings: Findings,
}

/// A compiled set of schema files.
///
/// The compiled form cannot be shared between threads, so a set has worker threads that own one each. A check is
/// handed to the first that is free, and waits for it.
pub struct Set {
    workers: Workers,
    options: Options,
    contents: Vec<SchemaFile>,
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set")
            .field("contents", &self.contents)
            .finish_non_exhaustive()
    }
}

impl Set {
    /// Compiles a set. Each finding's `at` is a file, where one is known.
    pub fn compile(sources: Sources, options: Options) -> Result<Self, Findings> {
        let size: usize = sources
            .files
            .values()
            .chain(sources.library.values())
            .map(Vec::len)
            .sum();
        if size > FILES_MAX_BYTES || sources.files.len() + sources.library.len() > FILES_MAX {
            let max = FILES_MAX_BYTES >> 20;
            return Err(xml::refusal(
                "size",
                "",
                &format!("hat mehr als {FILES_MAX} Dateien oder mehr als {max} MiB"),
                &format!("has more than {FILES_MAX} files or more than {max} MiB"),
            ));
        }
        let contents = contents(&sources.files)?;
        let locations = Locations::new(sources)?;
        let workers = Workers::start(&locations, options)?;
        Ok(Self {
            workers,
            options,
            contents,
        })
    }

    /// The schema files of the set with their namespaces and versions (without the library).
    pub fn contents(&self) -> &[SchemaFile] {
        &self.contents
    }

    /// The target namespaces, without repetition.
    pub fn namespaces(&self) -> Vec<&str> {
        let mut namespaces: Vec<_> = self
            .contents
            .iter()
            .filter_map(|file| file.namespace.as_deref())
            .collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces
    }

    /// Errors and warnings of a document.
    pub fn report(&self, document: &[u8]) -> Report {
        match xml::guard(document, self.options.limits) {
            Err(errors) => Report {
                errors,
                warnings: Findings::new(),
            },
            Ok(text) => self.workers.report(text),
        }
    }
}

impl XmlSchema for Set {
    fn check(&self, document: &[u8]) -> Findings {
        self.report(document).errors
    }
}

fn compiled(locations: &Locations) -> Result<SchemaSet, Findings> {
    let config = ResolverConfig {
        // Only our own loader is asked, and it knows only the files it was given.
        allow_network: false,
        ..ResolverConfig::default()
    };
    let mut resolver = SchemaResolver::with_config_and_loader(config, Box::new(locations.clone()));
    resolver.set_location_rewriter(locations.clone());
    let mut builder = SchemaSetBuilder::with_resolver(resolver, XsdVersion::V1_0);
    for root in locations.roots() {
        builder
            .try_add(&root)
            .map_err(|error| vec![locations.fault("xsd", &error.to_string())])?;
    }
    let compiled = builder.compile();
    let set = compiled.map_err(|error| vec![locations.fault("xsd", &error.to_string())])?;
    let failures: Findings = set
        .directive_failures()
        .iter()
        .map(|failure| {
            let address = failure
                .schema_location()
                .or(failure.namespace())
                .unwrap_or_default();
            let at = failure
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            Finding::new(
                locations.named(&at),
                "import",
                Bilingual::new(
                    format!("bindet „{address}“ ein; diese Datei fehlt: zum Satz hinzufügen"),
                    format!("imports \"{address}\"; that file is missing: add it to the set"),
                ),
            )
        })
        .collect();
    if failures.is_empty() {
        Ok(set.into_schema_set())
    } else {
        Err(failures)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod told;
