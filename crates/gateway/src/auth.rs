//! Who asks, and what for. Client credentials at the token endpoint, bearer tokens everywhere else.

use std::collections::BTreeMap;

use amtsbote_fit_connect::token::{Scope, Scopes};
use amtsbote_model::{ClientId, Destination, Region, ServiceId};
use amtsbote_problem::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::Context;
use crate::answer::{Refused, Told};

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
        let known = client.map_or(NOBODYS, |client| client.secret_sha256.as_str());
        amtsbote_jose::mac::same(claimed.as_bytes(), known.as_bytes())
            .then_some(client)
            .flatten()
    }

    /// The client of that id.
    pub fn find(&self, id: &ClientId) -> Option<&Client> {
        self.0.get(id)
    }
}

/// As long as a hash, and none.
const NOBODYS: &str = "----------------------------------------------------------------";

/// What a client is told whose token was narrowed too far.
pub(crate) const OUT_OF_SCOPE: &str = "the scopes of the token do not include this";

/// The client behind a request, with a valid token. Extracting it is the only way to be let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The client.
    pub client: ClientId,
    rights: Vec<Right>,
    scopes: Vec<Scope>,
    narrowed: Narrowed,
}

/// Which rights the client's registered scopes narrow: without any scope of a kind, the right alone counts.
#[derive(Debug, Clone, Copy)]
struct Narrowed {
    sending: Narrowing,
    subscribing: Narrowing,
    managing: Narrowing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Narrowing {
    RightAlone,
    ByScope,
}

impl Narrowing {
    fn of(scopes: &[Scope], kind: impl Fn(&Scope) -> bool) -> Self {
        if scopes.iter().any(kind) {
            Self::ByScope
        } else {
            Self::RightAlone
        }
    }
}

impl Caller {
    /// 403 unless the client has the right, and the token a scope of its kind.
    pub fn demand(&self, right: Right) -> Result<(), Refused> {
        if self.has(right) {
            return Ok(());
        }
        let needed = match right {
            _ if self.rights.contains(&right) => OUT_OF_SCOPE,
            Right::Send => "this needs a client with the right to send",
            Right::Subscribe => "this needs a client with the right to subscribe",
            Right::Manage => "this needs a client with the right to manage destinations",
        };
        Err(Problem::new(Code::NotPermitted).detail(needed).into())
    }

    /// Whether the client has the right, and the token a scope of its kind. What exactly the scope names is asked where it
    /// matters: see [`Caller::sends`], [`Caller::subscribes_to`], [`Caller::manages`] and [`Caller::creates`].
    pub fn has(&self, right: Right) -> bool {
        let (narrowing, is_of_kind): (_, fn(&Scope) -> bool) = match right {
            Right::Send => (self.narrowed.sending, Scope::is_for_senders),
            Right::Subscribe => (self.narrowed.subscribing, is_for_subscribers),
            Right::Manage => (self.narrowed.managing, is_for_managers),
        };
        let in_scope = narrowing == Narrowing::RightAlone || self.scopes.iter().any(is_of_kind);
        self.rights.contains(&right) && in_scope
    }

    /// The scopes of its token.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Whether the client is the subscriber of `destination`.
    pub fn subscribes_to(&self, destination: &Destination) -> bool {
        let in_scope = self.narrowed.subscribing == Narrowing::RightAlone
            || self
                .scopes
                .iter()
                .any(|scope| scope.allows_subscribing(destination.id));
        self.has(Right::Subscribe) && in_scope && destination.owner == self.client
    }

    /// Whether the client administers `destination`.
    pub fn manages(&self, destination: &Destination) -> bool {
        let in_scope = self.narrowed.managing == Narrowing::RightAlone
            || self
                .scopes
                .iter()
                .any(|scope| scope.allows_managing(destination.id));
        self.has(Right::Manage) && in_scope && destination.owner == self.client
    }

    /// Whether the client may make destinations.
    pub fn creates(&self) -> bool {
        let in_scope = self.narrowed.managing == Narrowing::RightAlone
            || self.scopes.iter().any(Scope::allows_creating);
        self.has(Right::Manage) && in_scope
    }

    /// Whether the client may see `destination` as its owner does.
    pub fn owns(&self, destination: &Destination) -> bool {
        self.manages(destination) || self.subscribes_to(destination)
    }

    /// Whether the client may send for `service` to a destination that offers it in `regions`.
    pub fn sends(&self, service: &ServiceId, regions: &[Region]) -> bool {
        let in_scope = self.narrowed.sending == Narrowing::RightAlone
            || self
                .scopes
                .iter()
                .any(|scope| scope.allows_sending(service, regions));
        self.has(Right::Send) && in_scope
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
        count(parts, context, &client.id)?;
        let granted: Scopes = claims
            .get("scope")
            .and_then(|scope| scope.as_str())
            .and_then(|scope| scope.parse().ok())
            .unwrap_or_default();
        let narrowed = Narrowed {
            sending: Narrowing::of(&client.scopes, Scope::is_for_senders),
            subscribing: Narrowing::of(&client.scopes, is_for_subscribers),
            managing: Narrowing::of(&client.scopes, is_for_managers),
        };
        // Both the token and the present settings must hold a scope.
        let both = |scope: &&Scope| granted.as_slice().contains(scope);
        let scopes = client.scopes.iter().filter(both).cloned().collect();
        Ok(Self {
            client: client.id.clone(),
            rights: client.rights.clone(),
            scopes,
            narrowed,
        })
    }
}

fn is_for_subscribers(scope: &Scope) -> bool {
    match scope {
        Scope::Subscribe(_) | Scope::SubscribeDestinations => true,
        Scope::SendRegion(_)
        | Scope::SendRegionService(..)
        | Scope::Manage(_)
        | Scope::CreateDestination
        | Scope::SendSubmissions
        | Scope::ManageDestinations => false,
    }
}

fn is_for_managers(scope: &Scope) -> bool {
    match scope {
        Scope::Manage(_) | Scope::CreateDestination | Scope::ManageDestinations => true,
        Scope::SendRegion(_)
        | Scope::SendRegionService(..)
        | Scope::Subscribe(_)
        | Scope::SendSubmissions
        | Scope::SubscribeDestinations => false,
    }
}

/// Counts a request of `client`, and has the answer say how many are left. One too many is 429.
fn count(parts: &Parts, context: &Context, client: &ClientId) -> Result<(), Refused> {
    let Some(allowance) = context.rates().requests(client, context.now()) else {
        return Ok(());
    };
    if let Some(told) = parts.extensions.get::<Told>() {
        told.tell(allowance);
    }
    allowance.admit()
}

// The scheme's name is case-insensitive (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
