//! `amtsbote schema add|list`.

use amtsbote_validate::codes::CodeList;
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
        let (files, namespaces) = schemas(added);
        talk.data(format_args!(
            "{}  ({files} {})",
            added.name,
            talk.pick("Dateien", "files")
        ))?;
        for namespace in namespaces {
            talk.data(format_args!("    {namespace}"))?;
        }
        for list in &added.lists {
            talk.data(format_args!("    {} {}", list.uri(), list.version()))?;
        }
    }
    Ok(())
}

/// How many schema files, and their namespaces.
fn schemas(added: &Added) -> (usize, Vec<&str>) {
    added.set.as_ref().map_or((0, Vec::new()), |set| {
        (set.contents().len(), set.namespaces())
    })
}

fn row(added: &Added) -> Value {
    let (files, namespaces) = schemas(added);
    let list = |list: &CodeList| json!({ "uri": list.uri(), "version": list.version() });
    let lists: Vec<Value> = added.lists.iter().map(list).collect();
    json!({ "name": added.name, "files": files, "namespaces": namespaces, "codeLists": lists })
}
