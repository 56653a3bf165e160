//! Settings of the agent.

use std::path::PathBuf;

use amtsbote_model::{ClientId, DestinationId};
use serde::Deserialize;
use url::Url;

use crate::callback::{self, Callback};
use crate::xta::{self, Xta};
use crate::{Database, SettingsFault, Span, fault};

/// `[agent]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Folder of the agent's own state (ids, states, ciphertext); made if missing. With a database that several agents share:
    /// ciphertext in hand only, and each agent has a folder of its own.
    pub data_dir: PathBuf,
    /// Where the agent keeps its state, if not in SQLite files in `data_dir`.
    pub database: Option<Database>,
    /// Folder of the shared submission schemas.
    pub schemas_dir: PathBuf,
    /// Folder of mapping packages, one folder each.
    pub packages_dir: PathBuf,
    /// Folder of official XSD sets and code lists added with `amtsbote schema add`; without it XML is checked for form only.
    pub xsd_dir: Option<PathBuf>,
    /// The FIT-Connect services to pull from.
    #[serde(default, rename = "service")]
    pub services: Vec<Service>,
    /// The destinations served, and where their submissions go.
    #[serde(default, rename = "destination")]
    pub destinations: Vec<DestinationRoute>,
    /// An XTA server from which procedures take their messages.
    pub xta: Option<Xta>,
    /// Where procedures post their answers.
    pub callback: Option<Callback>,
    /// Deliveries worked on at a time.
    pub concurrency: Option<usize>,
    /// Pause between two looks at a service that does not know `Prefer: wait`.
    pub poll: Option<Span>,
    /// Time for one delivery to the procedure.
    pub deliver_limit: Option<Span>,
    /// Tries before a person must act.
    pub tries_max: Option<u32>,
}

/// `[[agent.service]]`: a FIT-Connect delivery service and our access to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// A name for the routes below, and of the folder below `data_dir` that its state lies in: 1 to 100 bytes, no separators, no dot in
    /// front. Another name is another folder: what is under way stays in the old one.
    pub name: String,
    /// Token endpoint.
    pub token_url: String,
    /// Submission API without version.
    pub submission_api_url: String,
    /// `v1` or `v2`.
    pub version: String,
    /// Subscriber client.
    pub client_id: ClientId,
    /// File with its secret.
    pub client_secret_file: PathBuf,
    /// PEM file with further trusted roots.
    pub ca_file: Option<PathBuf>,
}

/// `[[agent.destination]]`: a destination, its keys, and the procedures behind it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationRoute {
    /// The destination.
    pub id: DestinationId,
    /// Which service it lives at (`[[agent.service]]` name).
    pub service: String,
    /// JWK files that open its submissions; several during a key roll-over.
    pub decryption_keys: Vec<PathBuf>,
    /// JWK file that signs its events.
    pub signing_key: PathBuf,
    /// Mapping packages, by folder name; each serves the service it names.
    pub packages: Vec<String>,
    /// Header data of the receiver for templates (`$receiver`): name, directory keys, contact.
    #[serde(default)]
    pub receiver: toml::Table,
    /// The way out: `transport` by its name, and that transport's settings.
    pub outbound: toml::Table,
    /// No key: the folder that relative paths in `outbound` are below. Set by whoever knows where the settings file is.
    #[serde(skip)]
    pub base: PathBuf,
    /// The way in: where the procedure's answers come from. Without it nobody looks for answers.
    pub inbound: Option<Inbound>,
    /// Hand-overs to it at a time, by all agents together (16).
    pub concurrency: Option<u32>,
    /// One after the other, in the order in which they were submitted.
    #[serde(default)]
    pub in_order: bool,
    /// Hand-overs to it within any minute, by all agents together.
    pub max_per_minute: Option<u32>,
}

/// `[agent.destination.inbound]`: where the procedure's answers come from.
#[derive(Debug, Clone, Deserialize)]
pub struct Inbound {
    /// `folder`, `http`, `http-callback`, `sftp` or `xta-box`.
    pub transport: String,
    /// The format of the answers, such as `xbau`.
    pub format: String,
    /// `folder` and `sftp`: how long nothing of an answer may have changed before it is taken.
    pub quiet: Option<Span>,
    /// Pause between two looks.
    pub poll: Option<Span>,
    /// `path`, the folder of answers or of the message box, and what else the transport wants to know.
    #[serde(flatten)]
    pub way: toml::Table,
}

/// The ways in this program knows, and whether they name a folder of this machine.
const WAYS_IN: [(&str, bool); 5] = [
    ("folder", true),
    ("http", false),
    (callback::TRANSPORT, false),
    ("sftp", false),
    ("xta-box", true),
];

/// Hand-overs within a minute, at most: a hundred a second.
const PER_MINUTE_MAX: u32 = 6000;
/// Hand-overs at a time, at most.
const CONCURRENCY_MAX: u32 = 1000;

impl DestinationRoute {
    fn check_pace(&self, key: &impl Fn(&str) -> String, faults: &mut Vec<SettingsFault>) {
        let bounds = [
            ("concurrency", self.concurrency, CONCURRENCY_MAX),
            ("max_per_minute", self.max_per_minute, PER_MINUTE_MAX),
        ];
        for (name, given, max) in bounds {
            if given.is_some_and(|given| !(1..=max).contains(&given)) {
                faults.push(fault(&key(name), format!("write a number from 1 to {max}")));
            }
        }
        if self.in_order && self.concurrency.is_some_and(|given| given > 1) {
            faults.push(fault(
                &key("concurrency"),
                "in_order hands over one at a time: leave concurrency out",
            ));
        }
    }
}

impl Inbound {
    /// The folder of this machine that answers lie in, if it is one of this machine.
    pub fn folder(&self) -> Option<PathBuf> {
        let is_here = WAYS_IN.contains(&(self.transport.as_str(), true));
        let path = self.way.get("path").filter(|_| is_here)?;
        path.as_str().map(PathBuf::from)
    }

    fn check(&self, key: &impl Fn(&str) -> String, faults: &mut Vec<SettingsFault>) {
        let known = WAYS_IN.iter().find(|(name, _)| *name == self.transport);
        match known {
            None => {
                let names: Vec<_> = WAYS_IN.iter().map(|(name, _)| *name).collect();
                faults.push(fault(
                    &key("inbound.transport"),
                    format!("write one of {}", names.join(", ")),
                ));
            }
            Some((_, true)) => {
                if !self.folder().is_some_and(|path| path.is_absolute()) {
                    faults.push(fault(&key("inbound.path"), "write an absolute path"));
                }
                let is_read = self.transport == "folder";
                let is_known = |name: &str| {
                    name == "path"
                        || (is_read && ["fields", "message_within", "together"].contains(&name))
                };
                for name in self.way.keys().filter(|name| !is_known(name)) {
                    faults.push(fault(&key(&format!("inbound.{name}")), "unknown key"));
                }
            }
            // The transport reads its own settings, as on the way out.
            Some((_, false)) => {}
        }
    }
}

impl Agent {
    /// The server that several agents may share, if the state is there.
    pub fn shared_database(&self) -> Option<&Database> {
        self.database
            .as_ref()
            .filter(|database| database.is_shared())
    }

    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        if let Some(database) = &self.database {
            database.check("agent.database", faults);
        }
        if self.services.is_empty() {
            faults.push(fault(
                "agent.service",
                "name at least one FIT-Connect service to pull from",
            ));
        }
        if self.destinations.is_empty() {
            faults.push(fault(
                "agent.destination",
                "name at least one destination to serve",
            ));
        }
        for (at, service) in self.services.iter().enumerate() {
            service.check(at, faults);
            let mut before = self.services.iter().take(at);
            if before.any(|other| other.name == service.name) {
                faults.push(fault(
                    &format!("agent.service[{at}].name"),
                    "another service has this name: both would use the same folder",
                ));
            }
        }
        if let Some(xta) = &self.xta {
            xta.check(faults);
        }
        if let Some(callback) = &self.callback {
            callback.check(faults);
        }
        callback::check_routes(self.callback.as_ref(), &self.destinations, faults);
        for (at, route) in self.destinations.iter().enumerate() {
            self.check_route(at, route, faults);
            xta::check_route(self.xta.as_ref(), at, route, faults);
        }
    }

    fn check_route(&self, at: usize, route: &DestinationRoute, faults: &mut Vec<SettingsFault>) {
        let key = |name: &str| format!("agent.destination[{at}].{name}");
        if !self
            .services
            .iter()
            .any(|service| service.name == route.service)
        {
            faults.push(fault(&key("service"), "no [[agent.service]] has this name"));
        }
        if route.decryption_keys.is_empty() {
            faults.push(fault(&key("decryption_keys"), "name at least one JWK file"));
        }
        if route.packages.is_empty() {
            faults.push(fault(&key("packages"), "name at least one mapping package"));
        }
        if let Some(inbound) = &route.inbound {
            inbound.check(&key, faults);
        }
        route.check_pace(&key, faults);
        if !route
            .outbound
            .get("transport")
            .is_some_and(toml::Value::is_str)
        {
            faults.push(fault(
                &key("outbound.transport"),
                "name the transport, for example transport = \"folder\"",
            ));
        }
    }
}

/// A name that is a folder's, too, longest in bytes: file systems take 255 and what is made in it has names as well.
const NAME_MAX_BYTES: usize = 100;

/// Whether it names one folder, on this machine and on the next one.
fn is_folder_name(name: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | ':');
    (1..=NAME_MAX_BYTES).contains(&name.len())
        && !name.starts_with('.')
        && name.trim() == name
        && name.chars().all(is_plain)
}

impl Service {
    fn check(&self, at: usize, faults: &mut Vec<SettingsFault>) {
        let key = |name: &str| format!("agent.service[{at}].{name}");
        if !is_folder_name(&self.name) {
            faults.push(fault(
                &key("name"),
                format!("it is the name of a folder below data_dir, too: write 1 to {NAME_MAX_BYTES} bytes without / \\ : and control characters, no dot in front, for example \"own\""),
            ));
        }
        for (name, url) in [
            ("token_url", &self.token_url),
            ("submission_api_url", &self.submission_api_url),
        ] {
            if Url::parse(url).is_err() {
                faults.push(fault(&key(name), "not a URL"));
            }
        }
        if !matches!(self.version.as_str(), "v1" | "v2") {
            faults.push(fault(&key("version"), "write v1 or v2"));
        }
    }
}
