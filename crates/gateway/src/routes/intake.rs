//! `/intake/v1`: plain submissions by REST, for senders who do not encrypt.

use amtsbote_fit_connect::event::{Claims, Payload, SchemaRule};
use amtsbote_fit_connect::intake::IntakeRequest;
use amtsbote_jose::{Jws, mac};
use amtsbote_model::SubmissionId;
use amtsbote_problem::{Bilingual, Code, Problem};
use amtsbote_store::{Event, LogOf, Page, Submission};
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{HeaderName, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::Context;
use crate::answer::Refused;
use crate::auth::{Caller, Right};
use crate::body::{self, Media};
use crate::intake::{Accepted, Repeat, Routed, accept, answered_before, check, route};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/submissions", post(submit))
        .route("/submissions/{submission_id}", get(status))
        .route("/validations", post(validate))
}

async fn submit(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    caller.demand(Right::Send)?;
    let key = idempotency_key(&headers)?;
    let bytes = read(&context, &headers, body).await?;
    let repeat = key.map(|key| Repeat {
        fingerprint: fingerprint(&context, &bytes),
        key,
    });
    if let Some(repeat) = &repeat
        && let Some(answer) = answered_before(&context, &caller.client, repeat).await?
    {
        return Ok(created(&answer, Some(REPLAYED)));
    }
    let request = parse(&bytes)?;
    drop(bytes);
    let routed = route(&context, &request.target).await?;
    permit(&caller, &routed)?;
    let checked = check(&request, routed.service, context.limits())?;
    Ok(
        match accept(&context, &caller, (&request, repeat), (routed, checked)).await? {
            Accepted::New(answer) => created(&answer, None),
            Accepted::Before(answer) => created(&answer, Some(REPLAYED)),
        },
    )
}

async fn validate(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    caller.demand(Right::Send)?;
    let bytes = read(&context, &headers, body).await?;
    let request = parse(&bytes)?;
    let routed = route(&context, &request.target).await?;
    permit(&caller, &routed)?;
    check(&request, routed.service, context.limits())?;
    let answer = json!({
        "valid": true,
        "destinationId": routed.destination.id,
        "service": routed.service.id(),
        "schemaUri": routed.service.schema_uri(),
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
        limit: 500,
    };
    let events = context.store().events(LogOf::Submission(id), page).await?;
    Ok(Json(status_of(&submission, &events.entries)).into_response())
}

async fn read(context: &Context, headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
    Media::Json.demand(headers)?;
    body::read(headers, body, context.limits().intake_bytes).await
}

fn parse(bytes: &[u8]) -> Result<IntakeRequest, Refused> {
    IntakeRequest::parse(bytes)
        .map_err(|findings| Problem::new(Code::MalformedJson).findings(findings).into())
}

// A sender bound to regions or services by its scopes stays within them at the intake, too.
fn permit(caller: &Caller, routed: &Routed<'_>) -> Result<(), Refused> {
    let regions = routed
        .destination
        .offer(routed.service.id())
        .map_or(&[][..], |offer| &offer.regions);
    if caller
        .scopes()
        .iter()
        .any(|scope| scope.allows_sending(routed.service.id(), regions))
    {
        return Ok(());
    }
    Err(Problem::new(Code::NotPermitted)
        .detail("the token's scopes do not cover this service and region")
        .into())
}

// The draft "The Idempotency-Key HTTP Header Field": a string the client chooses; quotes around it are allowed.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok()
        .map(|text| text.trim().trim_matches('"'));
    match text {
        Some(text)
            if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Ok(Some(text.to_owned()))
        }
        Some(_) | None => {
            let detail = "Idempotency-Key must have 1 to 255 visible ASCII characters";
            Err(Problem::new(Code::MalformedRequest).detail(detail).into())
        }
    }
}

// Keyed, so that nobody who reads the table can guess what was sent.
fn fingerprint(context: &Context, body: &[u8]) -> String {
    use std::fmt::Write as _;
    let key = context.identity().tokens.to_secret_text();
    let mut text = String::with_capacity(64);
    for byte in mac::fingerprint(key.as_bytes(), body) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
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

fn status_of(submission: &Submission, events: &[Event]) -> Value {
    let timeline: Vec<Value> = events.iter().map(entry).collect();
    json!({
        "submissionId": submission.id,
        "caseId": submission.case_id,
        "destinationId": submission.destination_id,
        "service": submission.service,
        "state": submission.state.name(),
        "label": label_of_state(submission.state),
        "receivedAt": submission.submitted_at.map(amtsbote_model::Timestamp::to_rfc3339),
        "timeline": timeline,
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
