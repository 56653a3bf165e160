//! Reads mapping packages from the project's `deploy/` folder.

use std::path::{Path, PathBuf};

use amtsbote_adapter::Package;
use amtsbote_adapter::laws::format::read_package;

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The municipalities' folders.
pub(crate) fn municipalities() -> Vec<PathBuf> {
    folders(&root().join("deploy/hessen"))
}

/// The packages of one municipality.
pub(crate) fn of(municipality: &Path) -> Vec<Package> {
    folders(&municipality.join("packages"))
        .iter()
        .map(|folder| read_package(folder))
        .collect()
}

/// Every package under `deploy/` of this format.
pub(crate) fn all() -> Vec<Package> {
    let packages: Vec<Package> = municipalities()
        .iter()
        .flat_map(|municipality| of(municipality))
        .filter(|package| package.format == "xbau")
        .collect();
    assert!(
        !packages.is_empty(),
        "no package of this format under deploy/hessen"
    );
    packages
}

fn folders(at: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(at) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}
