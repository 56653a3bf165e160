//! How a parcel lies where files lie: which file gets which name, and in which order they become visible. Shared by the
//! ways out that write files. Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;

use amtsbote_model::ParcelId;
use amtsbote_problem::{Bilingual, Finding};
use amtsbote_translate::Place;
use serde::Deserialize;

use crate::transport::{name_of, parcel_id, said};
use crate::{Lineage, Parcel, ParcelFile, ParcelPath};

/// How parcels are to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// A folder per parcel, or files side by side.
    pub layout: Layout,
    /// Name of the folder, or beginning of each file's name.
    pub name: NamePattern,
    /// An empty file that says *complete*.
    pub marker: Option<Marker>,
    /// The file that becomes visible after all others.
    pub trigger: Option<Trigger>,
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
    /// A person has to look: [`crate::Fault::Misconfigured`].
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
    /// The name of this parcel.
    pub fn of(&self, id: ParcelId) -> String {
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

/// How documents have to call the parcel's files, so that whoever reads them finds the files as they arrive.
///
/// ```text
///  of the file anlagen/1.pdf      is called             where
///  Paths                          anlagen/1.pdf         folders, archives, XTA
///  Joined                         anlagen_1.pdf         parts of a form, of a mail
///  Last                           1.pdf                 calls of their own
///  Behind                         <name>_anlagen_1.pdf  files side by side
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Names {
    /// By their paths.
    #[default]
    Paths,
    /// With `_` for `/`.
    Joined,
    /// By the last part of their paths.
    Last,
    /// With `_` for `/`, behind the name of the parcel.
    Behind(NamePattern),
}

impl Names {
    /// The file at `path` of this parcel.
    pub fn of<'p>(&self, id: ParcelId, path: &'p str) -> Cow<'p, str> {
        match self {
            Self::Paths => path.into(),
            Self::Joined => joined(path).into(),
            Self::Last => path.rsplit('/').next().unwrap_or_default().into(),
            Self::Behind(pattern) => behind(&pattern.of(id), path).into(),
        }
    }

    /// How they come about, where they are not the paths, and what else they are made of.
    pub fn rule(&self) -> Option<(String, Option<Place>)> {
        match self {
            Self::Paths => None,
            Self::Joined => Some(("/ becomes _".to_owned(), None)),
            Self::Last => Some(("the last part".to_owned(), None)),
            Self::Behind(pattern) => Some((rule(pattern), Some(parcel_id()))),
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
    /// As written.
    pub fn as_str(&self) -> &str {
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
    /// Its path.
    pub const fn path(&self) -> &ParcelPath {
        &self.0
    }
}

impl TryFrom<String> for Trigger {
    type Error = crate::UnsafePath;

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
    /// `0640`.
    pub const fn file() -> Self {
        Self::Bits(0o640)
    }

    /// `0750`.
    pub const fn folder() -> Self {
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

/// `NAME_MAX` of Linux and the longest name on NTFS and SMB, in bytes.
const NAME_MAX_BYTES: usize = 255;
/// Position in front of a flat file's name while it waits: `0001-`.
pub const POSITION_LEN: usize = 5;

/// What is written where.
#[derive(Debug)]
pub struct Plan<'p> {
    /// Name of the folder, or beginning of the files' names.
    pub name: String,
    /// The layout it was made for.
    pub layout: Layout,
    /// In the order of writing, which in the flat layout is the order of becoming visible.
    pub files: Vec<Planned<'p>>,
}

/// One file, while it is not visible yet.
#[derive(Debug)]
pub struct Planned<'p> {
    /// Folders above it, inside the parcel's own.
    pub folders: Vec<String>,
    /// Its name.
    pub leaf: String,
    /// Its content; an empty marker has none.
    pub content: Option<&'p ParcelFile>,
}

impl Plan<'_> {
    /// The name in the procedure's folder that shows whether the parcel was brought.
    pub fn telltale(&self) -> &str {
        match self.layout {
            Layout::Folder => &self.name,
            Layout::Flat => self
                .files
                .last()
                .map_or(&self.name, |last| &last.leaf[POSITION_LEN..]),
        }
    }
}

impl Placement {
    /// Where the names come from by which a parcel of so many `files` lies there.
    pub fn said(&self, files: usize) -> Vec<Lineage> {
        let named = format!("outbound.name = {}", self.name.0);
        let marker = self.marker.iter();
        let marker = marker.map(|_| said("@marker", &[], "outbound.marker: an empty file"));
        let each = 1..=files;
        let names = each.map(|nr| {
            let name = name_of(nr);
            match self.layout {
                Layout::Folder => said(format!("file[{nr}]/@name"), &[], &name),
                Layout::Flat => said(
                    format!("file[{nr}]/@name"),
                    &[parcel_id()],
                    &format!("{}; {name}", rule(&self.name)),
                ),
            }
        });
        let folder = match self.layout {
            Layout::Folder => Some(said("@folder", &[parcel_id()], &named)),
            Layout::Flat => None,
        };
        folder.into_iter().chain(names).chain(marker).collect()
    }

    /// How documents have to call the files that lie so.
    pub fn names(&self) -> Names {
        match self.layout {
            Layout::Folder => Names::Paths,
            Layout::Flat => Names::Behind(self.name.clone()),
        }
    }

    /// Places the files of `parcel`, or says why no receiver of files could take them.
    pub fn plan<'p>(&self, parcel: &'p Parcel) -> Result<Plan<'p>, Vec<Finding>> {
        plan(self, parcel)
    }
}

fn plan<'p>(settings: &Placement, parcel: &'p Parcel) -> Result<Plan<'p>, Vec<Finding>> {
    let findings = clashes(&parcel.files);
    if !findings.is_empty() {
        return Err(findings);
    }
    let name = settings.name.of(parcel.id);
    let files = match settings.layout {
        Layout::Folder => in_folder(settings, parcel),
        Layout::Flat => flat(settings, parcel, &name),
    };
    let too_long = |file: &Planned<'_>| {
        file.leaf.len() > NAME_MAX_BYTES || file.folders.iter().any(|f| f.len() > NAME_MAX_BYTES)
    };
    if files.iter().any(too_long) {
        return Err(vec![finding(
            "",
            "name-too-long",
            "ein Dateiname ist länger als 255 Bytes",
            "a file name is longer than 255 bytes",
        )]);
    }
    Ok(Plan {
        name,
        layout: settings.layout,
        files,
    })
}

fn in_folder<'p>(settings: &Placement, parcel: &'p Parcel) -> Vec<Planned<'p>> {
    let planned = |file: &'p ParcelFile| {
        let mut folders: Vec<String> = file.path.as_str().split('/').map(str::to_owned).collect();
        let leaf = folders.pop().unwrap_or_default();
        Planned {
            folders,
            leaf,
            content: Some(file),
        }
    };
    let marker = settings.marker.as_ref().map(|marker| Planned {
        folders: Vec::new(),
        leaf: marker.as_str().to_owned(),
        content: None,
    });
    parcel.files.iter().map(planned).chain(marker).collect()
}

fn flat<'p>(settings: &Placement, parcel: &'p Parcel, name: &str) -> Vec<Planned<'p>> {
    let named = settings.trigger.as_ref().and_then(|trigger| {
        parcel
            .files
            .iter()
            .position(|file| file.path == *trigger.path())
    });
    let trigger = named.unwrap_or(0);
    let (last, others): (Vec<_>, Vec<_>) = parcel
        .files
        .iter()
        .enumerate()
        .partition(|(index, _)| *index == trigger);
    let ordered = others
        .into_iter()
        .chain(last)
        .map(|(_, file)| (flat_name(name, file, parcel.files.len()), Some(file)));
    let marker = settings
        .marker
        .as_ref()
        .map(|marker| (format!("{name}{}", marker.as_str()), None));
    ordered
        .chain(marker)
        .enumerate()
        .map(|(position, (leaf, content))| Planned {
            folders: Vec::new(),
            leaf: format!("{:04}-{leaf}", position + 1),
            content,
        })
        .collect()
}

fn flat_name(name: &str, file: &ParcelFile, files: usize) -> String {
    let path = file.path.as_str();
    match path.rsplit_once('.') {
        Some((_, ending)) if files == 1 && !ending.contains('/') => format!("{name}.{ending}"),
        _ => behind(name, path),
    }
}

fn behind(name: &str, path: &str) -> String {
    format!("{name}_{}", joined(path))
}

fn joined(path: &str) -> String {
    path.replace('/', "_")
}

fn rule(name: &NamePattern) -> String {
    format!("outbound.name = {}; / becomes _", name.0)
}

/// Files that are one on a file system that ignores case, or that would be file and folder at once. Findings tell the
/// position, not the name: names come from the sender.
pub fn clashes(files: &[ParcelFile]) -> Vec<Finding> {
    if files.is_empty() || files.len() > 9_000 {
        return vec![finding(
            "",
            "file-count",
            "ein Paket hat 1 bis 9000 Dateien",
            "a parcel has 1 to 9000 files",
        )];
    }
    let mut names = BTreeSet::new();
    let mut folders = BTreeSet::new();
    for file in files {
        let path = file.path.as_str().to_lowercase();
        folders.extend(
            path.match_indices('/')
                .map(|(end, _)| path[..end].to_owned()),
        );
    }
    let mut findings = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let path = file.path.as_str().to_lowercase();
        // The flat layout joins folders by `_`.
        let joined = path.replace('/', "_");
        if folders.contains(&path) || !names.insert(joined) {
            findings.push(finding(
                &format!("/files/{index}"),
                "file-twice",
                "zwei Dateien des Pakets hätten denselben Namen",
                "two files of the parcel would have the same name",
            ));
        }
    }
    findings
}

fn finding(at: &str, rule: &str, de: &str, en: &str) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &str, paths: &[&str], expected: &[&str]) {
        #[derive(Deserialize)]
        struct Settings {
            #[serde(default)]
            layout: Layout,
            marker: Option<Marker>,
            trigger: Option<Trigger>,
        }
        let settings: Settings = toml::from_str(settings).unwrap();
        let placement = Placement {
            layout: settings.layout,
            name: "a-{parcel}".to_owned().try_into().unwrap(),
            marker: settings.marker,
            trigger: settings.trigger,
        };
        let file = |path: &&str| ParcelFile {
            path: path.parse().unwrap(),
            media_type: String::new(),
            pieces: vec![],
        };
        let parcel = Parcel {
            id: "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap(),
            files: paths.iter().map(file).collect(),
        };
        let plan = placement.plan(&parcel);
        let names: Vec<String> = match &plan {
            Err(findings) => findings
                .iter()
                .map(|finding| format!("! {} {}", finding.rule, finding.at))
                .collect(),
            Ok(plan) => plan
                .files
                .iter()
                .map(|file| {
                    [
                        &file.folders[..],
                        &[file
                            .leaf
                            .replace("f39ab143-d91a-474a-b69f-b00f1a1873c2", "ID")],
                    ]
                    .concat()
                    .join("/")
                })
                .collect(),
        };
        assert_eq!(names, expected);
    }

    #[test]
    fn a_folder_keeps_the_paths() {
        check(
            "",
            &["antrag.xml", "anlagen/01.pdf"],
            &["antrag.xml", "anlagen/01.pdf"],
        );
        check(
            "marker = \".fertig\"",
            &["antrag.xml"],
            &["antrag.xml", ".fertig"],
        );
    }

    #[test]
    fn flat_files_begin_with_the_name_and_the_trigger_comes_last() {
        check("layout = \"flat\"", &["antrag.csv"], &["0001-a-ID.csv"]);
        check(
            "layout = \"flat\"",
            &["antrag.xml", "anlagen/01.pdf"],
            &["0001-a-ID_anlagen_01.pdf", "0002-a-ID_antrag.xml"],
        );
        check(
            "layout = \"flat\"\ntrigger = \"z.xml\"\nmarker = \".ok\"",
            &["a.xml", "z.xml", "b.xml"],
            &[
                "0001-a-ID_a.xml",
                "0002-a-ID_b.xml",
                "0003-a-ID_z.xml",
                "0004-a-ID.ok",
            ],
        );
    }

    #[test]
    fn documents_are_told_the_names_files_lie_under() {
        let id: ParcelId = "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap();
        let paths = ["antrag.xml", "anlagen/01.pdf", "steuer"];
        let file = |path: &&str| ParcelFile {
            path: path.parse().unwrap(),
            media_type: String::new(),
            pieces: vec![],
        };
        let parcel = Parcel {
            id,
            files: paths.iter().map(file).collect(),
        };
        for layout in [Layout::Folder, Layout::Flat] {
            let placement = Placement {
                layout,
                name: "a-{parcel}".to_owned().try_into().unwrap(),
                marker: None,
                trigger: None,
            };
            let plan = placement.plan(&parcel).unwrap();
            let lies = |file: &Planned<'_>| match layout {
                Layout::Folder => [&file.folders[..], std::slice::from_ref(&file.leaf)]
                    .concat()
                    .join("/"),
                Layout::Flat => file.leaf[POSITION_LEN..].to_owned(),
            };
            let lie: BTreeSet<String> = plan.files.iter().map(lies).collect();
            let names = placement.names();
            let told = paths.map(|path| names.of(id, path).into_owned());
            assert_eq!(lie, told.into(), "{layout:?}");
        }
    }

    #[test]
    fn names_that_are_one_on_windows_are_refused_by_position() {
        check("", &["a.xml", "A.XML"], &["! file-twice /files/1"]);
        check("", &["a", "a/b"], &["! file-twice /files/0"]);
        check(
            "layout = \"flat\"",
            &["a/b", "a_b"],
            &["! file-twice /files/1"],
        );
        check("", &[], &["! file-count "]);
    }

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
