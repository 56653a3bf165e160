//! Who asks, and what for. Client credentials at the token endpoint, bearer tokens everywhere else.

use std::collections::BTreeMap;

use amtsbote_fit_connect::token::Scope;
use amtsbote_model::{ClientId, Destination};
use amtsbote_problem::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::Context;
use crate::answer::Refused;

/// What a client may do at all; scopes narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Announce and submit; post to intake.
    Send,
    /// List, fetch, acknowledge at its own destinations.
    Subscribe,
    /// Create and change its own destinations.
    Manage,
}

/// A registered client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name at the token endpoint.
    pub id: ClientId,
    /// SHA-256 of its secret, lower-case hex. Secrets are long and random, so a fast hash is enough.
    pub secret_sha256: String,
    /// What it may do.
    pub rights: Vec<Right>,
    /// Its scopes, as granted with every token.
    pub scopes: Vec<Scope>,
}

/// All registered clients.
#[derive(Debug, Clone, Default)]
pub struct Clients(BTreeMap<ClientId, Client>);

impl Clients {
    /// From a list; of two with one id the later counts.
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Self {
        Self(
            clients
                .into_iter()
                .map(|client| (client.id.clone(), client))
                .collect(),
        )
    }

    /// The client, if the secret is its own. Takes the same time whether the client is known or not.
    pub fn admit(&self, id: &str, secret: &str) -> Option<&Client> {
        let client = id.parse::<ClientId>().ok().and_then(|id| self.0.get(&id));
        let claimed = amtsbote_jose::sha256_hex(secret.as_bytes());
        let known = client.map_or("-", |client| client.secret_sha256.as_str());
        amtsbote_jose::mac::same(claimed.as_bytes(), known.as_bytes())
            .then_some(client)
            .flatten()
    }

    /// The client of that id.
    pub fn find(&self, id: &ClientId) -> Option<&Client> {
        self.0.get(id)
    }
}

/// The client behind a request, with a valid token. Extracting it is the only way to be let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The client.
    pub client: ClientId,
    rights: Vec<Right>,
    scopes: Vec<Scope>,
}

impl Caller {
    /// 403 unless the client has the right.
    pub fn demand(&self, right: Right) -> Result<(), Refused> {
        if self.rights.contains(&right) {
            return Ok(());
        }
        let needed = match right {
            Right::Send => "this needs a client with the right to send",
            Right::Subscribe => "this needs a client with the right to subscribe",
            Right::Manage => "this needs a client with the right to manage destinations",
        };
        Err(Problem::new(Code::NotPermitted).detail(needed).into())
    }

    /// Whether the client has the right.
    pub fn has(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// The scopes of its token.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Whether the client is the subscriber of `destination`.
    pub fn subscribes_to(&self, destination: &Destination) -> bool {
        self.has(Right::Subscribe) && destination.owner == self.client
    }
}

impl FromRequestParts<Context> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Refused> {
        let header = parts.headers.get(AUTHORIZATION).ok_or(Code::TokenMissing)?;
        let token = header
            .to_str()
            .ok()
            .and_then(bearer)
            .ok_or(Code::TokenMissing)?;
        let claims = context
            .identity()
            .tokens
            .read(token, context.now().as_seconds())
            .map_err(|_| Refused::from(Code::TokenRefused))?;
        let subject = claims
            .get("sub")
            .and_then(|sub| sub.as_str())
            .and_then(|sub| sub.parse::<ClientId>().ok());
        // A client taken out of the settings is out at once, whatever its token says.
        let client = subject
            .and_then(|id| context.clients().find(&id))
            .ok_or(Code::TokenRefused)?;
        Ok(Self {
            client: client.id.clone(),
            rights: client.rights.clone(),
            scopes: client.scopes.clone(),
        })
    }
}

// The scheme's name is case-insensitive (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
