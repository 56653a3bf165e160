//! What single definitions say.

use super::PLACEHOLDER;
use crate::dom::{Element, local};

const DOCUMENTATION_MAX_CHARS: usize = 500;

/// What a definition says of itself in one line: its documentation, or `wert` as XÖV writes it.
pub(super) fn documented(definition: &Element) -> String {
    documentation(definition).chars().take(60).collect()
}

/// The same, as long as a description may be.
pub(super) fn documentation(definition: &Element) -> String {
    let Some(annotation) = definition.child("annotation") else {
        return String::new();
    };
    let own = annotation.child("documentation").map(|one| one.text.trim());
    let own = own.filter(|text| !text.is_empty());
    let told = own.or_else(|| annotation.text_at(&["appinfo", "wert"]));
    let words: Vec<&str> = told.unwrap_or_default().split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .take(DOCUMENTATION_MAX_CHARS)
        .collect()
}

/// Patterns of one restriction are alternatives: they become one.
pub(super) fn patterns(restriction: &Element) -> Option<(String, String)> {
    let all: Vec<&str> = restriction
        .children_named("pattern")
        .filter_map(|one| one.attribute("value"))
        .collect();
    let one = match all.as_slice() {
        [] => return None,
        [only] => (*only).to_owned(),
        several => format!("({})", several.join(")|(")),
    };
    Some(("pattern".to_owned(), one))
}

/// How often a definition has to and may stand there; the second is none without a bound.
pub(super) fn occurs(definition: &Element) -> (u32, Option<u32>) {
    let number = |name: &str| definition.attribute(name).map(str::parse::<u32>);
    let least = number("minOccurs").and_then(Result::ok).unwrap_or(1);
    match number("maxOccurs") {
        None => (least, Some(1)),
        Some(most) => (least, most.ok()),
    }
}

/// A date as the usual patterns of German procedures want it: the place of digits and what stands between them tell.
pub(super) fn date_like(pattern: &str) -> Option<&'static str> {
    match shape(pattern)?.as_str() {
        "99.99.9999" => Some("31.01.2026"),
        "9999-99-99" => Some("2026-01-31"),
        "99/99/9999" => Some("31/01/2026"),
        _ => None,
    }
}

/// A pattern of single characters, classes of digits and fixed numbers of them, with `9` for each digit; nothing for any other.
pub(super) fn shape(pattern: &str) -> Option<String> {
    let mut shape = String::new();
    let mut rest = pattern.trim_start_matches('^').trim_end_matches('$');
    while let Some(first) = rest.chars().next() {
        let (one, length) = if rest.starts_with("\\d") {
            ('9', 2)
        } else if let Some(escaped) = rest.strip_prefix('\\') {
            (
                escaped
                    .chars()
                    .next()
                    .filter(|c| matches!(c, '.' | '-' | '/'))?,
                2,
            )
        } else if first == '[' {
            let end = rest.find(']')?;
            (class(rest.get(1..end)?)?, end + 1)
        } else if first.is_ascii_digit() || matches!(first, '-' | '/') {
            (if first.is_ascii_digit() { '9' } else { first }, 1)
        } else {
            return None;
        };
        rest = rest.get(length..)?;
        let mut times = 1;
        if let Some(counted) = rest.strip_prefix('{') {
            let end = counted.find('}')?;
            times = counted
                .get(..end)?
                .parse::<usize>()
                .ok()
                .filter(|times| *times <= 8)?;
            rest = counted.get(end + 1..)?;
        }
        shape.extend(std::iter::repeat_n(one, times));
        if shape.len() > 20 {
            return None;
        }
    }
    Some(shape)
}

/// `[0-3]`, `[12]` are digits, `[.]` is a dot.
pub(super) fn class(inside: &str) -> Option<char> {
    let is_digits = |c: char| c.is_ascii_digit() || c == '-';
    match inside {
        "." | "/" => inside.chars().next(),
        _ if inside.chars().all(is_digits) && inside.chars().any(|c| c != '-') => Some('9'),
        _ => None,
    }
}

/// What a restriction says beyond its codes.
pub(super) fn facets(restriction: &Element) -> impl Iterator<Item = (String, String)> {
    restriction
        .children
        .iter()
        .filter(|facet| {
            !matches!(
                facet.local(),
                "enumeration" | "pattern" | "annotation" | "simpleType"
            )
        })
        .filter_map(|facet| {
            Some((
                facet.local().to_owned(),
                facet.attribute("value")?.to_owned(),
            ))
        })
}

/// The names an alternative of a choice has.
pub(super) fn named(particle: &Element) -> String {
    let name = particle
        .attribute("name")
        .or_else(|| particle.attribute("ref"));
    if let Some(name) = name {
        return local(name).to_owned();
    }
    let inside: Vec<String> = particle
        .children
        .iter()
        .filter(|child| child.local() != "annotation")
        .map(named)
        .collect();
    format!("({})", inside.join(", "))
}

pub(super) fn repeats(definition: &Element) -> bool {
    definition
        .attribute("maxOccurs")
        .is_some_and(|most| most != "0" && most != "1")
}

/// A value of a built-in type, to stand in the sample.
pub(super) fn builtin(name: &str) -> &'static str {
    match name {
        "date" => "2026-01-31",
        "dateTime" => "2026-01-31T08:00:00+01:00",
        "time" => "08:00:00",
        "boolean" => "true",
        "decimal" | "double" | "float" => "0.00",
        "integer" | "int" | "long" | "short" | "nonNegativeInteger" | "positiveInteger"
        | "unsignedInt" => "1",
        "gYear" => "2026",
        "gYearMonth" => "2026-01",
        "base64Binary" | "hexBinary" => "",
        "anyURI" => "urn:example",
        _ => PLACEHOLDER,
    }
}
