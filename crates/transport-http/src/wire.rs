//! A parcel as one body: what is sent in which order, and how long it is. Pure but for the sources it reads.

use std::fmt::Write as _;
use std::io;

use amtsbote_adapter::placement::clashes;
use amtsbote_adapter::{Fault, Parcel, ParcelFile, Piece};
use amtsbote_problem::{Bilingual, Finding};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use crate::settings::Body;

/// A body and what is said about it.
#[derive(Debug)]
pub(crate) struct Letter<'p> {
    pub(crate) content_type: String,
    pub(crate) length: u64,
    segments: Vec<Segment<'p>>,
}

#[derive(Debug)]
enum Segment<'p> {
    Text(String),
    Plain(&'p ParcelFile),
    Base64(&'p ParcelFile),
}

/// The receiver of the body has gone, because the answer came first.
pub(crate) type Pieces = Sender<io::Result<Bytes>>;

impl<'p> Letter<'p> {
    pub(crate) fn of(body: &Body, parcel: &'p Parcel) -> Result<Self, Fault> {
        let mut findings = clashes(&parcel.files);
        if matches!(body, Body::Xml) {
            findings.extend(unwritable(&parcel.files));
        }
        if !findings.is_empty() {
            return Err(Fault::Rejected { findings });
        }
        let (content_type, segments) = match body {
            Body::File => single(parcel)?,
            Body::Json => ("application/json".to_owned(), json(parcel)),
            Body::Xml => ("application/xml".to_owned(), xml(parcel)),
            Body::Multipart { .. } => multipart(body, parcel),
        };
        Ok(Self {
            content_type,
            length: segments.iter().map(Segment::length).sum(),
            segments,
        })
    }

    /// A text, or nothing.
    pub(crate) fn of_text(text: Option<&str>, content_type: &str) -> Self {
        let text = text.filter(|text| !text.is_empty());
        Self {
            content_type: content_type.to_owned(),
            length: text.map_or(0, |text| text.len() as u64),
            segments: text
                .map(|text| Segment::Text(text.to_owned()))
                .into_iter()
                .collect(),
        }
    }

    /// Sends the body's bytes piece by piece, as fast as they are taken. Ends early if nobody takes them any more.
    pub(crate) async fn feed(&self, pieces: Pieces) -> Result<(), Fault> {
        for segment in &self.segments {
            if let Err(fault) = segment.feed(&pieces).await {
                // Breaks the body off, so that the other side cannot take it for whole.
                let _ = pieces
                    .send(Err(io::Error::other("the source failed")))
                    .await;
                return Err(fault);
            }
        }
        Ok(())
    }
}

impl Segment<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Plain(file) => length_of(file),
            Self::Base64(file) => base64_length(length_of(file)),
        }
    }

    async fn feed(&self, pieces: &Pieces) -> Result<(), Fault> {
        let (file, mut carry) = match self {
            Self::Text(text) => {
                let _ = pieces.send(Ok(Bytes::from(text.clone()))).await;
                return Ok(());
            }
            Self::Plain(file) => (file, None),
            Self::Base64(file) => (file, Some(BytesMut::new())),
        };
        let mut reader = file.read();
        while let Some(bytes) = reader.next().await? {
            let ready = match &mut carry {
                None => bytes,
                Some(carry) => {
                    // Three bytes at a time; up to two wait for the next piece.
                    carry.extend_from_slice(&bytes);
                    let whole = carry.len() / 3 * 3;
                    Bytes::from(STANDARD.encode(carry.split_to(whole)))
                }
            };
            if !ready.is_empty() && pieces.send(Ok(ready)).await.is_err() {
                return Ok(());
            }
        }
        if let Some(rest) = carry.filter(|rest| !rest.is_empty()) {
            let _ = pieces.send(Ok(Bytes::from(STANDARD.encode(rest)))).await;
        }
        Ok(())
    }
}

fn length_of(file: &ParcelFile) -> u64 {
    let length = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => bytes.reveal().len() as u64,
        Piece::Attachment(source) => source.size_bytes(),
        Piece::Base64(source) => base64_length(source.size_bytes()),
        Piece::Zip(archive) => archive.size_bytes(),
    };
    file.pieces.iter().map(length).sum()
}

const fn base64_length(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

fn single(parcel: &Parcel) -> Result<(String, Vec<Segment<'_>>), Fault> {
    match &parcel.files[..] {
        [file] => Ok((file.header_type().to_owned(), vec![Segment::Plain(file)])),
        _ => Err(Fault::misconfigured(
            "body.kind = \"file\" sendet eine Datei, das Mapping-Paket macht aber mehrere: multipart, json oder xml wählen, oder ein Paket, das eine Datei macht",
            "body.kind = \"file\" sends one file, but the mapping package makes several: choose multipart, json or xml, or a package that makes one file",
        )),
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json(parcel: &Parcel) -> Vec<Segment<'_>> {
    let mut text = format!("{{\"parcel\":\"{}\",\"files\":[", parcel.id);
    let mut segments = Vec::new();
    for (index, file) in parcel.files.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"path\":{},\"media_type\":{},\"content\":\"",
            json_string(file.path.as_str()),
            json_string(file.header_type()),
        );
        segments.push(Segment::Text(std::mem::replace(
            &mut text,
            "\"}".to_owned(),
        )));
        segments.push(Segment::Base64(file));
    }
    text.push_str("]}");
    segments.push(Segment::Text(text));
    segments
}

fn xml_attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn xml(parcel: &Parcel) -> Vec<Segment<'_>> {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<parcel id=\"{}\">",
        parcel.id
    );
    let mut segments = Vec::new();
    for file in &parcel.files {
        let _ = write!(
            text,
            "<file path=\"{}\" mediaType=\"{}\">",
            xml_attribute(file.path.as_str()),
            xml_attribute(file.header_type()),
        );
        segments.push(Segment::Text(std::mem::replace(
            &mut text,
            "</file>".to_owned(),
        )));
        segments.push(Segment::Base64(file));
    }
    text.push_str("</parcel>\n");
    segments.push(Segment::Text(text));
    segments
}

/// Names with the two characters that no XML can hold and a path can.
fn unwritable(files: &[ParcelFile]) -> Vec<Finding> {
    let is_bad = |file: &ParcelFile| file.path.as_str().contains(['\u{fffe}', '\u{ffff}']);
    let bad = files.iter().enumerate().filter(|(_, file)| is_bad(file));
    bad.map(|(index, _)| {
        Finding::new(
            format!("/files/{index}"),
            "file-name",
            Bilingual::new(
                "der Dateiname enthält ein Zeichen, das XML nicht darstellen kann",
                "the file's name has a character that XML cannot hold",
            ),
        )
    })
    .collect()
}

// The boundary is random, not derived from the parcel: a sender who knew it could put parts of its own into a file.
fn multipart<'p>(body: &Body, parcel: &'p Parcel) -> (String, Vec<Segment<'p>>) {
    let boundary = format!("amtsbote-{}", Uuid::new_v4().simple());
    let mut text = String::new();
    let mut segments = Vec::new();
    if let Body::Multipart {
        first_part,
        other_parts,
        id_part,
        fields,
    } = body
    {
        let id = parcel.id.to_string();
        let fields = fields.iter().chain(id_part.iter().map(|name| (name, &id)));
        for (name, value) in fields {
            let _ = write!(
                text,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        for (index, file) in parcel.files.iter().enumerate() {
            let name = if index == 0 { first_part } else { other_parts };
            let _ = write!(
                text,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
                // As browsers do it (HTML, multipart form data); receivers drop what stands before a slash.
                file.path.as_str().replace('/', "_").replace('"', "%22"),
                file.header_type(),
            );
            segments.push(Segment::Text(std::mem::replace(
                &mut text,
                "\r\n".to_owned(),
            )));
            segments.push(Segment::Plain(file));
        }
    }
    let _ = write!(text, "--{boundary}--\r\n");
    segments.push(Segment::Text(text));
    (
        format!("multipart/form-data; boundary={boundary}"),
        segments,
    )
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::bytes_source;
    use amtsbote_model::Personal;

    use super::*;

    fn parcel(paths: &[&str]) -> Parcel {
        let file = |path: &&str| ParcelFile {
            path: path.parse().unwrap(),
            media_type: "text/plain\r\nX: y".into(),
            pieces: vec![
                Piece::Bytes(Personal::new(Bytes::from_static(b"Hal"))),
                Piece::Bytes(Personal::new(Bytes::from_static(b"lo"))),
                Piece::Base64(bytes_source(Bytes::from_static(b"1"))),
            ],
        };
        Parcel {
            id: "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap(),
            files: paths.iter().map(file).collect(),
        }
    }

    fn sent(body: &str, paths: &[&str]) -> (String, String) {
        let body: Body = toml::from_str(body).unwrap();
        let parcel = parcel(paths);
        let letter = Letter::of(&body, &parcel).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let text = runtime.block_on(async {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
            letter.feed(sender).await.unwrap();
            let mut all = Vec::new();
            while let Some(piece) = receiver.recv().await {
                all.extend_from_slice(&piece.unwrap());
            }
            String::from_utf8(all).unwrap()
        });
        assert_eq!(text.len() as u64, letter.length, "the announced length");
        (letter.content_type.clone(), text)
    }

    #[test]
    fn json_and_xml_hold_the_files_in_base64() {
        let (_, text) = sent("kind = \"json\"", &["a.txt", "b/ä.txt"]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["parcel"], "f39ab143-d91a-474a-b69f-b00f1a1873c2");
        assert_eq!(value["files"][1]["path"], "b/ä.txt");
        assert_eq!(value["files"][1]["media_type"], "application/octet-stream");
        assert_eq!(value["files"][0]["content"], STANDARD.encode("HalloMQ=="));
        let (_, text) = sent("kind = \"xml\"", &["a&b'.txt"]);
        assert!(text.ends_with(
            "<parcel id=\"f39ab143-d91a-474a-b69f-b00f1a1873c2\"><file path=\"a&amp;b'.txt\" mediaType=\"application/octet-stream\">SGFsbG9NUT09</file></parcel>\n"
        ), "{text}");
    }

    #[test]
    fn multipart_names_its_parts_as_the_settings_say() {
        let body = "kind = \"multipart\"\nfirst_part = \"antrag\"\nother_parts = \"anlage\"\nid_part = \"id\"\nfields = { mandant = \"7\" }";
        let (content_type, text) = sent(body, &["a.txt", "b/c.txt"]);
        let boundary = content_type.split_once("boundary=").unwrap().1;
        let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 6);
        assert!(parts[1].contains("name=\"mandant\"\r\n\r\n7\r\n"));
        assert!(parts[2].contains("name=\"id\"\r\n\r\nf39ab143"));
        assert!(parts[3].contains("name=\"antrag\"; filename=\"a.txt\"\r\n"));
        assert!(parts[3].ends_with("\r\n\r\nHalloMQ==\r\n"));
        assert!(parts[4].contains("name=\"anlage\"; filename=\"b_c.txt\"\r\n"));
        assert_eq!(parts[5], "--\r\n");
    }

    #[test]
    fn documents_are_told_the_names_parts_and_calls_have() {
        let named = |more: &str| {
            let settings =
                format!("url = \"https://h.example/\"\nrepeats = \"recognised\"\n{more}");
            let settings: crate::Settings = toml::from_str(&settings).unwrap();
            let id = "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap();
            settings.names().of(id, "b/c.txt").into_owned()
        };
        let multipart = "kind = \"multipart\"";
        let (_, text) = sent(multipart, &["a.txt", "b/c.txt"]);
        let part = named(&format!("body = {{ {multipart} }}"));
        assert!(text.contains(&format!("filename=\"{part}\"")), "{text}");
        assert_eq!(named("body = { kind = \"json\" }"), "b/c.txt");
        assert_eq!(
            named(
                "body = { kind = \"file\" }\n[steps]\nid = { json = \"/id\" }\n[steps.attachment]\nrepeats = \"recognised\"\nurl = \"https://h.example/{parcel}/{name}\""
            ),
            "c.txt"
        );
    }

    /// What a body says around the files is explained, and nothing that it does not say.
    #[test]
    fn every_part_of_every_body_is_explained() {
        let paths = ["a.txt", "b/c.txt"];
        let told = |body: &str| -> std::collections::BTreeSet<String> {
            let settings =
                format!("url = \"https://h.example\"\nrepeats = \"recognised\"\n[body]\n{body}");
            let settings: crate::Settings = toml::from_str(&settings).unwrap();
            let said = crate::said::said(&settings, paths.len());
            let of_body = |at: &String| at.starts_with("body") || at.starts_with("part");
            said.into_iter()
                .filter_map(|one| one.output.strip_prefix("way/").map(str::to_owned))
                .filter(of_body)
                .collect()
        };
        let json = "kind = \"json\"";
        let value: serde_json::Value = serde_json::from_str(&sent(json, &paths).1).unwrap();
        let mut wanted = std::collections::BTreeSet::from(["body/parcel".to_owned()]);
        for (index, file) in value["files"].as_array().unwrap().iter().enumerate() {
            let members = file.as_object().unwrap().keys();
            wanted.extend(members.map(|name| format!("body/files/{index}/{name}")));
        }
        assert_eq!(value.as_object().unwrap().len(), 2);
        assert_eq!(told(json), wanted);
        let xml = "kind = \"xml\"";
        let leaves = amtsbote_adapter::laws::explained::xml(sent(xml, &paths).1.as_bytes());
        let plain =
            |(path, _): (String, String)| format!("body{}", path.replace("parcel[1]", "parcel"));
        assert_eq!(told(xml), leaves.into_iter().map(plain).collect());
        let form = "kind = \"multipart\"\nid_part = \"id\"\nfields = { mandant = \"7\" }";
        let (content_type, text) = sent(form, &paths);
        let boundary = content_type.split_once("boundary=").unwrap().1;
        let mut wanted = std::collections::BTreeSet::new();
        let delimiter = format!("--{boundary}\r\n");
        let parts = text.split(&delimiter).skip(1);
        for (index, part) in parts.enumerate() {
            let at = format!("part[{}]", index + 1);
            for (sign, name) in [
                (" name=", "/@name"),
                ("filename=", "/@filename"),
                ("Content-Type:", "/@media_type"),
                ("\r\n\r\n", ""),
            ] {
                if part.contains(sign) {
                    wanted.insert(format!("{at}{name}"));
                }
            }
        }
        assert_eq!(wanted.len(), 2 * 2 + 2 * 4);
        assert_eq!(told(form), wanted);
    }

    #[test]
    fn a_table_keeps_its_encoding() {
        let mut parcel = parcel(&["a.csv"]);
        parcel.files[0].media_type = "text/csv; charset=windows-1252".to_owned();
        let letter = Letter::of(&Body::File, &parcel).unwrap();
        assert_eq!(letter.content_type, "text/csv; charset=windows-1252");
    }

    #[test]
    fn one_file_goes_as_it_is_and_several_are_a_fault_of_the_settings() {
        assert_eq!(sent("kind = \"file\"", &["a.txt"]).1, "HalloMQ==");
        let parcel = parcel(&["a", "b"]);
        let several = Letter::of(&Body::File, &parcel);
        assert!(matches!(several, Err(Fault::Misconfigured { .. })));
    }
}
