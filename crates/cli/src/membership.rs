//! This gateway among those that share its database.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_gateway::{Context as Gateway, Identity};
use amtsbote_jose::{KeySet, PrivateKey, PublicKey, sha256_hex};
use amtsbote_settings as settings;
use amtsbote_store_postgres::{Member, PostgresStore, Shelf, SigningKeys};
use anyhow::{Context as _, Result};

use crate::blobs;
use crate::folder::{self, Readers};

/// How often it is told that this gateway is still there.
const PAUSE: Duration = Duration::from_secs(1);
/// In the folder of attachments, so that it goes where they go.
const NAME: &str = "folder.id";

/// Admitted; to be kept until the gateway ends.
#[derive(Clone)]
pub(crate) struct Membership {
    store: Arc<PostgresStore>,
    member: Arc<Member>,
}

impl Membership {
    /// Refused if another gateway over the same database has another address, identity or place of attachments. Needs the place
    /// of attachments to be open.
    pub(crate) async fn join(
        store: Arc<PostgresStore>,
        settings: &settings::Gateway,
        (base_url, identity): (&str, &Identity),
    ) -> Result<Self> {
        let shelf = shelf(settings)?;
        let instance = match &shelf {
            Shelf::Folder(name) => name.clone(),
            Shelf::Bucket(_) => uuid::Uuid::new_v4().to_string(),
        };
        let member = Member {
            instance,
            base_url: base_url.trim_end_matches('/').to_owned(),
            shelf,
            tokens: sha256_hex(
                format!("token key {}", &*identity.tokens.to_secret_text()).as_bytes(),
            ),
            service: signing_keys(&identity.signing, &identity.published),
            portal: signing_keys(&identity.portal, &identity.portal_published),
        };
        store.join(&member).await?;
        let member = Arc::new(member);
        Ok(Self { store, member })
    }

    /// Wakes whoever waits here for what arrived at another gateway, until `stop` resolves.
    pub(crate) async fn wake(self, gateway: Gateway, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.store.heard() => gateway.announce_arrival(),
            }
        }
    }

    /// Says that this gateway is there until `stop` resolves.
    pub(crate) async fn keep(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
            if let Err(error) = self.store.stay(&self.member).await {
                tracing::debug!(error = %error, "the database could not be told that this gateway is there: {error}");
            }
        }
        // If that fails, it is taken for ended after a while.
        drop(self.store.leave_gateways(&self.member.instance).await);
    }
}

/// Where a gateway's attachments are. A folder must be there.
pub(crate) fn shelf(settings: &settings::Gateway) -> Result<Shelf> {
    let Some(store) = settings
        .blobs
        .as_ref()
        .filter(|_| blobs::are_in_bucket(settings))
    else {
        return Ok(Shelf::Folder(name_of(&settings.data_dir.join("blobs"))?));
    };
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let (endpoint, bucket, prefix) = (
        part(&store.endpoint),
        part(&store.bucket),
        part(&store.prefix),
    );
    let endpoint = endpoint.trim_end_matches('/');
    Ok(Shelf::Bucket(format!("{endpoint} {bucket} {prefix}")))
}

/// The folder's name for itself; made once. Whoever has it open holds its lock.
fn name_of(folder: &Path) -> Result<String> {
    let path = folder.join(NAME);
    if path.exists() {
        return Ok(folder::read_text(&path)?.trim().to_owned());
    }
    let name = uuid::Uuid::new_v4().to_string();
    folder::write(&path, name.as_bytes(), Readers::Owner)
        .context("the folder of attachments cannot be named")?;
    Ok(name)
}

fn signing_keys(signing: &PrivateKey, published: &KeySet) -> SigningKeys {
    SigningKeys {
        signing: fingerprint(signing.public()),
        published: published.keys().iter().map(fingerprint).collect(),
    }
}

/// Of the key itself, whatever is said beside it.
fn fingerprint(key: &PublicKey) -> String {
    sha256_hex(key.to_json()["n"].to_string().as_bytes())
}
