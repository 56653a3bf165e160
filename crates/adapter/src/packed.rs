//! ZIP archives of others, unpacked in memory and within limits.

use std::io::{Cursor, Read as _};

use amtsbote_model::Personal;
use amtsbote_problem::Bilingual;

use crate::returned::FILES_MAX;
use crate::{Answer, AnswerContent, AnswerDocument, ParcelPath};

/// What an archive may unpack to, all files together.
pub const UNPACKED_MAX_BYTES: usize = 48 << 20;
/// Entries that are looked at, whatever the archive says of their number. Archives inside the archive count too, and Office documents
/// are archives.
const ENTRIES_MAX: usize = 65_536;
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const CENTRAL_HEADER: &[u8] = b"PK\x01\x02";
const CENTRAL_HEADER_LEN: usize = 46;

/// Whether these bytes begin as a ZIP archive does.
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL_HEADER)
}

/// Why an archive was not unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnpacked {
    /// Not an archive, or one that is broken, encrypted or packed in an unusual way.
    #[error(
        "the archive cannot be unpacked: it is broken, encrypted, or packed by another method than deflate"
    )]
    Broken,
    /// Two entries of one name: one of them would be lost.
    #[error("two files in the archive have the same name")]
    Twice,
    /// Too many files.
    #[error("the archive has more than {FILES_MAX} files")]
    TooMany,
    /// Too many bytes.
    #[error("the archive unpacks to more than {UNPACKED_MAX_BYTES} bytes")]
    TooLarge,
}

impl NotUnpacked {
    /// The same in both languages.
    pub fn words(self) -> Bilingual {
        let de = match self {
            Self::Broken => "das Archiv lässt sich nicht entpacken: es ist beschädigt, verschlüsselt oder nicht mit Deflate gepackt".to_owned(),
            Self::Twice => "zwei Dateien im Archiv haben denselben Namen".to_owned(),
            Self::TooMany => format!("das Archiv enthält mehr als {FILES_MAX} Dateien"),
            Self::TooLarge => format!("entpackt hätte das Archiv mehr als {UNPACKED_MAX_BYTES} Bytes"),
        };
        Bilingual::new(de, self.to_string())
    }
}

/// An opened archive.
pub struct Packed<'a> {
    archive: zip::ZipArchive<Cursor<&'a [u8]>>,
}

/// A file of an archive. Folders inside it do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Its path in the archive, with `/`.
    pub path: String,
    /// Its name without folders, as the archive has it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl<'a> Packed<'a> {
    /// Reads the archive's directory.
    pub fn open(bytes: &'a [u8]) -> Result<Self, NotUnpacked> {
        // Before anything is allocated for them.
        let windows = bytes.windows(CENTRAL_HEADER.len());
        if windows.filter(|four| *four == CENTRAL_HEADER).count() > ENTRIES_MAX {
            return Err(NotUnpacked::TooMany);
        }
        let archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| NotUnpacked::Broken)?;
        let start = usize::try_from(archive.central_directory_start());
        let listed = start.map_or(0, |start| entries(bytes, start));
        if listed != archive.len() {
            return Err(NotUnpacked::Twice);
        }
        Ok(Self { archive })
    }

    /// The paths inside, folders too.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.archive.file_names()
    }

    /// All files, in the archive's order.
    pub fn unpack(mut self) -> Result<Vec<Unpacked>, NotUnpacked> {
        let (mut files, mut left) = (Vec::new(), UNPACKED_MAX_BYTES);
        for at in 0..self.archive.len() {
            let entry = self.archive.by_index(at).map_err(|_| NotUnpacked::Broken)?;
            if entry.is_dir() {
                continue;
            }
            if files.len() == FILES_MAX {
                return Err(NotUnpacked::TooMany);
            }
            let path = entry.name().replace('\\', "/");
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            let mut bytes = Vec::new();
            // What the archive says of sizes is not believed.
            let mut bounded = entry.take(left as u64 + 1);
            bounded
                .read_to_end(&mut bytes)
                .map_err(|_| NotUnpacked::Broken)?;
            left = left.checked_sub(bytes.len()).ok_or(NotUnpacked::TooLarge)?;
            files.push(Unpacked { path, name, bytes });
        }
        Ok(files)
    }
}

/// How many entries the directory that begins at `at` really lists: readers keep one of each name.
fn entries(bytes: &[u8], mut at: usize) -> usize {
    let mut count = 0;
    while let Some(header) = bytes.get(at..at.saturating_add(CENTRAL_HEADER_LEN)) {
        if !header.starts_with(CENTRAL_HEADER) {
            break;
        }
        let length = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        at += CENTRAL_HEADER_LEN + length(28) + length(30) + length(32);
        count += 1;
    }
    count
}

impl Answer {
    /// With files that came with its message.
    #[must_use]
    pub fn with_files(mut self, files: Vec<Unpacked>) -> Self {
        let document = |(nr, file): (usize, Unpacked)| {
            let is_name = file.name.parse::<ParcelPath>().is_ok();
            let name = if is_name {
                file.name
            } else {
                format!("{nr:04}")
            };
            AnswerDocument {
                name: Some(Personal::new(name)),
                content: AnswerContent::Inside(Personal::new(file.bytes)),
            }
        };
        let documents = files.into_iter().enumerate().map(document);
        self.documents.extend(documents);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<Unpacked>, NotUnpacked> {
        Packed::open(bytes)?.unpack()
    }

    #[test]
    fn files_come_out_in_order_and_without_folders() {
        let bytes = zipped(&[("b.xml", b"<b/>"), ("akte/", b""), ("akte/ä.pdf", b"%PDF-")]);
        assert!(is_archive(&bytes));
        let files = unpacked(&bytes).unwrap();
        let files: Vec<_> = files
            .iter()
            .map(|file| (file.name.as_str(), file.bytes.as_slice()))
            .collect();
        assert_eq!(files, [("b.xml", &b"<b/>"[..]), ("ä.pdf", &b"%PDF-"[..])]);
    }

    #[test]
    fn what_is_small_and_unpacks_to_much_is_stopped() {
        let half = vec![0_u8; UNPACKED_MAX_BYTES / 2];
        let bomb = zipped(&[("a", &half), ("b", &half), ("c", b"1")]);
        assert!(bomb.len() < 200_000, "{}", bomb.len());
        assert_eq!(unpacked(&bomb), Err(NotUnpacked::TooLarge));
        let fits = zipped(&[("a", &half), ("b", &half)]);
        assert_eq!(unpacked(&fits).unwrap().len(), 2);
    }

    #[test]
    fn too_many_files_are_stopped_before_they_are_read() {
        let names: Vec<String> = (0..=FILES_MAX).map(|nr| nr.to_string()).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
        assert_eq!(unpacked(&zipped(&files)), Err(NotUnpacked::TooMany));
        assert_eq!(unpacked(&zipped(&files[1..])).unwrap().len(), FILES_MAX);
        let headers = CENTRAL_HEADER.repeat(ENTRIES_MAX + 1);
        assert_eq!(unpacked(&headers), Err(NotUnpacked::TooMany));
    }

    #[test]
    fn two_files_of_one_name_are_not_made_one() {
        // Writers refuse that: the second name is changed afterwards.
        let bytes = zipped(&[("a.pdf", b"1"), ("b.pdf", b"2")]);
        let twice: Vec<u8> = bytes
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                if bytes[at..].starts_with(b"b.pdf") {
                    b'a'
                } else {
                    *byte
                }
            })
            .collect();
        assert_eq!(unpacked(&twice), Err(NotUnpacked::Twice));
    }

    proptest! {
        #[test]
        fn a_damaged_archive_is_unpacked_or_refused(at in 0_usize..300, byte: u8, cut in 0_usize..300) {
            let mut bytes = zipped(&[("a.xml", b"<a/>"), ("b.pdf", b"%PDF-1.7 some bytes, some bytes")]);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = unpacked(&bytes);
            let _ = unpacked(&bytes[..cut.min(bytes.len())]);
        }
    }

    #[test]
    fn names_that_are_none_are_replaced_by_numbers() {
        let file = |name: &str| Unpacked {
            path: format!("x/{name}"),
            name: name.to_owned(),
            bytes: Vec::new(),
        };
        let answer = Answer {
            kind: crate::AnswerKind::Result,
            message: String::new(),
            id: String::new(),
            is_test: false,
            in_reply_to: None,
            reference: None,
            file_number: None,
            status: None,
            due: None,
            text: None,
            findings: Vec::new(),
            documents: Vec::new(),
        };
        let answer = answer.with_files(vec![file("Bescheid.pdf"), file("a\u{7}b"), file("..")]);
        let names: Vec<_> = answer
            .documents
            .iter()
            .map(|one| one.name.as_ref().unwrap().reveal().as_str())
            .collect();
        assert_eq!(names, ["Bescheid.pdf", "0001", "0002"]);
    }
}
