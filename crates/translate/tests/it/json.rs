//! JSON samples.

use amtsbote_translate::json::Sample;
use amtsbote_translate::{Ignored, Limits, Refusal, Trace, Translation};
use serde_json::{Value, json};

use crate::{codes, sources};

fn translate(template: &Value, data: &Value) -> Result<Translation, Refusal> {
    let text = template.to_string();
    let sample = Sample::parse("sample.json", text.as_bytes(), &codes())
        .unwrap_or_else(|faults| panic!("{faults}"));
    sample.translate(&sources(data), &Limits::default(), &Ignored::default())
}

fn check(template: Value, data: Value, expected: Value) {
    let translation =
        translate(&template, &data).unwrap_or_else(|refusal| panic!("{template}: {refusal:?}"));
    let document: Value = serde_json::from_slice(translation.document.reveal()).unwrap();
    assert_eq!(document, expected, "{template}");
    let told = translation
        .lineage
        .iter()
        .filter(|line| line.trace != Trace::Decides);
    for line in told {
        assert!(line.template_line.is_some_and(|line| line > 0));
        assert!(
            document.pointer(&line.output).is_some(),
            "points nowhere: {}",
            line.output
        );
    }
}

#[test]
fn bindings_replace_themselves_and_keep_types() {
    let data = json!({"t": "x", "n": 5, "b": true, "d": "2026-01-31", "r": "ag"});
    check(
        json!({"v": 1, "t": {"$from": ".t"}, "n": {"$from": ".n"}, "s": {"$from": ".n", "$as": "text"}, "b": {"$from": ".b"},
               "j": {"$from": ".b", "$as": "boolean:ja/nein"}, "k": {"$from": ".n", "$as": "number:0.00"}, "l": {"$from": ".n", "$as": "number:0,00"},
               "d": {"$from": ".d", "$as": "date:dd.MM.yyyy"}, "r": {"$from": ".r", "$codes": "rechtsform"}, "$$schema": "u"}),
        data,
        json!({"v": 1, "t": "x", "n": 5, "s": "5", "b": true, "j": "ja", "k": 5.00, "l": "5,00", "d": "31.01.2026", "r": "120", "$schema": "u"}),
    );
    check(json!({"$from": ".x"}), json!({"x": "y"}), json!("y"));
}

#[test]
fn scopes_repeat_and_leave_out() {
    let template = json!({"p": [{"$each": ".p", "n": {"$from": ".n"}, "a": {"$empty": "drop", "o": {"$from": ".o"}}}],
                          "k": ["fest", {"$each": ".k", "$from": "."}], "i": {"$if": ".ja", "x": 1},
                          "m": {"$from": ".m", "$missing": "drop"}, "e": {"$from": ".m", "$missing": "empty"}, "z": {"$from": ".m", "$as": "number", "$missing": "default:0"}});
    check(
        template.clone(),
        json!({"p": [{"n": 1}, {"n": 2, "o": "K"}], "k": [7, 8]}),
        json!({"p": [{"n": 1}, {"n": 2, "a": {"o": "K"}}], "k": ["fest", 7, 8], "e": null, "z": 0}),
    );
    check(
        template,
        json!({"ja": true, "m": 3}),
        json!({"p": [], "k": ["fest"], "i": {"x": 1}, "m": 3, "e": 3, "z": 3}),
    );
}

#[test]
fn lineage_and_losses_use_json_pointers() {
    let translation = translate(
        &json!({"a/b": [{"$each": ".p", "$from": ".n"}]}),
        &json!({"p": [{"n": 1}, {"n": 2, "x": 3}]}),
    )
    .unwrap();
    let outputs: Vec<String> = translation
        .lineage
        .iter()
        .map(|line| format!("{} {}", line.output, line.sources[0]))
        .collect();
    assert_eq!(outputs, ["/a~1b/0 /p/0/n", "/a~1b/1 /p/1/n"]);
    assert_eq!(
        translation
            .losses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["/p/1/x"]
    );
}

#[test]
fn findings_come_at_once() {
    let refusal = translate(
        &json!({"a": {"$from": ".a"}, "b": {"$from": ".b", "$as": "date"}, "c": {"$from": ".c"}}),
        &json!({"b": "x", "c": {}}),
    );
    let Err(Refusal::Incomplete { findings, draft }) = refusal else {
        panic!("no findings")
    };
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.rule.name(), f.at.as_str(), f.output.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("translate-missing", "/a", "/a"),
            ("translate-unconvertible", "/b", "/b"),
            ("translate-not-one-value", "/c", "/c")
        ]
    );
    assert_eq!(
        serde_json::from_slice::<Value>(draft.document.reveal()).unwrap(),
        json!({"a": null, "b": null, "c": null})
    );
}

#[test]
fn faults_name_their_place() {
    let faults = |template: Value| {
        Sample::parse("s.json", template.to_string().as_bytes(), &codes())
            .expect_err("faulty")
            .to_string()
    };
    assert!(faults(json!({"a": {"$form": ".x"}})).contains("s.json:1 (/a): unknown word `$form`"));
    assert!(
        faults(json!({"a": {"$from": ".x", "y": 1}})).contains("a binding has no other members")
    );
    assert!(faults(json!({"a": {"$each": ".x"}})).contains("only items of a list"));
    assert!(faults(json!({"a": {"$as": "date"}})).contains("`$as` needs `$from`"));
    assert!(faults(json!({"a": {"$from": 1}})).contains("bad value"));
    assert!(faults(json!({"$if": ".x"})).contains("root cannot be left out"));
    assert!(faults(json!({"a": {"$from": "env"}})).contains("expression refused"));
    assert!(
        Sample::parse("s.json", b"{\n,}", &codes())
            .unwrap_err()
            .to_string()
            .starts_with("s.json:2: not well-formed")
    );
}

#[test]
fn constants_are_listed() {
    let sample = Sample::parse(
        "s",
        br#"{"v": "1", "l": [true, {"$from": ".x"}]}"#,
        &codes(),
    )
    .unwrap();
    let constants: Vec<_> = sample
        .constants()
        .into_iter()
        .map(|c| (c.at, c.text))
        .collect();
    assert_eq!(
        constants,
        [
            ("/v".to_owned(), "1".to_owned()),
            ("/l/0".to_owned(), "true".to_owned())
        ]
    );
}
