//! `amtsbote package preview DIR`: output, lineage and losses of one input.

use std::path::Path;

use amtsbote_adapter::{Example, Preview};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::package::read;
use crate::folder;
use crate::registry::Registry;
use crate::talk::{Form, Talk};

const NAME: &str = "preview";
const SHOWN_BYTES: usize = 100_000;

pub(crate) fn run(
    dir: &Path,
    (input, receiver): (Option<&Path>, Option<&Path>),
    registry: &Registry,
    talk: Talk,
) -> Result<()> {
    let mut package = read(dir, talk)?;
    let first = package
        .examples
        .first()
        .map(|example| example.name.clone())
        .unwrap_or_default();
    let name = match input {
        None => first,
        Some(input) => {
            // A further example, in memory only: the given input with the first example's surroundings.
            let prefix = format!("examples/{first}/");
            let surroundings: Vec<(String, Vec<u8>)> = package
                .files
                .iter()
                .filter_map(|(path, bytes)| {
                    Some((path.strip_prefix(&prefix)?.to_owned(), bytes.clone()))
                })
                .filter(|(path, _)| {
                    matches!(path.as_str(), "receiver.json" | "sender.json" | "case.toml")
                })
                .collect();
            for (path, bytes) in surroundings {
                package
                    .files
                    .insert(format!("examples/{NAME}/{path}"), bytes);
            }
            package.files.insert(
                format!("examples/{NAME}/input.json"),
                data_of(&folder::read_file(input)?)?,
            );
            package.examples.push(Example {
                name: NAME.to_owned(),
                about: String::new(),
            });
            NAME.to_owned()
        }
    };
    if let Some(receiver) = receiver {
        package.files.insert(
            format!("examples/{name}/receiver.json"),
            receiver_json(receiver)?,
        );
    }
    let format = registry.format(&package.format)?;
    let preview = package.preview(format, &name).map_err(|findings| {
        talk.findings(&findings);
        anyhow!("{} cannot be used", dir.display())
    })?;
    tell(&preview, talk)
}

/// Data alone, or the `data` of an intake request.
fn data_of(bytes: &[u8]) -> Result<Vec<u8>> {
    let value: Value = serde_json::from_slice(bytes).context("the input is not JSON")?;
    let data = value
        .get("data")
        .filter(|_| value.get("service").is_some() || value.get("destinationId").is_some());
    Ok(data.map_or_else(|| bytes.to_vec(), |data| data.to_string().into_bytes()))
}

fn receiver_json(path: &Path) -> Result<Vec<u8>> {
    let text = folder::read_text(path)?;
    let value: Value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) => toml::from_str(&text)
            .with_context(|| format!("{} is neither JSON nor TOML", path.display()))?,
    };
    Ok(value
        .get("receiver")
        .unwrap_or(&value)
        .to_string()
        .into_bytes())
}

fn tell(preview: &Preview, talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        talk.json(&row(preview))?;
    } else {
        show(preview, talk)?;
    }
    if preview.findings.is_empty() {
        Ok(())
    } else {
        bail!("the submission would be refused")
    }
}

fn show(preview: &Preview, talk: Talk) -> Result<()> {
    for (path, bytes) in &preview.files {
        talk.data(format_args!("── {path}  ({} bytes)", bytes.len()))?;
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= SHOWN_BYTES => talk.data(text.trim_end())?,
            Ok(_) | Err(_) => {
                talk.data(talk.pick("   (nicht als Text gezeigt)", "   (not shown as text)"))?;
            }
        }
    }
    talk.data(format_args!("── {}", talk.pick("Herkunft", "lineage")))?;
    for line in &preview.lineage {
        let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
        let at = line
            .template_line
            .map(|at| format!("  :{at}"))
            .unwrap_or_default();
        talk.data(format_args!(
            "{}  ←  {}{at}",
            line.output,
            sources.join(", ")
        ))?;
    }
    talk.data(format_args!(
        "── {} ({})",
        talk.pick("Verluste", "losses"),
        preview.losses.len()
    ))?;
    for loss in &preview.losses {
        talk.data(loss)?;
    }
    talk.findings(&preview.findings);
    Ok(())
}

fn row(preview: &Preview) -> Value {
    let files: Vec<Value> = preview
        .files
        .iter()
        .map(|(path, bytes)| json!({ "path": path, "bytes": bytes.len(), "text": std::str::from_utf8(bytes).ok() }))
        .collect();
    let lineage: Vec<Value> = preview
        .lineage
        .iter()
        .map(|line| {
            let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
            json!({ "output": line.output, "sources": sources, "templateLine": line.template_line,
                    "conversion": line.conversion })
        })
        .collect();
    json!({ "files": files, "lineage": lineage, "losses": preview.losses, "findings": preview.findings })
}
