//! Lists that people keep have to be complete: crates in ARCHITECTURE.md, dependencies in docs/dependencies.md, ADRs and
//! settings in examples.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml::Table;

use crate::complaint::Complaint;
use crate::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";
const DEPENDENCIES: &str = "docs/dependencies.md";
const EXAMPLE: &str = "deploy/amtsbote.example.toml";

/// All lists.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Complaint>> {
    let mut complaints = crates(tree);
    complaints.extend(dependencies(tree)?);
    complaints.extend(example(tree));
    Ok(complaints)
}

fn crates(tree: &Tree) -> Vec<Complaint> {
    let names: BTreeSet<&str> = tree
        .sources()
        .filter_map(|source| source.crate_name())
        .collect();
    let map = tree.text(MAP);
    let missing = names
        .into_iter()
        .filter(|name| !map.contains(&format!("`{name}`")));
    missing
        .map(|name| Complaint::about(MAP, format!("the code map lacks `{name}`")))
        .collect()
}

fn dependencies(tree: &Tree) -> Result<Vec<Complaint>> {
    let manifest: Table = tree
        .text("Cargo.toml")
        .parse()
        .context("Cargo.toml is not TOML")?;
    let declared = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table);
    let declared: BTreeSet<&str> = declared
        .into_iter()
        .flat_map(Table::keys)
        .map(String::as_str)
        .filter(|name| !name.starts_with("amtsbote-"))
        .collect();
    let rows = tree
        .text(DEPENDENCIES)
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: BTreeSet<&str> = rows.collect();
    let missing = declared
        .difference(&explained)
        .map(|name| format!("say in one sentence why `{name}` is here"));
    let stale = explained
        .difference(&declared)
        .map(|name| format!("`{name}` is no dependency any more"));
    Ok(missing
        .chain(stale)
        .map(|what| Complaint::about(DEPENDENCIES, what))
        .collect())
}

fn example(tree: &Tree) -> Vec<Complaint> {
    match amtsbote_settings::Settings::parse(tree.text(EXAMPLE)) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .into_iter()
            .map(|fault| Complaint::about(EXAMPLE, format!("{}: {}", fault.key, fault.what)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str =
        "[workspace.dependencies]\namtsbote-model = { path = \"x\" }\nserde = \"1\"\nurl = \"2\"\n";

    #[test]
    fn each_dependency_has_its_sentence() {
        let tree = Tree::of(&[
            ("Cargo.toml", MANIFEST),
            (DEPENDENCIES, "| `serde` | reads |\n| `old` | gone |\n"),
        ]);
        let complaints = dependencies(&tree).unwrap();
        assert_eq!(complaints.len(), 2, "{complaints:?}");
    }

    #[test]
    fn each_crate_stands_in_the_code_map() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", ""),
            ("crates/b/src/lib.rs", ""),
            (MAP, "- `a`: it"),
        ]);
        assert_eq!(crates(&tree).len(), 1);
    }

    #[test]
    fn an_example_that_would_not_start_is_a_complaint() {
        assert_eq!(
            example(&Tree::of(&[(EXAMPLE, "[gateway]\nlisten_to = 1")])).len(),
            1
        );
    }

    #[test]
    fn the_example_in_this_checkout_parses() {
        let tree = Tree::of_this_checkout().unwrap();
        assert_eq!(example(&tree), []);
    }
}
