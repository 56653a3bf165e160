//! JSON Schemas of older drafts: the schema made of them takes what they take, as the Python package `jsonschema` judges it.

use amtsbote_propose::{Foreign, NewService, service};
use amtsbote_validate::json::Schema;
use serde_json::{Value, json};

const D4: &str = "http://json-schema.org/draft-04/schema#";
const D6: &str = "http://json-schema.org/draft-06/schema#";
const D7: &str = "http://json-schema.org/draft-07/schema#";
const D2019: &str = "https://json-schema.org/draft/2019-09/schema";

fn made(schema: &Value) -> NewService {
    service(&Foreign::JsonSchema(schema.to_string().as_bytes())).expect("a service")
}

fn losses(made: &NewService) -> Vec<String> {
    let lines = made.losses.iter().filter(|note| note.at != "$schema");
    lines
        .map(|note| format!("{}: {}", note.at, note.text.en))
        .collect()
}

/// What is taken, what is refused, and the beginnings of what is told.
#[track_caller]
fn check(draft: &str, mut schema: Value, (good, bad): (&[Value], &[Value]), told: &[&str]) {
    schema["$schema"] = json!(draft);
    let made = made(&schema);
    let compiled = Schema::compile(made.schema.to_string().as_bytes())
        .unwrap_or_else(|findings| panic!("{findings:?}\n{:#}", made.schema));
    let verdicts = |documents: &[Value]| -> Vec<bool> {
        documents
            .iter()
            .map(|one| compiled.check(one).is_empty())
            .collect()
    };
    assert_eq!(verdicts(good), vec![true; good.len()], "{:#}", made.schema);
    assert_eq!(verdicts(bad), vec![false; bad.len()], "{:#}", made.schema);
    let losses = losses(&made);
    assert_eq!(losses.len(), told.len(), "{losses:#?}");
    for (line, expected) in losses.iter().zip(told) {
        assert!(line.starts_with(expected), "{losses:#?}");
    }
}

#[test]
fn bounds_lists_and_dependencies_are_rewritten() {
    check(
        D4,
        json!({"properties": {"a": {"type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": false}}}),
        (
            &[json!({"a": 2}), json!({"a": 5})],
            &[json!({"a": 1}), json!({"a": 6})],
        ),
        &[],
    );
    check(
        D7,
        json!({"items": [{"type": "string"}, {"type": "integer"}], "additionalItems": false}),
        (
            &[json!(["x", 1]), json!(["x"])],
            &[json!([1]), json!(["x", 1, 2])],
        ),
        &[],
    );
    check(
        D2019,
        json!({"items": [{"type": "string"}], "additionalItems": {"type": "integer"}}),
        (&[json!(["x", 1])], &[json!(["x", "y"])]),
        &[],
    );
    check(
        D6,
        json!({"items": {"type": "string"}, "additionalItems": false}),
        (&[json!(["x", "y"])], &[json!([1])]),
        &["/additionalItems: counts beside a list"],
    );
    check(
        D7,
        json!({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}),
        (
            &[json!({"a": 1, "b": 1}), json!({"c": 1, "d": 1})],
            &[json!({"a": 1}), json!({"c": 1})],
        ),
        &[],
    );
    check(
        D2019,
        json!({"dependencies": {"a": ["b"]}}),
        (&[json!({"a": 1})], &[]),
        &["/dependencies: is no longer known"],
    );
}

#[test]
fn references_lead_where_they_led() {
    let two = json!({"type": "string", "maxLength": 2});
    let (good, bad) = (json!({"a": "ab"}), json!({"a": "abc"}));
    let asked = |draft: &str, top: &str, own: &str, reference: &str| {
        let mut target = two.clone();
        let word = if draft == D4 { "id" } else { "$id" };
        let word = if draft == D2019 { "$anchor" } else { word };
        if !own.is_empty() {
            target[word] = json!(own);
        }
        let mut schema =
            json!({"properties": {"a": {"$ref": reference}}, "definitions": {"t": target}});
        if !top.is_empty() {
            schema[if draft == D4 { "id" } else { "$id" }] = json!(top);
        }
        check(
            draft,
            schema,
            (std::slice::from_ref(&good), std::slice::from_ref(&bad)),
            &[],
        );
    };
    asked(D4, "", "", "#/definitions/t");
    asked(D4, "", "#t", "#t");
    asked(D4, "http://x/r.json", "#t", "r.json#t");
    asked(D7, "", "#t", "#t");
    asked(D7, "http://x/a/r.json", "http://x/a/t.json", "t.json");
    asked(D7, "http://x/a/r.json", "t.json", "../a/t.json#");
    asked(D7, "http://x/r.json", "", "http://x/r.json#/definitions/t");
    asked(D7, "urn:r", "urn:t", "urn:t");
    asked(D2019, "urn:r", "t", "#t");
    let tree = json!({"$recursiveAnchor": true, "properties": {"k": {"items": {"$recursiveRef": "#"}}}, "additionalProperties": false});
    check(
        D2019,
        tree,
        (&[json!({"k": [{"k": []}]})], &[json!({"k": [{"x": 1}]})]),
        &[],
    );
}

#[test]
fn what_had_no_effect_in_its_draft_has_none_and_is_told() {
    check(
        D7,
        json!({"properties": {"a": {"$ref": "#/definitions/t", "title": "A", "maxLength": 1}}, "definitions": {"t": {"type": "string"}}}),
        (&[json!({"a": "abc"})], &[json!({"a": 1})]),
        &["/properties/a: maxLength: stands beside $ref"],
    );
    check(
        D2019,
        json!({"properties": {"a": {"$ref": "#/$defs/t", "maxLength": 1}}, "$defs": {"t": {"type": "string"}}}),
        (
            &[json!({"a": "a"})],
            &[json!({"a": "abc"}), json!({"a": 1})],
        ),
        &[],
    );
    check(
        D4,
        json!({"properties": {"a": {"const": 1}}, "if": {"required": ["a"]}, "then": {"required": ["b"]}}),
        (&[json!({"a": 2})], &[]),
        &[
            "/if: was unknown",
            "/then: was unknown",
            "/properties/a/const: was unknown",
        ],
    );
    check(
        D7,
        json!({"properties": {"a": {"type": "string", "nullable": true, "pattern": "^(?!0)[0-9]+$"}}}),
        (&[json!({"a": "0"})], &[json!({"a": null})]),
        &[
            "/properties/a/pattern: the pattern ^(?!0)[0-9]+$ looks ahead",
            "/properties/a/nullable: is a word of OpenAPI",
        ],
    );
}

#[test]
fn names_and_values_that_look_like_keywords_stay() {
    let schema = json!({"required": ["id"], "properties": {
        "id": {"type": "string", "maxLength": 2}, "dependencies": {"type": "string"}, "items": {"items": [{"type": "string"}]},
        "$ref": {"type": "string"}, "e": {"enum": [{"$ref": "#/x", "items": [1], "id": "#y"}]}}});
    let good = [
        json!({"id": "a", "dependencies": "x", "items": ["x", 1], "$ref": "y"}),
        json!({"id": "a", "e": {"$ref": "#/x", "items": [1], "id": "#y"}}),
    ];
    let bad = [
        json!({}),
        json!({"id": "abc"}),
        json!({"id": "a", "items": [1]}),
        json!({"id": "a", "$ref": 1}),
    ];
    check(D7, schema, (&good, &bad), &[]);
}

#[test]
fn drafts_nobody_can_read_are_refused_and_unknown_ones_are_told() {
    let schema = |draft: &str| json!({"$schema": draft, "type": "object"});
    let old = schema("http://json-schema.org/draft-03/schema#").to_string();
    let refused = service(&Foreign::JsonSchema(old.as_bytes())).expect_err("too old");
    assert!(refused.text.de.contains("draft-03") && refused.text.de.contains("lesbar sind"));
    let made = made(&schema("urn:own"));
    assert!(made.losses[0].text.en.contains("urn:own is not known"));
}

#[test]
fn schemas_inside_themselves_and_conditions_have_an_example_that_fits() {
    let schema = json!({"$ref": "#/$defs/p", "$defs": {"p": {"type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"}, "kinder": {"type": "array", "items": {"$ref": "#/$defs/p"}}}}}});
    let tree = made(&schema);
    let compiled = Schema::compile(tree.schema.to_string().as_bytes()).expect("a JSON Schema");
    assert_eq!(compiled.check(&tree.examples[0]), []);
    assert!(tree.examples[0]["kinder"][0]["name"].is_string());
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"],
        "if": {"properties": {"a": {"const": "x"}}}, "else": {"not": {"required": ["b"]}}});
    let condition = made(&schema);
    let compiled = Schema::compile(condition.schema.to_string().as_bytes()).expect("a JSON Schema");
    assert_ne!(compiled.check(&condition.examples[0]), []);
    assert_eq!(compiled.check(&condition.least), []);
}
