//! What a schema allows at a place, in words.

use amtsbote_problem::Bilingual;
use serde_json::Value;

use super::pattern;
use super::schema::ALLOWED_MAX;
use super::wording::{self, two};

/// In words, from the node that describes the place itself; conditions seldom name a type. None where there is no
/// short way to say it.
pub(super) fn of(nodes: &[&Value]) -> Option<Bilingual> {
    let node = nodes
        .iter()
        .find(|node| node.get("type").is_some())
        .or_else(|| nodes.iter().find(|node| node.get("enum").is_some()))?;
    if let Some(values) = node.get("enum").and_then(Value::as_array) {
        return (values.len() <= ALLOWED_MAX).then(|| codes(node, values));
    }
    if let Some(value) = node.get("const") {
        let value = wording::plain(value);
        return Some(two(format!("nur: {value}"), format!("only: {value}")));
    }
    match kind(node)? {
        "string" => text(node),
        "integer" => Some(number(node, ("ganze Zahl", "whole number"))),
        "number" => Some(number(node, ("Zahl", "number"))),
        "boolean" => Some(two("true oder false", "true or false")),
        "array" => entries(node),
        _ => None,
    }
}

// The first kind that is not `null`.
fn kind(node: &Value) -> Option<&str> {
    let kind = node.get("type")?;
    kind.as_str().or_else(|| {
        let kinds = kind.as_array()?;
        kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
    })
}

fn codes(node: &Value, values: &[Value]) -> Bilingual {
    let list = |language: &str| {
        let one = |value: &Value| {
            let code = wording::plain(value);
            let label = node
                .get("x-enum-labels")
                .and_then(|labels| labels.get(&code)?.get(language)?.as_str());
            match label {
                Some(label) => format!("{code} ({label})"),
                None => code,
            }
        };
        values.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    two(
        format!("einer der Werte {}", list("de")),
        format!("one of the values {}", list("en")),
    )
}

fn text(node: &Value) -> Option<Bilingual> {
    if let Some(format) = node.get("format").and_then(Value::as_str) {
        return format_of(format);
    }
    if let Some(pattern) = node.get("pattern").and_then(Value::as_str) {
        return pattern::words(pattern).or_else(|| {
            // Where the schema gives advice, that says it better.
            node.get("x-hint-de").is_none().then(|| {
                two(
                    format!("Text nach dem Muster {pattern}"),
                    format!("text of the pattern {pattern}"),
                )
            })
        });
    }
    let (de, en) = range(node, ("minLength", "maxLength"))?;
    Some(two(
        format!("Text, {de} Zeichen"),
        format!("text, {en} characters"),
    ))
}

fn format_of(format: &str) -> Option<Bilingual> {
    Some(match format {
        "date" => two("Datum JJJJ-MM-TT", "date YYYY-MM-DD"),
        "date-time" => two(
            "Zeitpunkt JJJJ-MM-TTThh:mm:ssZ",
            "date and time YYYY-MM-DDThh:mm:ssZ",
        ),
        "time" => two("Uhrzeit hh:mm:ssZ", "time hh:mm:ssZ"),
        "email" | "idn-email" => two("E-Mail-Adresse", "e-mail address"),
        "uri" | "uri-reference" | "iri" | "iri-reference" => {
            two("Internetadresse (URI)", "internet address (URI)")
        }
        "uuid" => two("UUID", "UUID"),
        _ => return None,
    })
}

fn number(node: &Value, (de, en): (&str, &str)) -> Bilingual {
    match range(node, ("minimum", "maximum")) {
        Some((german, english)) => two(format!("{de}, {german}"), format!("{en}, {english}")),
        None => two(de, en),
    }
}

fn entries(node: &Value) -> Option<Bilingual> {
    let (de, en) = range(node, ("minItems", "maxItems"))?;
    Some(two(
        format!("Liste, {de} Einträge"),
        format!("list, {en} entries"),
    ))
}

fn range(node: &Value, (min, max): (&str, &str)) -> Option<(String, String)> {
    let limit = |key| node.get(key).filter(|limit| limit.is_number());
    Some(match (limit(min), limit(max)) {
        (Some(min), Some(max)) if min == max => (format!("genau {min}"), format!("exactly {min}")),
        (Some(min), Some(max)) => (format!("{min} bis {max}"), format!("{min} to {max}")),
        (Some(min), None) => (format!("mindestens {min}"), format!("at least {min}")),
        (None, Some(max)) => (format!("höchstens {max}"), format!("at most {max}")),
        (None, None) => return None,
    })
}
