//! Examples as tests of a service's schema.

use amtsbote_problem::Findings;

use super::{Example, Expected, Service};
use crate::json::{Limits, parse};

/// How one example did.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleReport {
    /// Path in the folder.
    pub file: String,
    /// Where it is not as expected; empty when it is.
    pub differences: Vec<Difference>,
    /// All findings, for display.
    pub findings: Findings,
}

impl ExampleReport {
    /// Is the example as expected?
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// One difference between what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Expected, but not found.
    Missing(Expected),
    /// Found, but not expected.
    Unexpected(Expected),
}

pub(super) fn check(service: &Service, example: &Example) -> ExampleReport {
    let (findings, mut found) = match parse(
        service.example(&example.file).unwrap_or_default(),
        Limits::default(),
    ) {
        Ok(content) => {
            let named = service.schema.named(&content);
            let found = named
                .iter()
                .map(|named| Expected {
                    at: named.finding.at.clone(),
                    rule: named.finding.rule.clone(),
                    member: named.member.clone(),
                })
                .collect();
            (
                named.into_iter().map(|named| named.finding).collect(),
                found,
            )
        }
        Err(findings) => {
            let found: Vec<_> = findings
                .iter()
                .map(|finding| Expected {
                    at: finding.at.clone(),
                    rule: finding.rule.clone(),
                    member: None,
                })
                .collect();
            (findings, found)
        }
    };
    let mut differences = Vec::new();
    for expected in &example.findings {
        match found.iter().position(|one| fits(one, expected)) {
            Some(at) => {
                found.swap_remove(at);
            }
            None => differences.push(Difference::Missing(expected.clone())),
        }
    }
    differences.extend(found.into_iter().map(Difference::Unexpected));
    ExampleReport {
        file: example.file.clone(),
        differences,
        findings,
    }
}

// An expectation that names no member is content with any.
fn fits(found: &Expected, expected: &Expected) -> bool {
    found.at == expected.at
        && found.rule == expected.rule
        && (expected.member.is_none() || found.member == expected.member)
}
