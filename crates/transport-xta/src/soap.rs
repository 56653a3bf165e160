//! SOAP 1.2 envelopes with WS-Addressing, and the faults of XTA. Pure.

use std::fmt::Write as _;

use crate::xml::{Element, escaped};

pub(crate) const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
pub(crate) const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
pub(crate) const XTA: &str = "http://xoev.de/transport/xta/211";
pub(crate) const OSCI_METADATA: &str = "http://www.osci.eu/ws/2014/10/transport";
pub(crate) const OSCI: &str = "http://www.osci.eu/ws/2008/05/transport";
pub(crate) const XOP: &str = "http://www.w3.org/2004/08/xop/include";

/// The media type of an envelope that stands alone.
pub(crate) const SOAP_TYPE: &str = "application/soap+xml";
/// The media type of an envelope inside MTOM.
pub(crate) const XOP_TYPE: &str = "application/xop+xml";

/// An operation of the service, and the port it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    CheckAccountActive,
    CreateMessageId,
    LookupService,
    GetTransportReport,
    CancelMessage,
    SendMessage,
    SendMessageSync,
    GetStatusList,
    GetNextStatusList,
    GetMessage,
    GetNextMessage,
    Close,
}

/// One of the three ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Management,
    Send,
    MsgBox,
}

const SERVICE: &str = "http://www.xta.de/XTA/";
const MSG_BOX: &str = "http://www.osci.eu/ws/2008/05/transport/urn/messageTypes/";

impl Operation {
    const ALL: [Self; 12] = [
        Self::CheckAccountActive,
        Self::CreateMessageId,
        Self::LookupService,
        Self::GetTransportReport,
        Self::CancelMessage,
        Self::SendMessage,
        Self::SendMessageSync,
        Self::GetStatusList,
        Self::GetNextStatusList,
        Self::GetMessage,
        Self::GetNextMessage,
        Self::Close,
    ];

    /// The value of `wsa:Action`, of requests, answers and faults alike.
    pub(crate) fn action(self) -> String {
        let (base, name) = match self {
            Self::CheckAccountActive => (SERVICE, "CheckAccountActive"),
            Self::CreateMessageId => (SERVICE, "CreateMessageID"),
            // Not the operation's own name.
            Self::LookupService => (SERVICE, "IsServiceAvailable"),
            Self::GetTransportReport => (SERVICE, "GetTransportReport"),
            Self::CancelMessage => (SERVICE, "CancelMessage"),
            Self::SendMessage => (SERVICE, "SendMessage"),
            Self::SendMessageSync => (SERVICE, "SendMessageSync"),
            Self::GetStatusList => (MSG_BOX, "MsgBoxStatusListRequest"),
            Self::GetNextStatusList => (MSG_BOX, "MsgBoxGetNextListRequest"),
            Self::GetMessage => (MSG_BOX, "MsgBoxFetchRequest"),
            Self::GetNextMessage => (MSG_BOX, "MsgBoxGetNextMsgRequest"),
            Self::Close => (MSG_BOX, "MsgBoxCloseRequest"),
        };
        format!("{base}{name}")
    }

    /// The operation of an action.
    pub(crate) fn of(action: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.action() == action)
    }

    /// The operation whose request has this element in its body, where there is one such: a client that names no action
    /// is understood all the same.
    pub(crate) fn of_body(name: &str) -> Option<Self> {
        match name {
            "LookupServiceRequest" => Some(Self::LookupService),
            "GenericContentContainer" => Some(Self::SendMessage),
            "MsgBoxStatusListRequest" => Some(Self::GetStatusList),
            "MsgBoxFetchRequest" => Some(Self::GetMessage),
            "MsgBoxCloseRequest" => Some(Self::Close),
            "MessageID" => Some(Self::GetTransportReport),
            _ => None,
        }
    }

    pub(crate) const fn port(self) -> Port {
        match self {
            Self::CheckAccountActive
            | Self::CreateMessageId
            | Self::LookupService
            | Self::GetTransportReport
            | Self::CancelMessage => Port::Management,
            Self::SendMessage | Self::SendMessageSync => Port::Send,
            Self::GetStatusList
            | Self::GetNextStatusList
            | Self::GetMessage
            | Self::GetNextMessage
            | Self::Close => Port::MsgBox,
        }
    }
}

/// Writes an envelope; `header` and `body` are XML.
pub(crate) fn envelope(header: &str, body: &str) -> String {
    format!(
        "<soap:Envelope xmlns:soap=\"{SOAP}\"><soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

/// The addressing headers of a request.
pub(crate) fn addressed(action: &str, id: &str, to: &str) -> String {
    let mut header = String::new();
    let _ = write!(
        header,
        "<wsa:Action xmlns:wsa=\"{ADDRESSING}\">{}</wsa:Action>\
         <wsa:MessageID xmlns:wsa=\"{ADDRESSING}\">{}</wsa:MessageID>\
         <wsa:To xmlns:wsa=\"{ADDRESSING}\">{}</wsa:To>\
         <wsa:ReplyTo xmlns:wsa=\"{ADDRESSING}\"><wsa:Address>{ADDRESSING}/anonymous</wsa:Address></wsa:ReplyTo>",
        escaped(action),
        escaped(id),
        escaped(to),
    );
    header
}

/// The addressing headers of an answer: stacks that were told by the WSDL that the service is addressed refuse one without.
pub(crate) fn answering(action: &str, relates_to: &str) -> String {
    let mut header = String::new();
    let id = format!("urn:uuid:{}", uuid::Uuid::new_v4());
    let _ = write!(
        header,
        "<wsa:Action xmlns:wsa=\"{ADDRESSING}\">{}</wsa:Action>\
         <wsa:MessageID xmlns:wsa=\"{ADDRESSING}\">{id}</wsa:MessageID>\
         <wsa:To xmlns:wsa=\"{ADDRESSING}\">{ADDRESSING}/anonymous</wsa:To>",
        escaped(action),
    );
    if !relates_to.is_empty() {
        let _ = write!(
            header,
            "<wsa:RelatesTo xmlns:wsa=\"{ADDRESSING}\">{}</wsa:RelatesTo>",
            escaped(relates_to)
        );
    }
    header
}

/// An envelope that was read.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) header: Element,
    pub(crate) body: Element,
}

/// The document is no SOAP 1.2 envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SOAP 1.2 envelope within the bounds")]
pub(crate) struct NoEnvelope;

impl Envelope {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, NoEnvelope> {
        let root = Element::read(bytes).map_err(|_| NoEnvelope)?;
        let ours =
            |element: &Element, name: &str| element.namespace == SOAP && element.name == name;
        if !ours(&root, "Envelope") {
            return Err(NoEnvelope);
        }
        let part = |name| root.child(name).filter(|part| ours(part, name)).cloned();
        Ok(Self {
            header: part("Header").unwrap_or_default(),
            body: part("Body").ok_or(NoEnvelope)?,
        })
    }

    /// The action its addressing header names; empty without.
    pub(crate) fn action(&self) -> &str {
        self.addressed("Action")
    }

    /// The id of the request itself, not that of a message it is about; empty without.
    pub(crate) fn request_id(&self) -> &str {
        self.addressed("MessageID")
    }

    fn addressed(&self, name: &str) -> &str {
        let ours = |element: &&Element| element.namespace == ADDRESSING && element.name == name;
        let mut headers = self.header.children().iter();
        headers.find(ours).map_or("", Element::text)
    }

    /// Its fault, if it is one.
    pub(crate) fn fault(&self) -> Option<SoapFault> {
        let fault = self
            .body
            .child("Fault")
            .filter(|fault| fault.namespace == SOAP)?;
        let detail = fault
            .child("Detail")
            .and_then(|detail| detail.children().first());
        let said = |name: &str| {
            detail
                .and_then(|detail| detail.descendant(name))
                .map_or("", Element::text)
        };
        let code = fault.text_at("Code/Value");
        Some(SoapFault {
            kind: detail
                .and_then(|detail| FaultKind::of(&detail.name))
                .unwrap_or_else(|| FaultKind::unnamed(code)),
            code: short(said("code")),
            reason: short(fault.text_at("Reason/Text")),
        })
    }
}

/// Foreign words for our texts: letters and digits without the characters of markup, and not many of them. They are chosen by
/// the peer's software, but nobody promises that it does not repeat what we sent: free text of the peer never leaves here.
fn short(text: &str) -> String {
    let safe = |c: &char| c.is_alphanumeric() || "-_.:/ ".contains(*c);
    text.chars().filter(safe).take(64).collect()
}

/// The exceptions of XTA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    PermissionDenied,
    ParameterIsNotValid,
    MessageSchemaViolation,
    MessageVirusDetection,
    SyncAsync,
    InvalidMessageId,
    CancelDenied,
    TechnicalProblem,
    /// `soap:Sender` without a detail of XTA.
    OtherSender,
    /// `soap:Receiver` without a detail of XTA.
    OtherReceiver,
}

impl FaultKind {
    fn of(element: &str) -> Option<Self> {
        // Element names differ between the WSDL's messages and types; the words in front are the same.
        let name = element
            .trim_end_matches("Type")
            .trim_end_matches("Exception")
            .trim_end_matches("Fault");
        match name {
            "PermissionDenied" => Some(Self::PermissionDenied),
            "ParameterIsNotValid" => Some(Self::ParameterIsNotValid),
            "MessageSchemaViolation" => Some(Self::MessageSchemaViolation),
            "MessageVirusDetection" => Some(Self::MessageVirusDetection),
            "SyncAsync" => Some(Self::SyncAsync),
            "InvalidMessageID" => Some(Self::InvalidMessageId),
            "CancelDenied" => Some(Self::CancelDenied),
            "XTAWSTechnicalProblem" | "TechnicalProblem" => Some(Self::TechnicalProblem),
            _ => None,
        }
    }

    fn unnamed(code: &str) -> Self {
        if code.ends_with("Sender") {
            Self::OtherSender
        } else {
            Self::OtherReceiver
        }
    }

    /// The word in front of `Exception`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PermissionDenied => "PermissionDenied",
            Self::ParameterIsNotValid | Self::OtherSender => "ParameterIsNotValid",
            Self::MessageSchemaViolation => "MessageSchemaViolation",
            Self::MessageVirusDetection => "MessageVirusDetection",
            Self::SyncAsync => "SyncAsync",
            Self::InvalidMessageId => "InvalidMessageID",
            Self::CancelDenied => "CancelDenied",
            Self::TechnicalProblem | Self::OtherReceiver => "XTAWSTechnicalProblem",
        }
    }

    const fn side(self) -> &'static str {
        match self {
            Self::PermissionDenied
            | Self::ParameterIsNotValid
            | Self::MessageSchemaViolation
            | Self::MessageVirusDetection
            | Self::SyncAsync
            | Self::InvalidMessageId
            | Self::CancelDenied
            | Self::OtherSender => "soap:Sender",
            Self::TechnicalProblem | Self::OtherReceiver => "soap:Receiver",
        }
    }
}

/// A fault as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoapFault {
    pub(crate) kind: FaultKind,
    /// What the detail's code says.
    pub(crate) code: String,
    /// Its reason, cut to what is safe to repeat.
    pub(crate) reason: String,
}

/// What this server finds wrong: an entry of the standard's list of error numbers, each of which belongs to one exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No account has this certificate.
    Account,
    /// The account may not speak for this author.
    Author,
    /// Something of the request is missing or cannot be read.
    Parameter,
    /// Parts of the request do not go together.
    Combination,
    /// The message is too large.
    Size,
    /// Another message has this id.
    IdTaken,
    /// It is ours.
    Internal,
    /// No message has this id, as far as the account may know.
    UnknownId,
    /// There is only the asynchronous way.
    AsyncOnly,
    /// The message had no hour before which it was not to go, so it went.
    Gone,
}

impl Wrong {
    pub(crate) const fn kind(self) -> FaultKind {
        match self {
            Self::Account | Self::Author => FaultKind::PermissionDenied,
            Self::Parameter | Self::Combination | Self::Size | Self::IdTaken => {
                FaultKind::ParameterIsNotValid
            }
            Self::Internal => FaultKind::TechnicalProblem,
            Self::UnknownId => FaultKind::InvalidMessageId,
            Self::AsyncOnly => FaultKind::SyncAsync,
            Self::Gone => FaultKind::CancelDenied,
        }
    }

    const fn number(self) -> &'static str {
        match self {
            Self::Parameter => "9000",
            Self::Account => "9012",
            Self::Author => "9014",
            Self::Combination => "9022",
            Self::Size => "9023",
            Self::IdTaken => "9024",
            Self::Internal => "9030",
            Self::UnknownId => "9070",
            Self::AsyncOnly => "9080",
            Self::Gone => "9101",
        }
    }
}

const ERROR_LIST: &str = "urn:de:xta:webservice:codeliste:fehlernummer";

/// Writes a fault; `code` and `name` are in no namespace.
pub(crate) fn fault(wrong: Wrong, reason: &str) -> String {
    let (name, number) = (wrong.kind().name(), wrong.number());
    format!(
        "<soap:Fault><soap:Code><soap:Value>{}</soap:Value></soap:Code>\
         <soap:Reason><soap:Text xml:lang=\"de\">{reason}</soap:Text></soap:Reason>\
         <soap:Detail><xta:{name}Exception xmlns:xta=\"{XTA}\"><xta:errorCode listURI=\"{ERROR_LIST}\" listVersionID=\"1.0\">\
         <code>{number}</code><name>{reason}</name></xta:errorCode></xta:{name}Exception></soap:Detail></soap:Fault>",
        wrong.kind().side(),
        reason = escaped(reason),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_written_is_read_again() {
        for (wrong, kind, number) in [
            (Wrong::Author, FaultKind::PermissionDenied, "9014"),
            (Wrong::Parameter, FaultKind::ParameterIsNotValid, "9000"),
            (Wrong::AsyncOnly, FaultKind::SyncAsync, "9080"),
            (Wrong::UnknownId, FaultKind::InvalidMessageId, "9070"),
            (Wrong::Gone, FaultKind::CancelDenied, "9101"),
            (Wrong::Internal, FaultKind::TechnicalProblem, "9030"),
        ] {
            let xml = envelope("", &fault(wrong, "so gehört es <nicht>"));
            let read = Envelope::read(xml.as_bytes()).unwrap().fault().unwrap();
            assert_eq!(
                (read.kind, read.reason.as_str(), read.code.as_str()),
                (kind, "so gehört es nicht", number)
            );
        }
    }

    #[test]
    fn details_are_known_by_their_words_in_front() {
        for kind in [
            FaultKind::MessageSchemaViolation,
            FaultKind::MessageVirusDetection,
            FaultKind::CancelDenied,
        ] {
            for ending in ["", "Exception", "ExceptionType", "Fault"] {
                let detail = format!(
                    "<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Detail><{}{ending}/></soap:Detail></soap:Fault>",
                    kind.name()
                );
                let read = Envelope::read(envelope("", &detail).as_bytes()).unwrap();
                assert_eq!(read.fault().unwrap().kind, kind, "{ending}");
            }
        }
    }

    #[test]
    fn an_answer_relates_to_the_request_not_to_the_message() {
        let metadata = "<o:MessageMetaData xmlns:o=\"urn:o\"><MessageID>urn:x:message</MessageID></o:MessageMetaData><MessageID>urn:x:none</MessageID>";
        let header = format!(
            "{metadata}{}",
            addressed("urn:a", "urn:x:request", "urn:to")
        );
        let read = Envelope::read(envelope(&header, "").as_bytes()).unwrap();
        assert_eq!(
            (read.action(), read.request_id()),
            ("urn:a", "urn:x:request")
        );
        let answer = answering(read.action(), read.request_id());
        assert!(answer.contains(">urn:x:request</wsa:RelatesTo>"));
        assert!(!answering("urn:a", "").contains("RelatesTo"));
    }

    #[test]
    fn a_fault_without_detail_is_told_by_its_side() {
        for (side, kind) in [
            ("env:Sender", FaultKind::OtherSender),
            ("env:Receiver", FaultKind::OtherReceiver),
            ("", FaultKind::OtherReceiver),
        ] {
            let body = format!(
                "<soap:Fault><soap:Code><soap:Value>{side}</soap:Value></soap:Code></soap:Fault>"
            );
            let read = Envelope::read(envelope("", &body).as_bytes()).unwrap();
            assert_eq!(read.fault().unwrap().kind, kind);
        }
    }

    #[test]
    fn only_soap_1_2_is_an_envelope() {
        let old = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body/></e:Envelope>";
        assert_eq!(Envelope::read(old.as_bytes()).unwrap_err(), NoEnvelope);
        assert!(Envelope::read(envelope("", "").as_bytes()).is_ok());
    }

    #[test]
    fn each_action_leads_back_to_its_operation() {
        for operation in Operation::ALL {
            assert_eq!(Operation::of(&operation.action()), Some(operation));
        }
        assert_eq!(Operation::of("urn:x"), None);
    }
}
