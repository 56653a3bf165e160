//! `[settings]` of a package for `xml`; their reference is the README.

use amtsbote_adapter::{
    AttachmentName, Beside, Encoding, FileName, Letters, Naming, Numbering, Package,
};
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
    /// The schema the document has to keep: a file of the package, which finds the others by their addresses in it.
    pub(crate) schema: Option<String>,
    #[serde(default = "utf_8")]
    pub(crate) encoding: Encoding,
    #[serde(default)]
    pub(crate) line_end: LineEnd,
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LineEnd {
    #[default]
    Lf,
    Crlf,
}

fn antrag() -> FileName {
    FileName::fixed("antrag.xml")
}

const fn utf_8() -> Encoding {
    Encoding::Utf8
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
