//! Where a format lists attachments: which of its names means what of `$attachments`.

use crate::names::folded;

/// What a list of attachments, or one of them, is called.
const LISTS: &[&str] = &[
    "anlage",
    "anlagen",
    "anhang",
    "anhaenge",
    "datei",
    "dateien",
    "dokument",
    "dokumente",
    "attachment",
    "attachments",
    "file",
    "files",
    "document",
    "documents",
    "beilage",
    "beilagen",
];

/// Names of what is said of one, and what `$attachments` calls it.
const NAMES: &[(&[&str], &str)] = &[
    (
        &[
            "dateiname",
            "filename",
            "name",
            "titel",
            "bezeichnung",
            "anlagenname",
            "dokumentname",
            "title",
        ],
        ".filename",
    ),
    (
        &[
            "mime",
            "mimetype",
            "mimetyp",
            "contenttype",
            "mediatype",
            "medientyp",
            "dateityp",
            "typ",
            "type",
            "format",
        ],
        ".media_type",
    ),
    (
        &[
            "groesse",
            "dateigroesse",
            "size",
            "bytes",
            "laenge",
            "sizebytes",
        ],
        ".size_bytes",
    ),
    (
        &[
            "inhalt",
            "content",
            "daten",
            "data",
            "base64",
            "binaer",
            "base64inhalt",
            "dateiinhalt",
            "inhaltbase64",
        ],
        ".content",
    ),
    (
        &["sha256", "hash", "pruefsumme", "checksum", "hashwert"],
        ".sha256",
    ),
    (&["sha512"], ".sha512"),
    (&["sha1"], ".sha1"),
    (&["md5", "md5summe", "md5hash"], ".md5"),
    (
        &["beschreibung", "description", "bemerkung"],
        ".description",
    ),
    (&["pfad", "path"], ".path"),
    (&["id", "uuid", "dokumentid", "anlagenid"], ".id"),
    (
        &["nr", "lfdnr", "lfd", "nummer", "position", "laufendenummer"],
        "$nr",
    ),
];

/// Whether a part of that name, with those names inside, is an attachment: it has a name, a content or a path, and is called so.
pub(crate) fn is_attachment<'n>(name: &str, mut inside: impl Iterator<Item = &'n str>) -> bool {
    let tells = |name: &str| matches!(source(name), Some(".filename" | ".content" | ".path"));
    LISTS.contains(&folded(name).as_str()) && inside.any(tells)
}

/// Whether a list of files, or one of them, is called so.
pub(crate) fn is_list(name: &str) -> bool {
    LISTS.contains(&folded(name).as_str())
}

/// What is binary and no attachment: signatures, keys, sums.
const NO_FILES: &[&str] = &[
    "sign",
    "zertifikat",
    "certificate",
    "schluessel",
    "key",
    "hash",
    "digest",
];

/// Whether something in base64 that is called so may hold a file.
pub(crate) fn may_hold_file(name: &str) -> bool {
    let name = folded(name);
    !NO_FILES.iter().any(|part| name.contains(part))
}

/// Whether a text is the base64 of a file: long, and nothing else in it.
pub(crate) fn is_base64(text: &str) -> bool {
    const LENGTH_MIN: usize = 80;
    let mut length = 0;
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        if !byte.is_ascii_alphanumeric() && !b"+/=".contains(&byte) {
            return false;
        }
        length += 1;
    }
    let words = text.split_ascii_whitespace().count();
    length >= LENGTH_MIN && length % 4 == 0 && length / words.max(1) > LENGTH_MIN / 2
}

/// Whether one of these attributes names the file.
pub(crate) fn is_named<'n>(name: &str, mut attributes: impl Iterator<Item = &'n str>) -> bool {
    LISTS.contains(&folded(name).as_str())
        && attributes.any(|name| attribute(name) == Some(".file"))
}

/// The expression for what is said of an attachment under that name.
pub(crate) fn source(name: &str) -> Option<&'static str> {
    let name = folded(name);
    let (_, expression) = NAMES
        .iter()
        .find(|(names, _)| names.contains(&name.as_str()))?;
    Some(expression)
}

/// Where an attachment's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// In the document: its name is the sender's.
    Inside,
    /// In a file of that name beside the document.
    Beside,
}

/// What tells of an attachment under that name, where the sample has that value.
pub(crate) fn told(name: &str, value: &str, content: Content) -> Option<&'static str> {
    let by_name = source(name).filter(|from| fits(from, value));
    match by_name {
        Some(".filename") if content == Content::Beside && names_the_file(name) => Some(".file"),
        None => sum(name, value),
        Some(from) => Some(as_long(from, name, value)),
    }
}

/// A checksum is the one that is so long, whatever it is called.
pub(crate) fn as_long(from: &'static str, name: &str, value: &str) -> &'static str {
    match from {
        ".sha256" | ".sha512" | ".sha1" | ".md5" => sum(name, value).unwrap_or(from),
        _ => from,
    }
}

/// A media type has a slash: what is called `typ` and has none is a kind of the procedure's own.
pub(crate) fn fits(from: &str, value: &str) -> bool {
    from != ".media_type" || value.is_empty() || value.contains('/')
}

/// How a checksum is written, if not as it is: the sample has capital letters.
pub(crate) fn convert(from: &str, value: &str) -> Option<&'static str> {
    let is_sum = [".sha256", ".sha512", ".sha1", ".md5"]
        .iter()
        .any(|sum| from.ends_with(sum));
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let is_upper = has(u8::is_ascii_uppercase) && !has(u8::is_ascii_lowercase);
    (is_sum && is_upper).then_some("upper")
}

/// A title is no name of a file.
fn names_the_file(name: &str) -> bool {
    const TITLES: &[&str] = &["titel", "title", "bezeichnung"];
    !TITLES.contains(&folded(name).as_str())
}

/// The checksum that is so long. As short as MD5 are other numbers, too: there the name has to tell.
fn sum(name: &str, value: &str) -> Option<&'static str> {
    const SUMS: &[&str] = &["summe", "sum", "hash", "md5", "wert", "value", "digest"];
    let name = folded(name);
    let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    match value.len() {
        32 if is_hex && SUMS.iter().any(|part| name.contains(part)) => Some(".md5"),
        40 if is_hex => Some(".sha1"),
        64 if is_hex => Some(".sha256"),
        128 if is_hex => Some(".sha512"),
        _ => None,
    }
}

/// The same for an attribute, which never holds a content but may name the file.
pub(crate) fn attribute(name: &str) -> Option<&'static str> {
    const FILES: &[&str] = &["datei", "file", "href", "ref", "src"];
    const ORIGINALS: &[&str] = &["original", "originalname", "originaldateiname"];
    let folded = folded(name);
    if FILES.contains(&folded.as_str()) {
        return Some(".file");
    }
    if ORIGINALS.contains(&folded.as_str()) {
        return Some(".filename");
    }
    source(name).filter(|expression| *expression != ".content")
}

/// Whether an attachment may lack it.
pub(crate) fn may_lack(expression: &str) -> bool {
    matches!(expression, ".filename" | ".description" | ".path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_that_beside_the_document_and_a_sum_is_told_by_its_length() {
        let (sha256, md5) = ("9F".repeat(32), "0a".repeat(16));
        for (name, value, content, expected) in [
            ("dateiname", "plan.pdf", Content::Beside, Some(".file")),
            ("dateiname", "plan.pdf", Content::Inside, Some(".filename")),
            ("titel", "Lageplan", Content::Beside, Some(".filename")),
            ("wert", sha256.as_str(), Content::Beside, Some(".sha256")),
            ("pruefsumme", md5.as_str(), Content::Beside, Some(".md5")),
            ("kennung", md5.as_str(), Content::Beside, None),
            ("pruefsumme", "?", Content::Beside, Some(".sha256")),
            ("verfahren", "SHA-256", Content::Beside, None),
            ("typ", "ANL", Content::Beside, None),
            ("typ", "image/png", Content::Beside, Some(".media_type")),
        ] {
            assert_eq!(told(name, value, content), expected, "{name} {value}");
        }
    }
}
