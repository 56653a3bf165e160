//! Sealing and opening of what fits into memory.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use zeroize::Zeroizing;

use super::inflate::Inflater;
use super::scan::Scanned;
use super::wrap::{Cek, Opening, unwrap};
use super::{Envelope, Header, JweScanner, Malformed, NotOpened, NotSealed, Tag};
use crate::base64url;
use crate::jwk::PublicKey;
use crate::private::PrivateKey;

/// Seals `plaintext` for `key`. The header gets `alg`, `enc`, the key's `kid`, and `cty`; never `zip`.
pub fn seal(plaintext: &[u8], key: &PublicKey, cty: &str) -> Result<String, NotSealed> {
    let start = Opening::new(key, cty)?;
    let mut octets = Zeroizing::new(plaintext.to_vec());
    let tag = gcm(&start.cek)
        .and_then(|gcm| {
            let nonce = Nonce::assume_unique_for_key(start.iv);
            gcm.seal_in_place_separate_tag(nonce, Aad::from(start.protected()), &mut octets)
                .ok()
        })
        .ok_or(NotSealed::Library)?;
    let mut text = start.text;
    text.reserve_exact(octets.len().div_ceil(3) * 4 + 23);
    base64url::ENGINE.encode_string(&*octets, &mut text);
    text.push('.');
    base64url::ENGINE.encode_string(tag.as_ref(), &mut text);
    Ok(text)
}

/// A compact JWE that keeps the form, unopened.
pub struct Jwe<'a> {
    scanned: Scanned,
    body: &'a [u8],
}

impl<'a> Jwe<'a> {
    /// Takes a compact JWE of at most `max_bytes` apart.
    pub fn parse(text: &'a (impl AsRef<[u8]> + ?Sized), max_bytes: u64) -> Result<Self, Malformed> {
        let mut scanner = JweScanner::new(max_bytes);
        let body = scanner.push_for_body(text.as_ref())?;
        let scanned = scanner.finish_scan()?;
        Ok(Self { scanned, body })
    }

    /// The protected header.
    pub fn header(&self) -> &Header {
        &self.scanned.envelope.header
    }

    /// The authentication tag.
    pub fn tag(&self) -> &Tag {
        &self.scanned.envelope.tag
    }

    /// Header and tag, by move.
    pub fn into_envelope(self) -> Envelope {
        self.scanned.envelope
    }
}

impl std::fmt::Debug for Jwe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwe")
            .field("envelope", &self.scanned.envelope)
            .finish_non_exhaustive()
    }
}

/// Opens `jwe` with the key it names, or with whichever of `keys` fits if it names none of them. A packed content (`zip`) may
/// unpack to `inflate_max_bytes`; an unpacked one is as long as it came. The plaintext is wiped when dropped.
pub fn open(
    jwe: &Jwe<'_>,
    keys: &[PrivateKey],
    inflate_max_bytes: u64,
) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let Scanned {
        envelope,
        head,
        tag,
    } = &jwe.scanned;
    let unwrapped = unwrap(&envelope.header, head, keys);
    let mut octets = Zeroizing::new(Vec::with_capacity(jwe.body.len() / 4 * 3 + 3 + tag.len()));
    base64url::ENGINE
        .decode_vec(jwe.body, &mut octets)
        .map_err(|_| NotOpened::Malformed(Malformed::Encoding))?;
    octets.extend_from_slice(tag);
    let plain_len = gcm(&unwrapped.cek)
        .and_then(|gcm| {
            let nonce = Nonce::assume_unique_for_key(head.iv);
            gcm.open_in_place(nonce, Aad::from(&head.protected), &mut octets)
                .ok()
                .map(|plain| plain.len())
        })
        .ok_or(unwrapped.refusal)?;
    octets.truncate(plain_len);
    if !envelope.header.is_packed() {
        return Ok(octets);
    }
    let mut plain = Zeroizing::new(Vec::new());
    let mut inflater = Inflater::new(inflate_max_bytes);
    inflater.push(&octets, &mut plain)?;
    inflater.finish()?;
    Ok(plain)
}

fn gcm(cek: &Cek) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &**cek)
        .ok()
        .map(LessSafeKey::new)
}
