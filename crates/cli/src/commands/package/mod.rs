//! `amtsbote package …`: from a sample of the procedure to an active package.

mod diff;
mod kept;
mod new;
mod open;
mod preview;
mod sample;

use std::path::{Path, PathBuf};

use amtsbote_adapter::{Difference, Package as Mapping, Report};
use amtsbote_problem::Findings;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::args::Package;
use crate::folder::Readers;
use crate::lines::{Line, differing};
use crate::registry::Registry;
use crate::talk::{Form, Talk};
use crate::{folder, xsd};

pub(crate) fn run(args: &Package, talk: Talk) -> Result<()> {
    let registry = |xsd_dir: &Option<PathBuf>| {
        xsd::load(xsd_dir.as_deref(), talk).map(|sets| Registry::new(&sets))
    };
    match args {
        Package::New(args) => new::run(args, talk),
        Package::Check { dirs, xsd_dir } => check(dirs, &registry(xsd_dir)?, talk),
        Package::Preview(args) => preview::run(args, &registry(&args.xsd_dir)?, talk),
        Package::Expect { dir, xsd_dir } => expect(dir, &registry(xsd_dir)?, talk),
        Package::Diff {
            from,
            to,
            kept,
            xsd_dir,
        } => diff::run((from, to), kept, &registry(xsd_dir)?, talk),
        Package::Activate {
            dir,
            accept_open,
            kept,
            xsd_dir,
        } => {
            let marks = if *accept_open {
                kept::Marks::Meant
            } else {
                kept::Marks::Open
            };
            kept::activate((dir, marks), kept, &registry(xsd_dir)?, talk)
        }
        Package::Rollback {
            name,
            to,
            kept,
            xsd_dir,
        } => kept::rollback((name, to.as_deref()), kept, &registry(xsd_dir)?, talk),
        Package::List { kept } => kept::list(kept, talk),
    }
}

fn check(dirs: &[PathBuf], registry: &Registry, talk: Talk) -> Result<()> {
    let mut packages = Vec::new();
    for dir in dirs {
        packages.extend(found_in(dir)?);
    }
    let mut rows = Vec::new();
    let mut failed = 0_usize;
    for (nr, dir) in packages.iter().enumerate() {
        talk.progress(&format!("{}/{} {}", nr + 1, packages.len(), dir.display()));
        let (report, notices) = check_one(dir, registry, talk)?;
        talk.progress_done();
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
        let of = packages.len();
        return Err(talk.error(
            format_args!("{failed} von {of} Paketen dürfen nicht aktiviert werden; ist die neue Ausgabe richtig, behält `amtsbote package expect` sie als erwartete"),
            format_args!("{failed} of {of} packages may not be activated; if the new output is right, `amtsbote package expect` keeps it as expected"),
        ));
    }
    Ok(())
}

/// Replaces the expected output by what the examples give now.
fn expect(dir: &Path, registry: &Registry, talk: Talk) -> Result<()> {
    let package = read(dir, talk)?;
    let made = package
        .bless(registry.format(&package.format)?)
        .map_err(|findings| {
            talk.findings(&findings);
            talk.error(
                format_args!(
                    "{} lässt sich nicht ausführen; die Befunde stehen darüber",
                    dir.display()
                ),
                format_args!("{} cannot be run; the findings stand above", dir.display()),
            )
        })?;
    let is_expected = |path: &&String| path.starts_with("examples/") && path.contains("/expected/");
    let surplus: Vec<&String> = package
        .files
        .keys()
        .filter(is_expected)
        .filter(|path| !made.contains_key(*path))
        .collect();
    let mut rows = Vec::new();
    for (path, bytes) in &made {
        let before = package.files.get(path);
        if before == Some(bytes) {
            continue;
        }
        tell_change(path, before.map(Vec::as_slice), bytes, talk)?;
        // Killed in between, some files are new and some old: `check` tells, and the next call ends it.
        folder::write(&dir.join(path), bytes, Readers::All)?;
        rows.push(
            json!({ "path": path, "change": if before.is_some() { "changed" } else { "new" } }),
        );
    }
    for path in surplus {
        std::fs::remove_file(dir.join(path)).with_context(|| format!("cannot remove {path}"))?;
        if talk.form() == Form::Text {
            talk.data(format_args!("- {path}"))?;
        }
        rows.push(json!({ "path": path, "change": "removed" }));
    }
    if talk.form() == Form::Json {
        talk.json(&json!(rows))?;
    } else if rows.is_empty() {
        talk.say(talk.pick("nichts zu ändern", "nothing to change"));
    }
    for example in package.examples.iter().map(|example| &example.name) {
        if made.contains_key(&format!("examples/{example}/expected/{FINDINGS}")) {
            talk.say(talk.pick(
                &format!("! {example}: es kommt keine Datei heraus, nur die Befunde in {FINDINGS}; sie gelten jetzt als richtig. War das nicht gemeint: `amtsbote package preview {} --example {example}`", dir.display()),
                &format!("! {example}: no file comes out, only the findings in {FINDINGS}; they count as right now. If that was not meant: `amtsbote package preview {} --example {example}`", dir.display()),
            ));
        }
    }
    Ok(())
}

/// What stands for the output of an example that the package refuses.
const FINDINGS: &str = "findings.txt";

fn tell_change(path: &str, before: Option<&[u8]>, after: &[u8], talk: Talk) -> Result<()> {
    if talk.form() == Form::Json {
        return Ok(());
    }
    let mark = if before.is_some() { "~" } else { "+" };
    talk.data(format_args!("{mark} {path}"))?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    if let (Some(before), Some(after)) = (before.and_then(text), text(after)) {
        let (before, after) = (preview::in_lines(before), preview::in_lines(after));
        show_lines(&differing(&before, &after), talk)?;
    }
    Ok(())
}

/// Lines of a difference, at most 60.
fn show_lines(lines: &[Line], talk: Talk) -> Result<()> {
    const SHOWN: usize = 60;
    for line in lines.iter().take(SHOWN) {
        match line {
            Line::Gone(at, text) => talk.data(format_args!("    - {at}: {text}"))?,
            Line::New(at, text) => talk.data(format_args!("    + {at}: {text}"))?,
        }
    }
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        talk.data(format_args!(
            "    … {more} {}",
            talk.pick("weitere Zeilen", "more lines")
        ))?;
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
        bail!(
            "no package.toml in or below {}; `amtsbote package new` makes one",
            dir.display()
        );
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

/// As [`read`], from files in memory.
fn parse(files: folder::Files, what: &str, talk: Talk) -> Result<Mapping> {
    Mapping::parse(files).map_err(|findings| {
        talk.findings(&findings);
        talk.error(
            format_args!("{what} ist kein Mapping-Paket"),
            format_args!("{what} is not a mapping package"),
        )
    })
}

fn check_one(dir: &Path, registry: &Registry, talk: Talk) -> Result<(Report, Findings)> {
    let package = read(dir, talk)?;
    let format = registry
        .format(&package.format)
        .with_context(|| format!("{} cannot be checked", dir.display()))?;
    let mut notices = format.notices(&package);
    notices.extend(open::unconfirmed(&package));
    Ok((package.check(format), notices))
}

fn tell(dir: &Path, report: &Report, talk: Talk) -> Result<()> {
    let mark = if report.passed() { "✓" } else { "✗" };
    talk.data(format_args!("{mark} {}", dir.display()))?;
    talk.findings(&report.faults);
    for result in &report.results {
        let mark = if result.passed() { "✓" } else { "✗" };
        let expected = dir.join("examples").join(&result.name).join("expected");
        let how = if result.passed() && expected.join(FINDINGS).exists() {
            talk.pick(
                " (keine Datei, Befunde wie erwartet)",
                " (no file, findings as expected)",
            )
        } else {
            ""
        };
        talk.data(format_args!("    {mark} {}{how}", result.name))?;
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
