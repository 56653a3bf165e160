//! `cargo xtask test`: says what the tests need and what is missing, then runs them all.
//!
//! With `CI=true` a missing tool is a failure here, and missing public schemas and vectors are one in the tests that read them:
//! nothing is skipped silently there. Elsewhere those tests say why they skip.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::{say, tree};

/// Programs some tests call, and where they come from.
const TOOLS: &[(&str, &str)] = &[
    (
        "xmllint",
        "Debian package libxml2-utils; the second opinion on XSD",
    ),
    (
        "/usr/sbin/sshd",
        "Debian package openssh-server; the peer of the SFTP transport",
    ),
    (
        "nginx",
        "Debian package nginx-light; a peer of the HTTP transport",
    ),
    (
        "openssl",
        "Debian package openssl; opens what the mail transport sends",
    ),
];

/// Looks, says, runs.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let shared = shared();
    let reasons = missing(&shared);
    for reason in &reasons {
        say(&format!("missing: {reason}"));
    }
    if !reasons.is_empty() && variable("CI").is_some_and(|value| value == "true") {
        say("with CI=true no test may be skipped: install what is missing");
        return Ok(ExitCode::FAILURE);
    }
    let cargo = variable("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--workspace", "--locked"])
        .args(arguments)
        .current_dir(tree::root())
        .env("AMTSBOTE_SHARED", &shared)
        .status()
        .context("cargo could not be started")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Folder of public schemas, samples and vectors that are not part of this project.
fn shared() -> PathBuf {
    variable("AMTSBOTE_SHARED").map_or_else(|| tree::root().join("../shared"), PathBuf::from)
}

fn missing(shared: &std::path::Path) -> Vec<String> {
    let tools = TOOLS.iter().filter(|(tool, _)| !is_installed(tool));
    let mut reasons: Vec<String> = tools
        .map(|(tool, source)| format!("{tool} ({source})"))
        .collect();
    if !shared.is_dir() {
        reasons.push(format!(
            "{} (official schemas and test vectors; set AMTSBOTE_SHARED)",
            shared.display()
        ));
    }
    reasons
}

fn is_installed(tool: &str) -> bool {
    let quiet = Command::new(tool)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program for developers; its environment is its interface"
)]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        assert!(!is_installed("a-program-nobody-has"));
        let reasons = missing(std::path::Path::new("no-such-folder"));
        assert!(
            reasons
                .iter()
                .any(|reason| reason.contains("no-such-folder")),
            "{reasons:?}"
        );
    }
}
