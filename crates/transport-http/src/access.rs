//! How a procedure's interface is reached: what both directions have in common.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use amtsbote_adapter::Fault;
use amtsbote_adapter::transport::{read_small, read_text};
use amtsbote_outgoing::{Cidr, Identity, Outgoing, PlainHttp, Reach, Timeouts, read_bounded};
use amtsbote_problem::Bilingual;
use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;
use serde::Deserialize;
use url::Url;

use crate::answer::Answer;
use crate::auth::{Age, Proof};
use crate::outbound::unanswered;
use crate::settings::Auth;

/// Keys of the settings that belong here; the README explains them.
const KEYS: [&str; 7] = [
    "auth",
    "headers",
    "allow_networks",
    "danger_plain_http",
    "ca_file",
    "client_certificate_file",
    "client_key_file",
];

/// Headers that the settings may not set: they are the call's own.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Who we are and whom we trust.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Access {
    pub(crate) auth: Auth,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) allow_networks: Vec<Cidr>,
    pub(crate) danger_plain_http: bool,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_certificate_file: Option<PathBuf>,
    pub(crate) client_key_file: Option<PathBuf>,
}

impl Access {
    /// Takes its keys out of `table`.
    pub(crate) fn taken_from(table: &mut toml::Table) -> Result<Self, Fault> {
        let mut own = toml::Table::new();
        for key in KEYS {
            own.extend(table.remove(key).map(|value| (key.to_owned(), value)));
        }
        own.try_into().map_err(|error: toml::de::Error| {
            // The message alone: the whole error would quote the settings.
            let german = amtsbote_problem::toml::german(error.message());
            Fault::misconfigured(
                format!("die Einstellungen sind nicht brauchbar: {german}"),
                format!("the settings are not usable: {}", error.message()),
            )
        })
    }

    /// Files named relative to `base`.
    pub(crate) fn below(&mut self, base: &Path) {
        let settle = |file: &mut PathBuf| *file = base.join(&*file);
        for file in [
            &mut self.ca_file,
            &mut self.client_certificate_file,
            &mut self.client_key_file,
        ] {
            file.iter_mut().for_each(settle);
        }
        match &mut self.auth {
            Auth::None => {}
            Auth::Basic { password_file, .. } => settle(password_file),
            Auth::Bearer { token_file } => settle(token_file),
            Auth::Oauth2 {
                client_secret_file, ..
            } => settle(client_secret_file),
        }
    }

    /// What is wrong with it, where these URLs are called.
    pub(crate) fn faults<'a>(&'a self, urls: impl Iterator<Item = &'a str>) -> Vec<Bilingual> {
        let token_url = match &self.auth {
            Auth::None | Auth::Basic { .. } | Auth::Bearer { .. } => None,
            Auth::Oauth2 { token_url, .. } => Some(token_url.as_str()),
        };
        let mut all = urls.chain(token_url);
        let names = || self.headers.keys();
        let rules = [
            (
                self.client_certificate_file.is_some() == self.client_key_file.is_some(),
                "client_certificate_file und client_key_file gehören zusammen",
                "client_certificate_file and client_key_file belong together",
            ),
            (
                self.danger_plain_http || all.all(|url| url.starts_with("https://")),
                "nur https wird aufgerufen; danger_plain_http = true würde http erlauben, auch für Sendungen und Geheimnisse",
                "only https is called; danger_plain_http = true would allow http, also for parcels and secrets",
            ),
            (
                !self.danger_plain_http || self.allow_networks.is_empty(),
                "allow_networks hat neben danger_plain_http, das jede Adresse erlaubt, keine Bedeutung; eines herausnehmen",
                "allow_networks has no meaning beside danger_plain_http, which allows every address; remove one",
            ),
            (
                names().all(|name| is_header(name)),
                HEADER_NAMES.0,
                HEADER_NAMES.1,
            ),
            (
                names().all(|name| is_free(name)),
                HEADERS_TAKEN.0,
                HEADERS_TAKEN.1,
            ),
            (
                self.headers
                    .values()
                    .all(|value| reqwest::header::HeaderValue::from_str(value).is_ok()),
                "headers brauchen Werte aus sichtbaren Zeichen",
                "headers need values of visible characters",
            ),
        ];
        let broken = rules.into_iter().filter(|(holds, ..)| !holds);
        broken.map(|(_, de, en)| Bilingual::new(de, en)).collect()
    }

    /// Reads certificates. Calls nobody.
    pub(crate) fn outgoing(&self) -> Result<Outgoing, Fault> {
        let read = |file: &Option<PathBuf>, what| {
            file.as_ref().map(|file| read_small(file, what)).transpose()
        };
        let chain = read(&self.client_certificate_file, "client_certificate_file")?;
        let identity = match (chain, &self.client_key_file) {
            (Some(chain_pem), Some(key)) => Some(Identity {
                chain_pem,
                key_pem: read_text(key, "client_key_file")?,
            }),
            (None | Some(_), None | Some(_)) => None,
        };
        let (reach, plain_http) = if self.danger_plain_http {
            (Reach::Trusted, PlainHttp::DangerAllowed)
        } else {
            let allow = self.allow_networks.clone();
            (Reach::Public { allow }, PlainHttp::Refused)
        };
        Outgoing::open(amtsbote_outgoing::Settings {
            extra_roots_pem: read(&self.ca_file, "ca_file")?,
            identity,
            timeouts: Timeouts::default(),
            reach,
            plain_http,
            user_agent: concat!("amtsbote/", env!("CARGO_PKG_VERSION")).to_owned(),
        })
        .map_err(|error| {
            Fault::misconfigured(
                format!("es kann nichts aufgerufen werden: {}", error.told().de),
                format!("no calls can be made: {error}"),
            )
        })
    }
}

pub(crate) const HEADER_NAMES: (&str, &str) = (
    "headers und id_header brauchen Namen von HTTP-Headern",
    "headers and id_header need names of HTTP headers",
);
pub(crate) const HEADERS_TAKEN: (&str, &str) = (
    "headers dürfen weder Authorization noch Content-Type noch Header der Verbindung enthalten",
    "headers must not hold Authorization, Content-Type or headers of the connection",
);

/// Whether a text names a header.
pub(crate) fn is_header(name: &str) -> bool {
    reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
}

/// Whether the settings may set that header.
pub(crate) fn is_free(name: &str) -> bool {
    !RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// Calls without a parcel: reading, and acknowledging. Both may be carried out twice.
#[derive(Debug)]
pub(crate) struct Caller {
    outgoing: Outgoing,
    proof: Proof,
    headers: BTreeMap<String, String>,
}

impl Caller {
    pub(crate) fn open(access: &Access) -> Result<Self, Fault> {
        Ok(Self {
            outgoing: access.outgoing()?,
            proof: Proof::new(access.auth.clone()),
            headers: access.headers.clone(),
        })
    }

    /// Asks; the body is `None` where it was longer than `max` or broke off.
    pub(crate) async fn get(&self, url: &Url, max: usize) -> Result<Answer, Fault> {
        self.ask(&Method::GET, url, max).await
    }

    /// Calls; once more with a new token if the old one is refused.
    pub(crate) async fn ask(
        &self,
        method: &Method,
        url: &Url,
        max: usize,
    ) -> Result<Answer, Fault> {
        let answer = self.call((method, url), Age::Any, max).await?;
        if answer.status == 401 && self.proof.is_renewable() {
            return self.call((method, url), Age::Fresh, max).await;
        }
        Ok(answer)
    }

    async fn call(
        &self,
        (method, url): (&Method, &Url),
        age: Age,
        max: usize,
    ) -> Result<Answer, Fault> {
        let call = self.outgoing.request(method.clone(), url.clone());
        let mut call = call.map_err(unanswered)?;
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        if *method == Method::POST || *method == Method::PUT {
            call = call.header(CONTENT_LENGTH, "0");
        }
        call = self.proof.show(call, &self.outgoing, age).await?;
        let response = self.outgoing.send_repeatable(call).await;
        let response = response.map_err(unanswered)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read_bounded(response, max).await;
        Ok(Answer {
            status,
            headers,
            body: body.ok(),
        })
    }
}
