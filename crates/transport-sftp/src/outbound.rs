//! One try: connect, look, write, note, rename.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::placement::{Names, Plan};
use amtsbote_adapter::transport::settings_of;
use amtsbote_adapter::{Arrival, Fault, Lineage, Outbound, Parcel, Receipt, Reply, Transport};

use crate::fault::Failure;
use crate::ledger::{Ended, Found, Ledger, Shown, unnoted};
use crate::remote::{Remote, join};
use crate::settings::Settings;
use crate::wire::{Attempt, Note};

/// No try lives longer, whatever limit it was given: what is left of older ones may be removed (see `ledger.rs`).
const LIMIT_MAX: Duration = Duration::from_hours(12);

/// Folders on SFTP servers, by settings.
#[derive(Debug)]
pub struct Sftp;

impl Transport for Sftp {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    fn open(&self, settings: toml::Table, base: &Path) -> Result<Arc<dyn Outbound>, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        Ok(Arc::new(SftpOutbound::open(settings.below(base))?))
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

/// The way out into one folder on one server. Any number of them, in any number of processes on any machines, may bring
/// parcels into the same folder.
#[derive(Debug)]
pub struct SftpOutbound {
    settings: Arc<Settings>,
    ended: Ended,
}

impl SftpOutbound {
    /// Checks the settings. Calls nobody: `probe` and `deliver` tell what is wrong with the server.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        settings.check()?;
        Ok(Self {
            settings: Arc::new(settings),
            ended: Ended::default(),
        })
    }

    async fn bring(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        let plan = self
            .settings
            .placement()
            .plan(parcel)
            .map_err(|findings| Fault::Rejected { findings })?;
        let remote = Remote::connect(&self.settings).await?;
        let outcome = self.bring_to(&remote, &plan, parcel).await;
        remote.close().await;
        Ok(outcome?)
    }

    async fn bring_to(
        &self,
        remote: &Remote,
        plan: &Plan<'_>,
        parcel: &Parcel,
    ) -> Result<Receipt, Failure> {
        let ledger = Ledger::open(remote, &self.settings).await?;
        for attempt in self.ended.take() {
            // What cannot be removed now is removed when it is a day old.
            let _ = ledger.discard(attempt).await;
        }
        match ledger.find(plan, parcel.id).await? {
            Found::Noted(note) => Ok(self.receipt(&note.name, ledger.show(&note).await?)),
            Found::Unnoted => {
                let shown = unnoted(self.settings.collision)?;
                Ok(self.receipt(&plan.name, shown))
            }
            Found::Nothing => self.write(&ledger, plan, parcel).await,
        }
    }

    async fn write(
        &self,
        ledger: &Ledger<'_>,
        plan: &Plan<'_>,
        parcel: &Parcel,
    ) -> Result<Receipt, Failure> {
        let attempt = Attempt::new(parcel.id);
        let tracked = self.ended.track(attempt);
        ledger.write(plan, &self.settings, attempt).await?;
        // Only tidies up; the parcel does not wait for it to succeed.
        let _ = ledger.sweep(attempt).await;
        let note = Note {
            layout: plan.layout,
            name: plan.name.clone(),
            attempt,
        };
        tracked.release();
        let counting = ledger.note_down(note).await?;
        if counting.attempt != attempt {
            self.ended.push(attempt);
        }
        let shown = ledger.show(&counting).await?;
        Ok(self.receipt(&counting.name, shown))
    }

    fn receipt(&self, name: &str, shown: Shown) -> Receipt {
        let Settings {
            host, port, path, ..
        } = &*self.settings;
        let place = join(path.as_str(), name);
        Receipt {
            place: format!("{host}:{port} {place}"),
            arrival: match shown {
                Shown::Now => Arrival::New,
                Shown::Before => Arrival::Repeated,
            },
            file_number: None,
        }
    }

    async fn look(&self) -> Result<(), Fault> {
        let remote = Remote::connect(&self.settings).await?;
        let outcome = async {
            let ledger = Ledger::open(&remote, &self.settings).await?;
            ledger.try_writing().await
        }
        .await;
        remote.close().await;
        Ok(outcome?)
    }
}

pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(limit.min(LIMIT_MAX), work)
        .await
        .unwrap_or_else(|_| {
            Err(Fault::unavailable(
                "es dauerte länger als erlaubt",
                "it took longer than the limit",
            ))
        })
}

impl Outbound for SftpOutbound {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(within(limit, self.bring(parcel)))
    }

    /// Connects, logs in, and makes and removes a folder among the unfinished. Makes our two folders if they are not
    /// there.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, self.look()))
    }

    fn names(&self) -> Names {
        self.settings.placement().names()
    }
}
