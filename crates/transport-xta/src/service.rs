//! The operations of the service: one request in, one answer out.

use std::sync::Arc;

use amtsbote_adapter::Piece;
use amtsbote_model::{Clock, Personal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};

use crate::accounts::{Account, Voice};
use crate::mailbox::{Item, Place, Placed, Record, Tray};
use crate::mime::content_id;
use crate::mtom::{Message, Part, Shape, text};
use crate::receive::{Bounds, PARTS_MAX, Received, Refusal, receive};
use crate::soap::{Envelope, FaultKind, Operation, Port, SOAP_TYPE, envelope, fault};
use crate::source::file_source;
use crate::spool::{Spool, Spooled, blocking, stage};
use crate::wire::{self, Availability, Content, Inner};

const LIST_MAX: usize = 1_000;
const LIST_DEFAULT: usize = 100;
const NAME_MAX_BYTES: usize = 255;

pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The service of all accounts.
pub struct Service {
    accounts: Vec<Arc<Account>>,
    clock: Arc<dyn Clock>,
    /// How this server calls itself in transport reports.
    identity: String,
    message_max_bytes: u64,
}

/// What a request leads to.
enum Answer {
    /// An envelope with this header and body.
    Envelope(String, String),
    /// A message of the box.
    Message(Message),
}

impl Service {
    /// A service for these accounts. `message_max_bytes` bounds one request.
    pub fn new(
        accounts: Vec<Account>,
        clock: Arc<dyn Clock>,
        identity: String,
        message_max_bytes: u64,
    ) -> Self {
        Self {
            accounts: accounts.into_iter().map(Arc::new).collect(),
            clock,
            identity,
            message_max_bytes,
        }
    }

    /// The account of a certificate (DER).
    pub(crate) fn account(&self, certificate: &[u8]) -> Option<Arc<Account>> {
        self.accounts
            .iter()
            .find(|account| account.has(certificate))
            .cloned()
    }

    /// Answers a request; `None` if nobody hears.
    pub(crate) async fn answer(
        &self,
        account: Option<&Arc<Account>>,
        request: Request<Incoming>,
    ) -> Option<Response<Body>> {
        let Some(port) = port(request.uri().path()) else {
            return Some(bare(StatusCode::NOT_FOUND));
        };
        if request.method() != Method::POST {
            return Some(bare(StatusCode::METHOD_NOT_ALLOWED));
        }
        let outcome = match account {
            None => Err(denied()),
            Some(account) => self.serve(account, port, request).await,
        };
        match outcome {
            Ok(Answer::Envelope(header, body)) => {
                Some(soap(StatusCode::OK, envelope(&header, &body)))
            }
            Ok(Answer::Message(message)) => Some(streamed(&message)),
            // Some stacks look for faults under 500 only.
            Err(Refusal::Fault(kind, reason)) => Some(soap(
                StatusCode::INTERNAL_SERVER_ERROR,
                envelope("", &fault(kind, &reason)),
            )),
            Err(Refusal::Disk(error)) => {
                tracing::error!(error = %error, "a message box could not be used: {error}");
                let xml = fault(
                    FaultKind::TechnicalProblem,
                    "der Nachrichtenspeicher ist gestört",
                );
                Some(soap(StatusCode::INTERNAL_SERVER_ERROR, envelope("", &xml)))
            }
            Err(Refusal::Gone) => None,
        }
    }

    async fn serve(
        &self,
        account: &Arc<Account>,
        port: Port,
        request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        let (head, body) = request.into_parts();
        let said = |name| {
            head.headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
                .unwrap_or("")
        };
        let shape = Shape::of(said(header::CONTENT_TYPE)).ok_or_else(|| {
            Refusal::parameter("erwartet wird SOAP 1.2 in UTF-8, allein oder als multipart/related")
        })?;
        let bounds = Bounds {
            total_max_bytes: if port == Port::Send {
                self.message_max_bytes
            } else {
                1024 * 1024
            },
            mailbox: (port == Port::Send).then_some(&account.mailbox),
        };
        let received = receive(&shape, body, bounds).await?;
        let envelope = Envelope::read(&received.envelope)
            .map_err(|fault| Refusal::parameter(fault.to_string()))?;
        let soap_action = said(header::HeaderName::from_static("soapaction")).trim_matches('"');
        let operation = operation(&envelope, soap_action)
            .filter(|operation| operation.port() == port)
            .ok_or_else(|| Refusal::parameter("diese Operation gibt es an diesem Port nicht"))?;
        self.perform(account, operation, &envelope, (received, shape))
            .await
    }

    async fn perform(
        &self,
        account: &Arc<Account>,
        operation: Operation,
        envelope: &Envelope,
        (received, shape): (Received, Shape),
    ) -> Result<Answer, Refusal> {
        let author = wire::read_author(&envelope.header);
        let voice = || account.voice(author.as_ref()).ok_or_else(denied);
        match operation {
            Operation::CheckAccountActive => voice().map(|_| nothing()),
            Operation::CreateMessageId => {
                // The one operation whose author may be left out.
                if author.is_some() {
                    voice()?;
                }
                let id = format!("urn:uuid:{}", uuid::Uuid::new_v4());
                Ok(Answer::Envelope(
                    String::new(),
                    wire::message_id_element(&id),
                ))
            }
            Operation::LookupService => {
                voice()?;
                lookup(account, envelope)
            }
            Operation::GetTransportReport => self.report(account, &voice()?, envelope).await,
            Operation::SendMessage => self.take(account, envelope, received).await,
            Operation::GetStatusList => list(account, voice()?, envelope).await,
            Operation::GetMessage => self.fetch(account, &voice()?, envelope, &shape).await,
            Operation::Close => self.close(account, &voice()?, envelope).await,
        }
    }

    async fn report(
        &self,
        account: &Account,
        voice: &Voice,
        envelope: &Envelope,
    ) -> Result<Answer, Refusal> {
        let id = envelope.body.text_at("MessageID").to_owned();
        let (place, record) = find(account, id)
            .await?
            .filter(|(_, record)| voice.may_ask_about(record))
            .ok_or_else(unknown)?;
        let metadata = wire::metadata(&record.cover, &record.message_id, record.times());
        let xml =
            wire::transport_report(&metadata, place.status(), &self.identity, self.clock.now());
        Ok(Answer::Envelope(String::new(), xml))
    }

    /// sendMessage: answered after the message is durable. Dying before: the sender repeats under the same id, and what was
    /// staged is swept. Dying after: the repeat finds it.
    async fn take(
        &self,
        account: &Arc<Account>,
        envelope: &Envelope,
        received: Received,
    ) -> Result<Answer, Refusal> {
        let metadata = envelope
            .header
            .child("MessageMetaData")
            .ok_or_else(|| Refusal::parameter("der Header MessageMetaData fehlt"))?;
        let (cover, id) = wire::read_metadata(metadata).map_err(|place| {
            Refusal::parameter(format!(
                "MessageMetaData/{place} fehlt oder ist nicht lesbar"
            ))
        })?;
        // `*` names nobody an answer could go to.
        if cover.author.id == "*" || account.voice(Some(&cover.author)).is_none() {
            return Err(denied());
        }
        let container = envelope
            .body
            .child("GenericContentContainer")
            .ok_or_else(|| Refusal::parameter("GenericContentContainer fehlt"))?;
        let contents = wire::read_container(container)
            .map_err(|place| Refusal::parameter(format!("GenericContentContainer/{place} fehlt; verschlüsselte Container werden nicht angenommen")))?;
        let (staged, files) = arrange(account, &contents, received).await?;
        let record = Record::new(id, cover, files, self.clock.now());
        let mailbox = account.mailbox.clone();
        match blocking(move || mailbox.place(staged, &record, Tray::Inbox)).await? {
            Placed::New => {
                tracing::info!("took a message of the account {}", account.name);
                Ok(nothing())
            }
            Placed::Repeated => Ok(nothing()),
            Placed::Taken => Err(Refusal::parameter(
                "unter dieser MessageID ist schon eine andere Nachricht bekannt",
            )),
        }
    }

    async fn fetch(
        &self,
        account: &Arc<Account>,
        voice: &Voice,
        envelope: &Envelope,
        shape: &Shape,
    ) -> Result<Answer, Refusal> {
        let request = envelope.body.child("MsgBoxFetchRequest");
        let ids = request
            .and_then(|request| request.child("MsgSelector"))
            .map_or_else(Vec::new, |selector| wire::selected(selector, "MessageID"));
        let [id] = ids[..] else {
            return Err(Refusal::parameter(
                "MsgSelector nennt nicht genau eine MessageID",
            ));
        };
        let found = find(account, id.to_owned())
            .await?
            .filter(|(_, record)| voice.may_read(record));
        let Some((Place::Tray(Tray::Box), record)) = found else {
            return Err(unknown());
        };
        let (mailbox, now) = (account.mailbox.clone(), self.clock.now());
        let record = blocking(move || mailbox.fetched(record, now)).await?;
        Ok(Answer::Message(message(account, &record, shape)))
    }

    /// close: what is closed again stays closed.
    async fn close(
        &self,
        account: &Arc<Account>,
        voice: &Voice,
        envelope: &Envelope,
    ) -> Result<Answer, Refusal> {
        let request = envelope.body.child("MsgBoxCloseRequest");
        let ids = request.map_or_else(Vec::new, |request| {
            wire::selected(request, "LastMsgReceived")
        });
        let mut open = Vec::new();
        for id in ids {
            match find(account, id.to_owned())
                .await?
                .filter(|(_, record)| voice.may_read(record))
            {
                Some((Place::Tray(Tray::Box), record)) => open.push(record.message_id),
                Some((Place::Ended, _)) => {}
                Some((Place::Tray(Tray::Inbox | Tray::Aside), _)) | None => return Err(unknown()),
            }
        }
        let (mailbox, now) = (account.mailbox.clone(), self.clock.now());
        blocking(move || {
            open.iter()
                .try_for_each(|id| mailbox.end(id, Tray::Box, now))
        })
        .await?;
        Ok(nothing())
    }
}

fn operation(envelope: &Envelope, soap_action: &str) -> Option<Operation> {
    [envelope.action(), soap_action]
        .into_iter()
        .find_map(Operation::of)
        .or_else(|| {
            envelope
                .body
                .children()
                .first()
                .and_then(|body| Operation::of_body(&body.name))
        })
}

fn port(path: &str) -> Option<Port> {
    match path.strip_prefix("/services/XTAService/")? {
        "ManagementPort" => Some(Port::Management),
        "SendXtaPort" => Some(Port::Send),
        "MsgBoxPort" => Some(Port::MsgBox),
        _ => None,
    }
}

fn denied() -> Refusal {
    Refusal::Fault(
        FaultKind::PermissionDenied,
        "das Zertifikat gehört zu keinem Konto, das für diesen Autor spricht".to_owned(),
    )
}

// Unknown and foreign look alike.
fn unknown() -> Refusal {
    Refusal::Fault(
        FaultKind::InvalidMessageId,
        "unter dieser MessageID ist keine Nachricht bekannt".to_owned(),
    )
}

const fn nothing() -> Answer {
    Answer::Envelope(String::new(), String::new())
}

async fn find(account: &Account, id: String) -> Result<Option<(Place, Record)>, Refusal> {
    let mailbox = account.mailbox.clone();
    Ok(blocking(move || mailbox.find(&id)).await?)
}

fn lookup(account: &Account, envelope: &Envelope) -> Result<Answer, Refusal> {
    let request = envelope.body.child("LookupServiceRequest");
    let (service, _) = request
        .and_then(wire::read_lookup)
        .ok_or_else(|| Refusal::parameter("LookupServiceRequest nennt keinen Dienst"))?;
    let available = if account.offers(&service) {
        Availability::Yes
    } else {
        Availability::No
    };
    Ok(Answer::Envelope(
        String::new(),
        wire::lookup_response(&service, available),
    ))
}

async fn list(account: &Account, voice: Voice, envelope: &Envelope) -> Result<Answer, Refusal> {
    let request = envelope.body.child("MsgBoxStatusListRequest");
    let asked = request.and_then(|request| request.attribute("maxListItems").parse().ok());
    let max = asked.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX);
    let mailbox = account.mailbox.clone();
    let records = blocking(move || mailbox.list(Tray::Box)).await?;
    let mine: Vec<&Record> = records
        .iter()
        .filter(|record| voice.may_read(record))
        .collect();
    let metadata =
        |record: &&Record| wire::metadata(&record.cover, &record.message_id, record.times());
    let entries: Vec<String> = mine.iter().take(max).map(metadata).collect();
    let (header, body) = wire::status_list(&entries, mine.len() - entries.len());
    Ok(Answer::Envelope(header, body))
}

/// Brings the contents of a container and the files of its parts together, in the order of the container.
async fn arrange(
    account: &Account,
    contents: &[Content<'_>],
    received: Received,
) -> Result<(crate::mailbox::Staged, Vec<Item>), Refusal> {
    if contents.len() >= PARTS_MAX {
        return Err(Refusal::parameter("zu viele Anhänge"));
    }
    let mut staged = match received.staged {
        Some(staged) => staged,
        None => stage(&account.mailbox).await?,
    };
    let mut written: Vec<Spooled> = received
        .parts
        .iter()
        .map(|part| part.spooled.clone())
        .collect();
    let mut order = Vec::new();
    let mut items = Vec::new();
    for content in contents {
        if content.name.len() > NAME_MAX_BYTES || content.media_type.len() > NAME_MAX_BYTES {
            return Err(Refusal::parameter(
                "ein Dateiname oder contentType ist zu lang",
            ));
        }
        let index = match content.inner {
            Inner::Include(href) => {
                let id = content_id(href)
                    .ok_or_else(|| Refusal::parameter("ein xop:Include nennt keine Content-ID"))?;
                let part = received.parts.iter().position(|part| part.id == id);
                let index = part.ok_or_else(|| {
                    Refusal::parameter("ein xop:Include nennt einen Teil, der fehlt")
                })?;
                if order.contains(&index) {
                    return Err(Refusal::parameter("zwei xop:Include nennen denselben Teil"));
                }
                index
            }
            Inner::Inline(base64) => {
                let plain: String = base64.split_ascii_whitespace().collect();
                let bytes = STANDARD
                    .decode(plain)
                    .map_err(|_| Refusal::parameter("ein Inhalt ist kein Base64"))?;
                let file = staged.create()?;
                let mut spool = Spool::new(file);
                spool.write(&bytes).await?;
                written.push(spool.finish().await?);
                written.len() - 1
            }
        };
        order.push(index);
        items.push(Item {
            name: Personal::new(content.name.to_owned()),
            media_type: content.media_type.to_owned(),
            size: written[index].size,
            sha256: written[index].sha256.clone(),
        });
    }
    let staged = blocking(move || {
        staged.order(&order)?;
        Ok(staged)
    })
    .await?;
    Ok((staged, items))
}

/// A message as an answer, in the manner of the request: with MTOM, or with its contents as base64.
fn message(account: &Account, record: &Record, shape: &Shape) -> Message {
    let header = format!(
        "{}{}",
        wire::metadata(&record.cover, &record.message_id, record.times()),
        wire::box_response(0)
    );
    let key = record.key();
    let source = |index: usize, item: &Item| {
        file_source(account.mailbox.file(Tray::Box, &key, index), item.size)
    };
    let start = |index: usize, item: &Item| {
        wire::content_start(index, item.name.reveal(), &item.media_type)
    };
    let files = || record.files.iter().enumerate();
    match shape {
        Shape::Plain => {
            let whole = envelope(
                &header,
                &format!("{}|{}", wire::container_start(), wire::CONTAINER_END),
            );
            // Metadata may hold the mark as well: the container stands behind it.
            let (before, after) = whole.rsplit_once('|').unwrap_or((&whole, ""));
            let mut pieces = vec![text(before.to_owned())];
            for (index, item) in files() {
                pieces.push(text(start(index, item)));
                pieces.push(Piece::Base64(source(index, item)));
                pieces.push(text(wire::content_end(index)));
            }
            pieces.push(text(after.to_owned()));
            Message::plain(pieces)
        }
        Shape::Related { .. } => {
            let id = |index: usize| format!("{index}.{key}@amtsbote");
            let content = |(index, item)| {
                [
                    start(index, item),
                    wire::include(&id(index)),
                    wire::content_end(index),
                ]
                .concat()
            };
            let contents: String = files().map(content).collect();
            let xml = envelope(
                &header,
                &format!(
                    "{}{contents}{}",
                    wire::container_start(),
                    wire::CONTAINER_END
                ),
            );
            let parts = files().map(|(index, item)| Part {
                id: id(index),
                pieces: vec![Piece::Attachment(source(index, item))],
            });
            let boundary = format!("uuid:{}", uuid::Uuid::new_v4());
            let action = format!("{}Response", Operation::GetMessage.action());
            Message::related(&boundary, &action, &xml, parts.collect())
        }
    }
}

fn soap(status: StatusCode, xml: String) -> Response<Body> {
    let body = Full::new(Bytes::from(xml))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type =
        HeaderValue::from_str(&format!("{SOAP_TYPE}; charset=utf-8")).expect("visible ASCII");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

fn streamed(message: &Message) -> Response<Body> {
    let body = StreamBody::new(message.stream().map_ok(Frame::data)).boxed_unsync();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(&message.content_type).expect("visible ASCII"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(message.length));
    response
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(
        Full::default()
            .map_err(|never| match never {})
            .boxed_unsync(),
    );
    *response.status_mut() = status;
    response
}
