//! Sets the stage: keys, gateway, six destinations, six agents.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use amtsbote_agent::{Pace, Policy, Served};
use amtsbote_client::Credentials;
use amtsbote_fit_connect::ApiVersion;
use amtsbote_jose::random_secret;
use amtsbote_model::{Clock as _, Destination, DestinationId, DestinationStatus, Secret};
use amtsbote_settings as settings;
use amtsbote_validate::service::Catalogue;
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::Journeys;
use crate::agents::{self, Plan, Running};
use crate::clock::SystemClock;
use crate::folder::{self, Readers};
use crate::gateway::{self, Given, Ready};
use crate::hessen::{self, Municipality};
use crate::identity::{self, DestinationKeys};
use crate::registry::{self, Registry};
use crate::state::State;
use crate::stop::Stop;
use crate::talk::Talk;
use crate::upkeep::{self, Background};
use crate::{destinations, services};

const STATE: &str = "identity.json";
/// The sender client.
pub(crate) const SENDER: &str = "demo-sender";

/// What must stay the same over runs on one folder.
#[derive(Serialize, Deserialize)]
struct Persisted {
    port: u16,
    sender_secret: String,
    destinations: Vec<PersistedDestination>,
}

#[derive(Clone, Serialize, Deserialize)]
struct PersistedDestination {
    slug: String,
    id: DestinationId,
    subscriber_secret: String,
}

/// A municipality on stage.
pub(crate) struct Actor {
    pub(crate) municipality: Municipality,
    pub(crate) destination_id: DestinationId,
    pub(crate) dir: PathBuf,
    keys: DestinationKeys,
    subscriber_secret: String,
}

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) gateway: amtsbote_gateway::Context,
    pub(crate) actors: Vec<Actor>,
    pub(crate) sender_secret: String,
    server: JoinHandle<()>,
    background: Background,
    agents: Running,
    stop: Stop,
}

impl Stage {
    pub(crate) async fn set(dir: &Path, journeys: &Journeys, talk: Talk) -> Result<Self> {
        let municipalities = hessen::municipalities()?;
        let mut persisted = load_or_make(dir, &municipalities)?;
        let services = services::load(None, talk)?;
        let (identity, actors) = make_keys(dir, municipalities, &persisted, talk)?;
        let (ready, server) = open(
            dir,
            &persisted,
            &actors,
            Given {
                identity,
                services: services.clone(),
                tls: None,
            },
        )
        .await?;
        persisted.port = ready.address.port();
        save(dir, &persisted)?;
        for actor in &actors {
            register(&ready.context, actor).await?;
        }
        let stop = Stop::on_signals()?;
        let background = upkeep::background(&ready, &stop)?;
        let gateway = ready.context.clone();
        let server =
            tokio::spawn(server.run(amtsbote_gateway::router(gateway.clone()), stop.wait()));
        let base = &gateway.addresses().base;
        talk.say(format_args!(
            "✓ {} {base}",
            talk.pick("Gateway läuft auf", "gateway runs on")
        ));
        let agents = start_agents(&gateway, &actors, &services, (journeys, &stop, talk))?;
        talk.say(format_args!(
            "✓ {} {}",
            actors.len(),
            talk.pick("Agenten laufen", "agents run")
        ));
        Ok(Self {
            gateway,
            actors,
            sender_secret: persisted.sender_secret,
            server,
            background,
            agents,
            stop,
        })
    }

    /// Runs on until SIGTERM or Ctrl-C.
    pub(crate) async fn until_stopped(self) {
        self.stop.wait().await;
        self.close().await;
    }

    /// Stops everything and waits for it.
    pub(crate) async fn close(self) {
        self.stop.ask();
        self.agents.finished().await;
        if let Err(error) = self.server.await {
            tracing::error!(error = %error, "the server ended with a fault: {error}");
        }
        self.background.finished().await;
    }
}

fn load_or_make(dir: &Path, municipalities: &[Municipality]) -> Result<Persisted> {
    let path = dir.join(STATE);
    if path.exists() {
        return serde_json::from_str(&folder::read_text(&path)?).with_context(|| {
            format!(
                "{} is not usable; remove the folder to begin anew",
                path.display()
            )
        });
    }
    let destination = |municipality: &Municipality| PersistedDestination {
        slug: municipality.slug.clone(),
        id: DestinationId::from_uuid(uuid::Uuid::new_v4()),
        subscriber_secret: random_secret().to_string(),
    };
    let persisted = Persisted {
        port: 0,
        sender_secret: random_secret().to_string(),
        destinations: municipalities.iter().map(destination).collect(),
    };
    save(dir, &persisted)?;
    Ok(persisted)
}

fn save(dir: &Path, persisted: &Persisted) -> Result<()> {
    let text = serde_json::to_string_pretty(persisted).context("the identity cannot be written")?;
    folder::write(&dir.join(STATE), text.as_bytes(), Readers::Owner)
}

/// All keys, two at a time and more where there are processors; RSA-4096 takes about a second each.
fn make_keys(
    dir: &Path,
    municipalities: Vec<Municipality>,
    persisted: &Persisted,
    talk: Talk,
) -> Result<(amtsbote_gateway::Identity, Vec<Actor>)> {
    let all = municipalities.len() + 1;
    let done = AtomicUsize::new(0);
    let tell = || {
        let made = done.fetch_add(1, Ordering::Relaxed) + 1;
        talk.progress(&format!(
            "{} {made}/{all}",
            talk.pick("Schlüsselpaare", "key pairs")
        ));
    };
    talk.progress(talk.pick("Schlüssel werden erzeugt …", "making keys …"));
    let (identity, actors) = std::thread::scope(|scope| {
        let tell = &tell;
        let actors = scope.spawn(move || {
            let actor = |municipality: Municipality| {
                let actor = actor(dir, municipality, persisted);
                tell();
                actor
            };
            municipalities
                .into_iter()
                .map(actor)
                .collect::<Result<Vec<_>>>()
        });
        let identity = identity::gateway(&dir.join("gateway/keys"), &SystemClock);
        tell();
        (identity, actors.join())
    });
    talk.progress_done();
    let actors = actors.map_err(|_| anyhow!("making keys failed"))??;
    talk.say(format_args!(
        "✓ {all} {}",
        talk.pick("Schlüsselpaare bereit", "key pairs ready")
    ));
    Ok((identity?, actors))
}

fn actor(dir: &Path, municipality: Municipality, persisted: &Persisted) -> Result<Actor> {
    let own = persisted
        .destinations
        .iter()
        .find(|destination| destination.slug == municipality.slug);
    let own = own.ok_or_else(|| {
        anyhow!("the folder was made by another version; remove it to begin anew")
    })?;
    let home = dir.join(&municipality.slug);
    Ok(Actor {
        keys: identity::destination(&home.join("keys"), &municipality.name, &SystemClock)?,
        destination_id: own.id,
        subscriber_secret: own.subscriber_secret.clone(),
        dir: home,
        municipality,
    })
}

async fn open(
    dir: &Path,
    persisted: &Persisted,
    actors: &[Actor],
    given: Given,
) -> Result<(Ready, amtsbote_gateway::Server)> {
    let settings = |port: u16| {
        let client = |id: String, secret: &str, kind: settings::Kind| settings::Client {
            id: id.parse().expect("our own client ids are well-formed"),
            kind,
            secret_sha256: None,
            secret_file: None,
            secret: Some(Secret::new(secret.to_owned())),
            scopes: Vec::new(),
        };
        let mut clients = vec![client(
            SENDER.to_owned(),
            &persisted.sender_secret,
            settings::Kind::Sender,
        )];
        clients.extend(actors.iter().map(|actor| {
            client(
                subscriber_of(actor),
                &actor.subscriber_secret,
                settings::Kind::Subscriber,
            )
        }));
        settings::Gateway {
            base_url: format!("http://127.0.0.1:{port}"),
            listen: format!("127.0.0.1:{port}"),
            data_dir: dir.join("gateway"),
            keys_dir: dir.join("gateway/keys"),
            schemas_dir: PathBuf::new(),
            tls: None,
            clients,
            limits: settings::Limits::default(),
            danger_keys_without_certificate: false,
            key_trust_file: None,
            danger_self_signed_keys: false,
            callback_networks: Vec::new(),
            callbacks: settings::Callbacks::default(),
            deadlines: settings::Deadlines::default(),
            database: None,
            blobs: None,
            mail: None,
            uplinks: Vec::new(),
        }
    };
    let again = || Given {
        identity: given.identity.clone(),
        services: given.services.clone(),
        tls: None,
    };
    match gateway::open(&settings(persisted.port), again(), &Stop::new()).await {
        // The port of last time may be taken by now.
        Err(_) if persisted.port != 0 => gateway::open(&settings(0), again(), &Stop::new()).await,
        result => result,
    }
}

fn subscriber_of(actor: &Actor) -> String {
    format!("{}-agent", actor.municipality.slug)
}

async fn register(gateway: &amtsbote_gateway::Context, actor: &Actor) -> Result<()> {
    let destination = Destination {
        id: actor.destination_id,
        owner: subscriber_of(actor).parse()?,
        name: actor.municipality.name.clone(),
        status: DestinationStatus::Active,
        encryption_kid: actor.keys.decryption.kid().to_owned(),
        metadata_versions: vec!["1.0.0".to_owned(), "2.1.0".to_owned()],
        services: actor.municipality.offers.clone(),
        contact: actor.municipality.contact.clone(),
        callback: None,
        reply_channels: None,
        created_at: SystemClock.now(),
    };
    destinations::put(
        gateway,
        destination,
        &[actor.keys.decryption.public(), actor.keys.signing.public()],
    )
    .await
}

fn start_agents(
    gateway: &amtsbote_gateway::Context,
    actors: &[Actor],
    services: &Arc<Catalogue>,
    (journeys, stop, talk): (&Journeys, &Stop, Talk),
) -> Result<Running> {
    let registry = Registry::new(&[]);
    let services = services.clone();
    let mut running = Running::none();
    for actor in actors {
        let packages = actor.municipality.packages.iter();
        let mappings = packages
            .map(|(name, files)| {
                agents::activate(files.clone(), &registry, talk)
                    .with_context(|| format!("package {name} of {}", actor.municipality.name))
            })
            .collect::<Result<Vec<_>>>()?;
        let served = Served {
            id: actor.destination_id,
            decryption: vec![actor.keys.decryption.clone()],
            signing: actor.keys.signing.clone(),
            receiver: serde_json::to_value(&actor.municipality.receiver)
                .context("the receiver's header data is not usable")?,
            mappings: mappings.into(),
            outbound: registry::outbound(&actor.municipality.outbound, &actor.dir)?,
            way_in: None,
            pace: Pace::default(),
        };
        let agent = agents::build(Plan {
            submission_api: gateway.addresses().submission_api(),
            token: gateway.addresses().token(),
            version: ApiVersion::V2,
            credentials: Credentials {
                client_id: subscriber_of(actor).parse()?,
                client_secret: Secret::new(actor.subscriber_secret.clone()),
            },
            ca_pem: None,
            state: State::alone(&actor.dir.join("agent"))?,
            services: services.clone(),
            destinations: vec![served],
            policy: Policy::default(),
            observer: Some(journeys.observer()),
        })?;
        running = running.and(Running::one(&agent, stop));
    }
    Ok(running)
}
