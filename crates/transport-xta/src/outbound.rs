//! One try at a foreign XTA server: look up, or ask for an id, note it, send.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::{
    Arrival, Fault, Lineage, Outbound, Parcel, ParcelFile, Receipt, Reply, Transport, transport,
};
use amtsbote_model::Secret;
use amtsbote_outgoing::{Identity, Outgoing};
use url::Url;

use crate::call::{NoResult, Ports, Request};
use crate::directory::{Directory as _, StaticDirectory};
use crate::fault::{disk, rejected, soap};
use crate::ledger::{self, Begun, Held};
use crate::mtom::Part;
use crate::receive::PARTS_MAX;
use crate::settings::{MessageFile, Settings};
use crate::soap::{FaultKind, Operation, SoapFault};
use crate::spool::blocking;
use crate::steps;
use crate::wire::{self, Times};

const PEM_MAX_BYTES: u64 = 1_000_000;
const USER_AGENT: &str = concat!("amtsbote/", env!("CARGO_PKG_VERSION"));

/// The transport of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Xta;

impl Transport for Xta {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    fn open(&self, settings: toml::Table, base: &Path) -> Result<Arc<dyn Outbound>, Fault> {
        let mut settings: Settings = transport::settings_of(self, settings)?;
        let paths = [
            &mut settings.certificate,
            &mut settings.key,
            &mut settings.work_path,
        ];
        for path in paths
            .into_iter()
            .chain(&mut settings.ca_file)
            .chain(&mut settings.directory)
        {
            *path = base.join(&*path);
        }
        Ok(Arc::new(XtaOutbound::open(settings)?))
    }

    fn said(&self, settings: toml::Table, files: usize) -> Result<Vec<Lineage>, Fault> {
        let settings: Settings = transport::settings_of(self, settings)?;
        Ok(crate::said::said(
            &settings.cover,
            files,
            (&[], "createMessageId of the XTA server"),
        ))
    }
}

/// The way to a foreign XTA server. Cheap to clone; any number of them on one machine may share a ledger.
#[derive(Debug, Clone)]
pub struct XtaOutbound {
    settings: Arc<Settings>,
    ports: Ports,
}

/// What the server knows of a message.
enum Known {
    Arrived,
    Nothing,
    Failed(u32),
}

impl XtaOutbound {
    /// Checks the settings and reads certificate, key and directory; makes no call.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        if !settings.work_path.is_absolute() {
            return Err(Fault::misconfigured(
                "work_path muss absolut sein",
                "work_path has to be absolute",
            ));
        }
        let (management, send) = urls(&settings)?;
        let pem = |path: &Path| pem(path);
        let key = String::from_utf8(pem(&settings.key)?).map_err(|_| {
            Fault::misconfigured(
                "die Datei des Schlüssels (key) ist kein PEM",
                "the key's file is not PEM",
            )
        })?;
        let mut outgoing = amtsbote_outgoing::Settings::trusted(USER_AGENT);
        outgoing.identity = Some(Identity {
            chain_pem: pem(&settings.certificate)?,
            key_pem: Secret::new(key),
        });
        outgoing.extra_roots_pem = settings.ca_file.as_deref().map(pem).transpose()?;
        let outgoing = Outgoing::open(outgoing)
            .map_err(|fault| Fault::Misconfigured { what: fault.told() })?;
        Ok(Self {
            settings: Arc::new(settings),
            ports: Ports {
                outgoing,
                management,
                send,
            },
        })
    }

    async fn bring(&self, parcel: &Parcel) -> Result<Receipt, Fault> {
        let contents = contents(parcel, self.settings.message.as_ref())?;
        let (work, id) = (self.settings.work_path.clone(), parcel.id);
        let begun = blocking(move || ledger::begin(&work, id))
            .await
            .map_err(|error| disk(steps::READ_LEDGER, &error))?;
        match begun {
            Begun::Elsewhere => Err(Fault::unavailable(
                "ein anderer Versuch mit dieser Sendung ist im Gange",
                "another try with this parcel is under way",
            )),
            Begun::Done(message_id) => Ok(receipt(message_id, Arrival::Repeated)),
            Begun::Nothing(held) => {
                let message_id = self.create_message_id().await?;
                amtsbote_names::fail_point!(MessageIdMade);
                let held = noted(held, message_id.clone()).await?;
                amtsbote_names::fail_point!(MessageIdNoted);
                self.send(held, message_id, &contents).await
            }
            Begun::Sending(message_id, held) => match self.look_up(&message_id).await? {
                Known::Arrived => finish(held, message_id, Arrival::Repeated).await,
                Known::Failed(status) => Err(failed(&message_id, status)),
                Known::Nothing => self.send(held, message_id, &contents).await,
            },
        }
    }

    /// The id is durable. Dying anywhere in here is fine: the next try looks up first.
    async fn send(
        &self,
        held: Held,
        message_id: String,
        contents: &[Content<'_>],
    ) -> Result<Receipt, Fault> {
        let sent = self.ports.call(self.message(&message_id, contents)).await;
        let fault = match sent {
            Ok(_) => {
                amtsbote_names::fail_point!(MessageSent);
                return finish(held, message_id, Arrival::New).await;
            }
            Err(NoResult::Fault(fault)) => return Err(fault),
            Err(NoResult::Soap(fault)) => fault,
        };
        // Both can mean that the message is there already: an answer of an earlier try came too late, or never.
        if matches!(
            fault.kind,
            FaultKind::InvalidMessageId | FaultKind::ParameterIsNotValid
        ) {
            match self.look_up(&message_id).await? {
                Known::Arrived => return finish(held, message_id, Arrival::Repeated).await,
                Known::Failed(status) => return Err(failed(&message_id, status)),
                Known::Nothing if fault.kind == FaultKind::InvalidMessageId => {
                    blocking(move || held.forget())
                        .await
                        .map_err(|error| disk(steps::WRITE_LEDGER, &error))?;
                    return Err(Fault::unavailable(
                        "sendMessage: die MessageID gilt nicht mehr; der nächste Versuch erbittet eine neue",
                        "sendMessage: the MessageID is not valid any more; the next try asks for a new one",
                    ));
                }
                Known::Nothing => {}
            }
        }
        Err(soap("sendMessage", &fault))
    }

    fn message(&self, message_id: &str, contents: &[Content<'_>]) -> Request {
        let mut body = wire::container_start();
        let mut parts = Vec::new();
        for (index, content) in contents.iter().enumerate() {
            let id = format!("{index}.{}@amtsbote", uuid::Uuid::new_v4());
            body.push_str(&wire::content_start(
                index,
                &content.name,
                &content.media_type,
            ));
            body.push_str(&wire::include(&id));
            body.push_str(&wire::content_end(index));
            parts.push(Part {
                id,
                pieces: content.file.pieces.clone(),
            });
        }
        body.push_str(wire::CONTAINER_END);
        Request {
            operation: Operation::SendMessage,
            header: wire::metadata(&self.settings.cover, message_id, Times::default()),
            body,
            parts,
        }
    }

    fn asking(&self, operation: Operation, body: String) -> Request {
        Request {
            operation,
            header: wire::party("Author", &self.settings.cover.author),
            body,
            parts: Vec::new(),
        }
    }

    async fn create_message_id(&self) -> Result<String, Fault> {
        let answer = self
            .ports
            .call(self.asking(Operation::CreateMessageId, String::new()))
            .await;
        let answer = answer.map_err(|none| told("createMessageId", none))?;
        let id = answer.body.text_at("MessageID");
        if wire::is_message_id(id) {
            Ok(id.to_owned())
        } else {
            Err(Fault::unavailable(
                "createMessageId: die Antwort enthält keine brauchbare MessageID",
                "createMessageId: the answer holds no usable MessageID",
            ))
        }
    }

    /// A report that names a reader is about a message; one that does not is about an id alone.
    async fn look_up(&self, message_id: &str) -> Result<Known, Fault> {
        let body = wire::message_id_element(message_id);
        match self
            .ports
            .call(self.asking(Operation::GetTransportReport, body))
            .await
        {
            Ok(answer) => {
                let report = answer.body.child("TransportReport").ok_or_else(|| {
                    Fault::unavailable(
                        "getTransportReport: die Antwort enthält keinen Report",
                        "getTransportReport: the answer holds no report",
                    )
                })?;
                let status = report.text_at("MessageStatus/Status").parse().unwrap_or(0);
                if self.settings.failed_status.contains(&status) {
                    return Ok(Known::Failed(status));
                }
                let reader = report.text_at("MessageMetaData/Destinations/Reader/Identifier");
                Ok(if reader.is_empty() {
                    Known::Nothing
                } else {
                    Known::Arrived
                })
            }
            Err(NoResult::Soap(SoapFault {
                kind: FaultKind::InvalidMessageId,
                ..
            })) => Ok(Known::Nothing),
            Err(none) => Err(told("getTransportReport", none)),
        }
    }

    async fn look(&self) -> Result<(), Fault> {
        let work = self.settings.work_path.clone();
        blocking(move || ledger::check(&work))
            .await
            .map_err(|error| disk(steps::WRITE_LEDGER, &error))?;
        let answer = self
            .ports
            .call(self.asking(Operation::CheckAccountActive, String::new()))
            .await;
        answer
            .map(drop)
            .map_err(|none| told("checkAccountActive", none))
    }
}

impl Outbound for XtaOutbound {
    fn deliver<'a>(
        &'a self,
        parcel: &'a Parcel,
        limit: Duration,
    ) -> Reply<'a, Result<Receipt, Fault>> {
        Box::pin(within(limit, self.bring(parcel)))
    }

    /// `checkAccountActive`, and whether the ledger can be written.
    fn probe(&self, limit: Duration) -> Reply<'_, Result<(), Fault>> {
        Box::pin(within(limit, self.look()))
    }
}

pub(crate) async fn within<T>(
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

fn told(operation: &str, none: NoResult) -> Fault {
    match none {
        NoResult::Fault(fault) => fault,
        NoResult::Soap(fault) => soap(operation, &fault),
    }
}

fn failed(message_id: &str, status: u32) -> Fault {
    Fault::misconfigured(
        format!(
            "laut Transport-Report des XTA-Servers ist die Nachricht {message_id} gescheitert (Status {status}); dort nachsehen, und den Vermerk `.sending` der Sendung aus work_path entfernen, damit sie neu gesendet wird"
        ),
        format!(
            "the XTA server's transport report says that the message {message_id} failed (status {status}); look there, and remove the parcel's `.sending` note from work_path to have it sent anew"
        ),
    )
}

pub(crate) fn receipt(place: String, arrival: Arrival) -> Receipt {
    Receipt {
        place,
        arrival,
        file_number: None,
    }
}

async fn noted(held: Held, message_id: String) -> Result<Held, Fault> {
    let noted = blocking(move || {
        held.note(&message_id)?;
        Ok(held)
    });
    noted
        .await
        .map_err(|error| disk(steps::WRITE_LEDGER, &error))
}

async fn finish(held: Held, message_id: String, arrival: Arrival) -> Result<Receipt, Fault> {
    blocking(move || held.done())
        .await
        .map_err(|error| disk(steps::WRITE_LEDGER, &error))?;
    Ok(receipt(message_id, arrival))
}

/// A file of the parcel with the name it gets at the receiver.
pub(crate) struct Content<'p> {
    pub(crate) file: &'p ParcelFile,
    pub(crate) name: String,
    pub(crate) media_type: String,
}

/// The message first, then the attachments in the parcel's order.
pub(crate) fn contents<'p>(
    parcel: &'p Parcel,
    message: Option<&MessageFile>,
) -> Result<Vec<Content<'p>>, Fault> {
    if parcel.files.is_empty() || parcel.files.len() >= PARTS_MAX {
        return Err(rejected(
            "",
            "file-count",
            "ein Paket hat 1 bis 300 Dateien",
            "a parcel has 1 to 300 files",
        ));
    }
    let mut names = std::collections::BTreeSet::new();
    let mut contents = Vec::new();
    for (index, file) in parcel.files.iter().enumerate() {
        // A container has no folders.
        let name = file.path.as_str().replace('/', "_");
        if !names.insert(name.to_lowercase()) {
            return Err(rejected(
                &format!("/files/{index}"),
                "file-twice",
                "zwei Dateien des Pakets hätten denselben Namen",
                "two files of the parcel would have the same name",
            ));
        }
        let media_type = match file.media_type.as_str() {
            "" => "application/octet-stream",
            media_type => media_type,
        };
        contents.push(Content {
            file,
            name,
            media_type: media_type.to_owned(),
        });
    }
    if let Some(message) = message {
        let at = parcel
            .files
            .iter()
            .position(|file| file.path == *message.path());
        let at = at.ok_or_else(|| {
            Fault::misconfigured(
                "die Sendung hat keine Datei des Namens, den `message` nennt",
                "the parcel has no file of the name that `message` tells",
            )
        })?;
        contents[..=at].rotate_right(1);
    }
    Ok(contents)
}

fn urls(settings: &Settings) -> Result<(Url, Url), Fault> {
    let parsed = |text: &str| {
        Url::parse(text).map_err(|_| {
            Fault::misconfigured(
                format!("{text:?} ist keine URL"),
                format!("{text:?} is not a URL"),
            )
        })
    };
    if let (Some(management), Some(send)) = (&settings.management_url, &settings.send_url) {
        return Ok((parsed(management)?, parsed(send)?));
    }
    let base = match (&settings.url, &settings.directory) {
        (Some(url), None) => url.clone(),
        (None, Some(path)) => {
            let (reader, service) = (&settings.cover.reader.id, &settings.cover.service);
            let entry = StaticDirectory::read(path)?.look_up(reader, service);
            entry
                .ok_or_else(|| {
                    Fault::misconfigured(
                        format!("das Verzeichnis hat keinen Eintrag für {reader} und {service}"),
                        format!("the directory has no entry for {reader} and {service}"),
                    )
                })?
                .url
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Fault::misconfigured(
                "den Server angeben: durch url, durch directory oder durch management_url und send_url",
                "name the server: by url, by directory, or by management_url and send_url",
            ));
        }
    };
    let port = |own: &Option<String>, name: &str| match own {
        Some(url) => parsed(url),
        None => parsed(&format!(
            "{}/services/XTAService/{name}",
            base.trim_end_matches('/')
        )),
    };
    Ok((
        port(&settings.management_url, "ManagementPort")?,
        port(&settings.send_url, "SendXtaPort")?,
    ))
}

fn pem(path: &Path) -> Result<Vec<u8>, Fault> {
    let unread = |error: std::io::Error| {
        let (path, kind) = (path.display(), error.kind());
        let german = amtsbote_problem::io::in_german(kind);
        Fault::misconfigured(
            format!("{path} ist nicht lesbar: {german}; Pfad und Rechte prüfen"),
            format!("{path} cannot be read: {kind}; check path and rights"),
        )
    };
    let mut bytes = Vec::new();
    fs::File::open(path)
        .map_err(unread)?
        .take(PEM_MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    Ok(bytes)
}
