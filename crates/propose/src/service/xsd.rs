//! An XSD root as JSON Schema: elements and attributes become members of their local name.

use amtsbote_validate::xsd::characters::class_of;
use serde_json::{Map, Number, Value, json};

use super::{Losses, Members, TEXT_MAX, Times};
use crate::dom::{Alternatives, Branch, Element};
use crate::xsd::{LATER_ATTRIBUTE, pattern};

/// The text of an element that has attributes, too.
const TEXT: &str = "wert";
/// Longer documentation is a description, not a label.
const TITLE_MAX_CHARS: usize = 80;
/// More digits do not fit into a number that every reader of JSON keeps.
const DIGITS_MAX: u32 = 15;

pub(super) fn schema(root: &Element, losses: &mut Losses) -> Value {
    let mut schema = node(root, &format!("/{}", root.local()), losses);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    losses.add(
        "",
        "aus XSD: Namensräume und Reihenfolge gehen nicht mit, \\d in Mustern heißt 0–9, leere Texte werden nicht angenommen, Daten und Uhrzeiten stehen ohne Zeitzone, Zeitpunkte mit",
        "from XSD: namespaces and order are not carried over, \\d in patterns means 0–9, empty texts are not accepted, days and times have no time zone, moments have one",
    );
    schema
}

fn node(element: &Element, at: &str, losses: &mut Losses) -> Value {
    let carried = |remark: &&String| *remark != "optional" && !remark.starts_with(LATER_ATTRIBUTE);
    for remark in element.remarks.iter().filter(carried) {
        losses.add(at, remark.clone(), remark.clone());
    }
    let attributes = attributes(element, at, losses);
    let mut schema = if !element.children.is_empty() {
        object(element, attributes, at, losses)
    } else if attributes.is_empty() {
        leaf(element, at, losses)
    } else {
        let mut members = Members::default();
        if !element.takes_no_text {
            losses.add(
                at,
                format!("hat Text und Attribute: der Text steht im Feld {TEXT}"),
                format!("has text and attributes: the text is the member {TEXT}"),
            );
            members.add(TEXT, leaf(element, at, losses), Times::ONE);
        }
        add(&mut members, attributes);
        members.into_schema()
    };
    label(&mut schema, element);
    schema
}

fn object(
    element: &Element,
    attributes: Vec<(String, Value, Times)>,
    at: &str,
    losses: &mut Losses,
) -> Value {
    let mut members = Members::default();
    for child in &element.children {
        let least = if child.is_required == Some(true) {
            child.least.unwrap_or(1).max(1)
        } else {
            0
        };
        let times = Times {
            least,
            most: if child.repeats { child.most } else { Some(1) },
        };
        let place = format!("{at}/{}", child.local());
        let below = node(child, &place, losses);
        if !members.again(child.local(), &below, times) {
            losses.add(
                &place,
                "kommt zweimal mit verschiedenen Typen vor; der erste gilt",
                "stands there twice with different types; the first counts",
            );
        }
    }
    add(&mut members, attributes);
    let mut schema = members.into_schema();
    limited(&mut schema, &element.limits);
    schema
}

/// That one of several sets of members stands there: each set requires its own and forbids those of the others.
fn limited(schema: &mut Value, limits: &[Alternatives]) {
    let choices = limits
        .iter()
        .map(|limit| json!({ "oneOf": branches(limit) }));
    let choices: Vec<Value> = choices.collect();
    match choices.as_slice() {
        [] => {}
        [only] => schema["oneOf"] = only["oneOf"].clone(),
        _ => schema["allOf"] = Value::Array(choices),
    }
}

fn branches(limit: &Alternatives) -> Vec<Value> {
    let all = limit.branches.iter().flat_map(|branch| &branch.all);
    let all: Vec<&String> = all.collect();
    let branch = |branch: &Branch| {
        let mut schema = json!({});
        if !branch.required.is_empty() {
            schema["required"] = json!(branch.required);
        }
        for other in all.iter().filter(|name| !branch.all.contains(name)) {
            schema["properties"][other.as_str()] = json!(false);
        }
        limited(&mut schema, &branch.limits);
        schema
    };
    limit.branches.iter().map(branch).collect()
}

fn add(members: &mut Members, attributes: Vec<(String, Value, Times)>) {
    for (mut name, schema, times) in attributes {
        if members.properties.contains_key(&name) {
            name.push_str("-attribut");
        }
        members.add(&name, schema, times);
    }
}

/// The attributes that carry something: what is fixed says nothing.
fn attributes(element: &Element, at: &str, losses: &mut Losses) -> Vec<(String, Value, Times)> {
    let mut carried = Vec::new();
    for attribute in &element.attribute_types {
        let at = format!("{at}/@{}", attribute.local());
        if attribute.facets.iter().any(|(word, _)| word == "fixed") {
            losses.add(
                &at,
                "ist fest vorgegeben und steht nicht in den Daten",
                "is fixed and not in the data",
            );
            continue;
        }
        let mut schema = leaf(attribute, &at, losses);
        label(&mut schema, attribute);
        let times = Times {
            least: u32::from(attribute.is_required == Some(true)),
            most: Some(1),
        };
        carried.push((attribute.local().to_owned(), schema, times));
    }
    carried
}

fn label(schema: &mut Value, element: &Element) {
    let told = element.documentation.as_str();
    let is_title = (1..=TITLE_MAX_CHARS).contains(&told.chars().count());
    schema["title"] = json!(if is_title { told } else { element.local() });
    if !is_title && !told.is_empty() {
        schema["description"] = json!(told);
    }
}

fn leaf(element: &Element, at: &str, losses: &mut Losses) -> Value {
    let mut leaf = if !element.union.is_empty() {
        let types: Vec<Value> = element
            .union
            .iter()
            .map(|one| self::leaf(one, at, losses))
            .collect();
        json!({ "anyOf": types })
    } else if element.codes.is_empty() {
        typed(element)
    } else {
        codes(element)
    };
    for (word, value) in &element.facets {
        facet(&mut leaf, (word, value), (element, at), losses);
    }
    leaf
}

fn codes(element: &Element) -> Value {
    let mut leaf = json!({ "type": "string", "enum": element.codes });
    let told = element.codes.iter().zip(&element.code_labels);
    let told = told.filter(|(_, label)| !label.is_empty());
    let labels: Map<String, Value> = told
        .map(|(code, label)| (code.clone(), json!({ "de": label })))
        .collect();
    if !labels.is_empty() {
        leaf["x-enum-labels"] = Value::Object(labels);
    }
    leaf
}

/// By the built-in type it is made of.
fn typed(element: &Element) -> Value {
    let formed = |form: &str| json!({ "type": "string", "pattern": form });
    if element.takes_no_text {
        return json!({ "type": "string", "maxLength": 0 });
    }
    match element.base.as_str() {
        "date" => json!({ "type": "string", "format": "date" }),
        "dateTime" => json!({ "type": "string", "format": "date-time" }),
        "time" => formed("^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"),
        "duration" => formed(
            "^-?P(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\\.[0-9]+)?S)?)?$",
        ),
        "gMonthDay" => formed("^--(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
        "gDay" => formed("^---(0[1-9]|[12][0-9]|3[01])$"),
        "gMonth" => formed("^--(0[1-9]|1[0-2])$"),
        "language" => formed("^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$"),
        "hexBinary" => {
            json!({ "type": "string", "pattern": "^([0-9a-fA-F]{2})*$", "maxLength": TEXT_MAX })
        }
        "NMTOKEN" | "Name" | "NCName" | "ID" | "IDREF" | "ENTITY" => {
            json!({ "type": "string", "pattern": name_pattern(&element.base), "maxLength": TEXT_MAX })
        }
        "gYear" => formed("^[0-9]{4}$"),
        "gYearMonth" => formed("^[0-9]{4}-(0[1-9]|1[0-2])$"),
        "boolean" => json!({ "type": "boolean" }),
        "decimal" | "double" | "float" => json!({ "type": "number" }),
        "base64Binary" => {
            json!({ "type": "string", "contentEncoding": "base64", "maxLength": TEXT_MAX })
        }
        "anyURI" => json!({ "type": "string", "maxLength": TEXT_MAX }),
        name => match whole(name) {
            Some((least, most)) => {
                let mut leaf = json!({ "type": "integer" });
                for (word, bound) in [("minimum", least), ("maximum", most)] {
                    if let Some(bound) = bound {
                        leaf[word] = json!(bound);
                    }
                }
                leaf
            }
            None => json!({ "type": "string", "minLength": 1, "maxLength": TEXT_MAX }),
        },
    }
}

/// Names of XML, with or without a colon; tokens begin with any of their characters.
fn name_pattern(base: &str) -> String {
    let set = |escape| class_of(escape, "", |_, _| String::new()).unwrap_or_default();
    let (start, rest) = (set('i'), set('c'));
    match base {
        "NMTOKEN" => format!("^[{rest}]+$"),
        "Name" => format!("^[{start}][{rest}]*$"),
        _ => format!(
            "^[{0}][{1}]*$",
            start.replacen(':', "", 1),
            rest.replacen("0-:", "0-9", 1)
        ),
    }
}

/// Least and most of a built-in type of whole numbers.
fn whole(name: &str) -> Option<(Option<i64>, Option<i64>)> {
    Some(match name {
        "integer" | "long" => (None, None),
        "nonNegativeInteger" | "unsignedLong" => (Some(0), None),
        "positiveInteger" => (Some(1), None),
        "nonPositiveInteger" => (None, Some(0)),
        "negativeInteger" => (None, Some(-1)),
        "int" => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        "short" => (Some(i16::MIN.into()), Some(i16::MAX.into())),
        "byte" => (Some(i8::MIN.into()), Some(i8::MAX.into())),
        "unsignedInt" => (Some(0), Some(u32::MAX.into())),
        "unsignedShort" => (Some(0), Some(u16::MAX.into())),
        "unsignedByte" => (Some(0), Some(u8::MAX.into())),
        _ => return None,
    })
}

fn facet(
    leaf: &mut Value,
    (word, value): (&str, &str),
    (element, at): (&Element, &str),
    losses: &mut Losses,
) {
    let is_text = leaf["type"] == "string";
    let is_octets = ["base64Binary", "hexBinary"].contains(&element.base.as_str());
    let is_number = ["number", "integer"]
        .iter()
        .any(|kind| leaf["type"] == *kind);
    let length = value.parse::<u32>().ok().filter(|_| is_text && !is_octets);
    let number = plain(value).filter(|_| is_number);
    let digits = value.parse::<u32>().ok().filter(|n| *n <= DIGITS_MAX);
    match (word, length, number, digits) {
        ("maxLength" | "minLength", Some(length), ..) => leaf[word] = json!(length),
        ("length", Some(length), ..) => {
            leaf["minLength"] = json!(length);
            leaf["maxLength"] = json!(length);
        }
        ("minInclusive", _, Some(number), _) => leaf["minimum"] = json!(number),
        ("maxInclusive", _, Some(number), _) => leaf["maximum"] = json!(number),
        ("minExclusive", _, Some(number), _) => leaf["exclusiveMinimum"] = json!(number),
        ("maxExclusive", _, Some(number), _) => leaf["exclusiveMaximum"] = json!(number),
        ("totalDigits", .., Some(digits)) if leaf["type"] == "integer" => narrow(leaf, digits),
        ("totalDigits", .., Some(digits)) if is_number => {
            narrow(leaf, digits);
            losses.add(
                at,
                format!("höchstens {digits} Ziffern: davon wird nur der Betrag geprüft"),
                format!("at most {digits} digits: the amount alone is checked"),
            );
        }
        ("fractionDigits", .., Some(0)) if is_number => leaf["type"] = json!("integer"),
        ("fractionDigits", .., Some(digits)) if leaf["type"] == "number" => {
            // Written as text: a power of ten that floating-point numbers do not have.
            let step = format!("1e-{digits}");
            leaf["multipleOf"] = serde_json::from_str(&step).unwrap_or_default();
        }
        ("fractionDigits", ..) if leaf["type"] == "integer" => {}
        ("length" | "minLength" | "maxLength", .., Some(octets)) if element.base == "hexBinary" => {
            for bound in ["minLength", "maxLength"] {
                if word == bound || word == "length" {
                    leaf[bound] = json!(octets * 2);
                }
            }
        }
        ("fixed", ..) if is_text => leaf["const"] = json!(value),
        ("fixed", _, Some(number), _) => leaf["const"] = json!(number),
        ("pattern", ..) if is_text && pattern::ecma(value).is_some() => {
            demand(leaf, pattern::ecma(value).unwrap_or_default());
        }
        ("pattern", ..) if is_text => losses.add(
            at,
            format!("das Muster {value} hat in JSON Schema nichts Gleiches und wird nicht geprüft"),
            format!("the pattern {value} has no equal in JSON Schema and is not checked"),
        ),
        ("list", ..) => losses.add(
            at,
            "ist eine Liste von Werten, durch Leerzeichen getrennt; übernommen ist ein einzelner",
            "is a list of values separated by blanks; a single one is carried over",
        ),
        ("whiteSpace", ..) => {}
        _ => losses.add(
            at,
            format!("die Einschränkung {word} = {value} wird nicht geprüft"),
            format!("the restriction {word} = {value} is not checked"),
        ),
    }
}

/// A number as XML Schema may write it (`+1`, `.5`, `007`), as JSON does.
fn plain(value: &str) -> Option<Number> {
    let value = value.strip_prefix('+').unwrap_or(value);
    let (sign, digits) = value
        .strip_prefix('-')
        .map_or(("", value), |rest| ("-", rest));
    let digits = digits.trim_start_matches('0').trim_end_matches('.');
    let begins = if digits.starts_with(|c: char| c.is_ascii_digit()) {
        ""
    } else {
        "0"
    };
    serde_json::from_str(&format!("{sign}{begins}{digits}")).ok()
}

/// No more than so many digits.
fn narrow(leaf: &mut Value, digits: u32) {
    let most = 10_i64.saturating_pow(digits) - 1;
    let tighter = |word: &str, own: i64| match leaf[word].as_i64() {
        Some(known) if known.abs() <= most => known,
        _ => own,
    };
    let (least, most) = (tighter("minimum", -most), tighter("maximum", most));
    leaf["minimum"] = json!(least);
    leaf["maximum"] = json!(most);
}

/// One more pattern: all of them hold.
fn demand(leaf: &mut Value, pattern: String) {
    if leaf.get("pattern").is_none() {
        leaf["pattern"] = Value::String(pattern);
    } else if let Some(more) = leaf.get_mut("allOf").and_then(Value::as_array_mut) {
        more.push(json!({ "pattern": pattern }));
    } else {
        leaf["allOf"] = json!([{ "pattern": pattern }]);
    }
}
