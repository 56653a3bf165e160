//! What a schema may not contain: anything outside itself, loops, and combinations that explode.

use std::collections::HashMap;

use amtsbote_problem::{Bilingual, Finding, Findings};
use serde_json::Value;

use super::outline::{Outline, each};
use crate::charset::Group;

/// Schemas that may apply to one place together, each counted as often as it is reached.
const WEIGHT_MAX: u64 = 20_000;
/// Length of a chain of schemas that apply to the same place.
const CHAIN_MAX: usize = 100;
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Everything that forbids the use of a schema.
pub(super) fn check(outline: &Outline) -> Findings {
    let mut findings = Findings::new();
    each(outline.root(), &mut |at, node| {
        let text = |key: &str| node.get(key).and_then(Value::as_str);
        if text("$schema").is_some_and(|draft| draft.trim_end_matches('#') != DRAFT) {
            findings.push(refusal(
                at,
                "$schema",
                "nennt nicht JSON Schema 2020-12",
                "does not name JSON Schema 2020-12",
            ));
        }
        if !at.is_empty() && node.contains_key("$id") {
            findings.push(refusal(
                at,
                "$id",
                "setzt innen eine neue Basis-URI",
                "sets a new base URI inside the schema",
            ));
        }
        if node.contains_key("$dynamicRef") || node.contains_key("$recursiveRef") {
            findings.push(refusal(
                at,
                "$dynamicRef",
                "verwendet dynamische Verweise",
                "uses dynamic references",
            ));
        }
        if text("$ref").is_some_and(|reference| outline.target(reference).is_none()) {
            findings.push(refusal(
                at,
                "$ref",
                "verweist auf etwas, das nicht in diesem Schema steht; externe Verweise werden nie geladen",
                "refers to something outside this schema; external references are never loaded",
            ));
        }
        if text("x-charset")
            .is_some_and(|name| name != "any" && Group::from_annotation(name).is_none())
        {
            findings.push(refusal(
                at,
                "x-charset",
                "ist weder din-91379-a bis -e noch any",
                "is neither din-91379-a to -e nor any",
            ));
        }
    });
    findings.extend(knot(outline));
    findings
}

// Loops, and combinations that explode.
fn knot(outline: &Outline) -> Option<Finding> {
    let mut found = None;
    let mut weights = Weights {
        outline,
        known: HashMap::new(),
    };
    each(outline.root(), &mut |at, node| {
        // Once is enough: every place that reaches the knot would repeat it.
        if found.is_some() {
            return;
        }
        let Some(node) = outline.node(at).filter(|_| !node.is_empty()) else {
            return;
        };
        match weights.of(node, 0) {
            Err(Knot) => {
                found = Some(refusal(
                    at,
                    "loop",
                    "enthält Verweise, die im Kreis oder zu tief führen",
                    "has references that form a loop or a chain too long",
                ));
            }
            Ok(weight) if weight > WEIGHT_MAX => {
                found = Some(refusal(
                    at,
                    "size",
                    "verbindet zu viele Teilschemata",
                    "combines too many schemas",
                ));
            }
            Ok(_) => {}
        }
    });
    found
}

fn refusal(at: &str, rule: &str, de: &str, en: &str) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en))
}

struct Knot;

struct Weights<'s> {
    outline: &'s Outline,
    // By address of the node; `None` while it is being weighed.
    known: HashMap<*const Value, Option<u64>>,
}

impl<'s> Weights<'s> {
    fn of(&mut self, node: &'s Value, chain: usize) -> Result<u64, Knot> {
        if chain > CHAIN_MAX {
            return Err(Knot);
        }
        let key = std::ptr::from_ref(node);
        match self.known.get(&key) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(Knot),
            None => {}
        }
        self.known.insert(key, None);
        let mut weight = 1_u64;
        for child in self.outline.in_place(node) {
            weight = weight.saturating_add(self.of(child, chain + 1)?);
        }
        self.known.insert(key, Some(weight));
        Ok(weight)
    }
}
