//! A service from a schema of others: JSON Schema, XSD, `XDatenfelder` 2 and 3.

mod sample;
mod xdf;
mod xsd;

use amtsbote_problem::Bilingual;
use serde_json::{Map, Value, json};

use crate::{Note, NoteKind, Schemas, Unusable, dom};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
const SCHEMA_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The foreign schema.
#[derive(Debug, Clone)]
pub enum Foreign<'a> {
    /// JSON Schema, also as generated from FIM.
    JsonSchema(&'a [u8]),
    /// Schema files.
    Xsd(Schemas<'a>),
    /// `xdatenfelder.stammdatenschema.0102`.
    Xdf(&'a [u8]),
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct NewService {
    /// `schema.json`, without `$id`.
    pub schema: Value,
    /// Submissions made up to fit it, the first with everything; one for each branch of a choice. Whether they do, the caller checks.
    pub examples: Vec<Value>,
    /// Its name, as far as the schema has one.
    pub label: Option<String>,
    /// Id and version in FIM.
    pub fim: Option<(String, String)>,
    /// What could not be taken over, and what to know.
    pub losses: Vec<Note>,
}

/// Converts a foreign schema.
pub fn service(foreign: &Foreign<'_>) -> Result<NewService, Unusable> {
    let mut losses = Losses::default();
    let (schema, label, fim) = match foreign {
        Foreign::JsonSchema(bytes) => (taken(bytes, &mut losses)?, None, None),
        Foreign::Xsd(schemas) => {
            let root = crate::xsd::sample(schemas, crate::xsd::Choices::All)?;
            let label = root.local().to_owned();
            (xsd::schema(&root, &mut losses), Some(label), None)
        }
        Foreign::Xdf(bytes) => xdf::schema(&dom::parse(bytes)?, &mut losses)?,
    };
    let label = label.or_else(|| {
        schema
            .get("title")
            .and_then(Value::as_str)
            .map(str::to_owned)
    });
    let examples = sample::of(&schema);
    Ok(NewService {
        schema,
        examples,
        label,
        fim,
        losses: losses.0,
    })
}

/// What a conversion does not carry over.
#[derive(Default)]
struct Losses(Vec<Note>);

impl Losses {
    fn add(&mut self, at: &str, de: impl Into<String>, en: impl Into<String>) {
        self.0.push(Note {
            kind: NoteKind::Info,
            at: at.to_owned(),
            text: Bilingual::new(de, en),
        });
    }
}

/// A JSON Schema as it is, with what our validator reads otherwise told.
fn taken(bytes: &[u8], losses: &mut Losses) -> Result<Value, Unusable> {
    if bytes.len() > SCHEMA_MAX_BYTES {
        return Err(Unusable::new(
            "das Schema ist größer als 4 MB",
            "the schema is larger than 4 MB",
        ));
    }
    let schema: Value = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Unusable::new(
            format!("das Schema ist kein JSON (Zeile {line}, Spalte {column})"),
            format!("the schema is not JSON: {error}"),
        )
    })?;
    let Value::Object(mut members) = schema else {
        return Err(Unusable::new(
            "das Schema ist kein Objekt",
            "the schema is no object",
        ));
    };
    let draft = members.get("$schema").and_then(Value::as_str);
    if draft.is_some_and(|draft| draft != DRAFT) {
        losses.add(
            "$schema",
            "für einen anderen Entwurf geschrieben; hier gilt 2020-12 (items als Liste heißt dort prefixItems, dependencies dependentRequired)",
            "written for another draft; here 2020-12 holds (items as a list is prefixItems there, dependencies dependentRequired)",
        );
    }
    members.insert("$schema".to_owned(), json!(DRAFT));
    let schema = Value::Object(members);
    tell(&schema, "", losses, 0);
    Ok(schema)
}

fn tell(node: &Value, at: &str, losses: &mut Losses, depth: usize) {
    if depth > 60 {
        return;
    }
    match node {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            if reference.is_some_and(|reference| !reference.starts_with('#')) {
                losses.add(
                    at,
                    "verweist auf ein anderes Schema; das muss in $defs aufgenommen werden",
                    "refers to another schema; take it over into $defs",
                );
            }
            for word in ["dependencies", "additionalItems", "definitions"] {
                if members.contains_key(word) && word != "definitions" {
                    losses.add(
                        &format!("{at}/{word}"),
                        "kennt der Entwurf 2020-12 nicht und bleibt ohne Wirkung",
                        "is unknown to draft 2020-12 and has no effect",
                    );
                }
            }
            for (name, member) in members {
                tell(member, &format!("{at}/{name}"), losses, depth + 1);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                tell(item, &format!("{at}/{index}"), losses, depth + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An object with its members in order.
#[derive(Default)]
struct Members {
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Members {
    /// A member; several of them become a list.
    fn add(&mut self, name: &str, mut schema: Value, times: Times) {
        schema["x-order"] = json!((self.properties.len() + 1) * 10);
        let schema = if times.most == Some(1) {
            schema
        } else {
            let mut list = json!({ "type": "array", "items": schema, "minItems": times.least, "maxItems": times.most.unwrap_or(Times::LIST_MAX) });
            for word in ["title", "x-order"] {
                if let Some(value) = list["items"].get(word).cloned() {
                    list[word] = value;
                }
            }
            list
        };
        if times.least > 0 {
            self.required.push(Value::from(name));
        }
        self.properties.insert(name.to_owned(), schema);
    }

    fn into_schema(self) -> Value {
        let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": self.properties });
        if !self.required.is_empty() {
            schema["required"] = Value::Array(self.required);
        }
        schema
    }
}

/// How often a member stands there; `most: None` is any number.
#[derive(Clone, Copy)]
struct Times {
    least: u32,
    most: Option<u32>,
}

impl Times {
    /// Items of a list nothing else bounds: every list needs a limit.
    const LIST_MAX: u32 = 1_000;
    const ONE: Self = Self {
        least: 1,
        most: Some(1),
    };
}

/// A text without a bound of its own: every text needs a limit.
const TEXT_MAX: u32 = 10_000;
