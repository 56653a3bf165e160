//! Settings of the listener that procedures post their answers to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::{DestinationRoute, Inbound, SettingsFault, fault};

/// `[agent.callback]`: where procedures post their answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// Address and port to listen on; port 0 takes any.
    pub listen: String,
    /// PEM file: certificate and chain.
    pub certificate: Option<PathBuf>,
    /// PEM file: private key.
    pub key: Option<PathBuf>,
    /// PEM file: authorities of client certificates.
    pub client_ca_file: Option<PathBuf>,
    /// Without TLS on an address that others reach: a proxy in front of it has it.
    #[serde(default)]
    pub behind_proxy: bool,
}

/// The way in that is called.
pub(crate) const TRANSPORT: &str = "http-callback";

impl Callback {
    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        let key = |name: &str| format!("agent.callback.{name}");
        let address = self.listen.parse::<SocketAddr>().ok();
        if address.is_none() {
            faults.push(fault(
                &key("listen"),
                "not an address with a port, for example 0.0.0.0:8444",
            ));
        }
        if self.certificate.is_some() != self.key.is_some() {
            faults.push(fault(&key("key"), "certificate and key belong together"));
        }
        let has_tls = self.certificate.is_some();
        if self.client_ca_file.is_some() && !has_tls {
            faults.push(fault(
                &key("client_ca_file"),
                "client certificates need TLS: certificate and key",
            ));
        }
        let is_here = address.is_some_and(|address| address.ip().is_loopback());
        if address.is_some() && !has_tls && !is_here && !self.behind_proxy {
            faults.push(fault(
                &key("certificate"),
                "without TLS it listens on this machine only; behind a proxy that has TLS say behind_proxy = true",
            ));
        }
    }
}

/// Ways in that are called need the listener, paths of their own, and its client certificates if they ask for one.
pub(crate) fn check_routes(
    callback: Option<&Callback>,
    routes: &[DestinationRoute],
    faults: &mut Vec<SettingsFault>,
) {
    let mut paths = BTreeSet::new();
    for (at, route) in routes.iter().enumerate() {
        let key = |name: &str| format!("agent.destination[{at}].inbound.{name}");
        let called = |inbound: &&Inbound| inbound.transport == TRANSPORT;
        let Some(inbound) = route.inbound.as_ref().filter(called) else {
            continue;
        };
        if callback.is_none() {
            faults.push(fault(
                &key("transport"),
                "needs [agent.callback], where the agent listens",
            ));
        }
        if inbound.way.contains_key("listen") {
            faults.push(fault(&key("listen"), "belongs into [agent.callback]"));
        }
        let path = inbound.way.get("url_path").and_then(toml::Value::as_str);
        match path {
            None => faults.push(fault(
                &key("url_path"),
                "write the path that the procedure posts to, for example /antworten/bauamt",
            )),
            Some(path) if !paths.insert(path.to_owned()) => {
                faults.push(fault(&key("url_path"), "another destination has this path"));
            }
            Some(_) => {}
        }
        let auth = inbound.way.get("auth").and_then(toml::Value::as_table);
        let kind = auth
            .and_then(|auth| auth.get("kind"))
            .and_then(toml::Value::as_str);
        let asks = callback.is_some_and(|callback| callback.client_ca_file.is_some());
        if kind == Some("certificate") && callback.is_some() && !asks {
            faults.push(fault(
                &key("auth"),
                "client certificates need agent.callback.client_ca_file",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Settings;

    const AGENT: &str = r#"
[agent]
data_dir = "a"
schemas_dir = "s"
packages_dir = "p"
[[agent.service]]
name = "own"
token_url = "https://x.example/token"
submission_api_url = "https://x.example/api"
version = "v2"
client_id = "agent"
client_secret_file = "secret"
[[agent.destination]]
id = "00000000-0000-4000-8000-000000000001"
service = "own"
decryption_keys = ["d.jwk"]
signing_key = "s.jwk"
packages = ["x"]
outbound = { transport = "folder", path = "/x" }
inbound = { transport = "http-callback", format = "xbau", url_path = "/a", auth = { kind = "bearer", token_file = "t" } }
[agent.callback]
listen = "127.0.0.1:0"
"#;

    fn check(from: &str, to: &str, expected: &[&str]) {
        let text = AGENT.replace(from, to);
        let keys: Vec<String> = match Settings::parse(&text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.key).collect(),
        };
        assert_eq!(keys, expected, "{to}");
    }

    #[test]
    fn a_listener_without_tls_is_for_this_machine_or_a_proxy() {
        const LISTEN: &str = "listen = \"127.0.0.1:0\"";
        check("", "", &[]);
        check(LISTEN, "listen = \"x\"", &["agent.callback.listen"]);
        check(
            LISTEN,
            "listen = \"0.0.0.0:1\"",
            &["agent.callback.certificate"],
        );
        check(LISTEN, "listen = \"0.0.0.0:1\"\nbehind_proxy = true", &[]);
        check(
            LISTEN,
            "listen = \"0.0.0.0:1\"\ncertificate = \"c\"\nkey = \"k\"",
            &[],
        );
        check(
            LISTEN,
            "listen = \"127.0.0.1:1\"\ncertificate = \"c\"\nclient_ca_file = \"k\"",
            &["agent.callback.key"],
        );
    }

    #[test]
    fn a_path_is_served_and_its_proof_possible() {
        let inbound = "agent.destination[0].inbound.";
        let key = |name: &str| format!("{inbound}{name}");
        check(
            "[agent.callback]\nlisten = \"127.0.0.1:0\"",
            "",
            &[&key("transport")],
        );
        check("url_path = \"/a\", ", "", &[&key("url_path")]);
        check(
            "kind = \"bearer\"",
            "kind = \"certificate\"",
            &[&key("auth")],
        );
    }
}
