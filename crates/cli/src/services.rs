//! The shared submission schemas: from a folder, or those built into the program.

use std::path::Path;
use std::sync::Arc;

use amtsbote_validate::service::{Catalogue, Service};
use anyhow::{Context, Result, anyhow};
use include_dir::{Dir, include_dir};

use crate::folder::{self, Files};
use crate::talk::Talk;

static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../schemas");

/// The services in `dir`, or the built-in ones.
pub(crate) fn load(dir: Option<&Path>, talk: Talk) -> Result<Arc<Catalogue>> {
    let folders = match dir {
        Some(dir) => from_disk(dir)?,
        None => built_in(&SCHEMAS),
    };
    let mut services = Vec::with_capacity(folders.len());
    for (name, files) in folders {
        let service = Service::load(files).map_err(|findings| {
            talk.findings(&findings);
            anyhow!("the service {name} cannot be used")
        })?;
        services.push(service);
    }
    Catalogue::new(services).map(Arc::new).map_err(|findings| {
        talk.findings(&findings);
        anyhow!("the services do not fit together")
    })
}

fn from_disk(dir: &Path) -> Result<Vec<(String, Files)>> {
    let mut folders = Vec::new();
    for path in folder::folders(dir)? {
        if path.join("service.toml").exists() {
            folders.push((
                path.display().to_string(),
                folder::read(&path).context("a service's folder")?,
            ));
        }
    }
    Ok(folders)
}

fn built_in(schemas: &Dir<'_>) -> Vec<(String, Files)> {
    let folders = schemas
        .dirs()
        .map(|dir| (dir.path().display().to_string(), files_of(dir)));
    folders
        .filter(|(_, files)| files.contains_key("service.toml"))
        .collect()
}

/// All files of a built-in folder, by path relative to it.
pub(crate) fn files_of(dir: &Dir<'_>) -> Files {
    let mut files = Files::new();
    let mut open = vec![dir];
    while let Some(folder) = open.pop() {
        open.extend(folder.dirs());
        for file in folder.files() {
            let path = file.path().strip_prefix(dir.path()).unwrap_or(file.path());
            files.insert(path.display().to_string(), file.contents().to_vec());
        }
    }
    files
}
