//! `amtsbote destination plan|apply DIR`: many destinations from a folder of settings.

mod plan;
mod wanted;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use amtsbote_client::{Credentials, DestinationApi, Fault, Service, Session};
use amtsbote_fit_connect::destination::{CreateDestination, PrivateDestination};
use amtsbote_jose::X5c;
use amtsbote_model::{ClientId, DestinationId, DestinationStatus, Secret};
use anyhow::{Context, Result};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::plan::{Action, Plan};
use crate::args::{Destination, DestinationFolder};
use crate::clock::SystemClock;
use crate::talk::{Form, Talk};
use crate::{access, folder, unread};

/// How often a call is tried if the service is merely away; making a destination is never repeated blindly.
const TRIES: u32 = 4;
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// `service.toml`: the Destination API and our access to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    destination_api_url: String,
    token_url: String,
    version: String,
    client_id: ClientId,
    client_secret_file: PathBuf,
    ca_file: Option<PathBuf>,
}

/// Changes are pending: exit code 3.
#[derive(Debug)]
pub(crate) struct Pending(String);

impl std::fmt::Display for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Pending {}

/// One destination's line of the result.
struct Row {
    folder: PathBuf,
    id: Option<DestinationId>,
    actions: Vec<Action>,
    fault: Option<String>,
}

pub(crate) async fn run(args: &Destination, talk: Talk) -> Result<()> {
    match args {
        Destination::Plan(args) => plan_all(args, talk).await,
        Destination::Apply(args) => apply_all(args, talk).await,
    }
}

fn manager(path: &Path, talk: Talk) -> Result<DestinationApi> {
    let text = folder::read_text(path).with_context(|| {
        talk.pick(
            "der Zugang zum Dienst fehlt (--service FILE: destination_api_url, token_url, version, client_id, client_secret_file)",
            "the access to the service is missing (--service FILE: destination_api_url, token_url, version, client_id, client_secret_file)",
        )
    })?;
    let file: ServiceFile =
        toml::from_str(&text).with_context(|| format!("{} cannot be used", path.display()))?;
    let base = path.parent().unwrap_or(Path::new(""));
    let url = |text: &str| {
        text.parse()
            .with_context(|| format!("{text:?} is not a URL"))
    };
    let version = file
        .version
        .parse()
        .map_err(|_| talk.error("version muss v1 oder v2 sein", "version must be v1 or v2"))?;
    let service = Service::new(
        url(&file.destination_api_url)?,
        url(&file.token_url)?,
        version,
    )?
    .key_policy(X5c::Optional);
    let ca_pem = file
        .ca_file
        .map(|path| folder::read_file(&base.join(path)))
        .transpose()?;
    let secret = folder::read_text(&base.join(&file.client_secret_file))?;
    let credentials = Credentials {
        client_id: file.client_id,
        client_secret: Secret::new(secret.trim().to_owned()),
    };
    let outgoing = access::outgoing(&file.destination_api_url, ca_pem)?;
    Ok(DestinationApi::new(Session::new(
        outgoing,
        service,
        credentials,
        Arc::new(SystemClock),
    )))
}

/// Plans for all folders. Folders whose settings cannot be used are rows with a fault.
async fn plans(
    args: &DestinationFolder,
    manager: &DestinationApi,
    talk: Talk,
) -> Result<(Vec<Plan>, Vec<Row>)> {
    let wanted = wanted::all(&args.dir)?;
    let own = patiently(|| manager.own())
        .await
        .map_err(|fault| access::explain(fault, talk))?;
    tell_others(&wanted, &own, talk);
    let count = wanted.len();
    let mut noted: BTreeMap<DestinationId, usize> = BTreeMap::new();
    for id in wanted
        .iter()
        .filter_map(|(_, wanted)| wanted.as_ref().ok()?.id)
    {
        *noted.entry(id).or_default() += 1;
    }
    let planned =
        futures_util::stream::iter(wanted.into_iter().enumerate()).map(|(nr, (folder, wanted))| {
            let (own, noted) = (&own, &noted);
            async move {
                talk.progress(&format!("{}/{count} {}", nr + 1, folder.display()));
                let wanted =
                    wanted.map_err(|error| (folder.clone(), unread::told(&error, talk)))?;
                let found = plan::found(&wanted, (own, noted), talk)
                    .map_err(|error| (folder.clone(), unread::told(&error, talk)))?;
                plan::plan(wanted, found, manager)
                    .await
                    .map_err(|fault| (folder, told(&fault, talk)))
            }
        });
    let planned: Vec<_> = planned.buffered(args.parallel.max(1)).collect().await;
    talk.progress_done();
    let (mut plans, mut faulty) = (Vec::new(), Vec::new());
    for planned in planned {
        match planned {
            Ok(plan) => plans.push(plan),
            Err((folder, fault)) => faulty.push(Row {
                folder,
                id: None,
                actions: Vec::new(),
                fault: Some(fault),
            }),
        }
    }
    Ok((plans, faulty))
}

/// Destinations of ours that no folder means are told and left alone.
fn tell_others(
    wanted: &[(PathBuf, Result<wanted::Wanted>)],
    own: &[PrivateDestination],
    talk: Talk,
) {
    for one in own
        .iter()
        .filter(|one| one.public.status != DestinationStatus::Decommissioned)
    {
        let is_meant = wanted
            .iter()
            .filter_map(|(_, wanted)| wanted.as_ref().ok())
            .any(|wanted| {
                wanted.id == Some(one.public.id)
                    || (wanted.id.is_none() && wanted.description.name == one.public.name)
            });
        if !is_meant {
            talk.say(format_args!(
                "  · {} {} ({}): {}",
                one.public.id,
                one.public.name.as_deref().unwrap_or_default(),
                one.public.status,
                talk.pick(
                    "kein Ordner dazu; bleibt, wie er ist",
                    "no folder for it; stays as it is"
                )
            ));
        }
    }
}

async fn plan_all(args: &DestinationFolder, talk: Talk) -> Result<()> {
    let manager = manager(&service_file(args), talk)?;
    let (plans, mut rows) = plans(args, &manager, talk).await?;
    rows.extend(plans.into_iter().map(|plan| Row {
        folder: plan.wanted.folder,
        id: plan.id,
        actions: plan.actions,
        fault: None,
    }));
    show(&mut rows, talk)?;
    faults(&rows, talk)?;
    let pending = rows.iter().filter(|row| !row.actions.is_empty()).count();
    if pending > 0 {
        let text = match talk.pick("de", "en") {
            "de" => format!(
                "{pending} Zustellpunkte sind zu ändern; `amtsbote destination apply` tut es"
            ),
            _ => format!(
                "{pending} destinations have to change; `amtsbote destination apply` does it"
            ),
        };
        return Err(Pending(text).into());
    }
    Ok(())
}

async fn apply_all(args: &DestinationFolder, talk: Talk) -> Result<()> {
    let manager = manager(&service_file(args), talk)?;
    let (plans, mut rows) = plans(args, &manager, talk).await?;
    let count = plans.len();
    let applied = futures_util::stream::iter(plans.into_iter().enumerate()).map(|(nr, plan)| {
        let manager = &manager;
        async move {
            talk.progress(&format!(
                "{}/{count} {}",
                nr + 1,
                plan.wanted.folder.display()
            ));
            apply(plan, (manager, talk)).await
        }
    });
    rows.extend(
        applied
            .buffered(args.parallel.max(1))
            .collect::<Vec<_>>()
            .await,
    );
    talk.progress_done();
    show(&mut rows, talk)?;
    let changed = rows.iter().filter(|row| !row.actions.is_empty()).count();
    let same = rows
        .iter()
        .filter(|row| row.actions.is_empty() && row.fault.is_none())
        .count();
    talk.say(match talk.pick("de", "en") {
        "de" => format!(
            "{changed} von {} Zustellpunkten geändert, {same} waren schon wie gewünscht",
            rows.len()
        ),
        _ => format!(
            "{changed} of {} destinations changed, {same} were as wanted already",
            rows.len()
        ),
    });
    faults(&rows, talk)
}

fn service_file(args: &DestinationFolder) -> PathBuf {
    args.service
        .clone()
        .unwrap_or_else(|| args.dir.join("service.toml"))
}

/// Takes the steps one after the other; stops at the first that fails. Called again, it goes on from there.
async fn apply(plan: Plan, (manager, talk): (&DestinationApi, Talk)) -> Row {
    let Plan {
        wanted,
        id,
        actions,
    } = plan;
    let mut row = Row {
        folder: wanted.folder.clone(),
        id,
        actions: Vec::new(),
        fault: None,
    };
    for action in actions {
        match step(&action, &wanted, row.id, (manager, talk)).await {
            Ok(id) => {
                row.id = Some(id);
                row.actions.push(action);
            }
            Err(fault) => {
                row.fault = Some(fault);
                return row;
            }
        }
    }
    if let Some(id) = row.id.filter(|id| wanted.id != Some(*id))
        && let Err(error) = wanted::note_id(&wanted.folder, id)
    {
        row.fault = Some(unread::told(&error, talk));
    }
    row
}

async fn step(
    action: &Action,
    wanted: &wanted::Wanted,
    id: Option<DestinationId>,
    (manager, talk): (&DestinationApi, Talk),
) -> Result<DestinationId, String> {
    let missing = talk.pick(
        "den Zustellpunkt gibt es noch nicht",
        "the destination is not there yet",
    );
    let known = || id.ok_or_else(|| missing.to_owned());
    let done = match action {
        Action::Create => {
            let new = CreateDestination {
                description: wanted.description.clone(),
                encryption_public_key: wanted.encryption.to_json(),
                signing_public_key: wanted.signature.to_json(),
            };
            // Not repeated: without an answer it may have been made, and the next run finds it by its name.
            let made = manager
                .create(&new)
                .await
                .map_err(|fault| told(&fault, talk))?;
            let id = made.public.id;
            wanted::note_id(&wanted.folder, id).map_err(|error| unread::told(&error, talk))?;
            return Ok(id);
        }
        Action::AddKey { jwk, .. } => {
            let id = known()?;
            patiently(|| manager.add_key(id, jwk)).await.map(|()| id)
        }
        Action::Change(changes) => {
            let id = known()?;
            let patch: Map<String, Value> = changes
                .iter()
                .map(|change| (change.member.clone(), change.to.clone()))
                .collect();
            let patch = Value::Object(patch);
            patiently(|| manager.change(id, &patch)).await.map(|_| id)
        }
        Action::Status { to, .. } => {
            let id = known()?;
            let patch = json!({ "status": to.name() });
            patiently(|| manager.change(id, &patch)).await.map(|_| id)
        }
    };
    done.map_err(|fault| told(&fault, talk))
}

/// Again while the service is merely away, a few times.
async fn patiently<T, F: Future<Output = Result<T, Fault>>>(
    mut call: impl FnMut() -> F,
) -> Result<T, Fault> {
    let mut pause = Duration::from_millis(500);
    for _ in 1..TRIES {
        match call().await {
            Err(Fault::Unavailable { retry_after, .. }) => {
                tokio::time::sleep(retry_after.unwrap_or(pause).min(PAUSE_MAX)).await;
                pause *= 2;
            }
            answer => return answer,
        }
    }
    call().await
}

/// A fault with what the service said about it.
fn told(fault: &Fault, talk: Talk) -> String {
    let mut text = unread::one(fault, talk);
    if let Fault::Refused { answered, .. } = fault {
        let findings = answered
            .findings
            .iter()
            .map(|finding| format!("{}: {}", finding.at, talk.text(&finding.detail)));
        let said = answered.problem.detail.iter().cloned().chain(findings);
        for part in said.take(10) {
            text.push_str("; ");
            text.push_str(&part);
        }
    }
    text
}

fn faults(rows: &[Row], talk: Talk) -> Result<()> {
    let count = rows.iter().filter(|row| row.fault.is_some()).count();
    if count == 0 {
        return Ok(());
    }
    Err(talk.error(
        format_args!("{count} von {} Zustellpunkten haben Fehler (oben mit ✗); nach dem Beheben denselben Befehl noch einmal", rows.len()),
        format_args!("{count} of {} destinations have faults (✗ above); mend them and run the same command again", rows.len()),
    ))
}

fn show(rows: &mut [Row], talk: Talk) -> Result<()> {
    rows.sort_by(|one, other| one.folder.cmp(&other.folder));
    if talk.form() == Form::Json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| {
                let actions: Vec<Value> = row.actions.iter().map(action_json).collect();
                json!({ "folder": row.folder, "id": row.id, "actions": actions, "fault": row.fault })
            })
            .collect();
        talk.json(&json!(rows))?;
        return Ok(());
    }
    for row in rows.iter() {
        let mark = match (&row.fault, row.actions.is_empty()) {
            (Some(_), _) => "✗",
            (None, true) => "=",
            (None, false) => "~",
        };
        let id = row.id.map(|id| format!("  {id}")).unwrap_or_default();
        talk.data(format_args!("{mark} {}{id}", row.folder.display()))?;
        for action in &row.actions {
            show_action(action, talk)?;
        }
        if let Some(fault) = &row.fault {
            talk.data(format_args!("    ✗ {fault}"))?;
        }
    }
    Ok(())
}

fn action_json(action: &Action) -> Value {
    match action {
        Action::Create => json!({ "kind": "create" }),
        Action::AddKey { kid, .. } => json!({ "kind": "add-key", "kid": kid }),
        Action::Change(changes) => {
            let members: Vec<Value> = changes.iter().map(|change| json!({ "member": change.member, "from": change.from, "to": change.to })).collect();
            json!({ "kind": "change", "members": members })
        }
        Action::Status { from, to } => {
            json!({ "kind": "status", "from": from.name(), "to": to.name() })
        }
    }
}

fn show_action(action: &Action, talk: Talk) -> Result<()> {
    match action {
        Action::Create => talk.data(talk.pick("    + anlegen", "    + create"))?,
        Action::AddKey { kid, .. } => talk.data(format_args!(
            "    + {} {kid}",
            talk.pick("Schlüssel veröffentlichen", "publish key")
        ))?,
        Action::Change(changes) => {
            for change in changes {
                let word = if change.member == "encryptionKid" {
                    talk.pick("  (Schlüsselwechsel)", "  (key roll-over)")
                } else {
                    ""
                };
                talk.data(format_args!(
                    "    ~ {}{word}\n        - {}\n        + {}",
                    change.member, change.from, change.to
                ))?;
            }
        }
        Action::Status { from, to } => talk.data(format_args!("    ~ status {from} → {to}"))?,
    }
    Ok(())
}
