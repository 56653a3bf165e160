//! What a simple type allows, in words.

use amtsbote_problem::Bilingual;
use xsd_schema::types::facets::FacetSet;
use xsd_schema::{SchemaSet, SimpleTypeKey, TypeKey};

use super::patterns::as_read;
use crate::json::{ALLOWED_MAX, pattern, two};

/// Deeper derivations are not followed.
const DERIVED_MAX: usize = 100;
/// Longer patterns say nothing to anybody.
const PATTERN_MAX_BYTES: usize = 60;

/// What is allowed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Allowed {
    pub(super) words: Option<Bilingual>,
    /// The values, where they are a short list.
    pub(super) values: Vec<String>,
}

impl Allowed {
    /// One fixed value of the schema.
    pub(super) fn fixed(value: &str) -> Self {
        Self {
            words: Some(two(format!("nur: {value}"), format!("only: {value}"))),
            values: vec![value.to_owned()],
        }
    }

    /// The values and texts of a type: of a complex one, those of its text.
    pub(super) fn of(set: &SchemaSet, kind: TypeKey) -> Self {
        simple(set, kind).map_or_else(Self::default, |simple| Self::of_simple(set, simple))
    }

    fn of_simple(set: &SchemaSet, key: SimpleTypeKey) -> Self {
        let chain = chain(set, key);
        let enumeration = chain
            .iter()
            .find_map(|(facets, _)| facets.as_ref()?.enumeration.as_ref());
        if let Some(enumeration) = enumeration {
            let mut values: Vec<String> = enumeration.values.iter().cloned().collect();
            values.sort();
            if values.len() > ALLOWED_MAX {
                let count = values.len();
                return Self {
                    words: Some(two(
                        format!("einer von {count} Werten des Schemas"),
                        format!("one of {count} values of the schema"),
                    )),
                    values: Vec::new(),
                };
            }
            let list = values.join(", ");
            return Self {
                words: Some(two(
                    format!("einer der Werte {list}"),
                    format!("one of the values {list}"),
                )),
                values,
            };
        }
        let mut parts: Vec<Bilingual> = din_91379(&chain)
            .or_else(|| in_words(&chain))
            .or_else(|| kind_of(&chain))
            .into_iter()
            .collect();
        parts.extend(length(&chain));
        parts.extend(range(&chain));
        parts.extend(digits(&chain));
        let joined = |pick: fn(&Bilingual) -> &String| {
            parts
                .iter()
                .map(|part| pick(part).as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        Self {
            words: (!parts.is_empty())
                .then(|| two(joined(|part| &part.de), joined(|part| &part.en))),
            values: Vec::new(),
        }
    }
}

/// Facets with the name of their type.
type Chain<'s> = Vec<(Option<&'s FacetSet>, Option<String>)>;

const XS: &str = "http://www.w3.org/2001/XMLSchema";

/// The simple type of the text of a type.
fn simple(set: &SchemaSet, mut kind: TypeKey) -> Option<SimpleTypeKey> {
    for _ in 0..DERIVED_MAX {
        match kind {
            TypeKey::Simple(simple) => return Some(simple),
            TypeKey::Complex(complex) => {
                let data = set.arenas.get_complex_type(complex)?;
                kind = data
                    .resolved_simple_content_type
                    .or(data.resolved_base_type)?;
            }
        }
    }
    None
}

/// The facets of a type and of all it is derived from, with their names; the closest first.
fn chain(set: &SchemaSet, key: SimpleTypeKey) -> Chain<'_> {
    let mut chain = Vec::new();
    let mut next = Some(TypeKey::Simple(key));
    while let Some(TypeKey::Simple(key)) = next
        && let Some(data) = set.arenas.get_simple_type(key)
        && chain.len() < DERIVED_MAX
    {
        let is_built_in = data
            .target_namespace
            .is_some_and(|id| set.name_table.resolve_ref(id) == XS);
        // What built-in types limit is in the words for their kind.
        let facets = (!is_built_in).then_some(&data.facets);
        chain.push((facets, data.name.map(|name| set.name_table.resolve(name))));
        next = data.resolved_base_type;
    }
    chain
}

/// The data types of DIN 91379, whose patterns fill pages.
fn din_91379(chain: &Chain<'_>) -> Option<Bilingual> {
    let name = chain.iter().find_map(|(_, name)| {
        let name = name.as_deref()?;
        let letter = name
            .strip_prefix("datatype")
            .or(name.strip_prefix("String.Latin").map(|_| "C"))?;
        matches!(letter, "A" | "B" | "C" | "D" | "E").then(|| letter.to_owned())
    })?;
    Some(two(
        format!("Zeichen nach DIN 91379, Datentyp {name}"),
        format!("characters of DIN 91379, data type {name}"),
    ))
}

/// Patterns of one step are alternatives; the closest step is the strictest.
fn in_words(chain: &Chain<'_>) -> Option<Bilingual> {
    let step = chain
        .iter()
        .find_map(|(facets, _)| facets.as_ref()?.patterns.last())?;
    let [only] = step.as_slice() else { return None };
    if let Some(words) = pattern::words(&format!("^{}$", only.value)) {
        return Some(words);
    }
    let pattern = as_read(&only.value);
    (pattern.len() <= PATTERN_MAX_BYTES && !pattern.contains("\\p{")).then(|| {
        two(
            format!("Text nach dem Muster {pattern}"),
            format!("text of the pattern {pattern}"),
        )
    })
}

fn kind_of(chain: &Chain<'_>) -> Option<Bilingual> {
    let known = |name: &str| {
        Some(match name {
            "date" => two("Datum JJJJ-MM-TT", "date YYYY-MM-DD"),
            "dateTime" => two(
                "Zeitpunkt JJJJ-MM-TTThh:mm:ss",
                "date and time YYYY-MM-DDThh:mm:ss",
            ),
            "time" => two("Uhrzeit hh:mm:ss", "time hh:mm:ss"),
            "gYear" => two("Jahr JJJJ", "year YYYY"),
            "gYearMonth" => two("Monat JJJJ-MM", "month YYYY-MM"),
            "boolean" => two(
                "true oder false, auch 1 oder 0",
                "true or false, also 1 or 0",
            ),
            "nonNegativeInteger" | "unsignedInt" | "unsignedLong" | "unsignedShort"
            | "unsignedByte" => two("ganze Zahl ab 0", "whole number from 0"),
            "positiveInteger" => two("ganze Zahl ab 1", "whole number from 1"),
            "integer" | "int" | "long" | "short" | "byte" => two("ganze Zahl", "whole number"),
            "decimal" => two("Zahl, Komma als Punkt", "number, with a decimal point"),
            "double" | "float" => two("Zahl", "number"),
            "base64Binary" => two("Datei in Base64", "file in base64"),
            "anyURI" => two("Adresse (URI)", "address (URI)"),
            "ID" | "IDREF" | "NCName" => two(
                "Kennung: beginnt mit Buchstabe oder _, ohne Leerzeichen und Doppelpunkt",
                "id: begins with a letter or _, without spaces and colons",
            ),
            "language" => two("Sprache nach BCP 47", "language of BCP 47"),
            _ => return None,
        })
    };
    chain.iter().find_map(|(_, name)| known(name.as_deref()?))
}

fn length(chain: &Chain<'_>) -> Option<Bilingual> {
    let find =
        |pick: fn(&FacetSet) -> Option<u64>| chain.iter().find_map(|(facets, _)| pick((*facets)?));
    let exact = find(|facets| Some(facets.length.as_ref()?.value));
    let min = find(|facets| Some(facets.min_length.as_ref()?.value));
    let max = find(|facets| Some(facets.max_length.as_ref()?.value));
    Some(match (exact.or(min), exact.or(max)) {
        (Some(min), Some(max)) if min == max => two(
            format!("genau {min} Zeichen"),
            format!("exactly {min} characters"),
        ),
        (Some(min), Some(max)) => two(
            format!("{min} bis {max} Zeichen"),
            format!("{min} to {max} characters"),
        ),
        (Some(min), None) => two(
            format!("mindestens {min} Zeichen"),
            format!("at least {min} characters"),
        ),
        (None, Some(max)) => two(
            format!("höchstens {max} Zeichen"),
            format!("at most {max} characters"),
        ),
        (None, None) => return None,
    })
}

fn range(chain: &Chain<'_>) -> Option<Bilingual> {
    let find = |pick: fn(&FacetSet) -> Option<&String>| {
        chain.iter().find_map(|(facets, _)| pick((*facets)?))
    };
    // The built-in kinds of whole numbers have limits of their own, which `kind_of` names.
    let min = find(|facets| Some(&facets.min_inclusive.as_ref()?.value))
        .map(|min| (format!("mindestens {min}"), format!("at least {min}")));
    let above = find(|facets| Some(&facets.min_exclusive.as_ref()?.value))
        .map(|min| (format!("mehr als {min}"), format!("more than {min}")));
    let max = find(|facets| Some(&facets.max_inclusive.as_ref()?.value))
        .map(|max| (format!("höchstens {max}"), format!("at most {max}")));
    let below = find(|facets| Some(&facets.max_exclusive.as_ref()?.value))
        .map(|max| (format!("weniger als {max}"), format!("less than {max}")));
    let parts: Vec<(String, String)> = min.or(above).into_iter().chain(max.or(below)).collect();
    let (de, en): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    (!de.is_empty()).then(|| two(de.join(", "), en.join(", ")))
}

fn digits(chain: &Chain<'_>) -> Option<Bilingual> {
    let find =
        |pick: fn(&FacetSet) -> Option<u32>| chain.iter().find_map(|(facets, _)| pick((*facets)?));
    let total = find(|facets| Some(facets.total_digits.as_ref()?.value));
    let fraction =
        find(|facets| Some(facets.fraction_digits.as_ref()?.value)).filter(|digits| *digits > 0);
    Some(match (total, fraction) {
        (Some(total), Some(fraction)) => two(
            format!("höchstens {total} Stellen, davon {fraction} nach dem Komma"),
            format!("at most {total} digits, {fraction} of them decimals"),
        ),
        (Some(total), None) => two(
            format!("höchstens {total} Stellen"),
            format!("at most {total} digits"),
        ),
        (None, Some(fraction)) => two(
            format!("höchstens {fraction} Stellen nach dem Komma"),
            format!("at most {fraction} decimals"),
        ),
        (None, None) => return None,
    })
}
