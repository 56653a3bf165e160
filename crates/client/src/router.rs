//! A routing service (Routing API 2.0.0): who receives a service in a region, by the portal's word.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_fit_connect::routing::{Addressing, Place, Route, RouteQuery, Routes};
use amtsbote_fit_connect::{ApiVersion, Paging};
use amtsbote_jose::{Jws, KeySet, KeyUse, X5c};
use amtsbote_model::{Ars, Clock, DestinationId, ServiceId, Timestamp};
use amtsbote_outgoing::{Outgoing, read_bounded, retry_after};
use reqwest::Method;
use tokio::sync::Mutex;
use url::Url;

use crate::exchange::SMALL;
use crate::session::CachedKeys;
use crate::{Fault, MalformedBase};

/// One signature over addresses, at most.
const SIGNATURE_MAX_BYTES: usize = 256 * 1024;
const ROUTES_MAX_BYTES: usize = 4 * 1024 * 1024;
/// An unknown key id has the portal's keys fetched again at most this often.
const KEYS_AGE_MIN: Duration = Duration::from_mins(1);
/// The portal's keys are fetched again after this.
const KEYS_AGE_MAX: Duration = Duration::from_hours(1);

/// Finds destinations. Needs no token. One call is one try.
pub struct Router {
    outgoing: Outgoing,
    base: Url,
    portal: Url,
    host: String,
    version: ApiVersion,
    clock: Arc<dyn Clock>,
    keys: Mutex<Option<CachedKeys>>,
}

/// Where a routing service is, and whose word it must bring.
#[derive(Debug, Clone)]
pub struct Places {
    /// Routing API without version.
    pub routing: Url,
    /// The portal that signs; its keys are at `/.well-known/jwks.json` below.
    pub portal: Url,
    /// The delivery service that routes must name.
    pub submission_api: Url,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Router {
    /// A router; makes no call yet.
    pub fn new(
        outgoing: Outgoing,
        places: Places,
        version: ApiVersion,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MalformedBase> {
        for url in [&places.routing, &places.portal, &places.submission_api] {
            if url.cannot_be_a_base() || !matches!(url.scheme(), "http" | "https") {
                return Err(MalformedBase);
            }
        }
        Ok(Self {
            outgoing,
            host: host_of(&places.submission_api).ok_or(MalformedBase)?,
            base: places.routing,
            portal: places.portal,
            version,
            clock,
            keys: Mutex::new(None),
        })
    }

    /// The destinations that receive `service` in `region` at our delivery service. Routes to other delivery services are left
    /// out; a route to ours that the portal's signature does not bear out spoils the answer.
    pub async fn find(
        &self,
        service: &ServiceId,
        region: &Ars,
    ) -> Result<Vec<DestinationId>, Fault> {
        let query = RouteQuery {
            service: service.clone(),
            place: Place::Ars(region.clone()),
            paging: Paging::default(),
        };
        let mut url = below(&self.base, &[self.version.segment(), "routes"]);
        url.query_pairs_mut().extend_pairs(query.pairs());
        let body = match self.fetch(url, ROUTES_MAX_BYTES).await {
            Ok(body) => body,
            Err(Fault::NotFound) => return Ok(Vec::new()),
            Err(fault) => return Err(fault),
        };
        let listed = Routes::parse(&body).map_err(|_| Fault::malformed("routes were expected"))?;
        let mut found = Vec::new();
        for route in &listed.routes {
            if let Some(id) = self.borne_out(route, service, region).await? {
                found.push(id);
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Nothing if the route leads to another delivery service.
    async fn borne_out(
        &self,
        route: &Route,
        service: &ServiceId,
        region: &Ars,
    ) -> Result<Option<DestinationId>, Fault> {
        let unsigned = || Fault::malformed("a route's signature does not bear it out");
        let jws = Jws::parse(&route.destination_signature, SIGNATURE_MAX_BYTES)
            .map_err(|_| unsigned())?;
        let keys = self.portal_keys(jws.header().kid()).await?;
        let key = keys.find(jws.header().kid()).ok_or_else(unsigned)?;
        let payload = jws.verify(key).map_err(|_| unsigned())?;
        let said = Addressing::parse(payload).map_err(|_| unsigned())?;
        let portal = self.portal.as_str().trim_end_matches('/');
        let fits = said.issuer.trim_end_matches('/') == portal
            && said.destination_id == route.destination_id
            && said.covers(service, region);
        if !fits {
            return Err(unsigned());
        }
        let ours = said.submission_host.eq_ignore_ascii_case(&self.host);
        Ok(ours.then_some(said.destination_id))
    }

    async fn portal_keys(&self, kid: &str) -> Result<KeySet, Fault> {
        let mut cached = self.keys.lock().await;
        if let Some(keys) = &*cached {
            let age = self.now().since(keys.at);
            if (keys.set.find(kid).is_some() && age < KEYS_AGE_MAX) || age < KEYS_AGE_MIN {
                return Ok(keys.set.clone());
            }
        }
        let url = below(&self.portal, &[".well-known", "jwks.json"]);
        let what = "the portal's JWK set was expected";
        let body = self.fetch(url, SMALL).await?;
        let text = std::str::from_utf8(&body).map_err(|_| Fault::malformed(what))?;
        let set = KeySet::parse(text, KeyUse::Signature, X5c::Optional)
            .map_err(|_| Fault::malformed(what))?;
        let at = self.now();
        *cached = Some(CachedKeys {
            set: set.clone(),
            at,
        });
        Ok(set)
    }

    async fn fetch(&self, url: Url, max: usize) -> Result<Vec<u8>, Fault> {
        let call = self.outgoing.request(Method::GET, url)?;
        let answer = self.outgoing.send_repeatable(call).await?;
        let (status, wait) = (answer.status(), retry_after(answer.headers(), self.now()));
        let body = read_bounded(answer, max).await?;
        if status.is_success() {
            Ok(body.to_vec())
        } else {
            Err(Fault::of_status(status, wait, &body))
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// `base/<segments>`; each segment is escaped.
fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Host and, if it is not the scheme's own, port: as routes name delivery services.
fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}
