//! Every setting, one struct per concern, with a doc on each field.
//!
//! ```text
//!  amtsbote.toml ──► Settings::parse ──► all faults at once, or settings that fit together
//! ```
//!
//! Unknown keys are errors; durations read `30s`, `5m`, `2h`; secrets come from files (`…_file`). Pure: `cli` reads the
//! files. Paths are relative to the settings file.
//!
//! Start reading at [`Settings`].

mod agent;
mod blobs;
mod callback;
mod callbacks;
mod database;
mod deadlines;
mod duration;
mod explain;
mod gateway;
mod mail;
mod uplink;
mod xta;

use serde::Deserialize;

pub use agent::{Agent, DestinationRoute, Inbound, Service};
pub use blobs::{BlobKind, BlobStore};
pub use callback::Callback;
pub use callbacks::Callbacks;
pub use database::{Database, DatabaseKind};
pub use deadlines::{Deadlines, Moment};
pub use duration::Span;
pub use explain::{Explained, REFERENCE};
pub use gateway::{Client, Gateway, Kind, Limits, Tls};
pub use mail::{Mail, Security};
pub use uplink::{Uplink, UplinkRoute};
pub use xta::{Xta, XtaAccount};

/// The whole settings file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The gateway's part; leave out to run an agent alone.
    pub gateway: Option<Gateway>,
    /// The agent's part; leave out to run a gateway alone.
    pub agent: Option<Agent>,
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFault {
    /// Which key, dotted, for example `gateway.base_url`.
    pub key: String,
    /// What is wrong and what to do, in English.
    pub what: String,
    /// Whether it is a sentence of the file's parser, with place and line, which `amtsbote_problem::toml` knows in German.
    pub is_syntax: bool,
}

impl Settings {
    /// Reads and checks a settings file. A syntax error or unknown key comes alone (with line and column); all other
    /// faults come together.
    pub fn parse(text: &str) -> Result<Self, Vec<SettingsFault>> {
        let settings: Self = toml::from_str(text).map_err(|error| {
            vec![SettingsFault {
                key: "(file)".into(),
                what: error.to_string(),
                is_syntax: true,
            }]
        })?;
        let mut faults = Vec::new();
        if settings.gateway.is_none() && settings.agent.is_none() {
            faults.push(fault(
                "(file)",
                "neither [gateway] nor [agent] is there: nothing would run",
            ));
        }
        if let Some(gateway) = &settings.gateway {
            gateway.check(&mut faults);
        }
        if let Some(agent) = &settings.agent {
            agent.check(&mut faults);
        }
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(faults)
        }
    }
}

pub(crate) fn fault(key: &str, what: impl Into<String>) -> SettingsFault {
    SettingsFault {
        key: key.to_owned(),
        what: what.into(),
        is_syntax: false,
    }
}

/// Whether a URL leads to this machine: `localhost`, `127.0.0.0/8` or `::1`. A name that only begins like one of these does not.
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let keys: Vec<String> = match Settings::parse(text) {
            Ok(_) => vec![],
            Err(faults) => faults.into_iter().map(|fault| fault.key).collect(),
        };
        assert_eq!(keys, expected, "{text}");
    }

    const GATEWAY: &str = r#"
        [gateway]
        base_url = "https://amtsbote.example.de"
        listen = "127.0.0.1:8443"
        data_dir = "data"
        keys_dir = "keys"
        schemas_dir = "schemas"
    "#;

    #[test]
    fn a_name_that_begins_like_loopback_leads_elsewhere() {
        for (url, expected) in [
            ("http://127.0.0.1:80/x", true),
            ("http://127.77.0.2", true),
            ("http://localhost:80", true),
            ("http://[::1]:80", true),
            ("http://127.0.0.1.example.org", false),
            ("http://localhost.example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_small_gateway_needs_six_lines() {
        check(GATEWAY, &[]);
    }

    #[test]
    fn all_faults_come_together() {
        let text = GATEWAY
            .replace("https://amtsbote.example.de", "ftp://x")
            .replace("127.0.0.1:8443", "nowhere");
        check(&text, &["gateway.base_url", "gateway.listen"]);
    }

    const UPLINK: &str = r#"
        [[gateway.uplink]]
        name = "bund"
        token_url = "https://auth.example.org/token"
        submission_api_url = "https://api.example.org/submission-api"
        version = "v2"
        client_id = "c"
        client_secret_file = "s"
        [[gateway.uplink.route]]
        service = "urn:de:fim:leika:leistung:99012008001000"
        regions = ["DE06"]
        destination = "2c7b8c1e-5f0a-4f5e-9d43-0a1b2c3d4e5f"
    "#;

    #[test]
    fn an_uplink_needs_addresses_that_can_be_trusted_and_a_name_of_its_own() {
        let both = |uplink: &str| format!("{GATEWAY}\n{uplink}");
        check(&both(UPLINK), &[]);
        check(
            &both(&UPLINK.replace("bund", "Der Bund")),
            &["gateway.uplink[0].name"],
        );
        check(
            &both(&UPLINK.replace("https://auth", "http://auth")),
            &["gateway.uplink[0].token_url"],
        );
        check(
            &both(&UPLINK.replace("\"v2\"", "\"v3\"")),
            &["gateway.uplink[0].version"],
        );
        check(
            &both(&UPLINK.replace("[\"DE06\"]", "[]")),
            &["gateway.uplink[0].route[0].regions"],
        );
        let routing = UPLINK.replace(
            "version =",
            "routing_url = \"https://r.example.org\"\nversion =",
        );
        check(&both(&routing), &["gateway.uplink[0].portal_url"]);
        check(
            &both(&format!("{UPLINK}{UPLINK}")),
            &["gateway.uplink[1].name"],
        );
        let client =
            "[[gateway.client]]\nid = \"uplink:bund\"\nkind = \"manager\"\nsecret_file = \"f\"\n";
        check(&both(client), &["gateway.client[0].id"]);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        check(&format!("{GATEWAY}\nlisten_to = 1"), &["(file)"]);
        check("", &["(file)"]);
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        check(
            &GATEWAY.replace("https://amtsbote.example.de", "http://amtsbote.example.de"),
            &["gateway.base_url"],
        );
        check(
            &GATEWAY.replace("https://amtsbote.example.de", "http://127.0.0.1:8080"),
            &[],
        );
    }

    #[test]
    fn a_bucket_needs_an_address_a_name_and_a_key_and_no_plain_http() {
        let with = |lines: &str| format!("{GATEWAY}\n[gateway.blobs]\n{lines}");
        check(&with("kind = \"folder\""), &[]);
        check(
            &with("kind = \"s3\""),
            &[
                "gateway.blobs.bucket",
                "gateway.blobs.access_key_id_file",
                "gateway.blobs.secret_access_key_file",
                "gateway.blobs.endpoint",
            ],
        );
        let good = "kind = \"s3\"\nendpoint = \"https://s3.example.de\"\nbucket = \"amtsbote\"\n\
            access_key_id_file = \"a\"\nsecret_access_key_file = \"b\"\n";
        check(&with(good), &[]);
        let plain = good.replace("https://", "http://");
        check(&with(&plain), &["gateway.blobs.endpoint"]);
        check(&with(&format!("{plain}danger_plain_http = true")), &[]);
        check(
            &with(&plain.replace("s3.example.de", "127.0.0.1:9000")),
            &[],
        );
        check(&with("kind = \"tape\""), &["(file)"]);
    }

    #[test]
    fn a_shared_database_needs_attachments_that_were_thought_about() {
        let with = |lines: &str| format!("{GATEWAY}\n{lines}");
        let database = "[gateway.database]\nkind = \"postgres\"\nurl = \"postgres://u@db/d\"\n";
        check(&with(database), &["gateway.blobs"]);
        let folder = "[gateway.blobs]\nkind = \"folder\"\n";
        check(&with(&format!("{database}{folder}")), &[]);
        check(&with("[gateway.database]\nkind = \"sqlite\"\n"), &[]);
        check(&with(&format!("{database}{folder}{UPLINK}")), &[]);
        check(
            &with("[gateway.database]\nkind = \"oracle\"\n"),
            &["(file)"],
        );
    }

    #[test]
    fn deadlines_follow_each_other() {
        let with = |lines: &str| format!("{GATEWAY}\n[gateway.deadlines]\n{lines}");
        check(&with("unanswered = \"20d\"\nper_round = 5"), &[]);
        check(&with("clock_confirmed = \"2026-11-23T08:15:00Z\""), &[]);
        check(&with("clock_confirmed = \"yesterday\""), &["(file)"]);
        check(
            &with("remind_first = \"10d\"\nunanswered = \"8d\"\nper_round = 0\npause = \"0s\""),
            &[
                "gateway.deadlines.remind_again",
                "gateway.deadlines.unanswered",
                "gateway.deadlines.per_round",
                "gateway.deadlines.pause",
            ],
        );
    }

    #[test]
    fn callbacks_are_sent_by_somebody() {
        let with = |lines: &str| format!("{GATEWAY}\n[gateway.callbacks]\n{lines}");
        check(&with("per_host = 1\nwait_max = \"10m\""), &[]);
        check(
            &with("per_host = 0\nwait_first = \"0s\""),
            &["gateway.callbacks.wait_first", "gateway.callbacks.per_host"],
        );
    }

    #[test]
    fn mail_needs_a_server_and_an_address_and_no_password_goes_in_clear() {
        let with = |lines: &str| format!("{GATEWAY}\n[gateway.mail]\n{lines}");
        let good =
            "server = \"mail.example.de\"\nsecurity = \"starttls\"\nfrom = \"amtsbote@example.de\"";
        check(&with(good), &[]);
        check(
            &with(&format!("{good}\nuser = \"u\"")),
            &["gateway.mail.user"],
        );
        check(
            &with(
                "server = \"\"\nsecurity = \"danger-none\"\nfrom = \"Amtsbote <a@example.de>\"\nuser = \"u\"\npassword_file = \"p\"",
            ),
            &[
                "gateway.mail.server",
                "gateway.mail.from",
                "gateway.mail.security",
            ],
        );
        check(
            &with("server = \"m\"\nsecurity = \"maybe\"\nfrom = \"a@example.de\""),
            &["(file)"],
        );
    }

    #[test]
    fn an_agent_needs_a_service_and_routes() {
        check(
            "[agent]\ndata_dir = \"a\"\nschemas_dir = \"s\"\npackages_dir = \"p\"\n",
            &["agent.service", "agent.destination"],
        );
    }

    #[test]
    fn a_pace_is_from_one_to_its_bound_and_strict_order_one_at_a_time() {
        let with = |keys: &str| {
            format!(
                r#"
                [agent]
                data_dir = "a"
                schemas_dir = "s"
                packages_dir = "p"
                [[agent.service]]
                name = "own"
                token_url = "https://amtsbote.example.de/token"
                submission_api_url = "https://amtsbote.example.de/submission-api"
                version = "v2"
                client_id = "c"
                client_secret_file = "s"
                [[agent.destination]]
                id = "2c7b8c1e-5f0a-4f5e-9d43-0a1b2c3d4e5f"
                service = "own"
                decryption_keys = ["d.jwk"]
                signing_key = "s.jwk"
                packages = ["hund"]
                outbound = {{ transport = "folder", path = "/srv/hund" }}
                {keys}"#
            )
        };
        let concurrency = "agent.destination[0].concurrency";
        let rate = "agent.destination[0].max_per_minute";
        check(&with(""), &[]);
        check(
            &with("concurrency = 1\nin_order = true\nmax_per_minute = 1"),
            &[],
        );
        check(&with("concurrency = 1000\nmax_per_minute = 6000"), &[]);
        check(&with("concurrency = 2\nin_order = true"), &[concurrency]);
        check(
            &with("concurrency = 0\nmax_per_minute = 0"),
            &[concurrency, rate],
        );
        check(
            &with("concurrency = 1001\nmax_per_minute = 6001"),
            &[concurrency, rate],
        );
    }

    #[test]
    fn the_name_of_a_service_is_the_name_of_one_folder() {
        let named = |names: &[&str]| {
            let services = names.iter().map(|name| {
                format!(
                    "[[agent.service]]\nname = {name:?}\ntoken_url = \"https://a.example/token\"\nsubmission_api_url = \"https://a.example/s\"\n\
                     version = \"v2\"\nclient_id = \"c\"\nclient_secret_file = \"s\"\n"
                )
            });
            let services: String = services.collect();
            format!(
                "[agent]\ndata_dir = \"a\"\nschemas_dir = \"s\"\npackages_dir = \"p\"\n{services}[[agent.destination]]\n\
                 id = \"2c7b8c1e-5f0a-4f5e-9d43-0a1b2c3d4e5f\"\nservice = {:?}\ndecryption_keys = [\"d\"]\nsigning_key = \"s\"\npackages = [\"p\"]\n\
                 [agent.destination.outbound]\ntransport = \"folder\"\n",
                names[0]
            )
        };
        for good in ["own", "FIT-Connect Test", "ümläut", "a.b"] {
            check(&named(&[good]), &[]);
        }
        let long = "a".repeat(101);
        for bad in [
            "", "..", ".own", "../own", "a/b", "a\\b", "c:", "a\nb", " own", &long,
        ] {
            check(&named(&[bad]), &["agent.service[0].name"]);
        }
        check(&named(&["own", "own"]), &["agent.service[1].name"]);
    }

    #[test]
    fn the_reference_names_every_key_once() {
        let mut keys: Vec<&str> = REFERENCE.iter().map(|entry| entry.key).collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }
}
