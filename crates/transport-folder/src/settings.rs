//! The settings of one folder; their reference is the README.

use std::path::PathBuf;

use amtsbote_adapter::ParcelPath;
use amtsbote_model::ParcelId;
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

/// How a parcel lies in the folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A folder per parcel, visible with one rename.
    #[default]
    Folder,
    /// Files side by side; the trigger becomes visible last.
    Flat,
}

/// What a taken name means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Collision {
    /// The parcel was brought before (the name holds its id) and the ledger was lost: nothing is written.
    #[default]
    Repeated,
    /// A person has to look: [`amtsbote_adapter::Fault::Misconfigured`].
    Refuse,
}

/// 1–80 characters with `{parcel}` once, safe as a file name, not beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NamePattern(String);

/// The text is no name pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a name pattern: 1 to 80 characters that are safe in a file name, with `{{parcel}}` exactly once"
)]
pub struct MalformedPattern;

const PARCEL: &str = "{parcel}";

impl NamePattern {
    pub(crate) fn of(&self, id: ParcelId) -> String {
        self.0.replace(PARCEL, &id.to_string())
    }
}

impl Default for NamePattern {
    fn default() -> Self {
        Self(PARCEL.to_owned())
    }
}

impl TryFrom<String> for NamePattern {
    type Error = MalformedPattern;

    fn try_from(text: String) -> Result<Self, MalformedPattern> {
        let around = text.replacen(PARCEL, "x", 1);
        let fits = text.chars().count() <= 80
            && text.contains(PARCEL)
            && !around.contains(['{', '}', '/']);
        if fits && around.parse::<ParcelPath>().is_ok() {
            Ok(Self(text))
        } else {
            Err(MalformedPattern)
        }
    }
}

/// A marker's name or ending: 1–40 characters that are safe in a file name; a leading dot is fine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Marker(String);

/// The text is no marker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a marker: 1 to 40 characters that are safe in a file name")]
pub struct MalformedMarker;

impl Marker {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Marker {
    type Error = MalformedMarker;

    fn try_from(text: String) -> Result<Self, MalformedMarker> {
        let behind_dot = text.strip_prefix('.').unwrap_or(&text);
        let fits = text.chars().count() <= 40
            && !text.contains('/')
            && behind_dot.parse::<ParcelPath>().is_ok();
        if fits {
            Ok(Self(text))
        } else {
            Err(MalformedMarker)
        }
    }
}

/// A file inside the parcel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Trigger(ParcelPath);

impl Trigger {
    pub(crate) const fn path(&self) -> &ParcelPath {
        &self.0
    }
}

impl TryFrom<String> for Trigger {
    type Error = amtsbote_adapter::UnsafePath;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// Rights of a file or folder: octal such as `"0640"`, or `"inherit"` to leave them to the file system (umask, ACL,
/// mount options: right for CIFS and NFS mounts with rights of their own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum FileMode {
    /// Exactly these bits, whatever the umask.
    Bits(u32),
    /// Whatever the file system gives.
    Inherit,
}

/// The text is no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a mode: octal digits such as \"0640\" without rights for others to write, or \"inherit\""
)]
pub struct MalformedMode;

impl FileMode {
    const fn file() -> Self {
        Self::Bits(0o640)
    }

    const fn folder() -> Self {
        Self::Bits(0o750)
    }
}

impl TryFrom<String> for FileMode {
    type Error = MalformedMode;

    fn try_from(text: String) -> Result<Self, MalformedMode> {
        if text == "inherit" {
            return Ok(Self::Inherit);
        }
        let bits = u32::from_str_radix(&text, 8).map_err(|_| MalformedMode)?;
        // The owner has to read and write; the world may never write.
        let fits = bits <= 0o777 && bits & 0o600 == 0o600 && bits & 0o002 == 0;
        if fits {
            Ok(Self::Bits(bits))
        } else {
            Err(MalformedMode)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_the_parcel_once_and_stay_in_the_folder() {
        for good in ["{parcel}", "bauantrag_{parcel}", "Zulassung {parcel}"] {
            assert!(NamePattern::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "antrag",
            "{parcel}{parcel}",
            "../{parcel}",
            "a/{parcel}",
            ".{parcel}",
            "{service}_{parcel}",
            "{parcel}.",
        ] {
            assert!(NamePattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_gives_the_world_the_right_to_write() {
        for (text, expected) in [
            ("0640", Some(FileMode::Bits(0o640))),
            ("600", Some(FileMode::Bits(0o600))),
            ("inherit", Some(FileMode::Inherit)),
            ("0666", None),
            ("0440", None),
            ("1777", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(FileMode::try_from(text.to_owned()).ok(), expected, "{text}");
        }
    }

    #[test]
    fn markers_are_single_names() {
        for (text, fits) in [
            (".fertig", true),
            ("fertig.txt", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
        ] {
            assert_eq!(Marker::try_from(text.to_owned()).is_ok(), fits, "{text}");
        }
    }
}
