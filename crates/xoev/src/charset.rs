//! DIN 91379 for every text of a message.

use amtsbote_problem::{Finding, Findings};
use amtsbote_validate::charset::{self, Group};

use crate::Document;

impl Document {
    /// Texts and attribute values outside DIN 91379: data type C everywhere but where `wider` names a wider one by an
    /// element's local name (XÖV-Handbuch: datatypeC is the rule).
    pub fn characters(&self, wider: &[(&str, Group)]) -> Findings {
        let mut findings = Findings::new();
        for node in self.nodes() {
            let group = wider
                .iter()
                .find(|(name, _)| *name == node.local())
                .map_or(Group::C, |(_, group)| *group);
            let attributes = node
                .attributes
                .iter()
                .map(|(name, value)| (format!("{}/@{name}", node.path), value.as_str(), Group::C));
            let texts = std::iter::once((node.path.clone(), node.text.as_str(), group));
            for (at, text, group) in texts.chain(attributes) {
                // Data type D is no superset of C: it has no line breaks.
                let is_plain = charset::check(text, Group::C).is_none();
                if let (Some(offence), false) = (charset::check(text, group), is_plain) {
                    findings.push(Finding::new(at, "din-91379", offence.detail(group)));
                }
            }
        }
        findings
    }
}
