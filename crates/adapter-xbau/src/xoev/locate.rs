//! From a place in the message to the place in the submission it was made of.

use std::collections::BTreeMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use amtsbote_translate::{Lineage, Root};

/// Knows which output came from which input.
#[derive(Debug)]
pub struct Locator<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Locator<'a> {
    /// From a translation's lineage.
    pub fn new(lineage: &'a [Lineage]) -> Self {
        let first_of_data = |one: &'a Lineage| {
            let place = one
                .sources
                .iter()
                .find(|place| place.root() == Root::Data)?;
            Some((one.output.as_str(), place.pointer()))
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
        if let Some(pointer) = self.pointer(&finding.at) {
            let Bilingual { de, en } = &finding.detail;
            finding.detail = Bilingual::new(
                format!("{de} (Ausgabe: {})", finding.at),
                format!("{en} (output: {})", finding.at),
            );
            pointer.clone_into(&mut finding.at);
        }
        finding
    }

    /// The input of that output, or of the nearest output below it that has just one.
    fn pointer(&self, output: &str) -> Option<&'a str> {
        if let Some(pointer) = self.0.get(output) {
            return Some(pointer);
        }
        let below = format!("{output}/");
        let mut inside = self
            .0
            .range(below.as_str()..)
            .take_while(|(path, _)| path.starts_with(&below));
        let (_, pointer) = inside.next()?;
        inside.next().is_none().then_some(*pointer)
    }
}
