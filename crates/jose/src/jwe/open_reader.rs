//! Opening of what comes in pieces.

use base64::Engine as _;
use openssl::symm::{Cipher, Crypter, Mode};
use zeroize::Zeroizing;

use super::inflate::Inflater;
use super::scan::{Head, JweScanner, Scanned};
use super::wrap::unwrap;
use super::{Envelope, Header, Malformed, NotOpened};
use crate::base64url::ENGINE;
use crate::private::PrivateKey;

/// Characters decoded at once; a multiple of four.
const STEP_CHARS: usize = 32 * 1024;

/// Opens a compact JWE that comes in pieces; memory is bounded by the pieces (packed content grows to at most 1032 times its
/// piece, and never beyond the bound given).
///
/// **What [`Self::push`] hands out is not yet proven.** Keep it back until [`Self::finish`] has said yes.
pub struct OpenReader {
    scanner: JweScanner,
    keys: Vec<PrivateKey>,
    inflate_max_bytes: u64,
    body: Option<Body>,
}

/// The ciphertext being opened.
struct Body {
    crypter: Crypter,
    refusal: NotOpened,
    inflater: Option<Inflater>,
    /// A fault of the unpacked content. Told only after the tag has proven that the sender wrote it.
    content_fault: Option<NotOpened>,
    carry: Vec<u8>,
    octets: Zeroizing<Vec<u8>>,
    plain: Zeroizing<Vec<u8>>,
}

impl OpenReader {
    /// Nothing read yet. `keys` are chosen from as in [`super::open`]; `max_bytes` bounds the JWE, `inflate_max_bytes` what a
    /// packed content (`zip`) may unpack to.
    pub fn new(keys: &[PrivateKey], max_bytes: u64, inflate_max_bytes: u64) -> Self {
        Self {
            scanner: JweScanner::new(max_bytes),
            keys: keys.to_vec(),
            inflate_max_bytes,
            body: None,
        }
    }

    /// Takes the next characters; appends plaintext to `out` that is **not yet proven**.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), NotOpened> {
        let run = self
            .scanner
            .push_for_body(piece)
            .map_err(NotOpened::Malformed)?;
        if self.body.is_none()
            && let Some((header, head)) = self.scanner.head()
        {
            self.body = Some(Body::new(header, head, &self.keys, self.inflate_max_bytes)?);
        }
        self.body
            .as_mut()
            .map_or(Ok(()), |body| body.push(run, out))
    }

    /// Checks the tag and appends what is left of the plaintext. Only now everything handed out counts.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Envelope, NotOpened> {
        let scanned = self.scanner.finish_scan().map_err(NotOpened::Malformed)?;
        let body = self.body.ok_or(NotOpened::Malformed(Malformed::Parts))?;
        body.finish(&scanned, out)?;
        Ok(scanned.envelope)
    }
}

impl Body {
    fn new(
        header: &Header,
        head: &Head,
        keys: &[PrivateKey],
        inflate_max_bytes: u64,
    ) -> Result<Self, NotOpened> {
        let unwrapped = unwrap(header, head, keys);
        let mut crypter = Crypter::new(
            Cipher::aes_256_gcm(),
            Mode::Decrypt,
            &*unwrapped.cek,
            Some(&head.iv),
        )
        .map_err(|_| unwrapped.refusal)?;
        crypter
            .aad_update(&head.protected)
            .map_err(|_| unwrapped.refusal)?;
        Ok(Self {
            crypter,
            refusal: unwrapped.refusal,
            inflater: header.is_packed().then(|| Inflater::new(inflate_max_bytes)),
            content_fault: None,
            carry: Vec::with_capacity(4),
            octets: Zeroizing::new(vec![0; STEP_CHARS / 4 * 3]),
            plain: Zeroizing::new(vec![0; STEP_CHARS / 4 * 3 + 16]),
        })
    }

    fn push(&mut self, mut run: &[u8], out: &mut Vec<u8>) -> Result<(), NotOpened> {
        if !self.carry.is_empty() {
            let (first, rest) = run.split_at(run.len().min(4 - self.carry.len()));
            self.carry.extend_from_slice(first);
            if self.carry.len() < 4 {
                return Ok(());
            }
            let group = std::mem::take(&mut self.carry);
            self.step(&group, out)?;
            run = rest;
        }
        let (groups, left) = run.split_at(run.len() / 4 * 4);
        for step in groups.chunks(STEP_CHARS) {
            self.step(step, out)?;
        }
        self.carry.extend_from_slice(left);
        Ok(())
    }

    fn step(&mut self, chars: &[u8], out: &mut Vec<u8>) -> Result<(), NotOpened> {
        let decoded = ENGINE
            .decode_slice(chars, &mut self.octets)
            .map_err(|_| NotOpened::Malformed(Malformed::Encoding))?;
        let made = self
            .crypter
            .update(&self.octets[..decoded], &mut self.plain)
            .map_err(|_| self.refusal)?;
        let plain = &self.plain[..made];
        match (&mut self.inflater, self.content_fault) {
            (None, _) => out.extend_from_slice(plain),
            (Some(inflater), None) => self.content_fault = inflater.push(plain, out).err(),
            (Some(_), Some(_)) => {}
        }
        Ok(())
    }

    fn finish(mut self, scanned: &Scanned, out: &mut Vec<u8>) -> Result<(), NotOpened> {
        let carry = std::mem::take(&mut self.carry);
        self.step(&carry, out)?;
        self.crypter
            .set_tag(&scanned.tag)
            .map_err(|_| self.refusal)?;
        self.crypter
            .finalize(&mut self.plain)
            .map_err(|_| self.refusal)?;
        match (self.content_fault, self.inflater) {
            (Some(fault), _) => Err(fault),
            (None, Some(inflater)) => inflater.finish(),
            (None, None) => Ok(()),
        }
    }
}

impl std::fmt::Debug for OpenReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenReader")
            .field("header", &self.scanner.header())
            .finish_non_exhaustive()
    }
}
