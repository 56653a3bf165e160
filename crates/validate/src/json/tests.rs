use serde_json::{Value, json};

use super::*;
use crate::json::Limits;

fn schema(text: &Value) -> Schema {
    Schema::compile(text.to_string().as_bytes()).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

fn check(schema_text: &Value, document: &Value, expected: &[(&str, &str, &str)]) {
    let findings = schema(schema_text).check(document);
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.at.as_str(), f.rule.as_str(), f.detail.en.as_str()))
        .collect();
    assert_eq!(found, expected, "{document}");
}

fn refused(text: &str, expected: &[(&str, &str)]) {
    let findings = Schema::compile(text.as_bytes()).err().unwrap_or_default();
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.at.as_str(), f.rule.as_str()))
        .collect();
    assert_eq!(found, expected, "{text:.200}");
}

fn person() -> Value {
    json!({
        "$defs": {"ort": {"type": "object", "title": "Anschrift", "required": ["plz"], "properties": {
            "plz": {"type": "string", "title": "Postleitzahl", "x-label-en": "Postcode", "pattern": "^[0-9]{5}$",
                    "x-hint-de": "Fünf Ziffern.", "x-hint-en": "Five digits."}}}},
        "type": "object",
        "additionalProperties": false,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "title": "Familienname", "x-label-en": "Family name", "minLength": 1, "maxLength": 5,
                     "x-charset": "din-91379-a"},
            "tag": {"type": "string", "format": "date"},
            "zahl": {"type": ["integer", "null"], "maximum": 12},
            "art": {"enum": ["a", "b"]},
            "ort": {"$ref": "#/$defs/ort", "title": "Wohnort", "x-label-en": "Home"},
            "orte": {"type": "array", "maxItems": 2, "uniqueItems": true, "items": {"$ref": "#/$defs/ort"}},
        }
    })
}

#[test]
fn days_are_those_that_messages_can_hold() {
    let schema = schema(&json!({"type": "string", "format": "date"}));
    for (day, expected) in [
        ("2024-02-29", true),
        ("2000-02-29", true),
        ("0001-01-01", true),
        ("9999-12-31", true),
        ("2026-04-30", true),
        ("0000-01-01", false),
        ("2023-02-29", false),
        ("1900-02-29", false),
        ("2026-04-31", false),
        ("2026-00-01", false),
        ("2026-13-01", false),
        ("2026-01-00", false),
        ("2026-1-01", false),
        ("10000-01-01", false),
        ("-001-01-01", false),
        ("2026-01-01Z", false),
        ("2026/01/01", false),
        ("２０２６-01-01", false),
        ("", false),
    ] {
        assert_eq!(schema.check(&json!(day)).is_empty(), expected, "{day}");
    }
}

#[test]
fn all_findings_come_at_once_in_plain_words() {
    check(
        &person(),
        &json!({"name": "Ada", "tag": "2026-02-28", "zahl": 3, "art": "a"}),
        &[],
    );
    check(
        &person(),
        &json!({"tag": "2026-02-30", "zahl": 13, "art": "c", "ort": {}, "orte": [{"plz": "x"}, {"plz": "x"}, 1], "fremd": 1}),
        &[
            ("/tag", "format", "is not a valid date (YYYY-MM-DD)"),
            ("/zahl", "maximum", "is too large (at most 12)"),
            ("/art", "enum", "is none of the allowed values"),
            ("/ort", "required", "the member \"plz\" is missing"),
            ("/orte", "maxItems", "has too many entries (at most 2)"),
            ("/orte", "uniqueItems", "has the same entry more than once"),
            (
                "/orte/0/plz",
                "pattern",
                "does not match the required pattern",
            ),
            (
                "/orte/1/plz",
                "pattern",
                "does not match the required pattern",
            ),
            ("/orte/2", "type", "has the wrong type (expected: object)"),
            (
                "",
                "additionalProperties",
                "the member \"fremd\" is not foreseen here",
            ),
            ("", "required", "the member \"name\" is missing"),
        ],
    );
    check(
        &person(),
        &json!({"name": ""}),
        &[("/name", "minLength", "must not be empty")],
    );
    check(
        &person(),
        &json!({"name": "Иванов"}),
        &[
            ("/name", "maxLength", "is too long (at most 5 characters)"),
            (
                "/name",
                "din-91379",
                "has a Cyrillic letter at position 1, which DIN 91379 (data type A) does not allow",
            ),
        ],
    );
}

#[test]
fn findings_carry_label_hint_and_allowed_values() {
    let findings = schema(&person()).check(&json!({"ort": {"plz": "1"}, "art": "c"}));
    let by_rule = |rule: &str| findings.iter().find(|f| f.rule == rule).unwrap();
    let missing = by_rule("required");
    assert_eq!(missing.label.as_ref().unwrap().de, "Familienname");
    assert_eq!(missing.detail.de, "das Feld „name“ fehlt");
    let pattern = by_rule("pattern");
    assert_eq!(pattern.label.as_ref().unwrap().en, "Postcode");
    assert_eq!(pattern.hint.as_ref().unwrap().de, "Fünf Ziffern.");
    assert_eq!(by_rule("enum").allowed, ["a", "b"]);
    let beside = schema(&person()).check(&json!({"name": "A", "ort": 1}));
    assert_eq!(beside[0].label.as_ref().unwrap().de, "Wohnort");
}

#[test]
fn what_the_sender_wrote_is_never_repeated() {
    let document = json!({"name": "Geheim1", "tag": "Geheim2", "zahl": "Geheim3", "art": "Geheim4", "ort": {"plz": "Geheim5"},
        "Geheim 6": 1, "orte": ["Geheim7"]});
    let shown = format!("{:?}", schema(&person()).check(&document));
    assert!(!shown.contains("Geheim"), "{shown}");
    let open = json!({"additionalProperties": {"type": "string"}});
    check(
        &open,
        &json!({"Frau Müller": 1}),
        &[("/…", "type", "has the wrong type (expected: string)")],
    );
}

#[test]
fn of_several_forms_the_one_meant_is_explained() {
    let forms = json!({"oneOf": [
        {"type": "object", "properties": {"art": {"const": "person"}, "alter": {"type": "integer"}}, "required": ["art", "alter"]},
        {"type": "object", "properties": {"art": {"const": "firma"}, "sitz": {"type": "string"}}, "required": ["art", "sitz"]},
    ]});
    check(
        &forms,
        &json!({"art": "firma"}),
        &[("", "required", "the member \"sitz\" is missing")],
    );
    check(
        &forms,
        &json!({"art": "person", "alter": "x"}),
        &[("/alter", "type", "has the wrong type (expected: integer)")],
    );
    check(
        &forms,
        &json!(5),
        &[("", "oneOf", "fits none of the allowed forms")],
    );
    let either = json!({"anyOf": [{"required": ["telefon"]}, {"required": ["email"]}]});
    check(
        &either,
        &json!({}),
        &[(
            "",
            "anyOf",
            "one of the members \"telefon\", \"email\" is missing",
        )],
    );
    let nullable = json!({"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 2}]});
    check(
        &nullable,
        &json!("abc"),
        &[("", "maxLength", "is too long (at most 2 characters)")],
    );
    let choice = json!({"oneOf": [{"const": "x", "title": "X"}, {"const": "y"}]});
    assert_eq!(schema(&choice).check(&json!("z"))[0].allowed, ["x", "y"]);
    let conditional = json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}});
    check(
        &conditional,
        &json!({"a": 1}),
        &[("", "required", "the member \"b\" is missing")],
    );
}

#[test]
fn hundreds_of_findings_are_cut() {
    let findings = schema(&json!({"items": {"type": "string"}})).check(&json!(vec![1; 1000]));
    assert_eq!(findings.len(), 201);
    assert_eq!(findings[200].rule, "more");
}

#[test]
fn schemas_that_reach_outside_are_refused() {
    refused(r#"{"$ref":"https://example.com/x.json"}"#, &[("", "$ref")]);
    refused(
        r#"{"properties":{"a":{"$ref":"file:///etc/passwd"}}}"#,
        &[("/properties/a", "$ref")],
    );
    refused(r##"{"$ref":"#/$defs/weg"}"##, &[("", "$ref")]);
    refused(
        r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
        &[("", "$schema")],
    );
    refused(
        r#"{"$defs":{"a":{"$id":"https://example.com/a"}}}"#,
        &[("/$defs/a", "$id")],
    );
    refused(r##"{"$dynamicRef":"#x"}"##, &[("", "$dynamicRef")]);
    refused(r#"{"x-charset":"din-91379-z"}"#, &[("", "x-charset")]);
    refused(r#"{"pattern":"(?=a)"}"#, &[("/pattern", "format")]);
    refused(r#"{"type":"strong"}"#, &[("/type", "anyOf")]);
    refused("[]", &[("", "schema")]);
    refused(
        r##"{"$id":"https://example.com/s","$ref":"https://example.com/s#/$defs/a","$defs":{"a":{"$anchor":"k"},"b":{"$ref":"#k"}}}"##,
        &[],
    );
}

#[test]
fn bombs_are_refused() {
    refused(r##"{"$ref":"#"}"##, &[("", "loop")]);
    refused(
        r##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}}}"##,
        &[("/$defs/b", "loop")],
    );
    let deep = format!("{}true{}", r#"{"not":"#.repeat(70), "}".repeat(70));
    refused(&deep, &[("", "depth")]);
    let mut doubling: Vec<_> = (0..40)
        .map(|n| {
            format!(
                r##""a{n}":{{"allOf":[{{"$ref":"#/$defs/a{m}"}},{{"$ref":"#/$defs/a{m}"}}]}}"##,
                m = n + 1
            )
        })
        .collect();
    doubling.push(r#""a40":{}"#.into());
    let findings = Schema::compile(format!(r#"{{"$defs":{{{}}}}}"#, doubling.join(",")).as_bytes())
        .unwrap_err();
    assert_eq!((findings.len(), findings[0].rule.as_str()), (1, "size"));
    refused(
        r#"{"pattern":"((a{1000}){1000}){1000}"}"#,
        &[("/pattern", "format")],
    );
    let tree = json!({"properties": {"child": {"$ref": "#"}}, "additionalProperties": false});
    check(
        &tree,
        &json!({"child": {"child": {"x": 1}}}),
        &[(
            "/child/child",
            "additionalProperties",
            "the member \"x\" is not foreseen here",
        )],
    );
}

#[test]
fn five_megabytes_are_bounded() {
    let text = format!("[{}0]", "0,".repeat(2_500_000));
    assert_eq!(
        parse(text.as_bytes(), Limits::default()).unwrap_err()[0].rule,
        "size"
    );
    let long = json!({"name": "A".repeat(5_000_000)});
    assert_eq!(schema(&person()).check(&long)[0].rule, "maxLength");
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_schema_or_a_finding(text in "[\\[\\]{}:,\"a-z$0-9#/]{0,80}") {
        let _ = Schema::compile(text.as_bytes());
    }
}
