//! The inner mail, which holds the files, and the outer one, which everybody on the way can read. Pure but for the sources.

use std::fmt::Write as _;

use amtsbote_adapter::placement::clashes;
use amtsbote_adapter::{Fault, Parcel, ParcelFile};
use amtsbote_model::{ParcelId, Personal, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fault::misconfigured;
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
    misconfigured(
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
        media_type(file)
    )
}

// Media types come from senders: what is none would break the header.
fn media_type(file: &ParcelFile) -> &str {
    let is_word = |word: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b);
        !word.is_empty() && word.bytes().all(fits)
    };
    let fits = file
        .media_type
        .split_once('/')
        .is_some_and(|(kind, rest)| is_word(kind) && is_word(rest));
    if fits && file.media_type.len() <= 120 {
        &file.media_type
    } else {
        "application/octet-stream"
    }
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

    #[test]
    fn a_date_is_written_as_mail_wants_it() {
        assert_eq!(
            date(Timestamp::from_seconds(1_795_600_800)),
            "Wed, 25 Nov 2026 10:00:00 +0000"
        );
    }
}
