//! Where a delivery service is and how it is spoken to.

use amtsbote_fit_connect::ApiVersion;
use amtsbote_jose::{CertificateRule, X5c};
use amtsbote_model::{ClientId, Secret};
use url::Url;

/// A delivery service (*Zustelldienst*): addresses, version, and what is expected of it.
#[derive(Debug, Clone)]
pub struct Service {
    base: Url,
    token: Url,
    version: ApiVersion,
    issuer: String,
    key_policy: CertificateRule,
    limits: Limits,
}

/// Bounds of answers, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A submission with metadata and data, both sealed.
    pub submission_bytes: usize,
    /// One sealed attachment (the public service takes at most 500 000 000).
    pub attachment_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            submission_bytes: 32 * 1024 * 1024,
            attachment_bytes: 500_000_000,
        }
    }
}

/// The URL cannot be the base of an API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address of a delivery service must be an http or https URL without query and fragment, credentials not inside"
)]
pub struct MalformedBase;

impl Service {
    /// The service at `base` (without the version segment, such as `https://test.fit-connect.fitko.dev/submission-api`), with
    /// its token endpoint. Its events are expected with `base` as `iss`, the keys of destinations with certificates.
    pub fn new(base: Url, token: Url, version: ApiVersion) -> Result<Self, MalformedBase> {
        for url in [&base, &token] {
            let plain = url.query().is_none() && url.fragment().is_none();
            let no_credentials = url.username().is_empty() && url.password().is_none();
            if !matches!(url.scheme(), "http" | "https") || !plain || !no_credentials {
                return Err(MalformedBase);
            }
        }
        let issuer = base.as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            base,
            token,
            version,
            issuer,
            key_policy: X5c::Required.into(),
            limits: Limits::default(),
        })
    }

    /// With another `iss` of its events than its base address.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// With another rule for certificates in destinations' keys: trust anchors, or less than a certificate (test environments).
    #[must_use]
    pub fn key_policy(mut self, policy: impl Into<CertificateRule>) -> Self {
        self.key_policy = policy.into();
        self
    }

    /// With other bounds of answers.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The API version spoken.
    pub const fn version(&self) -> ApiVersion {
        self.version
    }

    /// The `iss` its events must have.
    pub fn expected_issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) const fn certificates(&self) -> &CertificateRule {
        &self.key_policy
    }

    pub(crate) const fn bounds(&self) -> Limits {
        self.limits
    }

    pub(crate) fn token_url(&self) -> Url {
        self.token.clone()
    }

    /// `base/<segments>`; each segment is escaped, so that no key id can leave its place.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

/// With what a client asks for tokens.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The client's name.
    pub client_id: ClientId,
    /// Its secret; sent in the form, never as Basic (the public service refuses that).
    pub client_secret: Secret,
}
