//! A running agent takes up another active version of a package: it looks at the pointers every few seconds.
//!
//! Looking works on every file system and needs no signal, no rights and no second door into the process. A version that
//! cannot be used is logged, and the one before stays in use; deliveries that have begun keep theirs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_agent::{Activated, Mappings, Older};
use amtsbote_model::DestinationId;
use anyhow::{Context, Result};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::packages::{self, Store};
use crate::registry::Registry;
use crate::stop::Stop;
use crate::talk::Talk;
use crate::{agents, folder};

/// How often pointers are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What is in use at a destination.
pub(crate) struct Watched {
    pub(crate) destination: DestinationId,
    /// `packages` of its settings: names.
    pub(crate) packages: Vec<String>,
    /// `receiver` of its settings.
    pub(crate) receiver: Value,
    pub(crate) mappings: Mappings,
}

/// Where packages come from.
pub(crate) struct Shelf {
    /// `packages_dir` of the settings.
    pub(crate) dir: PathBuf,
    pub(crate) registry: Arc<Registry>,
    pub(crate) talk: Talk,
}

impl Shelf {
    /// The active version of each package, ready for use at that destination. What its settings lack for a package is logged and
    /// stops nothing: applications that do not need it are delivered, the others wait.
    pub(crate) fn active(
        &self,
        names: &[String],
        (destination, receiver): (DestinationId, &Value),
    ) -> Result<Vec<Activated>> {
        let activated = |name: &String| {
            let files =
                packages::in_use(&self.dir, name).with_context(|| format!("the package {name}"))?;
            let made = agents::activate_for(receiver, files, (&self.registry, self.talk));
            let (activated, lacking) = made?;
            for one in &lacking {
                tracing::error!(destination.id = %destination, package.name = activated.name(),
                    "the destination {destination} lacks {} for {}: {}", one.at, activated.name(), one.detail.en);
            }
            Ok(activated)
        };
        names.iter().map(activated).collect()
    }

    /// Finds versions that are kept but not active.
    pub(crate) fn older(self: &Arc<Self>) -> Older {
        let shelf = self.clone();
        Arc::new(move |name| {
            let (package, version) = name.split_once('@')?;
            let store = Store::new(&shelf.dir);
            let files = if store.has(package, version) {
                store.files(package, version)
            } else {
                // A plain folder has one version only: the one a delivery began with, or none.
                folder::read(&shelf.dir.join(package))
            };
            let found =
                files.and_then(|files| agents::activate(files, &shelf.registry, shelf.talk));
            match found {
                Ok(found) => Some(found).filter(|found| found.name() == name),
                Err(error) => {
                    tracing::error!(
                        package.name = name,
                        "the package {name} cannot be used: {error:#}"
                    );
                    None
                }
            }
        })
    }

    /// Which versions are active, by the pointers alone.
    fn pointed(&self, names: &[String]) -> Vec<Option<String>> {
        let store = Store::new(&self.dir);
        let active = |name: &String| {
            store
                .pointer(name)
                .ok()
                .flatten()
                .map(|pointer| pointer.active)
        };
        names.iter().map(active).collect()
    }
}

/// Looks at pointers in the background until stopped.
pub(crate) fn start(shelf: Arc<Shelf>, watched: Vec<Watched>, stop: &Stop) -> JoinHandle<()> {
    let wait = stop.wait();
    tokio::spawn(async move {
        tokio::select! {
            () = watch(shelf, watched) => {}
            () = wait => {}
        }
    })
}

/// Looks again and again, until dropped.
async fn watch(shelf: Arc<Shelf>, watched: Vec<Watched>) {
    let mut known: Vec<Vec<Option<String>>> = watched
        .iter()
        .map(|watched| shelf.pointed(&watched.packages))
        .collect();
    loop {
        tokio::time::sleep(LOOK).await;
        for (watched, known) in watched.iter().zip(&mut known) {
            let now = shelf.pointed(&watched.packages);
            if now == *known {
                continue;
            }
            known.clone_from(&now);
            take_up(&shelf, watched).await;
        }
    }
}

async fn take_up(shelf: &Arc<Shelf>, watched: &Watched) {
    let (shelf, wanted) = (shelf.clone(), watched.packages.clone());
    let (destination, receiver) = (watched.destination, watched.receiver.clone());
    // Examples run before a version is used: not on a thread that serves connections.
    let loaded =
        tokio::task::spawn_blocking(move || shelf.active(&wanted, (destination, &receiver))).await;
    match loaded {
        Ok(Ok(active)) => {
            let versions: Vec<String> = active.iter().map(Activated::name).collect();
            watched.mappings.replace(active);
            tracing::info!("packages in use now: {}", versions.join(", "));
        }
        Ok(Err(error)) => tracing::error!(
            "a package that was activated cannot be used; what was in use stays: {error:#}"
        ),
        Err(_panic) => {
            tracing::error!("reading packages ended with a fault; what was in use stays");
        }
    }
}
