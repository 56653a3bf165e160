//! `cargo xtask crash`: the crash suite of `crates/cli/tests/it/crash`, for as long as one wants.
//!
//! The suite is a test, told by its environment what to do; here that is made of options, and its results are gathered.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::{say, testing, tree};

pub(crate) const USAGE: &str = "crash options:
  --kills N       kills per shape (100)
  --seed S        repeat a run
  --shape NAME    one_process | apart; both unless said
  --program PATH  a binary of the program; the debug build unless said
  --json          results as JSON lines on stdout, everything else on stderr";

#[derive(Debug, PartialEq, Eq)]
struct Options {
    kills: u32,
    seed: Option<u64>,
    shape: Option<String>,
    program: Option<PathBuf>,
    json: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            kills: 100,
            seed: None,
            shape: None,
            program: None,
            json: false,
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            if name == "--json" {
                options.json = true;
                continue;
            }
            let value = rest
                .next()
                .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
            let number = || format!("{name} needs a number");
            match name.as_str() {
                "--kills" => options.kills = value.parse().with_context(number)?,
                "--seed" => options.seed = Some(value.parse().with_context(number)?),
                "--program" => options.program = Some(value.into()),
                "--shape" if matches!(value.as_str(), "one_process" | "apart") => {
                    options.shape = Some(value.clone());
                }
                _ => bail!("{name} {value} is not known\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

/// Runs, and tells how it ended.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let report = tree::root().join(format!("target/crash-{}.jsonl", std::process::id()));
    let filter = match options.shape.as_deref() {
        None => "crash::gateway_and_agent".to_owned(),
        Some(shape) => format!(
            "crash::gateway_and_agent_{}",
            match shape {
                "apart" => "apart",
                _ => "in_one_process",
            }
        ),
    };
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
            &filter,
        ])
        .args(["--", "--nocapture", "--test-threads=1"])
        .current_dir(tree::root())
        .env("AMTSBOTE_CRASH_KILLS", options.kills.to_string())
        .env("AMTSBOTE_CRASH_REPORT", &report);
    if let Some(seed) = options.seed {
        command.env("AMTSBOTE_SEED", seed.to_string());
    }
    if let Some(program) = &options.program {
        let program = program
            .canonicalize()
            .with_context(|| format!("{} is not there", program.display()))?;
        command.env("AMTSBOTE_PROGRAM", program);
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
        assert_eq!((options.kills, options.seed), (7, Some(9)));
        assert_eq!(
            (options.shape.as_deref(), options.json),
            (Some("apart"), true)
        );
        for wrong in ["--kills", "--kills x", "--shape y", "--rounds 3"] {
            parse(wrong).unwrap_err();
        }
    }
}
