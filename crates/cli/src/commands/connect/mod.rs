//! `amtsbote connect test`: each link of the chain from the service to the procedure, with what to do where one is broken.

mod packages;

use std::sync::Arc;
use std::time::Duration;

use amtsbote_adapter::Fault as WayFault;
use amtsbote_client::{Fault, Session};
use amtsbote_fit_connect::destination::PublicDestination;
use amtsbote_jose::{KeyUse, PrivateKey};
use amtsbote_model::{Clock as _, DestinationStatus};
use amtsbote_settings as settings;
use anyhow::Result;
use serde_json::{Value, json};

use crate::args::{Connect, ConnectTest, SettingsFile};
use crate::clock::SystemClock;
use crate::commands::serve::based;
use crate::registry::{self, Registry};
use crate::talk::{Form, Talk};
use crate::{agents, identity, unread, xsd};

const PROBE_LIMIT: Duration = Duration::from_secs(30);
const SOON_S: i64 = 60 * 24 * 3_600;

/// One link and how it is.
struct Link {
    what: String,
    /// None: it holds. Else what is wrong and what to do.
    fault: Option<String>,
}

/// The links of one destination.
struct Chain {
    name: String,
    links: Vec<Link>,
    talk: Talk,
}

impl Chain {
    fn add(&mut self, (de, en): (&str, &str), outcome: Result<(), String>) {
        let link = Link {
            what: self.talk.pick(de, en).to_owned(),
            fault: outcome.err(),
        };
        self.links.push(link);
    }

    fn say(&self, de: &str, en: &str) -> String {
        self.talk.pick(de, en).to_owned()
    }
}

pub(crate) async fn run(args: &Connect, talk: Talk) -> Result<()> {
    match args {
        Connect::Test(args) => test(args, talk).await,
    }
}

async fn test(args: &ConnectTest, talk: Talk) -> Result<()> {
    let file = SettingsFile {
        settings: args.settings.clone(),
    };
    let settings = based(super::settings::load(&file, talk)?, &file.settings);
    let agent = settings.agent.ok_or_else(|| {
        talk.error(
            "die Einstellungen haben kein [agent]",
            "the settings have no [agent]",
        )
    })?;
    let registry = Arc::new(Registry::new(&xsd::load(agent.xsd_dir.as_deref(), talk)?));
    let wanted = |route: &&settings::DestinationRoute| {
        args.destination
            .as_ref()
            .is_none_or(|wanted| route.id.to_string() == *wanted)
    };
    let mut chains = Vec::new();
    for route in agent.destinations.iter().filter(wanted) {
        talk.progress(&route.id.to_string());
        chains.push(chain(route, &agent, (&registry, args), talk).await);
    }
    talk.progress_done();
    if chains.is_empty() {
        return Err(talk.error(
            "die Einstellungen nennen keinen solchen Zustellpunkt ([[agent.destination]])",
            "the settings name no such destination ([[agent.destination]])",
        ));
    }
    show(&chains, talk)
}

async fn chain(
    route: &settings::DestinationRoute,
    agent: &settings::Agent,
    (registry, args): (&Arc<Registry>, &ConnectTest),
    talk: Talk,
) -> Chain {
    let mut chain = Chain {
        name: route.id.to_string(),
        links: Vec::new(),
        talk,
    };
    let keys = keys(&mut chain, route);
    let mut offers = None;
    if let Some(session) = session(&mut chain, route, agent).await {
        let destination = session.destination(route.id).await;
        match destination {
            Ok(destination) => {
                published(&mut chain, (&session, &destination), &keys).await;
                offers = Some(destination.services);
            }
            Err(fault) => chain.add(
                ("Zustellpunkt beim Dienst", "destination at the service"),
                Err(told(&fault, talk)),
            ),
        }
    }
    transport(&mut chain, route).await;
    way_in(&mut chain, route, (agent, registry)).await;
    packages::examine(&mut chain, route, (agent, registry), offers.as_deref());
    if args.send {
        packages::send(&mut chain, route, (agent, args)).await;
    }
    chain
}

/// Both halves of each key are there and fit; certificates are valid now.
fn keys(chain: &mut Chain, route: &settings::DestinationRoute) -> Vec<PrivateKey> {
    let files = route
        .decryption_keys
        .iter()
        .map(|path| (path, KeyUse::Encryption))
        .chain([(&route.signing_key, KeyUse::Signature)]);
    let mut loaded = Vec::new();
    for (path, key_use) in files {
        let name = path.display().to_string();
        match identity::load(path, key_use) {
            Ok(key) => {
                let outcome = certificate(&key, chain);
                chain.add(
                    (&format!("Schlüssel {name}"), &format!("key {name}")),
                    outcome,
                );
                loaded.push(key);
            }
            Err(error) => {
                let hint = chain.say(
                    "`amtsbote keys import` prüft und übernimmt Schlüssel",
                    "`amtsbote keys import` checks keys and takes them over",
                );
                chain.add(
                    (&format!("Schlüssel {name}"), &format!("key {name}")),
                    Err(format!("{}; {hint}", unread::told(&error, chain.talk))),
                );
            }
        }
    }
    loaded
}

fn certificate(key: &PrivateKey, chain: &Chain) -> Result<(), String> {
    let Some(certificate) = key.public().certificate() else {
        // Test environments take keys without; production demands one, and the service says so when the key is added.
        return Ok(());
    };
    let now_s = SystemClock.now().as_millis() / 1_000;
    if now_s < certificate.not_before_s || now_s > certificate.not_after_s {
        return Err(chain.say(
            "das Zertifikat ist jetzt nicht gültig; neuen Schlüssel mit neuem Zertifikat veröffentlichen (destination apply)",
            "the certificate is not valid now; publish a new key with a new certificate (destination apply)",
        ));
    }
    if certificate.not_after_s - now_s < SOON_S {
        chain.talk.say(chain.say(
            "  ! ein Zertifikat läuft in weniger als 60 Tagen ab; Schlüsselwechsel vorbereiten",
            "  ! a certificate ends in less than 60 days; prepare the key roll-over",
        ));
    }
    Ok(())
}

/// The token endpoint takes our credentials.
async fn session(
    chain: &mut Chain,
    route: &settings::DestinationRoute,
    agent: &settings::Agent,
) -> Option<Session> {
    let service = agent
        .services
        .iter()
        .find(|service| service.name == route.service)?;
    let what = ("Zugang zum Dienst (Token)", "access to the service (token)");
    match agents::session(service) {
        Ok(session) => {
            let outcome = session
                .probe()
                .await
                .map_err(|fault| told(&fault, chain.talk));
            let is_good = outcome.is_ok();
            chain.add(what, outcome);
            is_good.then_some(session)
        }
        Err(error) => {
            let told = unread::told(&error, chain.talk);
            chain.add(what, Err(told));
            None
        }
    }
}

/// The destination is active and knows our keys.
async fn published(
    chain: &mut Chain,
    (session, destination): (&Session, &PublicDestination),
    keys: &[PrivateKey],
) {
    let outcome = if destination.status == DestinationStatus::Active {
        Ok(())
    } else {
        Err(format!(
            "{}: {}",
            destination.status,
            chain.say(
                "aktivieren mit `amtsbote destination apply`",
                "activate it with `amtsbote destination apply`"
            )
        ))
    };
    chain.add(("Zustellpunkt ist aktiv", "destination is active"), outcome);
    let is_ours = keys
        .iter()
        .any(|key| key.kid() == destination.encryption_kid);
    let outcome = if is_ours {
        Ok(())
    } else {
        Err(format!(
            "{} {}",
            destination.encryption_kid,
            chain.say(
                "hat hier keinen privaten Schlüssel (decryption_keys)",
                "has no private key here (decryption_keys)"
            )
        ))
    };
    chain.add(
        (
            "Verschlüsselt wird für einen unserer Schlüssel",
            "senders seal for one of our keys",
        ),
        outcome,
    );
    for key in keys {
        let outcome = match session
            .destination_key(destination.id, key.kid(), key.key_use())
            .await
        {
            Ok(found) if found.thumbprint() == key.public().thumbprint() => Ok(()),
            Ok(_) => Err(chain.say(
                "beim Dienst steht unter dieser Kennung (kid) ein anderer Schlüssel",
                "the service has another key under this kid",
            )),
            Err(Fault::NotFound) => Err(chain.say(
                "beim Dienst nicht veröffentlicht; `amtsbote destination apply` tut es",
                "not published at the service; `amtsbote destination apply` does it",
            )),
            Err(fault) => Err(told(&fault, chain.talk)),
        };
        let kid = key.kid().to_owned();
        chain.add(
            (
                &format!("veröffentlicht: {kid}"),
                &format!("published: {kid}"),
            ),
            outcome,
        );
    }
}

async fn transport(chain: &mut Chain, route: &settings::DestinationRoute) {
    let talk = chain.talk;
    let outcome = match registry::outbound(&route.outbound, &route.base) {
        Ok(outbound) => outbound
            .probe(PROBE_LIMIT)
            .await
            .map_err(|fault| way_told(&fault, talk)),
        Err(error) => Err(unread::told(&error, talk)),
    };
    chain.add(("Weg ins Fachverfahren", "way into the procedure"), outcome);
}

/// Answers can be looked for; they stay where they are.
async fn way_in(
    chain: &mut Chain,
    route: &settings::DestinationRoute,
    (agent, registry): (&settings::Agent, &Arc<Registry>),
) {
    let talk = chain.talk;
    let Some(mut settings) = route.inbound.clone() else {
        return;
    };
    if let Some(callback) = agent
        .callback
        .as_ref()
        .filter(|_| registry::is_called(&settings))
    {
        // The running agent is asked, at the address where it listens.
        let listen = callback.listen.clone().into();
        settings.way.insert("listen".to_owned(), listen);
    }
    let outcome = match registry::way_in(&settings, &route.base, registry) {
        Ok(way) => way
            .inbound
            .probe(PROBE_LIMIT)
            .await
            .map_err(|fault| way_told(&fault, talk)),
        Err(error) => Err(unread::told(&error, talk)),
    };
    chain.add(
        (
            "Weg zurück vom Fachverfahren",
            "way back from the procedure",
        ),
        outcome,
    );
}

fn told(fault: &Fault, talk: Talk) -> String {
    let hint = match fault {
        Fault::Unavailable { .. } => talk.pick(
            "Netz, Adresse und Proxy prüfen",
            "check network, address and proxy",
        ),
        Fault::Refused {
            status: 401 | 403, ..
        } => talk.pick(
            "client_id, Geheimnis und Rechte prüfen",
            "check client_id, secret and rights",
        ),
        Fault::Refused { .. } | Fault::Malformed { .. } => talk.pick(
            "gehören Adresse und version zusammen?",
            "do address and version belong together?",
        ),
        Fault::NotFound => talk.pick("Id und Dienst prüfen", "check id and service"),
        Fault::Misconfigured(_) | Fault::OwnEnd(_) => {
            talk.pick("Einstellungen prüfen", "check the settings")
        }
    };
    format!("{}; {hint}", unread::one(fault, talk))
}

fn way_told(fault: &WayFault, talk: Talk) -> String {
    let hint = match fault {
        WayFault::Unavailable { .. } => talk.pick(
            "die andere Seite ist nicht da oder beschäftigt: Netz, Adresse und Proxy prüfen",
            "the other side is away or busy: check network, address and proxy",
        ),
        WayFault::Rejected { .. } | WayFault::Misconfigured { .. } => talk.pick(
            "die Einstellungen des Wegs prüfen, und seine Dateien mit Geheimnissen und Zertifikaten",
            "check the settings of this way, and its files of secrets and certificates",
        ),
    };
    format!("{}; {hint}", talk.text(&fault.told()))
}

fn show(chains: &[Chain], talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        let rows: Vec<Value> = chains
            .iter()
            .map(|chain| {
                let links: Vec<Value> = chain.links.iter().map(|link| json!({ "what": link.what, "passed": link.fault.is_none(), "fault": link.fault })).collect();
                json!({ "destination": chain.name, "links": links })
            })
            .collect();
        talk.json(&json!(rows))?;
    } else {
        for chain in chains {
            talk.data(&chain.name)?;
            for link in &chain.links {
                match &link.fault {
                    None => talk.data(format_args!("  ✓ {}", link.what))?,
                    Some(fault) => talk.data(format_args!("  ✗ {}\n      → {fault}", link.what))?,
                }
            }
        }
    }
    let broken = chains
        .iter()
        .flat_map(|chain| &chain.links)
        .filter(|link| link.fault.is_some())
        .count();
    if broken == 0 {
        return Ok(());
    }
    Err(talk.error(
        format_args!("{broken} Glieder halten nicht (oben mit ✗)"),
        format_args!("{broken} links do not hold (✗ above)"),
    ))
}
