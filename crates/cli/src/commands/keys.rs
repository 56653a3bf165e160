//! `amtsbote keys new|import`.

use amtsbote_model::ClientId;
use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::args::{KeyOwner, Keys};
use crate::clock::SystemClock;
use crate::folder::{self, Readers};
use crate::identity;
use crate::talk::{Form, Talk};

pub(crate) fn run(args: &Keys, talk: Talk) -> Result<()> {
    match args {
        Keys::New {
            what: KeyOwner::Gateway,
            dir,
            ..
        } => {
            let identity = identity::gateway(dir, &SystemClock)?;
            tell(
                talk,
                &json!({ "dir": dir, "signingKid": identity.signing.kid(), "portalKid": identity.portal.kid() }),
            )
        }
        Keys::New {
            what: KeyOwner::Destination,
            dir,
            name,
        } => {
            let keys = identity::destination(dir, name, &SystemClock)?;
            tell(talk, &destination(dir, &keys))
        }
        Keys::New {
            what: KeyOwner::Client,
            dir,
            name,
        } => {
            let id: ClientId = name.parse().context("--name is not a client id")?;
            let path = dir.join(format!("{id}.secret"));
            if path.exists() {
                bail!(
                    "{} is there already and may be in use; remove it to make a new secret",
                    path.display()
                );
            }
            let secret = amtsbote_jose::random_secret();
            folder::write(&path, secret.as_bytes(), Readers::Owner)?;
            let hash = amtsbote_jose::sha256_hex(secret.as_bytes());
            tell(
                talk,
                &json!({ "clientId": id, "secretFile": path, "secret_sha256": hash }),
            )
        }
        Keys::New {
            what: KeyOwner::Reply,
            dir,
            ..
        } => {
            let key = identity::reply(dir)?;
            tell(
                talk,
                &json!({
                    "reply": dir.join(identity::REPLY),
                    "replyPublic": dir.join(identity::REPLY_PUBLIC),
                    "replyKid": key.kid(),
                }),
            )
        }
        Keys::Import { files, dir } => {
            let keys = identity::import(files, dir)?;
            tell(talk, &destination(dir, &keys))
        }
    }
}

fn destination(dir: &std::path::Path, keys: &identity::DestinationKeys) -> serde_json::Value {
    json!({
        "decryption": dir.join(identity::DECRYPTION),
        "signing": dir.join(identity::DESTINATION_SIGNING),
        "encryptionPublic": dir.join(identity::ENCRYPTION_PUBLIC),
        "signaturePublic": dir.join(identity::SIGNATURE_PUBLIC),
        "encryptionKid": keys.decryption.kid(),
        "signatureKid": keys.signing.kid(),
    })
}

fn tell(talk: Talk, facts: &serde_json::Value) -> Result<()> {
    if talk.form() == Form::Json {
        talk.json(facts)?;
        return Ok(());
    }
    for (name, value) in facts.as_object().into_iter().flatten() {
        talk.data(format_args!(
            "{name:<17} {}",
            value.as_str().unwrap_or_default()
        ))?;
    }
    Ok(())
}
