//! The sandbox's agent: hands over what arrives at the sandbox's destination into a folder, and takes answers from another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::Package;
use amtsbote_agent::{Activated, Pace, Policy, Served};
use amtsbote_client::Credentials;
use amtsbote_fit_connect::ApiVersion;
use amtsbote_model::Secret;
use amtsbote_settings::{Callback, Inbound, Span};
use amtsbote_validate::service::Catalogue;
use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde_json::Value;

use crate::agents::{self, Plan, Running};
use crate::identity::DestinationKeys;
use crate::registry::{self, Registry};
use crate::state::State;
use crate::stop::Stop;
use crate::talk::Talk;
use crate::{callbacks, folder, hessen};

/// Where parcels appear, below the sandbox's folder.
const OUT: &str = "out";
/// Where a tester puts answers, below the sandbox's folder.
const ANSWERS: &str = "answers";

/// Starts an agent for the destination of `facts` (the content of sandbox.json).
pub(crate) async fn start(
    (dir, answers_from): (&Path, Option<&Path>),
    (facts, keys): (&Value, &DestinationKeys),
    services: Arc<Catalogue>,
    (stop, talk): (&Stop, Talk),
) -> Result<Running> {
    let text = |pointer: &str| {
        facts
            .pointer(pointer)
            .and_then(Value::as_str)
            .ok_or_else(|| anyhow!("sandbox.json lacks {pointer}"))
    };
    let ca_pem = match facts.get("caFile").and_then(Value::as_str) {
        Some(file) => Some(folder::read_file(Path::new(file))?),
        None => None,
    };
    let (mappings, receiver) = mappings(talk)?;
    let mut outbound = toml::Table::new();
    outbound.insert("transport".to_owned(), "folder".into());
    outbound.insert("path".to_owned(), OUT.into());
    let registry = Arc::new(Registry::new(&[]));
    let answers = answers(dir, answers_from)?;
    let served = Served {
        id: text("/destinationId")?.parse()?,
        decryption: vec![keys.decryption.clone()],
        signing: keys.signing.clone(),
        receiver,
        mappings: mappings.into(),
        outbound: registry::outbound(&outbound, dir)?,
        pace: Pace::default(),
        way_in: Some(registry::way_in(&answers.inbound, dir, &registry)?),
    };
    let agent = agents::build(Plan {
        submission_api: text("/submissionApiUrl")?.to_owned(),
        token: text("/tokenUrl")?.to_owned(),
        version: ApiVersion::V2,
        credentials: Credentials {
            client_id: text("/subscriber/clientId")?.parse()?,
            client_secret: Secret::new(text("/subscriber/clientSecret")?.to_owned()),
        },
        ca_pem,
        state: State::alone(&dir.join("agent"))?,
        services,
        destinations: vec![served],
        policy: Policy::default(),
        observer: None,
    })?;
    let running = Running::one(&agent, stop);
    let server = callbacks::bind(answers.callback.as_ref(), &registry.callbacks, talk).await?;
    Ok(match server {
        Some(server) => running.and(Running::beside(tokio::spawn(server.run(stop.wait())))),
        None => running,
    })
}

/// What a file says of the way in: its settings, and where procedures call.
#[derive(Deserialize)]
struct Answers {
    callback: Option<Callback>,
    #[serde(flatten)]
    inbound: Inbound,
}

/// The way in that `file` describes, or the folder of answers.
fn answers(dir: &Path, file: Option<&Path>) -> Result<Answers> {
    if let Some(file) = file {
        let text = folder::read_text(file)?;
        return toml::from_str(&text)
            .map_err(|error| anyhow!("{}: {}", file.display(), error.message()));
    }
    let path = std::path::absolute(dir.join(ANSWERS)).context("the folder of answers")?;
    crate::folder::make(&path).context("the folder of answers cannot be made")?;
    let mut way = toml::Table::new();
    way.insert(
        "path".to_owned(),
        path.to_string_lossy().into_owned().into(),
    );
    Ok(Answers {
        callback: None,
        inbound: Inbound {
            transport: "folder".to_owned(),
            format: "xbau".to_owned(),
            quiet: Some(Span(Duration::from_secs(1))),
            poll: Some(Span(Duration::from_millis(500))),
            way,
        },
    })
}

/// One package per service, from whichever municipality has one.
fn mappings(talk: Talk) -> Result<(Vec<Activated>, Value)> {
    let registry = Registry::new(&[]);
    let mut mappings: Vec<Activated> = Vec::new();
    let mut receiver = toml::Table::new();
    for municipality in hessen::municipalities()? {
        for (key, value) in municipality.receiver {
            receiver.entry(key).or_insert(value);
        }
        for (_, files) in municipality.packages {
            let known = |package: &Package| {
                let same = |known: &Activated| known.schema_uri == package.schema_uri;
                mappings.iter().any(same)
            };
            // Activating runs all examples; one that is not needed is not waited for.
            if !Package::parse(files.clone()).is_ok_and(|package| known(&package)) {
                mappings.push(agents::activate(files, &registry, talk)?);
            }
        }
    }
    let receiver =
        serde_json::to_value(receiver).context("the receiver's header data is not usable")?;
    Ok((mappings, receiver))
}
