//! Names of log fields and spans: `crates/names` has them all, and has none that nobody uses.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::complaint::Complaint;
use crate::tree::{Source, Tree};

/// Where all names stand.
pub(crate) const NAMES: &str = "crates/names/src/lib.rs";

const CALLS: &[&str] = &[
    "error!(", "warn!(", "info!(", "debug!(", "trace!(", "span!(",
];

/// Fields that sources use against fields that are listed.
pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let listed = listed(tree.text(NAMES));
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for source in tree.rust().filter(|source| is_product(&source.path)) {
        for (line, name) in used_in(source) {
            if !listed.contains(name) {
                let what = format!("the log field {name} is not listed in {NAMES}");
                complaints.push(Complaint::at(&source.path, line, what));
            }
            used.insert(name);
        }
    }
    let left = listed.difference(&used);
    complaints.extend(left.map(|name| Complaint::about(NAMES, format!("nobody uses {name}"))));
    complaints
}

fn is_product(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/src/") && !path.ends_with("tests.rs")
}

/// The page, from the source of `names`: its modules, constants and their descriptions.
pub(crate) fn page(source: &str) -> String {
    let mut text = String::from(
        "# Telemetry\n\n\
         Every name under which the program can be watched, from `crates/names`. Text of a log line stands alone; the identifier is\n\
         a field as well. Nothing carries content: no payloads, personal data, tokens or keys.\n",
    );
    let mut about = String::new();
    for line in source.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            about.push_str(words);
        } else if let Some(module) = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(" {"))
        {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n## {module}\n\n{}\n\n| name | meaning |\n|---|---|\n",
                about.trim()
            );
            about.clear();
        } else if let Some(name) = constant(line) {
            let _ = writeln!(text, "| `{name}` | {} |", about.trim());
            about.clear();
        }
    }
    text
}

fn listed(source: &str) -> BTreeSet<&str> {
    source
        .lines()
        .filter_map(|line| constant(line.trim()))
        .collect()
}

fn constant(line: &str) -> Option<&str> {
    let (_, value) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
    value.strip_suffix("\";")
}

/// Fields and spans of each call, with the line the call begins on.
fn used_in(source: &Source) -> Vec<(usize, &str)> {
    let calls = CALLS
        .iter()
        .flat_map(|call| source.text.match_indices(call));
    let mut used = Vec::new();
    for (at, call) in calls {
        let line = source.text[..at].lines().count().max(1);
        let arguments = &source.text[at + call.len()..];
        if call == "span!(" {
            used.extend(arguments.split('"').nth(1).map(|name| (line, name)));
        }
        // Fields stand before the text.
        let fields = arguments.split(['"', ';']).next().unwrap_or_default();
        used.extend(
            arguments_of(fields)
                .filter_map(field)
                .map(|name| (line, name)),
        );
    }
    used
}

/// Split at commas that stand in no bracket.
fn arguments_of(fields: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    fields.split(move |c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
}

/// `noun.property = value`, `name = value`, or a value that goes by its own name: `name`, `%name`, `?name`.
fn field(argument: &str) -> Option<&str> {
    let (name, _) = argument.split_once(" = ").unwrap_or((argument, ""));
    let name = name.trim().trim_start_matches(['%', '?']);
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_'));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "/// Fields.\npub mod field {\n    /// A\n    /// case.\n    pub const CASE: &str = \"case.id\";\n}\n";

    fn check(text: &str, expected: usize) {
        let complaints = super::check(&Tree::of(&[(NAMES, LIST), ("crates/a/src/lib.rs", text)]));
        assert_eq!(complaints.len(), expected, "{text}: {complaints:?}");
    }

    #[test]
    fn each_field_is_listed_and_each_listed_field_is_used() {
        check("tracing::info!(case.id = %id, \"x.y = {id}\");", 0);
        check(
            "warn!(\n    case.id = %id,\n    blob.count = blobs.len(),\n    \"x\"\n);",
            1,
        );
        check("info!(case.id = %pair(a, b), duration_ms, \"x\");", 1);
        check("fn a() { moment.year = 1; }", 1);
    }

    #[test]
    fn names_come_with_their_description() {
        assert!(page(LIST).ends_with(
            "## field\n\nFields.\n\n| name | meaning |\n|---|---|\n| `case.id` | A case. |\n"
        ));
    }
}
