//! What the store is opened with.

use amtsbote_model::Secret;
use amtsbote_outgoing::Outgoing;
use url::Url;

/// Where the bucket is, and how we are let in.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Address of the store, without the bucket.
    pub endpoint: Url,
    /// The bucket; it must exist.
    pub bucket: String,
    /// Region that requests are signed for; `us-east-1` where the store has none.
    pub region: String,
    /// Before each object's name, with `/` between; empty for none.
    pub prefix: String,
    /// How the bucket stands in addresses.
    pub addressing: Addressing,
    /// Name of our access key.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: Secret,
    /// The way out, with the store's authorities; opened for plain http only where the operator said so.
    pub outgoing: Outgoing,
}

/// How the bucket stands in addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/object`: what stores in one's own house understand.
    Path,
    /// `https://bucket.host/object`.
    VirtualHost,
}

/// Why it does not open. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings do not fit together.
    #[error("the object store's settings cannot be used: check endpoint, bucket and region")]
    Settings(#[source] object_store::Error),
    /// The bucket does not answer, or not to us.
    #[error(
        "the bucket {bucket} at {host} cannot be used: check that it exists, and endpoint, region and access key"
    )]
    Bucket {
        /// Which.
        bucket: String,
        /// Where.
        host: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

impl OpenError {
    /// Whether it may be over in a while: nobody answered, or not with a refusal.
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Bucket {
                source: object_store::Error::Generic { .. },
                ..
            }
        )
    }
}
