//! Reads mapping packages from the project's `deploy/` folder.

use std::path::{Path, PathBuf};

use amtsbote_adapter::Package;
use amtsbote_adapter::laws::format::read_package;
use amtsbote_adapter_xoev::{Format, NAMES};
use amtsbote_xoev::Installed;
use serde_json::Value;

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

/// Every package under `deploy/` of these formats.
pub(crate) fn all() -> Vec<Package> {
    let packages: Vec<Package> = municipalities()
        .iter()
        .flat_map(|municipality| of(municipality))
        .chain(
            folders(&root().join("deploy/xoev"))
                .iter()
                .map(|folder| read_package(folder)),
        )
        .filter(|package| NAMES.contains(&package.format.as_str()))
        .collect();
    assert!(
        !packages.is_empty(),
        "no package of these formats under deploy"
    );
    packages
}

/// Those that take whatever their service takes. XGewerbeanzeige does not: codes no published sample shows are refused.
pub(crate) fn complete() -> Vec<Package> {
    all()
        .into_iter()
        .filter(|package| package.format != "xgewerbe")
        .collect()
}

/// The packages of one format.
pub(crate) fn of_format(name: &str) -> Vec<Package> {
    all()
        .into_iter()
        .filter(|package| package.format == name)
        .collect()
}

/// The format without anything an operator may add.
pub(crate) fn bare(name: &'static str) -> Format {
    Format::new(name, Installed::default())
}

/// The format of a package, with what is installed.
pub(crate) fn format_of(package: &Package, installed: &Installed) -> Format {
    let name = NAMES
        .into_iter()
        .find(|name| *name == package.format)
        .unwrap();
    Format::new(name, installed.clone())
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

/// The data of each sample submission and each valid example of the package's service.
pub(crate) fn inputs(package: &Package) -> Vec<(String, Value)> {
    let json =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let service = package.schema_uri.split('/').nth_back(2).unwrap();
    let examples = files(&root().join("schemas").join(service).join("examples")).into_iter();
    let valid = examples.filter(|path| {
        !path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("falsch-")
    });
    let mut inputs: Vec<(String, Value)> = valid
        .map(|path| (path.display().to_string(), json(&path)))
        .collect();
    for path in files(&root().join("fixtures/submissions")) {
        let mut sample = json(&path);
        if sample["service"].as_str() == Some(package.service.as_str()) {
            inputs.push((path.display().to_string(), sample["data"].take()));
        }
    }
    assert!(inputs.len() >= 3, "few inputs for {service}");
    inputs
}

/// The package once for each of its service's inputs, which becomes its only example.
pub(crate) fn with_every_input(package: &Package) -> Vec<(String, Package)> {
    inputs(package)
        .into_iter()
        .map(|(name, data)| (name, with_input(package, &data)))
        .collect()
}

/// The package with this data as its only example.
pub(crate) fn with_input(package: &Package, data: &Value) -> Package {
    amtsbote_adapter::laws::edge::with_input(package, data, "2026-01-02T03:04:05.678Z")
}

fn files(at: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(at)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort();
    found
}
