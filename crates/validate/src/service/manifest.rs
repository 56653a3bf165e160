//! `service.toml`.

use amtsbote_model::ServiceId;
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::Deserialize;

use super::MANIFEST;

const SIZE_MAX_BYTES: usize = 1 << 20;
/// The keyword's name in `service.toml` for the rule `din-91379`.
const CHARSET_KEYWORD: &str = "x-charset";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) service: ServiceId,
    pub(super) label: Bilingual,
    pub(super) version: String,
    pub(super) schema_uri: String,
    pub(super) mime_type: String,
    /// The year of the catalogue the key is from; for people.
    #[serde(default, rename = "leika_as_of")]
    _leika_as_of: Option<String>,
    /// The catalogue's own name of the service; for people.
    #[serde(default, rename = "leika_name")]
    _leika_name: Option<String>,
    pub(super) attachments: Attachments,
    #[serde(default, rename = "example")]
    pub(super) examples: Vec<Example>,
}

/// What may be attached to a submission.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachments {
    /// How many.
    pub max_count: u32,
    /// How large together, in bytes.
    pub max_total_bytes: u64,
    /// Allowed purposes (metadata 1.1: `attachment`, `form`, `report`).
    pub purposes: Vec<String>,
    /// Allowed media types.
    pub mime_types: Vec<String>,
}

/// An example and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Path in the folder.
    pub file: String,
    /// Is it a good one?
    pub valid: bool,
    /// All findings of a bad one, in any order.
    #[serde(default)]
    pub findings: Vec<Expected>,
}

/// An expected finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The place.
    pub at: String,
    /// The rule; `x-charset`, the keyword, stands for the rule `din-91379`.
    pub rule: String,
    /// The member that is missing or unknown; without it any will do.
    #[serde(default, alias = "missing", alias = "unknown")]
    pub member: Option<String>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, Findings> {
    if bytes.len() > SIZE_MAX_BYTES {
        return Err(fault(
            format!("ist größer als {SIZE_MAX_BYTES} Byte"),
            format!("is larger than {SIZE_MAX_BYTES} bytes"),
        ));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(fault("ist nicht in UTF-8".into(), "is not UTF-8".into()));
    };
    let mut manifest: Manifest = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| {
            text[..span.start.min(text.len())].matches('\n').count() + 1
        });
        let message = error.message();
        fault(
            format!("Zeile {line}: {}", amtsbote_problem::toml::german(message)),
            format!("line {line}: {message}"),
        )
    })?;
    for expected in manifest
        .examples
        .iter_mut()
        .flat_map(|example| &mut example.findings)
    {
        if expected.rule == CHARSET_KEYWORD {
            "din-91379".clone_into(&mut expected.rule);
        }
    }
    let contradictory = manifest
        .examples
        .iter()
        .find(|example| example.valid != example.findings.is_empty());
    if let Some(example) = contradictory {
        let file = &example.file;
        return Err(fault(
            format!("{file}: genau die fehlerhaften Beispiele nennen erwartete Befunde"),
            format!("{file}: exactly the invalid examples name expected findings"),
        ));
    }
    Ok(manifest)
}

fn fault(de: String, en: String) -> Findings {
    vec![Finding::new(MANIFEST, "toml", Bilingual::new(de, en))]
}
