//! The one parser of compact JWEs. It takes the text in pieces and keeps all but the ciphertext, so its memory is bounded.

use super::header::HEADER_MAX_BYTES;
use super::{Envelope, Header, IV_BYTES, Malformed, TAG_BYTES, Tag};
use crate::base64url;

/// Octets of a key wrapped with 4096 to 8192 bits.
const WRAPPED_BYTES: std::ops::RangeInclusive<usize> = 512..=1024;

/// Checks the form of a compact JWE that comes in pieces, in bounded memory (below 20 KiB, whatever the length).
///
/// ```
/// use amtsbote_jose::{JweScanner, Malformed};
/// let mut scanner = JweScanner::new(500_000_000);
/// assert_eq!(scanner.push(b"not a token"), Err(Malformed::Encoding));
/// ```
#[derive(Debug, Clone)]
pub struct JweScanner {
    part: Part,
    /// The characters of the part at hand; not kept for the ciphertext.
    held: Vec<u8>,
    head: Head,
    header: Option<Header>,
    body_chars: u64,
    body_last: u8,
    left: u64,
    fault: Option<Malformed>,
}

/// What stands before the ciphertext and is needed to open it.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// The header as its characters: the additional authenticated data.
    pub(super) protected: Vec<u8>,
    pub(super) wrapped: Vec<u8>,
    pub(super) iv: [u8; IV_BYTES],
}

/// A JWE scanned to its end.
pub(super) struct Scanned {
    pub(super) envelope: Envelope,
    pub(super) head: Head,
    pub(super) tag: [u8; TAG_BYTES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Key,
    Iv,
    Body,
    Tag,
}

impl JweScanner {
    /// Nothing scanned yet; refuses a text of more than `max_bytes`.
    pub fn new(max_bytes: u64) -> Self {
        Self {
            part: Part::Header,
            held: Vec::new(),
            head: Head::default(),
            header: None,
            body_chars: 0,
            body_last: b'A',
            left: max_bytes,
            fault: None,
        }
    }

    /// Takes the next piece. The first fault stays: every later call repeats it.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        self.push_for_body(piece).map(|_| ())
    }

    /// The header, as soon as it has been read.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Says whether the text was complete, and what it shows.
    pub fn finish(self) -> Result<Envelope, Malformed> {
        self.finish_scan().map(|scanned| scanned.envelope)
    }

    /// As [`Self::push`]; hands back what of `piece` belongs to the ciphertext (it is one run at most).
    pub(super) fn push_for_body<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Malformed> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.take(piece)
            .inspect_err(|fault| self.fault = Some(*fault))
    }

    /// What is needed to open, once the ciphertext has begun.
    pub(super) fn head(&self) -> Option<(&Header, &Head)> {
        match self.part {
            Part::Header | Part::Key | Part::Iv => None,
            Part::Body | Part::Tag => self.header.as_ref().map(|header| (header, &self.head)),
        }
    }

    pub(super) fn finish_scan(self) -> Result<Scanned, Malformed> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let (Part::Tag, Some(header)) = (self.part, self.header) else {
            return Err(Malformed::Parts);
        };
        let octets = base64url::decode(&self.held).ok_or(Malformed::Encoding)?;
        let tag = <[u8; TAG_BYTES]>::try_from(octets).map_err(|_| Malformed::Tag)?;
        let envelope = Envelope {
            header,
            tag: Tag(base64url::encode(tag)),
        };
        Ok(Scanned {
            envelope,
            head: self.head,
            tag,
        })
    }

    fn take<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Malformed> {
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or(Malformed::TooLong)?;
        let mut rest = piece;
        let mut body: &[u8] = &[];
        loop {
            let (run, behind) = rest.split_at(base64url::run(rest));
            if self.part == Part::Body {
                body = run;
                self.body_chars += run.len() as u64;
                self.body_last = run.last().copied().unwrap_or(self.body_last);
            } else {
                self.hold(run)?;
            }
            match behind {
                [] => return Ok(body),
                [b'.', next @ ..] => {
                    self.end_part()?;
                    rest = next;
                }
                _ => return Err(Malformed::Encoding),
            }
        }
    }

    /// Keeps characters of a short part; says so as soon as it is too long.
    fn hold(&mut self, run: &[u8]) -> Result<(), Malformed> {
        let (octets_max, fault) = match self.part {
            Part::Header => (HEADER_MAX_BYTES, Malformed::Header),
            Part::Key => (*WRAPPED_BYTES.end(), Malformed::WrappedKey),
            Part::Iv => (IV_BYTES, Malformed::Iv),
            Part::Body | Part::Tag => (TAG_BYTES, Malformed::Tag),
        };
        if self.held.len() + run.len() > octets_max.div_ceil(3) * 4 {
            return Err(fault);
        }
        self.held.extend_from_slice(run);
        Ok(())
    }

    fn end_part(&mut self) -> Result<(), Malformed> {
        let held = std::mem::take(&mut self.held);
        self.part = match self.part {
            Part::Header => {
                self.header = Some(Header::parse(&decode(&held)?)?);
                self.head.protected = held;
                Part::Key
            }
            Part::Key => {
                self.head.wrapped = decode(&held)?;
                if !WRAPPED_BYTES.contains(&self.head.wrapped.len()) {
                    return Err(Malformed::WrappedKey);
                }
                Part::Iv
            }
            Part::Iv => {
                self.head.iv = decode(&held)?.try_into().map_err(|_| Malformed::Iv)?;
                Part::Body
            }
            Part::Body if base64url::ends_well(self.body_chars, self.body_last) => Part::Tag,
            Part::Body => return Err(Malformed::Encoding),
            Part::Tag => return Err(Malformed::Parts),
        };
        Ok(())
    }
}

fn decode(held: &[u8]) -> Result<Vec<u8>, Malformed> {
    base64url::decode(held).ok_or(Malformed::Encoding)
}
