//! Reads a parcel's file as the bytes that arrive: pieces in order, base64 encoded on the way.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};

use crate::archive::ArchiveReader;
use crate::{AttachmentReader, AttachmentSource, Fault, ParcelFile, Piece, Reply};

impl ParcelFile {
    /// Begins reading the file's bytes. Holds at most one piece of an attachment (256 KiB) at a time.
    pub fn read(&self) -> FileReader {
        FileReader {
            rest: self.pieces.clone().into_iter(),
            open: None,
        }
    }
}

/// The bytes of one [`ParcelFile`], piece by piece.
pub struct FileReader {
    rest: std::vec::IntoIter<Piece>,
    open: Option<Open>,
}

enum Open {
    Source(OpenSource),
    Zip(ArchiveReader),
}

struct OpenSource {
    reader: Box<dyn AttachmentReader>,
    promised: u64,
    seen: u64,
    base64: Option<BytesMut>,
}

impl FileReader {
    /// The next bytes (never empty), or `None` at the end. A source that ends early or late is `Unavailable`: what
    /// was written so far must not become visible.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let bytes = if let Some(open) = &mut self.open {
                let (bytes, ended) = match open {
                    Open::Source(source) => source.step().await?,
                    Open::Zip(archive) => archive.step().await?,
                };
                if ended {
                    self.open = None;
                }
                bytes
            } else {
                match self.rest.next() {
                    None => return Ok(None),
                    Some(Piece::Bytes(bytes)) => bytes.into_revealed(),
                    Some(Piece::Attachment(source)) => {
                        self.open = Some(Open::Source(OpenSource::begin(&source, None).await?));
                        Bytes::new()
                    }
                    Some(Piece::Base64(source)) => {
                        let carry = Some(BytesMut::new());
                        self.open = Some(Open::Source(OpenSource::begin(&source, carry).await?));
                        Bytes::new()
                    }
                    Some(Piece::Zip(archive)) => {
                        self.open = Some(Open::Zip(archive.read()));
                        Bytes::new()
                    }
                }
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

impl FileReader {
    /// The same in a box, for a file inside an archive.
    pub(crate) fn next_boxed(&mut self) -> Reply<'_, Result<Option<Bytes>, Fault>> {
        Box::pin(self.next())
    }
}

impl OpenSource {
    async fn begin(
        source: &Arc<dyn AttachmentSource>,
        base64: Option<BytesMut>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            reader: source.open().await?,
            promised: source.size_bytes(),
            seen: 0,
            base64,
        })
    }

    /// The next bytes, and whether they were the last.
    async fn step(&mut self) -> Result<(Bytes, bool), Fault> {
        let piece = self.reader.next().await?;
        self.seen += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.seen > self.promised || (piece.is_none() && self.seen != self.promised) {
            return Err(Fault::unavailable(
                "die Quelle einer Anlage gab eine andere Länge als angekündigt",
                "an attachment's source gave another length than announced",
            ));
        }
        let ended = piece.is_none();
        let bytes = match &mut self.base64 {
            None => piece.unwrap_or_default(),
            Some(carry) => encode(carry, piece),
        };
        Ok((bytes, ended))
    }
}

// Base64 takes three bytes at a time; up to two wait for the next piece, so padding stands at the end only.
fn encode(carry: &mut BytesMut, piece: Option<Bytes>) -> Bytes {
    let whole = match piece {
        None => carry.len(),
        Some(piece) => {
            carry.extend_from_slice(&piece);
            carry.len() / 3 * 3
        }
    };
    let ready = carry.split_to(whole);
    Bytes::from(STANDARD.encode(&ready))
}

#[cfg(test)]
mod tests {
    use amtsbote_model::Personal;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{Reply, bytes_source};

    fn read(pieces: Vec<Piece>) -> Result<Vec<u8>, Fault> {
        let file = ParcelFile {
            path: "a.bin".parse().unwrap(),
            media_type: "application/octet-stream".into(),
            pieces,
        };
        let mut reader = file.read();
        let mut all = Vec::new();
        while let Some(bytes) = reader.next().now_or_never().unwrap()? {
            assert!(!bytes.is_empty());
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    struct InPieces(&'static [&'static [u8]], u64);
    struct Left(&'static [&'static [u8]]);

    impl AttachmentSource for InPieces {
        fn size_bytes(&self) -> u64 {
            self.1
        }
        fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
            let reader: Box<dyn AttachmentReader> = Box::new(Left(self.0));
            Box::pin(std::future::ready(Ok(reader)))
        }
    }

    impl AttachmentReader for Left {
        fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Fault>> {
            let first = self.0.split_first().map(|(first, rest)| {
                self.0 = rest;
                Bytes::from_static(first)
            });
            Box::pin(std::future::ready(Ok(first)))
        }
    }

    #[test]
    fn pieces_follow_each_other() {
        let text =
            |text: &'static str| Piece::Bytes(Personal::new(Bytes::from_static(text.as_bytes())));
        let hello = || bytes_source(Bytes::from_static(b"hello"));
        let all = read(vec![
            text("<a>"),
            Piece::Base64(hello()),
            text("</a>"),
            Piece::Attachment(hello()),
            text(""),
        ]);
        assert_eq!(all.unwrap(), b"<a>aGVsbG8=</a>hello");
    }

    #[test]
    fn base64_does_not_depend_on_where_the_source_cuts() {
        const CUTS: [&[&[u8]]; 3] = [
            &[b"h", b"e", b"llo w", b"", b"orld"],
            &[b"hello world"],
            &[b"he", b"llo worl", b"d"],
        ];
        for pieces in CUTS {
            let all = read(vec![Piece::Base64(Arc::new(InPieces(pieces, 11)))]);
            assert_eq!(all.unwrap(), b"aGVsbG8gd29ybGQ=");
        }
        assert_eq!(
            read(vec![Piece::Base64(Arc::new(InPieces(&[], 0)))]).unwrap(),
            b""
        );
    }

    #[test]
    fn a_source_of_another_length_is_a_fault() {
        for size in [0, 4, 6] {
            let fault = read(vec![Piece::Attachment(Arc::new(InPieces(
                &[b"hello"],
                size,
            )))]);
            assert!(matches!(fault, Err(Fault::Unavailable { .. })), "{size}");
        }
    }
}
