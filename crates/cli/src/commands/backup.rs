//! `amtsbote backup DIR --settings F`

use amtsbote_problem::Language;
use anyhow::Result;
use serde_json::json;

use super::{serve, settings};
use crate::args::Backup;
use crate::backup::{self, Manifest};
use crate::talk::{Form, Talk};

pub(crate) fn run(args: &Backup, talk: Talk) -> Result<()> {
    let settings = serve::based(settings::load(&args.file, talk)?, &args.file.settings);
    let mut besides = serve::besides(&settings);
    besides.insert(0, args.file.settings.clone());
    let manifest = backup::take(&settings, besides, &args.dir, talk)?;
    report(&manifest, args, talk)?;
    let missing = manifest.attachments.missing.len();
    if missing == 0 {
        return Ok(());
    }
    Err(talk.error(
        format_args!(
            "{missing} Anlagen stehen in der Datenbank, liegen aber nicht im Ordner: die Sicherung hat alles andere; der Datenbestand ist beschädigt, ältere Sicherungen aufheben"
        ),
        format_args!(
            "{missing} attachments are named by the database and are not in the folder: the backup has everything else; the store is damaged, keep older backups"
        ),
    ))
}

fn report(manifest: &Manifest, args: &Backup, talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        talk.json(&json!({ "dir": args.dir, "manifest": manifest }))?;
        return Ok(());
    }
    let (databases, rows) = (manifest.databases.len(), manifest.rows());
    let (attachments, bytes) = (manifest.attachments.count, manifest.size_bytes());
    let dir = args.dir.display();
    match talk.language() {
        Language::German => talk.data(format_args!(
            "Sicherung in {dir}: {databases} Datenbanken mit {rows} Zeilen, {attachments} Anlagen, {bytes} Bytes, Stand {}",
            manifest.moment
        ))?,
        Language::English => talk.data(format_args!(
            "backup in {dir}: {databases} databases with {rows} rows, {attachments} attachments, {bytes} bytes, as of {}",
            manifest.moment
        ))?,
    }
    talk.say(talk.pick(
        "Nicht enthalten und getrennt aufzubewahren (Schlüssel und Geheimnisse verschlüsselt):",
        "Not in it, keep it besides (keys and secrets encrypted):",
    ));
    for path in &manifest.keep_besides {
        talk.say(format_args!("  {}", path.display()));
    }
    Ok(())
}
