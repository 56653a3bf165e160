//! Access tokens of our own: JWT with HS256 (RFC 7519, RFC 7518 §3.2), made and read by the same house.

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::jwe::present;
use crate::{base64url, random};

/// A token, at most.
const TOKEN_MAX_BYTES: usize = 16 * 1024;

/// The key access tokens are made and checked with: 256 bits. Prints as `…`.
#[derive(Clone)]
pub struct TokenKey {
    octets: Zeroizing<[u8; 32]>,
    key: Key,
}

/// The secret text is not 32 octets in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token key must be 43 characters of base64url (32 octets)")]
pub struct MalformedTokenKey;

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedToken {
    /// Not one of our tokens: form, algorithm or authentication code.
    #[error("the token was not issued here")]
    Foreign,
    /// Its time has not come (`nbf`).
    #[error("the token is not valid yet")]
    Early,
    /// Its time is over (`exp`), or it has none.
    #[error("the token has expired; ask for a new one")]
    Expired,
}

impl TokenKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self::from_octets(Zeroizing::new(random::random_bytes()))
    }

    /// Reads the key from its text.
    pub fn from_secret_text(text: &str) -> Result<Self, MalformedTokenKey> {
        let octets = Zeroizing::new(base64url::decode(text).ok_or(MalformedTokenKey)?);
        let octets: [u8; 32] = octets
            .as_slice()
            .try_into()
            .map_err(|_| MalformedTokenKey)?;
        Ok(Self::from_octets(Zeroizing::new(octets)))
    }

    /// The key as text, in clear. Only for the one place that keeps it.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url::encode(*self.octets))
    }

    /// A token with these claims. It needs `exp` (Unix seconds) to be read again.
    pub fn mint(&self, claims: &Map<String, Value>) -> String {
        let mut token = base64url::encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        token.push('.');
        token.push_str(&base64url::encode(
            Value::Object(claims.clone()).to_string(),
        ));
        let mac = base64url::encode(hmac::sign(&self.key, token.as_bytes()));
        token.push('.');
        token.push_str(&mac);
        token
    }

    /// The claims of a token of ours that is in time at `now_s` (Unix seconds; `nbf` ≤ now < `exp`).
    pub fn read(&self, token: &str, now_s: i64) -> Result<Map<String, Value>, RefusedToken> {
        let claims = self.claims(token).ok_or(RefusedToken::Foreign)?;
        if claims
            .get("nbf")
            .is_some_and(|from| from.as_i64().is_none_or(|from| now_s < from))
        {
            return Err(RefusedToken::Early);
        }
        if claims
            .get("exp")
            .and_then(Value::as_i64)
            .is_none_or(|until| until <= now_s)
        {
            return Err(RefusedToken::Expired);
        }
        Ok(claims)
    }

    fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let (signed, mac) = token.rsplit_once('.')?;
        hmac::verify(&self.key, signed.as_bytes(), &base64url::decode(mac)?).ok()?;
        let (header, claims) = signed.split_once('.')?;
        let header: RawHeader = serde_json::from_slice(&base64url::decode(header)?).ok()?;
        if header.alg != "HS256" || header.crit {
            return None;
        }
        serde_json::from_slice(&base64url::decode(claims)?).ok()
    }

    fn from_octets(octets: Zeroizing<[u8; 32]>) -> Self {
        let key = Key::new(HMAC_SHA256, &*octets);
        Self { octets, key }
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}
