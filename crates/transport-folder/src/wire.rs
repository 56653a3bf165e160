//! Which file of a parcel gets which name. Pure.

use std::collections::BTreeSet;

use amtsbote_adapter::{Parcel, ParcelFile};
use amtsbote_problem::{Bilingual, Finding};

use crate::settings::{Layout, Settings};

/// `NAME_MAX` of Linux and the longest name on NTFS and SMB, in bytes.
const NAME_MAX_BYTES: usize = 255;
/// Position in front of a flat file's name while it waits: `0001-`.
pub(crate) const POSITION_LEN: usize = 5;

/// What is written where.
#[derive(Debug)]
pub(crate) struct Plan<'p> {
    /// Name of the folder, or beginning of the files' names.
    pub(crate) name: String,
    pub(crate) layout: Layout,
    /// In the order of writing, which in the flat layout is the order of becoming visible.
    pub(crate) files: Vec<Planned<'p>>,
}

/// One file, while it is not visible yet.
#[derive(Debug)]
pub(crate) struct Planned<'p> {
    /// Folders above it, inside the parcel's own.
    pub(crate) folders: Vec<String>,
    /// Its name.
    pub(crate) leaf: String,
    /// Its content; an empty marker has none.
    pub(crate) content: Option<&'p ParcelFile>,
}

impl Plan<'_> {
    /// The name in the procedure's folder that shows whether the parcel was brought.
    pub(crate) fn telltale(&self) -> &str {
        match self.layout {
            Layout::Folder => &self.name,
            Layout::Flat => self
                .files
                .last()
                .map_or(&self.name, |last| &last.leaf[POSITION_LEN..]),
        }
    }
}

pub(crate) fn plan<'p>(settings: &Settings, parcel: &'p Parcel) -> Result<Plan<'p>, Vec<Finding>> {
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

fn in_folder<'p>(settings: &Settings, parcel: &'p Parcel) -> Vec<Planned<'p>> {
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

fn flat<'p>(settings: &Settings, parcel: &'p Parcel, name: &str) -> Vec<Planned<'p>> {
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
        _ => format!("{name}_{}", path.replace('/', "_")),
    }
}

/// Files that are one on a file system that ignores case, or that would be file and folder at once. Findings tell the
/// position, not the name: names come from the sender.
fn clashes(files: &[ParcelFile]) -> Vec<Finding> {
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
        let settings: Settings = toml::from_str(&format!(
            "path = \"/x\"\nname = \"a-{{parcel}}\"\n{settings}"
        ))
        .unwrap();
        let file = |path: &&str| ParcelFile {
            path: path.parse().unwrap(),
            media_type: String::new(),
            pieces: vec![],
        };
        let parcel = Parcel {
            id: "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap(),
            files: paths.iter().map(file).collect(),
        };
        let plan = plan(&settings, &parcel);
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
}
