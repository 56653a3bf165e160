//! JWK Sets (RFC 7517 §5).

use serde_json::{Value, json};

use crate::jwk::{KeyUse, PublicKey, X5c};
use crate::key_fault::RefusedKey;

/// Text of a set, at most.
const SET_MAX_BYTES: usize = 1024 * 1024;
/// Keys in a set, at most.
const KEYS_MAX: usize = 256;

/// Public keys as published at `/.well-known/jwks.json`.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    refused: Vec<RefusedKey>,
}

/// What was handed in is no JWK Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key set is not a JSON object of at most 1 MiB with at most 256 entries in `keys`")]
pub struct MalformedKeySet;

impl KeySet {
    /// A set of these keys.
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self {
            keys,
            refused: Vec::new(),
        }
    }

    /// Reads a set. Keys for another use, of another kind or against the policy are left out (RFC 7517 §5); [`Self::refused`]
    /// tells why.
    pub fn parse(json: &str, key_use: KeyUse, x5c: X5c) -> Result<Self, MalformedKeySet> {
        if json.len() > SET_MAX_BYTES {
            return Err(MalformedKeySet);
        }
        let set: Value = serde_json::from_str(json).map_err(|_| MalformedKeySet)?;
        let entries = set
            .get("keys")
            .and_then(Value::as_array)
            .filter(|list| list.len() <= KEYS_MAX)
            .ok_or(MalformedKeySet)?;
        let mut read = Self::default();
        for entry in entries {
            match PublicKey::from_json(entry, key_use, x5c) {
                Ok(key) => read.keys.push(key),
                Err(refused) => read.refused.push(refused),
            }
        }
        Ok(read)
    }

    /// The set as we publish it.
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicKey::to_json).collect::<Vec<_>>() })
    }

    /// The key of that name.
    pub fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.kid() == kid)
    }

    /// The keys, in the order of the set.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// What was left out on reading.
    pub fn refused(&self) -> &[RefusedKey] {
        &self.refused
    }
}
