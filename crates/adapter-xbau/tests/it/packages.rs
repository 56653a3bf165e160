//! Reads mapping packages from the project's `deploy/` folder.

use std::path::{Path, PathBuf};

use amtsbote_adapter::{Files, Package};

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every package under `deploy/` of this format.
pub(crate) fn all() -> Vec<Package> {
    let mut packages = Vec::new();
    let municipalities = folders(&root().join("deploy/hessen"));
    for package in municipalities
        .iter()
        .flat_map(|folder| folders(&folder.join("packages")))
    {
        let package = Package::parse(files(&package))
            .unwrap_or_else(|findings| panic!("{}: {findings:?}", package.display()));
        packages.extend((package.format == "xbau").then_some(package));
    }
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

fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .replace('\\', "/");
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
