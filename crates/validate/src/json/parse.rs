//! JSON text to a value, within bounds.

use std::cell::RefCell;
use std::fmt;

use amtsbote_problem::{Bilingual, Finding, Findings};
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use super::surrogates;
use crate::pointer;

/// Bounds of a JSON text. The default: 8 MiB, 64 levels, 200 000 values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text in bytes.
    pub size_max_bytes: usize,
    /// Nesting of objects and arrays; at most 100 has an effect.
    pub depth_max: usize,
    /// Values of any kind: bounds the memory, which may be 30 times the text.
    pub values_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size_max_bytes: 8 << 20,
            depth_max: 64,
            values_max: 200_000,
        }
    }
}

const DUPLICATES_MAX: usize = 20;

/// Parses UTF-8 JSON (RFC 8259). Refuses what exceeds `limits`, and repeated member names, whose meaning RFC 8259 §4
/// leaves open. Findings tell line and column and nothing of the content.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value, Findings> {
    if bytes.len() > limits.size_max_bytes {
        let max = limits.size_max_bytes;
        return Err(vec![Finding::new(
            "",
            "size",
            Bilingual::new(
                format!("ist größer als {max} Byte"),
                format!("is larger than {max} bytes"),
            ),
        )]);
    }
    let state = State {
        limits,
        values: RefCell::new(0),
        broken: RefCell::new(None),
        duplicates: RefCell::default(),
        failed_at: RefCell::default(),
    };
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let seed = Element {
        state: &state,
        depth: 0,
        at: String::new(),
    };
    let parsed = seed
        .deserialize(&mut source)
        .and_then(|value| source.end().map(|()| value));
    match parsed {
        Ok(value) => {
            let duplicates = state.duplicates.into_inner();
            if duplicates.is_empty() {
                Ok(value)
            } else {
                Err(duplicates)
            }
        }
        Err(error) if surrogates::is_half(bytes, &error) => {
            let at = state.failed_at.into_inner().unwrap_or_default();
            Err(vec![surrogates::finding(&at, &error)])
        }
        Err(error) => Err(vec![fault(&error, state.broken.into_inner(), limits)]),
    }
}

#[derive(Clone, Copy)]
enum Bound {
    Depth,
    Values,
}

struct State {
    limits: Limits,
    values: RefCell<usize>,
    broken: RefCell<Option<Bound>>,
    duplicates: RefCell<Findings>,
    /// The innermost place that could not be read.
    failed_at: RefCell<Option<String>>,
}

fn fault(error: &serde_json::Error, broken: Option<Bound>, limits: Limits) -> Finding {
    let (line, column) = (error.line(), error.column());
    let (rule, de, en) = match broken {
        Some(Bound::Depth) => (
            "depth",
            format!("ist tiefer geschachtelt als {} Ebenen", limits.depth_max),
            format!("is nested deeper than {} levels", limits.depth_max),
        ),
        Some(Bound::Values) => (
            "size",
            format!("enthält mehr als {} Werte", limits.values_max),
            format!("has more than {} values", limits.values_max),
        ),
        None => match error.classify() {
            Category::Eof => ("json", "endet vorzeitig".into(), "ends too early".into()),
            Category::Syntax | Category::Data | Category::Io => (
                "json",
                "ist kein gültiges JSON".into(),
                "is not valid JSON".into(),
            ),
        },
    };
    Finding::new(
        "",
        rule,
        Bilingual::new(
            format!("{de} (Zeile {line}, Spalte {column})"),
            format!("{en} (line {line}, column {column})"),
        ),
    )
}

struct Element<'a> {
    state: &'a State,
    depth: usize,
    at: String,
}

impl Element<'_> {
    fn enter<E: de::Error>(&self) -> Result<usize, E> {
        let depth = self.depth + 1;
        if depth > self.state.limits.depth_max {
            *self.state.broken.borrow_mut() = Some(Bound::Depth);
            return Err(E::custom("depth"));
        }
        Ok(depth)
    }

    fn failed<E>(&self, at: impl FnOnce() -> String) -> impl FnOnce(E) -> E {
        |error| {
            self.state.failed_at.borrow_mut().get_or_insert_with(at);
            error
        }
    }

    fn duplicate(&self, name: &str) {
        let mut duplicates = self.state.duplicates.borrow_mut();
        if duplicates.len() >= DUPLICATES_MAX {
            return;
        }
        let name = if pointer::showable(name) {
            name
        } else {
            pointer::UNSHOWN
        };
        duplicates.push(Finding::new(
            self.at.clone(),
            "duplicate-member",
            Bilingual::new(
                format!("enthält das Feld „{name}“ mehrmals"),
                format!("has the member \"{name}\" more than once"),
            ),
        ));
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let mut values = self.state.values.borrow_mut();
        *values += 1;
        if *values > self.state.limits.values_max {
            *self.state.broken.borrow_mut() = Some(Bound::Values);
            return Err(de::Error::custom("values"));
        }
        drop(values);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut items = Vec::new();
        loop {
            let place = || format!("{}/{}", self.at, items.len());
            let seed = Element {
                state: self.state,
                depth,
                at: place(),
            };
            let item = access.next_element_seed(seed).map_err(self.failed(place))?;
            let Some(item) = item else {
                return Ok(Value::Array(items));
            };
            items.push(item);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut members = Map::new();
        let here = || self.at.clone();
        while let Some(name) = access.next_key::<String>().map_err(self.failed(here))? {
            let place = || {
                let mut at = self.at.clone();
                let is_shown = pointer::showable(&name);
                pointer::push(&mut at, if is_shown { &name } else { pointer::UNSHOWN });
                at
            };
            let seed = Element {
                state: self.state,
                depth,
                at: place(),
            };
            let value = access.next_value_seed(seed).map_err(self.failed(place))?;
            if members.contains_key(&name) {
                self.duplicate(&name);
            } else {
                members.insert(name, value);
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str, &str)]) {
        let limits = Limits {
            size_max_bytes: 4096,
            depth_max: 4,
            values_max: 50,
        };
        let found: Vec<_> = parse(text.as_bytes(), limits)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|f| (f.at, f.rule, f.detail.en))
            .collect();
        let found: Vec<_> = found
            .iter()
            .map(|(a, r, d)| (a.as_str(), r.as_str(), d.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn good_text_becomes_its_value() {
        let value = parse(br#"{"a":[1,-2,2.5,true,null,"\u00e4"]}"#, Limits::default()).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"a": [1, -2, 2.5, true, null, "ä"]})
        );
    }

    #[test]
    fn syntax_errors_tell_the_place_and_nothing_else() {
        check(
            "{\"a\": geheim}",
            &[("", "json", "is not valid JSON (line 1, column 7)")],
        );
        check(
            "{\"a\":\n 1",
            &[("", "json", "ends too early (line 2, column 2)")],
        );
        check(
            "{} {}",
            &[("", "json", "is not valid JSON (line 1, column 4)")],
        );
        check("", &[("", "json", "ends too early (line 1, column 0)")]);
    }

    #[test]
    fn half_a_surrogate_pair_is_told_with_its_place() {
        const TOLD: &str =
            "has half of a surrogate pair: \\uD800 to \\uDFFF are no characters alone";
        for (text, at, place) in [
            (
                r#"{"a":[{"b":"x\ud800"}]}"#,
                "/a/0/b",
                "(line 1, column 20)",
            ),
            (r#"{"a":["\ud800\ud800"]}"#, "/a/0", "(line 1, column 19)"),
            (r#"{"a":"\uDC00 x"}"#, "/a", "(line 1, column 12)"),
            (
                r#"{"a":1,"b":"\ud83dx\ude00"}"#,
                "/b",
                "(line 1, column 19)",
            ),
            (r#"{"a":{"\udfff":1}}"#, "/a", "(line 1, column 13)"),
            (r#""\ud83d\n""#, "", "(line 1, column 9)"),
        ] {
            let told = format!("{TOLD} {place}");
            check(text, &[(at, "surrogate", &told)]);
        }
        let pair = parse(br#"["\ud83d\ude00"]"#, Limits::default()).unwrap();
        assert_eq!(pair, serde_json::json!(["\u{1F600}"]));
        // Broken for another reason, though there is one before it.
        let cut = r#"["\\ud800", ?]"#;
        check(
            cut,
            &[("", "json", "is not valid JSON (line 1, column 13)")],
        );
    }

    #[test]
    fn repeated_members_are_all_named() {
        check(
            r#"{"a":1,"b":[{"c":1,"c":2}],"a":3,"Müller":1,"Müller":2}"#,
            &[
                (
                    "/b/0",
                    "duplicate-member",
                    "has the member \"c\" more than once",
                ),
                (
                    "",
                    "duplicate-member",
                    "has the member \"a\" more than once",
                ),
                (
                    "",
                    "duplicate-member",
                    "has the member \"…\" more than once",
                ),
            ],
        );
    }

    #[test]
    fn bounds_hold() {
        check("[[[[1]]]]", &[]);
        check(
            "[[[[[1]]]]]",
            &[(
                "",
                "depth",
                "is nested deeper than 4 levels (line 1, column 5)",
            )],
        );
        let many = format!("[{}1]", "1,".repeat(60));
        check(
            &many,
            &[("", "size", "has more than 50 values (line 1, column 99)")],
        );
        check(
            &" ".repeat(5000),
            &[("", "size", "is larger than 4096 bytes")],
        );
        let deep = "[".repeat(4000);
        assert!(
            parse(
                deep.as_bytes(),
                Limits {
                    depth_max: 100,
                    ..Limits::default()
                }
            )
            .is_err()
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_get_an_answer(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let ours = parse(&bytes, Limits::default());
            if let Ok(value) = ours {
                assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
            }
        }

        #[test]
        fn any_escapes_get_an_answer_and_lone_surrogates_a_finding(units in proptest::collection::vec(0xd7f0_u16..0xe010, 0..6)) {
            let escapes: Vec<String> = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let escapes = escapes.concat();
            let text = format!("{{\"a\":\"{escapes}\"}}");
            match (String::from_utf16(&units), parse(text.as_bytes(), Limits::default())) {
                (Ok(expected), Ok(value)) => assert_eq!(value["a"], expected.as_str()),
                (Err(_), Err(findings)) => {
                    assert_eq!((findings[0].at.as_str(), findings[0].rule.as_str()), ("/a", "surrogate"));
                }
                (expected, found) => panic!("{text}: {expected:?} {found:?}"),
            }
        }
    }
}
