//! `amtsbote schema add|list`.

use anyhow::Result;
use serde_json::{Value, json};

use crate::args::Schema;
use crate::talk::{Form, Talk};
use crate::xsd::{self, Added};

pub(crate) fn run(args: &Schema, talk: Talk) -> Result<()> {
    match args {
        Schema::Add { source, xsd_dir } => {
            let added = xsd::add(source, xsd_dir, talk)?;
            tell(&[added], talk)
        }
        Schema::List { xsd_dir } => tell(&xsd::load(Some(xsd_dir), talk)?, talk),
    }
}

fn tell(sets: &[Added], talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        let rows: Vec<Value> = sets.iter().map(row).collect();
        talk.json(&json!(rows))?;
        return Ok(());
    }
    if sets.is_empty() {
        talk.say(talk.pick(
            "keine Schemas; `amtsbote schema add DATEI` fügt welche hinzu",
            "no sets; `amtsbote schema add FILE` adds one",
        ));
    }
    for added in sets {
        let files = added.set.contents().len();
        talk.data(format_args!(
            "{}  ({files} {})",
            added.name,
            talk.pick("Dateien", "files")
        ))?;
        for namespace in added.set.namespaces() {
            talk.data(format_args!("    {namespace}"))?;
        }
    }
    Ok(())
}

fn row(added: &Added) -> Value {
    json!({ "name": added.name, "files": added.set.contents().len(), "namespaces": added.set.namespaces() })
}
