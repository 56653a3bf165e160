//! From a place in the message to the place in the submission it was made of.

use std::collections::BTreeMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Lineage, Root};

/// Knows which output came from which input.
#[derive(Debug)]
pub struct Locator<'a>(BTreeMap<String, &'a str>);

impl<'a> Locator<'a> {
    /// From a translation's lineage.
    pub fn new(lineage: &'a [Lineage]) -> Self {
        let first_of_data = |one: &'a Lineage| {
            let place = one
                .sources
                .iter()
                .find(|place| place.root() == Root::Data)?;
            Some((plain(&one.output), place.pointer()))
        };
        Self(lineage.iter().filter_map(first_of_data).collect())
    }

    /// The findings with `at` in the submission where it is known; the place in the message goes into the text.
    pub fn located(&self, findings: Findings) -> Findings {
        findings
            .into_iter()
            .map(|one| self.located_one(one))
            .collect()
    }

    fn located_one(&self, mut finding: Finding) -> Finding {
        if let Some(pointer) = self.pointer(&plain(&finding.at)) {
            let Bilingual { de, en } = &finding.detail;
            finding.detail = Bilingual::new(
                format!("{de} (Ausgabe: {})", finding.at),
                format!("{en} (output: {})", finding.at),
            );
            pointer.clone_into(&mut finding.at);
        }
        finding
    }

    /// The input of that output, or what the inputs of all outputs below it share.
    fn pointer(&self, output: &str) -> Option<&'a str> {
        if let Some(pointer) = self.0.get(output) {
            return Some(pointer);
        }
        let below = format!("{output}/");
        let mut inside = self
            .0
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(_, pointer)| *pointer);
        let first = inside.next()?;
        let shared = inside.fold(first, shared);
        (!shared.is_empty()).then_some(shared)
    }
}

/// The steps two pointers begin with.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let mut length = 0;
    for (step, also) in one.split('/').zip(other.split('/')) {
        if step != also {
            break;
        }
        length += step.len() + 1;
    }
    // Pointers begin with an empty step.
    &one[..length.saturating_sub(1).min(one.len())]
}

/// A path without prefixes and without `[1]`: a schema check reads as it goes and knows neither prefixes nor whether there
/// will be a second element of that name.
fn plain(path: &str) -> String {
    let step = |step: &str| {
        let (mark, name) = match step.strip_prefix('@') {
            Some(name) => ("@", name),
            None => ("", step),
        };
        let name = name.split_once(':').map_or(name, |(_, local)| local);
        format!("{mark}{}", name.strip_suffix("[1]").unwrap_or(name))
    };
    path.split('/').map(step).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_share_whole_steps() {
        for (one, other, expected) in [
            ("/a/b/c", "/a/b/d", "/a/b"),
            ("/a/b", "/a/bc", "/a"),
            ("/a/b", "/a/b", "/a/b"),
            ("/a/b", "/a/b/c", "/a/b"),
            ("/a", "/b", ""),
            ("", "/b", ""),
        ] {
            assert_eq!(shared(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn paths_of_lineage_and_of_schema_checks_meet() {
        for (path, expected) in [
            ("/xbau:a/xbau:b[1]/c[2]/@x:d", "/a/b/c[2]/@d"),
            ("/a/b/c[2]/@d", "/a/b/c[2]/@d"),
            ("/a/b[11]", "/a/b[11]"),
            ("", ""),
        ] {
            assert_eq!(plain(path), expected);
        }
    }
}
