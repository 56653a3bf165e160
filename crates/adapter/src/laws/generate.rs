//! Applications made from a service's JSON Schema: what a form could send at the edge of what its schema takes.
//!
//! ```text
//!  schema ──draft──► value ──check (the service's own)──► findings ──► the places they name made anew ──► valid, or none
//! ```
//!
//! Every optional member is there or not, lists are as short and as long as allowed, texts are of letters that are easily
//! broken, of what markup, tables and spreadsheets take for their own, of blanks; numbers and dates lie at their limits. The
//! same seed gives the same applications.
//!
//! Start reading at [`Generator::application`].

mod dice;
mod pattern;
mod text;

use amtsbote_problem::Findings;
use serde_json::{Map, Value};

use dice::Dice;

/// How often an application is repaired before it is given up.
const REPAIRS_MAX: usize = 40;
/// Lists are not made longer than this, but for the applications that are to be large.
const ITEMS_MAX: u64 = 4;
const LARGE_ITEMS_MAX: u64 = 120;
const DEPTH_MAX: usize = 16;

/// Makes applications; the same seed gives the same ones.
pub struct Generator<'s> {
    schema: &'s Value,
    dice: Dice,
    plan: Plan,
}

/// What one application is like.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// How likely an optional member is, in percent.
    optional: u64,
    /// How likely a text is odd, in percent.
    odd: u64,
    large: bool,
}

type Nodes<'s> = Vec<&'s Value>;

impl<'s> Generator<'s> {
    /// For a schema, with a seed.
    pub fn new(schema: &'s Value, seed: u64) -> Self {
        Self {
            schema,
            dice: Dice::new(seed),
            plan: Plan {
                optional: 50,
                odd: 50,
                large: false,
            },
        }
    }

    /// An application that `check` finds nothing wrong with.
    ///
    /// # Errors
    /// What is still wrong with one that could not be repaired.
    pub fn application(&mut self, check: &dyn Fn(&Value) -> Findings) -> Result<Value, Findings> {
        let optional = [0, 20, 50, 80, 100];
        self.plan = Plan {
            optional: *self.dice.of(&optional),
            odd: *self.dice.of(&[0, 30, 60, 100]),
            large: self.dice.chance(6),
        };
        let top = self.flat(self.schema);
        let mut value = self.value(&top, 0);
        let mut findings = Findings::new();
        for round in 0..REPAIRS_MAX {
            findings = check(&value);
            if findings.is_empty() {
                return Ok(value);
            }
            if round > REPAIRS_MAX / 2 {
                self.plan.odd = 0;
            }
            for finding in &findings {
                self.renew(&mut value, &finding.at);
            }
        }
        Err(findings)
    }

    /// Makes the place anew; the closer to the end of the repairs, the calmer.
    fn renew(&mut self, value: &mut Value, at: &str) {
        let mut nodes = self.flat(self.schema);
        let mut here = &*value;
        for step in at.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            nodes = self.below(&nodes, here, &step);
            let next = match here {
                Value::Array(items) => step.parse().ok().and_then(|at: usize| items.get(at)),
                Value::Object(members) => members.get(&step),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            };
            match next {
                Some(next) => here = next,
                None => return,
            }
        }
        let odd = std::mem::replace(&mut self.plan.odd, 0);
        let made = match here {
            Value::Object(members) => {
                let mut members = members.clone();
                self.conditions(&nodes, &mut members, 0);
                Value::Object(members)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => self.value(&nodes, 0),
        };
        self.plan.odd = odd;
        if let Some(place) = value.pointer_mut(at) {
            *place = made;
        }
    }

    /// The node with all it refers to.
    fn flat(&self, node: &'s Value) -> Nodes<'s> {
        let mut all = vec![node];
        let target = node.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|target| self.schema.pointer(target.trim_start_matches('#')));
        let parts = node.get("allOf").and_then(Value::as_array);
        for node in target.into_iter().chain(parts.into_iter().flatten()) {
            all.extend(self.flat(node));
        }
        all
    }

    fn all(&self, nodes: impl IntoIterator<Item = &'s Value>) -> Nodes<'s> {
        nodes.into_iter().flat_map(|node| self.flat(node)).collect()
    }

    /// The nodes of a member or an entry, those of conditions that hold too.
    fn below(&self, nodes: &Nodes<'s>, here: &Value, step: &str) -> Nodes<'s> {
        if here.is_array() {
            return self.all(nodes.iter().filter_map(|node| node.get("items")));
        }
        let mut nodes = nodes.clone();
        nodes.extend(self.branches(&nodes, here));
        self.member(&nodes, step)
    }

    fn member(&self, nodes: &Nodes<'s>, name: &str) -> Nodes<'s> {
        self.all(
            nodes
                .iter()
                .filter_map(|node| node.get("properties")?.get(name)),
        )
    }

    /// What the conditions of an object ask for, those inside conditions too.
    fn branches(&self, nodes: &[&'s Value], here: &Value) -> Nodes<'s> {
        let mut found = Vec::new();
        for node in nodes {
            if let Some(condition) = node.get("if") {
                let holds = holds(condition, here);
                found.extend(node.get(if holds { "then" } else { "else" }));
            }
        }
        let mut found = self.all(found);
        if !found.is_empty() {
            found.extend(self.branches(&found, here));
        }
        found
    }

    fn value(&mut self, nodes: &Nodes<'s>, depth: usize) -> Value {
        let find = |key: &str| nodes.iter().find_map(|node| node.get(key));
        if let Some(value) = find("const") {
            return value.clone();
        }
        let lists = nodes.iter().filter_map(|node| node.get("enum")?.as_array());
        if let Some(values) = lists.min_by_key(|values| values.len()) {
            // The first and the last are where lists are cut wrongly.
            let at = match self.dice.below(4) {
                0 => 0,
                1 => values.len() as u64 - 1,
                _ => self.dice.below(values.len() as u64),
            };
            return values[usize::try_from(at).unwrap_or(0)].clone();
        }
        let kinds = match find("type") {
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            Some(kind) => kind.as_str().into_iter().collect(),
            None => Vec::new(),
        };
        let kind = if kinds.is_empty() {
            ""
        } else {
            *self.dice.of(&kinds)
        };
        match kind {
            "object" => self.object(nodes, depth),
            "array" => self.array(nodes, depth),
            "boolean" => self.dice.chance(50).into(),
            "integer" | "number" => self.number(nodes, kind),
            "null" => Value::Null,
            "" if find("properties").is_some() => self.object(nodes, depth),
            "" if find("items").is_some() => self.array(nodes, depth),
            _ => self.text(nodes).into(),
        }
    }

    fn object(&mut self, nodes: &Nodes<'s>, depth: usize) -> Value {
        let mut members = Map::new();
        let required = required(nodes);
        for name in names(nodes) {
            let is_wanted = depth < DEPTH_MAX && self.dice.chance(self.plan.optional);
            if required.contains(&name) || is_wanted {
                self.add(nodes, name, &mut members, depth);
            }
        }
        self.conditions(nodes, &mut members, depth);
        Value::Object(members)
    }

    fn add(
        &mut self,
        nodes: &Nodes<'s>,
        name: &str,
        members: &mut Map<String, Value>,
        depth: usize,
    ) {
        let below = self.member(nodes, name);
        let is_refused = below.iter().any(|node| node.as_bool() == Some(false));
        if !is_refused && !below.is_empty() {
            let value = self.value(&below, depth + 1);
            members.insert(name.to_owned(), value);
        }
    }

    /// Adds what conditions ask for, and removes what they refuse.
    fn conditions(&mut self, nodes: &Nodes<'s>, members: &mut Map<String, Value>, depth: usize) {
        for _ in 0..6 {
            let before = members.clone();
            let here = Value::Object(members.clone());
            let mut wider = nodes.clone();
            wider.extend(self.branches(nodes, &here));
            for node in wider.clone() {
                let some = node.get("anyOf").and_then(Value::as_array);
                if let Some(some) = some
                    && !some.iter().any(|one| holds(one, &here))
                {
                    let one = *self.dice.of(&some.iter().collect::<Vec<_>>());
                    wider.extend(self.flat(one));
                }
            }
            let mut needed: Vec<String> = required(&wider).into_iter().map(str::to_owned).collect();
            for node in &wider {
                let dependent = node.get("dependentRequired").and_then(Value::as_object);
                for (name, needs) in dependent.into_iter().flatten() {
                    if members.contains_key(name) {
                        let needs = needs.as_array().into_iter().flatten();
                        needed.extend(needs.filter_map(Value::as_str).map(str::to_owned));
                    }
                }
            }
            let there: Vec<String> = members.keys().cloned().collect();
            for name in there {
                let below = self.member(&wider, &name);
                if below.iter().any(|node| node.as_bool() == Some(false)) {
                    members.remove(&name);
                } else if !below.iter().all(|node| holds(node, &members[&name])) {
                    let value = self.value(&below, depth + 1);
                    members.insert(name, value);
                }
            }
            for name in needed {
                if !members.contains_key(&name) {
                    self.add(&wider, &name, members, depth);
                }
            }
            if (members.len() as u64) < largest(&wider, "minProperties").unwrap_or(0) {
                let names = names(&wider);
                if !names.is_empty() {
                    let name = *self.dice.of(&names);
                    self.add(&wider, name, members, depth);
                }
            }
            if *members == before {
                return;
            }
        }
    }

    fn array(&mut self, nodes: &Nodes<'s>, depth: usize) -> Value {
        let min = largest(nodes, "minItems").unwrap_or(0);
        let max = smallest(nodes, "maxItems").unwrap_or(ITEMS_MAX);
        let cap = if self.plan.large {
            LARGE_ITEMS_MAX
        } else {
            ITEMS_MAX
        };
        let max = max.min(cap.max(min));
        let count = match self.dice.below(4) {
            0 => min,
            1 if self.plan.large && depth < 3 => max,
            _ => min + self.dice.below(max - min + 1),
        };
        let below = self.all(nodes.iter().filter_map(|node| node.get("items")));
        let is_unique = nodes.iter().any(|node| node.get("uniqueItems").is_some());
        let mut items = Vec::new();
        for _ in 0..count {
            let item = self.value(&below, depth + 1);
            if !is_unique || !items.contains(&item) {
                items.push(item);
            }
        }
        Value::Array(items)
    }

    fn number(&mut self, nodes: &Nodes<'s>, kind: &str) -> Value {
        let min = limits(nodes, "minimum").fold(-9.0, f64::max);
        let max = limits(nodes, "maximum").fold(f64::INFINITY, f64::min);
        let max = if max.is_finite() { max } else { 999_999.0 };
        #[expect(clippy::cast_possible_truncation, reason = "limits of forms")]
        let (low, high) = (min.ceil() as i64, max.floor() as i64);
        let span = u64::try_from(high - low).unwrap_or(0);
        let whole = match self.dice.below(4) {
            0 => low,
            1 => high,
            2 => low.max(0).min(high),
            _ => low + i64::try_from(self.dice.below(span + 1)).unwrap_or(0),
        };
        if kind == "integer" || self.dice.chance(50) {
            return whole.into();
        }
        #[expect(clippy::cast_precision_loss, reason = "limits of forms")]
        let (whole, high) = (whole as f64, high as f64);
        Value::from((whole + *self.dice.of(&[0.5, 0.25, 0.01, 0.99])).min(high))
    }

    fn text(&mut self, nodes: &Nodes<'s>) -> String {
        let find = |key: &str| nodes.iter().find_map(|node| node.get(key)?.as_str());
        if let Some(format) = find("format") {
            return text::of_format(format, &mut self.dice);
        }
        // A condition's pattern is the closer one, and stands last.
        let mut patterns = nodes
            .iter()
            .filter_map(|node| node.get("pattern")?.as_str());
        let min = largest(nodes, "minLength").unwrap_or(0);
        let max = smallest(nodes, "maxLength").unwrap_or(80);
        if let Some(pattern) = patterns.next_back()
            && let Some(text) = pattern::sample(pattern, &mut self.dice)
        {
            return text
                .chars()
                .take(usize::try_from(max).unwrap_or(80))
                .collect();
        }
        let style = text::Style::any(self.plan.odd, &mut self.dice);
        text::of_length(min, max, style, &mut self.dice)
    }
}

/// Whether a condition of these schemas holds; what it cannot judge is held to be so.
fn holds(condition: &Value, value: &Value) -> bool {
    let Some(condition) = condition.as_object() else {
        return condition.as_bool() != Some(false);
    };
    condition.iter().all(|(key, wanted)| match key.as_str() {
        "const" => wanted == value,
        "enum" => wanted.as_array().is_some_and(|all| all.contains(value)),
        "required" => wanted.as_array().into_iter().flatten().all(|name| {
            let here = name.as_str().and_then(|name| value.get(name));
            here.is_some() || !value.is_object()
        }),
        "properties" => wanted
            .as_object()
            .into_iter()
            .flatten()
            .all(|(name, wanted)| value.get(name).is_none_or(|member| holds(wanted, member))),
        "not" => !holds(wanted, value),
        "anyOf" => {
            let mut some = wanted.as_array().into_iter().flatten();
            some.any(|one| holds(one, value))
        }
        "contains" => value
            .as_array()
            .is_none_or(|items| items.iter().any(|item| holds(wanted, item))),
        "minimum" => value.as_f64() >= wanted.as_f64() || !value.is_number(),
        "maximum" => value.as_f64() <= wanted.as_f64() || !value.is_number(),
        _ => true,
    })
}

fn names<'s>(nodes: &[&'s Value]) -> Vec<&'s str> {
    let mut names: Vec<&str> = Vec::new();
    for node in nodes {
        let properties = node.get("properties").and_then(Value::as_object);
        for name in properties.into_iter().flat_map(Map::keys) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    names
}

fn required<'s>(nodes: &[&'s Value]) -> Vec<&'s str> {
    let lists = nodes
        .iter()
        .filter_map(|node| node.get("required")?.as_array());
    lists.flatten().filter_map(Value::as_str).collect()
}

fn limits<'a>(nodes: &'a [&Value], key: &'a str) -> impl Iterator<Item = f64> + 'a {
    nodes.iter().filter_map(move |node| node.get(key)?.as_f64())
}

fn largest(nodes: &[&Value], key: &str) -> Option<u64> {
    nodes
        .iter()
        .filter_map(|node| node.get(key)?.as_u64())
        .max()
}

fn smallest(nodes: &[&Value], key: &str) -> Option<u64> {
    nodes
        .iter()
        .filter_map(|node| node.get(key)?.as_u64())
        .min()
}

#[cfg(test)]
mod tests {
    use amtsbote_problem::{Bilingual, Finding};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_and_conditions_are_met() {
        let schema = json!({
            "type": "object", "required": ["art"], "additionalProperties": false,
            "properties": {
                "art": { "enum": ["a", "b"] }, "zahl": { "type": "integer", "minimum": 1, "maximum": 9 },
                "name": { "type": "string", "minLength": 1, "maxLength": 5 },
                "liste": { "type": "array", "minItems": 1, "maxItems": 3, "items": { "$ref": "#/$defs/plz" } },
            },
            "if": { "properties": { "art": { "const": "b" } }, "required": ["art"] },
            "then": { "required": ["name"], "properties": { "zahl": false } },
            "$defs": { "plz": { "type": "string", "pattern": "^[0-9]{5}$" } }
        });
        let make = || {
            let mut generator = Generator::new(&schema, 7);
            (0..200)
                .map(|_| {
                    generator
                        .application(&|_| Findings::new())
                        .expect("nothing to repair")
                })
                .collect::<Vec<_>>()
        };
        let all = make();
        assert_eq!(all, make());
        assert_eq!(all.len(), 200);
        for one in &all {
            if one["art"] == "b" {
                assert!(
                    one.get("zahl").is_none() && one.get("name").is_some(),
                    "{one}"
                );
            }
            if let Some(name) = one["name"].as_str() {
                assert!((1..=5).contains(&name.chars().count()), "{one}");
            }
            for plz in one["liste"].as_array().into_iter().flatten() {
                assert_eq!(plz.as_str().map(str::len), Some(5), "{one}");
            }
        }
        let some = |with: &str| all.iter().any(|one| one.get(with).is_some());
        let none = |with: &str| all.iter().any(|one| one.get(with).is_none());
        for name in ["zahl", "name", "liste"] {
            assert!(some(name) && none(name), "{name}");
        }
    }

    #[test]
    fn what_a_check_finds_is_made_anew() {
        let schema = json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "string", "minLength": 1, "maxLength": 9 } } });
        let check = |value: &Value| match value["a"].as_str() {
            Some(text) if text.chars().all(|c| c.is_ascii_alphabetic()) => Findings::new(),
            _ => vec![Finding::new("/a", "letters", Bilingual::new("", ""))],
        };
        let mut generator = Generator::new(&schema, 1);
        assert!((0..50).all(|_| generator.application(&check).is_ok()));
    }
}
