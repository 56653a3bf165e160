//! `amtsbote package check|preview`.

use std::path::{Path, PathBuf};

use amtsbote_adapter::{Difference, Package as Mapping, Report};
use amtsbote_problem::Findings;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::args::Package;
use crate::registry::Registry;
use crate::talk::{Form, Talk};
use crate::{folder, xsd};

pub(crate) fn run(args: &Package, talk: Talk) -> Result<()> {
    match args {
        Package::Check { dirs, xsd_dir } => check(dirs, xsd_dir.as_deref(), talk),
        Package::Preview {
            dir,
            input,
            receiver,
            xsd_dir,
        } => {
            let registry = Registry::new(&xsd::load(xsd_dir.as_deref(), talk)?);
            super::preview::run(
                dir,
                (input.as_deref(), receiver.as_deref()),
                &registry,
                talk,
            )
        }
    }
}

fn check(dirs: &[PathBuf], xsd_dir: Option<&Path>, talk: Talk) -> Result<()> {
    let registry = Registry::new(&xsd::load(xsd_dir, talk)?);
    let mut packages = Vec::new();
    for dir in dirs {
        packages.extend(found_in(dir)?);
    }
    let mut rows = Vec::new();
    let mut failed = 0_usize;
    for dir in &packages {
        let (report, notices) = check_one(dir, &registry, talk)?;
        failed += usize::from(!report.passed());
        if talk.form() == Form::Text {
            tell(dir, &report, talk)?;
            tell_notices(&notices, talk);
        }
        rows.push(row(dir, &report, &notices));
    }
    if talk.form() == Form::Json {
        talk.json(&json!(rows))?;
    }
    if failed > 0 {
        bail!(
            "{failed} of {} packages may not be activated",
            packages.len()
        );
    }
    Ok(())
}

/// `dir` itself if it is a package, else the packages below it.
fn found_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        if folder.join("package.toml").exists() {
            found.push(folder);
        } else {
            open.extend(folder::folders(&folder)?);
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("no package.toml in or below {}", dir.display());
    }
    Ok(found)
}

/// Reads a package; findings are told.
pub(crate) fn read(dir: &Path, talk: Talk) -> Result<Mapping> {
    Mapping::parse(folder::read(dir)?).map_err(|findings| {
        talk.findings(&findings);
        anyhow!("{} is not a mapping package", dir.display())
    })
}

fn check_one(dir: &Path, registry: &Registry, talk: Talk) -> Result<(Report, Findings)> {
    let package = read(dir, talk)?;
    let format = registry
        .format(&package.format)
        .with_context(|| format!("{} cannot be checked", dir.display()))?;
    Ok((package.check(format), format.notices(&package)))
}

fn tell(dir: &Path, report: &Report, talk: Talk) -> Result<()> {
    let mark = if report.passed() { "✓" } else { "✗" };
    talk.data(format_args!("{mark} {}", dir.display()))?;
    talk.findings(&report.faults);
    for result in &report.results {
        let mark = if result.passed() { "✓" } else { "✗" };
        talk.data(format_args!("    {mark} {}", result.name))?;
        talk.findings(&result.findings);
        for difference in &result.differences {
            talk.say(format_args!("      {}", describe(difference, talk)));
        }
    }
    Ok(())
}

/// What is not checked, and why.
fn tell_notices(notices: &Findings, talk: Talk) {
    for notice in notices {
        talk.say(format_args!(
            "    ! {} ({})",
            talk.pick(&notice.detail.de, &notice.detail.en),
            notice.rule
        ));
    }
}

fn describe(difference: &Difference, talk: Talk) -> String {
    match difference {
        Difference::NotMade { path } => format!(
            "{path}: {}",
            talk.pick("erwartet, aber nicht erzeugt", "expected, but not made")
        ),
        Difference::NotExpected { path } => format!(
            "{path}: {}",
            talk.pick("erzeugt, aber nicht erwartet", "made, but not expected")
        ),
        Difference::Content {
            path,
            line,
            expected,
            made,
        } => {
            let (want, got) = (
                talk.pick("erwartet", "expected"),
                talk.pick("erzeugt ", "made    "),
            );
            format!("{path}:{line}\n        {want}: {expected}\n        {got}: {made}")
        }
    }
}

fn row(dir: &Path, report: &Report, notices: &Findings) -> Value {
    let results: Vec<Value> = report
        .results
        .iter()
        .map(|result| {
            json!({ "example": result.name, "passed": result.passed(), "findings": result.findings,
                    "differences": result.differences.len() })
        })
        .collect();
    json!({ "package": dir, "passed": report.passed(), "faults": report.faults, "examples": results,
            "notices": notices })
}
