//! Messages with MTOM: what is written between the parts, and how a body streams.

use std::io;

use amtsbote_adapter::{ParcelFile, Piece};
use amtsbote_model::Personal;
use bytes::Bytes;
use futures_util::Stream;

use crate::mime::MediaType;
use crate::soap::{SOAP_TYPE, XOP_TYPE};

const ROOT: &str = "root.message@amtsbote";

/// A message to be written: an envelope, and parts that stream.
pub(crate) struct Message {
    pub(crate) content_type: String,
    pub(crate) length: u64,
    body: ParcelFile,
}

/// One part beside the envelope.
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) pieces: Vec<Piece>,
}

impl Message {
    /// An envelope alone.
    pub(crate) fn plain(pieces: Vec<Piece>) -> Self {
        Self::of(format!("{SOAP_TYPE}; charset=utf-8"), pieces)
    }

    /// An envelope with parts. `boundary` must not come up in any part: it is random.
    pub(crate) fn related(boundary: &str, action: &str, envelope: &str, parts: Vec<Part>) -> Self {
        // Quotes inside a quoted parameter; actions are URIs of ours.
        let info = format!("{SOAP_TYPE}; action=\\\"{action}\\\"");
        let content_type = format!(
            "multipart/related; type=\"{XOP_TYPE}\"; boundary=\"{boundary}\"; start=\"<{ROOT}>\"; start-info=\"{info}\""
        );
        let mut pieces = vec![text(format!(
            "--{boundary}\r\nContent-Type: {XOP_TYPE}; charset=UTF-8; type=\"{info}\"\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{ROOT}>\r\n\r\n{envelope}"
        ))];
        for part in parts {
            // The media type stands in the container; peers look there.
            pieces.push(text(format!(
                "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n",
                part.id
            )));
            pieces.extend(part.pieces);
        }
        pieces.push(text(format!("\r\n--{boundary}--\r\n")));
        Self::of(content_type, pieces)
    }

    fn of(content_type: String, pieces: Vec<Piece>) -> Self {
        Self {
            content_type,
            length: length(&pieces),
            body: ParcelFile {
                path: "message".parse().expect("a plain word is a safe path"),
                media_type: String::new(),
                pieces,
            },
        }
    }

    /// Its bytes. An attachment's source that fails ends the stream with an error.
    pub(crate) fn stream(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        futures_util::stream::try_unfold(self.body.read(), |mut reader| async move {
            match reader.next().await {
                Ok(Some(bytes)) => Ok(Some((bytes, reader))),
                Ok(None) => Ok(None),
                Err(_) => Err(io::Error::other("an attachment could not be read")),
            }
        })
    }
}

/// A piece of markup. It may hold names of files.
pub(crate) fn text(text: String) -> Piece {
    Piece::Bytes(Personal::new(Bytes::from(text)))
}

fn length(pieces: &[Piece]) -> u64 {
    let of = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => bytes.reveal().len() as u64,
        Piece::Attachment(source) => source.size_bytes(),
        Piece::Base64(source) => source.size_bytes().div_ceil(3) * 4,
        Piece::Zip(archive) => archive.size_bytes(),
    };
    pieces.iter().map(of).sum()
}

/// How a body is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It is the envelope.
    Plain,
    /// It is multipart; without `start` the first part is the envelope.
    Related {
        boundary: String,
        start: Option<String>,
    },
}

impl Shape {
    /// From `Content-Type`; `None` if it is neither, or not UTF-8.
    pub(crate) fn of(content_type: &str) -> Option<Self> {
        let media_type = MediaType::read(content_type)?;
        match media_type.essence.as_str() {
            "multipart/related" => Some(Self::Related {
                boundary: media_type.parameter("boundary")?.to_owned(),
                start: media_type
                    .parameter("start")
                    .map(|id| id.trim_matches(['<', '>']).to_owned()),
            }),
            SOAP_TYPE | "text/xml" | "application/xml" if media_type.is_utf8() => Some(Self::Plain),
            _ => None,
        }
    }

    /// The action that a content type names: in SOAP 1.2 it stands there, in MTOM perhaps within `start-info`.
    pub(crate) fn action_of(content_type: &str) -> Option<String> {
        let media_type = MediaType::read(content_type)?;
        let own = media_type.parameter("action").map(str::to_owned);
        own.or_else(|| {
            let inner = MediaType::read(media_type.parameter("start-info")?)?;
            inner.parameter("action").map(str::to_owned)
        })
    }

    /// Whether a part of this id, the `index`th from 0, is the envelope.
    pub(crate) fn is_root(&self, id: &str, index: usize) -> bool {
        match self {
            Self::Plain => false,
            Self::Related {
                start: Some(start), ..
            } => id == start,
            Self::Related { start: None, .. } => index == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::bytes_source;
    use futures_util::StreamExt as _;

    use super::*;
    use crate::mime::{Parts, Step};

    #[test]
    fn a_message_written_is_read_again_and_its_length_is_right() {
        let part = |id: &str, bytes: &'static [u8]| Part {
            id: id.to_owned(),
            pieces: vec![Piece::Attachment(bytes_source(Bytes::from_static(bytes)))],
        };
        let message = Message::related(
            "uuid:1",
            "urn:a",
            "<e/>",
            vec![part("1@x", b"\r\n--"), part("2@x", b"")],
        );
        let body: Vec<u8> = futures_util::FutureExt::now_or_never(
            message
                .stream()
                .map(|bytes| bytes.unwrap().to_vec())
                .concat(),
        )
        .unwrap();
        assert_eq!(body.len() as u64, message.length);
        let shape = Shape::of(&message.content_type).unwrap();
        let Shape::Related {
            boundary,
            start: Some(start),
        } = &shape
        else {
            panic!("{shape:?}")
        };
        assert_eq!(start, ROOT);
        let mut parts = Parts::new(boundary, 9).unwrap();
        parts.push(&body);
        let mut read = Vec::new();
        loop {
            match parts.step().unwrap() {
                Step::Part(head) => read.push((head.id, Vec::new())),
                Step::Bytes(bytes) => read.last_mut().unwrap().1.extend_from_slice(&bytes),
                Step::PartEnd => {}
                Step::End | Step::More => break,
            }
        }
        parts.finish().unwrap();
        let expected = [(ROOT, &b"<e/>"[..]), ("1@x", b"\r\n--"), ("2@x", b"")];
        assert_eq!(
            read,
            expected.map(|(id, bytes)| (id.to_owned(), bytes.to_vec()))
        );
        assert!(shape.is_root(ROOT, 3) && !shape.is_root("1@x", 0));
    }

    #[test]
    fn actions_stand_in_the_content_type_or_in_what_starts() {
        for (text, expected) in [
            (
                "application/soap+xml; charset=utf-8; action=\"urn:a\"",
                Some("urn:a"),
            ),
            ("application/soap+xml", None),
            (
                "multipart/related; boundary=b; type=\"application/xop+xml\"; start-info=\"application/soap+xml; action=\\\"urn:a\\\"\"",
                Some("urn:a"),
            ),
            (
                "multipart/related; boundary=b; start-info=\"application/soap+xml\"; action=\"urn:a\"",
                Some("urn:a"),
            ),
        ] {
            assert_eq!(Shape::action_of(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn shapes_are_told_by_the_content_type() {
        for (text, expected) in [
            ("application/soap+xml; charset=utf-8", Some(Shape::Plain)),
            ("text/xml", Some(Shape::Plain)),
            ("application/soap+xml; charset=utf-16", None),
            ("multipart/related", None),
            (
                "multipart/related; boundary=b",
                Some(Shape::Related {
                    boundary: "b".to_owned(),
                    start: None,
                }),
            ),
            ("multipart/mixed; boundary=b", None),
            ("", None),
        ] {
            assert_eq!(Shape::of(text), expected, "{text}");
        }
    }
}
