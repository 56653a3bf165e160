//! `cargo xtask crash`: the crash suite of `crates/cli/tests/it/crash`, for as long as one wants.
//!
//! The suite is a test, told by its environment what to do; here that is made of options, and its results are gathered.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::{say, testing, tree};

pub(crate) const USAGE: &str = "crash options:
  --kills N       kills per shape (100, or none if --cuts is given)
  --cuts N        power cuts per shape, on a disk in memory that is mounted by FUSE (none)
  --points        die once at each fail point (debug builds only)
  --links NAME    cut the links of a cluster, one at a time: all, or those whose name has it (`bucket`)
  --seed S        repeat a run
  --shape NAME    one_process | apart | over_postgres | cluster; all unless said
  --program PATH  a binary of the program; the debug build unless said
  --older PATH    a binary of an older one: processes are begun as one and as the other by turns
  --json          results as JSON lines on stdout, everything else on stderr";

/// Kills per shape if nothing is said.
const KILLS: u32 = 100;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    kills: Option<u32>,
    cuts: Option<u32>,
    points: Option<u32>,
    links: Option<String>,
    seed: Option<u64>,
    shape: Option<String>,
    program: Option<PathBuf>,
    older: Option<PathBuf>,
    json: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            kills: None,
            cuts: None,
            points: None,
            links: None,
            seed: None,
            shape: None,
            program: None,
            older: None,
            json: false,
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            if name == "--json" {
                options.json = true;
                continue;
            }
            if name == "--points" {
                options.points = Some(1);
                continue;
            }
            let value = rest
                .next()
                .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
            let number = || format!("{name} needs a number");
            match name.as_str() {
                "--kills" => options.kills = Some(value.parse().with_context(number)?),
                "--cuts" => options.cuts = Some(value.parse().with_context(number)?),
                "--links" => options.links = Some(value.clone()),
                "--seed" => options.seed = Some(value.parse().with_context(number)?),
                "--program" => options.program = Some(value.into()),
                "--older" => options.older = Some(value.into()),
                "--shape"
                    if matches!(
                        value.as_str(),
                        "one_process" | "apart" | "over_postgres" | "cluster"
                    ) =>
                {
                    options.shape = Some(value.clone());
                }
                _ => bail!("{name} {value} is not known\n{USAGE}"),
            }
        }
        if (options.kills, options.cuts, options.points) == (None, None, None)
            && options.links.is_none()
        {
            options.kills = Some(KILLS);
        }
        Ok(options)
    }

    /// The tests to run.
    fn filters(&self) -> Vec<String> {
        const CLUSTER: &str = "crash::cluster::three_gateways";
        if self.links.is_some() {
            return vec!["crash::links".to_owned()];
        }
        let shape = match self.shape.as_deref() {
            Some("cluster") => return vec![CLUSTER.to_owned()],
            None => "",
            Some("apart") => "_apart",
            Some("over_postgres") => "_over_postgres",
            Some(_) => "_in_one_process",
        };
        let suites = [
            self.kills.map(|_| "crash"),
            self.cuts.map(|_| "crash::power"),
        ];
        let suites = suites.into_iter().flatten();
        let points = self.points.map(|_| "crash::points".to_owned());
        suites
            .map(|suite| format!("{suite}::gateway_and_agent{shape}"))
            .chain(points)
            .chain(
                self.kills
                    .filter(|_| self.shape.is_none())
                    .map(|_| CLUSTER.to_owned()),
            )
            .collect()
    }
}

/// Runs, and tells how it ended.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let report = tree::root().join(format!("target/crash-{}.jsonl", std::process::id()));
    let cargo = testing::variable("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "test",
            "--locked",
            "-p",
            "amtsbote-cli",
            "--test",
            "it",
            "--",
            "--nocapture",
            "--test-threads=1",
        ])
        .args(options.filters())
        .current_dir(tree::root())
        .env("AMTSBOTE_CRASH_REPORT", &report);
    for (name, value) in [
        ("KILLS", options.kills),
        ("CUTS", options.cuts),
        ("POINTS", options.points),
    ] {
        if let Some(value) = value {
            command.env(format!("AMTSBOTE_CRASH_{name}"), value.to_string());
        }
    }
    if let Some(links) = &options.links {
        command.env("AMTSBOTE_CRASH_LINKS", links);
    }
    if let Some(seed) = options.seed {
        command.env("AMTSBOTE_SEED", seed.to_string());
    }
    for (name, program) in [
        ("AMTSBOTE_PROGRAM", &options.program),
        ("AMTSBOTE_CRASH_OLDER", &options.older),
    ] {
        let Some(program) = program else { continue };
        let program = program
            .canonicalize()
            .with_context(|| format!("{} is not there", program.display()))?;
        command.env(name, program);
    }
    if options.json {
        command.stdout(Stdio::null());
    }
    let status = command.status().context("cargo could not be started")?;
    let results = std::fs::read_to_string(&report).unwrap_or_default();
    if options.json {
        results.lines().for_each(say);
    }
    // What it held was said; it may never have been made.
    drop(std::fs::remove_file(&report));
    Ok(if status.success() && !results.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let options = parse("--kills 7 --seed 9 --shape apart --json").unwrap();
        assert_eq!((options.kills, options.seed), (Some(7), Some(9)));
        assert_eq!(options.filters(), ["crash::gateway_and_agent_apart"]);
        assert_eq!(
            (options.shape.as_deref(), options.json),
            (Some("apart"), true)
        );
        let options = parse("--cuts 60 --shape one_process").unwrap();
        assert_eq!((options.kills, options.cuts), (None, Some(60)));
        assert_eq!(
            options.filters(),
            ["crash::power::gateway_and_agent_in_one_process"]
        );
        let options = parse("--kills 7 --shape cluster").unwrap();
        assert_eq!(options.filters(), ["crash::cluster::three_gateways"]);
        assert_eq!(parse("").unwrap().filters().len(), 2);
        assert_eq!(parse("").unwrap().kills, Some(KILLS));
        assert_eq!(parse("--links all").unwrap().filters(), ["crash::links"]);
        for wrong in ["--kills", "--kills x", "--shape y", "--rounds 3"] {
            parse(wrong).unwrap_err();
        }
    }
}
