//! The reference page of templates: its tables are run, and no function is left out.

use std::collections::BTreeSet;
use std::path::Path;

use amtsbote_translate::json::Sample;
use amtsbote_translate::{Ignored, Limits};
use serde_json::{Value, json};

use crate::{codes, sources};

/// The cells of the tables whose first column has that title.
fn rows(title: &str) -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial/vorlagen.md");
    let text = std::fs::read_to_string(page).unwrap();
    let mut rows = Vec::new();
    let mut is_wanted = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_header = lines.peek().is_some_and(|next| next.starts_with("|---"));
        let Some(inside) = line
            .strip_prefix("| ")
            .and_then(|line| line.strip_suffix(" |"))
        else {
            is_wanted = is_wanted && line.starts_with("|---");
            continue;
        };
        let cells: Vec<String> = inside
            .replace("\\|", "\u{1}")
            .split(" | ")
            .map(|cell| cell.trim().trim_matches('`').replace('\u{1}', "|"))
            .collect();
        if is_header {
            is_wanted = cells.first().is_some_and(|cell| cell == title);
        } else if is_wanted {
            rows.push(cells);
        }
    }
    rows
}

fn value(binding: Value, data: &Value) -> Value {
    let template = json!({ "x": binding }).to_string();
    let sample = Sample::parse("x.json", template.as_bytes(), &codes())
        .unwrap_or_else(|faults| panic!("{faults}"));
    let translation = sample
        .translate(&sources(data), &Limits::default(), &Ignored::default())
        .unwrap_or_else(|refusal| panic!("{template} with {data}: {refusal:?}"));
    let made: Value = serde_json::from_slice(translation.document.reveal()).unwrap();
    made["x"].clone()
}

fn parsed(cell: &str) -> Value {
    serde_json::from_str(cell).unwrap_or_else(|error| panic!("{cell}: {error}"))
}

#[test]
fn every_example_of_the_page_gives_what_the_page_says() {
    let expressions = rows("Ausdruck");
    assert!(expressions.len() > 70, "{}", expressions.len());
    for row in &expressions {
        let [expression, data, result] = row.as_slice() else {
            panic!("{row:?}")
        };
        let made = value(json!({ "$from": expression }), &parsed(data));
        assert_eq!(made, parsed(result), "{expression} with {data}");
    }
    let conversions = rows("as");
    assert!(conversions.len() > 25, "{}", conversions.len());
    for row in &conversions {
        let [conversion, data, result] = row.as_slice() else {
            panic!("{row:?}")
        };
        let binding = json!({ "$from": ".v", "$as": conversion });
        let made = value(binding, &json!({ "v": parsed(data) }));
        assert_eq!(made, parsed(result), "{conversion} of {data}");
    }
}

/// What a fault says is known.
fn known(binding: &Value, before: &str) -> BTreeSet<String> {
    let template = json!({ "x": binding }).to_string();
    let faults = Sample::parse("x.json", template.as_bytes(), &codes()).unwrap_err();
    let text = faults.to_string();
    let (_, list) = text.split_once(before).unwrap();
    list.split(", ")
        .map(|name| name.trim().to_owned())
        .collect()
}

#[test]
fn no_function_and_no_conversion_is_missing_on_the_page() {
    let functions = known(&json!({ "$from": ". | nosuch" }), "closed set: ");
    let text: String = rows("Ausdruck")
        .into_iter()
        .filter_map(|row| row.into_iter().next())
        .collect::<Vec<_>>()
        .join("\n");
    let words: BTreeSet<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    for function in functions {
        assert!(words.contains(function.as_str()), "{function}");
    }
    let shown: BTreeSet<String> = rows("as")
        .iter()
        .filter_map(|row| row.first()?.split([':', '|']).next().map(str::to_owned))
        .collect();
    for conversion in known(&json!({ "$from": ".", "$as": "nosuch" }), "known are: ") {
        let name = conversion.split([':', '[']).next().unwrap();
        assert!(shown.contains(name), "{conversion}");
    }
}
