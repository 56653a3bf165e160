//! ZIP archives, written while they stream (PKWARE APPNOTE 6.3.10, §4.3).
//!
//! ```text
//!  per file:  local header ─ deflate, stored blocks of 65535 bytes ─ data descriptor (CRC-32, sizes)
//!  then:      central directory ─ end
//! ```
//!
//! Nothing is compressed: attachments mostly are already, and so neither the bytes nor the length depend on a compressor. Stored
//! *blocks* rather than the method *stored*, because readers of streams refuse that one together with a data descriptor. The time of every
//! entry is 1980-01-01, names are UTF-8, the order is that of the files.

use std::vec;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::{Fault, FileReader, ParcelFile, Piece};

/// The longest block that deflate stores (RFC 1951 §3.2.4).
const BLOCK_MAX: usize = 65_535;
const BLOCK_HEADER: u64 = 5;
const LOCAL_HEADER: u64 = 30;
const DESCRIPTOR: u64 = 16;
const CENTRAL_HEADER: u64 = 46;
const END: u64 = 22;
const FILES_MAX: usize = 10_000;
/// Larger ones would need ZIP64.
const SIZE_MAX_BYTES: u64 = 4_000_000_000;

/// Sizes and the CRC follow the data (bit 3); names are UTF-8 (bit 11).
const FLAGS: u16 = 0x0808;
const VERSION: u16 = 20;
const DEFLATE: u16 = 8;
const NO_TIME: u16 = 0;
/// 1980-01-01.
const FIRST_DAY: u16 = 0x0021;

/// Files that arrive as one ZIP archive.
#[derive(Debug, Clone)]
pub struct Archive {
    files: Vec<ParcelFile>,
    size_bytes: u64,
}

/// More files than 10 000, or more than 4 000 000 000 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much for one archive: at most 10000 files and 4000000000 bytes")]
pub struct TooMuch;

impl Archive {
    /// An archive of these files, in this order.
    pub fn new(files: Vec<ParcelFile>) -> Result<Self, TooMuch> {
        let size = |file: &ParcelFile| {
            let name = file.path.as_str().len() as u64;
            let around = LOCAL_HEADER + CENTRAL_HEADER + DESCRIPTOR + 2 * name;
            packed(file.size_bytes()).saturating_add(around)
        };
        let size_bytes = files.iter().map(size).fold(END, u64::saturating_add);
        if files.len() > FILES_MAX || size_bytes > SIZE_MAX_BYTES {
            return Err(TooMuch);
        }
        Ok(Self { files, size_bytes })
    }

    /// The files inside.
    pub fn files(&self) -> &[ParcelFile] {
        &self.files
    }

    /// Length of the archive in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub(crate) fn read(&self) -> ArchiveReader {
        ArchiveReader {
            rest: self.files.clone().into_iter(),
            current: None,
            done: Vec::new(),
            offset: 0,
        }
    }
}

impl ParcelFile {
    /// The media type, parameters too, if it is one that a header can hold (RFC 9110 §8.3.1), else `application/octet-stream`: types of
    /// attachments come from senders, and what is none would break the header.
    pub fn header_type(&self) -> &str {
        let is_word = |word: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b);
            !word.is_empty() && word.bytes().all(fits)
        };
        let is_pair = |text: &str, sign: char| {
            text.split_once(sign)
                .is_some_and(|(name, value)| is_word(name) && is_word(value))
        };
        let mut parts = self.media_type.split(';');
        let is_type = parts.next().is_some_and(|kind| is_pair(kind, '/'));
        if is_type
            && parts.all(|part| is_pair(part.trim_matches(' '), '='))
            && self.media_type.len() <= 120
        {
            &self.media_type
        } else {
            "application/octet-stream"
        }
    }

    /// Length of the file in bytes.
    pub fn size_bytes(&self) -> u64 {
        let sizes = self.pieces.iter().map(Piece::size_bytes);
        sizes.fold(0, u64::saturating_add)
    }
}

impl Piece {
    /// Length of what arrives, in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.reveal().len() as u64,
            Self::Attachment(source) => source.size_bytes(),
            Self::Base64(source) => source.size_bytes().div_ceil(3).saturating_mul(4),
            Self::Zip(archive) => archive.size_bytes(),
        }
    }
}

/// Length of `plain` bytes in stored blocks. The last one may be empty.
fn packed(plain: u64) -> u64 {
    let blocks = plain.div_ceil(BLOCK_MAX as u64).max(1);
    plain.saturating_add(BLOCK_HEADER * blocks)
}

/// The archive's bytes, piece by piece. Holds one piece of one file, one block, and the names.
pub(crate) struct ArchiveReader {
    rest: vec::IntoIter<ParcelFile>,
    current: Option<Entry>,
    done: Vec<Done>,
    offset: u64,
}

struct Entry {
    name: String,
    reader: Box<FileReader>,
    waiting: BytesMut,
    crc: crc32fast::Hasher,
    plain: u64,
    offset: u64,
}

/// What the central directory says of a file.
struct Done {
    name: String,
    crc: u32,
    plain: u64,
    offset: u64,
}

impl ArchiveReader {
    /// The next bytes, and whether they were the last.
    pub(crate) async fn step(&mut self) -> Result<(Bytes, bool), Fault> {
        let (bytes, ended) = if let Some(entry) = &mut self.current {
            let piece = entry.reader.next_boxed().await?;
            let last = piece.is_none();
            let mut out = entry.blocks(piece);
            if last && let Some(entry) = self.current.take() {
                let done = entry.done();
                descriptor(&mut out, &done);
                self.done.push(done);
            }
            (out, false)
        } else if let Some(file) = self.rest.next() {
            let name = file.path.as_str().to_owned();
            let out = local_header(&name);
            self.current = Some(Entry {
                name,
                reader: Box::new(file.read()),
                waiting: BytesMut::new(),
                crc: crc32fast::Hasher::new(),
                plain: 0,
                offset: self.offset,
            });
            (out, false)
        } else {
            (directory(&self.done, self.offset), true)
        };
        self.offset += bytes.len() as u64;
        Ok((bytes.freeze(), ended))
    }
}

impl Entry {
    /// What is ready of the piece, in whole blocks; after the last piece, the last block.
    fn blocks(&mut self, piece: Option<Bytes>) -> BytesMut {
        let mut out = BytesMut::new();
        match piece {
            Some(piece) => {
                self.crc.update(&piece);
                self.plain += piece.len() as u64;
                self.waiting.extend_from_slice(&piece);
                // One byte at least stays for the last block.
                while self.waiting.len() > BLOCK_MAX {
                    let block = self.waiting.split_to(BLOCK_MAX);
                    put_block(&mut out, 0, &block);
                }
            }
            None => put_block(&mut out, 1, &self.waiting.split()),
        }
        out
    }

    fn done(self) -> Done {
        Done {
            name: self.name,
            crc: self.crc.finalize(),
            plain: self.plain,
            offset: self.offset,
        }
    }
}

fn put_block(out: &mut BytesMut, last: u8, block: &[u8]) {
    let length = short(block.len() as u64);
    out.put_u8(last);
    out.put_u16_le(length);
    out.put_u16_le(!length);
    out.put(block.chunk());
}

fn local_header(name: &str) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u32_le(0x0403_4b50);
    for field in [VERSION, FLAGS, DEFLATE, NO_TIME, FIRST_DAY] {
        out.put_u16_le(field);
    }
    // CRC and sizes follow the data.
    out.put_bytes(0, 12);
    out.put_u16_le(short(name.len() as u64));
    out.put_u16_le(0);
    out.put_slice(name.as_bytes());
    out
}

fn descriptor(out: &mut BytesMut, done: &Done) {
    out.put_u32_le(0x0807_4b50);
    out.put_u32_le(done.crc);
    out.put_u32_le(long(packed(done.plain)));
    out.put_u32_le(long(done.plain));
}

fn directory(entries: &[Done], offset: u64) -> BytesMut {
    let mut out = BytesMut::new();
    for entry in entries {
        out.put_u32_le(0x0201_4b50);
        for field in [VERSION, VERSION, FLAGS, DEFLATE, NO_TIME, FIRST_DAY] {
            out.put_u16_le(field);
        }
        out.put_u32_le(entry.crc);
        out.put_u32_le(long(packed(entry.plain)));
        out.put_u32_le(long(entry.plain));
        out.put_u16_le(short(entry.name.len() as u64));
        // Extra field, comment, disk, attributes.
        out.put_bytes(0, 12);
        out.put_u32_le(long(entry.offset));
        out.put_slice(entry.name.as_bytes());
    }
    let size = out.len() as u64;
    let count = short(entries.len() as u64);
    out.put_u32_le(0x0605_4b50);
    for field in [0, 0, count, count] {
        out.put_u16_le(field);
    }
    out.put_u32_le(long(size));
    out.put_u32_le(long(offset));
    out.put_u16_le(0);
    out
}

/// [`Archive::new`] refuses what would not fit.
fn short(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn long(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use amtsbote_model::Personal;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{AttachmentReader, AttachmentSource, Reply, bytes_source};

    /// Gives its bytes in pieces of that length.
    struct Cut(Bytes, usize);

    impl AttachmentSource for Cut {
        fn size_bytes(&self) -> u64 {
            self.0.len() as u64
        }
        fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
            let reader: Box<dyn AttachmentReader> = Box::new(Cut(self.0.clone(), self.1));
            Box::pin(std::future::ready(Ok(reader)))
        }
    }

    impl AttachmentReader for Cut {
        fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Fault>> {
            let piece = self.0.split_to(self.0.len().min(self.1));
            Box::pin(std::future::ready(Ok((!piece.is_empty()).then_some(piece))))
        }
    }

    fn file(path: &str, piece: Piece) -> ParcelFile {
        ParcelFile {
            path: path.parse().unwrap(),
            media_type: "application/octet-stream".to_owned(),
            pieces: vec![piece],
        }
    }

    fn zipped(files: Vec<ParcelFile>) -> ParcelFile {
        let archive = Archive::new(files).unwrap();
        file("a.zip", Piece::Zip(Arc::new(archive)))
    }

    /// The bytes, and the longest single step.
    fn bytes_of(file: &ParcelFile) -> (Vec<u8>, usize) {
        let (mut all, mut longest) = (Vec::new(), 0);
        let mut reader = file.read();
        while let Some(bytes) = reader.next().now_or_never().unwrap().unwrap() {
            longest = longest.max(bytes.len());
            all.extend_from_slice(&bytes);
        }
        assert_eq!(all.len() as u64, file.size_bytes());
        (all, longest)
    }

    /// Length, and pieces, of an attachment.
    const SIZES: [usize; 6] = [0, 1, 65_534, 65_535, 65_536, 1_000_000];

    fn sample(cut: usize) -> Vec<ParcelFile> {
        let text = Piece::Bytes(Personal::new(Bytes::from_static("grüße".as_bytes())));
        let mut files = vec![
            file("nachricht.xml", text),
            file(
                "ordner/Größe.txt",
                Piece::Base64(bytes_source(Bytes::from_static(b"hello"))),
            ),
        ];
        for size in SIZES {
            let content: Vec<u8> = (0..=250).cycle().take(size).collect();
            let source = Arc::new(Cut(Bytes::from(content), cut));
            files.push(file(&format!("{size}.bin"), Piece::Attachment(source)));
        }
        files
    }

    #[test]
    fn a_media_type_is_one_or_none_for_headers() {
        let of = |media_type: &str| {
            let file = ParcelFile {
                path: "a".parse().expect("a path"),
                media_type: media_type.to_owned(),
                pieces: Vec::new(),
            };
            file.header_type() == media_type
        };
        for good in [
            "text/csv",
            "text/csv; charset=windows-1252",
            "application/xml;charset=iso-8859-15",
        ] {
            assert!(of(good), "{good}");
        }
        for bad in [
            "",
            "text",
            "text/a b",
            "text/a\r\nX: y",
            "text/a; x",
            "text/a; x=\"\r\"",
            "text/a; x=y\r\nB: c",
            "text/a;",
        ] {
            assert!(!of(bad), "{bad}");
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_where_sources_cut_and_steps_stay_small() {
        let (first, _) = bytes_of(&zipped(sample(7)));
        for cut in [1000, 65_535, 256 * 1024] {
            let (again, longest) = bytes_of(&zipped(sample(cut)));
            assert!(again == first, "cut at {cut}");
            assert!(longest < 400 * 1024, "{longest}");
        }
    }

    #[test]
    fn another_reader_finds_every_file_with_its_bytes() {
        use std::io::Read as _;
        let (bytes, _) = bytes_of(&zipped(sample(4096)));
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let files = sample(4096);
        assert_eq!(archive.len(), files.len());
        for (index, file) in files.iter().enumerate() {
            let mut entry = archive.by_index(index).unwrap();
            assert_eq!(entry.name(), file.path.as_str());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(content == bytes_of(file).0, "{}", file.path);
        }
    }

    #[test]
    fn an_archive_may_lie_in_an_archive() {
        let outer = zipped(vec![zipped(sample(5000))]);
        let (bytes, _) = bytes_of(&outer);
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut inner = Vec::new();
        std::io::copy(&mut archive.by_name("a.zip").unwrap(), &mut inner).unwrap();
        assert!(inner == bytes_of(&zipped(sample(5000))).0);
    }

    struct Endless;

    impl AttachmentSource for Endless {
        fn size_bytes(&self) -> u64 {
            u64::MAX
        }
        fn open(&self) -> Reply<'_, Result<Box<dyn AttachmentReader>, Fault>> {
            Box::pin(std::future::ready(Err(Fault::unavailable(
                "nie geöffnet",
                "never opened",
            ))))
        }
    }

    #[test]
    fn more_than_the_format_holds_is_refused_before_anything_is_read() {
        let endless = file("a.bin", Piece::Attachment(Arc::new(Endless)));
        assert_eq!(Archive::new(vec![endless]).unwrap_err(), TooMuch);
        let empty = file("a.bin", Piece::Bytes(Personal::new(Bytes::new())));
        assert_eq!(Archive::new(vec![empty; 10_001]).unwrap_err(), TooMuch);
    }
}
