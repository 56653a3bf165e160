//! Codes of a message against the code lists that are installed.

use std::collections::BTreeMap;
use std::sync::Arc;

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_validate::codes::CodeList;

use crate::{Document, Node};

/// A code list and its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListId {
    /// Its URI.
    pub uri: String,
    /// Its version.
    pub version: String,
}

/// The lists installed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CodeLists(BTreeMap<ListId, Arc<CodeList>>);

impl CodeLists {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more list; the last one of a URI and version counts.
    #[must_use]
    pub fn with(mut self, list: CodeList) -> Self {
        let id = ListId {
            uri: list.uri().to_owned(),
            version: list.version().to_owned(),
        };
        self.0.insert(id, Arc::new(list));
        self
    }

    /// The list of that URI and version. A version is never replaced by another: codes change their meaning.
    pub fn list(&self, id: &ListId) -> Option<&CodeList> {
        self.0.get(id).map(AsRef::as_ref)
    }
}

/// Types of codes (XÖV-Handbuch): what a schema fixes and what a message has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeType {
    /// Type 1: list, version and codes are in the schema.
    Values {
        /// The list.
        uri: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// Type 2: list and version are in the schema, the codes are not.
    Version {
        /// The list.
        uri: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// Type 3: the list is in the schema, the message names the version.
    List {
        /// The list.
        uri: &'static str,
    },
    /// Type 4: the message names list and version.
    Open,
}

impl CodeType {
    /// The list a code of this type is from; a finding's text if the message says something else or too little.
    fn list(self, uri: Option<&str>, version: Option<&str>) -> Result<ListId, Bilingual> {
        let (fixed_uri, fixed_version) = match self {
            Self::Values { uri, version } | Self::Version { uri, version } => {
                (Some(uri), Some(version))
            }
            Self::List { uri } => (Some(uri), None),
            Self::Open => (None, None),
        };
        let agreed = |fixed: Option<&str>, said: Option<&str>| match (fixed, said) {
            (Some(fixed), Some(said)) if fixed != said => None,
            (Some(one), _) | (None, Some(one)) => Some(one.to_owned()),
            (None, None) => None,
        };
        let uri = agreed(fixed_uri, uri);
        let version = agreed(fixed_version, version);
        match (uri, version) {
            (Some(uri), Some(version)) => Ok(ListId { uri, version }),
            (None, _) => Err(expected("listURI", fixed_uri)),
            (Some(_), None) => Err(expected("listVersionID", fixed_version)),
        }
    }
}

fn expected(attribute: &str, fixed: Option<&str>) -> Bilingual {
    match fixed {
        Some(fixed) => Bilingual::new(
            format!("{attribute} muss {fixed} sein"),
            format!("{attribute} has to be {fixed}"),
        ),
        None => Bilingual::new(
            format!("{attribute} fehlt"),
            format!("{attribute} is missing"),
        ),
    }
}

/// Codes of the building blocks that all standards share, and of xdomea, by the element's name and that of its parent (empty for any).
const SHARED: [(&str, &str, CodeType); 10] = [
    (
        "leser",
        "verzeichnisdienst",
        CodeType::List {
            uri: "urn:xoev-de:kosit:codeliste:verzeichnisdienst",
        },
    ),
    (
        "autor",
        "verzeichnisdienst",
        CodeType::List {
            uri: "urn:xoev-de:kosit:codeliste:verzeichnisdienst",
        },
    ),
    (
        "erreichbarkeit",
        "kanal",
        CodeType::List {
            uri: "urn:de:xoev:codeliste:erreichbarkeit",
        },
    ),
    (
        "kommunikation",
        "kanal",
        CodeType::List {
            uri: "urn:de:xoev:codeliste:erreichbarkeit",
        },
    ),
    (
        "",
        "gemeindeschluessel",
        CodeType::List {
            uri: "urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:ags",
        },
    ),
    (
        "Kopf",
        "Nachrichtentyp",
        CodeType::Values {
            uri: "urn:xoev-de:xdomea:codeliste:nachrichtentyp",
            version: "2.0",
        },
    ),
    (
        "AllgemeineMetadaten",
        "Medium",
        CodeType::Values {
            uri: "urn:xoev-de:xdomea:codeliste:medium",
            version: "1.0",
        },
    ),
    (
        "AllgemeineMetadaten",
        "Vertraulichkeitsstufe",
        CodeType::Values {
            uri: "urn:xoev-de:xdomea:codeliste:vertraulichkeitsstufe",
            version: "1.0",
        },
    ),
    (
        "Format",
        "Name",
        CodeType::List {
            uri: "urn:xoev-de:xdomea:codeliste:dateiformat",
        },
    ),
    (
        "Anschrift",
        "Typ",
        CodeType::Values {
            uri: "urn:xoev-de:xdomea:codeliste:anschriftstyp",
            version: "1.0",
        },
    ),
];

impl Document {
    /// Codes whose list and version are not said as their type wants, and codes that an installed list does not have. What
    /// no installed list covers is not checked here: see [`Self::lists`].
    pub fn codes(&self, lists: &CodeLists) -> Findings {
        let mut findings = Findings::new();
        for node in self.nodes() {
            let Some((list, code)) = self.code(node) else {
                continue;
            };
            match list {
                Err(detail) => findings.push(Finding::new(&node.path, "xoev-list", detail)),
                Ok(id) if lists.list(&id).is_some_and(|list| !list.contains(code)) => {
                    findings.push(unknown(node, &id));
                }
                Ok(_) => {}
            }
        }
        findings
    }

    /// The lists this message takes codes from, without repetition.
    pub fn lists(&self) -> Vec<ListId> {
        let mut lists: Vec<ListId> = self
            .nodes()
            .iter()
            .filter_map(|node| self.code(node)?.0.ok())
            .collect();
        lists.sort();
        lists.dedup();
        lists
    }

    /// List and code of an element that is one: it has a child `code` and names a list, or its place is known.
    fn code<'a>(&'a self, node: &'a Node) -> Option<(Result<ListId, Bilingual>, &'a str)> {
        if !node.has_children {
            return None;
        }
        let code = self
            .all_in(node, "code")
            .into_iter()
            .find(|code| !code.has_children)?;
        let (uri, version) = (node.attribute("listURI"), node.attribute("listVersionID"));
        let parent = node
            .parent
            .and_then(|at| self.nodes().get(at))
            .map_or("", Node::local);
        let known = SHARED
            .iter()
            .find(|(above, name, _)| {
                *name == node.local() && (above.is_empty() || *above == parent)
            })
            .map(|(_, _, code_type)| *code_type);
        // A list without version is legal where the schema fixes it; where it does not, the schema's check finds it.
        let said = uri.is_some() && version.is_some();
        let code_type = known.or(said.then_some(CodeType::Open))?;
        Some((code_type.list(uri, version), code.text.trim()))
    }
}

fn unknown(node: &Node, id: &ListId) -> Finding {
    let ListId { uri, version } = id;
    Finding::new(
        format!("{}/code", node.path),
        "xoev-code",
        Bilingual::new(
            format!("der Schlüssel steht nicht in der Codeliste {uri}, Version {version}"),
            format!("the code is not in code list {uri}, version {version}"),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: CodeType = CodeType::Values {
        uri: "urn:a",
        version: "1",
    };
    const VALUES_ELSEWHERE: CodeType = CodeType::Version {
        uri: "urn:a",
        version: "1",
    };
    const LIST: CodeType = CodeType::List { uri: "urn:a" };

    #[test]
    fn each_type_of_code_says_what_the_schema_leaves_open() {
        for (code_type, uri, version, holds) in [
            (FIXED, None, None, true),
            (FIXED, Some("urn:a"), Some("1"), true),
            (FIXED, Some("urn:b"), None, false),
            (VALUES_ELSEWHERE, None, Some("2"), false),
            (LIST, None, Some("7"), true),
            (LIST, Some("urn:a"), Some("7"), true),
            (LIST, None, None, false),
            (LIST, Some("urn:b"), Some("7"), false),
            (CodeType::Open, Some("urn:b"), Some("7"), true),
            (CodeType::Open, Some("urn:b"), None, false),
            (CodeType::Open, None, Some("7"), false),
        ] {
            assert_eq!(
                code_type.list(uri, version).is_ok(),
                holds,
                "{code_type:?} {uri:?} {version:?}"
            );
        }
    }
}
