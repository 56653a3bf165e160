//! `[settings]` of a package for `json`; their reference is the README.

use amtsbote_adapter::{AttachmentName, Beside, FileName, Letters, Naming, Numbering, Package};
use amtsbote_problem::Findings;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The annotated sample, a file of the package.
    pub(crate) template: String,
    /// Name of the file that is made.
    #[serde(default = "antrag")]
    pub(crate) file: FileName,
    #[serde(default)]
    pub(crate) form: Form,
    /// Folder of the attachments, `.` or `none`.
    #[serde(default = "anlagen")]
    attachments: String,
    #[serde(default)]
    letters: Letters,
    #[serde(default)]
    numbering: Option<Numbering>,
    /// How they are called, where the rule of ours does not do.
    attachment_name: Option<AttachmentName>,
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

fn antrag() -> FileName {
    FileName::fixed("antrag.json")
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
}
