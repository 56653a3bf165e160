//! All rules over the whole checkout.

use std::process::ExitCode;

use anyhow::Result;

use crate::complaint::Complaint;
use crate::tree::Tree;
use crate::{generated, layers, links, listed, say, shape, sizes, telemetry, unused, wording};

/// Prints what is large and every complaint; fails if there is one.
pub(crate) fn run(tree: &Tree) -> Result<ExitCode> {
    for large in sizes::list(tree) {
        say(&large);
    }
    let complaints = complaints(tree)?;
    for complaint in &complaints {
        say(&complaint.to_string());
    }
    if complaints.is_empty() {
        say("tidy: in order");
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("tidy: {} complaints", complaints.len()));
    Ok(ExitCode::FAILURE)
}

fn complaints(tree: &Tree) -> Result<Vec<Complaint>> {
    let mut complaints = layers::check(tree)?;
    complaints.extend(shape::check(tree));
    complaints.extend(wording::check(tree));
    complaints.extend(links::check(tree));
    complaints.extend(listed::check(tree)?);
    complaints.extend(telemetry::check(tree));
    complaints.extend(unused::check(tree)?);
    complaints.extend(generated::check(tree));
    complaints.sort();
    complaints.dedup();
    Ok(complaints)
}
