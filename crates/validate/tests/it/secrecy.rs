//! No finding holds a value of the document: neither in its JSON nor in the text for people.

use std::sync::LazyLock;

use amtsbote_problem::{Language, report};
use amtsbote_validate::json::{Limits, parse};
use amtsbote_validate::service::Service;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Replaces leaf number `at` and counts on.
fn replace(value: &mut Value, at: &mut usize, mark: &Value) -> bool {
    match value {
        Value::Object(members) => members.values_mut().any(|member| replace(member, at, mark)),
        Value::Array(items) => items.iter_mut().any(|item| replace(item, at, mark)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            if *at == 0 {
                *value = mark.clone();
                return true;
            }
            *at -= 1;
            false
        }
    }
}

// Marks of every kind, each with a run of characters that no schema and no text of ours has.
fn mark() -> impl Strategy<Value = (Value, String)> {
    let run = "Qx[0-9]{9}Zq";
    prop_oneof![
        run.prop_map(|run| (json!(run), run)),
        run.prop_map(|run| (json!(format!("{run}@x\u{416}\n")), run)),
        run.prop_map(|run| (json!([[run.clone()], {"a": run}]), run)),
        run.prop_map(|run| (json!({"a": run.clone(), "b": [run]}), run)),
        (987_654_321_000_i64..987_654_321_999).prop_map(|n| (json!(n), n.to_string())),
        (987_654_321_000_i64..987_654_321_999).prop_map(|n| (json!([-n]), n.to_string())),
    ]
}

proptest! {
    #[test]
    fn no_finding_holds_a_value_of_the_document(
        service in 0_usize..100, example in 0_usize..20, leaf in 0_usize..60, (value, run) in mark()
    ) {
        static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(crate::services::all);
        let service = &SERVICES[service % SERVICES.len()];
        let example = &service.examples()[example % service.examples().len()];
        let mut data = parse(service.example(&example.file).unwrap(), Limits::default()).unwrap();
        if replace(&mut data, &mut leaf.clone(), &value) {
            let findings = service.check(&data);
            let sections = service.schema().sections();
            let mut told = serde_json::to_string(&findings).unwrap();
            told += &report::text(&findings, &sections, Language::German);
            told += &report::text(&findings, &sections, Language::English);
            prop_assert!(!told.contains(&run), "{run} is told");
        }
    }
}
