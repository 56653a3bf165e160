//! The packages of a destination: whether they fit it, and a test message for each.

use std::time::Duration;

use amtsbote_agent::Activated;
use amtsbote_model::{Clock as _, Personal, ServiceOffer, SubmissionId, SubmissionSchema};
use amtsbote_settings as settings;
use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::Chain;
use crate::args::ConnectTest;
use crate::clock::SystemClock;
use crate::registry::Registry;
use crate::talk::Talk;
use crate::{access, agents, packages, unread};

/// Between two looks at what became of a test message.
const LOOK: Duration = Duration::from_secs(1);

/// Whether each of the destination's packages can be used.
pub(super) fn examine(
    chain: &mut Chain,
    route: &settings::DestinationRoute,
    (agent, registry): (&settings::Agent, &Registry),
    offers: Option<&[ServiceOffer]>,
) {
    for name in &route.packages {
        let outcome = package_of(route, (agent, name), (registry, offers), chain.talk);
        chain.add(
            (&format!("Paket {name}"), &format!("package {name}")),
            outcome,
        );
    }
}

/// Whether the package can be used, with what the destination's settings name, and for something that the destination offers.
fn package_of(
    route: &settings::DestinationRoute,
    (agent, name): (&settings::Agent, &str),
    (registry, offers): (&Registry, Option<&[ServiceOffer]>),
    talk: Talk,
) -> Result<(), String> {
    let (package, lacking) = serde_json::to_value(&route.receiver)
        .map_err(anyhow::Error::from)
        .and_then(|receiver| {
            let files = packages::in_use(&agent.packages_dir, name)?;
            agents::activate_for(&receiver, files, (registry, talk))
        })
        .map_err(|error| unread::told(&error, talk))?;
    let mut faults: Vec<String> = lacking
        .iter()
        .map(|one| format!("{}: {}", one.at, talk.text(&one.detail)))
        .collect();
    faults.extend(offers.and_then(|offers| not_offered(&package, offers, talk)));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("; "))
    }
}

/// What a package is for and nobody can send there is a slip in one of the two.
fn not_offered(package: &Activated, offers: &[ServiceOffer], talk: Talk) -> Option<String> {
    let (service, schema) = (&package.service, &package.schema_uri);
    let known = |offer: &&ServiceOffer| offer.identifier == *service;
    let Some(offer) = offers.iter().find(known) else {
        let offered: Vec<&str> = offers.iter().map(|one| one.identifier.as_str()).collect();
        return Some(format!(
            "{} {service}; {}: {}",
            talk.pick(
                "der Zustellpunkt bietet diese Leistung nicht an:",
                "the destination does not offer this service:"
            ),
            talk.pick("er bietet an", "it offers"),
            offered.join(", ")
        ));
    };
    let is_schema = |one: &SubmissionSchema| one.schema_uri == *schema;
    let is_offered = offer.submission_schemas.iter().any(is_schema);
    let what = talk.pick(
        "der Zustellpunkt nimmt dieses Fachdatenschema nicht an:",
        "the destination does not take this schema:",
    );
    (!is_offered).then(|| format!("{what} {schema}"))
}

/// A marked test message through the intake; the running agent hands it over, and the receipt comes back.
pub(super) async fn send(
    chain: &mut Chain,
    route: &settings::DestinationRoute,
    (agent, args): (&settings::Agent, &ConnectTest),
) {
    for name in &route.packages {
        let outcome = send_one(route, (agent, name), args, chain.talk).await;
        let what = (
            format!("Testnachricht {name}"),
            format!("test message {name}"),
        );
        chain.add(
            (&what.0, &what.1),
            outcome.map_err(|error| unread::told(&error, chain.talk)),
        );
    }
}

async fn send_one(
    route: &settings::DestinationRoute,
    (agent, name): (&settings::Agent, &str),
    args: &ConnectTest,
    talk: Talk,
) -> Result<()> {
    let files = packages::in_use(&agent.packages_dir, name)?;
    let package = amtsbote_adapter::Package::parse(files)
        .map_err(|_| anyhow!("the package {name} cannot be read"))?;
    let example = package
        .examples
        .first()
        .map(|example| example.name.clone())
        .unwrap_or_default();
    let input = package
        .files
        .get(&format!("examples/{example}/input.json"))
        .ok_or_else(|| anyhow!("the example {example} has no input.json"))?;
    let data: Value = serde_json::from_slice(input)?;
    let request = json!({
        "destinationId": route.id,
        "service": package.service,
        "data": data,
        "senderReference": format!("TEST {}", talk.pick("Verbindungstest, nicht bearbeiten", "connection test, do not process")),
    });
    let body = request.to_string().into_bytes();
    let intake = access::intake(&args.access)?;
    // Each test is one of its own: the moment is part of the key.
    let key = format!(
        "connect-test-{}-{}",
        route.id,
        SystemClock.now().as_millis()
    );
    let receipt = intake
        .submit(&Personal::new(body), &key)
        .await
        .map_err(|fault| access::explain(fault, talk))?;
    let id: SubmissionId = receipt
        .answer
        .get("submissionId")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .parse()?;
    let until = SystemClock.now().plus(Duration::from_secs(args.wait_s));
    loop {
        let status = intake
            .status(id)
            .await
            .map_err(|fault| access::explain(fault, talk))?;
        match status.get("state").and_then(Value::as_str) {
            Some("accepted") => return Ok(()),
            Some(state @ ("rejected" | "deleted")) => {
                return Err(talk.error(
                    format_args!("{id} ist {state}; `amtsbote status {id}` sagt, warum"),
                    format_args!("{id} is {state}; `amtsbote status {id}` tells why"),
                ));
            }
            Some(_) | None => {}
        }
        if SystemClock.now() > until {
            return Err(talk.error(
                format_args!(
                    "{id} ist angenommen, aber in {} s nicht übergeben; läuft der Agent?",
                    args.wait_s
                ),
                format_args!(
                    "{id} was received, but not handed over within {} s; does the agent run?",
                    args.wait_s
                ),
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
}
