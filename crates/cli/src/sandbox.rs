//! `amtsbote sandbox`: a gateway with throw-away keys on this machine, to point any FIT-Connect SDK at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use amtsbote_gateway::{Context as Gateway, Server};
use amtsbote_jose::random_secret;
use amtsbote_model::Clock as _;
use amtsbote_model::destination::ContactInformation;
use amtsbote_model::{
    Destination, DestinationId, DestinationStatus, Secret, ServiceOffer, SubmissionSchema,
    Timestamp,
};
use amtsbote_settings as settings;
use amtsbote_validate::service::Catalogue;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agents::Running;
use crate::args::Sandbox;
use crate::clock::SystemClock;
use crate::folder::{self, Readers};
use crate::gateway::{self, Given, Ready};
use crate::identity::{self, DestinationKeys};
use crate::stop::Stop;
use crate::talk::{Form, Talk};
use crate::{destinations, sandbox_agent, services, tls, upkeep};

const STATE: &str = "identity.json";
const SANDBOX: &str = "sandbox.json";
/// A subscriber that may not manage destinations; it has none.
const RECEIVER: &str = "sandbox-receiver";
/// Wiesbaden; any region would do.
const REGION: &str = "064140000000";
/// The service named in sandbox.json; all others are offered, too.
const SERVICE: &str = "hundesteuer";

/// What must stay the same over restarts.
#[derive(Serialize, Deserialize)]
struct Persisted {
    sender_id: String,
    sender_secret: String,
    subscriber_id: String,
    subscriber_secret: String,
    #[serde(default = "new_secret")]
    receiver_secret: String,
    destination_id: DestinationId,
    port: u16,
    created_ms: i64,
}

/// Starts, says so in one line on stdout, and runs until SIGTERM or Ctrl-C.
pub(crate) async fn run(args: &Sandbox, talk: Talk) -> Result<()> {
    folder::make(&args.dir)?;
    let dir = args
        .dir
        .canonicalize()
        .with_context(|| format!("{} cannot be used", args.dir.display()))?;
    let mut persisted = load_or_make(&dir)?;
    talk.progress(talk.pick("Schlüssel werden erzeugt …", "making keys …"));
    let keys = destination_keys(args, &dir)?;
    let services = services::load(args.schemas.as_deref(), talk)?;
    let (ready, server, ca_file) = open(args, &dir, &persisted, services.clone()).await?;
    talk.progress_done();
    persisted.port = ready.address.port();
    save(&dir, &persisted)?;
    register(&ready.context, &persisted, &keys, &services).await?;
    let facts = facts(
        &ready.context,
        &dir,
        &persisted,
        &services,
        ca_file.as_deref(),
    )?;
    serve(
        args,
        &dir,
        (ready, server),
        Plan {
            facts,
            keys,
            services,
            talk,
        },
    )
    .await
}

struct Plan {
    facts: Value,
    keys: DestinationKeys,
    services: Arc<Catalogue>,
    talk: Talk,
}

async fn serve(
    args: &Sandbox,
    dir: &Path,
    (ready, server): (Ready, Server),
    plan: Plan,
) -> Result<()> {
    let (facts, talk) = (plan.facts, plan.talk);
    let stop = Stop::on_signals()?;
    let work = upkeep::background(&ready, &stop)?;
    let server =
        tokio::spawn(server.run(amtsbote_gateway::router(ready.context.clone()), stop.wait()));
    let agent = if args.with_agent {
        sandbox_agent::start(
            (dir, args.answers.as_deref()),
            (&facts, &plan.keys),
            plan.services,
            (&stop, talk),
        )
        .await?
    } else {
        Running::none()
    };
    // Written last: whoever waits for the file finds everything running.
    folder::write(
        &dir.join(SANDBOX),
        format!("{facts:#}\n").as_bytes(),
        Readers::Owner,
    )?;
    match talk.form() {
        Form::Json => talk.announce(json!({ "ready": true, "sandbox": dir.join(SANDBOX) }))?,
        Form::Text => talk.announce(format_args!(
            "{} {} ({})",
            talk.pick("bereit:", "ready:"),
            facts["baseUrl"].as_str().unwrap_or_default(),
            dir.join(SANDBOX).display()
        ))?,
    }
    server.await.context("the server ended with a fault")?;
    agent.finished().await;
    work.finished().await;
    Ok(())
}

fn load_or_make(dir: &Path) -> Result<Persisted> {
    let path = dir.join(STATE);
    if path.exists() {
        return serde_json::from_str(&folder::read_text(&path)?).with_context(|| {
            format!(
                "{} is not usable; remove the folder to begin anew",
                path.display()
            )
        });
    }
    let persisted = Persisted {
        sender_id: "sandbox-sender".to_owned(),
        sender_secret: new_secret(),
        subscriber_id: "sandbox-subscriber".to_owned(),
        subscriber_secret: new_secret(),
        receiver_secret: new_secret(),
        destination_id: DestinationId::from_uuid(uuid::Uuid::new_v4()),
        port: 0,
        created_ms: SystemClock.now().as_millis(),
    };
    save(dir, &persisted)?;
    Ok(persisted)
}

fn new_secret() -> String {
    random_secret().to_string()
}

fn save(dir: &Path, persisted: &Persisted) -> Result<()> {
    let text = serde_json::to_string_pretty(persisted).context("the identity cannot be written")?;
    folder::write(&dir.join(STATE), text.as_bytes(), Readers::Owner)
}

fn destination_keys(args: &Sandbox, dir: &Path) -> Result<DestinationKeys> {
    let own = dir.join("keys/destination");
    match &args.keys {
        Some(brought) => identity::import(&folder::entries(brought)?, &own),
        None => identity::destination(&own, "Amtsbote sandbox destination", &SystemClock),
    }
}

async fn open(
    args: &Sandbox,
    dir: &Path,
    persisted: &Persisted,
    services: Arc<Catalogue>,
) -> Result<(Ready, Server, Option<PathBuf>)> {
    let tls = args
        .tls
        .then(|| tls::loopback(&dir.join("tls")))
        .transpose()?;
    let (tls, ca_file) = tls.unzip();
    let wanted = if args.port == 0 {
        persisted.port
    } else {
        args.port
    };
    let scheme = if args.tls { "https" } else { "http" };
    let identity = identity::gateway(&dir.join("keys/gateway"), &SystemClock)?;
    let attempt = |port: u16| {
        let given = Given {
            identity: identity.clone(),
            services: services.clone(),
            tls: tls.clone(),
        };
        let mut settings = settings_of(
            dir,
            persisted,
            &format!("{scheme}://127.0.0.1:{port}"),
            port,
        );
        settings.key_trust_file.clone_from(&args.trust_keys);
        async move { gateway::open(&settings, given, &Stop::new()).await }
    };
    let (ready, server) = match attempt(wanted).await {
        // The port of last time may be taken by now; nobody asked for it by number.
        Err(_) if args.port == 0 && wanted != 0 => attempt(0).await?,
        result => result?,
    };
    Ok((ready, server, ca_file))
}

fn settings_of(dir: &Path, persisted: &Persisted, base: &str, port: u16) -> settings::Gateway {
    let client = |id: &str, secret: &str, kind: settings::Kind| settings::Client {
        id: id.parse().expect("our own client ids are well-formed"),
        kind,
        secret_sha256: None,
        secret_file: None,
        secret: Some(Secret::new(secret.to_owned())),
        scopes: Vec::new(),
    };
    settings::Gateway {
        base_url: base.to_owned(),
        listen: format!("127.0.0.1:{port}"),
        data_dir: dir.join("gateway"),
        keys_dir: dir.join("keys/gateway"),
        schemas_dir: PathBuf::new(),
        tls: None,
        clients: vec![
            client(
                &persisted.sender_id,
                &persisted.sender_secret,
                settings::Kind::Sender,
            ),
            client(
                &persisted.subscriber_id,
                &persisted.subscriber_secret,
                settings::Kind::Manager,
            ),
            client(
                RECEIVER,
                &persisted.receiver_secret,
                settings::Kind::Subscriber,
            ),
        ],
        limits: settings::Limits::default(),
        danger_keys_without_certificate: true,
        key_trust_file: None,
        danger_self_signed_keys: false,
        callback_networks: callback_networks(),
        callbacks: settings::Callbacks::default(),
        deadlines: settings::Deadlines::default(),
        database: None,
        blobs: None,
        mail: None,
        uplinks: Vec::new(),
    }
}

// Receivers of callbacks run on this machine, too.
fn callback_networks() -> Vec<String> {
    vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()]
}

async fn register(
    gateway: &Gateway,
    persisted: &Persisted,
    keys: &DestinationKeys,
    services: &Arc<Catalogue>,
) -> Result<()> {
    let offer = |service: &amtsbote_validate::service::Service| ServiceOffer {
        identifier: service.id().clone(),
        regions: vec![
            format!("DE{REGION}")
                .parse()
                .expect("our own region is well-formed"),
        ],
        submission_schemas: vec![SubmissionSchema {
            schema_uri: service.schema_uri().to_owned(),
            mime_type: service.mime_type().to_owned(),
        }],
    };
    let destination = Destination {
        id: persisted.destination_id,
        owner: persisted
            .subscriber_id
            .parse()
            .context("the subscriber's id is not usable")?,
        name: "Amtsbote sandbox".to_owned(),
        status: DestinationStatus::Active,
        encryption_kid: keys.decryption.kid().to_owned(),
        metadata_versions: [
            "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0", "2.0.0", "2.1.0",
        ]
        .map(str::to_owned)
        .to_vec(),
        services: services.iter().map(offer).collect(),
        contact: ContactInformation {
            legal_name: "Amtsbote sandbox".to_owned(),
            address: Some("Beispielweg 1, 65183 Wiesbaden".to_owned()),
            phone: Some("+49 69 90009 000".to_owned()),
            email: Some("sandbox@example.org".to_owned()),
            unit: None,
        },
        callback: None,
        reply_channels: None,
        created_at: Timestamp::from_millis(persisted.created_ms),
    };
    // A destination that a client has changed meanwhile stays as it is.
    if gateway.store().destination(destination.id).await?.is_some() && persisted.port != 0 {
        let keys_only = gateway.store().destination(destination.id).await?;
        if let Some(stored) = keys_only {
            return destinations::put(
                gateway,
                stored,
                &[keys.decryption.public(), keys.signing.public()],
            )
            .await;
        }
    }
    destinations::put(
        gateway,
        destination,
        &[keys.decryption.public(), keys.signing.public()],
    )
    .await
}

fn facts(
    gateway: &Gateway,
    dir: &Path,
    persisted: &Persisted,
    services: &Arc<Catalogue>,
    ca_file: Option<&Path>,
) -> Result<Value> {
    let addresses = gateway.addresses();
    let service = services
        .by_name(SERVICE)
        .or_else(|| services.iter().next())
        .context("there is no service")?;
    let keys = dir.join("keys/destination");
    Ok(json!({
        "baseUrl": addresses.base,
        "tokenUrl": addresses.token(),
        "submissionApiUrl": addresses.submission_api(),
        "destinationApiUrl": addresses.destination_api(),
        "routingApiUrl": addresses.routing_api(),
        "portalUrl": addresses.portal(),
        "jwksUrl": format!("{}/.well-known/jwks.json", addresses.submission_api()),
        "intakeUrl": format!("{}/intake", addresses.base),
        "sender": { "clientId": persisted.sender_id, "clientSecret": persisted.sender_secret },
        "subscriber": { "clientId": persisted.subscriber_id, "clientSecret": persisted.subscriber_secret },
        "receiver": { "clientId": RECEIVER, "clientSecret": persisted.receiver_secret },
        "destinationId": persisted.destination_id,
        "service": service.id(),
        "region": REGION,
        "dataSchemaUri": service.schema_uri(),
        "keys": {
            "decryption": keys.join(identity::DECRYPTION),
            "signing": keys.join(identity::DESTINATION_SIGNING),
            "encryptionPublic": keys.join(identity::ENCRYPTION_PUBLIC),
            "signaturePublic": keys.join(identity::SIGNATURE_PUBLIC),
        },
        "caFile": ca_file,
    }))
}
