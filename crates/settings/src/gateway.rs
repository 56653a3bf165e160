//! Settings of the gateway.

use std::net::SocketAddr;
use std::path::PathBuf;

use amtsbote_model::{ClientId, Secret};
use serde::Deserialize;
use url::Url;

use crate::uplink::Uplink;
use crate::{BlobStore, Callbacks, Database, Deadlines, Mail, SettingsFault, Span, fault};

/// `[gateway]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// How clients reach it: `https://…`, or `http://` on loopback.
    pub base_url: String,
    /// Address and port to listen on; port 0 takes any.
    pub listen: String,
    /// Folder of database and attachments; made if missing.
    pub data_dir: PathBuf,
    /// Folder of the gateway's own keys (`signing.jwk`, `portal.jwk`, `token.key`); made by `amtsbote keys new gateway`.
    pub keys_dir: PathBuf,
    /// Folder of the shared submission schemas.
    pub schemas_dir: PathBuf,
    /// Serve TLS here; leave out behind a reverse proxy.
    pub tls: Option<Tls>,
    /// Who may ask for tokens.
    #[serde(default, rename = "client")]
    pub clients: Vec<Client>,
    /// Bounds that differ from the defaults.
    #[serde(default)]
    pub limits: Limits,
    /// Whether destinations' keys may come without certificate (`x5c`); for test set-ups.
    #[serde(default)]
    pub danger_keys_without_certificate: bool,
    /// PEM file of root certificates: destinations' keys must come with a chain that leads to one of them.
    pub key_trust_file: Option<PathBuf>,
    /// Whether destinations' keys may vouch for themselves beside those with a chain to a root; for test set-ups.
    #[serde(default)]
    pub danger_self_signed_keys: bool,
    /// Networks (CIDR) that callbacks may reach although they are private.
    #[serde(default)]
    pub callback_networks: Vec<String>,
    /// How callbacks are sent.
    #[serde(default)]
    pub callbacks: Callbacks,
    /// How long things are kept.
    #[serde(default)]
    pub deadlines: Deadlines,
    /// Where the gateway keeps its rows, if not in a SQLite file in `data_dir`.
    pub database: Option<Database>,
    /// Where attachments are kept, if not in `data_dir`. Must be said with a database that several gateways share.
    pub blobs: Option<BlobStore>,
    /// The mail server for reminders; without it they are told to the log only.
    pub mail: Option<Mail>,
    /// Foreign FIT-Connect delivery services that intake sends to.
    #[serde(default, rename = "uplink")]
    pub uplinks: Vec<Uplink>,
}

/// `[gateway.tls]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file: certificate and chain.
    pub certificate: PathBuf,
    /// PEM file: private key.
    pub key: PathBuf,
}

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sends submissions and posts to intake.
    Sender,
    /// Fetches and acknowledges at its destinations.
    Subscriber,
    /// A subscriber that may also create and change its destinations.
    Manager,
}

/// `[[gateway.client]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its name at the token endpoint.
    pub id: ClientId,
    /// What it is for.
    pub kind: Kind,
    /// SHA-256 of its secret in hex: what `amtsbote keys new client` prints.
    pub secret_sha256: Option<String>,
    /// File with the secret itself; for sandboxes.
    pub secret_file: Option<PathBuf>,
    /// The secret itself; filled by sandbox and demo, never read from a file.
    #[serde(skip)]
    pub secret: Option<Secret>,
    /// Scopes, for example `send:region:DE06`; all that fit its kind if left out.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// `[gateway.limits]`; every bound has a default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// One encrypted attachment, bytes.
    pub attachment_bytes: Option<u64>,
    /// All encrypted attachments of a submission, bytes.
    pub submission_bytes: Option<u64>,
    /// Attachments of a submission.
    pub attachments: Option<usize>,
    /// Body of a submit, bytes.
    pub submit_bytes: Option<usize>,
    /// Body of an intake request, bytes.
    pub intake_bytes: Option<usize>,
    /// Life of an access token.
    pub token_life: Option<Span>,
    /// Longest wait of a list request with `Prefer: wait`.
    pub wait_max: Option<Span>,
    /// Requests with tokens of one client per minute; 0 is no limit.
    pub requests_per_minute: Option<u32>,
    /// Tokens for one client per minute; 0 is no limit.
    pub tokens_per_minute: Option<u32>,
    /// Requests to the routing service per minute, all callers together; 0 is no limit.
    pub routing_per_minute: Option<u32>,
}

impl Gateway {
    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        if let Err(what) = check_base(&self.base_url) {
            faults.push(fault("gateway.base_url", what));
        }
        if self.listen.parse::<SocketAddr>().is_err() {
            faults.push(fault(
                "gateway.listen",
                "not an address: write 127.0.0.1:8080 or [::]:8443",
            ));
        }
        for (at, client) in self.clients.iter().enumerate() {
            client.check(at, faults);
        }
        self.callbacks.check(faults);
        self.deadlines.check(faults);
        if let Some(database) = &self.database {
            database.check("gateway.database", faults);
        }
        if self.has_shared_database() {
            self.check_shared(faults);
        }
        if let Some(blobs) = &self.blobs {
            blobs.check(faults);
        }
        if let Some(mail) = &self.mail {
            mail.check(faults);
        }
        for (at, uplink) in self.uplinks.iter().enumerate() {
            uplink.check(at, faults);
            if self.uplinks[..at]
                .iter()
                .any(|other| other.name == uplink.name)
            {
                faults.push(fault(
                    &format!("gateway.uplink[{at}].name"),
                    "another uplink has this name",
                ));
            }
        }
    }
}

impl Gateway {
    /// Whether its rows are on a server that several gateways may share.
    pub fn has_shared_database(&self) -> bool {
        self.shared_database().is_some()
    }

    /// The server that several gateways may share, if its rows are there.
    pub fn shared_database(&self) -> Option<&Database> {
        self.database
            .as_ref()
            .filter(|database| database.is_shared())
    }

    fn check_shared(&self, faults: &mut Vec<SettingsFault>) {
        if self.blobs.is_none() {
            faults.push(fault(
                "gateway.blobs",
                "with kind = \"postgres\" say where attachments are: kind = \"s3\" for any number of gateways, kind = \"folder\" for a single one",
            ));
        }
    }
}

impl Client {
    fn check(&self, at: usize, faults: &mut Vec<SettingsFault>) {
        let key = |name: &str| format!("gateway.client[{at}].{name}");
        // So are the owners of foreign destinations called in our directory.
        if self.id.as_str().starts_with("uplink:") {
            faults.push(fault(&key("id"), "names that begin with uplink: are taken"));
        }
        match (&self.secret_sha256, &self.secret_file) {
            (Some(hash), None) => {
                let hex = hash.len() == 64
                    && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if !hex {
                    faults.push(fault(
                        &key("secret_sha256"),
                        "not a SHA-256 in lower-case hex (64 digits)",
                    ));
                }
            }
            (None, Some(_)) => {}
            (None, None) | (Some(_), Some(_)) => {
                faults.push(fault(
                    &key("secret_sha256"),
                    "give exactly one of secret_sha256 and secret_file",
                ));
            }
        }
    }
}

fn check_base(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "not a URL: write https://host[:port]")?;
    let loopback = crate::is_loopback(&url);
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err("plain http is for loopback only: write https://"),
        _ => Err("not a web address: write https://host[:port]"),
    }
}
