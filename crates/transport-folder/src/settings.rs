//! The settings of one folder; their reference is the README.

use std::path::PathBuf;

use amtsbote_adapter::placement::{
    Collision, FileMode, Layout, Marker, NamePattern, Placement, Trigger,
};
use serde::Deserialize;

/// One folder a procedure watches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder; absolute, has to be there.
    pub path: PathBuf,
    /// Where parcels are written before they become visible, and the ledger is kept; absolute, on the same file
    /// system. Without it: `.amtsbote-tmp` and `.amtsbote-done` inside `path`.
    pub work_path: Option<PathBuf>,
    /// A folder per parcel, or files side by side.
    #[serde(default)]
    pub layout: Layout,
    /// Name of the folder, or beginning of each file's name.
    #[serde(default)]
    pub name: NamePattern,
    /// Rights of files.
    #[serde(default = "FileMode::file")]
    pub file_mode: FileMode,
    /// Rights of folders.
    #[serde(default = "FileMode::folder")]
    pub dir_mode: FileMode,
    /// Name of an empty file that says *complete*: inside the folder (`layout = "folder"`), or appended to the name
    /// (`layout = "flat"`: `.fertig` gives `<name>.fertig`).
    pub marker: Option<Marker>,
    /// `layout = "flat"`: the file of the parcel that becomes visible after all other files. The parcel's first file,
    /// unless said.
    pub trigger: Option<Trigger>,
    /// What it means that the name is taken although the ledger does not know the parcel.
    #[serde(default)]
    pub collision: Collision,
}

impl Settings {
    pub(crate) fn placement(&self) -> Placement {
        Placement {
            layout: self.layout,
            name: self.name.clone(),
            marker: self.marker.clone(),
            trigger: self.trigger.clone(),
        }
    }
}
