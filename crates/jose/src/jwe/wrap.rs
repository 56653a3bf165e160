//! The content key: made and wrapped for sealing, chosen and unwrapped for opening.

use aws_lc_rs::rsa::OAEP_SHA256_MGF1SHA256;
use zeroize::Zeroizing;

use super::scan::Head;
use super::{CEK_BYTES, Header, IV_BYTES, NotOpened, NotSealed, header};
use crate::base64url;
use crate::jwk::PublicKey;
use crate::private::PrivateKey;
use crate::random::random_bytes;

/// A content key.
pub(super) type Cek = Zeroizing<[u8; CEK_BYTES]>;

/// Everything a new JWE begins with.
pub(super) struct Opening {
    /// `header.key.iv.`
    pub(super) text: String,
    /// Characters of the header: the additional authenticated data.
    pub(super) protected_len: usize,
    pub(super) cek: Cek,
    pub(super) iv: [u8; IV_BYTES],
}

impl Opening {
    pub(super) fn new(key: &PublicKey, cty: &str) -> Result<Self, NotSealed> {
        let wrapper = key.wrapper().ok_or(NotSealed::WrongUse)?;
        let mut text = base64url::encode(header::print(key, cty)?);
        let protected_len = text.len();
        let cek: Cek = Zeroizing::new(random_bytes());
        let iv = random_bytes();
        let mut room = vec![0; wrapper.ciphertext_size()];
        let wrapped = wrapper
            .encrypt(&OAEP_SHA256_MGF1SHA256, &*cek, &mut room, None)
            .map_err(|_| NotSealed::Library)?;
        for octets in [&*wrapped, &iv] {
            text.push('.');
            text.push_str(&base64url::encode(octets));
        }
        text.push('.');
        Ok(Self {
            text,
            protected_len,
            cek,
            iv,
        })
    }

    pub(super) fn protected(&self) -> &[u8] {
        &self.text.as_bytes()[..self.protected_len]
    }
}

/// The content key, and the answer to give if the text does not open with it.
pub(super) struct Unwrapped {
    pub(super) cek: Cek,
    pub(super) refusal: NotOpened,
}

/// Unwraps with the key that `kid` names, by its name or by its thumbprint; else with the first of all that fits.
///
/// If none fits, a random key goes on in its place, so that a wrong wrapped key and a wrong tag cannot be told apart
/// (RFC 7516 §11.5).
pub(super) fn unwrap(header: &Header, head: &Head, keys: &[PrivateKey]) -> Unwrapped {
    let named = header.kid().and_then(|kid| find(kid, keys));
    let (candidates, refusal) = match named {
        Some(key) => (std::slice::from_ref(key), NotOpened::Refused),
        None => (keys, NotOpened::UnknownKey),
    };
    let cek = candidates
        .iter()
        .find_map(|key| try_unwrap(key, &head.wrapped));
    Unwrapped {
        cek: cek.unwrap_or_else(|| Zeroizing::new(random_bytes())),
        refusal,
    }
}

fn find<'k>(kid: &str, keys: &'k [PrivateKey]) -> Option<&'k PrivateKey> {
    let for_opening = || keys.iter().filter(|key| key.unwrapper().is_some());
    for_opening()
        .find(|key| key.kid() == kid)
        .or_else(|| for_opening().find(|key| key.public().thumbprint() == kid))
}

fn try_unwrap(key: &PrivateKey, wrapped: &[u8]) -> Option<Cek> {
    let unwrapper = key.unwrapper()?;
    if wrapped.len() != unwrapper.key_size_bytes() {
        return None;
    }
    let mut room = Zeroizing::new(vec![0; unwrapper.min_output_size()]);
    let octets = unwrapper
        .decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut room, None)
        .ok()?;
    let mut cek: Cek = Zeroizing::new([0; CEK_BYTES]);
    (octets.len() == CEK_BYTES).then(|| cek.copy_from_slice(octets))?;
    Some(cek)
}
