//! New keys of 4096 bits.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use openssl::pkey::{PKey, Private};
use serde_json::json;
use zeroize::Zeroizing;

use crate::certificate::{self, SelfSigned};
use crate::jwk::{KeyUse, PublicKey};
use crate::jwk_parts::is_kid;
use crate::private::PrivateKey;

/// Why no key was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotGenerated {
    /// The name is not one.
    #[error("`kid` must have 8 to 64 visible ASCII characters")]
    KeyId,
    /// The certificate cannot be made as wished.
    #[error(
        "the certificate needs a common name of 1 to 64 characters and a beginning before its end"
    )]
    Certificate,
    /// The generator failed.
    #[error("the key could not be generated; try again")]
    Generator,
}

impl PrivateKey {
    /// A new key without a certificate, as a reply key in metadata is. Takes a second or so.
    pub fn generate(key_use: KeyUse, kid: &str) -> Result<Self, NotGenerated> {
        Self::generate_with(key_use, kid, None)
    }

    /// A new key with a self-signed certificate (SHA-512 with RSA): for tests and demonstrations, where nobody vouches for keys.
    pub fn generate_self_signed(
        key_use: KeyUse,
        kid: &str,
        wish: &SelfSigned<'_>,
    ) -> Result<Self, NotGenerated> {
        let is_named = (1..=64).contains(&wish.common_name.chars().count());
        if !is_named || wish.not_before_s >= wish.not_after_s {
            return Err(NotGenerated::Certificate);
        }
        Self::generate_with(key_use, kid, Some(wish))
    }

    fn generate_with(
        key_use: KeyUse,
        kid: &str,
        wish: Option<&SelfSigned<'_>>,
    ) -> Result<Self, NotGenerated> {
        if !is_kid(kid) {
            return Err(NotGenerated::KeyId);
        }
        let (modulus, pkcs8, pair) = new_pair().ok_or(NotGenerated::Generator)?;
        let chain = match wish {
            None => None,
            Some(wish) => {
                let entry =
                    certificate::self_sign(&pair, wish).map_err(|_| NotGenerated::Certificate)?;
                Some(
                    certificate::read(&json!([entry]), &modulus)
                        .map_err(|_| NotGenerated::Certificate)?,
                )
            }
        };
        let public = PublicKey::assemble(kid.to_owned(), key_use, modulus, chain)
            .map_err(|_| NotGenerated::Generator)?;
        Self::assemble(public, pkcs8).ok_or(NotGenerated::Generator)
    }
}

type Pair = (Vec<u8>, Zeroizing<Vec<u8>>, PKey<Private>);

/// A new pair: modulus, PKCS#8, and the form certificates are signed with. `aws-lc-rs` takes a third of OpenSSL's time
/// (one second against three, each on one core at debug settings).
fn new_pair() -> Option<Pair> {
    let der = KeyPair::generate(KeySize::Rsa4096)
        .and_then(|pair| pair.as_der())
        .ok()?;
    let pkcs8 = Zeroizing::new(der.as_ref().to_vec());
    let pair = PKey::private_key_from_pkcs8(&pkcs8).ok()?;
    let modulus = pair.rsa().ok()?.n().to_vec();
    Some((modulus, pkcs8, pair))
}
