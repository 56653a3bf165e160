//! What each keyword's failure is called, German and English. Limits come from the schema; never a value.

use amtsbote_problem::Bilingual;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::pointer;

pub(crate) fn two(de: impl Into<String>, en: impl Into<String>) -> Bilingual {
    Bilingual::new(de, en)
}

pub(super) fn missing(name: &str) -> Bilingual {
    two(
        format!("das Feld „{name}“ fehlt"),
        format!("the member \"{name}\" is missing"),
    )
}

pub(super) fn unknown(name: &str) -> Bilingual {
    if pointer::showable(name) {
        two(
            format!("das Feld „{name}“ ist hier nicht vorgesehen"),
            format!("the member \"{name}\" is not foreseen here"),
        )
    } else {
        two(
            "ein unbekanntes Feld ist hier nicht vorgesehen",
            "an unknown member is not foreseen here",
        )
    }
}

/// The names of which one is needed.
pub(super) fn one_missing(names: &[String]) -> Bilingual {
    let (de, en) = (quoted(names, "„", "“"), quoted(names, "\"", "\""));
    two(
        format!("eines der Felder {de} fehlt"),
        format!("one of the members {en} is missing"),
    )
}

fn quoted(names: &[String], open: &str, close: &str) -> String {
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("{open}{name}{close}"))
        .collect();
    quoted.join(", ")
}

/// The sentence for a failed keyword that needs no names of members.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn detail(kind: &Kind) -> Bilingual {
    match kind {
        Kind::MaxLength { .. }
        | Kind::MinLength { .. }
        | Kind::Pattern { .. }
        | Kind::BacktrackLimitExceeded { .. }
        | Kind::RegexEngineFailure { .. }
        | Kind::Format { .. }
        | Kind::ContentEncoding { .. }
        | Kind::ContentMediaType { .. }
        | Kind::FromUtf8 { .. } => text(kind),
        Kind::Maximum { .. }
        | Kind::Minimum { .. }
        | Kind::ExclusiveMaximum { .. }
        | Kind::ExclusiveMinimum { .. }
        | Kind::MultipleOf { .. } => number(kind),
        Kind::MinItems { limit: 1 } => two("darf nicht leer sein", "must not be empty"),
        Kind::MinItems { limit } => two(
            format!("hat zu wenige Einträge (mindestens {limit})"),
            format!("has too few entries (at least {limit})"),
        ),
        Kind::MaxItems { limit } => two(
            format!("hat zu viele Einträge (höchstens {limit})"),
            format!("has too many entries (at most {limit})"),
        ),
        Kind::AdditionalItems { limit } => two(
            format!("hat zu viele Einträge (höchstens {limit})"),
            format!("has too many entries (at most {limit})"),
        ),
        Kind::UnevaluatedItems { .. } => two(
            "hat Einträge, die nicht vorgesehen sind",
            "has entries that are not foreseen",
        ),
        Kind::UniqueItems => two(
            "enthält denselben Eintrag mehrmals",
            "has the same entry more than once",
        ),
        Kind::Contains => two(
            "enthält keinen Eintrag der geforderten Art",
            "has no entry of the kind required",
        ),
        Kind::MinProperties { limit: 1 } => two("ist ohne Angaben", "has no members"),
        Kind::MinProperties { limit } => two(
            format!("hat zu wenige Angaben (mindestens {limit})"),
            format!("has too few members (at least {limit})"),
        ),
        Kind::MaxProperties { limit } => two(
            format!("hat zu viele Angaben (höchstens {limit})"),
            format!("has too many members (at most {limit})"),
        ),
        Kind::PropertyNames { .. } => two(
            "hat ein Feld, dessen Name nicht zulässig ist",
            "has a member whose name is not allowed",
        ),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            unknown(pointer::UNSHOWN)
        }
        Kind::Required { .. } => two("ein Pflichtfeld fehlt", "a required member is missing"),
        Kind::Type { kind } => type_of(kind),
        Kind::Enum { .. } => two(
            "ist keiner der zugelassenen Werte",
            "is none of the allowed values",
        ),
        Kind::Constant { .. } => two("ist nicht der geforderte Wert", "is not the required value"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => two(
            "entspricht keiner der zugelassenen Formen",
            "fits none of the allowed forms",
        ),
        Kind::OneOfMultipleValid { .. } => two(
            "entspricht mehreren Formen, die einander ausschließen",
            "fits several forms that exclude each other",
        ),
        Kind::FalseSchema => two("ist hier nicht erlaubt", "is not allowed here"),
        Kind::Not { .. } => two(
            "ist in dieser Form nicht erlaubt",
            "is not allowed in this form",
        ),
        Kind::Custom { .. } | Kind::Referencing(_) => {
            two("kann nicht geprüft werden", "could not be checked")
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "called for the kinds about text"
)]
fn text(kind: &Kind) -> Bilingual {
    match kind {
        Kind::MaxLength { limit } => two(
            format!("ist zu lang (höchstens {limit} Zeichen)"),
            format!("is too long (at most {limit} characters)"),
        ),
        Kind::MinLength { limit: 1 } => two("darf nicht leer sein", "must not be empty"),
        Kind::MinLength { limit } => two(
            format!("ist zu kurz (mindestens {limit} Zeichen)"),
            format!("is too short (at least {limit} characters)"),
        ),
        Kind::Format { format } => format_of(format),
        _ if kind.keyword() == "pattern" => two(
            "entspricht nicht dem vorgeschriebenen Muster",
            "does not match the required pattern",
        ),
        _ => two(
            "ist nicht in der vorgeschriebenen Kodierung",
            "is not in the required encoding",
        ),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "called for the kinds about numbers"
)]
fn number(kind: &Kind) -> Bilingual {
    let (de, en, limit) = match kind {
        Kind::Maximum { limit } => (
            "ist zu groß (höchstens",
            "is too large (at most",
            limit.to_string(),
        ),
        Kind::Minimum { limit } => (
            "ist zu klein (mindestens",
            "is too small (at least",
            limit.to_string(),
        ),
        Kind::ExclusiveMaximum { limit } => (
            "ist zu groß (kleiner als",
            "is too large (less than",
            limit.to_string(),
        ),
        Kind::ExclusiveMinimum { limit } => (
            "ist zu klein (größer als",
            "is too small (more than",
            limit.to_string(),
        ),
        Kind::MultipleOf { multiple_of } => (
            "hat die falsche Schrittweite (Vielfaches von",
            "has the wrong step (multiple of",
            multiple_of.to_string(),
        ),
        _ => return two("ist außerhalb der Grenzen", "is out of bounds"),
    };
    two(format!("{de} {limit})"), format!("{en} {limit})"))
}

fn format_of(format: &str) -> Bilingual {
    let (de, en) = match format {
        "date" => (
            "ist kein gültiges Datum (JJJJ-MM-TT)",
            "is not a valid date (YYYY-MM-DD)",
        ),
        "date-time" => (
            "ist kein gültiger Zeitpunkt (JJJJ-MM-TTThh:mm:ssZ)",
            "is not a valid date and time (YYYY-MM-DDThh:mm:ssZ)",
        ),
        "time" => (
            "ist keine gültige Uhrzeit (hh:mm:ssZ)",
            "is not a valid time (hh:mm:ssZ)",
        ),
        "email" | "idn-email" => (
            "ist keine gültige E-Mail-Adresse",
            "is not a valid e-mail address",
        ),
        "uri" | "uri-reference" | "iri" | "iri-reference" => (
            "ist keine gültige Internetadresse (URI)",
            "is not a valid URI",
        ),
        "uuid" => ("ist keine gültige UUID", "is not a valid UUID"),
        _ => {
            return two(
                format!("entspricht nicht dem Format „{format}“"),
                format!("does not have the format \"{format}\""),
            );
        }
    };
    two(de, en)
}

fn type_of(kind: &TypeKind) -> Bilingual {
    let names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(set) => set.iter().map(|one| one.to_string()).collect(),
    };
    let (de, en): (Vec<_>, Vec<_>) = names.iter().map(|name| type_words(name)).unzip();
    two(
        format!("hat den falschen Typ (erwartet: {})", de.join(" oder ")),
        format!("has the wrong type (expected: {})", en.join(" or ")),
    )
}

fn type_words(name: &str) -> (&'static str, &'static str) {
    match name {
        "array" => ("Liste", "array"),
        "boolean" => ("true oder false", "true or false"),
        "integer" => ("ganze Zahl", "integer"),
        "null" => ("null", "null"),
        "number" => ("Zahl", "number"),
        "object" => ("Objekt", "object"),
        _ => ("Text", "string"),
    }
}

/// A value of the schema as it is shown in `allowed`.
pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
