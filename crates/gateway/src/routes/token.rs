//! `POST /token`: OAuth 2.0 client credentials (RFC 6749 §4.4), the secret in the form only.
//!
//! Errors here are those of RFC 6749 §5.2, not problems: that is what OAuth clients read. Only 429 is a problem.

use amtsbote_fit_connect::token::{
    Scope, Scopes, TokenAnswer, TokenError, TokenErrorCode, TokenRequest,
};
use amtsbote_model::Secret;
use amtsbote_problem::Code;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderValue, PRAGMA};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::answer::Refused;
use crate::body::{self, Media};
use crate::rates::Allowance;
use crate::{Client, Context};

/// A token request, at most.
const FORM_MAX_BYTES: usize = 16 * 1024;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new().route("/token", post(token))
}

async fn token(
    State(context): State<Context>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let mut allowance = None;
    let answer = match requested(&headers, body).await? {
        Ok(request) => match admitted(&context, &request) {
            Ok(client) => {
                allowance = context.rates().tokens(&client.id, context.now());
                if let Some(Err(refused)) = allowance.map(Allowance::admit) {
                    return Ok(told(refused.into_response(), allowance));
                }
                grant(&context, client, &request)
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let mut response = match answer {
        Ok(answer) => Json(answer.body()).into_response(),
        Err(error) => (status_of(error), Json(error.body())).into_response(),
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
        .headers_mut()
        .insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(told(response, allowance))
}

fn told(mut response: Response, allowance: Option<Allowance>) -> Response {
    if let Some(allowance) = allowance {
        allowance.tell(response.headers_mut());
    }
    response
}

type Requested = Result<TokenRequest, TokenError>;

async fn requested(headers: &HeaderMap, body: Body) -> Result<Requested, Refused> {
    if Media::Form.demand(headers).is_err() {
        return Ok(Err(TokenError::new(TokenErrorCode::InvalidRequest)));
    }
    match body::read(headers, body, FORM_MAX_BYTES).await {
        Ok(form) => Ok(TokenRequest::parse(&form)),
        Err(refused) if refused.problem().code == Code::BodyTooLarge => {
            Ok(Err(TokenError::new(TokenErrorCode::InvalidRequest)))
        }
        Err(refused) => Err(refused),
    }
}

fn admitted<'c>(context: &'c Context, request: &TokenRequest) -> Result<&'c Client, TokenError> {
    context
        .clients()
        .admit(request.client_id.as_str(), request.client_secret.reveal())
        .ok_or(TokenError::new(TokenErrorCode::InvalidClient))
}

fn grant(
    context: &Context,
    client: &Client,
    request: &TokenRequest,
) -> Result<TokenAnswer, TokenError> {
    let scopes = granted(client, request.scope.as_deref())?.to_string();
    let life_s = context.limits().token_life.as_secs();
    let now_s = context.now().as_seconds();
    let claims = Map::from_iter([
        ("iss".to_owned(), json!(context.addresses().token())),
        ("sub".to_owned(), json!(client.id)),
        ("iat".to_owned(), json!(now_s)),
        (
            "exp".to_owned(),
            json!(now_s.saturating_add_unsigned(life_s)),
        ),
        ("jti".to_owned(), json!(context.new_uuid().to_string())),
        ("scope".to_owned(), Value::String(scopes.clone())),
    ]);
    Ok(TokenAnswer {
        access_token: Secret::new(context.identity().tokens.mint(&claims)),
        expires_in_s: u32::try_from(life_s).unwrap_or(u32::MAX),
        scope: Some(scopes),
    })
}

/// What is asked for, all of which must be the client's; without asking, all that is the client's.
fn granted(client: &Client, asked: Option<&str>) -> Result<Scopes, TokenError> {
    let refusal = TokenError::new(TokenErrorCode::InvalidScope);
    let asked: Vec<Scope> = match asked.map(str::trim).filter(|text| !text.is_empty()) {
        None => return Ok(Scopes::new(client.scopes.clone())),
        Some(text) => text
            .parse::<Scopes>()
            .map_err(|_| refusal)?
            .as_slice()
            .to_vec(),
    };
    if asked.iter().all(|scope| client.scopes.contains(scope)) {
        Ok(Scopes::new(asked))
    } else {
        Err(refusal)
    }
}

fn status_of(error: TokenError) -> StatusCode {
    match error.code {
        TokenErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
        TokenErrorCode::InvalidRequest
        | TokenErrorCode::InvalidGrant
        | TokenErrorCode::UnauthorizedClient
        | TokenErrorCode::UnsupportedGrantType
        | TokenErrorCode::InvalidScope => StatusCode::BAD_REQUEST,
    }
}
