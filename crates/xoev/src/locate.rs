//! From a place in the message to the place in the submission it was made of, and whose it is to mend.

use std::collections::BTreeMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Lineage, Root};

/// Knows which output came from which input.
#[derive(Debug)]
pub struct Locator<'a>(BTreeMap<String, Made<'a>>);

/// What an output was made of.
#[derive(Debug, Clone, Copy)]
struct Made<'a> {
    pointer: &'a str,
    /// Whether the value stands in the output as it was sent.
    as_sent: bool,
}

impl<'a> Locator<'a> {
    /// From a translation's lineage.
    pub fn new(lineage: &'a [Lineage]) -> Self {
        let first_of_data = |one: &'a Lineage| {
            let place = one
                .sources
                .iter()
                .find(|place| place.root() == Root::Data)?;
            let made = Made {
                pointer: place.pointer(),
                as_sent: one.conversion.is_none(),
            };
            Some((plain(&one.output), made))
        };
        Self(lineage.iter().filter_map(first_of_data).collect())
    }

    /// The findings with `at` in the submission where it is known; the place in the message goes into the text. The sender's is only
    /// what is wrong with a value that was sent; what the template put there, left out or made of it is the receiver's.
    pub fn located(&self, findings: Findings) -> Findings {
        findings
            .into_iter()
            .map(|one| self.located_one(one))
            .collect()
    }

    fn located_one(&self, mut finding: Finding) -> Finding {
        let at = plain(&finding.at);
        if !self.is_of_what_was_sent(&at, &finding.rule) {
            finding = finding.of_receiver();
        }
        if let Some(pointer) = self.pointer(&at) {
            let Bilingual { de, en } = &finding.detail;
            finding.detail = Bilingual::new(
                format!("{de} (Ausgabe: {})", finding.at),
                format!("{en} (output: {})", finding.at),
            );
            pointer.clone_into(&mut finding.at);
        }
        finding
    }

    fn is_of_what_was_sent(&self, output: &str, rule: &str) -> bool {
        match self.0.get(output) {
            None => false,
            Some(_) if STRUCTURE.iter().any(|one| rule.starts_with(one)) => false,
            Some(made) => rule != CODE || made.as_sent,
        }
    }

    /// The input of that output, or what the inputs of all outputs below it share.
    fn pointer(&self, output: &str) -> Option<&'a str> {
        if let Some(made) = self.0.get(output) {
            return Some(made.pointer);
        }
        let below = format!("{output}/");
        let mut inside = self
            .0
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(_, made)| made.pointer);
        let first = inside.next()?;
        let shared = inside.fold(first, shared);
        (!shared.is_empty()).then_some(shared)
    }
}

/// Rules about elements rather than their values (XML Schema 1.0 part 1, appendix C).
const STRUCTURE: [&str; 6] = [
    "cvc-complex-type",
    "cvc-elt.1",
    "cvc-elt.2",
    "cvc-elt.4",
    "xoev-list",
    "xoev-shape",
];
/// A code that its list does not have. Of a code map, it is the map's.
const CODE: &str = "xoev-code";

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
    use amtsbote_problem::Whose;
    use amtsbote_translate::Place;

    use super::*;

    #[test]
    fn what_was_sent_is_the_senders_and_the_rest_the_receivers() {
        use Whose::{Receiver, Sender};

        let data = |output: &str, pointer: &str| {
            let place = Place::pointing(Root::Data, pointer);
            Lineage::copied(output, place)
        };
        let mapped = Lineage {
            conversion: Some("codes:land".to_owned()),
            ..data("/a/land/code", "/land")
        };
        let lineage = [
            data("/a/n:name[1]", "/name"),
            data("/a/wert/code", "/wert"),
            mapped,
        ];
        let locator = Locator::new(&lineage);
        for (at, rule, whose, located) in [
            ("/a/name", "cvc-maxLength-valid", Sender, "/name"),
            ("/a/name", "din-91379", Sender, "/name"),
            ("/a/name", "cvc-complex-type.2.4", Receiver, "/name"),
            ("/a/wert", "cvc-complex-type.2.4", Receiver, "/wert"),
            ("/a/wert/code", "xoev-code", Sender, "/wert"),
            ("/a/land/code", "xoev-code", Receiver, "/land"),
            ("/a/art", "cvc-enumeration-valid", Receiver, "/a/art"),
        ] {
            let finding = Finding::new(at, rule, Bilingual::new("", ""));
            let found = locator.located_one(finding);
            assert_eq!(
                (found.whose, found.at.as_str()),
                (whose, located),
                "{at} {rule}"
            );
        }
    }

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
