//! What a schema says of a place in a document, without running it: labels, hints and the character set come from here.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// Nodes looked at for one place.
const NODES_MAX: usize = 500;

const MAPS: [&str; 5] = [
    "$defs",
    "definitions",
    "properties",
    "patternProperties",
    "dependentSchemas",
];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const SINGLES: [&str; 11] = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];

/// A schema with its local references.
pub(super) struct Outline {
    root: Value,
    // Pointer of each `$anchor`.
    anchors: HashMap<String, String>,
    // All names under `properties`: not sender data.
    names: HashSet<String>,
}

impl Outline {
    pub(super) fn new(root: Value) -> Self {
        let mut anchors = HashMap::new();
        let mut names = HashSet::new();
        each(&root, &mut |at, node| {
            if let Some(anchor) = node.get("$anchor").and_then(Value::as_str) {
                anchors.insert(anchor.to_owned(), at.to_owned());
            }
            if let Some(properties) = node.get("properties").and_then(Value::as_object) {
                names.extend(properties.keys().cloned());
            }
        });
        Self {
            root,
            anchors,
            names,
        }
    }

    pub(super) const fn root(&self) -> &Value {
        &self.root
    }

    /// Is this a member's name that the schema itself has?
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The node at a canonical location of the schema.
    pub(super) fn node(&self, location: &str) -> Option<&Value> {
        self.root.pointer(location)
    }

    /// The target of a reference, if it is within this schema.
    pub(super) fn target(&self, reference: &str) -> Option<&Value> {
        let own = self
            .root
            .get("$id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let own = own.trim_end_matches('#');
        let local = if own.is_empty() {
            reference
        } else {
            reference.strip_prefix(own).unwrap_or(reference)
        };
        if local.is_empty() {
            return Some(&self.root);
        }
        let fragment = percent_decoded(local.strip_prefix('#')?)?;
        if fragment.is_empty() || fragment.starts_with('/') {
            self.root.pointer(&fragment)
        } else {
            self.root.pointer(self.anchors.get(&fragment)?)
        }
    }

    /// Schemas that apply to the same place as `node`: referenced, combined, conditional.
    pub(super) fn in_place<'s>(&'s self, node: &'s Value) -> Vec<&'s Value> {
        let mut found = Vec::new();
        if let Some(target) = node
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|r| self.target(r))
        {
            found.push(target);
        }
        for list in ["allOf", "anyOf", "oneOf"] {
            found.extend(
                node.get(list)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten(),
            );
        }
        found.extend(
            ["if", "then", "else", "not"]
                .iter()
                .filter_map(|key| node.get(key)),
        );
        let dependent = node.get("dependentSchemas").and_then(Value::as_object);
        found.extend(dependent.into_iter().flat_map(Map::values));
        found
    }

    /// The nodes for the whole document.
    pub(super) fn top(&self) -> Vec<&Value> {
        self.expanded(vec![&self.root])
    }

    /// The nodes for the member `name` or element `name` of what `nodes` describe; what stands beside a `$ref` first.
    pub(super) fn child<'s>(&'s self, nodes: &[&'s Value], name: &str) -> Vec<&'s Value> {
        let index = name.parse::<usize>().ok();
        let mut found = Vec::new();
        for node in nodes {
            let named = node.get("properties").and_then(|p| p.get(name));
            let listed = index.and_then(|i| node.get("prefixItems").and_then(|p| p.get(i)));
            let item = if listed.is_none() && index.is_some() {
                node.get("items")
            } else {
                None
            };
            let other = if named.is_none() {
                node.get("additionalProperties")
            } else {
                None
            };
            found.extend([named, listed, item, other].into_iter().flatten());
            let patterns = node.get("patternProperties").and_then(Value::as_object);
            found.extend(patterns.into_iter().flat_map(Map::values));
        }
        self.expanded(found)
    }

    /// The nodes for a place of the document.
    pub(super) fn at(&self, pointer: &str) -> Vec<&Value> {
        let mut nodes = self.top();
        for step in crate::pointer::steps(pointer) {
            nodes = self.child(&nodes, &step);
        }
        nodes
    }

    fn expanded<'s>(&'s self, first: Vec<&'s Value>) -> Vec<&'s Value> {
        let mut found: Vec<&Value> = Vec::new();
        let mut seen = HashSet::new();
        let mut waiting: Vec<&Value> = first.into_iter().rev().collect();
        while let Some(node) = waiting.pop() {
            if found.len() >= NODES_MAX {
                break;
            }
            if !seen.insert(std::ptr::from_ref(node)) {
                continue;
            }
            found.push(node);
            waiting.extend(self.in_place(node).into_iter().rev());
        }
        found
    }
}

/// Calls `visit` for every schema object in `root` with its pointer.
pub(super) fn each<'s>(root: &'s Value, visit: &mut dyn FnMut(&str, &'s Map<String, Value>)) {
    let mut waiting = vec![(String::new(), root)];
    while let Some((at, node)) = waiting.pop() {
        let Some(members) = node.as_object() else {
            continue;
        };
        visit(&at, members);
        for key in MAPS {
            for (name, child) in members
                .get(key)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let mut below = format!("{at}/{key}");
                crate::pointer::push(&mut below, name);
                waiting.push((below, child));
            }
        }
        for key in LISTS {
            for (index, child) in members
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .enumerate()
            {
                waiting.push((format!("{at}/{key}/{index}"), child));
            }
        }
        for key in SINGLES {
            waiting.extend(members.get(key).map(|child| (format!("{at}/{key}"), child)));
        }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
