//! One try: begin, stream, commit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::placement::{Layout, Names, Plan};
use amtsbote_adapter::transport::settings_of;
use amtsbote_adapter::{Arrival, Fault, Lineage, Outbound, Parcel, Receipt, Reply, Transport};
use tokio::io::AsyncWriteExt as _;

use crate::dir::Dir;
use crate::fault::{AtStep as _, Failure};
use crate::ledger::{Folders, Note, Shown};
use crate::settings::Settings;
use crate::staging::{Begun, Staging};
use crate::steps;

/// Folders the procedure watches, by settings.
#[derive(Debug)]
pub struct Folder;

impl Transport for Folder {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    /// Makes the folders if they are not there.
    fn open(&self, settings: toml::Table, base: &Path) -> Result<Arc<dyn Outbound>, Fault> {
        let mut settings: Settings = settings_of(self, settings)?;
        settings.path = base.join(&settings.path);
        settings.work_path = settings.work_path.map(|path| base.join(path));
        for folder in std::iter::once(&settings.path).chain(&settings.work_path) {
            make(folder).at(steps::MAKE_FOLDER)?;
        }
        Ok(Arc::new(FolderOutbound::open(settings)?))
    }

    fn said(&self, settings: toml::Table, files: usize) -> Result<Vec<Lineage>, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        Ok(settings.placement().said(files))
    }

    fn names(&self, settings: toml::Table) -> Result<Names, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        Ok(settings.placement().names())
    }
}

/// Makes a folder and those above it that are missing, and makes their names durable: a power cut does not take a new folder away
/// with all that was synced in it.
fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let is_missing = |at: &&Path| !at.as_os_str().is_empty() && !at.exists();
    let missing: Vec<_> = folder.ancestors().take_while(is_missing).collect();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(folder)?;
    for made in missing.iter().rev() {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        let above = Dir::named(above.unwrap_or(Path::new(".")))?;
        above.sync()?;
    }
    Ok(())
}

/// The way out into one folder. Cheap to clone; any number of them, in any number of processes on one machine, may
/// bring parcels into the same folder.
#[derive(Debug, Clone)]
pub struct FolderOutbound {
    settings: Arc<Settings>,
}

impl FolderOutbound {
    /// Checks the settings and removes what stopped tries left behind. A folder that is not there yet (a mount still
    /// missing) is no fault here: `probe` and `deliver` tell.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        for path in [Some(&settings.path), settings.work_path.as_ref()]
            .into_iter()
            .flatten()
        {
            if !path.is_absolute() {
                return Err(Fault::misconfigured(
                    "path und work_path müssen absolut sein",
                    "path and work_path have to be absolute",
                ));
            }
        }
        if settings.trigger.is_some() && settings.layout == Layout::Folder {
            return Err(Fault::misconfigured(
                "trigger gehört zu layout = \"flat\"; herausnehmen",
                "trigger belongs to layout = \"flat\"; remove it",
            ));
        }
        let this = Self {
            settings: Arc::new(settings),
        };
        // Whatever is wrong with the folder comes up again, with its name, when it is needed.
        let _ = this.sweep();
        Ok(this)
    }

    /// Removes what stopped tries left behind: never a parcel whose ledger says it is about to become visible, never
    /// one another try is writing. Blocks; [`Self::open`] does it once.
    pub fn sweep(&self) -> Result<(), Fault> {
        if !self.settings.path.is_dir() {
            return Ok(());
        }
        Ok(Folders::open(&self.settings)?.sweep()?)
    }

    async fn bring(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        let plan = self
            .settings
            .placement()
            .plan(parcel)
            .map_err(|findings| Fault::Rejected { findings })?;
        let note = Note {
            layout: plan.layout,
            name: plan.name.clone(),
        };
        let (settings, id, telltale) =
            (self.settings.clone(), parcel.id, plan.telltale().to_owned());
        match blocking(move || Staging::begin(&settings, id, note, &telltale)).await? {
            Begun::There(note, shown) => Ok(self.receipt(&note.name, shown)),
            Begun::Write(staging) => {
                let staging = write(staging, &plan).await?;
                let shown = blocking(move || staging.commit()).await?;
                Ok(self.receipt(&plan.name, shown))
            }
        }
    }

    fn receipt(&self, name: &str, shown: Shown) -> Receipt {
        let place: PathBuf = self.settings.path.join(name);
        let arrival = match shown {
            Shown::Now => Arrival::New,
            Shown::Before => Arrival::Repeated,
        };
        Receipt {
            place: place.display().to_string(),
            arrival,
            file_number: None,
        }
    }
}

async fn write(mut staging: Box<Staging>, plan: &Plan<'_>) -> Result<Box<Staging>, Fault> {
    for planned in &plan.files {
        let (folders, leaf) = (planned.folders.clone(), planned.leaf.clone());
        let (back, file) = blocking(move || {
            let file = staging.create(&folders, &leaf)?;
            Ok((staging, file))
        })
        .await?;
        staging = back;
        let mut file = tokio::fs::File::from_std(file);
        if let Some(content) = planned.content {
            let mut reader = content.read();
            while let Some(bytes) = reader.next().await? {
                file.write_all(&bytes).await.at(steps::WRITE_PARCEL)?;
            }
        }
        file.flush().await.at(steps::WRITE_PARCEL)?;
        file.sync_all().await.at(steps::SYNC_PARCEL)?;
    }
    Ok(staging)
}

/// Runs what waits for the disk off the async threads. If the caller is dropped, it still ends by itself, and the
/// parcel's lock goes with it.
async fn blocking<T, F>(work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Failure> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Fault::unavailable(
            "das Programm fährt gerade herunter",
            "the program is shutting down",
        )),
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(Fault::unavailable(
            "es dauerte länger als erlaubt",
            "it took longer than the limit",
        ))
    })
}

impl Outbound for FolderOutbound {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(within(limit, self.bring(parcel)))
    }

    /// Opens the folder and asks for the right to write. Makes our two folders if they are not there.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        let settings = self.settings.clone();
        Box::pin(within(
            limit,
            blocking(move || Folders::open(&settings).map(drop)),
        ))
    }

    fn names(&self) -> Names {
        self.settings.placement().names()
    }
}
