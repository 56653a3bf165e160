//! What the API versions demand of JWE headers beyond the cryptographic profile (which is `jose`'s business).
//!
//! Under v2 the live service refuses metadata and data whose `cty` is neither `application/json` nor
//! `application/xml`, and `zip` must not be set (both reported by clients). Attachments carry any `cty`.

use amtsbote_problem::{Finding, Findings};

use crate::ApiVersion;
use crate::fields::finding;

/// The members of a protected header that are judged here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JweHeader<'h> {
    /// Media type of the content.
    pub cty: Option<&'h str>,
    /// Compression.
    pub zip: Option<&'h str>,
    /// The key it is sealed for. Under v1 clients also send the thumbprint (RFC 7638): any name is taken.
    pub kid: Option<&'h str>,
    /// Type; not needed, any is taken.
    pub typ: Option<&'h str>,
}

/// Which part of a submission is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `encryptedMetadata`.
    Metadata,
    /// `encryptedData`.
    Data,
    /// An attachment.
    Attachment,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Metadata, Self::Data, Self::Attachment];
}

/// Longest `kid` (Submission API 1.1.3, `encryptionKid`).
const KID_MAX: usize = 64;

impl JweHeader<'_> {
    /// Everything `version` does not allow; the place of each finding is the header's name.
    pub fn check(&self, version: ApiVersion, part: Part) -> Findings {
        [
            self.cty_finding(version, part),
            self.zip_finding(version),
            self.kid_finding(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn cty_finding(&self, version: ApiVersion, part: Part) -> Option<Finding> {
        let structured = match part {
            Part::Metadata | Part::Data => true,
            Part::Attachment => false,
        };
        if !(structured && version.enforces_cty()) {
            return None;
        }
        let fits = |cty: &str| {
            MEDIA_TYPES
                .iter()
                .any(|known| known.eq_ignore_ascii_case(cty))
        };
        let (rule, text) = match self.cty {
            Some(cty) if fits(cty) => return None,
            Some(_) => ("enum", ("ist hier nicht erlaubt", "is not allowed here")),
            None => ("required", ("fehlt", "is missing")),
        };
        let allowed = MEDIA_TYPES.map(str::to_owned).to_vec();
        Some(finding("cty", rule, text).allowed(allowed))
    }

    fn zip_finding(&self, version: ApiVersion) -> Option<Finding> {
        match self.zip {
            Some(_) if !version.allows_zip() => Some(finding(
                "zip",
                "forbidden",
                ("darf nicht gesetzt sein", "must not be set"),
            )),
            Some(zip) if zip != "DEF" => Some(
                finding(
                    "zip",
                    "enum",
                    ("ist kein bekanntes Verfahren", "is no known algorithm"),
                )
                .allowed(vec!["DEF".to_owned()]),
            ),
            Some(_) | None => None,
        }
    }

    fn kid_finding(&self) -> Option<Finding> {
        let kid = self.kid?;
        let fits = !kid.is_empty() && kid.chars().count() <= KID_MAX;
        (!fits).then(|| {
            let text = (
                "muss 1 bis 64 Zeichen haben",
                "must have 1 to 64 characters",
            );
            finding("kid", "maxLength", text)
        })
    }
}

const MEDIA_TYPES: [&str; 2] = ["application/json", "application/xml"];

#[cfg(test)]
mod tests {
    use super::*;
    use ApiVersion::{V1, V2};

    fn check(version: ApiVersion, part: Part, header: JweHeader<'_>, expected: &[&str]) {
        let found: Vec<_> = header
            .check(version, part)
            .iter()
            .map(|f| format!("{} {}", f.rule, f.at))
            .collect();
        assert_eq!(found, expected, "{version} {part:?} {header:?}");
    }

    #[test]
    fn v1_takes_what_v1_clients_send() {
        let python = JweHeader {
            cty: Some("application/json"),
            zip: Some("DEF"),
            kid: Some("NFNb7k84r61G9ayAAJItJCNGl7wKWif9HyBAgicJq_8"),
            typ: Some("JWE"),
        };
        for part in Part::ALL {
            check(V1, part, python, &[]);
            check(V2, part, python, &["forbidden zip"]);
            check(V1, part, JweHeader::default(), &[]);
        }
    }

    #[test]
    fn v2_wants_a_content_type_on_metadata_and_data() {
        let pdf = JweHeader {
            cty: Some("application/pdf"),
            ..JweHeader::default()
        };
        check(V2, Part::Attachment, pdf, &[]);
        check(V2, Part::Attachment, JweHeader::default(), &[]);
        check(V2, Part::Data, pdf, &["enum cty"]);
        check(V2, Part::Metadata, JweHeader::default(), &["required cty"]);
        let xml = JweHeader {
            cty: Some("application/xml"),
            ..JweHeader::default()
        };
        check(V2, Part::Data, xml, &[]);
    }

    #[test]
    fn odd_compression_and_key_names_are_found_in_both_versions() {
        let long = "k".repeat(65);
        let odd = JweHeader {
            cty: Some("application/json"),
            zip: Some("BR"),
            kid: Some(&long),
            typ: None,
        };
        check(V1, Part::Data, odd, &["enum zip", "maxLength kid"]);
        check(V2, Part::Data, odd, &["forbidden zip", "maxLength kid"]);
        check(
            V1,
            Part::Data,
            JweHeader {
                kid: Some(""),
                ..JweHeader::default()
            },
            &["maxLength kid"],
        );
    }
}
