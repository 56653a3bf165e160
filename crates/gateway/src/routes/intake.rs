//! `/intake/v1`: plain submissions by REST, for senders who do not encrypt.

use amtsbote_fit_connect::event::{Claims, Issuer as ClaimsIssuer, Payload, SchemaRule};
use amtsbote_jose::Jws;
use amtsbote_model::SubmissionId;
use amtsbote_model::submission::Issuer;
use amtsbote_problem::{Bilingual, Code, Problem};
use amtsbote_store::{Event, LogOf, Page, RelayRow, Submission};
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};
use tracing::Instrument as _;

use crate::Context;
use crate::answer::Refused;
use crate::auth::{Caller, Right};
use crate::body::{self, Media};
use crate::intake::{Accepted, Order, Repeat, Room, accept, answered_before, examine};
use crate::uplink::{problems, show};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Events of one submission that are shown; a submission has about five.
const EVENTS_MAX: u32 = 500;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/submissions", post(submit))
        .route("/submissions/{submission_id}", get(status))
        .route("/validations", post(validate))
        .layer(map_response(unstored))
}

// Ids, receipts and findings are nobody's to keep on the way.
async fn unstored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn submit(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    caller.demand(Right::Send)?;
    let (bytes, room) = read(&context, &headers, body).await?;
    let repeat = Repeat::of(&context, &headers, &bytes).await?;
    if let Some(repeat) = &repeat
        && let Some(answer) = answered_before(&context, &caller.client, repeat).await?
    {
        return Ok(created(&answer, Some(REPLAYED)));
    }
    let order = Order {
        examined: examine(&context, &caller, bytes).await?,
        sender: caller.client,
        context: context.clone(),
        repeat,
        room,
    };
    // Beside the connection: a sender who hangs up now must not leave a half-done submission.
    let work = context.background().spawn(accept(order).in_current_span());
    let accepted = work.await.map_err(|error| {
        tracing::error!(error = %error, "an intake request did not end: {error}");
        Refused::from(Code::Internal)
    })??;
    Ok(match accepted {
        Accepted::New(answer) => created(&answer, None),
        Accepted::Before(answer) => created(&answer, Some(REPLAYED)),
    })
}

async fn validate(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    caller.demand(Right::Send)?;
    let (bytes, _room) = read(&context, &headers, body).await?;
    let examined = examine(&context, &caller, bytes).await?;
    let answer = json!({
        "valid": true,
        "destinationId": examined.destination.id,
        "service": examined.matter.service,
        "schemaUri": examined.matter.schema.schema_uri,
        "findings": [],
    });
    Ok(Json(answer).into_response())
}

async fn status(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    caller.demand(Right::Send)?;
    let id: SubmissionId = id
        .parse()
        .map_err(|_| Problem::new(Code::MalformedParameter).detail("submissionId is not a UUID"))?;
    let submission = context.store().submission(id).await?;
    // Somebody else's submission looks like none.
    let submission = submission
        .filter(|found| found.sender == caller.client)
        .ok_or(Code::SubmissionNotFound)?;
    let page = Page {
        offset: 0,
        limit: EVENTS_MAX,
    };
    let events = context
        .store()
        .events(LogOf::Subject(id.into()), page)
        .await?;
    let relay = context.uplinks().relay(id).await?;
    let status = status_of(&submission, &events.entries, relay.as_ref());
    Ok(Json(status).into_response())
}

/// The body, and the room it takes in memory; 503 before it is read if others have taken all.
async fn read(
    context: &Context,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Room), Refused> {
    Media::Json.demand(headers)?;
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let mut room = context.intake_budget().take(announced)?;
    let bytes = body::read(headers, body, context.limits().intake_bytes).await?;
    room.shrink_to(bytes.len());
    Ok((bytes, room))
}

fn created(answer: &Value, replayed: Option<HeaderName>) -> Response {
    let location = answer
        .get("status")
        .and_then(Value::as_str)
        .and_then(|url| HeaderValue::from_str(url).ok());
    let mut response = (StatusCode::CREATED, Json(answer)).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    if let Some(name) = replayed {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static("true"));
    }
    response
}

fn status_of(submission: &Submission, events: &[Event], relay: Option<&RelayRow>) -> Value {
    let mut timeline: Vec<Value> = events.iter().map(entry).collect();
    let mut state = (submission.state.name(), label_of_state(submission.state));
    let mut uplink = Value::Null;
    if let Some(row) = relay {
        let shown = show(row);
        timeline.extend(
            shown
                .events
                .iter()
                .map(|event| foreign_entry(event, &row.uplink)),
        );
        state = shown.state.unwrap_or(state);
        uplink = shown.uplink;
    }
    let mut status = json!({
        "submissionId": submission.id,
        "caseId": submission.case_id,
        "destinationId": submission.destination_id,
        "service": submission.service,
        "state": state.0,
        "label": state.1,
        "receivedAt": submission.submitted_at.map(amtsbote_model::Timestamp::to_rfc3339),
        "timeline": timeline,
    });
    if !uplink.is_null() {
        status["uplink"] = uplink;
    }
    status
}

// Signed by the foreign service or its subscriber, and shown as that.
fn foreign_entry((claims, token): &(Claims, String), uplink: &str) -> Value {
    let issuer = match &claims.issuer {
        ClaimsIssuer::Service(_) => Issuer::Service,
        ClaimsIssuer::Destination(_) => Issuer::Subscriber,
    };
    json!({
        "event": claims.kind.slug(),
        "label": label_of_event(claims.kind.slug()),
        "at": claims.issued_at.to_rfc3339(),
        "issuer": issuer.to_string(),
        "uplink": uplink,
        "token": token,
        "problems": problems(&claims.payload),
    })
}

fn label_of_state(state: amtsbote_model::submission::State) -> Bilingual {
    use amtsbote_model::submission::State;
    match state {
        State::Created => Bilingual::new("angekündigt", "announced"),
        State::Submitted => Bilingual::new(
            "eingegangen, wartet auf Abholung",
            "received, waiting for pick-up",
        ),
        State::Forwarded => Bilingual::new("weitergeleitet", "forwarded"),
        State::Accepted => Bilingual::new(
            "an das Fachverfahren übergeben",
            "handed over to the procedure",
        ),
        State::Rejected => Bilingual::new("abgelehnt", "rejected"),
        State::Deleted => Bilingual::new(
            "abgeschlossen, Inhalte gelöscht",
            "finished, contents deleted",
        ),
    }
}

fn entry(event: &Event) -> Value {
    let problems = match problems_of(&event.token) {
        Some(problems) => json!(problems),
        None => json!([]),
    };
    json!({
        "event": event.name,
        "label": label_of_event(&event.name),
        "at": event.at.to_rfc3339(),
        "issuer": event.issuer.to_string(),
        "token": event.token,
        "problems": problems,
    })
}

fn label_of_event(name: &str) -> Bilingual {
    match name {
        "create-submission" => Bilingual::new("angekündigt", "announced"),
        "submit-submission" => Bilingual::new("vollständig eingegangen", "received in full"),
        "notify-submission" => Bilingual::new("Behörde benachrichtigt", "authority notified"),
        "forward-submission" => Bilingual::new("weitergeleitet", "forwarded"),
        "accept-submission" => Bilingual::new("übergeben", "handed over"),
        "reject-submission" => Bilingual::new("abgelehnt", "rejected"),
        "delete-submission" => Bilingual::new("Inhalte gelöscht", "contents deleted"),
        other => Bilingual::new(other, other),
    }
}

// The token was verified before it was appended to the log.
fn problems_of(token: &str) -> Option<Vec<Value>> {
    let jws = Jws::parse(token, 1_000_000).ok()?;
    let claims = Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny).ok()?;
    match claims.payload {
        Payload::Problems(problems) => {
            Some(problems.iter().map(|problem| json!(problem)).collect())
        }
        Payload::Empty | Payload::Tags(_) | Payload::Notify(_) => None,
    }
}
