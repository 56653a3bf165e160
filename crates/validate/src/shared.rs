//! Reference files that are too large or not free to be part of the project. Tests that need them are skipped where
//! they are missing, except in continuous integration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where the reference files are"
)]
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("AMTSBOTE_SHARED").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!must, "reference files are missing at {}", folder.display());
    println!("skipped: no reference files at {}", folder.display());
    None
}

/// The path of a reference file or folder.
pub(crate) fn path(relative: &str) -> Option<PathBuf> {
    folder().map(|folder| folder.join(relative))
}

/// All files below a folder by relative path.
pub(crate) fn files(folder: &Path, extension: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.to_str().unwrap().ends_with(extension) {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}
