//! The problem as it goes over the wire.

use serde::{Deserialize, Serialize};

use crate::{Finding, Problem, Turn};

/// The language of titles and hints. Findings always carry both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English, the default for programs.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// From an `Accept-Language` header (RFC 9110 §12.5.4): German if a `de` range comes before any `en`.
    /// Weights other than order are ignored, which every browser's header satisfies.
    pub fn from_accept(header: &str) -> Self {
        let first = header.split(',').map(str::trim).find_map(|range| {
            let primary = range.split([';', '-']).next().unwrap_or_default();
            match primary.to_ascii_lowercase().as_str() {
                "de" => Some(Self::German),
                "en" => Some(Self::English),
                _ => None,
            }
        });
        first.unwrap_or_default()
    }
}

/// `application/problem+json` (RFC 9457) with our extension members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// A URI that names the problem; resolves to its description.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short name, in the asked language.
    pub title: String,
    /// Copy of the HTTP status.
    pub status: u16,
    /// What is specific to this case; the title again where nothing is (clients read it by name).
    pub detail: String,
    /// This occurrence: `urn:request:<request id>`.
    pub instance: String,
    /// Stable code for programs.
    pub code: String,
    /// Whose turn it is now.
    pub turn: Turn,
    /// What to do.
    pub hint: String,
    /// For support: find it in the logs.
    pub request_id: String,
    /// All findings at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Problem {
    /// The wire body. `types` is the URI prefix of problem types, ending in `/`.
    pub fn body(&self, types: &str, request_id: &str, language: Language) -> Body {
        let entry = self.code.entry();
        let (title, hint) = match language {
            Language::English => (entry.title, entry.hint),
            Language::German => (entry.title_de, entry.hint_de),
        };
        Body {
            kind: format!("{types}{}", entry.code),
            title: title.to_owned(),
            status: entry.status,
            detail: self.detail.clone().unwrap_or_else(|| title.to_owned()),
            instance: format!("urn:request:{request_id}"),
            code: entry.code.to_owned(),
            turn: entry.turn,
            hint: hint.to_owned(),
            request_id: request_id.to_owned(),
            findings: self.findings.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bilingual, Code};

    #[test]
    fn the_language_follows_the_first_known_range() {
        for (header, expected) in [
            ("de-DE,de;q=0.9,en;q=0.8", Language::German),
            ("fr, en, de", Language::English),
            ("*", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::from_accept(header), expected, "{header}");
        }
    }

    #[test]
    fn a_problem_on_the_wire() {
        let problem = Problem::new(Code::SchemaViolated).findings(vec![Finding::new(
            "/antragsteller/0/familienname",
            "required",
            Bilingual::new("fehlt", "is missing"),
        )]);
        let body = problem.body("https://gw.example/problems/", "r-1", Language::German);
        insta::assert_json_snapshot!(body);
    }
}
