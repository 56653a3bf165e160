//! What no example shows: for each package, its service's valid examples are varied at random (members left out, texts as long as
//! allowed and of unusual letters, more persons, partial dates); whatever the service's schema still takes has to become a message that
//! both validators take.

use amtsbote_adapter::Package;
use amtsbote_validate::json::Schema;
use proptest::prelude::RngExt as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::official::message_of;
use crate::packages::{self, format_of};
use crate::shared::{self, refusal};

const VARIANTS: usize = 24;
/// Letters of DIN 91379 that are easily broken: combining sequences, capital sharp s, marks of Vietnamese, apostrophes.
const UNUSUAL: [&str; 6] = [
    "Đặng-Nguyễn",
    "Łukasz Żółć",
    "O’Brien-M̂",
    "STRAẞE",
    "Ǎbdǘl İğdır",
    "d'Île & <Sœur>",
];

fn schema_of(package: &Package) -> Schema {
    let service = package.schema_uri.split('/').nth_back(2).unwrap();
    let path = packages::root()
        .join("schemas")
        .join(service)
        .join("schema.json");
    Schema::compile(&std::fs::read(path).unwrap()).unwrap()
}

/// All places, deepest last.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                places(member, &format!("{at}/{key}"), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn vary(data: &mut Value, rng: &mut TestRng) {
    let mut all = Vec::new();
    places(data, "", &mut all);
    let at = all[rng.random_range(0..all.len())].clone();
    let dice = rng.random_range(0..4);
    let (above, last) = at.rsplit_once('/').unwrap_or(("", ""));
    match (dice, data.pointer(&at).cloned()) {
        // Left out.
        (0, _) => {
            if let Some(members) = data.pointer_mut(above).and_then(Value::as_object_mut) {
                members.shift_remove(last);
            }
        }
        // Once more.
        (1, Some(Value::Array(mut items))) => {
            items.extend(items.clone());
            *data.pointer_mut(&at).unwrap() = Value::Array(items);
        }
        // Long.
        (2, Some(Value::String(text))) => {
            let long = rng.random_range(2..60);
            *data.pointer_mut(&at).unwrap() = Value::String(vec![text; long].join(" "));
        }
        // Unusual.
        (_, Some(Value::String(_))) => {
            let text = UNUSUAL[rng.random_range(0..UNUSUAL.len())];
            *data.pointer_mut(&at).unwrap() = Value::String(text.to_owned());
        }
        (_, _) => {}
    }
}

/// Changes one after the other, each kept if the schema still takes the data.
fn variant(data: &Value, schema: &Schema, rng: &mut TestRng) -> Value {
    let mut kept = data.clone();
    for _ in 0..40 {
        let mut next = kept.clone();
        vary(&mut next, rng);
        if schema.check(&next).is_empty() {
            kept = next;
        }
    }
    kept
}

#[test]
fn whatever_the_service_takes_becomes_a_valid_message() {
    let Some((official, installed)) = shared::both() else {
        return;
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for package in packages::complete() {
        let schema = schema_of(&package);
        let format = format_of(&package, &installed);
        let inputs = packages::inputs(&package);
        let mut changed = 0_usize;
        for round in 0..VARIANTS {
            let (name, data) = &inputs[round % inputs.len()];
            let varied = variant(data, &schema, runner.rng());
            changed += usize::from(varied != *data);
            let one = packages::with_input(&package, &varied);
            let preview = one.preview(&format, &one.examples[0].name).unwrap();
            let about = || format!("{} with a variant of {name}: {varied:#}", package.name);
            assert_eq!(preview.findings, [], "{}", about());
            let message = message_of(preview);
            assert_eq!(refusal(&official, &message), None, "{}", about());
        }
        assert!(
            changed > VARIANTS / 2,
            "{}: hardly anything was varied",
            package.name
        );
    }
}
