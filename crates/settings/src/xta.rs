//! Settings of the agent's XTA server.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::{DestinationRoute, SettingsFault, fault};

/// `[agent.xta]`: an XTA 2 server from which procedures take their messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Xta {
    /// Address and port to listen on; port 0 takes any.
    pub listen: String,
    /// PEM file: certificate and chain.
    pub certificate: PathBuf,
    /// PEM file: private key.
    pub key: PathBuf,
    /// PEM file: authorities whose client certificates are let in.
    pub client_ca_file: PathBuf,
    /// How the server calls itself in transport reports; `Amtsbote` if left out.
    pub identity: Option<String>,
    /// Largest message that a procedure may send, bytes.
    pub message_max_bytes: Option<u64>,
    /// The procedures.
    #[serde(default, rename = "account")]
    pub accounts: Vec<XtaAccount>,
}

/// `[[agent.xta.account]]`: a procedure and its message box.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XtaAccount {
    /// A name for the log.
    pub name: String,
    /// Folder of its message box, absolute; made if missing. It holds messages in clear until the procedure closes them.
    pub path: PathBuf,
    /// SHA-256 of its client certificates in hex; several during a roll-over.
    pub certificates_sha256: Vec<String>,
    /// Identifiers it may speak for, for example `psw:06414000`.
    pub identifiers: Vec<String>,
    /// Service URIs under which it may send; what `lookupService` calls available.
    #[serde(default)]
    pub services: Vec<String>,
}

/// The transport whose parcels land in a message box.
const BOX: &str = "xta-box";

impl Xta {
    pub(crate) fn check(&self, faults: &mut Vec<SettingsFault>) {
        if self.listen.parse::<SocketAddr>().is_err() {
            faults.push(fault(
                "agent.xta.listen",
                "not an address with a port, for example 0.0.0.0:8443",
            ));
        }
        if self.accounts.is_empty() {
            faults.push(fault("agent.xta.account", "name at least one procedure"));
        }
        let (mut paths, mut certificates) = (BTreeSet::new(), BTreeSet::new());
        for (at, account) in self.accounts.iter().enumerate() {
            let key = |name: &str| format!("agent.xta.account[{at}].{name}");
            if !account.path.is_absolute() {
                faults.push(fault(&key("path"), "write an absolute path"));
            }
            if !paths.insert(&account.path) {
                faults.push(fault(&key("path"), "another account has this message box"));
            }
            if account.certificates_sha256.is_empty() {
                faults.push(fault(
                    &key("certificates_sha256"),
                    "name at least one certificate",
                ));
            }
            for hash in &account.certificates_sha256 {
                let plain = hash.replace([':', ' '], "").to_ascii_lowercase();
                if plain.len() != 64 || !plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    faults.push(fault(&key("certificates_sha256"), "not a SHA-256 in hex"));
                } else if !certificates.insert(plain) {
                    faults.push(fault(
                        &key("certificates_sha256"),
                        "this certificate is named twice",
                    ));
                }
            }
            if account.identifiers.is_empty() {
                faults.push(fault(
                    &key("identifiers"),
                    "name at least one identifier, for example psw:06414000",
                ));
            }
        }
    }
}

/// A parcel in a box that nobody serves, or for a reader that its account does not speak for, would never be seen.
pub(crate) fn check_route(
    xta: Option<&Xta>,
    at: usize,
    route: &DestinationRoute,
    faults: &mut Vec<SettingsFault>,
) {
    let text = |table: &toml::Table, name: &str| {
        table
            .get(name)
            .and_then(toml::Value::as_str)
            .map(str::to_owned)
    };
    if text(&route.outbound, "transport").as_deref() != Some(BOX) {
        return;
    }
    let key = |name: &str| format!("agent.destination[{at}].outbound.{name}");
    let path = text(&route.outbound, "path").map(PathBuf::from);
    let accounts = xta.map_or(&[][..], |xta| &xta.accounts);
    let Some(account) = accounts
        .iter()
        .find(|account| Some(&account.path) == path.as_ref())
    else {
        faults.push(fault(
            &key("path"),
            "no [[agent.xta.account]] has this path, so nobody would take the messages",
        ));
        return;
    };
    let cover = route.outbound.get("cover").and_then(toml::Value::as_table);
    let reader = cover
        .and_then(|cover| cover.get("reader"))
        .and_then(toml::Value::as_table);
    let reader = reader
        .and_then(|reader| text(reader, "id"))
        .unwrap_or_default();
    if !account.identifiers.contains(&reader) {
        faults.push(fault(
            &key("cover.reader.id"),
            "the account of this message box does not have this identifier",
        ));
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
[agent.destination.outbound]
transport = "xta-box"
path = "/box/standesamt"
cover.reader = { id = "psw:06414000" }
[agent.xta]
listen = "127.0.0.1:0"
certificate = "c.pem"
key = "k.pem"
client_ca_file = "ca.pem"
[[agent.xta.account]]
name = "standesamt"
path = "/box/standesamt"
certificates_sha256 = ["HASH"]
identifiers = ["psw:06414000"]
"#;

    fn check(from: &str, to: &str, expected: &[&str]) {
        let text = AGENT.replace(from, to).replace("HASH", &"AB:".repeat(32));
        let keys: Vec<String> = match Settings::parse(&text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.key).collect(),
        };
        assert_eq!(keys, expected, "{to}");
    }

    #[test]
    fn a_box_is_served_by_the_account_with_its_path_and_reader() {
        check("", "", &[]);
        check(
            "path = \"/box/standesamt\"\ncover",
            "path = \"/box/other\"\ncover",
            &["agent.destination[0].outbound.path"],
        );
        check(
            "cover.reader = { id = \"psw:06414000\" }",
            "",
            &["agent.destination[0].outbound.cover.reader.id"],
        );
        check("transport = \"xta-box\"", "transport = \"xta\"", &[]);
    }

    #[test]
    fn accounts_are_checked_all_at_once() {
        check(
            "listen = \"127.0.0.1:0\"",
            "listen = \"x\"",
            &["agent.xta.listen"],
        );
        check(
            "certificates_sha256 = [\"HASH\"]\nidentifiers = [\"psw:06414000\"]",
            "certificates_sha256 = [\"zz\"]\nidentifiers = []",
            &[
                "agent.xta.account[0].certificates_sha256",
                "agent.xta.account[0].identifiers",
                "agent.destination[0].outbound.cover.reader.id",
            ],
        );
    }
}
