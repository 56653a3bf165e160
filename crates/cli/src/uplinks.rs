//! Puts uplinks together from settings: the sender's access to each foreign delivery service, and its routing service.

use std::sync::Arc;

use amtsbote_client::{Credentials, Places, Router, Sender, Service, Session};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_gateway::{Freshness, StaticRoute, Uplink, Uplinks};
use amtsbote_jose::{CertificateRule, TrustAnchors, X5c};
use amtsbote_model::Secret;
use amtsbote_settings as settings;
use amtsbote_store::Relays;
use amtsbote_store_postgres::{OpenError as NotOpened, PostgresRelays};
use amtsbote_store_sql::{OpenError, SqliteRelays};
use anyhow::{Context, Result, anyhow};
use url::Url;

use crate::clock::SystemClock;
use crate::{access, folder};

/// The uplinks of the settings over the relays, which are where the gateway's rows are; none without settings for them.
pub(crate) async fn open(settings: &settings::Gateway) -> Result<Uplinks> {
    if settings.uplinks.is_empty() {
        return Ok(Uplinks::default());
    }
    let relays = relays(settings)
        .await
        .context("the database of the uplinks cannot be opened")?;
    let list = settings
        .uplinks
        .iter()
        .map(uplink)
        .collect::<Result<Vec<_>>>()?;
    Ok(Uplinks::new(list, relays))
}

async fn relays(settings: &settings::Gateway) -> Result<Arc<dyn Relays>> {
    Ok(match settings.shared_database() {
        Some(database) => {
            Arc::new(PostgresRelays::open(&crate::database::target(database)?).await?)
        }
        None => Arc::new(SqliteRelays::open(&settings.data_dir)?),
    })
}

/// The relays beside the processes that use them; none where none were ever kept.
pub(crate) async fn relays_beside(settings: &settings::Gateway) -> Result<Option<Arc<dyn Relays>>> {
    if let Some(database) = settings.shared_database() {
        // Also without an uplink in the settings: what was on its way when the last one was taken out does not go on.
        let target = crate::database::target(database)?;
        return match PostgresRelays::open_as_guest(&target).await {
            // No gateway with an uplink has ever run there.
            Err(NotOpened::OtherVersion { found: 0, .. }) => Ok(None),
            opened => Ok(Some(Arc::new(opened?))),
        };
    }
    match SqliteRelays::open_as_guest(&settings.data_dir) {
        Err(OpenError::Absent { .. }) => Ok(None),
        opened => Ok(Some(Arc::new(opened?))),
    }
}

fn uplink(settings: &settings::Uplink) -> Result<Uplink> {
    let at = || format!("uplink {}", settings.name);
    let routes = settings.routes.iter().map(|route| StaticRoute {
        service: route.service.clone(),
        regions: route.regions.clone(),
        destination: route.destination,
    });
    let sender = Sender::new(session(settings).with_context(at)?);
    let uplink = Uplink::new(&settings.name, sender)?
        .routes(routes.collect())
        .router(router(settings).with_context(at)?);
    Ok(match settings.fresh {
        Some(span) => {
            let default = Freshness::default();
            let (fresh, stale) = (span.0, default.stale.max(span.0));
            uplink.freshness(Freshness {
                fresh,
                stale,
                ..default
            })
        }
        None => uplink,
    })
}

/// Our access as a sender; makes no call yet.
pub(crate) fn session(settings: &settings::Uplink) -> Result<Session> {
    let base = url(&settings.submission_api_url)?;
    let service = Service::new(base, url(&settings.token_url)?, version(settings)?)?;
    let service = match &settings.issuer {
        Some(issuer) => service.issuer(issuer),
        None => service,
    };
    let secret = folder::read_text(&settings.client_secret_file)?;
    let credentials = Credentials {
        client_id: settings.client_id.clone(),
        client_secret: Secret::new(secret.trim().to_owned()),
    };
    let outgoing = access::outgoing(&settings.submission_api_url, ca(settings)?)?;
    let service = service.key_policy(certificates(settings)?);
    Ok(Session::new(
        outgoing,
        service,
        credentials,
        Arc::new(SystemClock),
    ))
}

/// The foreign routing service, if the settings name one; makes no call yet.
pub(crate) fn router(settings: &settings::Uplink) -> Result<Option<Router>> {
    let (Some(routing), Some(portal)) = (&settings.routing_url, &settings.portal_url) else {
        return Ok(None);
    };
    let places = Places {
        routing: url(routing)?,
        portal: url(portal)?,
        submission_api: url(&settings.submission_api_url)?,
    };
    let outgoing = access::outgoing(routing, ca(settings)?)?;
    let router = Router::new(outgoing, places, version(settings)?, Arc::new(SystemClock))?;
    Ok(Some(router))
}

/// What is demanded of destinations' keys.
fn certificates(settings: &settings::Uplink) -> Result<CertificateRule> {
    let rule = CertificateRule::from(if settings.danger_keys_without_certificate {
        X5c::Optional
    } else {
        X5c::Required
    });
    let Some(path) = &settings.key_trust_file else {
        return Ok(rule);
    };
    let anchors = TrustAnchors::from_pem(folder::read_text(path)?.as_bytes())
        .with_context(|| format!("{} is not usable", path.display()))?;
    Ok(rule.trusting(anchors))
}

fn ca(settings: &settings::Uplink) -> Result<Option<Vec<u8>>> {
    settings
        .ca_file
        .as_deref()
        .map(folder::read_file)
        .transpose()
}

fn url(text: &str) -> Result<Url> {
    text.parse().with_context(|| format!("{text} is not a URL"))
}

fn version(settings: &settings::Uplink) -> Result<ApiVersion> {
    settings
        .version
        .parse()
        .map_err(|_| anyhow!("version must be v1 or v2"))
}
