//! The blob store itself.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_model::Timestamp;
use amtsbote_store::blob_sum::{Checked, summed_id};
use amtsbote_store::{BlobId, BlobReader, BlobWriter, Blobs, Error, Reply, Shelf};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error as Fault, ObjectMeta, ObjectStore, ObjectStoreExt as _, RetryConfig,
};
use uuid::Uuid;

use crate::calls::Calls;
use crate::fault::unavailable;
use crate::reader::Reader;
use crate::writer::Writer;
use crate::{Addressing, OpenError, S3Settings};

const TRIES: usize = 3;
/// No try begins later than this, so that a way that is cut costs one time-out and not several: whoever asked can go to another process.
const TRYING_MAX: Duration = Duration::from_secs(4);

/// Blobs as objects of one bucket. Any number of processes may use it side by side. Needs a tokio runtime.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    store: Arc<AmazonS3>,
    prefix: String,
    bucket: String,
    host: String,
}

impl S3Blobs {
    /// Sets it up; makes no call yet.
    pub fn open(settings: S3Settings) -> Result<Self, OpenError> {
        let plain = settings.endpoint.scheme() == "http";
        let endpoint = settings.endpoint.as_str().trim_end_matches('/').to_owned();
        let host = settings.endpoint.host_str().unwrap_or_default().to_owned();
        let is_virtual = settings.addressing == Addressing::VirtualHost;
        // The library wants the bucket in the address then.
        let endpoint = if is_virtual {
            endpoint.replacen("://", &format!("://{}.", settings.bucket), 1)
        } else {
            endpoint
        };
        let store = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_bucket_name(&settings.bucket)
            .with_region(settings.region)
            .with_virtual_hosted_style_request(is_virtual)
            .with_access_key_id(settings.access_key_id)
            .with_secret_access_key(settings.secret_access_key.reveal())
            .with_allow_http(plain)
            .with_http_connector(Calls(settings.outgoing.stream_client()))
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: TRIES,
                retry_timeout: TRYING_MAX,
            })
            .build()
            .map_err(OpenError::Settings)?;
        Ok(Self {
            store: Arc::new(store),
            prefix: settings.prefix.trim_matches('/').to_owned(),
            bucket: settings.bucket,
            host,
        })
    }

    /// Whether the bucket is there and lets us in.
    pub async fn probe(&self) -> Result<(), OpenError> {
        let prefix = Path::from(self.prefix.as_str());
        let first = self.store.list(Some(&prefix)).next().await;
        match first {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(source)) => Err(OpenError::Bucket {
                bucket: self.bucket.clone(),
                host: self.host.clone(),
                source,
            }),
        }
    }

    fn place(&self, id: &BlobId) -> Path {
        let parts = self.prefix.split('/').chain([id.as_str()]);
        parts.filter(|part| !part.is_empty()).collect()
    }

    async fn found(&self, id: &BlobId) -> Result<Option<Box<dyn BlobReader>>, Error> {
        let answer = match self.store.get(&self.place(id)).await {
            Ok(answer) => answer,
            Err(Fault::NotFound { .. }) => return Ok(None),
            Err(fault) => return Err(unavailable(&fault)),
        };
        let size_bytes = answer.meta.size;
        let stored = Reader {
            size_bytes,
            rest_bytes: size_bytes,
            stream: answer.into_stream().boxed(),
            held: Bytes::new(),
        };
        Ok(Some(Checked::of(id, Box::new(stored))))
    }

    async fn listed(&self, is_wanted: impl Fn(&ObjectMeta) -> bool) -> Result<Vec<BlobId>, Error> {
        let prefix = Path::from(self.prefix.as_str());
        let objects = self.store.list(Some(&prefix));
        let ids = objects.try_filter_map(async |object| {
            let id = object
                .location
                .filename()
                .and_then(|name| name.parse().ok());
            // What lies deeper, or is called otherwise, is not ours.
            let is_ours = |id: &BlobId| self.place(id) == object.location && is_wanted(&object);
            Ok(id.filter(is_ours))
        });
        let ids: Result<Vec<BlobId>, Fault> = ids.try_collect().await;
        ids.map_err(|fault| unavailable(&fault))
    }
}

impl Blobs for S3Blobs {
    fn begin(&self) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        self.begin_as(summed_id(Uuid::new_v4().into_bytes()))
    }

    fn open<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<Option<Box<dyn BlobReader>>, Error>> {
        Box::pin(self.found(id))
    }

    fn delete<'a>(&'a self, id: &'a BlobId) -> Reply<'a, Result<(), Error>> {
        Box::pin(async move {
            match self.store.delete(&self.place(id)).await {
                Ok(()) | Err(Fault::NotFound { .. }) => Ok(()),
                Err(fault) => Err(unavailable(&fault)),
            }
        })
    }

    fn list(&self) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        Box::pin(self.listed(|_| true))
    }
}

impl Shelf for S3Blobs {
    fn kept_before(&self, moment: Timestamp) -> Reply<'_, Result<Vec<BlobId>, Error>> {
        let limit = moment.as_millis();
        Box::pin(self.listed(move |object| object.last_modified.timestamp_millis() < limit))
    }

    fn begin_as(&self, id: BlobId) -> Reply<'_, Result<Box<dyn BlobWriter>, Error>> {
        let writer = Writer::begin(self.store.clone(), self.place(&id), id);
        Box::pin(async move { Ok(Box::new(writer) as Box<dyn BlobWriter>) })
    }
}
