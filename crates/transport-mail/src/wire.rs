//! The inner mail, which holds the files, and the outer one, which everybody on the way can read. Pure but for the sources.

use std::fmt::Write as _;

use amtsbote_adapter::placement::clashes;
use amtsbote_adapter::transport::{name_of, parcel_id, said as way};
use amtsbote_adapter::{Fault, Lineage, Parcel, ParcelFile};
use amtsbote_model::{ParcelId, Personal, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::settings::{Cipher, Settings};

const LINE: usize = 76;
/// Bytes that make one line of base64.
const LINE_BYTES: usize = LINE / 4 * 3;
/// Cannot stand in base64, so no file can hold it.
const BOUNDARY: &str = "=_amtsbote";

/// The inner mail: a part for each file, in base64. What it may be long follows from `max_bytes` of the whole.
pub(crate) async fn inner(parcel: &Parcel, max_bytes: u64) -> Result<Personal<Vec<u8>>, Fault> {
    let findings = clashes(&parcel.files);
    if !findings.is_empty() {
        return Err(Fault::Rejected { findings });
    }
    let mut mail = format!(
        "Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\nMIME-Version: 1.0\r\n\r\n"
    )
    .into_bytes();
    for file in &parcel.files {
        mail.extend_from_slice(head(file).as_bytes());
        let mut lines = Lines::default();
        let mut reader = file.read();
        while let Some(bytes) = reader.next().await? {
            lines.push(&bytes, &mut mail);
            // Encoded again it will be longer by more than a third.
            if mail.len() as u64 > max_bytes / 4 * 3 {
                return Err(too_long());
            }
        }
        lines.finish(&mut mail);
    }
    mail.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Ok(Personal::new(mail))
}

pub(crate) fn too_long() -> Fault {
    Fault::misconfigured(
        "die Sendung ist länger, als max_bytes erlaubt; heraufsetzen, wenn der Mailserver das annimmt, oder für diesen Dienst einen anderen Transport wählen",
        "the parcel is longer than max_bytes allows; raise it if the mail server takes that, or choose another transport for this service",
    )
}

fn head(file: &ParcelFile) -> String {
    let name = file.path.as_str().replace('/', "_");
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    // One line is at most 998 characters (RFC 5322); a path has at most 8 parts of 120 characters.
    let mut parameters = String::new();
    let bytes = encoded.as_bytes();
    let mut begin = 0;
    let mut number = 0;
    while begin < bytes.len() {
        let mut end = (begin + 60).min(bytes.len());
        // Never inside `%XX`.
        while end < bytes.len() && (bytes[end - 1] == b'%' || bytes[end - 2] == b'%') {
            end -= 1;
        }
        let charset = if number == 0 { "UTF-8''" } else { "" };
        let _ = write!(
            parameters,
            ";\r\n filename*{number}*={charset}{}",
            &encoded[begin..end]
        );
        number += 1;
        begin = end;
    }
    format!(
        "--{BOUNDARY}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment{parameters}\r\n\r\n",
        file.header_type()
    )
}

/// Base64 in lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8], mail: &mut Vec<u8>) {
        self.0.extend_from_slice(bytes);
        let whole = self.0.len() / LINE_BYTES * LINE_BYTES;
        let lines: Vec<u8> = self.0.drain(..whole).collect();
        for line in lines.chunks(LINE_BYTES) {
            mail.extend_from_slice(STANDARD.encode(line).as_bytes());
            mail.extend_from_slice(b"\r\n");
        }
    }

    fn finish(self, mail: &mut Vec<u8>) {
        if !self.0.is_empty() {
            mail.extend_from_slice(STANDARD.encode(&self.0).as_bytes());
            mail.extend_from_slice(b"\r\n");
        }
    }
}

/// The outer mail around the sealed inner one.
pub(crate) fn outer(
    settings: &Settings,
    id: ParcelId,
    now: Timestamp,
    sealed: &[u8],
) -> Result<Vec<u8>, Fault> {
    let to: Vec<String> = settings
        .to
        .iter()
        .map(|to| to.address().to_string())
        .collect();
    let kind = match settings.cipher {
        Cipher::Aes256Gcm => "authEnveloped-data",
        Cipher::Aes256Cbc => "enveloped-data",
    };
    let mut mail = format!(
        "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/pkcs7-mime; smime-type={kind}; name=\"smime.p7m\"\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n",
        settings.from.address(),
        to.join(",\r\n "),
        settings.subject.of(id),
        date(now),
        message_id(settings, id),
    )
    .into_bytes();
    let mut lines = Lines::default();
    lines.push(sealed, &mut mail);
    lines.finish(&mut mail);
    if mail.len() as u64 > settings.max_bytes {
        return Err(too_long());
    }
    Ok(mail)
}

/// The same for every repeat of a parcel.
pub(crate) fn message_id(settings: &Settings, id: ParcelId) -> String {
    format!("<{id}@{}>", settings.from.address().domain())
}

/// Where the headers come from that [`outer`] and [`inner`] write; those of the inner mail's parts are `part[n]/…`.
pub(crate) fn said(settings: &Settings, files: usize) -> Vec<Lineage> {
    let id = [parcel_id()];
    let subject = format!("outbound.subject = {}", settings.subject.as_str());
    let subject_of: &[_] = if settings.subject.names_parcel() {
        &id
    } else {
        &[]
    };
    let mut all = vec![
        way("From", &[], "outbound.from"),
        way("To", &[], "outbound.to"),
        way("Subject", subject_of, &subject),
        way("Date", &[], "the moment of sending"),
        way("Message-ID", &id, "<{parcel}@domain of outbound.from>"),
        way("Auto-Submitted", &[], "RFC 3834"),
    ];
    let fixed = [
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "Content-Disposition",
    ];
    all.extend(fixed.map(|name| way(name, &[], "S/MIME (RFC 8551), outbound.cipher")));
    let inner = ["Content-Type", "MIME-Version"];
    all.extend(inner.map(|name| way(format!("inner/{name}"), &[], "MIME (RFC 2046)")));
    for nr in 1..=files {
        let part = |name: &str| format!("part[{nr}]/{name}");
        let name = format!("{}, / becomes _ (RFC 2231)", name_of(nr));
        let media_type = format!("file[{nr}]/@media_type, or application/octet-stream");
        all.extend([
            way(part("Content-Type"), &[], &media_type),
            way(part("Content-Transfer-Encoding"), &[], "base64"),
            way(part("Content-Disposition"), &[], &name),
        ]);
    }
    all
}

fn date(now: Timestamp) -> String {
    let moment = jiff::Timestamp::from_second(now.as_seconds()).unwrap_or_default();
    moment.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::Piece;
    use bytes::Bytes;

    use super::*;

    #[test]
    fn file_names_of_any_length_and_script_fit_into_lines() {
        let part = "Ü\"x".repeat(40);
        let path = vec![part; 8].join("/").replace('"', "'");
        let file = ParcelFile {
            path: path.parse().unwrap(),
            media_type: "text/plain\r\nBcc: x".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::new()))],
        };
        let head = head(&file);
        assert!(head.is_ascii());
        assert!(head.lines().all(|line| line.len() < 100));
        assert!(!head.contains("Bcc"));
        let told: String = head
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("filename*"))
            .map(|line| line.split_once('=').unwrap().1.trim_end_matches(';'))
            .collect();
        let expected = path.replace('/', "_");
        let bytes: Vec<u8> = {
            let text = told.strip_prefix("UTF-8''").unwrap();
            let mut bytes = Vec::new();
            let mut rest = text.as_bytes();
            while let [first, tail @ ..] = rest {
                if *first == b'%' {
                    let hex = std::str::from_utf8(&tail[..2]).unwrap();
                    bytes.push(u8::from_str_radix(hex, 16).unwrap());
                    rest = &tail[2..];
                } else {
                    bytes.push(*first);
                    rest = tail;
                }
            }
            bytes
        };
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    /// Every header of the outer mail, of the inner one and of its parts is explained, and nothing else.
    #[test]
    fn every_header_is_explained() {
        let settings: Settings = toml::from_str(
            "host = \"h\"\nfrom = \"a@b.example\"\nledger_dir = \"l\"\nto = [\"c@d.example\"]\ncertificate_files = [\"c.pem\"]",
        )
        .unwrap();
        let file = |path: &str| ParcelFile {
            path: path.parse().unwrap(),
            media_type: "text/plain".to_owned(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(b"x")))],
        };
        let parcel = Parcel {
            id: "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap(),
            files: vec![file("a.txt"), file("b/c.txt")],
        };
        let headers = |at: &str, text: &str| -> Vec<String> {
            let head = text.split("\r\n\r\n").next().unwrap();
            let is_new = |line: &&str| !line.starts_with(' ') && line.contains(": ");
            let names = head.lines().filter(is_new);
            names
                .map(|line| format!("{at}{}", line.split_once(": ").unwrap().0))
                .collect()
        };
        let outer = outer(&settings, parcel.id, Timestamp::from_seconds(0), b"x").unwrap();
        let mut wanted = headers("", std::str::from_utf8(&outer).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let inner = runtime.block_on(inner(&parcel, 1_000_000)).unwrap();
        let inner = String::from_utf8(inner.reveal().clone()).unwrap();
        wanted.extend(headers("inner/", &inner));
        let delimiter = format!("--{BOUNDARY}\r\n");
        let parts = inner.split(&delimiter).skip(1);
        for (index, part) in parts.enumerate() {
            wanted.extend(headers(&format!("part[{}]/", index + 1), part));
        }
        let mut told: Vec<String> = said(&settings, parcel.files.len())
            .into_iter()
            .map(|one| one.output.trim_start_matches("way/").to_owned())
            .collect();
        wanted.sort();
        told.sort();
        assert_eq!(told, wanted);
        assert_eq!(wanted.len(), 10 + 2 + 2 * 3);
    }

    #[test]
    fn a_date_is_written_as_mail_wants_it() {
        assert_eq!(
            date(Timestamp::from_seconds(1_795_600_800)),
            "Wed, 25 Nov 2026 10:00:00 +0000"
        );
    }
}
