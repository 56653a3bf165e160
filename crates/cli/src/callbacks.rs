//! The agent's listener for answers of procedures, from settings.

use std::net::SocketAddr;
use std::sync::Arc;

use amtsbote_settings as settings;
use amtsbote_transport_http::{CallbackServer, Callbacks, callback_tls};
use anyhow::{Context, Result, bail};

use crate::folder;
use crate::talk::Talk;

/// Binds the listener; it serves once it runs. `None`: nobody is called.
pub(crate) async fn bind(
    settings: Option<&settings::Callback>,
    callbacks: &Arc<Callbacks>,
    talk: Talk,
) -> Result<Option<CallbackServer>> {
    let Some(settings) = settings else {
        if callbacks.is_empty() {
            return Ok(None);
        }
        bail!("transport = \"http-callback\" needs [agent.callback], where the agent listens")
    };
    let listen: SocketAddr = settings
        .listen
        .parse()
        .context("agent.callback.listen is not an address")?;
    let pem = |path: &std::path::PathBuf| folder::read_file(path);
    let tls = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            let authorities = settings.client_ca_file.as_ref().map(pem).transpose()?;
            Some(callback_tls(
                &pem(certificate)?,
                &pem(key)?,
                authorities.as_deref(),
            )?)
        }
        (None | Some(_), None | Some(_)) => None,
    };
    let server = CallbackServer::bind(listen, tls, callbacks.clone())
        .await
        .with_context(|| {
            format!("cannot listen on {listen}; is another program using the port?")
        })?;
    let address = server.local_addr().context("the listener has no address")?;
    talk.say(format_args!(
        "{} {address}",
        talk.pick(
            "Rückrufe der Fachverfahren auf",
            "callbacks of procedures on"
        )
    ));
    Ok(Some(server))
}
