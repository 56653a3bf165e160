//! The document's text as bytes of its encoding.

use amtsbote_adapter::Encoding;
use std::fmt::Write as _;

use crate::settings::{LineEnd, Settings};

/// The document with a declaration that names its encoding.
pub(crate) fn declared(document: &str, settings: &Settings) -> String {
    let body = document
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .map_or(document, |(_, body)| body);
    let charset = settings.encoding.charset().to_uppercase();
    format!("<?xml version=\"1.0\" encoding=\"{charset}\"?>{body}")
}

/// Bytes; characters the encoding does not have become references. Names of elements and attributes are all of the template, and
/// [`unwritable`] was asked about it before.
pub(crate) fn bytes(text: &str, settings: &Settings) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' && settings.line_end == LineEnd::Crlf {
            out.push(b'\r');
        }
        if let Err(missing) = settings.encoding.put(c, &mut out) {
            out.extend_from_slice(format!("&#{};", u32::from(missing)).as_bytes());
        }
    }
    out
}

/// Characters of the template the encoding does not have, outside of comments: they might stand in a name.
pub(crate) fn unwritable(template: &str, encoding: Encoding) -> Option<String> {
    let mut found = String::new();
    let mut rest = template;
    while !rest.is_empty() {
        let (text, after) = rest.split_once("<!--").unwrap_or((rest, ""));
        for c in text.chars().filter(|c| *c != '\u{feff}') {
            let is_missing = encoding.put(c, &mut Vec::new()).is_err();
            if is_missing && !found.contains(c) && found.chars().count() < 10 {
                let _ = write!(found, "{c}");
            }
        }
        rest = after.split_once("-->").map_or("", |(_, behind)| behind);
    }
    (!found.is_empty()).then_some(found)
}
