//! A client that manages its own destinations (Destination API).

use amtsbote_fit_connect::destination::{CreateDestination, DestinationList, PrivateDestination};
use amtsbote_model::DestinationId;
use bytes::Bytes;
use reqwest::Method;
use serde_json::Value;

use crate::exchange::Call;
use crate::{Fault, Session};

const PAGE: usize = 500;
/// Destinations of one client, at most.
const DESTINATIONS_MAX: usize = 20_000;
const LIST_MAX_BYTES: usize = 32 * 1024 * 1024;

/// The owner's side of the Destination API, at the session's service (its base is `…/destination-api`).
#[derive(Debug, Clone)]
pub struct DestinationApi {
    session: Session,
}

impl DestinationApi {
    /// With a session whose service is a Destination API.
    pub const fn new(session: Session) -> Self {
        Self { session }
    }

    /// The session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// All destinations of this client.
    pub async fn own(&self) -> Result<Vec<PrivateDestination>, Fault> {
        let mut all = Vec::new();
        loop {
            let mut url = self.session.versioned(&["destinations"]);
            url.query_pairs_mut()
                .append_pair("offset", &all.len().to_string())
                .append_pair("limit", &PAGE.to_string());
            let call = Call::get(url).answer_max(LIST_MAX_BYTES);
            let answer = self.session.call(&call).await?;
            let list = DestinationList::parse(answer.json()?)
                .map_err(|_| Fault::malformed("a list of destinations was expected"))?;
            let count = list.destinations.len();
            all.extend(list.destinations);
            if count < PAGE {
                return Ok(all);
            }
            if all.len() > DESTINATIONS_MAX {
                return Err(Fault::malformed("the list of destinations has no end"));
            }
        }
    }

    /// One of them.
    pub async fn read(&self, id: DestinationId) -> Result<PrivateDestination, Fault> {
        let url = self.session.versioned(&["destinations", &id.to_string()]);
        let answer = self.session.call(&Call::get(url)).await?;
        private(answer.json()?)
    }

    /// Makes a destination. Whether it was made is unknown if there is no answer: list before making it again.
    pub async fn create(&self, new: &CreateDestination) -> Result<PrivateDestination, Fault> {
        let url = self.session.versioned(&["destinations"]);
        let body = new.body(self.session.service().version()).to_string();
        let call = Call::new(Method::POST, url).body("application/json", Bytes::from(body));
        private(self.session.call(&call).await?.json()?)
    }

    /// Changes the members that `patch` names (RFC 7396).
    pub async fn change(
        &self,
        id: DestinationId,
        patch: &Value,
    ) -> Result<PrivateDestination, Fault> {
        let url = self.session.versioned(&["destinations", &id.to_string()]);
        let body = Bytes::from(patch.to_string());
        let call = Call::new(Method::PATCH, url).body("application/merge-patch+json", body);
        private(self.session.call(&call).await?.json()?)
    }

    /// A public key as it is published; none if the destination has no such key.
    pub async fn key(&self, id: DestinationId, kid: &str) -> Result<Option<Value>, Fault> {
        let url = self
            .session
            .versioned(&["destinations", &id.to_string(), "keys", kid]);
        match self.session.open_call(&Call::get(url)).await {
            Ok(answer) => serde_json::from_slice(answer.json()?)
                .map(Some)
                .map_err(|_| Fault::malformed("a JWK was expected")),
            Err(Fault::NotFound) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Adds a public key; which one is in use, `encryptionKid` says.
    pub async fn add_key(&self, id: DestinationId, jwk: &Value) -> Result<(), Fault> {
        let url = self
            .session
            .versioned(&["destinations", &id.to_string(), "keys"]);
        let body = Bytes::from(jwk.to_string());
        let call = Call::new(Method::POST, url).body("application/json", body);
        self.session.call(&call).await.map(|_| ())
    }
}

fn private(body: &[u8]) -> Result<PrivateDestination, Fault> {
    PrivateDestination::parse(body)
        .map_err(|_| Fault::malformed("a destination of our own was expected"))
}
