//! Code maps: from the codes of one list version to those of another.
//!
//! ```toml
//! unmapped = "report"          # or "keep", "drop", "default:999"; "report" is the rule
//!
//! [from]                       # the list the submission uses; both members optional
//! uri = "urn:example:rechtsform"
//! version = "1"
//!
//! [to]                         # the list the document uses; a sample that pins `listURI` or `listVersionID`
//! uri = "urn:xoev-de:…"        # beside the bound code has to agree
//! version = "2"
//!
//! [codes]
//! gmbh = "110"
//! ```
//!
//! Code lists and their versions: XÖV-Codelisten-Handbuch (`listURI`, `listVersionID`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::fault::{Fault, FaultKind, Faults};
use crate::word::Missing;

/// The longest code map, in bytes.
pub const CODE_MAP_MAX_BYTES: usize = 1024 * 1024;

/// One code map.
#[derive(Debug, Clone)]
pub struct CodeMap {
    name: String,
    from: ListVersion,
    to: ListVersion,
    unmapped: Unmapped,
    codes: BTreeMap<String, String>,
}

/// A code list and its version, as far as the map pins them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListVersion {
    /// The list's URI.
    pub uri: Option<String>,
    /// The list's version.
    pub version: Option<String>,
}

/// What a code the map does not list becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unmapped {
    Report,
    Keep,
    Drop,
    Default(String),
}

/// What a code became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mapped {
    To(String),
    Drop,
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCodeMap {
    #[serde(default)]
    from: ListVersion,
    #[serde(default)]
    to: ListVersion,
    unmapped: Option<String>,
    codes: BTreeMap<String, String>,
}

impl CodeMap {
    /// Reads a code map; `file` names it in faults.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, Faults> {
        let fault = |line, kind| {
            Faults::one(Fault {
                file: file.to_owned(),
                line,
                at: String::new(),
                kind,
            })
        };
        if text.len() > CODE_MAP_MAX_BYTES {
            let (bytes, max) = (text.len(), CODE_MAP_MAX_BYTES);
            return Err(fault(None, FaultKind::TooLarge { bytes, max }));
        }
        let raw: RawCodeMap = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| crate::word::line_at(text, span.start));
            let reason = error.message().to_owned();
            fault(line, FaultKind::Malformed { reason })
        })?;
        let unmapped =
            Unmapped::parse(raw.unmapped.as_deref()).map_err(|kind| fault(None, kind))?;
        Ok(Self {
            name: name.to_owned(),
            from: raw.from,
            to: raw.to,
            unmapped,
            codes: raw.codes,
        })
    }

    /// The name templates call it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The list it maps from.
    pub const fn from_list(&self) -> &ListVersion {
        &self.from
    }

    /// The list it maps to.
    pub const fn to_list(&self) -> &ListVersion {
        &self.to
    }

    /// Each pair, in the order of the first code.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.codes
            .iter()
            .map(|(from, to)| (from.as_str(), to.as_str()))
    }

    pub(crate) fn map(&self, code: &str) -> Mapped {
        match (self.codes.get(code), &self.unmapped) {
            (Some(to), _) | (None, Unmapped::Default(to)) => Mapped::To(to.clone()),
            (None, Unmapped::Keep) => Mapped::To(code.to_owned()),
            (None, Unmapped::Drop) => Mapped::Drop,
            (None, Unmapped::Report) => Mapped::Unknown,
        }
    }
}

impl Unmapped {
    fn parse(text: Option<&str>) -> Result<Self, FaultKind> {
        match text {
            None => Ok(Self::Report),
            Some("keep") => Ok(Self::Keep),
            Some(text) => Ok(match Missing::parse("unmapped", text)? {
                Missing::Report => Self::Report,
                Missing::Drop => Self::Drop,
                Missing::Empty => Self::Default(String::new()),
                Missing::Default(code) => Self::Default(code),
            }),
        }
    }
}

/// The code maps of one package, by name.
#[derive(Debug, Clone, Default)]
pub struct CodeMaps(BTreeMap<String, Arc<CodeMap>>);

impl CodeMaps {
    /// From single maps; the last of one name counts.
    pub fn new(maps: impl IntoIterator<Item = CodeMap>) -> Self {
        Self(
            maps.into_iter()
                .map(|map| (map.name.clone(), Arc::new(map)))
                .collect(),
        )
    }

    /// The map of that name.
    pub fn named(&self, name: &str) -> Option<&Arc<CodeMap>> {
        self.0.get(name)
    }
}
