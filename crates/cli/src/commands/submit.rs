//! `amtsbote submit FILE`: sends an intake request.

use amtsbote_model::Personal;
use anyhow::Result;
use serde_json::Value;

use crate::access;
use crate::args::Submit;
use crate::folder;
use crate::talk::{Form, Talk};

pub(crate) async fn run(args: &Submit, talk: Talk) -> Result<()> {
    let body = folder::read_file(&args.file)?;
    let repeat_key = args
        .idempotency_key
        .clone()
        .unwrap_or_else(|| amtsbote_jose::sha256_hex(&body));
    let body = Personal::new(body);
    let intake = access::intake(&args.access)?;
    if args.dry_run {
        let validation = intake
            .validate(&body)
            .await
            .map_err(|fault| access::explain(fault, talk))?;
        match talk.form() {
            Form::Json => talk.json(&validation.answer)?,
            Form::Text => talk.data(talk.pick("gültig, nichts gesendet", "valid, nothing sent"))?,
        }
        return Ok(());
    }
    let receipt = intake
        .submit(&body, &repeat_key)
        .await
        .map_err(|fault| access::explain(fault, talk))?;
    if talk.form() == Form::Json {
        talk.json(&receipt.answer)?;
        return Ok(());
    }
    if receipt.replayed {
        talk.say(talk.pick(
            "war schon eingereicht; dies ist die Antwort von damals",
            "was sent before; this is the answer of then",
        ));
    }
    for (name, member) in [
        (talk.pick("Einreichung", "submission"), "submissionId"),
        (talk.pick("Vorgang", "case"), "caseId"),
        (talk.pick("Zustellpunkt", "destination"), "destinationId"),
        (talk.pick("Eingang", "received"), "receivedAt"),
        ("status", "status"),
        (talk.pick("Quittung", "receipt"), "receipt"),
    ] {
        let value = receipt
            .answer
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or("-");
        talk.data(format_args!("{name:<13} {value}"))?;
    }
    Ok(())
}
