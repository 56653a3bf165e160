//! The settings of a way in that is called; their reference is the README.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use amtsbote_adapter::Fault;
use amtsbote_adapter::transport::{read_secret, settings_of};
use amtsbote_jose::mac::{is_callback, same};
use amtsbote_jose::sha256_hex;
use amtsbote_model::Timestamp;
use amtsbote_problem::Bilingual;
use serde::Deserialize;

use crate::fields::Fields;
use crate::outbound::Http;

const ANSWER_MAX_BYTES: usize = 48 << 20;
const WAIT_MAX_S: u64 = 300;
/// Shorter ones can be guessed.
const SECRET_MIN_CHARS: usize = 20;
/// How far a call's clock may be from ours, both ways: as in FIT-Connect.
const WINDOW_S: u64 = 300;

/// HMAC-SHA-512 in hex.
const MAC_CHARS: usize = 128;

/// One path that procedures post to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackSettings {
    /// `/`, then letters, digits, `-`, `_`, `.`, `/`.
    pub(crate) url_path: String,
    pub(crate) auth: CallbackAuth,
    pub(crate) fields: Option<Fields>,
    #[serde(default = "answer_max_bytes")]
    pub(crate) answer_max_bytes: usize,
    /// Seconds that a call waits until its answer is durable.
    #[serde(default = "wait_s")]
    wait_s: u64,
    /// Where the agent listens: for `probe`, set by whoever knows.
    pub(crate) listen: Option<SocketAddr>,
}

const fn answer_max_bytes() -> usize {
    ANSWER_MAX_BYTES
}

const fn wait_s() -> u64 {
    30
}

/// How a procedure proves who it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum CallbackAuth {
    /// `Authorization: Bearer`, compared in constant time.
    Bearer { token_file: PathBuf },
    /// FIT-Connect's own callback proof: HMAC-SHA-512 over timestamp and body.
    Hmac { secret_file: PathBuf },
    /// A client certificate.
    Certificate { sha256: Vec<String> },
}

/// What a call shows before its body.
pub(crate) struct Shown<'a> {
    pub(crate) authorization: Option<&'a str>,
    pub(crate) timestamp: Option<&'a str>,
    pub(crate) mac: Option<&'a str>,
    /// SHA-256 of its client certificate.
    pub(crate) certificate: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// It is not proven who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotProven(pub(crate) &'static str);

/// Why nothing can be said of who calls.
#[derive(Debug)]
pub(crate) enum Refused {
    NotProven(NotProven),
    /// Our secret cannot be read.
    Ours(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Ours(fault)
    }
}

impl CallbackSettings {
    pub(crate) fn read(settings: toml::Table, base: &Path) -> Result<Self, Fault> {
        let mut read: Self = settings_of(&Http, settings)?;
        match &mut read.auth {
            CallbackAuth::Bearer { token_file: file }
            | CallbackAuth::Hmac { secret_file: file } => {
                *file = base.join(&*file);
            }
            CallbackAuth::Certificate { sha256 } => {
                for hash in sha256 {
                    *hash = hash.replace([':', ' '], "").to_ascii_lowercase();
                }
            }
        }
        // What listens everywhere is asked at this machine.
        read.listen = read.listen.map(|mut address| {
            match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
                IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
                IpAddr::V4(_) | IpAddr::V6(_) => {}
            }
            address
        });
        Fault::check(&read.faults())?;
        Ok(read)
    }

    fn faults(&self) -> Vec<Bilingual> {
        let mut faults: Vec<Bilingual> = self.fields.iter().flat_map(Fields::faults).collect();
        let path = &self.url_path;
        let is_path = path.strip_prefix('/').is_some_and(|rest| {
            (1..=200).contains(&rest.len())
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        });
        if !is_path {
            faults.push(Bilingual::new(
                "url_path ist ein Schrägstrich, dann Buchstaben, Ziffern, - _ . /",
                "url_path is a slash, then letters, digits, - _ . /",
            ));
        }
        if !(1..=ANSWER_MAX_BYTES).contains(&self.answer_max_bytes) {
            faults.push(crate::inbound_settings::answer_max());
        }
        if !(1..=WAIT_MAX_S).contains(&self.wait_s) {
            faults.push(Bilingual::new(
                format!("wait_s ist 1 bis {WAIT_MAX_S}"),
                format!("wait_s is 1 to {WAIT_MAX_S}"),
            ));
        }
        if let Some(fields) = &self.fields {
            if fields.has_files() {
                faults.push(Bilingual::new(
                    "fields.documents.file gehört zu folder und sftp",
                    "fields.documents.file belongs to folder and sftp",
                ));
            }
            if fields.has_links() {
                faults.push(Bilingual::new(
                    "Dokumente eines Rückrufs können keine Links sein: zurückgerufen wird niemand",
                    "documents of a callback cannot be links: nobody is called back",
                ));
            }
            if !fields.names_case() {
                faults.push(Bilingual::new(
                    "fields braucht submission, reference, in_reply_to oder file_number",
                    "fields need submission, reference, in_reply_to or file_number",
                ));
            }
        }
        if let CallbackAuth::Certificate { sha256 } = &self.auth {
            let is_hash =
                |hash: &String| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            if sha256.is_empty() || !sha256.iter().all(is_hash) {
                faults.push(Bilingual::new(
                    "auth.sha256 nennt mindestens ein Zertifikat durch seinen SHA-256 in hex",
                    "auth.sha256 names at least one certificate by its SHA-256 in hex",
                ));
            }
        }
        faults
    }

    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_s)
    }
}

impl CallbackAuth {
    /// Whether secrets can be read.
    pub(crate) fn probe(&self) -> Result<(), Fault> {
        self.secret().map(drop)
    }

    /// Read anew each time: it may be replaced while running.
    fn secret(&self) -> Result<Option<amtsbote_model::Secret>, Fault> {
        let (file, what) = match self {
            Self::Bearer { token_file } => (token_file, "token_file"),
            Self::Hmac { secret_file } => (secret_file, "secret_file"),
            Self::Certificate { .. } => return Ok(None),
        };
        let secret = read_secret(file, what)?;
        if secret.reveal().chars().count() < SECRET_MIN_CHARS {
            return Err(Fault::misconfigured(
                format!("{what} enthält weniger als {SECRET_MIN_CHARS} Zeichen"),
                format!("{what} holds fewer than {SECRET_MIN_CHARS} characters"),
            ));
        }
        Ok(Some(secret))
    }

    /// What can be proven before the body was read.
    pub(crate) fn first(&self, shown: &Shown<'_>) -> Result<(), Refused> {
        match self {
            Self::Bearer { .. } => {
                let secret = self.secret()?;
                let token = shown
                    .authorization
                    .and_then(|text| text.strip_prefix("Bearer "));
                let hash = |text: &str| sha256_hex(text.trim().as_bytes());
                let fits = token.zip(secret).is_some_and(|(token, secret)| {
                    same(hash(token).as_bytes(), hash(secret.reveal()).as_bytes())
                });
                fits.then_some(())
                    .ok_or(unproven("a bearer token is needed, and this is not it"))
            }
            Self::Hmac { .. } => {
                let is_mac = |mac: &str| {
                    mac.len() == MAC_CHARS && mac.bytes().all(|byte| byte.is_ascii_hexdigit())
                };
                (shown.mac.is_some_and(is_mac) && shown.timestamp.is_some())
                    .then_some(())
                    .ok_or(unproven(
                        "callback-timestamp and callback-authentication are needed",
                    ))?;
                let then = shown.timestamp.and_then(|text| text.parse::<i64>().ok());
                let fits =
                    then.is_some_and(|then| shown.now.as_seconds().abs_diff(then) <= WINDOW_S);
                fits.then_some(()).ok_or(unproven(
                    "callback-timestamp is more than five minutes away from our clock",
                ))
            }
            Self::Certificate { sha256 } => {
                let fits = shown
                    .certificate
                    .is_some_and(|shown| sha256.iter().any(|hash| hash == shown));
                fits.then_some(()).ok_or(unproven(
                    "a client certificate is needed, and this is not one of ours",
                ))
            }
        }
    }

    /// Whether nothing is proven before the body was read.
    pub(crate) const fn needs_body(&self) -> bool {
        match self {
            Self::Bearer { .. } | Self::Certificate { .. } => false,
            Self::Hmac { .. } => true,
        }
    }

    /// What can be proven with the body.
    pub(crate) fn second(&self, shown: &Shown<'_>, body: &[u8]) -> Result<(), Refused> {
        match self {
            Self::Bearer { .. } | Self::Certificate { .. } => Ok(()),
            Self::Hmac { .. } => {
                let secret = self.secret()?;
                let parts = shown.mac.zip(shown.timestamp).zip(secret);
                let fits = parts.is_some_and(|((mac, timestamp), secret)| {
                    is_callback(mac, secret.reveal(), timestamp, body)
                });
                fits.then_some(()).ok_or(unproven(
                    "callback-authentication is not that of this timestamp and body",
                ))
            }
        }
    }
}

fn unproven(what: &'static str) -> Refused {
    Refused::NotProven(NotProven(what))
}
