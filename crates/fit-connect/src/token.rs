//! Access tokens: OAuth 2.0 client credentials (RFC 6749 §4.4) with the secret in the form, and scopes.

mod scope;

use amtsbote_model::{ClientId, Secret};
use amtsbote_problem::Findings;
use serde::Serialize;
use serde_json::{Value, json};

use crate::fields::{self, Node};

pub use scope::{MalformedScope, Scope, Scopes};

/// The form of `POST /token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Which client.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: Secret,
    /// The scopes asked for; clients leave it out and get all that are theirs.
    pub scope: Option<String>,
}

impl TokenRequest {
    /// From `application/x-www-form-urlencoded` bytes. A parameter that is there twice is an error (RFC 6749 §3.2).
    pub fn parse(form: &[u8]) -> Result<Self, TokenError> {
        let mut fields: [Option<String>; 4] = Default::default();
        let names = ["grant_type", "client_id", "client_secret", "scope"];
        for (name, value) in url::form_urlencoded::parse(form) {
            let Some(place) = names.iter().position(|known| *known == name) else {
                continue;
            };
            if fields[place].replace(value.into_owned()).is_some() {
                return Err(TokenError::new(TokenErrorCode::InvalidRequest));
            }
        }
        let [grant_type, client_id, client_secret, scope] = fields;
        // Wrapped first, so that it is wiped on every way out.
        let client_secret = client_secret.map(Secret::new);
        match grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(TokenError::new(TokenErrorCode::UnsupportedGrantType)),
            None => return Err(TokenError::new(TokenErrorCode::InvalidRequest)),
        }
        let (Some(client_id), Some(client_secret)) = (client_id, client_secret) else {
            // Also what a client with HTTP Basic gets: the live service does not offer it.
            return Err(TokenError::new(TokenErrorCode::InvalidClient));
        };
        let client_id = ClientId::try_from(client_id)
            .map_err(|_| TokenError::new(TokenErrorCode::InvalidClient))?;
        Ok(Self {
            client_id,
            client_secret,
            scope,
        })
    }

    /// As `application/x-www-form-urlencoded`. Holds the secret: send it, never log it.
    pub fn form(&self) -> Secret {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", self.client_id.as_str())
            .append_pair("client_secret", self.client_secret.reveal());
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        Secret::new(form.finish())
    }
}

/// The answer with a token (RFC 6749 §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAnswer {
    /// A JWT.
    pub access_token: Secret,
    /// How long it is good for, in seconds; the live service says 1800.
    pub expires_in_s: u32,
    /// Granted scopes, separated by blanks.
    pub scope: Option<String>,
}

impl TokenAnswer {
    /// What a client assumes if the answer names no lifetime.
    pub const FALLBACK_LIFETIME_S: u32 = 300;

    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let access_token = fields.required("access_token", Node::string);
            fields.required("token_type", |n| {
                let bearer = n.text()?.eq_ignore_ascii_case("bearer");
                if !bearer {
                    n.say("enum", ("ist nicht Bearer", "is not Bearer"));
                }
                Some(())
            });
            let expires_in = fields.optional("expires_in", |n| n.integer(0));
            let scope = fields.optional("scope", Node::string);
            Some(Self {
                access_token: Secret::new(access_token?),
                expires_in_s: expires_in.map_or(Self::FALLBACK_LIFETIME_S, |s| {
                    u32::try_from(s).unwrap_or(u32::MAX)
                }),
                scope,
            })
        })
    }

    /// As an answer, to be sent with `Cache-Control: no-store`. Holds the token: send it, never log it.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "access_token": self.access_token.reveal(),
            "token_type": "Bearer",
            "expires_in": self.expires_in_s,
        });
        if let Some(scope) = &self.scope {
            body["scope"] = json!(scope);
        }
        body
    }
}

/// Why there is no token (RFC 6749 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenErrorCode {
    /// The form is not one, or a field is missing or there twice.
    InvalidRequest,
    /// Unknown client or wrong secret; the only one that is 401.
    InvalidClient,
    /// Not for client credentials; kept for reading.
    InvalidGrant,
    /// This client may not use this grant.
    UnauthorizedClient,
    /// Only `client_credentials` is taken.
    UnsupportedGrantType,
    /// The scope is unknown or not this client's, or there is none for it.
    InvalidScope,
}

impl TokenErrorCode {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
    ];

    /// The value of `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => "the form lacks a field or names one twice",
            Self::InvalidClient => {
                "send client_id and client_secret in the form; one of them is missing or wrong"
            }
            Self::InvalidGrant => "the grant is not valid",
            Self::UnauthorizedClient => "this client may not use this grant",
            Self::UnsupportedGrantType => "only grant_type=client_credentials is taken",
            Self::InvalidScope => "the scope is not one of this client",
        }
    }
}

/// The answer without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token endpoint says {}: {}", code.name(), code.description())]
pub struct TokenError {
    /// Why.
    pub code: TokenErrorCode,
}

impl TokenError {
    /// With the description that belongs to `code`.
    pub const fn new(code: TokenErrorCode) -> Self {
        Self { code }
    }

    /// From an answer; `None` if it is not one of OAuth or its code is unknown.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(bytes).ok()?;
        let error = body.get("error")?.as_str()?;
        let code = TokenErrorCode::ALL
            .into_iter()
            .find(|code| code.name() == error)?;
        Some(Self::new(code))
    }

    /// As an answer.
    pub fn body(self) -> Value {
        json!({"error": self.code.name(), "error_description": self.code.description()})
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
