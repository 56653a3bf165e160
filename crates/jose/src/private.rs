//! Private keys. They print as `…` and their bytes are wiped when the last copy goes.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, OaepPrivateDecryptingKey, PrivateDecryptingKey, PublicKeyComponents,
};
use openssl::bn::BigNumRef;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::base64url;
use crate::jwk::{KeyUse, PublicKey, X5c};
use crate::jwk_parts::{Parts, Side};
use crate::key_fault::{KeyFault, RefusedKey};

/// A private key that keeps the policy, ready for use. Cheap to clone; `Debug` prints `…` for the private part.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    public: PublicKey,
    pkcs8: Zeroizing<Vec<u8>>,
    engine: Engine,
}

enum Engine {
    Unwrap(OaepPrivateDecryptingKey),
    Sign(KeyPair),
}

impl PrivateKey {
    /// Reads a private JWK from text of at most 64 KiB: the members of the public key with `key_ops` `unwrapKey` or `sign`, and
    /// `d`, `p`, `q`, `dp`, `dq`, `qi` (RFC 7518 §6.3.2). The members must fit together.
    pub fn parse(json: &str, key_use: KeyUse, x5c: X5c) -> Result<Self, RefusedKey> {
        let public = Parts::parse(json)?.build(key_use, Side::Private, x5c)?;
        let members: Members = serde_json::from_str(json).map_err(|_| KeyFault::NotAnObject)?;
        let pair = members.pair(public.modulus())?;
        let der = pair.as_der().map_err(|_| KeyFault::Inconsistent)?;
        let pkcs8 = Zeroizing::new(der.as_ref().to_vec());
        Ok(Self::assemble(public, pkcs8).ok_or(KeyFault::Inconsistent)?)
    }

    /// The public part.
    pub fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        self.0.public.kid()
    }

    /// What the key is for.
    pub fn key_use(&self) -> KeyUse {
        self.0.public.key_use()
    }

    /// The private JWK as text, in clear. Only for the one file that keeps it.
    ///
    /// # Panics
    /// Never: the key was read from the same form.
    pub fn to_secret_json(&self) -> Zeroizing<String> {
        let rsa = PKey::private_key_from_pkcs8(&self.0.pkcs8)
            .and_then(|key| key.rsa())
            .expect("the key was checked when it was read or made");
        let mut public = self.0.public.to_json();
        public["key_ops"] = serde_json::json!([self.key_use().private_operation()]);
        let public = public.to_string();
        let mut text = Zeroizing::new(String::with_capacity(public.len() + 4096));
        text.push_str(&public[..public.len() - 1]);
        for (name, number) in members_of(&rsa) {
            let octets = Zeroizing::new(number.map(BigNumRef::to_vec).unwrap_or_default());
            let value = Zeroizing::new(base64url::encode(&*octets));
            for piece in [",\"", name, "\":\"", value.as_str(), "\""] {
                text.push_str(piece);
            }
        }
        text.push('}');
        text
    }

    /// Puts a key together from its PKCS#8 form, which must belong to `public`.
    pub(crate) fn assemble(public: PublicKey, pkcs8: Zeroizing<Vec<u8>>) -> Option<Self> {
        let engine = match public.key_use() {
            KeyUse::Encryption => Engine::Unwrap(
                OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(&pkcs8).ok()?)
                    .ok()?,
            ),
            KeyUse::Signature => Engine::Sign(KeyPair::from_pkcs8(&pkcs8).ok()?),
        };
        Some(Self(Arc::new(Inner {
            public,
            pkcs8,
            engine,
        })))
    }

    pub(crate) fn unwrapper(&self) -> Option<&OaepPrivateDecryptingKey> {
        match &self.0.engine {
            Engine::Unwrap(key) => Some(key),
            Engine::Sign(_) => None,
        }
    }

    pub(crate) fn signer(&self) -> Option<&KeyPair> {
        match &self.0.engine {
            Engine::Sign(key) => Some(key),
            Engine::Unwrap(_) => None,
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.0.public)
            .field("private", &format_args!("…"))
            .finish()
    }
}

type Member<'a> = (&'static str, Option<&'a BigNumRef>);

fn members_of(rsa: &Rsa<Private>) -> [Member<'_>; 6] {
    [
        ("d", Some(rsa.d())),
        ("p", rsa.p()),
        ("q", rsa.q()),
        ("dp", rsa.dmp1()),
        ("dq", rsa.dmq1()),
        ("qi", rsa.iqmp()),
    ]
}

/// The private members, wiped when dropped.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Members {
    d: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

impl Members {
    fn pair(&self, modulus: &[u8]) -> Result<KeyPair, RefusedKey> {
        let named = [
            ("d", &self.d),
            ("p", &self.p),
            ("q", &self.q),
            ("dp", &self.dp),
            ("dq", &self.dq),
            ("qi", &self.qi),
        ];
        let read: Vec<Result<Zeroizing<Vec<u8>>, KeyFault>> = named
            .into_iter()
            .map(|(member, text)| {
                let octets = text
                    .as_ref()
                    .and_then(base64url::decode)
                    .filter(|octets| !octets.is_empty());
                octets
                    .map(Zeroizing::new)
                    .ok_or(KeyFault::PrivateMember { member })
            })
            .collect();
        let faults: Vec<KeyFault> = read
            .iter()
            .filter_map(|one| one.as_ref().err().copied())
            .collect();
        let octets: Vec<&[u8]> = read
            .iter()
            .filter_map(|one| one.as_ref().ok())
            .map(|octets| &octets[..])
            .collect();
        let [d, p, q, dp, dq, qi] = octets[..] else {
            return Err(RefusedKey { faults });
        };
        KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents {
                n: modulus,
                e: &[1, 0, 1][..],
            },
            d,
            p,
            q,
            dP: dp,
            dQ: dq,
            qInv: qi,
        })
        .map_err(|_| KeyFault::Inconsistent.into())
    }
}
