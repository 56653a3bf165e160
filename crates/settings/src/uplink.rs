//! Settings of the uplinks.

use std::path::PathBuf;

use amtsbote_model::{ClientId, DestinationId, Region, ServiceId};
use serde::Deserialize;
use url::Url;

use crate::{SettingsFault, Span, fault};

/// `[[gateway.uplink]]`: a foreign FIT-Connect delivery service that intake sends to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uplink {
    /// A name for logs and status: 1 to 64 of `a-z`, `0-9` and `-`. It must stay the same as long as submissions are on their way.
    pub name: String,
    /// Token endpoint.
    pub token_url: String,
    /// Submission API without version.
    pub submission_api_url: String,
    /// `iss` of the service's events, where it is not `submission_api_url`.
    pub issuer: Option<String>,
    /// Routing API without version: finds destinations that no route names.
    pub routing_url: Option<String>,
    /// Portal that signs the routing data (`destinationSignature`); needed with `routing_url`.
    pub portal_url: Option<String>,
    /// `v1` or `v2`.
    pub version: String,
    /// Sender client.
    pub client_id: ClientId,
    /// File with its secret.
    pub client_secret_file: PathBuf,
    /// PEM file with further trusted roots.
    pub ca_file: Option<PathBuf>,
    /// Whether destinations' keys may come without certificate (`x5c`); for test set-ups.
    #[serde(default)]
    pub danger_keys_without_certificate: bool,
    /// PEM file of root certificates: destinations' keys must come with a chain that leads to one of them.
    pub key_trust_file: Option<PathBuf>,
    /// How long a destination and its key are taken for true without asking again.
    pub fresh: Option<Span>,
    /// Routes that are fixed.
    #[serde(default, rename = "route")]
    pub routes: Vec<UplinkRoute>,
}

/// `[[gateway.uplink.route]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UplinkRoute {
    /// The service.
    pub service: ServiceId,
    /// Where, for example `DE06`.
    pub regions: Vec<Region>,
    /// The foreign destination.
    pub destination: DestinationId,
}

impl Uplink {
    pub(crate) fn check(&self, at: usize, faults: &mut Vec<SettingsFault>) {
        let key = |name: &str| format!("gateway.uplink[{at}].{name}");
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(fits) {
            faults.push(fault(&key("name"), "write 1 to 64 of a-z, 0-9 and -"));
        }
        let urls = [
            ("token_url", Some(&self.token_url)),
            ("submission_api_url", Some(&self.submission_api_url)),
            ("routing_url", self.routing_url.as_ref()),
            ("portal_url", self.portal_url.as_ref()),
        ];
        for (name, url) in urls {
            if let Some(what) = url.and_then(|url| check_url(url).err()) {
                faults.push(fault(&key(name), what));
            }
        }
        if !matches!(self.version.as_str(), "v1" | "v2") {
            faults.push(fault(&key("version"), "write v1 or v2"));
        }
        if self.routing_url.is_some() && self.portal_url.is_none() {
            faults.push(fault(
                &key("portal_url"),
                "name the portal whose signature routes must bear",
            ));
        }
        for (number, route) in self.routes.iter().enumerate() {
            if route.regions.is_empty() {
                faults.push(fault(
                    &key(&format!("route[{number}].regions")),
                    "name at least one region, for example DE06",
                ));
            }
        }
    }
}

fn check_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "not a URL: write https://host[:port]/path")?;
    let loopback = crate::is_loopback(&url);
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err("plain http is for loopback only: write https://"),
        _ => Err("not a web address: write https://host[:port]/path"),
    }
}
