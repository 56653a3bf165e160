//! `anyOf` and `oneOf`: which branch did the sender mean?

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::schema::{Named, Schema, short_list};
use super::wording;

type Branch = Vec<ValidationError<'static>>;

/// Adds the findings of the branch that was most likely meant, or one finding for all branches.
pub(super) fn describe(
    schema: &Schema,
    error: &ValidationError<'_>,
    branches: &[Branch],
    found: &mut Vec<Named>,
) {
    let at = error.instance_path().as_str();
    if let Some(meant) = meant(at, branches) {
        for inner in meant {
            schema.describe(inner, found);
        }
        return;
    }
    let nodes = schema.nodes(error);
    let names = lacking(at, branches);
    let detail = match &names {
        Some(names) => wording::one_missing(names),
        None => wording::detail(error.kind()),
    };
    let mut named = schema.named_at(at, &nodes, error.kind().keyword(), detail);
    named.finding.allowed = constants(schema, error);
    found.push(named);
}

// The only branch whose kind fits, or else the only one that got deepest.
fn meant<'b>(at: &str, branches: &'b [Branch]) -> Option<&'b Branch> {
    let fitting: Vec<_> = branches
        .iter()
        .filter(|branch| !is_misfit(at, branch))
        .collect();
    if let [only] = fitting[..] {
        return Some(only);
    }
    let deepest = fitting.iter().map(|branch| depth(branch)).max()?;
    let mut deep = fitting
        .into_iter()
        .filter(|branch| depth(branch) == deepest);
    let first = deep.next()?;
    (deep.next().is_none() && deepest > steps(at)).then_some(first)
}

fn steps(at: &str) -> usize {
    at.matches('/').count()
}

fn depth(branch: &Branch) -> usize {
    branch
        .iter()
        .map(|error| steps(error.instance_path().as_str()))
        .max()
        .unwrap_or(0)
}

// Another type, or another value of the member that tells the branches apart.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "few of the library's kinds matter here"
)]
fn is_misfit(at: &str, branch: &Branch) -> bool {
    branch.iter().any(|error| {
        let below = steps(error.instance_path().as_str()).saturating_sub(steps(at));
        match error.kind() {
            Kind::Type { .. } | Kind::FalseSchema => below == 0,
            Kind::Constant { .. } | Kind::Enum { .. } => below <= 1,
            _ => false,
        }
    })
}

// If every branch only lacks members of the place itself: their names.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "few of the library's kinds matter here"
)]
fn lacking(at: &str, branches: &[Branch]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for error in branches.iter().flatten() {
        match error.kind() {
            Kind::Required { property } if error.instance_path().as_str() == at => {
                let name = wording::plain(property);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            _ => return None,
        }
    }
    (!names.is_empty()).then_some(names)
}

// A choice written as `oneOf` of `const`.
fn constants(schema: &Schema, error: &ValidationError<'_>) -> Vec<String> {
    let branches = schema
        .outline()
        .node(error.schema_path().as_str())
        .and_then(Value::as_array);
    let values: Option<Vec<_>> = branches
        .into_iter()
        .flatten()
        .map(|branch| branch.get("const"))
        .collect();
    short_list(values.unwrap_or_default().into_iter())
}
