//! `XDatenfelder` 2 and 3 (`xdatenfelder.stammdatenschema.0102`) as JSON Schema. Members are called by the id of field or group,
//! as in the JSON Schema that FIM generates; labels are the names.

use serde_json::{Value, json};

use super::{Losses, Members, TEXT_MAX, Times};
use crate::Unusable;
use crate::dom::Element;

const NAMESPACES: [&str; 2] = [
    "urn:xoev-de:fim:standard:xdatenfelder_2",
    "urn:xoev-de:fim:standard:xdatenfelder_3",
];
const DEPTH_MAX: usize = 30;

type Converted = (Value, Option<String>, Option<(String, String)>);

pub(super) fn schema(root: &Element, losses: &mut Losses) -> Result<Converted, Unusable> {
    let is_known = root.attributes.iter().any(|(name, value)| {
        name.starts_with("xmlns") && NAMESPACES.iter().any(|known| value.starts_with(known))
    });
    if !is_known || root.local() != "xdatenfelder.stammdatenschema.0102" {
        return Err(Unusable::new(
            "das ist keine Nachricht xdatenfelder.stammdatenschema.0102 in XDatenfelder 2 oder 3",
            "this is no message xdatenfelder.stammdatenschema.0102 of XDatenfelder 2 or 3",
        ));
    }
    let Some(whole) = root.child("stammdatenschema") else {
        return Err(Unusable::new(
            "das Stammdatenschema fehlt",
            "the schema is missing in the message",
        ));
    };
    let fim = identification(whole).ok_or_else(|| {
        Unusable::new("das Stammdatenschema hat keine Id", "the schema has no id")
    })?;
    rules(whole, &fim.0, losses);
    let mut schema = structure(whole, "", losses, 0)?;
    let label = whole
        .text_at(&["bezeichnung"])
        .or_else(|| whole.text_at(&["bezeichnungEingabe"]))
        .or_else(|| whole.text_at(&["name"]));
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    if let Some(label) = label {
        schema["title"] = json!(label);
    }
    schema["x-fim"] = json!(format!("{}V{}", fim.0, fim.1));
    Ok((schema, label.map(str::to_owned), Some(fim)))
}

fn identification(element: &Element) -> Option<(String, String)> {
    let id = element.text_at(&["identifikation", "id"])?;
    let version = element
        .text_at(&["identifikation", "version"])
        .unwrap_or("");
    Some((id.to_owned(), version.to_owned()))
}

fn rules(element: &Element, at: &str, losses: &mut Losses) {
    for rule in element.children_named("regel") {
        let id = rule.text_at(&["identifikation", "id"]).unwrap_or("?");
        let name = rule.text_at(&["name"]).unwrap_or("");
        losses.add(
            at,
            format!(
                "die Regel {id} \"{name}\" wird nicht geprüft; bei Bedarf als if/then ins Schema"
            ),
            format!("the rule {id} \"{name}\" is not checked; add it as if/then where needed"),
        );
    }
}

/// The members of a schema or group.
fn structure(
    holder: &Element,
    at: &str,
    losses: &mut Losses,
    depth: usize,
) -> Result<Value, Unusable> {
    if depth > DEPTH_MAX {
        return Err(Unusable::new(
            "die Gruppen sind zu tief geschachtelt",
            "the groups are nested too deep",
        ));
    }
    let mut members = Members::default();
    for part in holder.children_named("struktur") {
        let times = times(part.text_at(&["anzahl"]).unwrap_or("1:1"), at, losses);
        let Some(inside) = part.child("enthaelt") else {
            continue;
        };
        for element in &inside.children {
            let Some((id, version)) = identification(element) else {
                losses.add(
                    at,
                    "ein Feld oder eine Gruppe ohne Id",
                    "a field or group without an id",
                );
                continue;
            };
            let place = format!("{at}/{id}");
            if members.properties.contains_key(&id) {
                losses.add(
                    &place,
                    "kommt in der Gruppe zweimal vor; das erste gilt",
                    "stands in the group twice; the first counts",
                );
                continue;
            }
            rules(element, &place, losses);
            let made = match element.local() {
                "datenfeldgruppe" => Some(structure(element, &place, losses, depth + 1)?),
                "datenfeld" => field(element, &place, losses),
                _ => None,
            };
            if let Some(mut made) = made {
                described(&mut made, element, &format!("{id}V{version}"));
                members.add(&id, made, times);
            }
        }
    }
    Ok(members.into_schema())
}

/// `1:1`, `0:*`.
fn times(text: &str, at: &str, losses: &mut Losses) -> Times {
    let (least, most) = text.split_once(':').unwrap_or(("1", "1"));
    let least = least.trim().parse().unwrap_or(0);
    let most = most.trim();
    if most == "*" {
        losses.add(
            at,
            format!("beliebig viele; hier höchstens {}", Times::LIST_MAX),
            format!("any number; here at most {}", Times::LIST_MAX),
        );
        return Times { least, most: None };
    }
    Times {
        least,
        most: Some(most.parse().unwrap_or(1)),
    }
}

fn described(made: &mut Value, element: &Element, fim: &str) {
    let label = element
        .text_at(&["bezeichnungEingabe"])
        .or_else(|| element.text_at(&["name"]));
    if let Some(label) = label {
        made["title"] = json!(label);
    }
    if let Some(hint) = element.text_at(&["hilfetextEingabe"]) {
        made["x-hint-de"] = json!(hint);
    }
    if let Some(text) = element.text_at(&["definition"]) {
        made["description"] = json!(text);
    }
    made["x-fim"] = json!(fim);
}

fn field(element: &Element, at: &str, losses: &mut Losses) -> Option<Value> {
    let kind = element.text_at(&["feldart", "code"]).unwrap_or("input");
    if matches!(kind, "label" | "static") {
        losses.add(
            at,
            "ein Hinweistext; keine Angabe",
            "a text to read; no value",
        );
        return None;
    }
    if kind == "select" {
        return Some(select(element, at, losses));
    }
    let mut schema = match element.text_at(&["datentyp", "code"]).unwrap_or("text") {
        "bool" => json!({ "type": "boolean" }),
        "num_int" => json!({ "type": "integer" }),
        "num" | "num_currency" => json!({ "type": "number" }),
        "date" => json!({ "type": "string", "format": "date" }),
        "time" => json!({ "type": "string", "format": "time" }),
        "datetime" => json!({ "type": "string", "format": "date-time" }),
        "file" | "obj" => {
            losses.add(
                at,
                "ein Objekt oder eine Datei; Dateien gehen als Anlage mit",
                "an object or a file; files go along as attachments",
            );
            return None;
        }
        "text" | "text_latin" => json!({ "type": "string", "maxLength": TEXT_MAX }),
        other => {
            losses.add(
                at,
                format!("der Datentyp {other} ist nicht bekannt; hier Text"),
                format!("the data type {other} is not known; text here"),
            );
            json!({ "type": "string", "maxLength": TEXT_MAX })
        }
    };
    refined(&mut schema, element, at, losses);
    Some(schema)
}

fn select(element: &Element, at: &str, losses: &mut Losses) -> Value {
    let values = element.child("werte");
    let codes: Vec<(&str, &str)> = values
        .into_iter()
        .flat_map(|values| values.children_named("wert"))
        .filter_map(|value| {
            Some((
                value.text_at(&["code"])?,
                value.text_at(&["name"]).unwrap_or(""),
            ))
        })
        .collect();
    if !codes.is_empty() {
        let mut schema = json!({ "type": "string", "enum": codes.iter().map(|(code, _)| *code).collect::<Vec<_>>() });
        for (code, label) in codes {
            schema["x-enum-labels"][code]["de"] = json!(label);
        }
        return schema;
    }
    let mut schema = json!({ "type": "string", "minLength": 1, "maxLength": 200 });
    let reference = element
        .child("codelisteReferenz")
        .or_else(|| element.child("codelistenreferenz"));
    let list = reference.and_then(|reference| {
        let identification = reference
            .child("genericodeIdentification")
            .unwrap_or(reference);
        let uri = identification
            .text_at(&["canonicalIdentification"])
            .or_else(|| identification.text_at(&["urnCodeliste"]))?;
        Some((uri, identification.text_at(&["version"]).unwrap_or("")))
    });
    if let Some((uri, version)) = list {
        schema["x-codelist"] = json!({ "uri": uri, "version": version });
        losses.add(
            at,
            format!("die Werte der Codeliste {uri} {version} stehen nicht in der Datei; geprüft wird nur die Form"),
            format!("the values of the code list {uri} {version} are not in the file; only the form is checked"),
        );
    } else {
        losses.add(
            at,
            "eine Auswahl ohne Werte; geprüft wird nur die Form",
            "a selection without values; only the form is checked",
        );
    }
    schema
}

/// `praezisierung`: attributes in `XDatenfelder` 3, JSON in 2.
fn refined(schema: &mut Value, element: &Element, at: &str, losses: &mut Losses) {
    let Some(refinement) = element.child("praezisierung") else {
        return;
    };
    let text = refinement.text.trim();
    let json: Option<Value> = serde_json::from_str(text).ok();
    let of_json = json
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), value)
        });
    let words: Vec<(String, String)> = refinement
        .attributes
        .iter()
        .cloned()
        .chain(of_json)
        .collect();
    if json.is_none() && !text.is_empty() {
        losses.add(
            at,
            "die Präzisierung als Text wird nicht geprüft",
            "the refinement given as text is not checked",
        );
    }
    let is_text = schema["type"] == "string";
    for (word, value) in words {
        let number: Option<Value> = serde_json::from_str(value.trim())
            .ok()
            .filter(Value::is_number);
        match (word.as_str(), number) {
            ("minLength" | "maxLength", Some(number)) if is_text => schema[&word] = number,
            ("minValue", Some(number)) if !is_text => schema["minimum"] = number,
            ("maxValue", Some(number)) if !is_text => schema["maximum"] = number,
            ("pattern", _) if is_text && !value.trim().is_empty() => {
                schema["pattern"] = json!(format!("^(?:{})$", value.trim()));
            }
            _ if value.trim().is_empty() => {}
            _ => losses.add(
                at,
                format!("die Präzisierung {word} wird nicht geprüft"),
                format!("the refinement {word} is not checked"),
            ),
        }
    }
}
