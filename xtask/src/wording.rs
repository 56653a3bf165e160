//! Words that may not stand in sources.

use crate::complaint::Complaint;
use crate::tree::{Source, Tree};

/// Text, and what to do instead. Cut in two, so that this file does not break its own rules.
const BANNED_IN_RUST: &[(&str, &str)] = &[
    (
        concat!("#[", "ignore"),
        "no ignored tests: mend it, or delete it",
    ),
    (
        concat!("#[should_", "panic"),
        "assert on the error instead of a panic",
    ),
    (concat!("to", "do!("), "finish it, or leave it out"),
    (concat!("unimpl", "emented!("), "finish it, or leave it out"),
    (concat!("db", "g!("), "use tracing, or remove it"),
    (concat!("FIX", "ME"), "mend it, or write an issue"),
    (concat!("#[", "allow("), "use #[expect(…, reason = \"…\")]"),
    (
        concat!("#![", "allow("),
        "use #![expect(…, reason = \"…\")]",
    ),
];

/// The crates that know SQL, and the one that prepares databases for tests.
const KNOW_SQL: &[&str] = &["store-postgres", "store-sql", "testkit"];

/// Words of SQL in a text; only [`KNOW_SQL`] have them.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "BEGIN IMMEDIATE",
    "PRAGMA ",
];

/// Where people keep their checkouts: first parts of paths that mean something on one machine only.
const MACHINE: &[&str] = &["home", "root", "Users", "work"];

/// All text files.
pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    tree.sources().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Complaint> {
    let own = source.path == "xtask/src/wording.rs";
    let mut complaints = Vec::new();
    for (at, line) in source
        .lines()
        .filter(|_| !own && !source.has_ending("Cargo.lock"))
    {
        let mut complain = |what: String| complaints.push(Complaint::at(&source.path, at, what));
        if let Some(folder) = MACHINE.iter().find(|folder| has_machine_path(line, folder)) {
            complain(format!(
                "/{folder}/… is a path of one machine; make it relative or a setting"
            ));
        }
        if source.has_ending(".rs") {
            for (banned, instead) in BANNED_IN_RUST
                .iter()
                .filter(|(banned, _)| line.contains(banned))
            {
                complain(format!("`{banned}`: {instead}"));
            }
            if !KNOW_SQL.contains(&source.crate_name().unwrap_or_default()) && has_sql(line) {
                complain("only store-sql and store-postgres know SQL".to_owned());
            }
        }
    }
    complaints
}

/// `/home/x` at the start of a path, but not as a part of one: `https://host/home/x`, `$DIR/home/x`.
fn has_machine_path(line: &str, folder: &str) -> bool {
    line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '>' | '*')
        })
    })
}

fn has_sql(line: &str) -> bool {
    let code = line.trim_start();
    !code.starts_with("//") && SQL.iter().any(|word| code.contains(&format!("\"{word}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: usize) {
        let complaints = super::check(&Tree::of(&[(path, text)]));
        assert_eq!(complaints.len(), expected, "{path}: {text}: {complaints:?}");
    }

    #[test]
    fn unfinished_and_silenced_code_is_found() {
        check(
            "crates/x/src/a.rs",
            concat!("#[", "ignore = \"slow\"]\nfn a() { to", "do!() }"),
            2,
        );
        check("crates/x/src/a.rs", concat!("#[", "allow(dead_code)]"), 1);
        check("crates/x/README.md", concat!("to", "do!()"), 0);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for folder in MACHINE {
            check("docs/a.md", &format!("see `/{folder}/x`"), 1);
            check(
                "docs/a.md",
                &format!("https://example.org/{folder}/x ./a/{folder}/ \"$DIR\"/b/{folder}/"),
                0,
            );
        }
    }

    #[test]
    fn sql_stays_in_its_crate() {
        check("crates/gateway/src/a.rs", "query(\"SELECT id\")", 1);
        check(
            "crates/gateway/src/a.rs",
            "// \"SELECT id\" is forbidden here",
            0,
        );
        check("crates/store-sql/src/a.rs", "query(\"SELECT id\")", 0);
    }
}
