//! An XSD root as JSON Schema: elements become members of their local name.

use serde_json::{Value, json};

use super::{Losses, Members, TEXT_MAX, Times};
use crate::dom::Element;
use crate::xsd::PLACEHOLDER;

pub(super) fn schema(root: &Element, losses: &mut Losses) -> Value {
    let mut schema = node(root, &format!("/{}", root.local()), losses);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(root.local());
    losses.add(
        "",
        "aus XSD: Namensräume, Reihenfolge und Attribute gehen nicht mit",
        "from XSD: namespaces, order and attributes are not carried over",
    );
    schema
}

fn node(element: &Element, at: &str, losses: &mut Losses) -> Value {
    for remark in element
        .remarks
        .iter()
        .filter(|remark| *remark != "optional")
    {
        losses.add(at, remark.clone(), remark.clone());
    }
    for (name, _) in &element.attributes {
        if !name.starts_with("xmlns") && !name.starts_with("xsi:") {
            losses.add(&format!("{at}/@{name}"), "Attribut", "attribute");
        }
    }
    if element.children.is_empty() {
        let mut leaf = leaf(element);
        leaf["title"] = json!(element.local());
        for (word, value) in &element.facets {
            facet(&mut leaf, (word, value), at, losses);
        }
        return leaf;
    }
    let mut members = Members::default();
    for child in &element.children {
        let times = Times {
            least: u32::from(child.is_required == Some(true)),
            most: if child.repeats { None } else { Some(1) },
        };
        let below = node(child, &format!("{at}/{}", child.local()), losses);
        members.add(child.local(), below, times);
    }
    let mut schema = members.into_schema();
    schema["title"] = json!(element.local());
    schema
}

/// By what the sample holds for the type.
fn leaf(element: &Element) -> Value {
    if !element.codes.is_empty() {
        return json!({ "type": "string", "enum": element.codes });
    }
    match element.text.as_str() {
        "2026-01-31" => json!({ "type": "string", "format": "date" }),
        "2026-01-31T08:00:00+01:00" => json!({ "type": "string", "format": "date-time" }),
        "true" => json!({ "type": "boolean" }),
        "0.00" => json!({ "type": "number" }),
        "1" => json!({ "type": "integer" }),
        PLACEHOLDER => json!({ "type": "string", "minLength": 1, "maxLength": TEXT_MAX }),
        _ => json!({ "type": "string", "maxLength": TEXT_MAX }),
    }
}

fn facet(leaf: &mut Value, (word, value): (&str, &str), at: &str, losses: &mut Losses) {
    let is_text = leaf["type"] == "string";
    let number = value.parse::<u32>().ok();
    match (word, number) {
        ("maxLength" | "minLength", Some(number)) if is_text => leaf[word] = json!(number),
        ("length", Some(number)) if is_text => {
            leaf["minLength"] = json!(number);
            leaf["maxLength"] = json!(number);
        }
        ("minInclusive", Some(number)) if !is_text => leaf["minimum"] = json!(number),
        ("maxInclusive", Some(number)) if !is_text => leaf["maximum"] = json!(number),
        ("whiteSpace", _) => {}
        _ => losses.add(
            at,
            format!("die Einschränkung {word} = {value} wird nicht geprüft"),
            format!("the restriction {word} = {value} is not checked"),
        ),
    }
}
