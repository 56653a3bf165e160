//! `amtsbote package activate|rollback|list`: versions that are kept, one of them active.

use std::path::{Path, PathBuf};

use amtsbote_adapter::Package as Mapping;
use anyhow::{Result, anyhow};
use serde_json::json;

use super::{describe, parse, read};
use crate::args::{KeptPackages, SettingsFile};
use crate::folder;
use crate::packages::{Pointer, Store, Turn};
use crate::registry::Registry;
use crate::talk::{Form, Talk};

/// The folder of kept packages.
pub(super) fn dir(kept: &KeptPackages, talk: Talk) -> Result<PathBuf> {
    let Some(settings) = &kept.settings else {
        return Ok(kept.packages_dir.clone());
    };
    let file = SettingsFile {
        settings: settings.clone(),
    };
    let parsed = crate::commands::settings::load(&file, talk)?;
    let agent = parsed
        .agent
        .ok_or_else(|| anyhow!("{} has no [agent]", settings.display()))?;
    let base = settings.parent().unwrap_or(Path::new(""));
    Ok(base.join(agent.packages_dir))
}

/// What marks of open places mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// Somebody has to look.
    Open,
    /// Somebody has looked: the constants of the sample are those of the procedure.
    Meant,
}

pub(super) fn activate(
    (from, marks): (&Path, Marks),
    kept: &KeptPackages,
    registry: &Registry,
    talk: Talk,
) -> Result<()> {
    let package = read(from, talk)?;
    let store = Store::new(&dir(kept, talk)?);
    demand_passed(&package, registry, talk)?;
    demand_confirmed(&package, marks, talk)?;
    let (name, version) = (package.name.to_string(), package.version.clone());
    let before = store.pointer(&name)?.map(|pointer| pointer.active);
    store.keep(&name, &version, &folder::read(from)?, talk)?;
    let pointer = store.point(&name, &version, Turn::Forward)?;
    tell(&name, before.as_deref(), &pointer, talk)
}

pub(super) fn rollback(
    (name, to): (&str, Option<&str>),
    kept: &KeptPackages,
    registry: &Registry,
    talk: Talk,
) -> Result<()> {
    let store = Store::new(&dir(kept, talk)?);
    let pointer = store.pointer(name)?.ok_or_else(|| {
        talk.error(
            format_args!("vom Paket {name} ist keine Version aktiv; `amtsbote package list` zeigt, was da ist"),
            format_args!("no version of the package {name} is active; `amtsbote package list` shows what is there"),
        )
    })?;
    let version = to
        .map(str::to_owned)
        .or_else(|| pointer.before.last().cloned())
        .ok_or_else(|| {
            talk.error(
                format_args!(
                    "vor {name}@{} war keine Version aktiv; mit --to eine nennen",
                    pointer.active
                ),
                format_args!(
                    "no version was active before {name}@{}; name one with --to",
                    pointer.active
                ),
            )
        })?;
    if !store.has(name, &version) {
        return Err(talk.error(
            format_args!(
                "{name}@{version} ist nicht da; `amtsbote package list` zeigt die Versionen"
            ),
            format_args!(
                "{name}@{version} is not there; `amtsbote package list` shows the versions"
            ),
        ));
    }
    let package = parse(
        store.files(name, &version)?,
        &format!("{name}@{version}"),
        talk,
    )?;
    demand_passed(&package, registry, talk)?;
    let after = store.point(name, &version, Turn::Back)?;
    tell(name, Some(&pointer.active), &after, talk)
}

/// What a proposal left open would go to the procedure with every application.
fn demand_confirmed(package: &Mapping, marks: Marks, talk: Talk) -> Result<()> {
    let open = super::open::unconfirmed(package);
    super::tell_notices(&open, talk);
    let mut refused = open
        .iter()
        .filter(|notice| notice.rule != super::open::EMPTY);
    let only_marks = refused
        .clone()
        .all(|notice| notice.rule == super::open::MARKED);
    if refused.next().is_none() || (only_marks && marks == Marks::Meant) {
        return Ok(());
    }
    let what = format!("{}@{}", package.name, package.version);
    if only_marks {
        return Err(talk.error(
            format_args!("{what} wird nicht aktiv: Werte des Musters, etwa Name oder Konto einer erfundenen Person, gingen mit jedem Antrag ans Fachverfahren. Ist alles, was darüber steht, so gemeint (Konstanten des Verfahrens): --accept-open"),
            format_args!("{what} does not become active: values of the sample, such as name or account of an invented person, would go to the procedure with every application. If all that stands above is meant so (constants of the procedure): --accept-open"),
        ));
    }
    Err(talk.error(
        format_args!("{what} wird nicht aktiv: was darüber steht, ginge so ans Fachverfahren"),
        format_args!(
            "{what} does not become active: what stands above would go to the procedure as it is"
        ),
    ))
}

/// A draft, or a package that fails its own examples, does not become active.
fn demand_passed(package: &Mapping, registry: &Registry, talk: Talk) -> Result<()> {
    let what = format!("{}@{}", package.name, package.version);
    if package.is_draft {
        return Err(talk.error(
            format_args!("{what} ist ein Entwurf: Zuordnungen bestätigen, dann die Zeile `draft = true` in package.toml entfernen"),
            format_args!("{what} is a draft: confirm the matches, then remove the line `draft = true` from package.toml"),
        ));
    }
    let report = package.check(registry.format(&package.format)?);
    if report.passed() {
        return Ok(());
    }
    talk.findings(&report.faults);
    for result in report.results.iter().filter(|result| !result.passed()) {
        talk.say(format_args!("  ✗ {}", result.name));
        talk.findings(&result.findings);
        for difference in &result.differences {
            talk.say(format_args!("      {}", describe(difference, talk)));
        }
    }
    Err(talk.error(
        format_args!("{what} besteht seine eigenen Beispiele nicht und wird nicht aktiv; `amtsbote package check` zeigt mehr"),
        format_args!("{what} fails its own examples and does not become active; `amtsbote package check` tells more"),
    ))
}

fn tell(name: &str, before: Option<&str>, pointer: &Pointer, talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        talk.json(&json!({ "package": name, "active": pointer.active, "activeBefore": before }))?;
        return Ok(());
    }
    let now = &pointer.active;
    match before {
        Some(before) if before != now => talk.data(format_args!(
            "✓ {name}@{now} {} ({} {before})",
            talk.pick("ist aktiv", "is active"),
            talk.pick("vorher", "before:")
        ))?,
        Some(_) => talk.data(format_args!(
            "✓ {name}@{now} {}",
            talk.pick("war schon aktiv", "was active already")
        ))?,
        None => talk.data(format_args!(
            "✓ {name}@{now} {}",
            talk.pick("ist aktiv", "is active")
        ))?,
    }
    talk.say(talk.pick(
        "Ein laufender Agent übernimmt das binnen Sekunden; was schon begonnen ist, behält seine Version.",
        "A running agent takes it up within seconds; what has begun keeps its version.",
    ));
    Ok(())
}

pub(super) fn list(kept: &KeptPackages, talk: Talk) -> Result<()> {
    let dir = dir(kept, talk)?;
    let entries = Store::new(&dir).list()?;
    if talk.form() == Form::Json {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                json!({ "package": entry.name, "versions": entry.versions,
                        "active": entry.pointer.as_ref().map(|pointer| &pointer.active),
                        "before": entry.pointer.as_ref().map(|pointer| &pointer.before) })
            })
            .collect();
        talk.json(&json!(rows))?;
        return Ok(());
    }
    for entry in &entries {
        talk.data(&entry.name)?;
        for version in &entry.versions {
            let is_active = entry
                .pointer
                .as_ref()
                .is_some_and(|pointer| pointer.active == *version);
            let mark = if is_active {
                talk.pick("  ← aktiv", "  ← active")
            } else {
                ""
            };
            talk.data(format_args!("    {version}{mark}"))?;
        }
    }
    if entries.is_empty() {
        talk.say(format_args!(
            "{} {}; {}",
            talk.pick("keine Pakete in", "no packages in"),
            dir.display(),
            talk.pick(
                "`amtsbote package activate` legt welche ab",
                "`amtsbote package activate` keeps some"
            )
        ));
    }
    Ok(())
}
