//! Keys on disk: made once, read at every start.

use std::path::Path;

use amtsbote_gateway::Identity;
use amtsbote_jose::{KeySet, KeyUse, PrivateKey, PublicKey, SelfSigned, TokenKey, X5c};
use amtsbote_model::{Clock, Timestamp};
use anyhow::{Context, Result, bail};

use crate::folder::{self, Readers};

/// File names of a gateway's keys.
const SIGNING: &str = "signing.jwk";
const PORTAL: &str = "portal.jwk";
const TOKENS: &str = "token.key";
/// Folder of older public keys of the gateway that still verify.
const RETIRED: &str = "retired";
/// The same for the portal's.
const RETIRED_PORTAL: &str = "retired-portal";

/// File names of a sender's key for replies.
pub(crate) const REPLY: &str = "reply.jwk";
pub(crate) const REPLY_PUBLIC: &str = "reply-public.jwk";

/// File names of a destination's keys.
pub(crate) const DECRYPTION: &str = "decryption.jwk";
pub(crate) const DESTINATION_SIGNING: &str = "signing.jwk";
pub(crate) const ENCRYPTION_PUBLIC: &str = "encryption-public.jwk";
pub(crate) const SIGNATURE_PUBLIC: &str = "signature-public.jwk";

const YEARS_3_S: i64 = 3 * 365 * 86_400;

/// The two private keys of a destination.
#[derive(Debug, Clone)]
pub(crate) struct DestinationKeys {
    pub(crate) decryption: PrivateKey,
    pub(crate) signing: PrivateKey,
}

/// A new RSA-4096 key with a self-signed certificate of three years. Takes about a second.
fn make(key_use: KeyUse, name: &str, now: Timestamp) -> Result<PrivateKey> {
    let suffix = match key_use {
        KeyUse::Encryption => "wrapKey",
        KeyUse::Signature => "verify",
    };
    let kid = format!("{}-{suffix}", uuid::Uuid::new_v4());
    let wish = SelfSigned {
        common_name: name,
        not_before_s: now.as_seconds() - 300,
        not_after_s: now.as_seconds() + YEARS_3_S,
    };
    PrivateKey::generate_self_signed(key_use, &kid, &wish).context("a key could not be made")
}

fn load_or_make(path: &Path, key_use: KeyUse, name: &str, clock: &dyn Clock) -> Result<PrivateKey> {
    if path.exists() {
        return load(path, key_use);
    }
    let key = make(key_use, name, clock.now())?;
    folder::write(path, key.to_secret_json().as_bytes(), Readers::Owner)?;
    Ok(key)
}

/// A private key from a JWK file.
pub(crate) fn load(path: &Path, key_use: KeyUse) -> Result<PrivateKey> {
    let text = folder::read_text(path)?;
    PrivateKey::parse(&text, key_use, X5c::Optional)
        .with_context(|| format!("{} is not usable", path.display()))
}

/// The gateway's keys in `dir`; missing ones are made.
pub(crate) fn gateway(dir: &Path, clock: &dyn Clock) -> Result<Identity> {
    let (signing, portal) = std::thread::scope(|scope| {
        let portal = scope.spawn(|| {
            load_or_make(
                &dir.join(PORTAL),
                KeyUse::Signature,
                "Amtsbote portal",
                clock,
            )
        });
        let signing = load_or_make(
            &dir.join(SIGNING),
            KeyUse::Signature,
            "Amtsbote gateway",
            clock,
        );
        (signing, portal.join())
    });
    let portal = portal.map_err(|_| anyhow::anyhow!("making a key failed"))??;
    let signing = signing?;
    let tokens = dir.join(TOKENS);
    let tokens = if tokens.exists() {
        TokenKey::from_secret_text(folder::read_text(&tokens)?.trim())
            .context("token.key is not usable")?
    } else {
        let key = TokenKey::generate();
        folder::write(&tokens, key.to_secret_text().as_bytes(), Readers::Owner)?;
        key
    };
    Ok(Identity {
        published: published(&signing, &dir.join(RETIRED))?,
        portal_published: published(&portal, &dir.join(RETIRED_PORTAL))?,
        signing,
        portal,
        tokens,
    })
}

/// The public keys that sign a gateway's events, those of today first; nothing is made.
pub(crate) fn service_keys(dir: &Path) -> Result<KeySet> {
    let signing = load(&dir.join(SIGNING), KeyUse::Signature)?;
    published(&signing, &dir.join(RETIRED))
}

/// The key in use first.
fn published(key: &PrivateKey, others: &Path) -> Result<KeySet> {
    let mut keys = vec![key.public().clone()];
    keys.extend(retired(others)?);
    Ok(KeySet::new(keys))
}

fn retired(dir: &Path) -> Result<Vec<PublicKey>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let read = |path: &std::path::PathBuf| {
        PublicKey::parse(&folder::read_text(path)?, KeyUse::Signature, X5c::Optional)
            .with_context(|| format!("{} is not usable", path.display()))
    };
    folder::entries(dir)?.iter().map(read).collect()
}

/// A sender's key for replies in `dir`, made if it is missing; without certificate (metadata 2.1.0). The public half is written
/// beside it.
pub(crate) fn reply(dir: &Path) -> Result<PrivateKey> {
    let path = dir.join(REPLY);
    let key = if path.exists() {
        load(&path, KeyUse::Encryption)?
    } else {
        let kid = uuid::Uuid::new_v4().to_string();
        let key = PrivateKey::generate(KeyUse::Encryption, &kid).context("making a key failed")?;
        folder::write(&path, key.to_secret_json().as_bytes(), Readers::Owner)?;
        key
    };
    let public = format!("{:#}", key.public().to_json());
    folder::write(&dir.join(REPLY_PUBLIC), public.as_bytes(), Readers::All)?;
    Ok(key)
}

/// A destination's keys in `dir`; missing ones are made. The public halves are written beside them.
pub(crate) fn destination(dir: &Path, name: &str, clock: &dyn Clock) -> Result<DestinationKeys> {
    let (decryption, signing) = std::thread::scope(|scope| {
        let signing = scope.spawn(|| {
            load_or_make(
                &dir.join(DESTINATION_SIGNING),
                KeyUse::Signature,
                name,
                clock,
            )
        });
        (
            load_or_make(&dir.join(DECRYPTION), KeyUse::Encryption, name, clock),
            signing.join(),
        )
    });
    let signing = signing.map_err(|_| anyhow::anyhow!("making a key failed"))??;
    let keys = DestinationKeys {
        decryption: decryption?,
        signing,
    };
    write_public(dir, &keys)?;
    Ok(keys)
}

fn write_public(dir: &Path, keys: &DestinationKeys) -> Result<()> {
    for (name, key) in [
        (ENCRYPTION_PUBLIC, &keys.decryption),
        (SIGNATURE_PUBLIC, &keys.signing),
    ] {
        let path = dir.join(name);
        let text = key.public().to_json().to_string();
        let known = path.exists() && folder::read_text(&path)? == text;
        if !known {
            folder::write(&path, text.as_bytes(), Readers::All)?;
        }
    }
    Ok(())
}

/// Takes over keys that were made elsewhere: files are told apart by what their key may do, not by their names.
pub(crate) fn import(files: &[std::path::PathBuf], dir: &Path) -> Result<DestinationKeys> {
    let mut decryption = None;
    let mut signing = None;
    for path in files {
        let text = folder::read_text(path)?;
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else {
            continue;
        };
        match json
            .pointer("/key_ops/0")
            .and_then(serde_json::Value::as_str)
        {
            Some("unwrapKey") => decryption = Some(load(path, KeyUse::Encryption)?),
            Some("sign") => signing = Some(load(path, KeyUse::Signature)?),
            Some(_) | None => {}
        }
    }
    let (Some(decryption), Some(signing)) = (decryption, signing) else {
        bail!(
            "both private keys are needed: a JWK with key_ops [\"unwrapKey\"] (decryption) and one with [\"sign\"] (signing)"
        );
    };
    let keys = DestinationKeys {
        decryption,
        signing,
    };
    folder::write(
        &dir.join(DECRYPTION),
        keys.decryption.to_secret_json().as_bytes(),
        Readers::Owner,
    )?;
    folder::write(
        &dir.join(DESTINATION_SIGNING),
        keys.signing.to_secret_json().as_bytes(),
        Readers::Owner,
    )?;
    write_public(dir, &keys)?;
    Ok(keys)
}
