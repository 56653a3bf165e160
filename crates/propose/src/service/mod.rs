//! A service from a schema of others: JSON Schema, XSD, `XDatenfelder` 2 and 3.

mod drafts;
mod sample;
mod xdf;
mod xsd;

use amtsbote_problem::Bilingual;
use serde_json::{Map, Value, json};

use crate::{Note, NoteKind, Schemas, Unusable, dom};

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
    /// The same with nothing but what is required, for where no other fits: conditions often ask for more, the more there is.
    pub least: Value,
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
    let (examples, least) = (sample::of(&schema), sample::least(&schema));
    Ok(NewService {
        schema,
        examples,
        least,
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

/// A JSON Schema with the meaning it has.
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
    let Value::Object(members) = schema else {
        return Err(Unusable::new(
            "das Schema ist kein Objekt",
            "the schema is no object",
        ));
    };
    drafts::latest(members, losses)
}

/// An object with its members in order.
#[derive(Default)]
struct Members {
    properties: Map<String, Value>,
    required: Vec<Value>,
    /// What each name was added with.
    times: Vec<(String, Value, Times)>,
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

    /// A member that may be there already: then it stands there oftener. Whether both are of one type.
    fn again(&mut self, name: &str, schema: &Value, times: Times) -> bool {
        let known = self.times.iter_mut().find(|(known, ..)| known == name);
        let Some((_, first, before)) = known else {
            self.times.push((name.to_owned(), schema.clone(), times));
            self.add(name, schema.clone(), times);
            return true;
        };
        before.least = before.least.saturating_add(times.least);
        before.most = before
            .most
            .zip(times.most)
            .map(|(own, more)| own.saturating_add(more));
        let (first, both) = (first.clone(), *before);
        self.required.retain(|known| known != name);
        let order = self
            .properties
            .get(name)
            .and_then(|known| known.get("x-order"))
            .cloned();
        self.add(name, first.clone(), both);
        if let (Some(order), Some(made)) = (order, self.properties.get_mut(name)) {
            made["x-order"] = order;
        }
        first == *schema
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
