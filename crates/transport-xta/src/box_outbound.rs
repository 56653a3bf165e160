//! The way into a message box of our own: the procedure takes it from there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::Step;
use amtsbote_adapter::transport::parcel_id;
use amtsbote_adapter::{
    Arrival, Fault, Lineage, Outbound, Parcel, Receipt, Reply, Transport, transport,
};
use amtsbote_model::{Clock, Personal};

use crate::fault::disk;
use crate::mailbox::{Item, Mailbox, Placed, Record, Tray};
use crate::outbound::{contents, receipt, within};
use crate::settings::BoxSettings;
use crate::spool::{Spool, blocking, stage};
use crate::steps;

/// The transport of the registry. It has a clock: what is put into a box bears the time.
#[derive(Clone)]
pub struct XtaBox {
    clock: Arc<dyn Clock>,
}

impl XtaBox {
    /// With the program's clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl Transport for XtaBox {
    fn name(&self) -> &'static str {
        crate::BOX_NAME
    }

    fn open(&self, settings: toml::Table, base: &Path) -> Result<Arc<dyn Outbound>, Fault> {
        let mut settings: BoxSettings = transport::settings_of(self, settings)?;
        settings.path = base.join(&settings.path);
        Ok(Arc::new(XtaBoxOutbound::open(
            settings,
            self.clock.clone(),
        )?))
    }

    fn said(&self, settings: toml::Table, files: usize) -> Result<Vec<Lineage>, Fault> {
        let settings: BoxSettings = transport::settings_of(self, settings)?;
        Ok(crate::said::said(
            &settings.cover,
            files,
            (&[parcel_id()], "urn:uuid:{parcel}"),
        ))
    }
}

/// The way into one account's message box. Any number of them, in any number of processes on one machine, may use a box.
#[derive(Clone)]
pub struct XtaBoxOutbound {
    settings: Arc<BoxSettings>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for XtaBoxOutbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XtaBoxOutbound")
            .field("path", &self.settings.path)
            .finish_non_exhaustive()
    }
}

impl XtaBoxOutbound {
    /// Checks the settings. The box itself is opened when it is needed: `probe` and `deliver` tell what is wrong with it.
    pub fn open(settings: BoxSettings, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        if !settings.path.is_absolute() {
            return Err(Fault::misconfigured(
                "path muss absolut sein",
                "path has to be absolute",
            ));
        }
        Ok(Self {
            settings: Arc::new(settings),
            clock,
        })
    }

    async fn mailbox(&self) -> Result<Mailbox, Fault> {
        let path: PathBuf = self.settings.path.clone();
        // Not made here: a box nobody serves would swallow messages.
        let opened = blocking(move || {
            if path.is_dir() {
                Mailbox::open(&path)
            } else {
                Err(std::io::ErrorKind::NotFound.into())
            }
        });
        opened.await.map_err(|error| disk(steps::OPEN_BOX, &error))
    }

    async fn bring(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        const STEP: Step = steps::WRITE_BOX;
        let contents = contents(parcel, self.settings.message.as_ref())?;
        let mailbox = self.mailbox().await?;
        let message_id = format!("urn:uuid:{}", parcel.id);
        let (looked, id) = (mailbox.clone(), message_id.clone());
        let known = blocking(move || looked.find(&id))
            .await
            .map_err(|error| disk(STEP, &error))?;
        if known.is_some() {
            return Ok(receipt(message_id, Arrival::Repeated));
        }
        let mut staged = stage(&mailbox).await.map_err(|error| disk(STEP, &error))?;
        let mut items = Vec::new();
        for content in &contents {
            let (back, file) = blocking(move || {
                let file = staged.create()?;
                Ok((staged, file))
            })
            .await
            .map_err(|error| disk(STEP, &error))?;
            staged = back;
            let mut spool = Spool::new(file);
            let mut reader = content.file.read();
            while let Some(bytes) = reader.next().await? {
                spool
                    .write(&bytes)
                    .await
                    .map_err(|error| disk(STEP, &error))?;
            }
            let spooled = spool.finish().await.map_err(|error| disk(STEP, &error))?;
            items.push(Item {
                name: Personal::new(content.name.clone()),
                media_type: content.media_type.clone(),
                size: spooled.size,
                sha256: spooled.sha256,
            });
        }
        let record = Record::new(
            message_id.clone(),
            self.settings.cover.clone(),
            items,
            self.clock.now(),
        );
        let placed = blocking(move || mailbox.place(staged, &record, Tray::Box))
            .await
            .map_err(|error| disk(STEP, &error))?;
        let arrival = match placed {
            Placed::New => Arrival::New,
            // The id is the parcel's: another content under it is a translation of the same submission; the first counts.
            Placed::Repeated | Placed::Taken => Arrival::Repeated,
        };
        Ok(receipt(message_id, arrival))
    }

    async fn look(&self) -> Result<(), Fault> {
        let mailbox = self.mailbox().await?;
        blocking(move || mailbox.check())
            .await
            .map_err(|error| disk(steps::OPEN_BOX, &error))
    }
}

impl Outbound for XtaBoxOutbound {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(within(limit, self.bring(parcel)))
    }

    /// Opens the box. What its account's client does is not looked at.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, self.look()))
    }
}
