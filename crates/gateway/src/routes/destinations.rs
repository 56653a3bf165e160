//! Destinations: read by everybody, made and changed by their owner.
//!
//! | API | reading | managing |
//! |---|---|---|
//! | submission v1 | with a token | yes (marked "internal" in Submission API 1.1.3) |
//! | submission v2 | public | no |
//! | destination v1 | with a token | yes |
//! | destination v2 | public | yes |
//!
//! The Destination API has no public document: its routes follow what clients of the live service call. Only the statuses of
//! Submission API 1.1.3 are answered, so what would be 409, 413, 415 or 422 elsewhere is 400 here.

mod findings;

use std::time::Duration;

use amtsbote_fit_connect::destination::{
    self as wire, CreateDestination, DestinationList, PrivateDestination, PublicDestination,
    UpdateDestination,
};
use amtsbote_fit_connect::{ApiVersion, Page};
use amtsbote_model::{Destination, DestinationId};
use amtsbote_problem::{Code, Findings, Problem};
use amtsbote_store::{Batch, Change, Committed, Conflict, KeyRecord};
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Json, Router};
use bytes::Bytes;
use serde_json::Value;

use self::findings::{kid_mismatch, kid_repeated, kid_unknown, step_illegal};
use crate::Context;
use crate::access::{Asked, no_such_destination, owned_destinations, paging_of};
use crate::answer::{Refused, done_or, unexpected};
use crate::auth::{Caller, OUT_OF_SCOPE, Right};
use crate::body::{self, Media};
use crate::public_keys::{self, Wanted};

/// Destinations and keys change, so every read asks (Submission API 1.1.3).
pub(crate) const NO_CACHE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("no-cache"));

/// Rounds of "read, decide, write if unchanged" before a busy destination is given up for now.
const ROUNDS_MAX: usize = 5;

/// Reading one destination.
pub(crate) fn reading() -> Router<Context> {
    Router::new().route("/destinations/{destination_id}", get(read))
}

/// Listing, making, changing and deleting one's own.
pub(crate) fn managing() -> Router<Context> {
    Router::new()
        .route("/destinations", get(list).post(create))
        .route(
            "/destinations/{destination_id}",
            put(replace).patch(change).delete(remove),
        )
}

/// The destination in the path. What is no UUID is answered like what does not exist.
pub(crate) struct At(pub(crate) DestinationId);

impl FromRequestParts<Context> for At {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Refused> {
        let params = RawPathParams::from_request_parts(parts, context)
            .await
            .map_err(|_| no_such_destination())?;
        let text = params
            .iter()
            .find(|(name, _)| *name == "destination_id")
            .map_or("", |(_, value)| value);
        text.parse().map(Self).map_err(|_| no_such_destination())
    }
}

/// The client, if a token came along. A bad token is refused even where none is needed.
struct Known(Option<Caller>);

impl FromRequestParts<Context> for Known {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Refused> {
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self(None));
        }
        Caller::from_request_parts(parts, context)
            .await
            .map(|caller| Self(Some(caller)))
    }
}

async fn read(
    State(context): State<Context>,
    Extension(version): Extension<ApiVersion>,
    Known(caller): Known,
    At(id): At,
) -> Result<Response, Refused> {
    if version == ApiVersion::V1 {
        let caller = caller.as_ref().ok_or(Code::TokenMissing)?;
        if ![Right::Send, Right::Subscribe, Right::Manage]
            .into_iter()
            .any(|right| caller.has(right))
        {
            caller.demand(Right::Send)?;
        }
    }
    let destination = context
        .store()
        .destination(id)
        .await?
        .ok_or_else(no_such_destination)?;
    let body = match caller {
        Some(caller) if caller.owns(&destination) => {
            PrivateDestination::from(&destination).body(version)
        }
        Some(_) | None => PublicDestination::from(&destination).body(version),
    };
    Ok(fresh(StatusCode::OK, &body))
}

async fn list(asked: Asked, query: RawQuery) -> Result<Response, Refused> {
    if !asked.caller.has(Right::Subscribe) {
        asked.caller.demand(Right::Manage)?;
    }
    let paging = paging_of(asked.version, &query)?;
    let own: Vec<Destination> = owned_destinations(&asked)
        .await?
        .into_iter()
        .filter(|destination| asked.caller.owns(destination))
        .collect();
    let offset = usize::try_from(paging.offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
    let destinations: Vec<_> = own
        .iter()
        .skip(offset)
        .take(limit)
        .map(PrivateDestination::from)
        .collect();
    let list = DestinationList {
        page: Page::of(paging, destinations.len(), own.len()),
        destinations,
    };
    Ok(fresh(StatusCode::OK, &list.body(asked.version)))
}

async fn create(
    asked: Asked,
    matched: MatchedPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    asked.caller.demand(Right::Manage)?;
    if !asked.caller.creates() {
        return Err(Problem::new(Code::NotPermitted).detail(OUT_OF_SCOPE).into());
    }
    let bytes = json_of(&asked.context, &headers, (body, Media::Json)).await?;
    let (request, keys) = checked(&asked, &bytes)?;
    let now = asked.context.now();
    let id = DestinationId::from_uuid(asked.context.new_uuid());
    let destination = request.into_destination(id, asked.caller.client.clone(), now);
    let mut batch = Batch::new().with(Change::PutDestination {
        replaces: None,
        destination: Box::new(destination.clone()),
    });
    for key in keys {
        let key = KeyRecord {
            kid: key.kid().to_owned(),
            jwk: key.to_json().to_string(),
            added_at: now,
        };
        batch = batch.with(Change::PutKey {
            destination_id: id,
            key,
        });
    }
    done_or(asked.context.store().commit(batch).await?, unexpected)?;
    tracing::info!(destination.id = %id, "destination {id} was created");
    let mut response = fresh(
        StatusCode::CREATED,
        &PrivateDestination::from(&destination).body(asked.version),
    );
    put_location(
        &mut response,
        &asked.context,
        &format!("{}/{id}", matched.as_str()),
    );
    Ok(response)
}

/// The request and its two keys, or everything that is wrong with them.
fn checked(
    asked: &Asked,
    bytes: &[u8],
) -> Result<(CreateDestination, [amtsbote_jose::PublicKey; 2]), Refused> {
    let parsed = CreateDestination::parse(bytes, asked.version);
    // Keys are judged even if something else is wrong: all findings at once.
    let raw: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let mut findings = Findings::new();
    let mut key = |member: &str, wanted: Wanted| {
        let key = raw.get(member).filter(|jwk| jwk.is_object())?;
        let judged = public_keys::judge(&asked.context, key, wanted, &format!("/{member}"));
        judged.map_err(|faults| findings.extend(faults)).ok()
    };
    let encryption = key("encryptionPublicKey", Wanted::Encryption);
    let signature = key("signingPublicKey", Wanted::Signature);
    let request = parsed.map_err(|faults| findings.splice(0..0, faults)).ok();
    if let (Some(request), Some(encryption)) = (&request, &encryption)
        && request.description.encryption_kid != encryption.kid()
    {
        findings.push(kid_mismatch());
    }
    if let (Some(encryption), Some(signature)) = (&encryption, &signature)
        && encryption.kid() == signature.kid()
    {
        findings.push(kid_repeated());
    }
    match (request, encryption, signature) {
        (Some(request), Some(encryption), Some(signature)) if findings.is_empty() => {
            Ok((request, [encryption, signature]))
        }
        _ => Err(Problem::new(Code::MalformedJson).findings(findings).into()),
    }
}

async fn replace(
    asked: Asked,
    At(id): At,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    asked.caller.demand(Right::Manage)?;
    let bytes = json_of(&asked.context, &headers, (body, Media::Json)).await?;
    let update = UpdateDestination::parse(&bytes, asked.version).map_err(malformed)?;
    // v2 took the callback out of PUT: what is not named there stays.
    let keeps_callback = asked.version == ApiVersion::V2 && update.description.callback.is_none();
    changed(&asked, id, |stored| {
        let mut next = update.clone().apply(stored);
        if keeps_callback {
            next.callback.clone_from(&stored.callback);
        }
        Ok(next)
    })
    .await
}

async fn change(
    asked: Asked,
    At(id): At,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    asked.caller.demand(Right::Manage)?;
    let bytes = json_of(&asked.context, &headers, (body, Media::MergePatch)).await?;
    changed(&asked, id, |stored| {
        wire::patch(stored, &bytes, asked.version).map_err(malformed)
    })
    .await
}

/// Reads, decides, writes if nobody was faster, else decides anew.
async fn changed(
    asked: &Asked,
    id: DestinationId,
    decide: impl Fn(&Destination) -> Result<Destination, Refused>,
) -> Result<Response, Refused> {
    for _ in 0..ROUNDS_MAX {
        let stored = owned(asked, id).await?;
        let next = decide(&stored)?;
        permitted(asked, &stored, &next).await?;
        let batch = Batch::new().with(Change::PutDestination {
            replaces: Some(Box::new(stored)),
            destination: Box::new(next.clone()),
        });
        match asked.context.store().commit(batch).await? {
            Committed::Done => {
                tracing::info!(destination.id = %id, "destination {id} was changed, it is {}", next.status);
                return Ok(fresh(
                    StatusCode::OK,
                    &PrivateDestination::from(&next).body(asked.version),
                ));
            }
            Committed::Refused(Conflict::DestinationMoved) => {}
            Committed::Refused(conflict) => return Err(unexpected(conflict)),
        }
    }
    Err(Problem::new(Code::Overloaded)
        .retry_after(Duration::from_secs(1))
        .into())
}

/// Whether `next` may follow `stored`: the step in its life, and the key it names.
async fn permitted(asked: &Asked, stored: &Destination, next: &Destination) -> Result<(), Refused> {
    let mut findings = Findings::new();
    let keys = asked.context.store().keys(stored.id).await?;
    if !keys
        .iter()
        .any(|key| key.kid == next.encryption_kid && public_keys::is_for_encryption(&key.jwk))
    {
        findings.push(kid_unknown());
    }
    let mut code = Code::MalformedJson;
    if !stored.status.may_become(next.status) {
        code = Code::DestinationStepIllegal;
        findings.push(step_illegal(stored, next));
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Problem::new(code).findings(findings).into())
    }
}

async fn remove(asked: Asked, At(id): At) -> Result<StatusCode, Refused> {
    asked.caller.demand(Right::Manage)?;
    owned(&asked, id).await?;
    let committed = asked
        .context
        .store()
        .commit(Batch::new().with(Change::DropDestination(id)))
        .await?;
    done_or(committed, |conflict| match conflict {
        Conflict::InUse => Code::DestinationInUse.into(),
        Conflict::Exists
        | Conflict::StateMoved(_)
        | Conflict::SubjectUnknown
        | Conflict::NotAnnounced
        | Conflict::AttachmentsMoved
        | Conflict::CaseMismatch
        | Conflict::DestinationMoved
        | Conflict::DueMoved => unexpected(conflict),
    })?;
    tracing::info!(destination.id = %id, "destination {id} was deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// The destination, if the caller administers it. That one exists is no secret, so somebody else's is 403.
pub(crate) async fn owned(asked: &Asked, id: DestinationId) -> Result<Destination, Refused> {
    let destination = asked
        .context
        .store()
        .destination(id)
        .await?
        .ok_or_else(no_such_destination)?;
    if asked.caller.manages(&destination) {
        return Ok(destination);
    }
    let why = if destination.owner == asked.caller.client {
        OUT_OF_SCOPE
    } else {
        "this destination belongs to another client"
    };
    Err(Problem::new(Code::NotPermitted).detail(why).into())
}

/// The body, with the statuses these routes document: what is too large or of another type is a bad request.
pub(crate) async fn json_of(
    context: &Context,
    headers: &HeaderMap,
    (body, media): (Body, Media),
) -> Result<Bytes, Refused> {
    let read = async {
        media.demand(headers)?;
        body::read(headers, body, context.limits().json_bytes).await
    };
    read.await.map_err(|refused: Refused| {
        if !matches!(
            refused.problem().code,
            Code::BodyTooLarge | Code::MediaTypeUnsupported
        ) {
            return refused;
        }
        let mut problem = Problem::new(Code::MalformedRequest);
        problem.detail.clone_from(&refused.problem().detail);
        problem.into()
    })
}

/// A JSON answer that is not to be kept.
pub(crate) fn fresh(status: StatusCode, body: &Value) -> Response {
    (status, [NO_CACHE], Json(body)).into_response()
}

/// `Location` as a path ("relativer Pfad", Submission API 1.1.3), with the path of the public base before it.
pub(crate) fn put_location(response: &mut Response, context: &Context, path: &str) {
    let base = url::Url::parse(&context.addresses().base).ok();
    let prefix = base
        .as_ref()
        .map_or("", url::Url::path)
        .trim_end_matches('/');
    if let Ok(value) = HeaderValue::from_str(&format!("{prefix}{path}")) {
        response.headers_mut().insert(LOCATION, value);
    }
}

fn malformed(findings: Findings) -> Refused {
    Problem::new(Code::MalformedJson).findings(findings).into()
}
