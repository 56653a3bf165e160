//! `amtsbote settings check|explain`.

use amtsbote_settings::{REFERENCE, Settings as File};
use anyhow::{Result, bail};
use serde_json::json;

use crate::args::{Settings, SettingsFile};
use crate::folder;
use crate::talk::{Form, Talk};

pub(crate) fn run(args: &Settings, talk: Talk) -> Result<()> {
    match args {
        Settings::Check(file) => check(file, talk),
        Settings::Explain { prefix } => explain(prefix.as_deref().unwrap_or_default(), talk),
    }
}

/// Reads the settings; tells all faults at once.
pub(crate) fn load(file: &SettingsFile, talk: Talk) -> Result<File> {
    let text = folder::read_text(&file.settings)?;
    File::parse(&text).map_err(|faults| {
        for fault in &faults {
            if fault.is_syntax {
                talk.say(format_args!("  ✗ {}", talk.toml(&fault.what)));
            } else {
                talk.say(format_args!("  ✗ {}: {}", fault.key, fault.what));
            }
        }
        let (path, count) = (file.settings.display(), faults.len());
        talk.error(
            format_args!(
                "{path}: fehlerhafte Stellen: {count}; was jeder Schlüssel bedeutet, sagt `amtsbote settings explain`"
            ),
            format_args!(
                "{path} has {count} faults; `amtsbote settings explain` tells what each key means"
            ),
        )
    })
}

fn check(file: &SettingsFile, talk: Talk) -> Result<()> {
    let settings = load(file, talk)?;
    let missing = super::serve::missing_files(&settings, &file.settings);
    for path in &missing {
        talk.say(format_args!(
            "  ✗ {} {}",
            path.display(),
            talk.pick("fehlt", "is missing")
        ));
    }
    if !missing.is_empty() {
        let count = missing.len();
        return Err(talk.error(
            format_args!("Dateien oder Ordner fehlen, die die Einstellungen nennen: {count}"),
            format_args!("{count} files or folders that the settings name are missing"),
        ));
    }
    match talk.form() {
        Form::Json => talk.json(&json!({ "valid": true }))?,
        Form::Text => talk.data(talk.pick("Einstellungen in Ordnung", "settings are fine"))?,
    }
    Ok(())
}

fn explain(prefix: &str, talk: Talk) -> Result<()> {
    let chosen: Vec<_> = REFERENCE
        .iter()
        .filter(|entry| entry.key.starts_with(prefix))
        .collect();
    if chosen.is_empty() {
        bail!("no key begins with {prefix:?}");
    }
    if talk.form() == Form::Json {
        let rows: Vec<_> = chosen
            .iter()
            .map(|entry| json!({ "key": entry.key, "about": entry.about }))
            .collect();
        talk.json(&json!(rows))?;
        return Ok(());
    }
    for entry in chosen {
        talk.data(format_args!("{}\n    {}", entry.key, entry.about))?;
    }
    Ok(())
}
