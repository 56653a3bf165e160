//! Links in Markdown lead to something that is there.

use std::path::{Component, Path};

use crate::complaint::Complaint;
use crate::tree::{Source, Tree};

/// All Markdown files.
pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let pages = tree.sources().filter(|source| source.has_ending(".md"));
    pages.flat_map(|page| check_page(tree, page)).collect()
}

fn check_page(tree: &Tree, page: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut fenced = false;
    for (at, line) in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(line)
            .into_iter()
            .filter(|target| !leads_out(target))
        {
            let path = target.split('#').next().unwrap_or_default();
            let there =
                path.is_empty() || resolve(&page.path, path).is_some_and(|path| tree.has(&path));
            if !there {
                complaints.push(Complaint::at(
                    &page.path,
                    at,
                    format!("the link to {target} leads nowhere"),
                ));
            }
        }
    }
    complaints
}

fn leads_out(target: &str) -> bool {
    ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
}

/// What stands in `](…)`, outside of `code`.
fn targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (at, part) in line.split('`').enumerate() {
        // Between back quotes stands code; but the text of a link may be code: [`a`](b).
        let rest = if at % 2 == 0 { part } else { continue };
        let opened = rest
            .strip_prefix("](")
            .filter(|_| at > 0)
            .and_then(|rest| rest.split(')').next());
        targets.extend(opened);
        let inside = rest.match_indices("](").filter(|(start, _)| *start > 0);
        targets.extend(inside.filter_map(|(start, _)| rest[start + 2..].split(')').next()));
    }
    targets
}

/// The path from the root; none if it leads out of the checkout.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for component in Path::new(target).components() {
        match component {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: usize) {
        let tree = Tree::of(&[
            ("docs/a/page.md", text),
            ("docs/b.md", ""),
            ("README.md", ""),
        ]);
        let complaints = super::check(&tree);
        assert_eq!(complaints.len(), expected, "{text}: {complaints:?}");
    }

    #[test]
    fn links_to_files_and_folders_are_followed() {
        check(
            "[b](../b.md), [c](../b.md#part), [`d`](../../README.md), [docs](..), [top](#top)",
            0,
        );
        check("[b](b.md) and [`c`](../c.md)", 2);
        check("[out](../../../elsewhere.md)", 1);
    }

    #[test]
    fn the_web_and_code_are_left_alone() {
        check(
            "[w](https://example.org/x) `[b](b.md)`\n```\n[b](b.md)\n```\n",
            0,
        );
    }
}
