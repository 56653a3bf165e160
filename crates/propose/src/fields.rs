//! The fields of a service's schema: every place a value can stand at, with its label and type.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

const DEPTH_MAX: usize = 14;
const FIELDS_MAX: usize = 4_000;

/// A step of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A member.
    Key(String),
    /// Each item of a list.
    Items,
}

/// A code and its German label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub code: String,
    /// What it means; empty if the schema does not say.
    pub label: String,
}

/// What kind of value it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// `yyyy-MM-dd`.
    Date,
    /// A moment, RFC 3339.
    Moment,
    /// `{jahr, monat?, tag?}`.
    PartialDate,
    /// One of these codes.
    Code(Vec<Code>),
}

/// A place in the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The way to it.
    pub steps: Vec<Step>,
    /// German label of each member on the way; empty where there is none.
    pub labels: Vec<String>,
    /// Its kind.
    pub kind: Kind,
    /// Whether every valid submission has it (in each item of the lists on the way).
    pub is_required: bool,
}

impl Field {
    /// `/antragsteller/*/familienname`.
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) => {
                    let _ = write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"));
                }
                Step::Items => pointer.push_str("/*"),
            }
        }
        pointer
    }

    /// The member's name and label.
    pub(crate) fn leaf(&self) -> (&str, &str) {
        let key = self.keys().last().unwrap_or("");
        (key, self.labels.last().map_or("", String::as_str))
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Items => None,
        })
    }

    /// The names of the members above it.
    pub(crate) fn above(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.keys().collect();
        keys.pop();
        keys
    }
}

/// All fields of a schema, in its order, each place once.
pub fn fields(schema: &Value) -> Vec<Field> {
    let mut walk = Walk {
        schema,
        found: Vec::new(),
        seen: BTreeSet::new(),
        refs: Vec::new(),
    };
    let root = At {
        steps: Vec::new(),
        labels: Vec::new(),
        is_required: true,
    };
    walk.node(schema, &root);
    walk.found
}

#[derive(Clone)]
struct At {
    steps: Vec<Step>,
    labels: Vec<String>,
    is_required: bool,
}

struct Walk<'s> {
    schema: &'s Value,
    found: Vec<Field>,
    seen: BTreeSet<Vec<Step>>,
    refs: Vec<&'s str>,
}

impl<'s> Walk<'s> {
    fn node(&mut self, node: &'s Value, at: &At) {
        if at.steps.len() > DEPTH_MAX || self.found.len() >= FIELDS_MAX {
            return;
        }
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            // A type inside itself is gone into once.
            if !self.refs.contains(&reference)
                && let Some(target) = reference
                    .strip_prefix('#')
                    .and_then(|pointer| self.schema.pointer(pointer))
            {
                self.refs.push(reference);
                self.node(target, at);
                self.refs.pop();
            }
        }
        for word in ["allOf", "oneOf", "anyOf"] {
            for part in node
                .get(word)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let optional = At {
                    is_required: at.is_required && word == "allOf",
                    ..at.clone()
                };
                self.node(part, &optional);
            }
        }
        for word in ["then", "else"] {
            if let Some(part) = node.get(word) {
                let perhaps = At {
                    is_required: false,
                    ..at.clone()
                };
                self.members(part, &perhaps);
            }
        }
        if is_partial_date(node) {
            return self.keep(at, Kind::PartialDate);
        }
        self.members(node, at);
        if let Some(items) = node.get("items") {
            let mut below = at.clone();
            below.steps.push(Step::Items);
            self.node(items, &below);
        }
        if let Some(kind) = kind(node) {
            self.keep(at, kind);
        }
    }

    fn members(&mut self, node: &'s Value, at: &At) {
        let required: Vec<&str> = node
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let Some(members) = node.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (name, member) in members {
            let mut below = at.clone();
            below.steps.push(Step::Key(name.clone()));
            below.labels.push(self.label(member).to_owned());
            below.is_required = at.is_required && required.contains(&name.as_str());
            self.node(member, &below);
        }
    }

    /// The member's title, or that of what it refers to.
    fn label(&self, node: &'s Value) -> &'s str {
        let own = node.get("title").and_then(Value::as_str);
        let target = || {
            let pointer = node
                .get("$ref")
                .and_then(Value::as_str)?
                .strip_prefix('#')?;
            self.schema.pointer(pointer)?.get("title")?.as_str()
        };
        own.or_else(target).unwrap_or("")
    }

    fn keep(&mut self, at: &At, kind: Kind) {
        if !at.steps.is_empty() && self.seen.insert(at.steps.clone()) {
            self.found.push(Field {
                steps: at.steps.clone(),
                labels: at.labels.clone(),
                kind,
                is_required: at.is_required,
            });
        }
    }
}

fn is_partial_date(node: &Value) -> bool {
    node.get("properties")
        .and_then(Value::as_object)
        .is_some_and(|members| {
            members.contains_key("jahr")
                && members
                    .keys()
                    .all(|key| ["jahr", "monat", "tag"].contains(&key.as_str()))
        })
}

/// None for what is no single value.
fn kind(node: &Value) -> Option<Kind> {
    let codes = node.get("enum").and_then(Value::as_array).map(|values| {
        let labels = node.get("x-enum-labels");
        let code = |value: &Value| {
            let code = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let label = labels
                .and_then(|labels| labels.get(&code)?.get("de")?.as_str())
                .unwrap_or("")
                .to_owned();
            Code { code, label }
        };
        values
            .iter()
            .filter(|value| !value.is_null())
            .map(code)
            .collect()
    });
    if let Some(codes) = codes {
        return Some(Kind::Code(codes));
    }
    let named = node.get("type");
    let kinds: Vec<&str> = match named {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if node.get("const").is_some() => vec!["string"],
        _ => return None,
    };
    let format = node.get("format").and_then(Value::as_str);
    kinds.into_iter().find_map(|kind| match (kind, format) {
        ("string", Some("date")) => Some(Kind::Date),
        ("string", Some("date-time")) => Some(Kind::Moment),
        ("string", _) => Some(Kind::Text),
        ("number" | "integer", _) => Some(Kind::Number),
        ("boolean", _) => Some(Kind::Boolean),
        _ => None,
    })
}
