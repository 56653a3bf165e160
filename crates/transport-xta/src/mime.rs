//! `multipart/related` (RFC 2387) piece by piece, as MTOM uses it: parts come out as they come in, nothing is collected but
//! headers. Lines end with CRLF; a body whose first delimiter ends with LF alone is read so to its end. Pure.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

const BOUNDARY_MAX_BYTES: usize = 200;
const PREAMBLE_MAX_BYTES: usize = 1_024;
const HEADERS_MAX_BYTES: usize = 8 * 1024;
const HEADERS_MAX: usize = 32;
const PADDING_MAX_BYTES: usize = 64;
const CRLF: &[u8] = b"\r\n";
const LF: &[u8] = b"\n";

/// The bytes are no multipart body, or beyond the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the content type names no usable boundary")]
    Boundary,
    #[error("too many bytes before the first part")]
    Preamble,
    #[error("a part's headers cannot be read or are too large")]
    Headers,
    #[error("there are too many parts")]
    Parts,
    #[error("a part is encoded; only binary is read")]
    Encoding,
    #[error("the body ends before its last boundary")]
    Truncated,
}

/// A media type with its parameters: names in small letters, values as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// `type/subtype` in small letters.
    pub(crate) essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads `Content-Type`; `None` if it is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (essence, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let essence = essence.trim().to_ascii_lowercase();
        essence
            .split_once('/')
            .filter(|(a, b)| !a.is_empty() && !b.is_empty())?;
        let mut parameters = Vec::new();
        while !rest.trim().is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after.trim_start())?;
            parameters.push((name.trim().to_ascii_lowercase(), value));
            let after = after.trim_start();
            rest = match after.strip_prefix(';') {
                Some(after) => after,
                None if after.is_empty() => "",
                None => return None,
            };
        }
        Some(Self {
            essence,
            parameters,
        })
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether text in it is UTF-8 as far as it says.
    pub(crate) fn is_utf8(&self) -> bool {
        self.parameter("charset").is_none_or(|charset| {
            ["utf-8", "utf8", "us-ascii"].contains(&charset.to_ascii_lowercase().as_str())
        })
    }
}

/// A parameter's value, quoted or not, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// The headers of a part that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// `Content-ID` without its angle brackets.
    pub(crate) id: String,
    /// `Content-Type` as it stands.
    pub(crate) media_type: String,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A part begins.
    Part(PartHead),
    /// Bytes of it.
    Bytes(Bytes),
    /// It ends.
    PartEnd,
    /// The last boundary was read; what follows is ignored.
    End,
    /// More bytes are needed.
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Headers,
    Content,
    Boundary,
    Ended,
}

/// Takes bytes, gives steps. Holds what was pushed last and at most one part's headers.
#[derive(Debug)]
pub(crate) struct Parts {
    delimiter: Vec<u8>,
    /// What ends a line: of the first delimiter, and then of all others.
    line_end: &'static [u8],
    waiting: BytesMut,
    state: State,
    inside: bool,
    skipped: usize,
    count: usize,
    count_max: usize,
}

impl Parts {
    pub(crate) fn new(boundary: &str, parts_max: usize) -> Result<Self, Malformed> {
        let fits = (1..=BOUNDARY_MAX_BYTES).contains(&boundary.len())
            && boundary.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if !fits {
            return Err(Malformed::Boundary);
        }
        Ok(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            line_end: CRLF,
            // The first delimiter may stand at the very beginning, without its line break.
            waiting: BytesMut::from(&b"\r\n"[..]),
            state: State::Preamble,
            inside: false,
            skipped: 0,
            count: 0,
            count_max: parts_max,
        })
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Ended {
            self.waiting.extend_from_slice(bytes);
        }
    }

    /// Whether the body was whole, once no more bytes come.
    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        if self.state == State::Ended {
            Ok(())
        } else {
            Err(Malformed::Truncated)
        }
    }

    pub(crate) fn step(&mut self) -> Result<Step, Malformed> {
        loop {
            let step = match self.state {
                State::Preamble => self.preamble()?,
                State::Headers => self.headers()?,
                State::Content => self.content(),
                State::Boundary => self.boundary()?,
                State::Ended => {
                    self.waiting.clear();
                    Some(Step::End)
                }
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    fn preamble(&mut self) -> Result<Option<Step>, Malformed> {
        let found = memmem::find(&self.waiting, &self.delimiter);
        let skip =
            found.unwrap_or_else(|| self.waiting.len().saturating_sub(self.delimiter.len() - 1));
        self.skipped += skip;
        if self.skipped > PREAMBLE_MAX_BYTES {
            return Err(Malformed::Preamble);
        }
        drop(self.waiting.split_to(skip));
        if found.is_none() {
            return Ok(Some(Step::More));
        }
        self.state = State::Boundary;
        Ok(None)
    }

    fn content(&mut self) -> Option<Step> {
        let found = memmem::find(&self.waiting, &self.delimiter);
        let whole =
            found.unwrap_or_else(|| self.waiting.len().saturating_sub(self.delimiter.len() - 1));
        if found.is_some() {
            self.state = State::Boundary;
        }
        if whole > 0 {
            return Some(Step::Bytes(self.waiting.split_to(whole).freeze()));
        }
        if found.is_none() {
            Some(Step::More)
        } else {
            None
        }
    }

    // A delimiter stands at the beginning of what waits. It counts only with `--`, or padding and a line break behind it:
    // else it is content that looks alike.
    fn boundary(&mut self) -> Result<Option<Step>, Malformed> {
        let behind = &self.waiting[self.delimiter.len()..];
        if behind.starts_with(b"--") {
            self.state = State::Ended;
            return Ok(self.inside.then_some(Step::PartEnd));
        }
        let padding = behind
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let rest = &behind[padding.min(PADDING_MAX_BYTES)..];
        let head = self.delimiter.len() + padding;
        if self.count == 0 && rest.starts_with(LF) {
            // Some clients end all lines so. It is known before anything of a part was read, so no content is taken for a delimiter
            // that would not be one.
            self.delimiter.remove(0);
            self.line_end = LF;
        }
        let rest = &self.waiting[head.min(self.waiting.len())..];
        if rest.starts_with(self.line_end) {
            // The line break stays: headers begin behind it, and an empty head is recognised by it.
            drop(self.waiting.split_to(head));
            self.state = State::Headers;
            let ended = std::mem::replace(&mut self.inside, false);
            return Ok(ended.then_some(Step::PartEnd));
        }
        let undecided = rest.is_empty() || rest == b"\r" || (padding == 0 && rest == b"-");
        if undecided {
            return Ok(Some(Step::More));
        }
        if !self.inside {
            self.skipped += self.delimiter.len();
            drop(self.waiting.split_to(self.delimiter.len()));
            self.state = State::Preamble;
            return if self.skipped > PREAMBLE_MAX_BYTES {
                Err(Malformed::Preamble)
            } else {
                Ok(None)
            };
        }
        self.state = State::Content;
        let lookalike = self.waiting.split_to(self.delimiter.len()).freeze();
        Ok(Some(Step::Bytes(lookalike)))
    }

    fn headers(&mut self) -> Result<Option<Step>, Malformed> {
        let empty_line = self.line_end.repeat(2);
        let Some(end) = memmem::find(&self.waiting, &empty_line) else {
            return if self.waiting.len() > HEADERS_MAX_BYTES {
                Err(Malformed::Headers)
            } else {
                Ok(Some(Step::More))
            };
        };
        if end > HEADERS_MAX_BYTES {
            return Err(Malformed::Headers);
        }
        self.count += 1;
        if self.count > self.count_max {
            return Err(Malformed::Parts);
        }
        let head = self.waiting.split_to(end);
        drop(self.waiting.split_to(empty_line.len()));
        let head = part_head(&head, self.line_end)?;
        self.inside = true;
        self.state = State::Content;
        Ok(Some(Step::Part(head)))
    }
}

fn part_head(bytes: &[u8], line_end: &[u8]) -> Result<PartHead, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Headers)?;
    let text = if line_end == LF {
        text.replace('\n', "\r\n")
    } else {
        text.to_owned()
    };
    // A line that begins with white space goes on with the one before.
    let text = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut head = PartHead::default();
    for (count, line) in text
        .split("\r\n")
        .filter(|line| !line.is_empty())
        .enumerate()
    {
        let (name, value) = line.split_once(':').ok_or(Malformed::Headers)?;
        if count >= HEADERS_MAX || name.is_empty() || value.contains(['\r', '\n', '\0']) {
            return Err(Malformed::Headers);
        }
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-id" => {
                let bare = value.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
                bare.unwrap_or(value).clone_into(&mut head.id);
            }
            "content-type" => value.clone_into(&mut head.media_type),
            "content-transfer-encoding" => match value.to_ascii_lowercase().as_str() {
                "binary" | "8bit" | "7bit" => {}
                _ => return Err(Malformed::Encoding),
            },
            _ => {}
        }
    }
    Ok(head)
}

/// The content id that `href` of an `xop:Include` names (RFC 2392: `cid:`, percent-encoded); `None` if it names none.
pub(crate) fn content_id(href: &str) -> Option<String> {
    let encoded = href.strip_prefix("cid:")?.as_bytes();
    let mut id = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(&byte) = encoded.get(at) {
        let pair = encoded.get(at + 1..at + 3).filter(|_| byte == b'%');
        let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.map(|pair| u8::from_str_radix(pair, 16)) {
            Some(Ok(decoded)) => {
                id.push(decoded);
                at += 3;
            }
            Some(Err(_)) => return None,
            None => {
                id.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(id).ok().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--b\r\nContent-Type: application/xop+xml\r\nContent-ID: <root@x>\r\n\r\n<a/>\r\n--b \r\ncontent-id: <1@x>\r\n\r\n\r\n--bx\r\n--b\r\ncontent-id: <2@x>\r\n\r\n\r\n--b--\r\nignored";

    /// The parts as `id=content`, or the fault.
    fn read(body: &[u8], piece: usize) -> Result<Vec<String>, Malformed> {
        let mut parts = Parts::new("b", 4)?;
        let mut read: Vec<(String, Vec<u8>)> = Vec::new();
        let mut ends = 0;
        for piece in body.chunks(piece) {
            parts.push(piece);
            loop {
                match parts.step()? {
                    Step::Part(head) => read.push((head.id, Vec::new())),
                    Step::Bytes(bytes) => read.last_mut().unwrap().1.extend_from_slice(&bytes),
                    Step::PartEnd => ends += 1,
                    Step::More | Step::End => break,
                }
            }
        }
        parts.finish()?;
        assert_eq!(ends, read.len());
        Ok(read
            .into_iter()
            .map(|(id, bytes)| format!("{id}={}", String::from_utf8_lossy(&bytes)))
            .collect())
    }

    #[test]
    fn parts_do_not_depend_on_where_the_body_is_cut() {
        for piece in 1..=BODY.len() {
            assert_eq!(
                read(BODY, piece).unwrap(),
                ["root@x=<a/>", "1@x=\r\n--bx", "2@x="],
                "{piece}"
            );
        }
    }

    #[test]
    fn lines_that_end_with_lf_alone_are_read_if_the_first_one_does() {
        let body = String::from_utf8(BODY.to_vec())
            .unwrap()
            .replace("\r\n", "\n");
        for piece in 1..=body.len() {
            let parts = read(body.as_bytes(), piece).unwrap();
            assert_eq!(parts, ["root@x=<a/>", "1@x=\n--bx", "2@x="], "{piece}");
        }
        // Where lines end with CRLF, a line break alone is content.
        let body = "--b\r\ncontent-id: 1\r\n\r\nx\n--b\ny\n--b--\r\n--b--\r\n";
        for piece in 1..=body.len() {
            let parts = read(body.as_bytes(), piece).unwrap();
            assert_eq!(parts, ["1=x\n--b\ny\n--b--"], "{piece}");
        }
    }

    #[test]
    fn a_body_cut_short_is_never_whole() {
        let end = BODY.len() - "\r\nignored".len();
        for length in 0..end {
            assert_eq!(
                read(&BODY[..length], 7),
                Err(Malformed::Truncated),
                "{length}"
            );
        }
    }

    #[test]
    fn a_changed_byte_never_panics() {
        for at in 0..BODY.len() {
            for byte in [0, b'\r', b'\n', b'-', b':', 0xff] {
                let mut body = BODY.to_vec();
                body[at] = byte;
                let _ = read(&body, 5);
            }
        }
    }

    #[test]
    fn bounds_hold() {
        let wrong = |body: String| read(body.as_bytes(), 1_000).unwrap_err();
        assert_eq!(wrong("x".repeat(2_000)), Malformed::Preamble);
        assert_eq!(wrong("\r\n--by".repeat(300)), Malformed::Preamble);
        assert_eq!(
            wrong(format!("--b\r\na: {}", "x".repeat(9_000))),
            Malformed::Headers
        );
        assert_eq!(
            wrong(format!("--b\r\n{}\r\n\r\n--b--", "a: b\r\n".repeat(40))),
            Malformed::Headers
        );
        assert_eq!(
            wrong("--b\r\nnonsense\r\n\r\n--b--".to_owned()),
            Malformed::Headers
        );
        assert_eq!(
            wrong("--b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b--".to_owned()),
            Malformed::Encoding
        );
        assert_eq!(
            wrong(format!("{}--b--", "--b\r\na: b\r\n\r\nx\r\n".repeat(5))),
            Malformed::Parts
        );
        assert_eq!(
            wrong("--other\r\n\r\n\r\n--other--".to_owned()),
            Malformed::Truncated
        );
        for boundary in ["", "a\r\nb", "ä", &"x".repeat(201)] {
            assert_eq!(Parts::new(boundary, 1).unwrap_err(), Malformed::Boundary);
        }
    }

    #[test]
    fn media_types_are_read_with_quotes_and_case() {
        let read = MediaType::read(
            "Multipart/Related; type=\"application/xop+xml\"; Boundary=\"uuid:1;x\"; start=\"<a@b>\"; start-info=\"application/soap+xml; action=\\\"urn:x\\\"\"",
        )
        .unwrap();
        assert_eq!(read.essence, "multipart/related");
        assert_eq!(read.parameter("boundary"), Some("uuid:1;x"));
        assert_eq!(read.parameter("start"), Some("<a@b>"));
        assert_eq!(
            read.parameter("start-info"),
            Some("application/soap+xml; action=\"urn:x\"")
        );
        assert!(MediaType::read("text/xml;charset=UTF-8").unwrap().is_utf8());
        assert!(
            !MediaType::read("text/xml; charset=utf-16")
                .unwrap()
                .is_utf8()
        );
        for bad in ["", "text", "a/b; c", "a/b; c=\"d", "a/b; c=\"d\" e=f"] {
            assert_eq!(MediaType::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn content_ids_are_percent_decoded() {
        for (href, id) in [
            ("cid:a@b", Some("a@b")),
            ("cid:a%40b", Some("a@b")),
            ("cid:", None),
            ("http://x", None),
            ("cid:%zz", None),
            ("cid:%4", Some("%4")),
        ] {
            assert_eq!(content_id(href).as_deref(), id, "{href}");
        }
    }
}
