//! `amtsbote package diff A B`: settings, templates, code maps, and what comes out of every example.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use amtsbote_adapter::{Encoding, Example, Files, Package as Mapping, Preview};
use anyhow::Result;
use serde_json::{Value, json};

use super::{kept, parse, show_lines};
use crate::args::KeptPackages;
use crate::folder;
use crate::lines::{Line, differing};
use crate::packages::Store;
use crate::registry::Registry;
use crate::talk::{Form, Talk};

/// One thing that differs.
struct Change {
    /// A file of the package, or `examples/<name> → <file>` for output.
    at: String,
    lines: Vec<Line>,
    /// Said instead of lines: findings of an example, bytes that are no text.
    words: Vec<String>,
}

/// All that differs.
struct Changes {
    package: Vec<Change>,
    outputs: Vec<Change>,
}

pub(super) fn run(
    (from, to): (&str, &str),
    kept: &KeptPackages,
    registry: &Registry,
    talk: Talk,
) -> Result<()> {
    let store = Store::new(&kept::dir(kept, talk)?);
    let (one, other) = (named(from, &store, talk)?, named(to, &store, talk)?);
    let changes = Changes {
        package: of_files(&one.files, &other.files),
        outputs: of_outputs(&one, &other, registry, talk)?,
    };
    if talk.form() == Form::Json {
        talk.json(&json!({ "from": label(&one), "to": label(&other), "package": rows(&changes.package), "outputs": rows(&changes.outputs) }))?;
        return Ok(());
    }
    show(talk.pick("── Paket", "── package"), &changes.package, talk)?;
    show(
        talk.pick("── Ausgaben der Beispiele", "── output of the examples"),
        &changes.outputs,
        talk,
    )
}

fn label(package: &Mapping) -> String {
    format!("{}@{}", package.name, package.version)
}

/// A folder, or `name`, `name@version` of what is kept.
fn named(text: &str, store: &Store, talk: Talk) -> Result<Mapping> {
    if Path::new(text).is_dir() {
        return parse(folder::read(Path::new(text))?, text, talk);
    }
    let unknown = || {
        talk.error(
            format_args!("{text} ist weder ein Ordner noch ein Paket, das da ist; `amtsbote package list` zeigt, was da ist"),
            format_args!("{text} is neither a folder nor a package that is kept; `amtsbote package list` shows what is there"),
        )
    };
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, version.to_owned()),
        None => (text, store.pointer(text)?.ok_or_else(unknown)?.active),
    };
    if !store.has(name, &version) {
        return Err(unknown());
    }
    parse(store.files(name, &version)?, text, talk)
}

/// Everything but examples: template, column list, code maps, package.toml.
fn of_files(one: &Files, other: &Files) -> Vec<Change> {
    let paths: BTreeSet<&String> = one
        .keys()
        .chain(other.keys())
        .filter(|path| !path.starts_with("examples/"))
        .collect();
    paths
        .into_iter()
        .filter_map(|path| compared(path.clone(), one.get(path), other.get(path)))
        .collect()
}

fn compared(at: String, one: Option<&Vec<u8>>, other: Option<&Vec<u8>>) -> Option<Change> {
    if one == other {
        return None;
    }
    let text = |bytes: Option<&Vec<u8>>| match bytes {
        None => Some(String::new()),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.to_owned()),
            // One byte per character: what differs shows in any of these encodings.
            Err(_) if super::preview::is_text(bytes) => Some(Encoding::Windows1252.shown(bytes)),
            Err(_) => None,
        },
    };
    let (lines, words) = match (text(one), text(other)) {
        (Some(one), Some(other)) => (differing(&one, &other), Vec::new()),
        (None, _) | (_, None) => (Vec::new(), vec!["≠".to_owned()]),
    };
    Some(Change { at, lines, words })
}

/// Both packages on all examples of both.
fn of_outputs(
    one: &Mapping,
    other: &Mapping,
    registry: &Registry,
    talk: Talk,
) -> Result<Vec<Change>> {
    let names: BTreeSet<&str> = one
        .examples
        .iter()
        .chain(&other.examples)
        .map(|example| example.name.as_str())
        .collect();
    let (formats, count) = (
        (
            registry.format(&one.format)?,
            registry.format(&other.format)?,
        ),
        names.len(),
    );
    let mut changes = Vec::new();
    for (nr, name) in names.into_iter().enumerate() {
        talk.progress(&format!("{}/{count} {name}", nr + 1));
        // The newer package's example counts; one it no longer has is taken from the older.
        let case = example_files(other, name)
            .or_else(|| example_files(one, name))
            .unwrap_or_default();
        let before = outcome(&with(one, name, &case), |package| {
            package.preview(formats.0, name)
        });
        let after = outcome(&with(other, name, &case), |package| {
            package.preview(formats.1, name)
        });
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for path in paths {
            let at = format!("examples/{name} → {path}");
            changes.extend(compared(at, before.get(path), after.get(path)));
        }
    }
    talk.progress_done();
    Ok(changes)
}

/// What an example gives; findings of the package itself stand as `findings.txt`, too.
fn outcome(
    package: &Mapping,
    preview: impl Fn(&Mapping) -> Result<Preview, amtsbote_problem::Findings>,
) -> Files {
    match preview(package) {
        Ok(preview) => preview.files,
        Err(findings) => {
            let lines: BTreeSet<String> = findings
                .iter()
                .map(|finding| format!("{} {}\n", finding.rule, finding.at))
                .collect();
            Files::from([(
                "findings.txt".to_owned(),
                lines.into_iter().collect::<String>().into_bytes(),
            )])
        }
    }
}

fn example_files(package: &Mapping, name: &str) -> Option<Files> {
    let prefix = format!("examples/{name}/");
    let files: Files = package
        .files
        .iter()
        .filter(|(path, _)| {
            path.starts_with(&prefix) && !path.starts_with(&format!("{prefix}expected/"))
        })
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    (!files.is_empty()).then_some(files)
}

/// The package with the example's input replaced.
fn with(package: &Mapping, name: &str, case: &Files) -> Mapping {
    let mut package = package.clone();
    let prefix = format!("examples/{name}/");
    package.files.retain(|path, _| !path.starts_with(&prefix));
    package.files.extend(case.clone());
    if !package.examples.iter().any(|example| example.name == name) {
        package.examples.push(Example {
            name: name.to_owned(),
            about: String::new(),
        });
    }
    package
}

fn show(heading: &str, changes: &[Change], talk: Talk) -> Result<()> {
    talk.data(format_args!("{heading} ({})", changes.len()))?;
    if changes.is_empty() {
        talk.data(talk.pick("  kein Unterschied", "  no difference"))?;
    }
    for change in changes {
        talk.data(format_args!("  {}", change.at))?;
        for word in &change.words {
            talk.data(format_args!("    {word}"))?;
        }
        show_lines(&change.lines, talk)?;
    }
    Ok(())
}

fn rows(changes: &[Change]) -> Value {
    let row = |change: &Change| {
        let mut sides: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for line in &change.lines {
            match line {
                Line::Gone(at, text) => sides
                    .entry("gone")
                    .or_default()
                    .push(json!({ "line": at, "text": text })),
                Line::New(at, text) => sides
                    .entry("new")
                    .or_default()
                    .push(json!({ "line": at, "text": text })),
            }
        }
        json!({ "at": change.at, "gone": sides.get("gone"), "new": sides.get("new") })
    };
    changes.iter().map(row).collect()
}
