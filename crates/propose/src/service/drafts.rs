//! JSON Schemas of older drafts (04, 06, 07, 2019-09) as 2020-12, with the meaning they have: what was written otherwise is rewritten, what had no
//! effect there is left out and told. Addresses inside the schema become places, as nothing but the schema itself is ever read.

mod addresses;
mod patterns;

use serde_json::{Map, Value, json};

use super::Losses;
use crate::Unusable;
use addresses::Addresses;

pub(super) const LATEST: &str = "https://json-schema.org/draft/2020-12/schema";

/// By age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Draft {
    D4,
    D6,
    D7,
    D2019,
    D2020,
}

/// Keywords, the draft they came with, and what they hold.
const SINCE: [(&str, Draft); 13] = [
    ("const", Draft::D6),
    ("contains", Draft::D6),
    ("propertyNames", Draft::D6),
    ("if", Draft::D7),
    ("then", Draft::D7),
    ("else", Draft::D7),
    ("dependentRequired", Draft::D2019),
    ("dependentSchemas", Draft::D2019),
    ("unevaluatedItems", Draft::D2019),
    ("unevaluatedProperties", Draft::D2019),
    ("minContains", Draft::D2019),
    ("maxContains", Draft::D2019),
    ("prefixItems", Draft::D2020),
];
/// What stands beside `$ref` without a meaning of its own for the check.
const ANNOTATIONS: [&str; 14] = [
    "$ref",
    "$schema",
    "$id",
    "id",
    "$comment",
    "title",
    "description",
    "default",
    "example",
    "examples",
    "readOnly",
    "writeOnly",
    "definitions",
    "$defs",
];
/// Words of `OpenAPI` that change what is valid there.
const OPEN_API: [&str; 2] = ["nullable", "discriminator"];

/// The schema of any draft as one of 2020-12.
pub(super) fn latest(schema: Map<String, Value>, losses: &mut Losses) -> Result<Value, Unusable> {
    let named = schema.get("$schema").and_then(Value::as_str);
    let draft = drafted(named, losses)?;
    let mut schema = Value::Object(schema);
    let addresses = Addresses::of(&schema);
    let conversion = Conversion { draft, addresses };
    conversion.node(&mut schema, &Spot::default(), losses);
    schema["$schema"] = json!(LATEST);
    Ok(schema)
}

/// What the schema says of its draft; nothing is taken for the latest.
fn drafted(named: Option<&str>, losses: &mut Losses) -> Result<Option<Draft>, Unusable> {
    let Some(named) = named else {
        return Ok(None);
    };
    let known = [
        ("draft-04/", Draft::D4),
        ("draft-06/", Draft::D6),
        ("draft-07/", Draft::D7),
        ("draft/2019-09/", Draft::D2019),
        ("draft/2020-12/", Draft::D2020),
    ];
    let found = known.iter().find(|(part, _)| named.contains(part));
    match found {
        Some((_, Draft::D2020)) => {}
        Some(_) => losses.add(
            "$schema",
            "für einen älteren Entwurf geschrieben; hier mit gleicher Bedeutung in 2020-12 umgeschrieben",
            "written for an older draft; here rewritten as 2020-12 with the same meaning",
        ),
        None if ["draft-03", "draft-02", "draft-01"].iter().any(|old| named.contains(old)) => {
            return Err(Unusable::new(
                format!("das Schema ist für {named} geschrieben; lesbar sind die Entwürfe 04, 06, 07, 2019-09 und 2020-12"),
                format!("the schema is written for {named}; drafts 04, 06, 07, 2019-09 and 2020-12 can be read"),
            ));
        }
        None => losses.add(
            "$schema",
            format!("{named} ist nicht bekannt; gelesen als 2020-12"),
            format!("{named} is not known; read as 2020-12"),
        ),
    }
    Ok(found.map(|(_, draft)| *draft))
}

/// Where a schema stands: its place, and the address its references start from.
#[derive(Debug, Clone, Default)]
struct Spot {
    at: String,
    base: String,
}

struct Conversion {
    draft: Option<Draft>,
    addresses: Addresses,
}

impl Conversion {
    fn is_before(&self, draft: Draft) -> bool {
        self.draft.is_some_and(|own| own < draft)
    }

    fn node(&self, node: &mut Value, spot: &Spot, losses: &mut Losses) {
        let Value::Object(members) = node else {
            return;
        };
        let spot = &Spot {
            at: spot.at.clone(),
            base: addresses::base(members, &spot.base),
        };
        self.alone(members, spot, losses);
        self.unknown(members, spot, losses);
        self.reference(members, spot, losses);
        let id = addresses::forget(members);
        if spot.at.is_empty() {
            members.extend(id.map(|id| ("$id".to_owned(), id)));
        }
        bounds(members);
        items(members, spot, losses);
        self.dependencies(members, spot, losses);
        patterns::told(members, &spot.at, losses);
        for word in OPEN_API.iter().filter(|word| members.contains_key(**word)) {
            losses.add(
                &format!("{}/{word}", spot.at),
                "ist ein Wort von OpenAPI und bleibt in JSON Schema ohne Wirkung",
                "is a word of OpenAPI and has no effect in JSON Schema",
            );
        }
        each(members, &mut |place, below| {
            let below_spot = Spot {
                at: format!("{}/{place}", spot.at),
                base: spot.base.clone(),
            };
            self.node(below, &below_spot, losses);
        });
    }

    /// Up to draft 07 a `$ref` stands alone.
    fn alone(&self, members: &mut Map<String, Value>, spot: &Spot, losses: &mut Losses) {
        if !self.is_before(Draft::D2019) || !members.get("$ref").is_some_and(Value::is_string) {
            return;
        }
        let is_kept = |name: &str| ANNOTATIONS.contains(&name) || name.starts_with("x-");
        let dropped: Vec<String> = members
            .keys()
            .filter(|name| !is_kept(name))
            .cloned()
            .collect();
        members.retain(|name, _| is_kept(name));
        if !dropped.is_empty() {
            let words = dropped.join(", ");
            losses.add(
                &spot.at,
                format!("{words}: steht neben $ref, galt in diesem Entwurf dort nicht und ist weggelassen"),
                format!("{words}: stands beside $ref, had no effect there in this draft and is left out"),
            );
        }
    }

    /// Keywords the draft does not have.
    fn unknown(&self, members: &mut Map<String, Value>, spot: &Spot, losses: &mut Losses) {
        for (word, since) in SINCE {
            if self.is_before(since) && members.shift_remove(word).is_some() {
                losses.add(
                    &format!("{}/{word}", spot.at),
                    "kannte dieser Entwurf noch nicht, galt dort nicht und ist weggelassen",
                    "was unknown to this draft, had no effect there and is left out",
                );
            }
        }
    }

    fn reference(&self, members: &mut Map<String, Value>, spot: &Spot, losses: &mut Losses) {
        for word in ["$recursiveRef", "$dynamicRef"] {
            // Without several schemas that extend one another it leads where it says.
            let target = members.get(word).and_then(Value::as_str);
            if let Some(place) = target.and_then(|to| self.addresses.only(to, &spot.base)) {
                members.shift_remove(word);
                members.insert("$ref".to_owned(), json!(place));
            }
        }
        let Some(reference) = members.get("$ref").and_then(Value::as_str) else {
            return;
        };
        if let Some(place) = self.addresses.place(reference, &spot.base) {
            members.insert("$ref".to_owned(), json!(place));
        } else if !reference.starts_with('#') {
            losses.add(
                &spot.at,
                "verweist auf ein anderes Schema; das muss in $defs aufgenommen werden",
                "refers to another schema; take it over into $defs",
            );
        }
    }

    fn dependencies(&self, members: &mut Map<String, Value>, spot: &Spot, losses: &mut Losses) {
        let Some(Value::Object(all)) = members.shift_remove("dependencies") else {
            return;
        };
        if self.draft >= Some(Draft::D2019) {
            losses.add(
                &format!("{}/dependencies", spot.at),
                "kennt dieser Entwurf nicht mehr und ist weggelassen",
                "is no longer known to this draft and is left out",
            );
            return;
        }
        for (name, asked) in all {
            // Draft 03 had a single name, too.
            let (word, asked) = match asked {
                Value::Array(_) => ("dependentRequired", asked),
                Value::String(_) => ("dependentRequired", json!([asked])),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    ("dependentSchemas", asked)
                }
            };
            let held = members.entry(word).or_insert_with(|| json!({}));
            held[&name] = asked;
        }
    }
}

/// Bounds that were a number and a yes or no.
fn bounds(members: &mut Map<String, Value>) {
    for (word, inclusive) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        let Some(is_exclusive) = members.get(word).and_then(Value::as_bool) else {
            continue;
        };
        members.shift_remove(word);
        if is_exclusive && let Some(bound) = members.shift_remove(inclusive) {
            members.insert(word.to_owned(), bound);
        }
    }
}

/// `items` as a list are `prefixItems`, and `additionalItems` the `items` behind them.
fn items(members: &mut Map<String, Value>, spot: &Spot, losses: &mut Losses) {
    let behind = members.shift_remove("additionalItems");
    if members.get("items").is_some_and(Value::is_array) {
        let first = members.shift_remove("items").unwrap_or_default();
        // An empty list is none.
        if first.get(0).is_some() {
            members.insert("prefixItems".to_owned(), first);
        }
        members.extend(behind.map(|behind| ("items".to_owned(), behind)));
    } else if behind.is_some() {
        losses.add(
            &format!("{}/additionalItems", spot.at),
            "gilt nur neben einer Liste von items und ist weggelassen",
            "counts beside a list of items only and is left out",
        );
    }
}

/// Each schema directly below, with its place.
fn each(members: &mut Map<String, Value>, with: &mut dyn FnMut(&str, &mut Value)) {
    for (word, below) in members.iter_mut() {
        match (held(word), below) {
            (Held::One, below) => with(word, below),
            (Held::List, Value::Array(list)) => {
                for (index, one) in list.iter_mut().enumerate() {
                    with(&format!("{word}/{index}"), one);
                }
            }
            (Held::Names, Value::Object(names)) => {
                for (name, one) in names.iter_mut() {
                    let step = name.replace('~', "~0").replace('/', "~1");
                    with(&format!("{word}/{step}"), one);
                }
            }
            (Held::List | Held::Names | Held::Nothing, _) => {}
        }
    }
}

/// What a keyword holds of schemas.
enum Held {
    One,
    List,
    Names,
    Nothing,
}

fn held(word: &str) -> Held {
    match word {
        "additionalProperties"
        | "additionalItems"
        | "contains"
        | "else"
        | "if"
        | "items"
        | "not"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Held::One,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Held::List,
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
        | "dependencies" => Held::Names,
        _ => Held::Nothing,
    }
}
