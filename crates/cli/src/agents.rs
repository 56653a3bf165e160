//! Puts agents together: access to the service, own state, keys, packages, ways out.

use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::Package;
use amtsbote_agent::{Activated, Agent, Mappings, Observer, Pace, Parts, Policy, Served};
use amtsbote_client::{Credentials, Service, Session, Subscriber};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_jose::{KeyUse, PrivateKey, X5c};
use amtsbote_model::Secret;
use amtsbote_problem::Findings;
use amtsbote_settings as settings;
use amtsbote_store::{Order, Rate};
use amtsbote_transport_http::Callbacks;
use amtsbote_validate::service::Catalogue;
use anyhow::{Context, Result, anyhow, bail};
use tokio::task::JoinHandle;

use crate::clock::SystemClock;
use crate::registry::{self, Registry};
use crate::reload::{self, Shelf, Watched};
use crate::state::{State, States};
use crate::stop::Stop;
use crate::talk::Talk;
use crate::{access, folder, identity, services, xsd};

/// What one agent is built from.
pub(crate) struct Plan {
    /// Submission API without version.
    pub(crate) submission_api: String,
    /// Token endpoint.
    pub(crate) token: String,
    pub(crate) version: ApiVersion,
    pub(crate) credentials: Credentials,
    pub(crate) ca_pem: Option<Vec<u8>>,
    /// Its own state.
    pub(crate) state: State,
    pub(crate) services: Arc<Catalogue>,
    pub(crate) destinations: Vec<Served>,
    pub(crate) policy: Policy,
    pub(crate) observer: Option<Observer>,
}

/// Makes no call yet.
pub(crate) fn build(plan: Plan) -> Result<Agent> {
    let base = plan
        .submission_api
        .parse()
        .context("the submission API's address is not a URL")?;
    let token = plan
        .token
        .parse()
        .context("the token endpoint's address is not a URL")?;
    let service = Service::new(base, token, plan.version)?;
    let outgoing = access::outgoing(&plan.submission_api, plan.ca_pem)?;
    let session = Session::new(outgoing, service, plan.credentials, Arc::new(SystemClock));
    Ok(Agent::new(Parts {
        subscriber: Subscriber::new(session),
        deliveries: plan.state.deliveries,
        ways_back: plan.state.ways_back,
        leases: plan.state.leases,
        spool: plan.state.spool,
        clock: Arc::new(SystemClock),
        services: plan.services,
        destinations: plan.destinations,
        policy: plan.policy,
        observer: plan.observer,
    }))
}

/// Our access to a service, without an agent; makes no call yet.
pub(crate) fn session(service: &settings::Service) -> Result<Session> {
    let api = &service.submission_api_url;
    let base = api
        .parse()
        .context("the submission API's address is not a URL")?;
    let token = service
        .token_url
        .parse()
        .context("the token endpoint's address is not a URL")?;
    let version = service
        .version
        .parse()
        .map_err(|_| anyhow!("version must be v1 or v2"))?;
    let ca_pem = service
        .ca_file
        .as_deref()
        .map(folder::read_file)
        .transpose()?;
    let secret = folder::read_text(&service.client_secret_file)?;
    let credentials = Credentials {
        client_id: service.client_id.clone(),
        client_secret: Secret::new(secret.trim().to_owned()),
    };
    // Whether a certificate is needed, the service decides when it takes a key.
    let service = Service::new(base, token, version)?.key_policy(X5c::Optional);
    let outgoing = access::outgoing(api, ca_pem)?;
    Ok(Session::new(
        outgoing,
        service,
        credentials,
        Arc::new(SystemClock),
    ))
}

/// Agents that run.
pub(crate) struct Running(Vec<JoinHandle<()>>);

impl Running {
    /// Runs an agent until stopped.
    pub(crate) fn one(agent: &Agent, stop: &Stop) -> Self {
        let (agent, wait) = (agent.clone(), stop.wait());
        Self(vec![tokio::spawn(async move { agent.run(wait).await })])
    }

    /// Something beside the agents that ends by itself when stopped.
    pub(crate) fn beside(task: JoinHandle<()>) -> Self {
        Self(vec![task])
    }

    /// Together with others.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// None yet.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Waits until all have ended.
    pub(crate) async fn finished(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                tracing::error!(error = %error, "an agent ended with a fault: {error}");
            }
        }
    }
}

/// Activates a package: its examples must pass.
pub(crate) fn activate(files: folder::Files, registry: &Registry, talk: Talk) -> Result<Activated> {
    Ok(opened(files, registry, talk)?.1)
}

/// The same for one destination, and what the package needs of `receiver`, its settings, and does not get.
pub(crate) fn activate_for(
    receiver: &serde_json::Value,
    files: folder::Files,
    (registry, talk): (&Registry, Talk),
) -> Result<(Activated, Findings)> {
    let (package, activated) = opened(files, registry, talk)?;
    let lacking = package.lacking(activated.mapping.as_ref(), receiver);
    Ok((activated, lacking))
}

fn opened(files: folder::Files, registry: &Registry, talk: Talk) -> Result<(Package, Activated)> {
    let package = Package::parse(files).map_err(|findings| {
        talk.findings(&findings);
        anyhow!("a mapping package cannot be read")
    })?;
    let format = registry.format(&package.format)?;
    let report = package.check(format);
    if !report.passed() {
        talk.findings(&report.faults);
        for result in &report.results {
            talk.findings(&result.findings);
        }
        bail!(
            "the package {} fails its own examples; `amtsbote package check` tells more",
            package.name
        );
    }
    let mapping = format.open(&package).map_err(|findings| {
        talk.findings(&findings);
        anyhow!("the package {} cannot be used", package.name)
    })?;
    let activated = Activated {
        service: package.service.clone(),
        schema_uri: package.schema_uri.clone(),
        package: package.name.to_string(),
        version: package.version.clone(),
        old_checksums: package.old_checksums(),
        mapping,
    };
    Ok((package, activated))
}

/// Agents whose settings, keys, packages and ways are good; nothing runs yet.
pub(crate) struct Prepared {
    agents: Vec<(String, usize, Agent)>,
    shelf: Arc<Shelf>,
    watched: Vec<Watched>,
}

/// Opens an agent for each service of the settings.
pub(crate) async fn prepare(
    settings: &settings::Agent,
    (stop, talk): (&Stop, Talk),
) -> Result<Prepared> {
    let states = States::open(settings, stop).await?;
    let services = services::load(Some(&settings.schemas_dir), talk)?;
    let registry = Arc::new(Registry::new(&xsd::load(
        settings.xsd_dir.as_deref(),
        talk,
    )?));
    let shelf = Arc::new(Shelf {
        dir: settings.packages_dir.clone(),
        registry,
        talk,
    });
    let (mut agents, mut watched) = (Vec::new(), Vec::new());
    let routes_of = |service: &settings::Service| {
        let name = service.name.clone();
        let routes = settings.destinations.iter();
        routes.filter(move |route| route.service == name)
    };
    for service in &settings.services {
        let destinations = routes_of(service)
            .map(|route| served(route, &shelf).with_context(|| format!("destination {}", route.id)))
            .collect::<Result<Vec<_>>>()?;
        watched.extend(
            routes_of(service)
                .zip(&destinations)
                .map(|(route, served)| Watched {
                    packages: route.packages.clone(),
                    receiver: served.receiver.clone(),
                    destination: served.id,
                    mappings: served.mappings.clone(),
                }),
        );
        let count = destinations.len();
        let agent = build(Plan {
            submission_api: service.submission_api_url.clone(),
            token: service.token_url.clone(),
            version: service
                .version
                .parse()
                .map_err(|_| anyhow!("version must be v1 or v2"))?,
            credentials: Credentials {
                client_id: service.client_id.clone(),
                client_secret: Secret::new(
                    folder::read_text(&service.client_secret_file)?
                        .trim()
                        .to_owned(),
                ),
            },
            ca_pem: service
                .ca_file
                .as_deref()
                .map(folder::read_file)
                .transpose()?,
            state: states.of(&service.name, talk)?,
            services: services.clone(),
            destinations,
            policy: policy(settings),
            observer: None,
        })?;
        agents.push((service.name.clone(), count, agent));
    }
    // After everything is open: ways out make their folders then.
    states.compare_places(settings, (stop, talk)).await?;
    Ok(Prepared {
        agents,
        shelf,
        watched,
    })
}

impl Prepared {
    /// The ways in that are called.
    pub(crate) fn callbacks(&self) -> &Arc<Callbacks> {
        &self.shelf.registry.callbacks
    }

    /// Lets them work until stopped.
    pub(crate) fn start(self, stop: &Stop, talk: Talk) -> Running {
        let mut running = Running::none();
        for (name, count, agent) in &self.agents {
            talk.say(format_args!(
                "{} {name} ({count} {})",
                talk.pick("Agent für", "agent for"),
                talk.pick("Zustellpunkte", "destinations")
            ));
            running = running.and(Running::one(agent, stop));
        }
        running
            .0
            .push(reload::start(self.shelf, self.watched, stop));
        running
    }
}

fn served(route: &settings::DestinationRoute, shelf: &Arc<Shelf>) -> Result<Served> {
    let decryption = route
        .decryption_keys
        .iter()
        .map(|path| identity::load(path, KeyUse::Encryption))
        .collect::<Result<Vec<PrivateKey>>>()?;
    let receiver = serde_json::to_value(&route.receiver)
        .context("the receiver's header data is not usable")?;
    let active = shelf.active(&route.packages, (route.id, &receiver))?;
    Ok(Served {
        id: route.id,
        decryption,
        signing: identity::load(&route.signing_key, KeyUse::Signature)?,
        receiver,
        mappings: Mappings::from(active).with_older(shelf.older()),
        outbound: registry::outbound(&route.outbound, &route.base)?,
        pace: pace(route),
        way_in: route
            .inbound
            .as_ref()
            .map(|inbound| registry::way_in(inbound, &route.base, &shelf.registry))
            .transpose()?,
    })
}

fn pace(route: &settings::DestinationRoute) -> Pace {
    let default = Pace::default();
    Pace {
        limit: route.concurrency.unwrap_or(default.limit),
        order: if route.in_order {
            Order::Noted
        } else {
            Order::Due
        },
        rate: route.max_per_minute.and_then(Rate::per_minute),
    }
}

fn policy(settings: &settings::Agent) -> Policy {
    let mut policy = Policy::default();
    let span =
        |given: Option<settings::Span>, default: Duration| given.map_or(default, |span| span.0);
    policy.concurrency = settings.concurrency.unwrap_or(policy.concurrency).max(1);
    policy.pause = span(settings.poll, policy.pause);
    policy.deliver_limit = span(settings.deliver_limit, policy.deliver_limit);
    policy.retry.tries_max = settings.tries_max.unwrap_or(policy.retry.tries_max);
    policy
}
