//! `amtsbote receipt export ID`: writes a receipt file, after checking what goes into it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use amtsbote_client::Sender;
use amtsbote_jose::{KeyUse, PrivateKey, PublicKey, X5c};
use amtsbote_model::{CaseId, DestinationId};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::token;
use crate::args::{ExportReceipt, SettingsFile};
use crate::commands::serve::based;
use crate::commands::{reply, settings};
use crate::folder::{self, Readers};
use crate::receipt_file::{
    ClientSource, ReceiptFile, Role, Source, Statement, StoreSource, Trust, check, gather,
};
use crate::talk::{Form, Talk};
use crate::{access, database, identity};

pub(crate) async fn run(args: &ExportReceipt, talk: Talk) -> Result<()> {
    if let Some(out) = &args.out {
        refuse_existing(out, talk)?;
    }
    let receipts = given(args)?;
    let file = match &args.settings {
        Some(settings) => {
            let source = operator(settings, talk).await?;
            let of = source.case(&args.id).await?;
            gathered(&source, of, receipts, args).await?
        }
        None => client(args, receipts, talk).await?,
    };
    let statement = believed(&file, talk)?;
    let default = || PathBuf::from(format!("receipt-{}.json", file.case_id));
    let out = args.out.clone().unwrap_or_else(default);
    refuse_existing(&out, talk)?;
    let text = serde_json::to_string_pretty(&file).context("the file cannot be written")?;
    // File numbers and whereabouts of an application are nobody else's business.
    folder::write(&out, format!("{text}\n").as_bytes(), Readers::Owner)?;
    tell(&out, &statement, talk)
}

fn refuse_existing(out: &Path, talk: Talk) -> Result<()> {
    if out.exists() {
        let shown = out.display();
        bail!(talk.error(
            format_args!("{shown} gibt es schon; mit --out eine andere Datei nennen"),
            format_args!("{shown} is there already; name another file with --out"),
        ))
    }
    Ok(())
}

/// Receipts in the files that were named.
fn given(args: &ExportReceipt) -> Result<Vec<String>> {
    let read = |path: &PathBuf| {
        let text = folder::read_text(path)?;
        token::token_in(&text).with_context(|| format!("{} holds no receipt", path.display()))
    };
    args.receipts.iter().map(read).collect()
}

async fn gathered(
    source: &impl Source,
    of: (CaseId, DestinationId),
    mut receipts: Vec<String>,
    args: &ExportReceipt,
) -> Result<ReceiptFile> {
    receipts.sort();
    receipts.dedup();
    gather(source, of, receipts, Duration::from_secs(args.wait_s)).await
}

async fn client(
    args: &ExportReceipt,
    mut receipts: Vec<String>,
    talk: Talk,
) -> Result<ReceiptFile> {
    let side = args.side.side();
    let source = ClientSource {
        session: access::session(&args.access, side)?,
        chain: access::log_chain(&args.access, side)?,
        talk,
    };
    let of = source.case(&args.id).await?;
    if !args.keys.is_empty() {
        receipts.extend(in_replies(&source, of, args).await?);
    }
    gathered(&source, of, receipts, args).await
}

/// The third level travels inside replies.
async fn in_replies(
    source: &ClientSource,
    (case, destination): (CaseId, DestinationId),
    args: &ExportReceipt,
) -> Result<Vec<String>> {
    let talk = source.talk;
    let load = |path: &PathBuf| identity::load(path, KeyUse::Encryption);
    let keys: Vec<PrivateKey> = args.keys.iter().map(load).collect::<Result<_>>()?;
    let found = source.session.case(case).await;
    let found = found.map_err(|fault| access::explain(fault, talk))?;
    let sender = Sender::new(source.session.clone());
    let mut receipts = Vec::new();
    for ids in found.replies {
        let id = ids.reply_id;
        let Some(data) = reply::data(&sender, (id, destination), &keys, talk).await? else {
            talk.say(talk.error(
                format_args!(
                    "die Antwort {id} ist nicht mehr da: ihre Quittung mit --receipt nennen"
                ),
                format_args!(
                    "the reply {id} is not there any more: name its receipt with --receipt"
                ),
            ));
            continue;
        };
        let data: Value = serde_json::from_slice(data.reveal()).unwrap_or_default();
        receipts.extend(data["receipt"].as_str().map(str::to_owned));
    }
    Ok(receipts)
}

async fn operator(path: &Path, talk: Talk) -> Result<StoreSource> {
    let file = SettingsFile {
        settings: path.to_owned(),
    };
    let settings = based(settings::load(&file, talk)?, path);
    let Some(gateway) = settings.gateway else {
        bail!(talk.error(
            "die Einstellungen haben kein [gateway]: Quittungen hat, wer das Gateway betreibt",
            "the settings have no [gateway]: receipts are where the gateway runs",
        ))
    };
    let Some(opened) = database::open_beside(&gateway).await? else {
        let dir = gateway.data_dir.display();
        bail!(talk.error(
            format_args!("in {dir} ist keine Datenbank: das Gateway ist hier nie gelaufen"),
            format_args!("there is no database in {dir}: the gateway has never run here"),
        ))
    };
    Ok(StoreSource {
        store: opened.store,
        chain: opened.chain,
        service: identity::service_keys(&gateway.keys_dir)?,
        talk,
    })
}

/// With its own keys it must hold: what does not is not handed on.
fn believed(file: &ReceiptFile, talk: Talk) -> Result<Statement> {
    let read = |list: &[Value], role: Role| {
        let key = |jwk: &Value| PublicKey::from_json(jwk, KeyUse::Signature, X5c::Optional).ok();
        let keys: Vec<_> = list.iter().filter_map(key).map(|key| (role, key)).collect();
        keys
    };
    let mut keys = read(&file.keys.service, Role::Service);
    keys.extend(read(&file.keys.destination, Role::Destination));
    check(file, &Trust::pinning(keys), None).map_err(|findings| {
        talk.findings(&findings);
        talk.error(
            "was zu diesem Vorgang da ist, passt nicht zusammen: keine Datei geschrieben",
            "what is there about this case does not fit together: no file was written",
        )
    })
}

fn tell(out: &Path, statement: &Statement, talk: Talk) -> Result<()> {
    let taken_on: usize = statement
        .submissions
        .iter()
        .map(|one| one.taken_on.len())
        .sum();
    if talk.form() == Form::Json {
        talk.json(&json!({
            "file": out,
            "caseId": statement.case_id,
            "submissions": statement.submissions.len(),
            "events": statement.events.len(),
            "pending": statement.pending,
            "takenOn": taken_on,
        }))?;
        return Ok(());
    }
    talk.data(out.display())?;
    let (events, pending) = (statement.events.len(), statement.pending);
    talk.say(match talk.pick("de", "en") {
        "de" => format!("{events} Ereignisse, davon {pending} noch nicht besiegelt; {taken_on} Quittungen „übernommen“"),
        _ => format!("{events} events, {pending} of them not sealed yet; {taken_on} receipts \"taken on\""),
    });
    Ok(())
}
