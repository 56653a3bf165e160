//! The agent's XTA server, from settings.

use std::net::SocketAddr;
use std::sync::Arc;

use amtsbote_settings as settings;
use amtsbote_transport_xta::{Account, AccountSettings, Server, Service, mutual_tls};
use anyhow::{Context, Result};

use crate::agents::Running;
use crate::clock::SystemClock;
use crate::folder;
use crate::stop::Stop;
use crate::talk::Talk;

/// The largest submission of the gateway's default, and its envelope.
const MESSAGE_MAX_BYTES: u64 = 600_000_000;

/// Opens the message boxes and serves them until stopped.
pub(crate) async fn start(settings: &settings::Xta, stop: &Stop, talk: Talk) -> Result<Running> {
    let listen: SocketAddr = settings
        .listen
        .parse()
        .context("agent.xta.listen is not an address")?;
    let tls = mutual_tls(
        &folder::read_file(&settings.certificate)?,
        &folder::read_file(&settings.key)?,
        &folder::read_file(&settings.client_ca_file)?,
    )?;
    let accounts = settings
        .accounts
        .iter()
        .map(account)
        .collect::<Result<Vec<_>>>()?;
    let identity = settings
        .identity
        .clone()
        .unwrap_or_else(|| "Amtsbote".to_owned());
    let max = settings.message_max_bytes.unwrap_or(MESSAGE_MAX_BYTES);
    let service = Service::new(accounts, Arc::new(SystemClock), identity, max);
    let server = Server::bind(listen, tls, service).await.with_context(|| {
        format!("cannot listen on {listen}; is another program using the port?")
    })?;
    let address = server.local_addr().context("the listener has no address")?;
    talk.say(format_args!(
        "{} {address} ({} {})",
        talk.pick("XTA-Server auf", "XTA server on"),
        settings.accounts.len(),
        talk.pick("Konten", "accounts")
    ));
    let wait = stop.wait();
    Ok(Running::beside(tokio::spawn(server.run(wait))))
}

fn account(settings: &settings::XtaAccount) -> Result<Account> {
    Account::open(AccountSettings {
        name: &settings.name,
        path: &settings.path,
        certificates_sha256: &settings.certificates_sha256,
        identifiers: &settings.identifiers,
        services: &settings.services,
    })
    .with_context(|| {
        format!(
            "the message box of the account {} cannot be opened",
            settings.name
        )
    })
}
