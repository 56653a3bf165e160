//! Opens the place where the gateway's attachments are kept.

use std::sync::Arc;

use amtsbote_blobs_s3::{Addressing, S3Blobs, S3Settings};
use amtsbote_model::Secret;
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings as Outward};
use amtsbote_settings::{self as settings, BlobKind, BlobStore};
use amtsbote_store::Shelf;
use amtsbote_store_sql::FolderBlobs;
use anyhow::{Context, Result};

use crate::access::USER_AGENT;
use crate::folder;
use crate::patience;
use crate::stop::Stop;

/// The folder or bucket that the settings name; a bucket is asked whether it lets us in.
pub(crate) async fn open(gateway: &settings::Gateway) -> Result<Arc<dyn Shelf>> {
    match &gateway.blobs {
        Some(store) if store.kind == BlobKind::S3 => {
            let blobs = S3Blobs::open(s3(store)?)?;
            blobs.probe().await?;
            Ok(Arc::new(blobs))
        }
        Some(_) | None => {
            folder::make(&gateway.data_dir)?;
            let blobs = FolderBlobs::open(&gateway.data_dir.join("blobs"))
                .context("the folder of attachments cannot be opened")?;
            Ok(Arc::new(blobs))
        }
    }
}

/// The same; a bucket that is not reached is waited for.
pub(crate) async fn open_when_there(
    gateway: &settings::Gateway,
    stop: &Stop,
) -> Result<Arc<dyn Shelf>> {
    if are_in_bucket(gateway) {
        let attempt = async || open(gateway).await;
        return patience::until_there(stop, "the bucket of attachments", attempt).await;
    }
    open(gateway).await
}

/// Whether they lie in an object store.
pub(crate) fn are_in_bucket(gateway: &settings::Gateway) -> bool {
    let kind = gateway.blobs.as_ref().map(|store| store.kind);
    kind == Some(BlobKind::S3)
}

fn s3(store: &BlobStore) -> Result<S3Settings> {
    let needed = |name: &'static str| format!("gateway.blobs.{name} is missing");
    let endpoint = store.endpoint.as_deref();
    let endpoint = endpoint.with_context(|| needed("endpoint"))?;
    let endpoint: url::Url = endpoint
        .parse()
        .context("gateway.blobs.endpoint is not a URL")?;
    let secret = |path: &Option<std::path::PathBuf>, name| {
        let path = path.as_deref().with_context(|| needed(name))?;
        Ok::<_, anyhow::Error>(folder::read_text(path)?.trim().to_owned())
    };
    let ca_pem = store
        .ca_file
        .as_deref()
        .map(folder::read_file)
        .transpose()?;
    let outgoing = Outgoing::open(Outward {
        extra_roots_pem: ca_pem,
        // The settings were checked: loopback, or the operator said that it is dangerous.
        plain_http: if endpoint.scheme() == "http" {
            PlainHttp::DangerAllowed
        } else {
            PlainHttp::Refused
        },
        ..Outward::trusted(USER_AGENT)
    })
    .context("the HTTP client cannot be set up")?;
    Ok(S3Settings {
        endpoint,
        bucket: store.bucket.clone().with_context(|| needed("bucket"))?,
        region: store.region.clone().unwrap_or_else(|| "us-east-1".into()),
        prefix: store.prefix.clone().unwrap_or_default(),
        addressing: if store.path_style.unwrap_or(true) {
            Addressing::Path
        } else {
            Addressing::VirtualHost
        },
        access_key_id: secret(&store.access_key_id_file, "access_key_id_file")?,
        secret_access_key: Secret::new(secret(
            &store.secret_access_key_file,
            "secret_access_key_file",
        )?),
        outgoing,
    })
}
