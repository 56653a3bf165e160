//! Names of files and types, and the start of each crate.

use crate::complaint::Complaint;
use crate::tree::{Source, Tree};

const FILES: &[&str] = &["common", "helper", "helpers", "misc", "util", "utils"];
const ENDINGS: &[&str] = &[
    "Data", "Handler", "Helper", "Helpers", "Info", "Manager", "Util", "Utils",
];

/// Names of the protocol, as it writes them.
const PROTOCOL_NAMES: &[&str] = &["VersionInfo", "AdditionalReferenceInfo"];

/// All Rust sources.
pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    tree.rust().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut parts = source.path.rsplit('/');
    let (file, folder) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if FILES.contains(&file.trim_end_matches(".rs")) || FILES.contains(&folder) {
        complaints.push(Complaint::about(
            &source.path,
            "name it after what it is for",
        ));
    }
    let starts_crate = matches!(file, "lib.rs" | "main.rs") && folder == "src";
    if starts_crate && !source.text.starts_with("//!") {
        complaints.push(Complaint::about(
            &source.path,
            "begin with //!: what it is, a diagram, what it must never do",
        ));
    }
    for (at, line) in source.lines() {
        if let Some(name) = declared(line).filter(|name| is_empty_word(name)) {
            let what = format!(
                "{name}: say what it is; Manager, Handler, Data and their like say nothing"
            );
            complaints.push(Complaint::at(&source.path, at, what));
        }
    }
    complaints
}

fn is_empty_word(name: &str) -> bool {
    !PROTOCOL_NAMES.contains(&name) && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The name of the type a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.starts_with("pub"));
    let kind = words.next()?;
    let name = words.next()?;
    let end = name
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(name.len());
    // An indented `type` belongs to a trait, whose owner chose the name.
    let is_alias = kind == "type" && !line.starts_with(' ');
    (is_alias || matches!(kind, "struct" | "enum" | "trait" | "union")).then_some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: usize) {
        let complaints = super::check(&Tree::of(&[(path, text)]));
        assert_eq!(complaints.len(), expected, "{path}: {text}: {complaints:?}");
    }

    #[test]
    fn empty_words_are_no_names() {
        check(
            "crates/x/src/a.rs",
            "pub(crate) struct KeyManager<T>(T);",
            1,
        );
        check(
            "crates/x/src/a.rs",
            "type RequestHandler = fn();\n    type Data = u8;\n/// struct A;\nenum UserData {",
            2,
        );
        check(
            "crates/x/src/a.rs",
            "pub struct ContactInformation {\npub struct VersionInfo {\nManager,",
            0,
        );
        check("crates/x/src/utils.rs", "", 1);
        check("crates/x/tests/common/mod.rs", "", 1);
    }

    #[test]
    fn a_crate_begins_with_its_description() {
        check("crates/x/src/lib.rs", "mod a;", 1);
        check("crates/x/src/lib.rs", "//! What it is.", 0);
    }
}
