//! The shared services of the project.

use std::collections::BTreeMap;
use std::path::Path;

use amtsbote_validate::service::{MANIFEST, Service};

/// All services, by name.
pub(crate) fn all() -> Vec<Service> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join(MANIFEST).exists())
        .collect();
    folders.sort();
    folders
        .iter()
        .map(|folder| Service::load(files(folder)).unwrap_or_else(|found| panic!("{found:#?}")))
        .collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (prefix, dir) in [
        ("", folder.to_owned()),
        ("examples/", folder.join("examples")),
    ] {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                files.insert(format!("{prefix}{name}"), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}
