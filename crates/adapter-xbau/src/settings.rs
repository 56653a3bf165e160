//! `[settings]` of a package for this format.

use amtsbote_adapter::ParcelPath;
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::Deserialize;

/// Settings of a package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `xbau-hochbau` or `xbau-kernmodul`.
    pub standard: String,
    /// The standard's version, such as `2.6` or `1.3.0`.
    pub version: String,
    /// The message's number, such as `0200`.
    pub message: String,
    /// The annotated sample, a file of the package.
    #[serde(default = "template")]
    pub template: String,
    /// The message file's name: text with `{name}` (the message's name), `{number}`, `{uuid}`, `{date}` (day of receipt, UTC,
    /// `yyyymmdd`). Needs `{uuid}`, so that no two messages have the same.
    #[serde(default = "file_name")]
    pub file_name: String,
    /// Text of the root's attribute `test`. A message that has one must not be processed in production (XÖV-Basisnachricht).
    #[serde(default)]
    pub test: Option<String>,
    /// JSON pointers of lists whose items need an id in the message and have none in the submission: each item gets a member
    /// `uuid`, made of the message's UUID and the item's place, so that a repeat has the same.
    #[serde(default)]
    pub identify: Vec<String>,
    /// What happens without the official schemas.
    #[serde(default)]
    pub schemas: SchemaRule,
}

/// What happens where the official schemas are not installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaRule {
    /// Messages are checked for form and characters only; [`crate::Format::notices`] says so.
    #[default]
    IfInstalled,
    /// The package does not open.
    Required,
}

fn template() -> String {
    "message.xml".to_owned()
}

fn file_name() -> String {
    "{name}_{uuid}.xml".to_owned()
}

/// What a file name is made of.
pub(crate) struct NameParts<'a> {
    pub(crate) name: &'a str,
    pub(crate) number: &'a str,
    pub(crate) uuid: &'a str,
    pub(crate) date: &'a str,
}

impl Settings {
    /// The message file's name; none if it is not a safe name.
    pub(crate) fn file_name(&self, parts: &NameParts<'_>) -> Option<ParcelPath> {
        let name = self
            .file_name
            .replace("{name}", parts.name)
            .replace("{number}", parts.number)
            .replace("{uuid}", parts.uuid)
            .replace("{date}", parts.date);
        let plain = !name.contains(['/', '{', '}']);
        name.parse().ok().filter(|_| plain)
    }

    pub(crate) fn check_file_name(&self) -> Findings {
        let parts = NameParts {
            name: "message",
            number: "0000",
            uuid: "00000000-0000-4000-8000-000000000000",
            date: "20260101",
        };
        if self.file_name.contains("{uuid}") && self.file_name(&parts).is_some() {
            return Findings::new();
        }
        vec![Finding::new(
            "package.toml/settings/file_name",
            "file-name",
            Bilingual::new(
                "ein Dateiname ohne Ordner mit {uuid}; sonst sind nur {name}, {number} und {date} erlaubt",
                "a file name without folder, with {uuid}; besides only {name}, {number} and {date} are allowed",
            ),
        )]
    }
}
