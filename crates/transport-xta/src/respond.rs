//! Answers as they go out: envelopes, messages of the box in the manner of the request, faults, the WSDL.

use std::io;

use amtsbote_adapter::Piece;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use crate::accounts::Account;
use crate::mailbox::{Item, Record, Tray};
use crate::mtom::{Message, Part, Shape, text};
use crate::soap::{Operation, SOAP_TYPE, envelope};
use crate::source::file_source;
use crate::wire;

const WSDL: &str = include_str!("../wsdl/xta.wsdl");
const WSDL_HOST: &str = "https://localhost/";

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A message as an answer, in the manner of the request: with MTOM, or with its contents as base64. `header` is XML.
pub(crate) fn message(account: &Account, record: &Record, header: &str, shape: &Shape) -> Message {
    let header = format!(
        "{}{header}",
        wire::metadata(&record.cover, &record.message_id, record.times()),
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
            let action = Operation::GetMessage.action();
            Message::related(&boundary, &action, &xml, parts.collect())
        }
    }
}

pub(crate) fn soap(status: StatusCode, xml: String) -> Response<Body> {
    of_text(status, &format!("{SOAP_TYPE}; charset=utf-8"), xml)
}

/// The WSDL, with the address that the client came to.
pub(crate) fn wsdl(host: &str) -> Response<Body> {
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let xml = if !host.is_empty() && host.bytes().all(is_host) {
        WSDL.replace(WSDL_HOST, &format!("https://{host}/"))
    } else {
        WSDL.to_owned()
    };
    of_text(StatusCode::OK, "text/xml; charset=utf-8", xml)
}

fn of_text(status: StatusCode, content_type: &str, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type = HeaderValue::from_str(content_type).expect("visible ASCII");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

pub(crate) fn streamed(message: &Message) -> Response<Body> {
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

pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(
        Full::default()
            .map_err(|never| match never {})
            .boxed_unsync(),
    );
    *response.status_mut() = status;
    response
}
