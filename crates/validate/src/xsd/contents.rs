//! What schema files are about: namespace and version, read from the root element alone.

use std::collections::BTreeMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// One schema file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaFile {
    /// Path in the set.
    pub path: String,
    /// `targetNamespace`.
    pub namespace: Option<String>,
    /// `version`.
    pub version: Option<String>,
}

/// Lists what a set of files contains, without compiling it. A file that is no XML schema is a finding.
pub fn contents(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<SchemaFile>, Findings> {
    let mut found = Vec::new();
    let mut findings = Findings::new();
    for (path, bytes) in files {
        match root(path, bytes) {
            Some(file) => found.push(file),
            None => findings.push(Finding::new(
                path,
                "xsd",
                Bilingual::new("ist keine XML-Schema-Datei", "is not an XML schema file"),
            )),
        }
    }
    if findings.is_empty() {
        Ok(found)
    } else {
        Err(findings)
    }
}

pub(super) fn root(path: &str, bytes: &[u8]) -> Option<SchemaFile> {
    let text = xsd_schema::decode_xml_bytes(bytes.to_vec()).ok()?;
    let mut reader = Reader::from_str(&text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => {
                let attribute = |name: &str| {
                    let found = tag.try_get_attribute(name).ok().flatten()?;
                    Some(
                        found
                            .normalized_value(XmlVersion::Implicit1_0)
                            .ok()?
                            .into_owned(),
                    )
                };
                let is_schema = tag.local_name().into_inner() == "schema";
                return is_schema.then(|| SchemaFile {
                    path: path.to_owned(),
                    namespace: attribute("targetNamespace"),
                    version: attribute("version"),
                });
            }
            Event::Eof | Event::End(_) => return None,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}
