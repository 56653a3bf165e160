//! The outermost object of an intake body: split into its members before anything inside is built, so that the memory taken
//! is bounded by the length of the text.

use std::cell::RefCell;
use std::fmt;

use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::fields::{self, finding};

/// Members of the body, known or not.
const MEMBERS_MAX: usize = 64;
/// Values in one member other than `data`: a hundred attachments have about a thousand.
const VALUES_MAX: usize = 10_000;
/// Nesting of a member other than `data`.
const DEPTH_MAX: usize = 32;
/// What stands in for a name that must not be repeated.
pub(super) const UNSHOWN: &str = "…";

/// The body's members: `data` untouched, the rest as values.
pub(super) struct Envelope<'a> {
    /// The text of `data`, if it is an object.
    pub(super) data: Option<&'a str>,
    /// All members; in place of `data` an empty value of the same type.
    pub(super) rest: Value,
    /// About members that are too much to be read.
    pub(super) findings: Findings,
}

/// Is this name of a member harmless enough to be repeated? At most 64 of `[A-Za-z0-9_-]`.
pub(super) fn is_showable(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

impl<'a> Envelope<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Findings> {
        let faults = RefCell::new(Findings::new());
        let mut source = serde_json::Deserializer::from_slice(bytes);
        let split = source.deserialize_any(Split { faults: &faults });
        let split = split.and_then(|members| source.end().map(|()| members));
        let faults = faults.into_inner();
        match split {
            Ok(members) if faults.is_empty() => Ok(Self::of(members)),
            Err(error) if faults.is_empty() => Err(broken(&error)),
            Ok(_) | Err(_) => Err(faults),
        }
    }

    fn of(members: Members<'a>) -> Self {
        let mut opened = Self {
            data: None,
            rest: Value::Null,
            findings: Findings::new(),
        };
        let mut rest = Map::new();
        for (name, raw) in members {
            let value = if name == "data" {
                opened.put_aside(raw.get())
            } else {
                opened.read(&name, raw.get())
            };
            rest.extend(value.map(|value| (name, value)));
        }
        opened.rest = Value::Object(rest);
        opened
    }

    fn put_aside(&mut self, text: &'a str) -> Option<Value> {
        match text.as_bytes().first()? {
            b'{' => {
                self.data = Some(text);
                Some(Value::Object(Map::new()))
            }
            b'n' => Some(Value::Null),
            _ => Some(Value::Bool(false)),
        }
    }

    fn read(&mut self, name: &str, text: &str) -> Option<Value> {
        let at = format!("/{}", if is_showable(name) { name } else { UNSHOWN });
        let size = Size::of(text);
        if size.depth > DEPTH_MAX {
            let said = ("ist zu tief geschachtelt", "is nested too deeply");
            self.findings.push(finding(at, "depth", said));
            return None;
        }
        if size.values > VALUES_MAX {
            let said = ("enthält zu viele Werte", "has too many values");
            self.findings.push(finding(at, "size", said));
            return None;
        }
        let value = fields::json(text.as_bytes()).ok();
        if value.is_none() {
            // A number out of range or half a surrogate pair: the text is well-formed, its value is not.
            let said = (
                "enthält eine unlesbare Zahl oder Zeichenfolge",
                "has a number or string that cannot be read",
            );
            self.findings.push(finding(at, "json", said));
        }
        value
    }
}

fn broken(error: &serde_json::Error) -> Findings {
    let (line, column) = (error.line(), error.column());
    let detail = Bilingual::new(
        format!("ist kein JSON (Zeile {line}, Spalte {column})"),
        format!("is not JSON (line {line}, column {column})"),
    );
    vec![Finding::new("", "json", detail)]
}

/// How much a well-formed JSON text will be when it is built. Counts a little too much rather than too little.
#[derive(Default)]
struct Size {
    values: usize,
    depth: usize,
}

impl Size {
    fn of(text: &str) -> Self {
        let mut size = Self::default();
        let (mut open, mut in_string, mut escaped) = (0_usize, false, false);
        for byte in text.bytes() {
            match (in_string, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (_, b'"') => in_string = !in_string,
                (false, b'[' | b'{') => {
                    open += 1;
                    size.values += 1;
                    size.depth = size.depth.max(open);
                }
                (false, b']' | b'}') => open = open.saturating_sub(1),
                (false, b',') => size.values += 1,
                (true | false, _) => {}
            }
        }
        size
    }
}

/// Names and texts of the members, in order.
type Members<'a> = Vec<(String, &'a RawValue)>;

struct Split<'s> {
    faults: &'s RefCell<Findings>,
}

impl Split<'_> {
    fn say(&self, at: &str, rule: &str, text: fields::Text) {
        self.faults.borrow_mut().push(finding(at, rule, text));
    }

    fn no_object<'a>(&self) -> Members<'a> {
        self.say("", "type", ("muss ein Objekt sein", "must be an object"));
        Members::new()
    }
}

impl<'de> Visitor<'de> for Split<'_> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.no_object())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.no_object())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(self.no_object())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(self.no_object())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.no_object())
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(self.no_object())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.no_object())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::new();
        while let Some((name, value)) = access.next_entry::<String, &RawValue>()? {
            if members.iter().any(|(known, _)| *known == name) {
                let at = format!("/{}", if is_showable(&name) { &name } else { UNSHOWN });
                let text = ("steht mehrmals da", "is there more than once");
                self.say(&at, "duplicate-member", text);
            } else {
                members.push((name, value));
            }
            if members.len() > MEMBERS_MAX {
                self.say(
                    "",
                    "maxProperties",
                    ("hat zu viele Felder", "has too many members"),
                );
                return Err(de::Error::custom("members"));
            }
            if self.faults.borrow().len() >= fields::MAX_FINDINGS {
                return Err(de::Error::custom("findings"));
            }
        }
        Ok(members)
    }
}
