//! A single receipt or event: its signature.

use std::path::{Path, PathBuf};

use amtsbote_jose::{Jws, KeySet, KeyUse, PublicKey, X5c};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::commands::validate::Unusable;
use crate::folder;
use crate::talk::{Form, Talk};

const TOKEN_MAX_BYTES: usize = 1_000_000;

pub(super) fn run(text: &str, (file, trusted): (&Path, &[PublicKey]), talk: Talk) -> Result<()> {
    let token = token_in(text).ok_or_else(|| {
        anyhow!(
            "{} holds neither a receipt file nor a compact token nor JSON with a member `receipt`",
            file.display()
        )
        .context(Unusable)
    })?;
    let claims = verify(&token, trusted)?;
    if talk.form() == Form::Json {
        talk.json(&json!({ "valid": true, "claims": claims }))?;
        return Ok(());
    }
    talk.data(talk.pick("Signatur gültig", "signature valid"))?;
    talk.data(format_args!("{claims:#}"))?;
    Ok(())
}

/// The claims, if a trusted key signed the token.
pub(crate) fn verify(token: &str, trusted: &[PublicKey]) -> Result<Value> {
    let jws = Jws::parse(token, TOKEN_MAX_BYTES).context("the token is malformed")?;
    let kid = jws.header().kid();
    let key = trusted.iter().find(|key| key.kid() == kid).ok_or_else(|| {
        anyhow!(
            "none of the given keys has the token's kid {kid:?}: give the key set of who signed it"
        )
    })?;
    let payload = jws
        .verify(key)
        .context("the signature is not valid: this is not what was signed")?;
    serde_json::from_slice(payload).context("the payload is not JSON")
}

/// The compact token, bare or in JSON.
pub(super) fn token_in(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        let token = json.as_str().or_else(|| json.get("receipt")?.as_str());
        return token.map(str::to_owned);
    }
    (text.split('.').count() == 3).then(|| text.to_owned())
}

pub(crate) fn trusted(files: &[PathBuf]) -> Result<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for path in files {
        let text = folder::read_text(path)?;
        match KeySet::parse(&text, KeyUse::Signature, X5c::Optional) {
            Ok(set) => keys.extend(set.keys().iter().cloned()),
            Err(_) => keys.push(
                PublicKey::parse(&text, KeyUse::Signature, X5c::Optional).with_context(|| {
                    format!(
                        "{} is neither a JWK Set nor a public signature key",
                        path.display()
                    )
                })?,
            ),
        }
    }
    if keys.is_empty() {
        bail!("no signature key in the files given with --keys");
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_bare_or_in_json() {
        assert_eq!(token_in(" a.b.c\n").as_deref(), Some("a.b.c"));
        assert_eq!(token_in(r#"{"receipt":"a.b.c"}"#).as_deref(), Some("a.b.c"));
        assert_eq!(token_in(r#""a.b.c""#).as_deref(), Some("a.b.c"));
        assert_eq!(token_in("{}"), None);
        assert_eq!(token_in("hello"), None);
    }
}
