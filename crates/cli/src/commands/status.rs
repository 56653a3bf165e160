//! `amtsbote status ID`: where is a submission?

use amtsbote_model::SubmissionId;
use anyhow::{Context, Result};
use serde_json::Value;

use crate::access;
use crate::args::Status;
use crate::talk::{Form, Talk};

pub(crate) async fn run(args: &Status, talk: Talk) -> Result<()> {
    let id: SubmissionId = args.id.parse().context("ID is not a submission id")?;
    let intake = access::intake(&args.access)?;
    let status = intake
        .status(id)
        .await
        .map_err(|fault| access::explain(fault, talk))?;
    if talk.form() == Form::Json {
        talk.json(&status)?;
        return Ok(());
    }
    let tongue = talk.pick("de", "en");
    let text = |value: &Value, pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let state = format!(
        "{} ({})",
        text(&status, &format!("/label/{tongue}")),
        text(&status, "/state")
    );
    talk.data(format_args!("{id}  {state}"))?;
    for entry in status
        .get("timeline")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let label = text(entry, &format!("/label/{tongue}"));
        let issuer = text(entry, "/issuer");
        let issuer = match issuer.as_str() {
            "delivery service" => talk.pick("Zustelldienst", "delivery service"),
            "subscriber" => talk.pick("Behörde", "subscriber"),
            other => other,
        };
        talk.data(format_args!(
            "  {}  {label:<28} {issuer}",
            text(entry, "/at")
        ))?;
        for problem in entry
            .get("problems")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            talk.data(format_args!(
                "      {}: {}",
                text(problem, "/title"),
                text(problem, "/detail")
            ))?;
        }
    }
    Ok(())
}
