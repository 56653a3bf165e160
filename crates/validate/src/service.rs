//! A service: the folder `schemas/<service>/` with `service.toml`, `schema.json` and examples.

mod catalogue;
mod examples;
mod manifest;

use std::collections::BTreeMap;

use amtsbote_model::ServiceId;
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde_json::Value;

pub use catalogue::Catalogue;
pub use examples::{Difference, ExampleReport};
pub use manifest::{Attachments, Example, Expected};

use crate::json::{Schema, Strings};

/// The manifest's file name.
pub const MANIFEST: &str = "service.toml";
/// The schema's file name.
pub const SCHEMA: &str = "schema.json";

/// A service as configured: what may be sent, and how it is checked.
///
/// Every string of a submission must be DIN 91379 data type C, unless `x-charset` says otherwise
/// (`din-91379-a` … `-e`, or `any` for no rule).
#[derive(Debug)]
pub struct Service {
    name: String,
    id: ServiceId,
    label: Bilingual,
    version: String,
    schema_uri: String,
    mime_type: String,
    attachments: Attachments,
    schema_bytes: Vec<u8>,
    schema: Schema,
    examples: Vec<Example>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Service {
    /// From the files of a service's folder (path relative to the folder → content). Each finding's `at` begins with
    /// the file: `schema.json#/properties/x`.
    pub fn load(files: BTreeMap<String, Vec<u8>>) -> Result<Self, Findings> {
        let manifest = manifest::parse(files.get(MANIFEST).ok_or_else(|| absent(MANIFEST))?)?;
        let schema_bytes = files.get(SCHEMA).ok_or_else(|| absent(SCHEMA))?.clone();
        let schema = Schema::compile_with(&schema_bytes, Strings::GroupC)
            .map_err(|findings| in_file(SCHEMA, findings))?;
        let mut findings = Findings::new();
        for example in &manifest.examples {
            if !files.contains_key(&example.file) {
                findings.extend(absent(&example.file));
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let kept = manifest
            .examples
            .iter()
            .map(|example| example.file.clone())
            .collect::<Vec<_>>();
        let files = files
            .into_iter()
            .filter(|(path, _)| kept.contains(path))
            .collect();
        Ok(Self {
            name: manifest.name,
            id: manifest.service,
            label: manifest.label,
            version: manifest.version,
            schema_uri: manifest.schema_uri,
            mime_type: manifest.mime_type,
            attachments: manifest.attachments,
            schema_bytes,
            schema,
            examples: manifest.examples,
            files,
        })
    }

    /// The short name, equal to the folder's: `bauantrag`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URN of the administrative service.
    pub const fn id(&self) -> &ServiceId {
        &self.id
    }

    /// The name for people.
    pub const fn label(&self) -> &Bilingual {
        &self.label
    }

    /// The version of the schema.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The schema's address, as in a submission's metadata. Never fetched.
    pub fn schema_uri(&self) -> &str {
        &self.schema_uri
    }

    /// The media type of the submission's content.
    pub fn mime_type(&self) -> &str {
        &self.mime_type
    }

    /// What may be attached.
    pub const fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// The schema.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// `schema.json` as it came, to be served at the schema's address.
    pub fn schema_bytes(&self) -> &[u8] {
        &self.schema_bytes
    }

    /// Everything that is wrong with a submission's content.
    pub fn check(&self, content: &Value) -> Findings {
        self.schema.check(content)
    }

    /// The examples with what is expected of each.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The content of an example.
    pub fn example(&self, file: &str) -> Option<&[u8]> {
        self.files.get(file).map(Vec::as_slice)
    }

    /// Checks every example against what is expected of it.
    pub fn check_examples(&self) -> Vec<ExampleReport> {
        self.examples
            .iter()
            .map(|example| examples::check(self, example))
            .collect()
    }
}

fn absent(file: &str) -> Findings {
    vec![Finding::new(
        file,
        "file",
        Bilingual::new(
            "die Datei fehlt im Ordner der Leistung",
            "the file is missing in the service's folder",
        ),
    )]
}

fn in_file(file: &str, findings: Findings) -> Findings {
    let placed = findings.into_iter().map(|mut finding| {
        finding.at = format!("{file}#{}", finding.at);
        finding
    });
    placed.collect()
}

#[cfg(test)]
mod tests;
