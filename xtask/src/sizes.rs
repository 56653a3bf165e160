//! What wants a second look: long files and functions. A list, not a gate.

use crate::tree::{Source, Tree};

const FILE_MAX: usize = 400;
const FUNCTION_MAX: usize = 70;

/// One line per long file or function.
pub(crate) fn list(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|source| !is_test(&source.path))
        .flat_map(of_source)
        .collect()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}

fn of_source(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source
        .text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .collect();
    let mut large = Vec::new();
    if lines.len() > FILE_MAX {
        large.push(format!(
            "look again: {} has {} lines without tests",
            source.path,
            lines.len()
        ));
    }
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function(line) else { continue };
        let length = length(&lines[at..]);
        if length > FUNCTION_MAX {
            large.push(format!(
                "look again: {}:{}: {name} has {length} lines",
                source.path,
                at + 1
            ));
        }
    }
    large
}

/// The name of the function whose signature begins here.
fn function(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words
        .by_ref()
        .find(|word| !matches!(*word, "const" | "async") && !word.starts_with("pub"))
        .filter(|word| *word == "fn")?;
    words.next()?.split(['(', '<']).next()
}

/// Lines up to the brace that closes at the indentation of the first: sources are formatted.
fn length(lines: &[&str]) -> usize {
    let indent = lines
        .first()
        .map_or(0, |line| line.len() - line.trim_start().len());
    let closing = format!("{}}}", " ".repeat(indent));
    lines
        .iter()
        .position(|line| {
            *line == closing || (line.trim_end().ends_with(';') && indent_of(line) == indent)
        })
        .map_or(1, |at| at + 1)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn check(lines: usize, expected: usize) {
        let mut text =
            String::from("impl A {\n    pub(crate) async fn long(\n        &self,\n    ) {\n");
        for _ in 0..lines {
            writeln!(text, "        step();").unwrap();
        }
        text.push_str("    }\n}\n");
        let large = list(&Tree::of(&[("crates/x/src/a.rs", &text)]));
        assert_eq!(large.len(), expected, "{large:?}");
    }

    #[test]
    fn long_functions_and_files_are_listed() {
        check(66, 0);
        check(67, 1);
        check(400, 2);
    }

    #[test]
    fn tests_do_not_count() {
        let text = format!("fn a() {{}}\n#[cfg(test)]\n{}", "x\n".repeat(500));
        assert!(list(&Tree::of(&[("crates/x/src/a.rs", &text)])).is_empty());
    }
}
