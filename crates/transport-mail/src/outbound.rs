//! One try: look into the ledger, build, seal, send, note.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::placement::Names;
use amtsbote_adapter::transport::{read_small, settings_of};
use amtsbote_adapter::{Arrival, Fault, Lineage, Outbound, Parcel, Receipt, Reply, Transport};
use amtsbote_jose::cms::{ContentCipher, Recipients};
use amtsbote_model::{Clock, ParcelId};
use amtsbote_problem::io::in_german;

use crate::fault::unfit;
use crate::ledger::{Entry, probe};
use crate::settings::{Cipher, Settings};
use crate::smtp::Connection;
use crate::wire::{inner, message_id, outer};

/// Mailboxes, by settings.
pub struct Mail(Arc<dyn Clock>);

impl Mail {
    /// Mail needs a date, and certificates have one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl Transport for Mail {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    /// Makes the ledger's folder if it is not there.
    fn open(&self, settings: toml::Table, base: &Path) -> Result<Arc<dyn Outbound>, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        let way = MailOutbound::open(settings.below(base), self.0.clone())?;
        Ok(Arc::new(way))
    }

    fn said(&self, settings: toml::Table, files: usize) -> Result<Vec<Lineage>, Fault> {
        let settings: Settings = settings_of(self, settings)?;
        Ok(crate::wire::said(&settings, files))
    }

    fn names(&self, _settings: toml::Table) -> Result<Names, Fault> {
        Ok(NAMES)
    }
}

/// Of the parts of a mail.
const NAMES: Names = Names::Joined;

/// The way out to one mailbox.
pub struct MailOutbound {
    settings: Arc<Settings>,
    recipients: Recipients,
    clock: Arc<dyn Clock>,
}

impl MailOutbound {
    /// Checks the settings, reads the certificates, makes the ledger's folder. Calls nobody.
    pub fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        settings.check()?;
        let mut pems = Vec::new();
        for file in &settings.certificate_files {
            pems.push(read_small(file, "certificate_files")?);
        }
        let recipients =
            Recipients::parse(&pems, clock.now().as_seconds()).map_err(|error| unfit(&error))?;
        std::fs::create_dir_all(&settings.ledger_dir).map_err(|error| {
            let kind = error.kind();
            Fault::misconfigured(
                format!("ledger_dir lässt sich nicht anlegen: {}", in_german(kind)),
                format!("ledger_dir cannot be made: {kind}"),
            )
        })?;
        Ok(Self {
            settings: Arc::new(settings),
            recipients,
            clock,
        })
    }

    async fn bring(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        let (settings, id) = (self.settings.clone(), parcel.id);
        self.check_dates()?;
        let entry = blocking(move || Entry::lock(&settings.ledger_dir, id)).await?;
        let (entry, brought) = blocking(move || {
            let brought = entry.is_brought()?;
            Ok((entry, brought))
        })
        .await?;
        if brought {
            return Ok(self.receipt(id, Arrival::Repeated));
        }
        let content = inner(parcel, self.settings.max_bytes).await?;
        let (recipients, cipher) = (self.recipients.clone(), cipher(self.settings.cipher));
        let sealed = blocking(move || {
            recipients
                .seal(content.reveal(), cipher)
                .map_err(|error| {
                    Fault::misconfigured(
                        "der Inhalt ließ sich für die Zertifikate in certificate_files nicht verschlüsseln",
                        error.to_string(),
                    )
                })
        })
        .await?;
        let mail = outer(&self.settings, id, self.clock.now(), &sealed)?;
        let mut connection = Connection::open(&self.settings).await?;
        connection.send(&self.settings, &mail).await?;
        amtsbote_names::fail_point!(MailTaken);
        // A stop before this note is the one window: the repeat sends the same mail again. A note that cannot be written
        // opens it too, and the mail is with the server all the same.
        let noted = blocking(move || {
            let _ = entry.note_brought();
            Ok(())
        })
        .await;
        let _ = noted;
        connection.close().await;
        Ok(self.receipt(id, Arrival::New))
    }

    fn check_dates(&self) -> Result<(), Fault> {
        self.recipients
            .check_dates(self.clock.now().as_seconds())
            .map_err(|error| unfit(&error))
    }

    fn receipt(&self, id: ParcelId, arrival: Arrival) -> Receipt {
        Receipt {
            place: message_id(&self.settings, id),
            arrival,
            file_number: None,
        }
    }

    async fn look(&self) -> Result<(), Fault> {
        self.check_dates()?;
        let settings = self.settings.clone();
        blocking(move || probe(&settings.ledger_dir)).await?;
        let mut connection = Connection::open(&self.settings).await?;
        connection.ask(&self.settings).await?;
        connection.close().await;
        Ok(())
    }
}

const fn cipher(cipher: Cipher) -> ContentCipher {
    match cipher {
        Cipher::Aes256Gcm => ContentCipher::Aes256Gcm,
        Cipher::Aes256Cbc => ContentCipher::Aes256Cbc,
    }
}

/// Runs what computes long or waits for the disk off the async threads. If the caller is dropped it still ends by itself, and
/// the parcel's lock goes with it.
async fn blocking<T, F>(work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Fault> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
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

impl Outbound for MailOutbound {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(within(limit, self.bring(parcel)))
    }

    /// Connects, logs in, names sender and recipients, and takes it back.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, self.look()))
    }

    fn names(&self) -> Names {
        NAMES
    }
}
