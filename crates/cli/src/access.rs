//! A client's way to a gateway, from options, environment or a sandbox.json.

use std::path::Path;
use std::sync::Arc;

use amtsbote_client::{Credentials, Fault, Intake, LogChain, Service, Session};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::{ClientId, Secret};
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::args::Access;
use crate::clock::SystemClock;
use crate::folder;
use crate::talk::Talk;

/// What every call of ours names itself.
pub(crate) const USER_AGENT: &str = concat!("amtsbote/", env!("CARGO_PKG_VERSION"));

struct Way {
    base: String,
    token: String,
    client_id: ClientId,
    secret: Secret,
    ca_pem: Option<Vec<u8>>,
}

/// Whose client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who sends submissions and gets replies.
    Sender,
    /// Who gets submissions and sends replies.
    Subscriber,
}

impl Side {
    /// Its member in a sandbox.json.
    const fn member(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Subscriber => "subscriber",
        }
    }
}

/// An intake client.
pub(crate) fn intake(access: &Access) -> Result<Intake> {
    let way = way(access, Side::Sender)?;
    let base = way.base.clone();
    opened(way, &base).map(Intake::new)
}

/// A session at the Submission API.
pub(crate) fn session(access: &Access, side: Side) -> Result<Session> {
    let way = way(access, side)?;
    let base = format!("{}/submission-api", way.base);
    opened(way, &base)
}

/// A reader of the gateway's sealed log.
pub(crate) fn log_chain(access: &Access, side: Side) -> Result<LogChain> {
    let way = way(access, side)?;
    let base = way.base.clone();
    opened(way, &base).map(LogChain::new)
}

fn way(access: &Access, side: Side) -> Result<Way> {
    match &access.sandbox {
        Some(path) => from_sandbox(path, side),
        None => from_options(access),
    }
}

fn opened(way: Way, base: &str) -> Result<Session> {
    let base = base.parse().context("the gateway's URL is not a URL")?;
    let token = way
        .token
        .parse()
        .context("the token endpoint's URL is not a URL")?;
    let service = Service::new(base, token, ApiVersion::V2)?;
    let credentials = Credentials {
        client_id: way.client_id,
        client_secret: way.secret,
    };
    Ok(Session::new(
        outgoing(&way.base, way.ca_pem)?,
        service,
        credentials,
        Arc::new(SystemClock),
    ))
}

/// The way out to peers the operator named; plain http on loopback only.
pub(crate) fn outgoing(base: &str, ca_pem: Option<Vec<u8>>) -> Result<Outgoing> {
    let mut settings = Settings::trusted(USER_AGENT);
    settings.extra_roots_pem = ca_pem;
    if url::Url::parse(base).is_ok_and(|url| amtsbote_settings::is_loopback(&url)) {
        settings.plain_http = PlainHttp::DangerAllowed;
    }
    Outgoing::open(settings).context("the HTTP client cannot be set up")
}

fn from_sandbox(path: &Path, side: Side) -> Result<Way> {
    let sandbox: Value = serde_json::from_str(&folder::read_text(path)?)
        .with_context(|| format!("{} is not JSON", path.display()))?;
    let text = |pointer: &str| {
        let found = sandbox
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned);
        found.ok_or_else(|| anyhow!("{} lacks {pointer}", path.display()))
    };
    let ca_pem = match sandbox.get("caFile").and_then(Value::as_str) {
        Some(file) => Some(folder::read_file(Path::new(file))?),
        None => None,
    };
    Ok(Way {
        base: text("/baseUrl")?,
        token: text("/tokenUrl")?,
        client_id: text(&format!("/{}/clientId", side.member()))?.parse()?,
        secret: Secret::new(text(&format!("/{}/clientSecret", side.member()))?),
        ca_pem,
    })
}

fn from_options(access: &Access) -> Result<Way> {
    let (Some(base), Some(id), Some(secret_file)) =
        (&access.url, &access.client_id, &access.client_secret_file)
    else {
        bail!(
            "say how to reach the gateway: --sandbox FILE, or --url, --client-id and --client-secret-file"
        );
    };
    let base = base.trim_end_matches('/').to_owned();
    Ok(Way {
        token: format!("{base}/token"),
        base,
        client_id: id.parse()?,
        secret: Secret::new(folder::read_text(secret_file)?.trim().to_owned()),
        ca_pem: access
            .ca_file
            .as_deref()
            .map(folder::read_file)
            .transpose()?,
    })
}

/// Tells what a service answered, with all findings, as an error that ends the program.
pub(crate) fn explain(fault: Fault, talk: Talk) -> anyhow::Error {
    if let Fault::Refused { answered, code, .. } = &fault {
        let known = code.as_deref().and_then(|code| {
            let mut codes = amtsbote_problem::Code::ALL.iter();
            codes.find(|known| known.entry().code == code)
        });
        let entry = known.map(|known| known.entry());
        let title = entry.map(|entry| talk.pick(entry.title_de, entry.title));
        if let Some(title) = title.or(answered.problem.title.as_deref()) {
            talk.say(title);
        }
        // The findings say it in both languages.
        let detail = answered.problem.detail.as_ref();
        if let Some(detail) = detail.filter(|_| answered.findings.is_empty()) {
            talk.say(format_args!("  {detail}"));
        }
        talk.findings(&answered.findings);
    }
    anyhow::Error::new(fault)
}
