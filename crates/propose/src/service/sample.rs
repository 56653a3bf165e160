//! Submissions made up to fit a schema, as far as that can be known without trying.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

const DEPTH_MAX: usize = 20;

/// As many as a schema with many choices gives.
const SAMPLES_MAX: usize = 40;

/// Everything the schema names, once; and for each further branch of a choice (`oneOf`, `anyOf`) one more, in which the choice takes it.
pub(super) fn of(schema: &Value) -> Vec<Value> {
    let mut samples = Vec::new();
    let mut open = VecDeque::from([Taken::new()]);
    let mut known = BTreeSet::from([Taken::new()]);
    while let Some(taken) = open.pop_front() {
        let mut sampler = Sampler {
            root: schema,
            taken: &taken,
            met: BTreeMap::new(),
            extent: Extent::All,
            open: Vec::new(),
        };
        let sample = sampler.value(schema, "", 0);
        let met = sampler.met;
        if !samples.contains(&sample) {
            samples.push(sample);
        }
        for (place, branches) in met {
            for branch in (1..branches).filter(|_| !taken.contains_key(&place)) {
                let mut next = taken.clone();
                next.insert(place.clone(), branch);
                // One further choice at a time: branches of different choices need not be tried together.
                let is_within = |(at, _): &(&String, &usize)| place.starts_with(at.as_str());
                let is_nested = taken.iter().all(|pair| is_within(&pair));
                if is_nested && known.len() < SAMPLES_MAX && known.insert(next.clone()) {
                    open.push_back(next);
                }
            }
        }
    }
    samples
}

/// What is required, and no more.
pub(super) fn least(schema: &Value) -> Value {
    let mut sampler = Sampler {
        root: schema,
        taken: &Taken::new(),
        met: BTreeMap::new(),
        extent: Extent::Required,
        open: Vec::new(),
    };
    sampler.value(schema, "", 0)
}

/// Which members a sample has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    Required,
}

/// The branch each choice takes, by its place in the sample; the first where it says nothing.
type Taken = BTreeMap<String, usize>;

struct Sampler<'s> {
    root: &'s Value,
    taken: &'s Taken,
    /// The choices there were, and how many branches each has.
    met: BTreeMap<String, usize>,
    extent: Extent,
    /// The references gone into.
    open: Vec<String>,
}

impl Sampler<'_> {
    fn value(&mut self, node: &Value, at: &str, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if node.as_bool() == Some(false) {
            return Value::Null;
        }
        if let Some(found) = node.get("const").or_else(|| node.get("example")) {
            return found.clone();
        }
        for word in ["enum", "examples"] {
            if let Some(first) = node.get(word).and_then(|list| list.get(0)) {
                return first.clone();
            }
        }
        let target = node
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.root.pointer(reference.strip_prefix('#')?))
            .cloned();
        if let Some(target) = target {
            return self.referred(&target, node, (at, depth));
        }
        if let Some(chosen) = self.branch(node, at, depth) {
            return chosen;
        }
        let kind = match node.get("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            kind => kind.and_then(Value::as_str),
        };
        match kind {
            Some("array") => {
                let least = node.get("minItems").and_then(Value::as_u64).unwrap_or(1);
                let first = node.get("prefixItems").and_then(Value::as_array);
                let first: Vec<Value> = (first.into_iter().flatten().enumerate())
                    .map(|(index, one)| self.value(one, &format!("{at}/{index}"), depth + 1))
                    .collect();
                if !first.is_empty() {
                    return Value::Array(first);
                }
                let item = node.get("items").map_or(json!("x"), |items| {
                    self.value(items, &format!("{at}/0"), depth + 1)
                });
                if item.is_null() && !node.get("minItems").is_some_and(|least| *least != 0) {
                    return Value::Null;
                }
                let count = usize::try_from(least.clamp(1, 10)).unwrap_or(1);
                Value::Array(vec![item; count])
            }
            Some("number" | "integer") => number(node),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            Some("string") => json!(text(node)),
            _ => self.object(node, at, depth),
        }
    }

    /// What a reference leads to. A schema inside itself is gone into once more, and then left out.
    fn referred(&mut self, target: &Value, node: &Value, (at, depth): (&str, usize)) -> Value {
        let reference = node["$ref"].as_str().unwrap_or_default();
        if self.open.iter().filter(|open| *open == reference).count() > 1 {
            return Value::Null;
        }
        self.open.push(reference.to_owned());
        let made = self.value(target, at, depth + 1);
        self.open.pop();
        made
    }

    /// What the branch gives that a choice takes, with the members that stand beside the choice.
    fn branch(&mut self, node: &Value, at: &str, depth: usize) -> Option<Value> {
        for word in ["oneOf", "anyOf"] {
            let Some(branches) = node.get(word).and_then(Value::as_array) else {
                continue;
            };
            let place = format!("{at}|{word}");
            let taken = self.taken.get(&place).copied().unwrap_or(0);
            self.met.insert(place.clone(), branches.len());
            let branch = branches.get(taken)?;
            let chosen = self.value(branch, &place, depth + 1);
            let forbidden = forbidden(branch);
            return Some(match (self.object(node, at, depth), chosen) {
                (Value::Object(mut beside), Value::Object(chosen)) => {
                    // A branch that only demands members says nothing of what they are.
                    for (name, value) in chosen {
                        beside.insert(name, value);
                    }
                    beside.retain(|name, _| !forbidden.contains(name));
                    Value::Object(beside)
                }
                (_, chosen) => chosen,
            });
        }
        None
    }

    fn object(&mut self, node: &Value, at: &str, depth: usize) -> Value {
        let mut members = Map::new();
        let parts = std::iter::once(node).chain(
            node.get("allOf")
                .and_then(Value::as_array)
                .into_iter()
                .flatten(),
        );
        for part in parts {
            for (name, member) in part
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let is_required = |part: &Value| {
                    let names = part.get("required").and_then(Value::as_array);
                    names.is_some_and(|names| names.contains(&json!(name)))
                };
                if self.extent == Extent::Required && !is_required(node) && !is_required(part) {
                    continue;
                }
                let member = self.value(member, &format!("{at}/{name}"), depth + 1);
                // What is nested too deep is left out.
                if !member.is_null() {
                    members.insert(name.clone(), member);
                }
            }
        }
        Value::Object(members)
    }
}

/// The members a branch does not allow.
fn forbidden(branch: &Value) -> Vec<String> {
    let members = branch.get("properties").and_then(Value::as_object);
    let members = members.into_iter().flatten();
    members
        .filter(|(_, member)| member.as_bool() == Some(false))
        .map(|(name, _)| name.clone())
        .collect()
}

fn number(node: &Value) -> Value {
    let least = node.get("minimum").and_then(Value::as_f64).unwrap_or(1.0);
    let most = node
        .get("maximum")
        .and_then(Value::as_f64)
        .unwrap_or(f64::MAX);
    let chosen = if least > 0.0 {
        least
    } else {
        1.0_f64.min(most).max(least)
    };
    if node.get("type").and_then(Value::as_str) == Some("integer") || chosen.fract() == 0.0 {
        // Whole and small: the text has no fraction and is a number.
        return serde_json::from_str(&format!("{chosen:.0}")).unwrap_or(json!(1));
    }
    json!(chosen)
}

fn text(node: &Value) -> String {
    let bound = |word: &str| {
        node.get(word)
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok())
    };
    let base = match node.get("format").and_then(Value::as_str) {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T08:00:00+01:00",
        Some("time") => "08:00:00+01:00",
        Some("email") => "muster@example.org",
        Some("uri") => "https://example.org/",
        Some("uuid") => "5f0c1f0a-3c39-4c8b-9d0e-0d3a3b6f2a11",
        _ => "Muster",
    };
    let mut text = base.to_owned();
    if let Some(pattern) = node.get("pattern").and_then(Value::as_str) {
        // The forms administrations ask for most; others are found out by checking.
        text = match pattern {
            p if p.contains("{8}") && p.contains("{12}") => {
                "5f0c1f0a-3c39-4c8b-9d0e-0d3a3b6f2a11".to_owned()
            }
            p if p.contains("{5}") => "12345".to_owned(),
            p if p.contains("{8}") => "12345678".to_owned(),
            p if p.contains("{12}") => "064140000000".to_owned(),
            p if p.contains("[0-9]") || p.contains("\\d") => "1".to_owned(),
            _ => text,
        };
    }
    while text.chars().count() < bound("minLength").unwrap_or(0).min(10_000) {
        text.push('x');
    }
    if let Some(most) = bound("maxLength") {
        text = text.chars().take(most).collect();
    }
    text
}
