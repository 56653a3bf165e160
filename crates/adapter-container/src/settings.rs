//! `[settings]` of a package for `container`; their reference is the README.

use amtsbote_adapter::{AttachmentName, Letters, Numbering, ParcelPath};
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) layout: Layout,
    /// Name of the data file, without ending.
    #[serde(default = "antrag")]
    pub(crate) file: String,
    /// Which renderings of the data the folder holds. Not for `one-file`.
    data: Option<Vec<Rendering>>,
    /// An XML sample of the package; without it XML is the generic rendering.
    pub(crate) template: Option<String>,
    /// Root element of the generic rendering.
    #[serde(default = "antrag")]
    pub(crate) root: String,
    /// Which manifests the folder holds. Not for `one-file`, which has one inside.
    manifest: Option<ManifestKind>,
    /// Folder of the attachments.
    #[serde(default = "anlagen")]
    pub(crate) attachments: String,
    #[serde(default)]
    pub(crate) letters: Letters,
    #[serde(default)]
    pub(crate) numbering: Option<Numbering>,
    /// How they are called, where the rule of ours does not do.
    pub(crate) attachment_name: Option<AttachmentName>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    #[default]
    Folder,
    OneFile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rendering {
    Json,
    Xml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ManifestKind {
    Json,
    Xml,
    Both,
    None,
}

fn antrag() -> String {
    "antrag".to_owned()
}

fn anlagen() -> String {
    "anlagen".to_owned()
}

impl Settings {
    pub(crate) fn has(&self, rendering: Rendering) -> bool {
        self.data
            .as_ref()
            .map_or(rendering == Rendering::Json, |data| {
                data.contains(&rendering)
            })
    }

    pub(crate) fn manifest(&self) -> ManifestKind {
        self.manifest.unwrap_or(ManifestKind::Json)
    }

    /// What is wrong beyond the single keys.
    pub(crate) fn findings(&self) -> Findings {
        let mut findings = Findings::new();
        let mut wrong = |key: &str, de: &str, en: &str| {
            findings.push(Finding::new(
                format!("package.toml/settings/{key}"),
                "settings",
                Bilingual::new(de, en),
            ));
        };
        match self.layout {
            Layout::OneFile => {
                if self.data.is_some() || self.manifest.is_some() {
                    wrong(
                        "layout",
                        "data und manifest gehören zu layout = \"folder\"",
                        "data and manifest belong to layout = \"folder\"",
                    );
                }
            }
            Layout::Folder => {
                if self.data.as_ref().is_some_and(Vec::is_empty) {
                    wrong("data", "mindestens json oder xml", "at least json or xml");
                }
                if self.template.is_some() && !self.has(Rendering::Xml) {
                    wrong(
                        "template",
                        "die Vorlage braucht data = [\"xml\"]",
                        "the template needs data = [\"xml\"]",
                    );
                }
            }
        }
        for (key, name) in [("file", &self.file), ("attachments", &self.attachments)] {
            if name.contains('/')
                || name.parse::<ParcelPath>().is_err()
                || name.chars().count() > 60
            {
                wrong(
                    key,
                    "kein sicherer Dateiname von höchstens 60 Zeichen",
                    "not a safe file name of at most 60 characters",
                );
            }
        }
        if crate::generic::element_name(&self.root) != self.root {
            wrong("root", "kein XML-Elementname", "not an XML element name");
        }
        findings
    }
}
