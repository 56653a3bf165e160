//! Applications with one field broken: what their service refuses is told with the field's name, place and rule in German and never
//! with the value; what it takes all the same becomes a message both validators take, or is refused at a place of the application.

use std::path::Path;

use amtsbote_adapter::Package;
use amtsbote_adapter::laws::edge::with_input;
use amtsbote_problem::{Finding, Language, report};
use amtsbote_validate::json::{Schema, Strings};
use amtsbote_xoev::{Document, Installed};
use serde_json::{Value, json};

use crate::official::message_of;
use crate::packages::{self, format_of};
use crate::shared::{self, batch};

/// A text that stands in no application.
const MARK: &str = "Zqxj7f3aGeheim";
const MOMENT: &str = "2026-06-01T10:00:00Z";

/// Each so many breaks are tried.
fn stride() -> usize {
    if std::env::var_os("AMTSBOTE_LONG").is_some() {
        1
    } else {
        17
    }
}

fn schema_of(package: &Package) -> Schema {
    let service = package.schema_uri.split('/').nth_back(2).unwrap();
    let folder = packages::root().join("schemas").join(service);
    let bytes = std::fs::read(folder.join("schema.json")).unwrap();
    Schema::compile_with(&bytes, Strings::GroupC).unwrap()
}

/// Pointers to everything inside, containers too.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut inside = |name: &str, below: &Value| {
        let at = format!("{at}/{name}");
        found.push(at.clone());
        places(below, &at, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, one)| inside(name, one)),
        Value::Array(items) => {
            for (nr, item) in items.iter().enumerate() {
                inside(&nr.to_string(), item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a field may be broken to.
fn breaks(value: &Value) -> Vec<Value> {
    let text = value.as_str().unwrap_or_default();
    vec![
        Value::Null,
        json!(""),
        json!(" "),
        json!(MARK),
        json!(MARK.repeat(400)),
        json!(format!("{text}\u{1F3E0}")),
        json!(format!("{text}\u{7}")),
        json!(-1),
        json!(99_999_999_999_999_i64),
        json!(0.5),
        json!(true),
        json!([]),
        json!({ "fremd": MARK }),
        json!("0000-00-00"),
        json!("2026-02-30"),
        json!(format!(" {text} ")),
    ]
}

/// The application without that place; the same if nothing is there.
fn without(data: &Value, at: &str) -> Value {
    let mut data = data.clone();
    let (above, name) = at.rsplit_once('/').unwrap();
    match data.pointer_mut(above) {
        Some(Value::Object(members)) => drop(members.remove(name)),
        Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
        _ => {}
    }
    data
}

/// Every `stride`th application with one field broken.
fn broken(data: &Value, first: usize) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let mut found = Vec::new();
    places(data, "", &mut found);
    for at in found {
        all.push((format!("without {at}"), without(data, &at)));
        for one in breaks(&data.pointer(&at).unwrap().clone()) {
            let mut changed = data.clone();
            *changed.pointer_mut(&at).unwrap() = one;
            all.push((at.clone(), changed));
        }
    }
    all.into_iter()
        .skip(first % stride())
        .step_by(stride())
        .collect()
}

fn is_told(finding: &Finding) -> bool {
    let is_named = finding.label.is_some() || finding.place.is_some() || finding.at.is_empty();
    is_named && !finding.rule.is_empty() && !finding.detail.de.is_empty()
}

#[test]
fn a_broken_field_is_told_by_its_name_or_does_no_harm() {
    let both = shared::both();
    let installed = both.as_ref().map(|(_, installed)| installed.clone());
    let (mut refused, mut messages) = (0_usize, Vec::new());
    for (nr, package) in packages::complete().into_iter().enumerate() {
        let schema = schema_of(&package);
        let format = format_of(&package, &Installed::default());
        let example = package.examples[0].name.clone();
        let input = format!("examples/{example}/input.json");
        let data: Value = serde_json::from_slice(&package.files[&input]).unwrap();
        for (at, data) in broken(&data, nr) {
            let about = format!("{}: {at}", package.name);
            let findings = schema.check(&data);
            for finding in &findings {
                assert!(is_told(finding), "{about}: {finding:?}");
            }
            let text = report::text(&findings, &[], Language::German);
            assert!(!text.contains(MARK), "{about}: {text}");
            if !findings.is_empty() {
                refused += 1;
                continue;
            }
            let preview = with_input(&package, &data, MOMENT).preview(&format, &example);
            let preview = preview.unwrap();
            for finding in &preview.findings {
                assert!(finding.at.starts_with('/'), "{about}: {finding:?}");
                assert!(!finding.detail.de.contains(MARK), "{about}: {finding:?}");
            }
            if preview.findings.is_empty() {
                messages.push((about, message_of(preview)));
            }
        }
    }
    assert!(
        refused > 100 && messages.len() > 20,
        "{refused} {}",
        messages.len()
    );
    if let (Some((official, _)), Some(installed)) = (both, installed) {
        both_take(&official, &installed, &messages);
    }
}

fn both_take(official: &Path, installed: &Installed, messages: &[(String, Vec<u8>)]) {
    let all: Vec<&[u8]> = messages.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    for ((about, bytes), second) in messages.iter().zip(batch(official, &all)) {
        let document = Document::read(bytes).unwrap();
        let schema = installed.schemas.set(&document.root().namespace).unwrap();
        assert_eq!(schema.check(bytes), [], "{about}");
        assert_eq!(second, None, "{about}");
    }
}
