//! Puts a gateway together from settings: store, keys, clients, services, listener.

use std::net::SocketAddr;
use std::sync::Arc;

use amtsbote_fit_connect::token::Scope;
use amtsbote_gateway::{
    Addresses, Client, Clients, Context as Gateway, CryptoPool, Identity, Limits, Parts, Right,
    RoutingSettings, Server, ServerSettings,
};
use amtsbote_jose::{CertificateRule, TrustAnchors, X5c, sha256_hex};
use amtsbote_settings as settings;
use amtsbote_store::{References, Shelf};
use amtsbote_validate::service::Catalogue;
use anyhow::{Context, Result, bail};

use crate::areas;
use crate::blobs;
use crate::clock::SystemClock;
use crate::database;
use crate::folder;
use crate::membership::Membership;
use crate::patience;
use crate::stop::Stop;
use crate::uplinks;

/// Computations of milliseconds waiting for a processor, at most.
const CRYPTO_QUEUE: usize = 512;

/// What a gateway is started from, besides its settings.
pub(crate) struct Given {
    /// Its keys.
    pub(crate) identity: Identity,
    /// The services its intake knows.
    pub(crate) services: Arc<Catalogue>,
    /// TLS, if it is served here.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

/// A listener with the addresses that go with it.
pub(crate) struct Bound {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) base: String,
}

/// A gateway ready to serve.
pub(crate) struct Ready {
    pub(crate) context: Gateway,
    pub(crate) address: SocketAddr,
    pub(crate) references: Arc<dyn References>,
    pub(crate) blobs: Arc<dyn Shelf>,
    pub(crate) settings: settings::Gateway,
    /// With a database that others may share.
    pub(crate) membership: Option<Membership>,
}

/// Binds the port and opens the store.
pub(crate) async fn open(
    settings: &settings::Gateway,
    given: Given,
    stop: &Stop,
) -> Result<(Ready, Server)> {
    let Bound {
        server,
        address,
        base,
    } = bind(settings, given.tls.clone()).await?;
    let ready = open_at(settings, given, (address, &base), stop).await?;
    Ok((ready, server))
}

/// Binds the port. With port 0, `base_url` gets the real one.
pub(crate) async fn bind(
    settings: &settings::Gateway,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> Result<Bound> {
    let listen: SocketAddr = settings
        .listen
        .parse()
        .context("gateway.listen is not an address")?;
    let server = Server::bind(listen, tls, ServerSettings::default())
        .await
        .with_context(|| {
            format!("cannot listen on {listen}; is another program using the port?")
        })?;
    let address = server.local_addr().context("the listener has no address")?;
    let base = if listen.port() == 0 {
        settings
            .base_url
            .replace(":0", &format!(":{}", address.port()))
    } else {
        settings.base_url.clone()
    };
    Ok(Bound {
        server,
        address,
        base,
    })
}

/// Opens everything behind a bound port, and waits for what is on other machines until it is there.
pub(crate) async fn open_at(
    settings: &settings::Gateway,
    given: Given,
    (address, base): (SocketAddr, &str),
    stop: &Stop,
) -> Result<Ready> {
    let opened = Box::pin(database::open_when_there(settings, stop)).await?;
    let blobs = Box::pin(blobs::open_when_there(settings, stop)).await?;
    let membership = match opened.shared {
        Some(store) => {
            let join =
                async || Membership::join(store.clone(), settings, (base, &given.identity)).await;
            let joined = patience::until_there(stop, "the gateway's database", join);
            Some(Box::pin(joined).await?)
        }
        None => None,
    };
    let parts = Parts {
        addresses: Addresses::new(base),
        identity: given.identity,
        clients: clients(settings)?,
        services: given.services,
        store: opened.store,
        chain: Some(opened.chain),
        blobs: blobs.clone(),
        clock: Arc::new(SystemClock),
        crypto: crypto_pool(),
        limits: limits(&settings.limits),
        certificates: certificates(settings)?,
    };
    let routing = RoutingSettings::default();
    let per_minute = settings.limits.routing_per_minute;
    let routing = RoutingSettings {
        areas: areas::pilots(),
        requests_per_minute: per_minute.unwrap_or(routing.requests_per_minute),
    };
    // Tables of their own: what was there a moment ago for the others may be away by now.
    let open = async || uplinks::open(settings).await;
    let uplinks = patience::until_there(stop, "the uplinks' database", open);
    let context = Gateway::with_uplinks(parts, routing, Box::pin(uplinks).await?);
    Ok(Ready {
        context,
        address,
        references: opened.references,
        blobs,
        settings: settings.clone(),
        membership,
    })
}

fn certificates(settings: &settings::Gateway) -> Result<CertificateRule> {
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
    let rule = rule.trusting(anchors);
    Ok(if settings.danger_self_signed_keys {
        rule.danger_self_signed()
    } else {
        rule
    })
}

/// One computation per processor.
pub(crate) fn crypto_pool() -> CryptoPool {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    CryptoPool::new(threads, CRYPTO_QUEUE)
}

fn clients(settings: &settings::Gateway) -> Result<Clients> {
    settings
        .clients
        .iter()
        .map(client)
        .collect::<Result<Vec<_>>>()
        .map(Clients::new)
}

fn client(client: &settings::Client) -> Result<Client> {
    let secret_sha256 = match (&client.secret_sha256, &client.secret_file, &client.secret) {
        (Some(hash), _, _) => hash.clone(),
        (None, Some(path), _) => sha256_hex(folder::read_text(path)?.trim().as_bytes()),
        (None, None, Some(secret)) => sha256_hex(secret.reveal().as_bytes()),
        (None, None, None) => bail!("the client {} has no secret", client.id),
    };
    let (rights, defaults) = match client.kind {
        settings::Kind::Sender => (vec![Right::Send], vec![Scope::SendSubmissions]),
        settings::Kind::Subscriber => (vec![Right::Subscribe], vec![Scope::SubscribeDestinations]),
        settings::Kind::Manager => (
            vec![Right::Subscribe, Right::Manage],
            vec![
                Scope::SubscribeDestinations,
                Scope::ManageDestinations,
                Scope::CreateDestination,
            ],
        ),
    };
    let scopes = if client.scopes.is_empty() {
        defaults
    } else {
        let parse = |text: &String| {
            text.parse()
                .with_context(|| format!("the client {} has an unknown scope {text:?}", client.id))
        };
        client
            .scopes
            .iter()
            .map(parse)
            .collect::<Result<Vec<Scope>>>()?
    };
    Ok(Client {
        id: client.id.clone(),
        secret_sha256,
        rights,
        scopes,
    })
}

fn limits(given: &settings::Limits) -> Limits {
    let default = Limits::default();
    Limits {
        attachment_bytes: given.attachment_bytes.unwrap_or(default.attachment_bytes),
        submission_bytes: given.submission_bytes.unwrap_or(default.submission_bytes),
        attachments: given.attachments.unwrap_or(default.attachments),
        submit_bytes: given.submit_bytes.unwrap_or(default.submit_bytes),
        intake_bytes: given.intake_bytes.unwrap_or(default.intake_bytes),
        token_life: given.token_life.map_or(default.token_life, |span| span.0),
        wait_max: given.wait_max.map_or(default.wait_max, |span| span.0),
        requests_per_minute: given
            .requests_per_minute
            .unwrap_or(default.requests_per_minute),
        tokens_per_minute: given.tokens_per_minute.unwrap_or(default.tokens_per_minute),
        ..default
    }
}
