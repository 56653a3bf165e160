//! `amtsbote restore DIR --settings F`

use amtsbote_problem::Language;
use anyhow::Result;
use serde_json::json;

use super::{serve, settings};
use crate::args::Restore;
use crate::backup;
use crate::talk::{Form, Talk};

pub(crate) fn run(args: &Restore, talk: Talk) -> Result<()> {
    let settings = serve::based(settings::load(&args.file, talk)?, &args.file.settings);
    let manifest = backup::put_back(&settings, &args.dir, talk)?;
    if talk.form() == Form::Json {
        talk.json(&json!({ "restored": true, "manifest": manifest }))?;
        return Ok(());
    }
    let (databases, rows) = (manifest.databases.len(), manifest.rows());
    let (attachments, moment) = (manifest.attachments.count, &manifest.moment);
    match talk.language() {
        Language::German => talk.data(format_args!(
            "zurückgelegt: {databases} Datenbanken mit {rows} Zeilen, {attachments} Anlagen, Stand {moment}"
        ))?,
        Language::English => talk.data(format_args!(
            "restored: {databases} databases with {rows} rows, {attachments} attachments, as of {moment}"
        ))?,
    }
    let erased = manifest.attachments.erased_meanwhile.len() + manifest.attachments.missing.len();
    if erased > 0 {
        talk.say(format_args!(
            "{erased} {}",
            talk.pick(
                "Anlagen waren schon in der Sicherung nicht enthalten",
                "attachments were not in the backup already"
            )
        ));
    }
    talk.say(talk.pick(
        "Was nach diesem Stand angenommen wurde, ist nicht dabei. Liegt er mehr als drei Tage zurück, ruhen die Fristen, bis `clock_confirmed` gesetzt ist.",
        "What was accepted after that moment is not in it. If it is more than three days ago, deadlines rest until `clock_confirmed` is set.",
    ));
    Ok(())
}
