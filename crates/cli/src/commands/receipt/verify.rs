//! `amtsbote receipt verify FILE`: a receipt file, a receipt or an event, without any network.

use amtsbote_model::Timestamp;
use amtsbote_problem::Findings;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::token;
use crate::args::VerifyReceipt;
use crate::commands::validate::{Found, Unusable};
use crate::folder;
use crate::receipt_file::{FORMAT, HeadFile, ReceiptFile, Role, Statement, Trust, Vouched, check};
use crate::talk::{Form, Talk};

/// It is valid, but something is open: exit code 3.
#[derive(Debug)]
pub(crate) struct Unproven;

impl std::fmt::Display for Unproven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("valid, but not everything is shown")
    }
}

impl std::error::Error for Unproven {}

/// What lies in the file.
enum Given {
    File(Box<ReceiptFile>),
    /// A token, or JSON with one; or nothing of use.
    Other,
}

pub(crate) fn run(args: &VerifyReceipt, talk: Talk) -> Result<()> {
    let read = || -> Result<_> {
        let text = folder::read_text(&args.file)?;
        let trust = Trust::read(&args.trust)?;
        let given =
            given(&text).with_context(|| format!("{} is not usable", args.file.display()))?;
        Ok((text, trust, given, head(args, talk)?))
    };
    let (text, trust, given, head) = read().map_err(|error| error.context(Unusable))?;
    let file = match given {
        Given::File(file) => file,
        Given::Other => return token::run(&text, (&args.file, &trust.pinned()), talk),
    };
    match check(&file, &trust, head.as_ref()) {
        Err(findings) => {
            refuse(&findings, talk)?;
            Err(Found.into())
        }
        Ok(statement) => {
            tell(&statement, talk)?;
            if statement.is_whole() {
                Ok(())
            } else {
                Err(Unproven.into())
            }
        }
    }
}

fn given(text: &str) -> Result<Given> {
    let names_format = |value: &Value| {
        let format = value.get("format").and_then(Value::as_str);
        format.is_some_and(|format| format.starts_with("amtsbote-receipt-file/"))
    };
    if !serde_json::from_str::<Value>(text).is_ok_and(|value| names_format(&value)) {
        return Ok(Given::Other);
    }
    let file: ReceiptFile = serde_json::from_str(text).context("the receipt file is malformed")?;
    anyhow::ensure!(
        file.format == FORMAT,
        "the receipt file has the format {:?}; this program knows {FORMAT}: use a newer one",
        file.format
    );
    Ok(Given::File(Box::new(file)))
}

fn head(args: &VerifyReceipt, talk: Talk) -> Result<Option<HeadFile>> {
    let Some(path) = &args.head else {
        return Ok(None);
    };
    let shown = path.display();
    let head = HeadFile::parse(&folder::read_text(path)?).ok_or_else(|| {
        talk.error(
            format_args!("{shown} ist kein Kopf des Protokolls (`amtsbote receipt head`)"),
            format_args!("{shown} is not a head of the log (`amtsbote receipt head`)"),
        )
    })?;
    Ok(Some(head))
}

fn refuse(findings: &Findings, talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        talk.json(&json!({ "valid": false, "findings": findings }))?;
        return Ok(());
    }
    talk.data(talk.pick("NICHT gültig", "NOT valid"))?;
    talk.findings(findings);
    Ok(())
}

fn tell(statement: &Statement, talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        let mut shown = serde_json::to_value(statement).context("the result cannot be written")?;
        shown["valid"] = true.into();
        shown["whole"] = statement.is_whole().into();
        talk.json(&shown)?;
        return Ok(());
    }
    let case = talk.pick("gültig: Vorgang", "valid: case");
    talk.data(format_args!(
        "{case} {} ({})",
        statement.case_id, statement.service
    ))?;
    submissions(statement, talk)?;
    for reply in &statement.replies {
        let word = talk.pick("Antwort", "reply");
        talk.data(format_args!("{word} {}: {}", reply.reply_id, reply.state))?;
    }
    for event in &statement.events {
        let sealed = match &event.sealed {
            Some(sealed) => format!("{} {}", talk.pick("Block", "block"), sealed.block),
            None => talk
                .pick("noch nicht besiegelt", "not sealed yet")
                .to_owned(),
        };
        talk.data(format_args!("  {}  {:<19} {sealed}", event.at, event.name))?;
    }
    keys(statement, talk)?;
    open(statement, talk)
}

fn submissions(statement: &Statement, talk: Talk) -> Result<()> {
    for one in &statement.submissions {
        let word = talk.pick("Einreichung", "submission");
        talk.data(format_args!("{word} {}: {}", one.submission_id, one.state))?;
        let level = |de, en, at: Option<Timestamp>| {
            let at = at.map_or_else(|| "-".to_owned(), Timestamp::to_rfc3339);
            talk.data(format_args!("  {:<17} {at}", talk.pick(de, en)))
        };
        level("1 entgegengenommen", "1 accepted", one.accepted_at)?;
        level("2 übergeben", "2 handed over", one.delivered_at)?;
        let third = talk.pick("3 übernommen", "3 taken on");
        if one.taken_on.is_empty() {
            talk.data(format_args!("  {third:<17} -"))?;
        }
        for taken in &one.taken_on {
            let number = taken.file_number.as_deref().unwrap_or("-");
            let word = talk.pick("Aktenzeichen", "file number");
            talk.data(format_args!("  {third:<17} {}  {word} {number}", taken.at))?;
        }
    }
    Ok(())
}

fn keys(statement: &Statement, talk: Talk) -> Result<()> {
    for key in &statement.keys {
        let role = match key.role {
            Role::Service => talk.pick("Zustelldienst", "delivery service"),
            Role::Destination => talk.pick("Zustellpunkt", "destination"),
        };
        let why = match (key.vouched, &key.certified_name) {
            (Vouched::Pinned, _) => talk
                .pick("als vertraut angegeben", "given as trusted")
                .to_owned(),
            (Vouched::Certified, name) => format!(
                "{} {}",
                talk.pick("Zertifikat für", "certificate of"),
                name.as_deref().unwrap_or("-")
            ),
        };
        let word = talk.pick("Schlüssel", "key");
        talk.data(format_args!("{word} {role}: {} ({why})", key.kid))?;
    }
    Ok(())
}

/// What is not shown.
fn open(statement: &Statement, talk: Talk) -> Result<()> {
    if statement.pending > 0 {
        let word = talk.pick(
            "Ereignisse sind noch nicht besiegelt: später noch einmal exportieren",
            "events are not sealed yet: export again later",
        );
        talk.data(format_args!("! {} {word}", statement.pending))?;
    }
    let Some(head) = &statement.newer_head else {
        return Ok(());
    };
    if head.goes_on {
        let word = talk.pick(
            "Der angegebene Kopf setzt das Protokoll dieser Datei fort: Block",
            "The head given goes on from the log of this file: block",
        );
        talk.data(format_args!("{word} {}", head.number))?;
    } else {
        talk.data(talk.pick(
            "! Zwischen den Blöcken der Datei und dem angegebenen Kopf fehlen welche: mit `amtsbote receipt head` holen",
            "! Blocks are missing between those of the file and the head given: fetch them with `amtsbote receipt head`",
        ))?;
    }
    Ok(())
}
