//! Dependencies that are listed and not used cost build time, and mislead whoever reads the list.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml::Table;

use crate::complaint::Complaint;
use crate::tree::{Source, Tree};

const ROOT: &str = "Cargo.toml";
const KINDS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

/// Packages whose library has a name of its own.
const OTHER_NAMES: &[(&str, &str)] = &[("md-5", "md5")];

/// Each crate's list against its sources, and the workspace's list against those of its crates.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    let mut declared = BTreeSet::new();
    for source in tree.sources().filter(|source| source.has_ending(ROOT)) {
        let manifest: Table = source
            .text
            .parse()
            .with_context(|| format!("{} is not TOML", source.path))?;
        if source.path == ROOT {
            declared = manifest
                .get("workspace")
                .and_then(|workspace| workspace.get("dependencies"))
                .map_or(declared, names);
            continue;
        }
        let listed: BTreeSet<String> = KINDS
            .iter()
            .filter_map(|kind| manifest.get(*kind))
            .flat_map(names)
            .collect();
        for name in listed.iter().filter(|name| !is_named(tree, source, name)) {
            complaints.push(Complaint::about(
                &source.path,
                format!("lists {name}, but no source names it"),
            ));
        }
        used.extend(listed);
    }
    let unused = declared.difference(&used);
    complaints
        .extend(unused.map(|name| Complaint::about(ROOT, format!("no crate depends on {name}"))));
    Ok(complaints)
}

fn names(table: &toml::Value) -> BTreeSet<String> {
    table
        .as_table()
        .into_iter()
        .flat_map(Table::keys)
        .cloned()
        .collect()
}

/// Whether a Rust source below the manifest's folder has the library's name as a word.
fn is_named(tree: &Tree, manifest: &Source, library: &str) -> bool {
    let folder = manifest.path.trim_end_matches(ROOT);
    let other = OTHER_NAMES.iter().find(|(package, _)| *package == library);
    let word = other.map_or_else(|| library.replace('-', "_"), |(_, name)| (*name).to_owned());
    tree.rust()
        .filter(|source| source.path.starts_with(folder))
        .any(|source| has_word(&source.text, &word))
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_nobody_names_is_a_complaint() {
        let tree = Tree::of(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nfutures-util = \"0.3\"\nsubtle = \"2\"\nurl = \"2\"\n",
            ),
            (
                "crates/a/Cargo.toml",
                "[dependencies]\nfutures-util = \"1\"\n[dev-dependencies]\nurl = \"2\"\n",
            ),
            (
                "crates/a/src/lib.rs",
                "use futures_util::StreamExt;\nlet curl = url_of();",
            ),
            ("crates/b/src/lib.rs", "use url::Url;"),
        ]);
        let complaints = check(&tree).unwrap();
        let expected = [
            Complaint::about("crates/a/Cargo.toml", "lists url, but no source names it"),
            Complaint::about("Cargo.toml", "no crate depends on subtle"),
        ];
        assert_eq!(complaints, expected);
    }
}
