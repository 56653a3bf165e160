//! `[settings]` of a package for `bundle`; their reference is the README.

use amtsbote_adapter::{
    Algorithm, AttachmentName, Beside, FileName, Letters, Naming, Numbering, Package,
};
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) pack: Pack,
    /// Name of the archive. With `pack = "zip"` only.
    pub(crate) file: Option<FileName>,
    /// Name of a file with the checksums of all others.
    pub(crate) checksums: Option<FileName>,
    #[serde(default)]
    pub(crate) algorithm: Algorithm,
    /// Of which checksums each file has a file of its own beside it.
    #[serde(default)]
    pub(crate) sum_files: Vec<Algorithm>,
    #[serde(default)]
    pub(crate) sum_form: SumForm,
    /// Folder of the attachments, `.` or `none`.
    #[serde(default = "anlagen")]
    attachments: String,
    #[serde(default)]
    letters: Letters,
    #[serde(default)]
    numbering: Option<Numbering>,
    /// How they are called, where the rule of ours does not do.
    attachment_name: Option<AttachmentName>,
    /// `format`, and that format's settings.
    #[serde(default)]
    pub(crate) part: Vec<toml::Table>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pack {
    #[default]
    Files,
    Zip,
}

/// What stands in the file with the checksum of one other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SumForm {
    /// Checksum and name, as `sha256sum -c` reads it.
    #[default]
    Line,
    /// The checksum alone, without a line end.
    Bare,
}

fn anlagen() -> String {
    "anlagen".to_owned()
}

impl Settings {
    /// Where attachments go.
    pub(crate) fn beside(&self, package: &Package) -> Result<Beside, Findings> {
        let said = self.attachment_name.as_ref();
        let naming = Naming::open(package, self.letters, self.numbering, said)?;
        Beside::new(&self.attachments, naming)
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
        match (self.pack, &self.file) {
            (Pack::Zip, None) => wrong(
                "file",
                "pack = \"zip\" braucht den Namen des Archivs, etwa file = \"antrag_{parcel}.zip\"",
                "pack = \"zip\" needs the archive's name, such as file = \"antrag_{parcel}.zip\"",
            ),
            (Pack::Files, Some(_)) => wrong(
                "file",
                "gehört zu pack = \"zip\"; Namen von Dokumenten stehen in [[settings.part]]",
                "belongs to pack = \"zip\"; names of documents stand in [[settings.part]]",
            ),
            (Pack::Zip, Some(_)) | (Pack::Files, None) => {}
        }
        let name = self.checksums.as_ref().map(FileName::as_str);
        let named = name.unwrap_or_default().to_ascii_lowercase();
        let says = |one: &Algorithm| named.contains(one.name());
        if Algorithm::ALL.iter().any(says) && !says(&self.algorithm) {
            wrong(
                "checksums",
                "der Name nennt ein anderes Verfahren als algorithm (ohne Angabe \"sha256\")",
                "the name says another method than algorithm (\"sha256\" if left out)",
            );
        }
        if self.part.is_empty() {
            wrong(
                "part",
                "mindestens ein [[settings.part]] mit format = \"xml\", \"json\" oder \"table\"",
                "at least one [[settings.part]] with format = \"xml\", \"json\" or \"table\"",
            );
        }
        findings
    }
}
