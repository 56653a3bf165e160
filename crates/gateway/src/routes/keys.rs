//! Public keys of destinations: read by everybody without a token, added by the owner.
//!
//! The list `…/keys` exists in the Destination API only; the delivery service answers it with 404, as the live one does.

use amtsbote_model::Destination;
use amtsbote_problem::{Bilingual, Code, Finding, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict, KeyRecord};
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::destinations::{At, NO_CACHE, fresh, json_of, owned, put_location};
use crate::Context;
use crate::access::{Asked, no_such_destination};
use crate::answer::{Refused, unexpected};
use crate::auth::Right;
use crate::body::Media;
use crate::public_keys::{self, Wanted};

/// Keys of one destination, at most: enough for ten years of yearly rollover of both.
const KEYS_MAX: usize = 50;

const LIST: &str = "/destinations/{destination_id}/keys";

/// Reading one key.
pub(crate) fn reading() -> Router<Context> {
    Router::new().route("/destinations/{destination_id}/keys/{key_id}", get(read))
}

/// Reading all keys.
pub(crate) fn listing() -> Router<Context> {
    Router::new().route(LIST, get(list))
}

/// The delivery service has no list: 404, though keys are posted to the same path.
pub(crate) fn no_listing() -> Router<Context> {
    Router::new().route(LIST, get(async || Refused::from(Code::NoSuchPath)))
}

/// Adding a key.
pub(crate) fn managing() -> Router<Context> {
    Router::new().route(LIST, post(add))
}

/// The key's name in the path.
struct Kid(String);

impl FromRequestParts<Context> for Kid {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Refused> {
        let params = RawPathParams::from_request_parts(parts, context)
            .await
            .map_err(|_| Code::KeyNotFound)?;
        let kid = params
            .iter()
            .find(|(name, _)| *name == "key_id")
            .map(|(_, value)| value.to_owned());
        Ok(Self(kid.ok_or(Code::KeyNotFound)?))
    }
}

async fn read(
    State(context): State<Context>,
    At(id): At,
    Kid(kid): Kid,
) -> Result<Response, Refused> {
    let keys = context.store().keys(id).await?;
    if keys.is_empty() {
        return Err(no_such_destination());
    }
    let key = keys
        .into_iter()
        .find(|key| key.kid == kid)
        .ok_or(Code::KeyNotFound)?;
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([NO_CACHE, json], key.jwk).into_response())
}

async fn list(State(context): State<Context>, At(id): At) -> Result<Response, Refused> {
    let destination = context
        .store()
        .destination(id)
        .await?
        .ok_or_else(no_such_destination)?;
    let keys = context.store().keys(id).await?;
    Ok(fresh(StatusCode::OK, &key_set(&destination, &keys)))
}

/// The current encryption key comes first (clients exist that take the first), then the others, newest first.
fn key_set(destination: &Destination, keys: &[KeyRecord]) -> Value {
    let (current, others): (Vec<_>, Vec<_>) = keys
        .iter()
        .partition(|key| key.kid == destination.encryption_kid);
    let keys = current.into_iter().chain(others);
    json!({ "keys": keys.filter_map(|key| serde_json::from_str(&key.jwk).ok()).collect::<Vec<Value>>() })
}

async fn add(
    asked: Asked,
    matched: MatchedPath,
    At(id): At,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    asked.caller.demand(Right::Manage)?;
    let destination = owned(&asked, id).await?;
    let bytes = json_of(&asked.context, &headers, (body, Media::Json)).await?;
    let jwk: Value = serde_json::from_slice(&bytes).map_err(|_| Code::MalformedJson)?;
    let key = public_keys::judge(&asked.context, &jwk, Wanted::by_key_ops(&jwk), "")
        .map_err(|findings| Problem::new(Code::MalformedJson).findings(findings))?;
    let keys = asked.context.store().keys(id).await?;
    if keys.len() >= KEYS_MAX && keys.iter().all(|known| known.kid != key.kid()) {
        let detail = format!("a destination has at most {KEYS_MAX} keys");
        return Err(Problem::new(Code::MalformedRequest).detail(detail).into());
    }
    let record = KeyRecord {
        kid: key.kid().to_owned(),
        jwk: key.to_json().to_string(),
        added_at: asked.context.now(),
    };
    let batch = Batch::new().with(Change::PutKey {
        destination_id: destination.id,
        key: record,
    });
    match asked.context.store().commit(batch).await? {
        Committed::Done => {}
        Committed::Refused(Conflict::Exists) => return Err(exists()),
        Committed::Refused(conflict) => return Err(unexpected(conflict)),
    }
    let mut response = (StatusCode::CREATED, Json(key.to_json())).into_response();
    let kid: String = url::form_urlencoded::byte_serialize(key.kid().as_bytes()).collect();
    let list = matched
        .as_str()
        .replace("{destination_id}", &id.to_string());
    put_location(&mut response, &asked.context, &format!("{list}/{kid}"));
    Ok(response)
}

fn exists() -> Refused {
    let text = Bilingual::new(
        "benennt schon einen anderen Schlüssel dieses Zustellpunkts",
        "names another key of this destination already",
    );
    Problem::new(Code::KeyExists)
        .findings(vec![Finding::new("/kid", "uniqueItems", text)])
        .into()
}
