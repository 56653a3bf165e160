//! The operations of the service: one request in, one answer out.

use std::sync::Arc;

use amtsbote_model::Clock;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use crate::accounts::{Account, Voice};
use crate::browse::{Position, Selection};
use crate::mailbox::{Place, Record, Tray};
use crate::mtom::Shape;
use crate::receive::{Bounds, Received, Refusal, receive};
use crate::respond::{Body, bare, message, soap, streamed, wsdl};
use crate::soap::{Envelope, Operation, Port, Wrong, answering, envelope, fault};
use crate::spool::blocking;
use crate::take::take;
use crate::wire::{self, Availability};

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
    /// A message of the box, with this header besides its own.
    Message(Box<Record>, String),
}

/// A refusal, and the addressing of the answer that tells of it.
struct Refused(String, Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(String::new(), refusal)
    }
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
        if request.method() == Method::GET && asks_for_wsdl(request.uri().query()) {
            return Some(wsdl(said(request.headers(), &header::HOST)));
        }
        if request.method() != Method::POST {
            return Some(bare(StatusCode::METHOD_NOT_ALLOWED));
        }
        let outcome = match account {
            None => Err(Refusal::Fault(
                Wrong::Account,
                "das Zertifikat gehört zu keinem Konto".to_owned(),
            )
            .into()),
            Some(account) => self.serve(account, port, request).await,
        };
        // Some stacks look for faults under 500 only.
        let fault = |addressing: String, wrong, reason: &str| {
            Some(soap(
                StatusCode::INTERNAL_SERVER_ERROR,
                envelope(&addressing, &fault(wrong, reason)),
            ))
        };
        match outcome {
            Ok(response) => Some(response),
            Err(Refused(addressing, Refusal::Fault(wrong, reason))) => {
                fault(addressing, wrong, &reason)
            }
            Err(Refused(addressing, Refusal::Disk(error))) => {
                tracing::error!(error = %error, "a message box could not be used: {error}");
                let reason = "der Nachrichtenspeicher ist gestört";
                fault(addressing, Wrong::Internal, reason)
            }
            Err(Refused(_, Refusal::Gone)) => None,
        }
    }

    async fn serve(
        &self,
        account: &Arc<Account>,
        port: Port,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refused> {
        let (head, body) = request.into_parts();
        let encoding = said(&head.headers, &header::CONTENT_ENCODING);
        if !["", "identity"].contains(&encoding) {
            return Err(Refusal::parameter("komprimierte Anfragen werden nicht gelesen").into());
        }
        let content_type = said(&head.headers, &header::CONTENT_TYPE);
        let shape = Shape::of(content_type).ok_or_else(|| {
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
        let soap_action = said(&head.headers, &SOAP_ACTION).trim_matches('"');
        let action = Shape::action_of(content_type).unwrap_or_default();
        let operation = operation(&envelope, [soap_action, &action])
            .filter(|operation| operation.port() == port)
            .ok_or_else(|| Refusal::parameter("diese Operation gibt es an diesem Port nicht"))?;
        // Who does not address is not answered so.
        let addressing = match (envelope.action(), envelope.request_id()) {
            ("", "") => String::new(),
            (_, id) => answering(&operation.action(), id),
        };
        let answer = self
            .perform(account, operation, &envelope, received)
            .await
            .map_err(|refusal| Refused(addressing.clone(), refusal))?;
        Ok(match answer {
            Answer::Envelope(header, body) => soap(
                StatusCode::OK,
                crate::soap::envelope(&format!("{addressing}{header}"), &body),
            ),
            Answer::Message(record, header) => {
                let header = format!("{header}{addressing}");
                streamed(&message(account, &record, &header, &shape))
            }
        })
    }

    async fn perform(
        &self,
        account: &Arc<Account>,
        operation: Operation,
        envelope: &Envelope,
        received: Received,
    ) -> Result<Answer, Refusal> {
        let author = wire::read_author(&envelope.header);
        if author.is_none() && envelope.header.child("Author").is_some() {
            return Err(Refusal::parameter(
                "der Header Author nennt keinen Identifier",
            ));
        }
        let voice = || account.voice(author.as_ref()).ok_or_else(Refusal::denied);
        match operation {
            Operation::CheckAccountActive => voice().map(|_| nothing()),
            Operation::CreateMessageId => {
                voice()?;
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
            Operation::CancelMessage => cancel(account, &voice()?, envelope).await,
            Operation::SendMessage => {
                take(account, envelope, received, self.clock.now()).await?;
                Ok(nothing())
            }
            Operation::SendMessageSync => Err(Refusal::Fault(
                Wrong::AsyncOnly,
                "Nachrichten werden nur asynchron angenommen: sendMessage".to_owned(),
            )),
            Operation::GetStatusList => list(account, &voice()?, envelope).await,
            Operation::GetNextStatusList => next_list(account, &voice()?, envelope).await,
            Operation::GetMessage => self.fetch(account, &voice()?, envelope).await,
            Operation::GetNextMessage => self.fetch_next(account, &voice()?, envelope).await,
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

    async fn fetch(
        &self,
        account: &Arc<Account>,
        voice: &Voice,
        envelope: &Envelope,
    ) -> Result<Answer, Refusal> {
        let selection = select(envelope, "MsgBoxFetchRequest")?;
        if selection.names_several() {
            return Err(Refusal::parameter(
                "MsgSelector nennt mehr als eine MessageID",
            ));
        }
        let Some(id) = selection.one() else {
            return self
                .fetch_behind(account, voice, &selection, &Position::start(None))
                .await;
        };
        let found = find(account, id.to_owned())
            .await?
            .filter(|(_, record)| voice.may_read(record));
        let Some((Place::Tray(Tray::Box), record)) = found else {
            return Err(unknown());
        };
        let header = wire::box_response(&Position::end(), 0);
        self.give(account, record, header).await
    }

    /// The message behind the one before. That one stays until it is closed: only then it counts as collected.
    async fn fetch_next(
        &self,
        account: &Arc<Account>,
        voice: &Voice,
        envelope: &Envelope,
    ) -> Result<Answer, Refusal> {
        let request = envelope.body.child("MsgBoxGetNextRequest");
        let id = request.map_or("", |request| request.attribute("MsgBoxRequestID"));
        let position = Position::read(id).ok_or_else(|| {
            Refusal::Fault(
                Wrong::UnknownId,
                "diese MsgBoxRequestID führt zu keiner weiteren Nachricht".to_owned(),
            )
        })?;
        self.fetch_behind(account, voice, &Selection::default(), &position)
            .await
    }

    async fn fetch_behind(
        &self,
        account: &Arc<Account>,
        voice: &Voice,
        selection: &Selection,
        position: &Position,
    ) -> Result<Answer, Refusal> {
        let records = waiting(account).await?;
        let (found, position, pending) = position.next(&records, voice, selection, Some(1));
        let Some(record) = found.first() else {
            return Err(Refusal::Fault(
                Wrong::UnknownId,
                "es wartet keine weitere Nachricht".to_owned(),
            ));
        };
        let header = wire::box_response(&position.request_id(), pending);
        self.give(account, (*record).clone(), header).await
    }

    async fn give(
        &self,
        account: &Arc<Account>,
        record: Record,
        header: String,
    ) -> Result<Answer, Refusal> {
        let (mailbox, now) = (account.mailbox.clone(), self.clock.now());
        let record = blocking(move || mailbox.fetched(record, now)).await?;
        Ok(Answer::Message(Box::new(record), header))
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

const SOAP_ACTION: header::HeaderName = header::HeaderName::from_static("soapaction");

fn said<'a>(headers: &'a header::HeaderMap, name: &header::HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value: &HeaderValue| value.to_str().ok())
        .unwrap_or("")
}

fn asks_for_wsdl(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.eq_ignore_ascii_case("wsdl"))
}

fn operation(envelope: &Envelope, actions: [&str; 2]) -> Option<Operation> {
    let named = std::iter::once(envelope.action()).chain(actions);
    named.into_iter().find_map(Operation::of).or_else(|| {
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

// Unknown and foreign look alike.
fn unknown() -> Refusal {
    Refusal::Fault(
        Wrong::UnknownId,
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

/// What was sent went at once: there is nothing to call back.
async fn cancel(account: &Account, voice: &Voice, envelope: &Envelope) -> Result<Answer, Refusal> {
    let id = envelope.body.text_at("MessageID").to_owned();
    let known = find(account, id).await?;
    Err(match known {
        Some((_, record)) if voice.may_ask_about(&record) => Refusal::Fault(
            Wrong::Gone,
            "die Nachricht war ohne NotBefore erteilt und ist schon zugestellt".to_owned(),
        ),
        Some(_) | None => Refusal::parameter("unter dieser MessageID ist keine Nachricht bekannt"),
    })
}

fn lookup(account: &Account, envelope: &Envelope) -> Result<Answer, Refusal> {
    let request = envelope.body.child("LookupServiceRequest");
    let asked = request
        .and_then(wire::read_lookup)
        .ok_or_else(|| Refusal::parameter("LookupServiceRequest nennt keinen Dienst"))?;
    let result = |(service, reader): &(String, Option<wire::Party>)| {
        let available = if account.offers(service) {
            Availability::Yes
        } else {
            Availability::No
        };
        wire::lookup_result(service, reader.as_ref(), available)
    };
    let results: String = asked.iter().map(result).collect();
    Ok(Answer::Envelope(
        String::new(),
        wire::lookup_response(&results),
    ))
}

fn select(envelope: &Envelope, request: &str) -> Result<Selection, Refusal> {
    Selection::read(envelope.body.child(request))
        .map_err(|(wrong, reason)| Refusal::Fault(wrong, reason.to_owned()))
}

async fn waiting(account: &Account) -> Result<Vec<Record>, Refusal> {
    let mailbox = account.mailbox.clone();
    Ok(blocking(move || mailbox.list(Tray::Box)).await?)
}

async fn list(account: &Account, voice: &Voice, envelope: &Envelope) -> Result<Answer, Refusal> {
    let request = envelope.body.child("MsgBoxStatusListRequest");
    let asked = request.and_then(|request| request.attribute("maxListItems").parse().ok());
    let selection = select(envelope, "MsgBoxStatusListRequest")?;
    listed(account, voice, &selection, &Position::start(asked)).await
}

async fn next_list(
    account: &Account,
    voice: &Voice,
    envelope: &Envelope,
) -> Result<Answer, Refusal> {
    let request = envelope.body.child("MsgBoxGetNextRequest");
    let id = request.map_or("", |request| request.attribute("MsgBoxRequestID"));
    match Position::read(id) {
        Some(position) => listed(account, voice, &Selection::default(), &position).await,
        None => Ok(Answer::Envelope(
            wire::box_has_nothing(id),
            wire::status_list(&[]),
        )),
    }
}

async fn listed(
    account: &Account,
    voice: &Voice,
    selection: &Selection,
    position: &Position,
) -> Result<Answer, Refusal> {
    let records = waiting(account).await?;
    let (found, position, pending) = position.next(&records, voice, selection, None);
    let metadata =
        |record: &&Record| wire::metadata(&record.cover, &record.message_id, record.times());
    let entries: Vec<String> = found.iter().map(metadata).collect();
    Ok(Answer::Envelope(
        wire::box_response(&position.request_id(), pending),
        wire::status_list(&entries),
    ))
}
