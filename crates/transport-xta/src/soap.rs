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
    SendMessage,
    GetStatusList,
    GetMessage,
    Close,
}

/// One of the three ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Management,
    Send,
    MsgBox,
}

const MSG_BOX: &str = "http://www.osci.eu/ws/2008/05/transport/urn/messageTypes/";

impl Operation {
    const ALL: [Self; 8] = [
        Self::CheckAccountActive,
        Self::CreateMessageId,
        Self::LookupService,
        Self::GetTransportReport,
        Self::SendMessage,
        Self::GetStatusList,
        Self::GetMessage,
        Self::Close,
    ];

    /// The value of `wsa:Action`. That of `LookupService` is *unconfirmed*.
    pub(crate) fn action(self) -> String {
        let (base, name) = match self {
            Self::CheckAccountActive => ("http://www.xta.de/XTA/", "CheckAccountActive"),
            Self::CreateMessageId => ("http://www.xta.de/XTA/", "CreateMessageID"),
            Self::LookupService => ("http://www.xta.de/XTA/", "LookupService"),
            Self::GetTransportReport => ("http://www.xta.de/XTA/", "GetTransportReport"),
            Self::SendMessage => ("http://www.xta.de/XTA/", "SendMessage"),
            Self::GetStatusList => (MSG_BOX, "MsgBoxStatusListRequest"),
            Self::GetMessage => (MSG_BOX, "MsgBoxFetchRequest"),
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

    /// The operation whose request has this element in its body; the two with an empty body have none.
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
            | Self::GetTransportReport => Port::Management,
            Self::SendMessage => Port::Send,
            Self::GetStatusList | Self::GetMessage | Self::Close => Port::MsgBox,
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
        self.header.text_at("Action")
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

/// Foreign words for our texts: visible ASCII without the characters of markup, and not many of them. They are chosen by
/// the peer's software, but nobody promises that it does not repeat what we sent: free text of the peer never leaves here.
fn short(text: &str) -> String {
    let safe = |c: &char| c.is_ascii_alphanumeric() || "-_.:/ ".contains(*c);
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

/// Writes a fault. `code` and `name` are in no namespace; the numbers of the code list are *unconfirmed*, so the code is the
/// exception's own word.
pub(crate) fn fault(kind: FaultKind, reason: &str) -> String {
    let name = kind.name();
    format!(
        "<soap:Fault><soap:Code><soap:Value>{}</soap:Value></soap:Code>\
         <soap:Reason><soap:Text xml:lang=\"de\">{reason}</soap:Text></soap:Reason>\
         <soap:Detail><xta:{name}Exception xmlns:xta=\"{XTA}\"><errorCode><code>{name}</code><name>{reason}</name></errorCode></xta:{name}Exception></soap:Detail></soap:Fault>",
        kind.side(),
        reason = escaped(reason),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_written_is_read_again() {
        for kind in [
            FaultKind::PermissionDenied,
            FaultKind::ParameterIsNotValid,
            FaultKind::MessageSchemaViolation,
            FaultKind::MessageVirusDetection,
            FaultKind::SyncAsync,
            FaultKind::InvalidMessageId,
            FaultKind::TechnicalProblem,
        ] {
            let xml = envelope("", &fault(kind, "so nicht"));
            let read = Envelope::read(xml.as_bytes()).unwrap().fault().unwrap();
            assert_eq!(
                (read.kind, read.reason.as_str(), read.code.as_str()),
                (kind, "so nicht", kind.name())
            );
        }
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
