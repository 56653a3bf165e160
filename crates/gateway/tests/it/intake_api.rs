//! `openapi/intake.json` says what is true: its routes exist, its problems are the catalogue's, its answers are those that come.

use std::collections::BTreeSet;

use amtsbote_problem::Code;
use amtsbote_validate::json::{Schema, Strings};
use axum::http::Method;
use serde_json::{Value, json};

use crate::intake::{SUBMISSIONS, bench_of, dog, root, send};

fn document() -> Value {
    serde_json::from_slice(&std::fs::read(root().join("openapi/intake.json")).unwrap()).unwrap()
}

fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            found.push((method, path.clone(), operation.clone()));
        }
    }
    found
}

#[tokio::test]
async fn every_route_exists_and_wants_a_token() {
    let bench = bench_of(|_| ()).await;
    let document = document();
    let operations = operations(&document);
    assert_eq!(operations.len(), 3);
    for (method, path, _) in operations {
        let path = format!(
            "/intake/v1{}",
            path.replace("{submissionId}", &uuid::Uuid::nil().to_string())
        );
        bench.ask(method, &path).await.refuses(401, "token-missing");
    }
    bench
        .ask(Method::DELETE, SUBMISSIONS)
        .await
        .refuses(405, "method-not-allowed");
}

#[test]
fn every_problem_is_one_of_the_catalogue_with_its_status() {
    let document = document();
    let mut named = BTreeSet::new();
    for (_, path, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let codes = answer["x-problem-codes"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            assert_eq!(codes.is_empty(), status.starts_with('2'), "{path} {status}");
            for name in codes {
                let code = Code::ALL.iter().find(|code| name == code.entry().code);
                let code = code.unwrap_or_else(|| panic!("{name} is not in the catalogue"));
                assert_eq!(code.entry().status.to_string(), *status, "{name}");
                named.insert(code.entry().code);
            }
        }
    }
    assert!(named.len() > 20, "{named:?}");
}

fn schema(name: &str) -> Schema {
    let mut document = document();
    let schemas = document["components"]["schemas"].take();
    let text = json!({ "$ref": format!("#/components/schemas/{name}"), "components": { "schemas": schemas } });
    Schema::compile_with(text.to_string().as_bytes(), Strings::Any).unwrap()
}

#[tokio::test]
async fn answers_are_as_described() {
    let bench = bench_of(|_| ()).await;
    assert_eq!(schema("Submission").check(&dog()), []);
    let accepted = send(&bench, &dog()).await.json();
    assert_eq!(schema("Accepted").check(&accepted), []);
    let path = format!(
        "{SUBMISSIONS}/{}",
        accepted["submissionId"].as_str().unwrap()
    );
    let status = bench.get(&path).by("sender").await.json();
    assert_eq!(schema("Status").check(&status), []);
    let valid = bench
        .post("/intake/v1/validations")
        .by("sender")
        .json(&dog())
        .await
        .json();
    assert_eq!(schema("Valid").check(&valid), []);
    let refused = send(&bench, &json!({ "data": {} })).await;
    refused.refuses(422, "schema-violated");
    assert_eq!(schema("Problem").check(&refused.json()), []);
    // The check can fail.
    assert_ne!(schema("Accepted").check(&refused.json()), []);
}
