//! Bodies of several parts (RFC 2046 §5.1, RFC 7578), read whole: the caller has bounded them. Pure.

use bytes::Bytes;

const PARTS_MAX: usize = 200;
const HEAD_MAX_BYTES: usize = 8 * 1024;

/// One part of a body.
#[derive(Clone)]
pub(crate) struct Part {
    /// Its file name, else the name of its field; foreign.
    pub(crate) name: Option<String>,
    /// Without parameters, in lower case.
    pub(crate) media_type: String,
    pub(crate) content: Bytes,
}

/// What an entity's `Content-Type` says: media type in lower case, and the boundary of its parts.
pub(crate) fn kind(content_type: &str) -> (String, Option<String>) {
    let mut pieces = content_type.split(';');
    let media_type = pieces
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let boundary =
        parameter(content_type, "boundary").filter(|_| media_type.starts_with("multipart/"));
    (media_type, boundary)
}

/// The parts, or nothing if the body is not built like that or has too many.
pub(crate) fn parts(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut at = if body.starts_with(first.as_bytes()) {
        first.len()
    } else {
        find(body, next.as_bytes(), 0)? + next.len()
    };
    let mut parts = Vec::new();
    loop {
        if body.get(at..at + 2)? == b"--" {
            return Some(parts);
        }
        // White space may stand behind a boundary.
        let begin = find(body, b"\r\n", at)? + 2;
        if !body.get(at..begin)?.iter().all(u8::is_ascii_whitespace) || parts.len() >= PARTS_MAX {
            return None;
        }
        // The line end before a boundary belongs to the boundary; a part without headers begins with an empty line.
        let end = find(body, next.as_bytes(), begin - 2)?;
        parts.push(part(&body.slice(begin..end.max(begin)))?);
        at = end + next.len();
    }
}

fn part(bytes: &Bytes) -> Option<Part> {
    let (head, content) = if bytes.starts_with(b"\r\n") {
        (Bytes::new(), bytes.slice(2..))
    } else {
        let end = find(bytes, b"\r\n\r\n", 0)?;
        (bytes.slice(..end), bytes.slice(end + 4..))
    };
    let head = Some(head).filter(|head| head.len() <= HEAD_MAX_BYTES)?;
    let head = std::str::from_utf8(&head).ok()?;
    let header = |wanted: &str| {
        head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim()
                .eq_ignore_ascii_case(wanted)
                .then(|| value.trim())
        })
    };
    // Nothing else is needed over HTTP (RFC 7578 §4.7), and what it would mean is not guessed.
    let encoding = header("content-transfer-encoding").unwrap_or("binary");
    if !["binary", "8bit", "7bit"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(encoding))
    {
        return None;
    }
    let disposition = header("content-disposition").unwrap_or_default();
    let media_type = header("content-type").unwrap_or("text/plain");
    let mut name = ["filename", "name"].into_iter();
    Some(Part {
        name: name.find_map(|name| parameter(disposition, name)),
        media_type: kind(media_type).0,
        content,
    })
}

/// A parameter of a header, quoted or not.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header;
    while let Some(at) = rest.find(';') {
        rest = rest[at + 1..].trim_start();
        let Some((name, value)) = rest.split_once('=') else {
            continue;
        };
        let found = name.trim().eq_ignore_ascii_case(wanted);
        if let Some(quoted) = value.strip_prefix('"') {
            let end = quoted.find('"')?;
            if found {
                return Some(quoted[..end].to_owned());
            }
            rest = &quoted[end + 1..];
        } else if found {
            let end = value.find(';').unwrap_or(value.len());
            return Some(value[..end].trim().to_owned());
        }
    }
    None
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let found = memchr::memmem::find(bytes.get(from..)?, wanted)?;
    Some(from + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(Option<String>, String, String)>> {
        let body = Bytes::copy_from_slice(text.replace('\n', "\r\n").as_bytes());
        let parts = parts(&body, "b")?.into_iter();
        let text = |part: Part| String::from_utf8(part.content.to_vec()).unwrap();
        let told = parts.map(|part| (part.name.clone(), part.media_type.clone(), text(part)));
        Some(told.collect())
    }

    #[test]
    fn parts_have_names_kinds_and_their_bytes() {
        let parts = read(
            "preamble\n--b\nContent-Disposition: form-data; name=\"x\"; filename=\"a;b=c.json\"\nContent-Type: application/JSON; charset=utf-8\n\n{}\n--b \n\nplain\n\n--b\ncontent-disposition: form-data; name=leer\n\n\n--b--\nend",
        );
        let expected = [
            (Some("a;b=c.json"), "application/json", "{}"),
            (None, "text/plain", "plain\r\n"),
            (Some("leer"), "text/plain", ""),
        ];
        let expected = expected
            .map(|(name, kind, text)| (name.map(str::to_owned), kind.to_owned(), text.to_owned()));
        assert_eq!(parts.unwrap(), expected);
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        for text in [
            "",
            "--b",
            "--b\n",
            "--b\na: b\n\nx",
            "--b\na: b\n--b--",
            "--c\n\nx\n--c--",
            "--bx\n\nx\n--b--",
            "--b\nContent-Transfer-Encoding: base64\n\neA==\n--b--",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn kinds_are_read_with_their_boundary() {
        for (text, media_type, boundary) in [
            (
                "Multipart/Form-Data; boundary=\"a b\"; x=y",
                "multipart/form-data",
                Some("a b"),
            ),
            (
                "multipart/mixed; x=\";\"; boundary=b",
                "multipart/mixed",
                Some("b"),
            ),
            ("application/json; boundary=b", "application/json", None),
            ("", "", None),
        ] {
            let expected = (media_type.to_owned(), boundary.map(str::to_owned));
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
