//! What people need beside the pointer: the part of the form, the place in words, the shape of what was given, and what
//! is allowed there.

use amtsbote_problem::Bilingual;
use serde_json::{Map, Value};

use super::outline::Outline;
use super::schema::{Named, label};
use super::{expected, shape};
use crate::pointer;

/// Rules that are about a member which is not the place itself.
const ABOUT_A_MEMBER: [&str; 4] = [
    "required",
    "dependentRequired",
    "additionalProperties",
    "unevaluatedProperties",
];

/// Completes a finding.
pub(super) fn tell(outline: &Outline, document: &Value, named: &mut Named) {
    let finding = &mut named.finding;
    let is_about_a_member = ABOUT_A_MEMBER.contains(&finding.rule.as_str());
    let mut walk = Walk::new(outline, document);
    for step in pointer::steps(&named.raw) {
        walk.step(&step);
    }
    if let (true, Some(member)) = (is_about_a_member, &named.member) {
        walk.step(member);
    } else if !is_about_a_member && finding.rule != "more" {
        finding.given = walk.value.map(shape::of);
    }
    finding.expected = expected::of(&walk.nodes).filter(|words| agrees(&finding.detail, words));
    finding.group = walk.group;
    finding.place = (!walk.words.is_empty()).then(|| Bilingual {
        de: joined(&walk.words, |word| &word.de),
        en: joined(&walk.words, |word| &word.en),
    });
}

// A condition may set a closer limit than the place itself: then the closer one, which the detail names, is enough.
fn agrees(detail: &Bilingual, words: &Bilingual) -> bool {
    let mut limits = detail.de.split([' ', '(', ')']).filter_map(number);
    limits.all(|limit| {
        words
            .de
            .split([' ', ','])
            .any(|word| number(word) == Some(limit))
    }) || !detail.de.ends_with(')')
}

fn number(word: &str) -> Option<&str> {
    word.parse::<f64>().is_ok().then_some(word)
}

fn joined(words: &[Bilingual], pick: impl Fn(&Bilingual) -> &String) -> String {
    let words: Vec<_> = words.iter().map(|word| pick(word).as_str()).collect();
    words.join(" › ")
}

/// The labels of the form's parts, in the order of display.
pub(super) fn sections(outline: &Outline) -> Vec<Bilingual> {
    let mut found: Vec<(u64, Bilingual)> = Vec::new();
    for node in outline.top() {
        let properties = node.get("properties").and_then(Value::as_object);
        for name in properties.into_iter().flat_map(Map::keys) {
            let nodes = outline.child(&outline.top(), name);
            let order = nodes.iter().find_map(|node| node.get("x-order")?.as_u64());
            if let Some(label) = label(&nodes).filter(|_| is_part(&nodes))
                && !found.iter().any(|(_, known)| *known == label)
            {
                found.push((order.unwrap_or(u64::MAX), label));
            }
        }
    }
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, label)| label).collect()
}

// A part of the form holds members or entries; a field of its own does not.
fn is_part(nodes: &[&Value]) -> bool {
    nodes.iter().any(|node| {
        let kind = node.get("type").and_then(Value::as_str);
        matches!(kind, Some("object" | "array")) || node.get("properties").is_some()
    })
}

struct Walk<'s, 'd> {
    outline: &'s Outline,
    nodes: Vec<&'s Value>,
    // None from where the document has nothing.
    value: Option<&'d Value>,
    words: Vec<Bilingual>,
    group: Option<Bilingual>,
}

impl<'s, 'd> Walk<'s, 'd> {
    fn new(outline: &'s Outline, document: &'d Value) -> Self {
        Self {
            outline,
            nodes: outline.top(),
            value: Some(document),
            words: Vec::new(),
            group: None,
        }
    }

    fn step(&mut self, step: &str) {
        let entry = self.value.filter(|value| value.is_array());
        let number = entry.and_then(|_| step.parse::<usize>().ok());
        let nodes = self.outline.child(&self.nodes, step);
        let own = label(&nodes);
        match number {
            Some(index) => self.entry(index, own),
            None => self.words.push(own.clone().unwrap_or_else(|| {
                let is_known = pointer::showable(step) || self.outline.knows(step);
                let shown = if is_known { step } else { pointer::UNSHOWN };
                Bilingual::new(shown, shown)
            })),
        }
        if self.words.len() == 1 && self.group.is_none() && is_part(&nodes) && number.is_none() {
            self.group = label(&nodes);
        }
        self.nodes = nodes;
        self.value = self.value.and_then(|value| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            Value::Object(members) => members.get(step),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        });
    }

    // "Hund 2" says more than "Hunde 2": the entry's own label takes the place of the list's.
    fn entry(&mut self, index: usize, own: Option<Bilingual>) {
        let list = self.words.pop();
        let word = own.or(list);
        let number = index.saturating_add(1);
        self.words.push(match word {
            Some(word) => Bilingual {
                de: format!("{} {number}", word.de),
                en: format!("{} {number}", word.en),
            },
            None => Bilingual::new(format!("Eintrag {number}"), format!("entry {number}")),
        });
    }
}
