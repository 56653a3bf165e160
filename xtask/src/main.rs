//! `cargo xtask`: what holds the house together and is not the compiler's business.
//!
//! ```text
//!  tidy ─► tree (files of the checkout) ─► rules ─► complaints, and a list of what is large
//!  docs ─► generated pages ─► docs/
//!  test ─► looks for what the tests need ─► cargo test
//!  crash ─► the crash suite, for as long as one wants
//! ```
//!
//! It must never change a file, except for `docs`. Start reading at [`tidy`].

mod complaint;
mod crash;
mod generated;
mod layers;
mod links;
mod listed;
mod shape;
mod sizes;
mod states;
mod telemetry;
mod testing;
mod tidy;
mod tree;
mod unused;
mod wording;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};

use tree::Tree;

const USAGE: &str =
    "usage: cargo xtask tidy | docs | test [arguments of cargo test] | crash [options]
  tidy  check layers, names, wording, links and generated pages; list what is large
  docs  write the generated pages
  test  look for what the tests need, then run them all
  crash kills gateway and agent again and again, and checks what is left";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let (task, rest) = (args.next(), args.collect::<Vec<_>>());
    match (task.as_deref(), rest.as_slice()) {
        (Some("tidy"), []) => tidy::run(&Tree::of_this_checkout()?),
        (Some("docs"), []) => {
            generated::write(&Tree::of_this_checkout()?).map(|()| ExitCode::SUCCESS)
        }
        (Some("test"), rest) => testing::run(rest),
        (Some("crash"), rest) => crash::run(rest),
        _ => bail!("{USAGE}\n{}", crash::USAGE),
    }
}

/// A line on stdout. A reader that went away is no fault of ours.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
