//! `amtsbote serve|gateway|agent`: the long-running processes.

use std::path::{Path, PathBuf};

use amtsbote_gateway::{Addresses, Door};
use amtsbote_settings as settings;
use anyhow::{Context, Result, bail};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use serde_json::json;
use tokio::task::JoinHandle;

use super::settings::load;
use crate::args::SettingsFile;
use crate::clock::SystemClock;
use crate::gateway::{self, Given, Ready};
use crate::patience::Stopped;
use crate::stop::Stop;
use crate::talk::{Form, Talk};
use crate::{agents, callbacks, identity, services, tls, upkeep, xta};

/// Which part of the settings runs in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Whatever the settings name.
    Both,
    /// The gateway.
    Gateway,
    /// The agent.
    Agent,
}

/// Everything is opened before anything says that it is ready: what is wrong in the agent's part shows at once.
pub(crate) async fn run(part: Part, file: &SettingsFile, talk: Talk) -> Result<()> {
    let settings = based(load(file, talk)?, &file.settings);
    undumpable();
    let stop = Stop::on_signals()?;
    match run_until(part, &settings, (&stop, talk)).await {
        Err(error) if error.is::<Stopped>() => Ok(()),
        ended => ended,
    }
}

async fn run_until(
    part: Part,
    settings: &settings::Settings,
    (stop, talk): (&Stop, Talk),
) -> Result<()> {
    let gateway = match (part, &settings.gateway) {
        (Part::Both, None) | (Part::Agent, _) => None,
        (Part::Both | Part::Gateway, Some(gateway)) => {
            Some(open_gateway(gateway, (stop, talk)).await?)
        }
        (Part::Gateway, None) => bail!("the settings have no [gateway]"),
    };
    let agent = match (part, &settings.agent) {
        (Part::Both, None) | (Part::Gateway, _) => None,
        (Part::Both | Part::Agent, Some(agent)) => Some(prepare_agent(agent, stop, talk).await?),
        (Part::Agent, None) => bail!("the settings have no [agent]"),
    };
    let gateway = gateway
        .map(|opened| start_gateway(opened, stop, talk))
        .transpose()?;
    let agent = agent.map(|(server, agents)| server.and(agents.start(stop, talk)));
    if let Some(gateway) = gateway {
        gateway.await.context("the gateway ended with a fault")?;
    }
    if let Some(agent) = agent {
        agent.finished().await;
    }
    Ok(())
}

/// Keys and content are in memory: no core dump holds them, and no other process of this user reads them.
fn undumpable() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let forbidden = setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = forbidden {
        tracing::warn!(error = %error, "core dumps could not be forbidden: {error}");
    }
}

/// The XTA server first: it makes the message boxes that the agents put their parcels into.
async fn prepare_agent(
    settings: &settings::Agent,
    stop: &Stop,
    talk: Talk,
) -> Result<(agents::Running, agents::Prepared)> {
    let server = match &settings.xta {
        Some(xta) => xta::start(xta, stop, talk).await?,
        None => agents::Running::none(),
    };
    let agents = agents::prepare(settings, (stop, talk)).await?;
    let callbacks = callbacks::bind(settings.callback.as_ref(), agents.callbacks(), talk).await?;
    let server = match callbacks {
        Some(callbacks) => {
            let serving = tokio::spawn(callbacks.run(stop.wait()));
            server.and(agents::Running::beside(serving))
        }
        None => server,
    };
    Ok((server, agents))
}

/// A gateway behind its door, which answers already.
struct Opened {
    ready: Ready,
    door: Door,
    serving: JoinHandle<()>,
}

async fn open_gateway(settings: &settings::Gateway, (stop, talk): (&Stop, Talk)) -> Result<Opened> {
    let services = services::load(Some(&settings.schemas_dir), talk)?;
    let tls = settings
        .tls
        .as_ref()
        .map(|tls| tls::server_config(&tls.certificate, &tls.key))
        .transpose()?;
    if settings.key_trust_file.is_none() {
        tracing::warn!(
            "gateway.key_trust_file is not set: it is not verified who vouches for destinations' keys"
        );
    }
    let identity = identity::gateway(&settings.keys_dir, &SystemClock)?;
    let given = Given {
        identity,
        services,
        tls,
    };
    let bound = gateway::bind(settings, given.tls.clone()).await?;
    let (door, address, base) = (Door::default(), bound.address, bound.base);
    let types = Addresses::new(&base).problem_types();
    let serving = tokio::spawn(bound.server.run(door.router(types), stop.wait()));
    let ready = gateway::open_at(settings, given, (address, &base), stop).await?;
    Ok(Opened {
        ready,
        door,
        serving,
    })
}

fn start_gateway(opened: Opened, stop: &Stop, talk: Talk) -> Result<JoinHandle<()>> {
    let Opened {
        ready,
        door,
        serving,
    } = opened;
    let background = upkeep::background(&ready, stop)?;
    let base = ready.context.addresses().base.clone();
    door.open(amtsbote_gateway::router(ready.context.clone()));
    match talk.form() {
        Form::Json => talk.announce(json!({ "ready": true, "baseUrl": base }))?,
        Form::Text => talk.announce(format_args!("{} {base}", talk.pick("bereit:", "ready:")))?,
    }
    Ok(tokio::spawn(async move {
        // Whoever serves has ended with what it was asked.
        drop(serving.await);
        background.finished().await;
    }))
}

/// Paths in the settings are relative to the settings file.
pub(crate) fn based(mut settings: settings::Settings, file: &Path) -> settings::Settings {
    let folder = file.parent().unwrap_or(Path::new(""));
    for path in paths(&mut settings) {
        if path.is_relative() {
            *path = folder.join(&*path);
        }
    }
    for route in settings.agent.iter_mut().flat_map(|a| &mut a.destinations) {
        // Its ledger must be the same wherever the program is started from.
        folder.clone_into(&mut route.base);
    }
    settings
}

fn paths(settings: &mut settings::Settings) -> Vec<&mut PathBuf> {
    let mut paths = Vec::new();
    if let Some(gateway) = &mut settings.gateway {
        paths.extend([
            &mut gateway.data_dir,
            &mut gateway.keys_dir,
            &mut gateway.schemas_dir,
        ]);
        if let Some(tls) = &mut gateway.tls {
            paths.extend([&mut tls.certificate, &mut tls.key]);
        }
        paths.extend(gateway.key_trust_file.as_mut());
        if let Some(database) = &mut gateway.database {
            paths.extend(database.password_file.as_mut());
            paths.extend(database.ca_file.as_mut());
        }
        if let Some(blobs) = &mut gateway.blobs {
            paths.extend(blobs.access_key_id_file.as_mut());
            paths.extend(blobs.secret_access_key_file.as_mut());
            paths.extend(blobs.ca_file.as_mut());
        }
        if let Some(mail) = &mut gateway.mail {
            paths.extend(mail.ca_file.as_mut());
            paths.extend(mail.password_file.as_mut());
        }
        paths.extend(
            gateway
                .clients
                .iter_mut()
                .filter_map(|client| client.secret_file.as_mut()),
        );
        for uplink in &mut gateway.uplinks {
            paths.push(&mut uplink.client_secret_file);
            paths.extend(uplink.ca_file.as_mut());
            paths.extend(uplink.key_trust_file.as_mut());
        }
    }
    if let Some(agent) = &mut settings.agent {
        paths.extend([
            &mut agent.data_dir,
            &mut agent.schemas_dir,
            &mut agent.packages_dir,
        ]);
        paths.extend(agent.xsd_dir.as_mut());
        if let Some(database) = &mut agent.database {
            paths.extend(database.password_file.as_mut());
            paths.extend(database.ca_file.as_mut());
        }
        if let Some(xta) = &mut agent.xta {
            paths.extend([&mut xta.certificate, &mut xta.key, &mut xta.client_ca_file]);
        }
        if let Some(callback) = &mut agent.callback {
            paths.extend(callback.certificate.as_mut());
            paths.extend(callback.key.as_mut());
            paths.extend(callback.client_ca_file.as_mut());
        }
        for service in &mut agent.services {
            paths.push(&mut service.client_secret_file);
            paths.extend(service.ca_file.as_mut());
        }
        for route in &mut agent.destinations {
            paths.extend(&mut route.decryption_keys);
            paths.push(&mut route.signing_key);
        }
    }
    paths
}

/// What a backup does not hold and the settings name: keys, secrets, packages, schemas, and what ways out keep.
pub(crate) fn besides(settings: &settings::Settings) -> Vec<PathBuf> {
    let mut settings = settings.clone();
    let data: Vec<PathBuf> = [
        settings.gateway.as_ref().map(|part| part.data_dir.clone()),
        settings.agent.as_ref().map(|part| part.data_dir.clone()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut found: Vec<PathBuf> = paths(&mut settings)
        .into_iter()
        .map(|path| path.clone())
        .filter(|path| !data.contains(path))
        .collect();
    if let Some(agent) = &settings.agent {
        for route in &agent.destinations {
            // Ledgers lie in one of these; the folder itself is the procedure's.
            let kept = ["work_path", "path"].map(|key| route.outbound.get(key));
            let kept = kept.into_iter().flatten().filter_map(toml::Value::as_str);
            found.extend(kept.map(|path| route.base.join(path)));
            found.extend(route.inbound.iter().filter_map(settings::Inbound::folder));
            let kept = route
                .inbound
                .iter()
                .filter_map(|inbound| inbound.way.get("work_path")?.as_str());
            found.extend(kept.map(|path| route.base.join(path)));
        }
        let boxes = agent.xta.iter().flat_map(|xta| &xta.accounts);
        found.extend(boxes.map(|account| account.path.clone()));
    }
    found.sort();
    found.dedup();
    found
}

/// Files and folders the settings name that are not there; those that are made at start are left out.
pub(crate) fn missing_files(settings: &settings::Settings, file: &Path) -> Vec<PathBuf> {
    let mut settings = based(settings.clone(), file);
    let made: Vec<PathBuf> = [
        settings
            .gateway
            .as_ref()
            .map(|gateway| gateway.data_dir.clone()),
        settings
            .gateway
            .as_ref()
            .map(|gateway| gateway.keys_dir.clone()),
        settings.agent.as_ref().map(|agent| agent.data_dir.clone()),
    ]
    .into_iter()
    .flatten()
    .collect();
    paths(&mut settings)
        .into_iter()
        .map(|path| path.clone())
        .filter(|path| !made.contains(path) && !path.exists())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_of_destinations_keys_are_below_the_settings_file_too() {
        let text = r#"
            [gateway]
            base_url = "https://amtsbote.example.de"
            listen = "127.0.0.1:8443"
            data_dir = "data"
            keys_dir = "keys"
            schemas_dir = "schemas"
            key_trust_file = "roots.pem"
        "#;
        let settings = settings::Settings::parse(text).unwrap();
        let file = Path::new("/etc/amtsbote/amtsbote.toml");
        let settings = based(settings, file);
        let trust = settings.gateway.unwrap().key_trust_file;
        assert_eq!(trust.as_deref(), Some(Path::new("/etc/amtsbote/roots.pem")));
    }

    #[test]
    fn a_way_out_is_below_the_settings_file_not_the_working_directory() {
        let home = tempfile::tempdir().unwrap();
        let text = r#"
            [agent]
            data_dir = "agent"
            schemas_dir = "schemas"
            packages_dir = "packages"
            [[agent.service]]
            name = "own"
            token_url = "https://amtsbote.example.de/token"
            submission_api_url = "https://amtsbote.example.de/submission-api"
            version = "v2"
            client_id = "agent"
            client_secret_file = "secret"
            [[agent.destination]]
            id = "00000000-0000-4000-8000-000000000001"
            service = "own"
            decryption_keys = ["decryption.jwk"]
            signing_key = "signing.jwk"
            packages = ["bauantrag"]
            [agent.destination.outbound]
            transport = "folder"
            path = "eingang"
        "#;
        let settings = settings::Settings::parse(text).unwrap();
        let settings = based(settings, &home.path().join("amtsbote.toml"));
        let route = &settings.agent.unwrap().destinations[0];
        crate::registry::outbound(&route.outbound, &route.base).unwrap();
        assert!(home.path().join("eingang").is_dir());
    }
}
