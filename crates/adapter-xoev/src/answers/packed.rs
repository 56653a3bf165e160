//! An answer of a DMS in an archive: `<process id>_<message's name>.zip` with the message and its documents, as hand-overs are packed.

use amtsbote_adapter::{Answer, NotUnpacked, Packed, Unpacked};
use amtsbote_problem::{Finding, Findings};
use amtsbote_xoev::Document;

use super::{XDOMEA, read, refused};

const NAMESPACES: &str = "urn:xoev-de:xdomea:schema:";

/// None if nothing inside is, or is called like, a message of xdomea.
pub(crate) fn read_archive(bytes: &[u8]) -> Option<Result<Answer, Findings>> {
    let packed = match Packed::open(bytes) {
        Ok(packed) => packed,
        Err(why) => return Some(Err(vec![not_unpacked(why)])),
    };
    if !packed.paths().any(is_xml) {
        return None;
    }
    match packed.unpack() {
        Ok(files) => answer(files),
        Err(why) => Some(Err(vec![not_unpacked(why)])),
    }
}

fn answer(files: Vec<Unpacked>) -> Option<Result<Answer, Findings>> {
    let (mut messages, documents): (Vec<_>, Vec<_>) = files.into_iter().partition(is_message);
    let message = messages.pop()?;
    if !messages.is_empty() {
        return Some(Err(refused(
            "archive",
            (
                "im Archiv liegt mehr als eine Nachricht",
                "there is more than one message in the archive",
            ),
        )));
    }
    let answer = read(XDOMEA, &message.bytes);
    Some(answer.map(|answer| answer.with_files(documents)))
}

fn is_xml(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".xml")
}

/// By its root, or, so that a broken one is not taken for a document, by its name: `….0402.xml`.
fn is_message(file: &Unpacked) -> bool {
    is_xml(&file.name) && (is_named_as_message(&file.name) || is_xdomea(&file.bytes))
}

fn is_named_as_message(name: &str) -> bool {
    let number = name.rsplit('.').nth(1).unwrap_or_default();
    number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_xdomea(bytes: &[u8]) -> bool {
    Document::read(bytes).is_ok_and(|document| document.root().namespace.starts_with(NAMESPACES))
}

fn not_unpacked(why: NotUnpacked) -> Finding {
    Finding::new("", "archive", why.words())
}
