//! One call of an operation at a foreign server.

use std::time::Duration;

use amtsbote_adapter::Fault;
use amtsbote_outgoing::{Failure, Outgoing, read_bounded};
use amtsbote_problem::Bilingual;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER,
};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::coding::Coding;
use crate::fault::rejected;
use crate::mime::{Parts, Step};
use crate::mtom::{Message, Part, Shape};
use crate::soap::{Envelope, Operation, Port, SoapFault, addressed, envelope};

const ANSWER_MAX_BYTES: usize = 1024 * 1024;
const PARTS_MAX: usize = 20;

/// The ports of a server.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    pub(crate) outgoing: Outgoing,
    pub(crate) management: Url,
    pub(crate) send: Url,
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum NoResult {
    /// The server said so.
    Soap(SoapFault),
    /// Everything else.
    Fault(Fault),
}

impl From<Fault> for NoResult {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What is sent.
pub(crate) struct Request {
    pub(crate) operation: Operation,
    /// XML beside the addressing.
    pub(crate) header: String,
    /// XML.
    pub(crate) body: String,
    pub(crate) parts: Vec<Part>,
}

impl Ports {
    /// One call; one try.
    pub(crate) async fn call(&self, request: Request) -> Result<Envelope, NoResult> {
        let url = match request.operation.port() {
            Port::Management => &self.management,
            // A way out has no message box.
            Port::Send | Port::MsgBox => &self.send,
        };
        let action = request.operation.action();
        let id = format!("urn:uuid:{}", uuid::Uuid::new_v4());
        let header = format!(
            "{}{}",
            addressed(&action, &id, url.as_str()),
            request.header
        );
        let boundary = format!("uuid:{}", uuid::Uuid::new_v4());
        let message = Message::related(
            &boundary,
            &action,
            &envelope(&header, &request.body),
            request.parts,
        );
        let call = self
            .outgoing
            .stream_request(Method::POST, url.clone())
            .map_err(|failure| failed(&failure))?
            .header(CONTENT_TYPE, &message.content_type)
            .header(CONTENT_LENGTH, message.length)
            // Without it any encoding would do (RFC 9110 §12.5.3).
            .header(ACCEPT_ENCODING, "identity")
            // SOAP 1.2 has the action in the content type; peers of XTA read this one as well, without quotes.
            .header("SOAPAction", &action);
        let sent = self.outgoing.send_upload(call, message.stream()).await;
        read(sent.map_err(|failure| failed(&failure))?).await
    }
}

async fn read(response: Response) -> Result<Envelope, NoResult> {
    let status = response.status();
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok())
    };
    let retry_after = header(RETRY_AFTER)
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    let shape = header(CONTENT_TYPE).and_then(Shape::of);
    let coding = Coding::of(header(CONTENT_ENCODING).unwrap_or_default());
    let bytes = read_bounded(response, ANSWER_MAX_BYTES)
        .await
        .map_err(|failure| failed(&failure))?;
    let bytes = coding.decoded(bytes.to_vec())?;
    let answer = shape
        .as_ref()
        .and_then(|shape| root(shape, &bytes))
        .and_then(|xml| Envelope::read(&xml).ok());
    match answer {
        Some(answer) => match answer.fault() {
            Some(fault) => Err(NoResult::Soap(fault)),
            None if status.is_success() => Ok(answer),
            None => Err(by_status(status, retry_after).into()),
        },
        None if !status.is_success() => Err(by_status(status, retry_after).into()),
        None if shape.is_none() => Err(Fault::misconfigured(
            "was dort antwortet, spricht kein SOAP 1.2; die URL berichtigen",
            "what answers there does not speak SOAP 1.2; correct the URL",
        )
        .into()),
        None => Err(Fault::unavailable(
            "die Antwort des XTA-Servers ist nicht lesbar",
            "the XTA server's answer cannot be read",
        )
        .into()),
    }
}

/// The envelope's bytes.
fn root(shape: &Shape, bytes: &[u8]) -> Option<Vec<u8>> {
    let Shape::Related { boundary, .. } = shape else {
        return Some(bytes.to_vec());
    };
    let mut parts = Parts::new(boundary, PARTS_MAX).ok()?;
    parts.push(bytes);
    let mut root = None;
    let mut count = 0;
    let mut inside = false;
    loop {
        match parts.step().ok()? {
            Step::Part(head) => {
                inside = root.is_none() && shape.is_root(&head.id, count);
                if inside {
                    root = Some(Vec::new());
                }
                count += 1;
            }
            Step::Bytes(bytes) => {
                if let (true, Some(root)) = (inside, &mut root) {
                    root.extend_from_slice(&bytes);
                }
            }
            Step::PartEnd => inside = false,
            Step::End => return root,
            Step::More => return None,
        }
    }
}

fn by_status(status: StatusCode, retry_after: Option<Duration>) -> Fault {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => rejected(
            "sendMessage",
            "too-large",
            "die Nachricht ist dem XTA-Server zu groß",
            "the message is too large for the XTA server",
        ),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            busy(status, retry_after)
        }
        status if status.is_server_error() => busy(status, retry_after),
        status => {
            let status = status.as_u16();
            Fault::misconfigured(
                format!("der XTA-Server antwortet {status}; URL, Zertifikat und Konto prüfen"),
                format!("the XTA server answers {status}; check URL, certificate and account"),
            )
        }
    }
}

fn busy(status: StatusCode, retry_after: Option<Duration>) -> Fault {
    let status = status.as_u16();
    Fault::Unavailable {
        reason: Bilingual::new(
            format!("der XTA-Server antwortet {status}"),
            format!("the XTA server answers {status}"),
        ),
        retry_after,
    }
}

fn failed(failure: &Failure) -> Fault {
    match failure {
        Failure::Unreachable { .. }
        | Failure::TimedOut { .. }
        | Failure::TooLarge { .. }
        | Failure::Broken { .. }
        | Failure::Source(_) => Fault::Unavailable {
            reason: failure.told(),
            retry_after: None,
        },
        Failure::RefusedTarget(refusal) => Fault::Misconfigured {
            what: refusal.told(),
        },
        Failure::Tls { .. } | Failure::Unsendable => Fault::Misconfigured {
            what: failure.told(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_by_start_or_is_the_first_part() {
        let body = b"--b\r\nContent-ID: <a>\r\n\r\n1\r\n--b\r\nContent-ID: <b>\r\n\r\n2\r\n--b--";
        for (start, expected) in [
            (None, Some("1")),
            (Some("a"), Some("1")),
            (Some("b"), Some("2")),
            (Some("c"), None),
        ] {
            let shape = Shape::Related {
                boundary: "b".to_owned(),
                start: start.map(str::to_owned),
            };
            assert_eq!(
                root(&shape, body),
                expected.map(|text| text.as_bytes().to_vec()),
                "{start:?}"
            );
            for end in 0..body.len() {
                assert_eq!(root(&shape, &body[..end]), None);
            }
        }
    }

    #[test]
    fn statuses_tell_whose_fault_it_is() {
        for (status, expected) in [
            (200, "M"),
            (302, "M"),
            (401, "M"),
            (404, "M"),
            (413, "R"),
            (429, "U"),
            (500, "U"),
            (503, "U"),
        ] {
            let fault = by_status(StatusCode::from_u16(status).unwrap(), None);
            let told = match fault {
                Fault::Misconfigured { .. } => "M",
                Fault::Rejected { .. } => "R",
                Fault::Unavailable { .. } => "U",
            };
            assert_eq!(told, expected, "{status}");
        }
    }
}
