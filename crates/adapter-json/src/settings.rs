//! `[settings]` of a package for `json`; their reference is the README.

use amtsbote_adapter::{Letters, Numbering, ParcelPath};
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The annotated sample, a file of the package.
    pub(crate) template: String,
    /// Name of the file that is made.
    #[serde(default = "antrag")]
    pub(crate) file: String,
    #[serde(default)]
    pub(crate) form: Form,
    /// Folder of the attachments, or `none`.
    #[serde(default = "anlagen")]
    attachments: String,
    #[serde(default)]
    pub(crate) letters: Letters,
    #[serde(default)]
    pub(crate) numbering: Numbering,
}

/// How the document is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// Indented by two.
    #[default]
    Indented,
    /// In one line, with a line end.
    OneLine,
}

fn antrag() -> String {
    "antrag.json".to_owned()
}

fn anlagen() -> String {
    "anlagen".to_owned()
}

impl Settings {
    /// The folder of the attachments, if they go along.
    pub(crate) fn folder(&self) -> Option<&str> {
        (self.attachments != "none").then_some(self.attachments.as_str())
    }

    /// What is wrong beyond the single keys.
    pub(crate) fn findings(&self) -> Findings {
        [("file", &self.file), ("attachments", &self.attachments)]
            .into_iter()
            .filter(|(_, name)| {
                name.contains('/')
                    || name.parse::<ParcelPath>().is_err()
                    || name.chars().count() > 60
            })
            .map(|(key, _)| {
                Finding::new(
                    format!("package.toml/settings/{key}"),
                    "settings",
                    Bilingual::new(
                        "kein sicherer Dateiname von höchstens 60 Zeichen",
                        "not a safe file name of at most 60 characters",
                    ),
                )
            })
            .collect()
    }
}
