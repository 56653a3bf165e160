//! Sealing of what comes in pieces. `aws-lc-rs` has no incremental GCM, so this one is OpenSSL's.

use base64::Engine as _;
use openssl::symm::{Cipher, Crypter, Mode};
use zeroize::Zeroizing;

use super::wrap::Opening;
use super::{NotSealed, TAG_BYTES, Tag};
use crate::base64url::{self, ENGINE};
use crate::jwk::PublicKey;

/// Plaintext under one key and IV, at most (NIST SP 800-38D §5.2.1.1).
const PLAIN_MAX_BYTES: u64 = (1 << 36) - 32;
const STEP_BYTES: usize = 48 * 1024;

/// Seals plaintext that comes in pieces; memory is bounded by the pieces.
///
/// ```text
/// new ─► push* ─► finish      each appends characters of the JWE to `out`
/// ```
pub struct SealWriter {
    crypter: Crypter,
    /// What stands before the ciphertext, until it has been handed out.
    start: String,
    /// Up to two octets of ciphertext that do not fill a group of four characters yet.
    carry: Vec<u8>,
    room: Zeroizing<Vec<u8>>,
    left: u64,
}

impl SealWriter {
    /// A new JWE for `key`, with `cty` in its header.
    pub fn new(key: &PublicKey, cty: &str) -> Result<Self, NotSealed> {
        let start = Opening::new(key, cty)?;
        let mut crypter = Crypter::new(
            Cipher::aes_256_gcm(),
            Mode::Encrypt,
            &*start.cek,
            Some(&start.iv),
        )
        .map_err(|_| NotSealed::Library)?;
        crypter
            .aad_update(start.protected())
            .map_err(|_| NotSealed::Library)?;
        Ok(Self {
            crypter,
            start: start.text,
            carry: Vec::new(),
            room: Zeroizing::new(vec![0; STEP_BYTES + 16]),
            left: PLAIN_MAX_BYTES,
        })
    }

    /// Seals the next piece; appends characters of the JWE to `out` (4/3 of the piece, and the head at the first call).
    pub fn push(&mut self, piece: &[u8], out: &mut String) -> Result<(), NotSealed> {
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or(NotSealed::TooLong)?;
        out.push_str(&std::mem::take(&mut self.start));
        for step in piece.chunks(STEP_BYTES) {
            let made = self
                .crypter
                .update(step, &mut self.room)
                .map_err(|_| NotSealed::Library)?;
            self.carry.extend_from_slice(&self.room[..made]);
            let whole = self.carry.len() / 3 * 3;
            ENGINE.encode_string(&self.carry[..whole], out);
            self.carry.drain(..whole);
        }
        Ok(())
    }

    /// Ends the JWE: appends its last characters to `out`, the tag among them.
    pub fn finish(mut self, out: &mut String) -> Result<Tag, NotSealed> {
        out.push_str(&self.start);
        let made = self
            .crypter
            .finalize(&mut self.room)
            .map_err(|_| NotSealed::Library)?;
        self.carry.extend_from_slice(&self.room[..made]);
        ENGINE.encode_string(&self.carry, out);
        let mut tag = [0; TAG_BYTES];
        self.crypter
            .get_tag(&mut tag)
            .map_err(|_| NotSealed::Library)?;
        let tag = Tag(base64url::encode(tag));
        out.push('.');
        out.push_str(tag.as_str());
        Ok(tag)
    }
}

impl std::fmt::Debug for SealWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealWriter(…)")
    }
}
