//! `amtsbote uplink test`: can the gateway send to its foreign delivery services?

use amtsbote_client::{Fault, Session, Silence};
use amtsbote_jose::KeyUse;
use amtsbote_model::{DestinationId, DestinationStatus};
use amtsbote_outgoing::Failure;
use amtsbote_problem::Bilingual;
use amtsbote_settings::Uplink as Settings;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::serve::based;
use super::settings::load;
use crate::args::{Uplink, UplinkTest};
use crate::talk::{Form, Talk, Tongue};
use crate::{unread, uplinks};

/// One thing that was tried.
struct Probe {
    what: Bilingual,
    name: &'static str,
    came: std::result::Result<String, (Bilingual, Bilingual)>,
}

pub(crate) async fn run(args: &Uplink, talk: Talk) -> Result<()> {
    match args {
        Uplink::Test(args) => test(args, talk).await,
    }
}

async fn test(args: &UplinkTest, talk: Talk) -> Result<()> {
    let settings = based(load(&args.file, talk)?, &args.file.settings);
    let gateway = settings.gateway.context("the settings have no [gateway]")?;
    let wanted = |uplink: &&Settings| args.name.as_ref().is_none_or(|name| *name == uplink.name);
    let chosen: Vec<&Settings> = gateway.uplinks.iter().filter(wanted).collect();
    if chosen.is_empty() {
        bail!("the settings have no such [[gateway.uplink]]");
    }
    let (mut all, mut bad) = (Vec::new(), 0);
    for uplink in chosen {
        let probes = probe(uplink, args).await?;
        bad += probes.iter().filter(|probe| probe.came.is_err()).count();
        if talk.form() == Form::Text {
            talk.data(format_args!(
                "{} ({})",
                uplink.name, uplink.submission_api_url
            ))?;
            for probe in &probes {
                say(probe, talk)?;
            }
        }
        let probes: Vec<Value> = probes.iter().map(shown).collect();
        all.push(json!({ "uplink": uplink.name, "probes": probes }));
    }
    if talk.form() == Form::Json {
        talk.json(&json!({ "ok": bad == 0, "uplinks": all }))?;
    }
    if bad > 0 {
        bail!(
            "{bad} {}",
            talk.pick("Proben sind fehlgeschlagen", "probes failed")
        );
    }
    Ok(())
}

fn say(probe: &Probe, talk: Talk) -> Result<()> {
    let what = talk.text(&probe.what);
    match &probe.came {
        Ok(detail) => talk.data(format_args!("  ✓ {what}: {detail}"))?,
        Err((detail, hint)) => {
            let detail = talk.text(detail);
            talk.data(format_args!("  ✗ {what}: {detail}"))?;
            talk.data(format_args!("    → {}", talk.text(hint)))?;
        }
    }
    Ok(())
}

fn shown(probe: &Probe) -> Value {
    match &probe.came {
        Ok(detail) => json!({ "probe": probe.name, "ok": true, "detail": detail }),
        Err((detail, hint)) => {
            json!({ "probe": probe.name, "ok": false, "detail": detail.en, "hint": hint })
        }
    }
}

/// In the order in which a submission needs them. Nothing is sent.
async fn probe(uplink: &Settings, args: &UplinkTest) -> Result<Vec<Probe>> {
    let session = uplinks::session(uplink)?;
    let mut probes = Vec::new();
    let token = session.probe().await.map(|()| uplink.client_id.to_string());
    let has_token = token.is_ok();
    probes.push(made("token", ("Zugang", "access"), token));
    let keys = session
        .service_keys(&[])
        .await
        .map(|keys| format!("{} keys", keys.keys().len()));
    probes.push(made(
        "service-keys",
        (
            "Schlüssel des Zustelldienstes",
            "keys of the delivery service",
        ),
        keys,
    ));
    let mut destinations: Vec<DestinationId> = args.destination.into_iter().collect();
    if destinations.is_empty() {
        destinations.extend(uplink.routes.iter().map(|route| route.destination));
    }
    if let (Some(router), Some(service), Some(region)) =
        (uplinks::router(uplink)?, &args.service, &args.region)
    {
        let found = router.find(service, region).await;
        destinations.extend(found.iter().flatten());
        let found = found.map(|ids| {
            ids.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        });
        probes.push(made("routing", ("Routingdienst", "routing service"), found));
    }
    destinations.sort_unstable();
    destinations.dedup();
    // Each would fail for the same reason.
    for id in destinations.into_iter().filter(|_| has_token) {
        probes.extend(destination(&session, id).await);
    }
    Ok(probes)
}

async fn destination(session: &Session, id: DestinationId) -> Vec<Probe> {
    let words = ("Zustellpunkt", "destination");
    let shown = match session.destination(id).await {
        Ok(shown) => shown,
        Err(fault) => return vec![made("destination", words, Err(fault))],
    };
    let status = format!("{id} {}", shown.status);
    let is_open = shown.status == DestinationStatus::Active;
    let came = if is_open {
        Ok(status)
    } else {
        let hint = Bilingual::new(
            "Die Behörde muss den Zustellpunkt aktivieren",
            "the authority must activate the destination",
        );
        Err((Bilingual::new(status.clone(), status), hint))
    };
    let key = session
        .destination_key(id, &shown.encryption_kid, KeyUse::Encryption)
        .await;
    vec![
        Probe {
            what: Bilingual::new(words.0, words.1),
            name: "destination",
            came,
        },
        made(
            "key",
            ("Schlüssel des Zustellpunkts", "key of the destination"),
            key.map(|key| key.kid().to_owned()),
        ),
    ]
}

fn made(name: &'static str, what: (&str, &str), came: std::result::Result<String, Fault>) -> Probe {
    let chains = |fault: &Fault| {
        let of = |tongue| chain(fault, Talk::new(tongue, Form::Text));
        Bilingual::new(of(Tongue::De), of(Tongue::En))
    };
    Probe {
        what: Bilingual::new(what.0, what.1),
        name,
        came: came.map_err(|fault| (chains(&fault), hint(&fault))),
    }
}

fn chain(fault: &Fault, talk: Talk) -> String {
    let mut text = unread::one(fault, talk);
    let mut next = std::error::Error::source(fault);
    while let Some(cause) = next {
        let more = unread::one(cause, talk);
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

fn hint(fault: &Fault) -> Bilingual {
    let (de, en) = match fault {
        Fault::Refused {
            status: 400 | 401 | 403,
            ..
        } => (
            "client_id, client_secret_file und die Rechte des Clients prüfen",
            "check client_id, client_secret_file and the client's rights",
        ),
        Fault::Unavailable {
            silence: Silence::Connection(Failure::Tls { .. }),
            ..
        } => (
            "Dem Zertifikat wird nicht vertraut: die ausstellende CA in ca_file nennen und den Rechnernamen prüfen",
            "the certificate is not trusted: name its CA in ca_file and check the host name",
        ),
        Fault::Unavailable { .. } => (
            "Adresse, Namensauflösung und Firewall prüfen; sonst später erneut versuchen",
            "check address, name resolution and firewall; else try again later",
        ),
        Fault::NotFound => (
            "Adresse, version und die Kennung des Zustellpunkts prüfen",
            "check the address, version and the destination's id",
        ),
        Fault::Malformed { .. } => (
            "Adresse und version prüfen; ein Schlüssel ohne Zertifikat braucht danger_keys_without_certificate",
            "check address and version; a key without certificate needs danger_keys_without_certificate",
        ),
        Fault::Refused { .. } | Fault::Misconfigured(_) | Fault::OwnEnd(_) => (
            "Die Adressen in den Einstellungen prüfen",
            "check the addresses in the settings",
        ),
    };
    Bilingual::new(de, en)
}
