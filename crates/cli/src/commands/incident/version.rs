//! The version of a package that a replay names: it must be there, and its examples must pass.

use std::path::PathBuf;

use amtsbote_model::delivery::Delivery;
use anyhow::Result;

use crate::agents;
use crate::folder;
use crate::packages::Store;
use crate::registry::Registry;
use crate::talk::Talk;
use crate::xsd;

/// Where the agent's packages are.
#[derive(Debug, Clone)]
pub(crate) struct Packages {
    pub(crate) dir: PathBuf,
    pub(crate) xsd_dir: Option<PathBuf>,
}

/// Checks `name@version` before any delivery is told to use it.
pub(crate) fn check(wanted: &str, packages: Option<&Packages>, talk: Talk) -> Result<()> {
    let Some(packages) = packages else {
        return Err(talk.error(
            "--package braucht die Einstellungen des Agenten (--settings): dort steht, wo die Pakete liegen",
            "--package needs the agent's settings (--settings): they tell where packages are",
        ));
    };
    let unknown = || {
        talk.error(
            format_args!("{wanted} ist kein Paket name@version, das hier liegt; `amtsbote package list` zeigt, was es gibt"),
            format_args!("{wanted} is no package name@version that is here; `amtsbote package list` shows what there is"),
        )
    };
    let (name, version) = wanted.split_once('@').ok_or_else(unknown)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(unknown());
    }
    let store = Store::new(&packages.dir);
    let files = if store.has(name, version) {
        store.files(name, version)?
    } else {
        folder::read(&packages.dir.join(name)).map_err(|_| unknown())?
    };
    let registry = Registry::new(&xsd::load(packages.xsd_dir.as_deref(), talk)?);
    let activated = agents::activate(files, &registry, talk)?;
    if activated.name() == wanted {
        Ok(())
    } else {
        Err(unknown())
    }
}

/// The same delivery, to be translated with this version.
pub(crate) fn with(delivery: Delivery, package: &str) -> Delivery {
    match delivery {
        Delivery::Waiting { at, mut past } => {
            past.package = Some(package.to_owned());
            Delivery::Waiting { at, past }
        }
        other @ (Delivery::Leased { .. }
        | Delivery::Decided { .. }
        | Delivery::Done { .. }
        | Delivery::Parked { .. }) => other,
    }
}
