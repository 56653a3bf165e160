//! Services from schemas of others.

use std::collections::BTreeMap;

use amtsbote_propose::{Foreign, NewService, Schemas, service};
use serde_json::json;

/// A message of `XDatenfelder` with one group of these parts.
fn xdf(version: &str, parts: &str) -> String {
    format!(
        "<x:xdatenfelder.stammdatenschema.0102 xmlns:x=\"urn:xoev-de:fim:standard:xdatenfelder_{version}\"><x:stammdatenschema>\
         <x:identifikation><x:id>S123</x:id><x:version>1.2</x:version></x:identifikation><x:name>Antrag</x:name>\
         <x:regel><x:identifikation><x:id>R1</x:id></x:identifikation><x:name>Mindestens eine Angabe</x:name></x:regel>\
         <x:struktur><x:anzahl>1:1</x:anzahl><x:enthaelt><x:datenfeldgruppe><x:identifikation><x:id>G1</x:id><x:version>1.0</x:version></x:identifikation>\
         <x:bezeichnungEingabe>Person</x:bezeichnungEingabe>{parts}</x:datenfeldgruppe></x:enthaelt></x:struktur></x:stammdatenschema></x:xdatenfelder.stammdatenschema.0102>"
    )
}

fn field(id: &str, times: &str, kind: &str, more: &str) -> String {
    let (art, datatype) = kind.split_once(' ').unwrap();
    format!(
        "<x:struktur><x:anzahl>{times}</x:anzahl><x:enthaelt><x:datenfeld><x:identifikation><x:id>{id}</x:id><x:version>1.0</x:version></x:identifikation>\
         <x:bezeichnungEingabe>Feld {id}</x:bezeichnungEingabe><x:feldart><code>{art}</code></x:feldart><x:datentyp><code>{datatype}</code></x:datentyp>{more}</x:datenfeld></x:enthaelt></x:struktur>"
    )
}

fn losses(made: &NewService) -> String {
    let lines = made
        .losses
        .iter()
        .map(|note| format!("{}: {}", note.at, note.text.en));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn xdatenfelder_of_both_versions_keep_labels_cardinalities_lengths_and_codes() {
    for (version, refinement) in [
        (
            "2",
            "<x:praezisierung>{\"minLength\":\"1\",\"maxLength\":\"55\"}</x:praezisierung>",
        ),
        (
            "3.0.0",
            "<x:praezisierung minLength=\"1\" maxLength=\"55\"/>",
        ),
    ] {
        let parts = [
            field("F1", "1:1", "input text", refinement),
            field("F2", "0:*", "input date", ""),
            field("F3", "0:1", "select text", "<x:werte><x:wert><x:code>a</x:code><x:name>Alpha</x:name></x:wert></x:werte>"),
            field("F4", "0:1", "select text", "<x:codelisteReferenz><x:genericodeIdentification><x:canonicalIdentification>urn:de:liste</x:canonicalIdentification><x:version>7</x:version></x:genericodeIdentification></x:codelisteReferenz>"),
            field("F5", "1:1", "label text", ""),
            field("F6", "0:1", "input file", ""),
        ]
        .concat();
        let text = xdf(version, &parts);
        let made = service(&Foreign::Xdf(text.as_bytes())).unwrap();
        let group = &made.schema["properties"]["G1"];
        assert_eq!(made.schema["required"], json!(["G1"]));
        assert_eq!(group["title"], "Person");
        assert_eq!(group["required"], json!(["F1"]));
        assert_eq!(group["properties"]["F1"]["maxLength"], 55);
        assert_eq!(group["properties"]["F1"]["title"], "Feld F1");
        assert_eq!(group["properties"]["F2"]["type"], "array");
        assert_eq!(group["properties"]["F2"]["items"]["format"], "date");
        assert_eq!(group["properties"]["F3"]["enum"], json!(["a"]));
        assert_eq!(
            group["properties"]["F3"]["x-enum-labels"]["a"]["de"],
            "Alpha"
        );
        assert_eq!(
            group["properties"]["F4"]["x-codelist"],
            json!({ "uri": "urn:de:liste", "version": "7" })
        );
        assert!(group["properties"].get("F5").is_none() && group["properties"].get("F6").is_none());
        let losses = losses(&made);
        for part in [
            "S123: the rule R1",
            "/G1/F4: the values of the code list urn:de:liste",
            "/G1/F5: a text to read",
            "/G1/F6: an object or a file",
            "/G1: any number",
        ] {
            assert!(losses.contains(part), "{part}\n{losses}");
        }
        assert_eq!(made.examples[0]["G1"]["F3"], "a");
    }
}

#[test]
fn an_xsd_becomes_members_with_types_and_restrictions() {
    let xsd = br#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="G1"><xs:complexType><xs:sequence>
      <xs:element name="F1"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="55"/><xs:pattern value="[A-Z]+"/></xs:restriction></xs:simpleType></xs:element>
      <xs:element name="F2" type="xs:date" minOccurs="0" maxOccurs="unbounded"/>
      <xs:element name="F3" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="a"/><xs:enumeration value="b"/></xs:restriction></xs:simpleType></xs:element>
    </xs:sequence></xs:complexType></xs:element></xs:schema>"#;
    let files = BTreeMap::from([("a.xsd".to_owned(), xsd.to_vec())]);
    let made = service(&Foreign::Xsd(Schemas {
        files: &files,
        main: "a.xsd",
        root: None,
    }))
    .unwrap();
    assert_eq!(made.schema["required"], json!(["F1"]));
    assert_eq!(made.schema["properties"]["F1"]["maxLength"], 55);
    assert_eq!(made.schema["properties"]["F2"]["items"]["format"], "date");
    assert_eq!(made.schema["properties"]["F3"]["enum"], json!(["a", "b"]));
    assert_eq!(made.schema["properties"]["F1"]["pattern"], "^[A-Z]+$");
}

#[test]
fn a_json_schema_keeps_its_meaning_and_what_leads_elsewhere_is_told() {
    let schema = br##"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Antrag","type":"object",
      "properties":{"a":{"$ref":"#/definitions/a"},"b":{"$ref":"https://example.org/b.json"}},"definitions":{"a":{"type":"string","format":"email"}},"dependencies":{"a":["b"]}}"##;
    let made = service(&Foreign::JsonSchema(schema)).unwrap();
    assert_eq!(made.label.as_deref(), Some("Antrag"));
    assert_eq!(made.examples[0]["a"], "muster@example.org");
    let losses = losses(&made);
    for part in [
        "$schema: written for an older draft",
        "/properties/b: refers to another schema",
    ] {
        assert!(losses.contains(part), "{part}\n{losses}");
    }
    assert_eq!(made.schema["dependentRequired"], json!({"a": ["b"]}));
}

#[test]
fn what_is_no_schema_is_refused_in_both_languages() {
    let other = xdf("9", "");
    for foreign in [
        Foreign::JsonSchema(b"[]"),
        Foreign::JsonSchema(b"{"),
        Foreign::Xdf(b"<a/>"),
        Foreign::Xdf(other.as_bytes()),
    ] {
        let refused = service(&foreign).unwrap_err();
        assert!(!refused.text.de.is_empty() && !refused.text.en.is_empty());
    }
}

#[test]
fn each_branch_of_a_choice_has_an_example() {
    let schema = br#"{"type":"object","properties":{"wer":{"type":"object","properties":{"ort":{"const":"X"}},
      "oneOf":[{"properties":{"name":{"const":"N"}}},{"properties":{"firma":{"const":"F"},"form":{"anyOf":[{"const":1},{"const":2}]}}}]},
      "wie":{"oneOf":[{"const":"a"},{"const":"b"},{"const":"c"}]}}}"#;
    let made = service(&Foreign::JsonSchema(schema)).unwrap();
    let told: Vec<String> = made.examples.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            r#"{"wer":{"ort":"X","name":"N"},"wie":"a"}"#,
            r#"{"wer":{"ort":"X","firma":"F","form":1},"wie":"a"}"#,
            r#"{"wer":{"ort":"X","name":"N"},"wie":"b"}"#,
            r#"{"wer":{"ort":"X","name":"N"},"wie":"c"}"#,
            r#"{"wer":{"ort":"X","firma":"F","form":2},"wie":"a"}"#,
        ]
    );
}
