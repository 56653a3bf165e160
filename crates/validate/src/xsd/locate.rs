//! From an address in a schema to a file of the set; nothing outside is ever opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use amtsbote_problem::{Bilingual, Finding, Findings};
use xsd_schema::{
    LocationRequest, LocationRewriter, SchemaError, SchemaLoader, SchemaResolver, SchemaResult,
};

use super::contents;
use super::patterns;

/// The files of a set.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The set's own files: relative path → content.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Further files that imports may lead to.
    pub library: BTreeMap<String, Vec<u8>>,
    /// Public addresses: address → path in `files` or `library`.
    pub catalogue: BTreeMap<String, String>,
    /// The paths to begin with; all of `files` if empty.
    pub roots: Vec<String>,
}

/// Scheme of the names that files have inside the set.
const SCHEME: &str = "amtsbote-set:///";
const NOWHERE: &str = "amtsbote-set:///nowhere";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

#[derive(Debug)]
struct File {
    path: String,
    namespace: Option<String>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Inner {
    files: Vec<File>,
    catalogue: BTreeMap<String, String>,
    roots: Vec<usize>,
}

/// Finds files by address. A copy is cheap.
#[derive(Debug, Clone)]
pub(super) struct Locations(Arc<Inner>);

impl Locations {
    pub(super) fn new(sources: Sources) -> Result<Self, Findings> {
        let own = sources.files.len();
        let mut files = Vec::new();
        for (path, bytes) in sources.files.into_iter().chain(sources.library) {
            let namespace = contents::root(&path, &bytes).and_then(|file| file.namespace);
            files.push(File {
                path,
                namespace,
                bytes,
            });
        }
        // The schema of the `xml:` attributes is part of the library.
        files.push(File {
            path: "xml.xsd".into(),
            namespace: Some(XML.into()),
            bytes: xsd_schema::XML_XSD.to_vec(),
        });
        let mut roots = Vec::new();
        let mut findings = Findings::new();
        for root in &sources.roots {
            match files[..own].iter().position(|file| file.path == *root) {
                Some(at) => roots.push(at),
                None => findings.push(Finding::new(
                    root,
                    "file",
                    Bilingual::new("die Datei fehlt im Satz", "the file is missing in the set"),
                )),
            }
        }
        if sources.roots.is_empty() {
            roots.extend(0..own);
        }
        let inner = Inner {
            files,
            catalogue: sources.catalogue,
            roots,
        };
        if findings.is_empty() {
            Ok(Self(Arc::new(inner)))
        } else {
            Err(findings)
        }
    }

    /// The internal addresses to begin with.
    pub(super) fn roots(&self) -> impl Iterator<Item = String> {
        self.0.roots.iter().map(|at| address(*at))
    }

    /// A text about a schema, with internal addresses replaced by paths.
    pub(super) fn named(&self, text: &str) -> String {
        let mut named = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(SCHEME) {
            named.push_str(before);
            let digits = after
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(after.len());
            let file = after[..digits]
                .parse::<usize>()
                .ok()
                .and_then(|at| self.0.files.get(at));
            named.push_str(file.map_or("", |file| &file.path));
            rest = after[digits..]
                .strip_prefix(".xsd")
                .unwrap_or(&after[digits..]);
        }
        named + rest
    }

    /// A finding about the set itself; schemas hold no personal data, so the cause may be told.
    pub(super) fn fault(&self, rule: &str, message: &str) -> Finding {
        let message = self.named(message);
        Finding::new(
            "",
            rule,
            Bilingual::new(
                format!("das Schema ist fehlerhaft: {message}"),
                format!("the schema is faulty: {message}"),
            ),
        )
    }

    fn find(&self, request: &LocationRequest<'_>) -> Option<usize> {
        let files = &self.0.files;
        let by_path = |path: &str| files.iter().position(|file| file.path == path);
        if let Some(path) = self.0.catalogue.get(request.location) {
            return by_path(path);
        }
        let base = index(request.base_uri).and_then(|at| files.get(at));
        if let Some(base) = base
            && !request.location.contains(':')
            && let Some(at) = relative(&base.path, request.location).and_then(|path| by_path(&path))
        {
            return Some(at);
        }
        let namespace = request
            .namespace
            .or(base.and_then(|base| base.namespace.as_deref()));
        let wanted = basename(request.location);
        let fits = |file: &File| file.namespace.is_none() || file.namespace.as_deref() == namespace;
        let named = files
            .iter()
            .position(|file| basename(&file.path) == wanted && fits(file));
        named.or_else(|| {
            // An import whose file has another name here: only if there is no doubt.
            let namespace = request.namespace?;
            let mut all = files
                .iter()
                .enumerate()
                .filter(|(_, file)| file.namespace.as_deref() == Some(namespace));
            let first = all.next()?;
            all.next().is_none().then_some(first.0)
        })
    }
}

impl LocationRewriter for Locations {
    fn rewrite(&self, request: &LocationRequest<'_>, _: &SchemaResolver) -> Option<String> {
        if request.location.starts_with(SCHEME) {
            return Some(request.location.to_owned());
        }
        // Always an answer: without one the resolver would look for a file of its own.
        Some(
            self.find(request)
                .map_or_else(|| NOWHERE.to_owned(), address),
        )
    }
}

impl SchemaLoader for Locations {
    fn load(&self, location: &str) -> SchemaResult<String> {
        match index(location).and_then(|at| self.0.files.get(at)) {
            Some(file) => {
                let text = xsd_schema::decode_xml_bytes(file.bytes.clone())?;
                Ok(patterns::in_schema(&text))
            }
            None => Err(SchemaError::resolution("the file is not part of the set")),
        }
    }

    fn can_load(&self, _: &str) -> bool {
        true
    }
}

fn address(at: usize) -> String {
    format!("{SCHEME}{at}.xsd")
}

fn index(address: &str) -> Option<usize> {
    address
        .strip_prefix(SCHEME)?
        .strip_suffix(".xsd")?
        .parse()
        .ok()
}

fn basename(location: &str) -> &str {
    let path = location.split(['#', '?']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

// `location` relative to the folder of `base`, if it stays inside the set.
fn relative(base: &str, location: &str) -> Option<String> {
    let mut steps: Vec<&str> = base.split('/').collect();
    steps.pop();
    for step in location.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                steps.pop()?;
            }
            other => steps.push(other),
        }
    }
    Some(steps.join("/"))
}
