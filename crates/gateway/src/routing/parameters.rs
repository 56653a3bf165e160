//! `destinationParameters` and `destinationParametersSignature`: what Routing API 1.x told of a destination beside its addresses;
//! gone from 2.0.0.
//!
//! **Unconfirmed** (`docs/spec/fit-connect.md`): the members, and over which bytes the signature goes. Here it goes over the bytes of
//! the member as it stands in the body: compact JSON, members in alphabetical order at every level, so that who parses and writes it
//! anew in that order gets the same bytes. Detached: the payload is left out of the token (RFC 7515 App. F).

use amtsbote_jose::{sha256_hex, sign};
use amtsbote_model::{Destination, ServiceId};
use serde_json::{Map, Value, json};

use super::signature::kept_or_made;
use crate::Context;
use crate::answer::Refused;

/// The two further members of a route.
pub(crate) async fn parameters(
    context: &Context,
    destination: &Destination,
    service: &ServiceId,
) -> Result<Map<String, Value>, Refused> {
    let said = said(context, destination, service).await?;
    let text = said.to_string();
    let key = context.identity().signing.clone();
    let name = json!(["parameters", key.kid(), text]).to_string();
    let name = sha256_hex(name.as_bytes());
    let make = move || sign(text.as_bytes(), &key, "JOSE").map(|token| detached(&token));
    let signature = kept_or_made(context, name, make).await?;
    Ok(Map::from_iter([
        ("destinationParameters".to_owned(), said),
        (
            "destinationParametersSignature".to_owned(),
            signature.into(),
        ),
    ]))
}

async fn said(
    context: &Context,
    destination: &Destination,
    service: &ServiceId,
) -> Result<Value, Refused> {
    let keys = context.store().keys(destination.id).await?;
    // Judged before they were stored.
    let keys: Vec<Value> = keys
        .iter()
        .filter(|key| key.kid == destination.encryption_kid)
        .filter_map(|key| serde_json::from_str(&key.jwk).ok())
        .collect();
    let schemas = destination
        .offer(service)
        .map(|offer| offer.submission_schemas.as_slice());
    let mut said = json!({
        "encryptionKid": destination.encryption_kid,
        "metadataVersions": destination.metadata_versions,
        "publicKeys": { "keys": keys },
        "status": destination.status,
        "submissionSchemas": schemas.unwrap_or_default(),
    });
    let channels = destination.reply_channels.as_deref();
    if let Some(channels) = channels.and_then(|text| serde_json::from_str(text).ok()) {
        said["replyChannels"] = channels;
    }
    Ok(sorted(said))
}

/// With the members of every object in alphabetical order. As deep as the value, which was parsed: at most 128 levels.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            let members = members
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(members.collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
    }
}

/// A compact token without its payload.
fn detached(token: &str) -> String {
    let header = token.split('.').next().unwrap_or_default();
    let signature = token.rsplit('.').next().unwrap_or_default();
    format!("{header}..{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted_at_every_level_and_lists_are_not() {
        let value = json!({ "b": [{ "z": 1, "a": 2 }, 1], "a": { "d": null, "c": "x" } });
        assert_eq!(
            sorted(value).to_string(),
            r#"{"a":{"c":"x","d":null},"b":[{"a":2,"z":1},1]}"#
        );
    }

    #[test]
    fn the_payload_is_left_out() {
        assert_eq!(detached("header.payload.signature"), "header..signature");
    }
}
