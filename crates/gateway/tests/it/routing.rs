//! The routing service.

use amtsbote_fit_connect::routing::Addressing;
use amtsbote_gateway::{Area, Context, Parts, RoutingSettings, router};
use amtsbote_jose::{Jws, KeySet, KeyUse, X5c};
use amtsbote_model::{DestinationId, DestinationStatus};
use amtsbote_validate::service::Catalogue;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::bench::{Answer, Bench, SERVICE, SERVICE_KEY, destination_of};

const KEY: &str = "99012008001000";

fn routes(place: &str) -> String {
    format!("/routing-api/v2/routes?leikaKey={KEY}&{place}")
}

/// Adds a destination for these regions; its name tells them.
async fn offer(bench: &Bench, regions: &[&str]) -> DestinationId {
    let id = DestinationId::from_uuid(Uuid::new_v4());
    let mut destination = destination_of("subscriber", id);
    destination.name = regions.join(" ");
    destination.services[0].regions = regions
        .iter()
        .map(|region| region.parse().unwrap())
        .collect();
    bench.put_destination(destination).await;
    id
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.expect(200).json();
    let routes = body["routes"].as_array().unwrap();
    routes
        .iter()
        .map(|route| route["destinationName"].as_str().unwrap().to_owned())
        .collect()
}

async fn portal_keys(bench: &Bench) -> KeySet {
    let keys = bench.get("/portal/.well-known/jwks.json").await;
    KeySet::parse(keys.expect(200).text(), KeyUse::Signature, X5c::Optional).unwrap()
}

#[tokio::test]
async fn a_route_carries_addresses_signed_by_the_portal() {
    let bench = Bench::new().await;
    let answer = bench.get(&routes("ars=066110000000")).await;
    let body = answer.expect(200).json();
    assert_eq!(
        [&body["count"], &body["offset"], &body["totalCount"]],
        [1, 0, 1]
    );
    let route = &body["routes"][0];
    assert_eq!(route["destinationId"], bench.destination.to_string());
    let token = route["destinationSignature"].as_str().unwrap();
    let jws = Jws::parse(token, 100_000).unwrap();
    assert_eq!(jws.header().typ(), Some("jwt"));
    let keys = portal_keys(&bench).await;
    let payload = jws.verify(keys.find(jws.header().kid()).unwrap()).unwrap();
    let said = Addressing::parse(payload).unwrap();
    assert_eq!(said.submission_host, "amtsbote.example.de");
    assert_eq!(said.issuer, "https://amtsbote.example.de/portal");
    assert_eq!(said.destination_id, bench.destination);
    assert!(said.covers(&SERVICE.parse().unwrap(), &"066110000000".parse().unwrap()));
    assert!(!said.covers(&SERVICE.parse().unwrap(), &"064140000000".parse().unwrap()));
}

#[tokio::test]
async fn version_1_tells_parameters_signed_byte_for_byte_by_the_delivery_service() {
    let bench = Bench::new().await;
    let channels = r#"{"fink": {}, "eMail": {"usePgp": true}}"#;
    bench
        .change_destination(|found| found.reply_channels = Some(channels.into()))
        .await;
    let asked = format!("/routing-api/v1/routes?leikaKey={KEY}&ars=066110000000");
    let answer = bench.get(&asked).await;
    let body = answer.expect(200).text();
    // The member as it stands in the body.
    let (_, from) = body.split_once(r#""destinationParameters":"#).unwrap();
    let (payload, _) = from
        .split_once(r#","destinationParametersSignature""#)
        .unwrap();
    let route = answer.json()["routes"][0].clone();
    let signature = route["destinationParametersSignature"].as_str().unwrap();
    let verify = |payload: &str| {
        let token = signature.replace("..", &format!(".{}.", URL_SAFE_NO_PAD.encode(payload)));
        let jws = Jws::parse(&token, 100_000).unwrap();
        assert_eq!(jws.header().typ(), Some("JOSE"));
        assert_eq!(jws.header().kid(), SERVICE_KEY.kid());
        jws.verify(SERVICE_KEY.public()).is_ok()
    };
    assert!(verify(payload));
    assert!(!verify(&payload.replace("active", "inactive")));
    // Who reads it into sorted maps and writes it again gets the same bytes.
    let said = &route["destinationParameters"];
    assert!(verify(&rewritten(said)));
    assert_eq!(said["status"], "active");
    assert_eq!(said["replyChannels"]["eMail"]["usePgp"], true);
    assert_eq!(said["publicKeys"]["keys"][0]["kid"], said["encryptionKid"]);
    assert_eq!(said["publicKeys"]["keys"].as_array().unwrap().len(), 1);
    assert!(said["metadataVersions"][0].is_string());
    assert!(said["submissionSchemas"][0]["schemaUri"].is_string());

    // Made once; and version 2 has none of it.
    let again = bench.get(&asked).await.json();
    assert_eq!(again["routes"][0], route);
    let newer = bench.get(&routes("ars=066110000000")).await.json();
    assert_eq!(newer["routes"][0]["destinationParameters"], Value::Null);
    bench
        .change_destination(|found| found.metadata_versions = vec!["2.2.0".into()])
        .await;
    let changed = bench.get(&asked).await.json();
    assert_ne!(
        changed["routes"][0]["destinationParametersSignature"],
        signature
    );
}

fn rewritten(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: std::collections::BTreeMap<_, _> = members.iter().collect();
            let members = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{}", json!(name), rewritten(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(entries) => {
            let entries: Vec<_> = entries.iter().map(rewritten).collect();
            format!("[{}]", entries.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[tokio::test]
async fn a_signature_is_made_once_until_what_it_says_changes() {
    let bench = Bench::new().await;
    let signature = async || {
        let body = bench.get(&routes("ars=066110000000")).await.json();
        body["routes"][0]["destinationSignature"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = signature().await;
    bench
        .change_destination(|destination| destination.name = "Kassel, documenta-Stadt".into())
        .await;
    assert_eq!(signature().await, first);
    bench
        .change_destination(|destination| {
            destination.services[0]
                .regions
                .push("DE06".parse().unwrap());
        })
        .await;
    assert_ne!(signature().await, first);
}

#[tokio::test]
async fn the_most_precise_destination_comes_first() {
    let bench = Bench::new().await;
    offer(&bench, &["DE"]).await;
    offer(&bench, &["DE06", "DE064360005005"]).await;
    offer(&bench, &["DE064360000000"]).await;
    let found = bench.get(&routes("ars=064360005005")).await;
    assert_eq!(
        names(&found),
        ["DE06 DE064360005005", "DE064360000000", "DE"]
    );
    let second = bench
        .get(&routes("ars=064360005005&offset=1&limit=1"))
        .await;
    assert_eq!(names(&second), ["DE064360000000"]);
    assert_eq!(second.json()["totalCount"], 3);
    assert_eq!(names(&bench.get(&routes("ars=09162")).await), ["DE"]);
}

#[tokio::test]
async fn a_place_is_named_by_regional_key_municipality_key_or_area() {
    let bench = Bench::new().await;
    offer(&bench, &["DE064360005005"]).await;
    for place in ["ars=064360005005", "ags=06436005", "areaId=064360005005"] {
        assert_eq!(
            names(&bench.get(&routes(place)).await),
            ["DE064360005005"],
            "{place}"
        );
    }
    for elsewhere in ["ags=06436006", "areaId=1024", "ars=064140000000"] {
        assert_eq!(
            names(&bench.get(&routes(elsewhere)).await),
            [""; 0],
            "{elsewhere}"
        );
    }
}

#[tokio::test]
async fn only_active_destinations_are_routed_to() {
    let bench = Bench::new().await;
    for status in [
        DestinationStatus::Created,
        DestinationStatus::Inactive,
        DestinationStatus::Decommissioned,
    ] {
        bench
            .change_destination(|destination| destination.status = status)
            .await;
        assert_eq!(
            names(&bench.get(&routes("ars=066110000000")).await),
            [""; 0],
            "{status}"
        );
    }
}

#[tokio::test]
async fn malformed_queries_are_refused_with_all_findings() {
    let bench = Bench::new().await;
    let answer = bench
        .get("/routing-api/v1/routes?leikaKey=1&ars=1&limit=0")
        .await;
    answer.refuses(400, "malformed-parameter");
    assert_eq!(
        answer.findings(),
        ["pattern ars", "maximum limit", "pattern leikaKey"]
    );
    let both = bench.get(&routes("ars=06&ags=06")).await;
    assert_eq!(
        both.refuses(400, "malformed-parameter").findings(),
        ["oneOf ars"]
    );
    for query in [
        "",
        "?areaSearchexpression=a",
        "?areaSearchexpression=*",
        "?areaSearchexpression=ab*c",
    ] {
        bench
            .get(&format!("/routing-api/v1/areas{query}"))
            .await
            .refuses(400, "malformed-parameter");
    }
}

#[tokio::test]
async fn every_answer_tells_the_limit_and_one_too_many_waits_for_the_next_minute() {
    let bench = Bench::new().await;
    let answer = bench.get("/routing-api/v1/info").await;
    assert_eq!(
        answer.expect(200).json(),
        json!({ "version": { "major": 2, "minor": 0, "patch": 0 } })
    );
    let told = |answer: &Answer| {
        ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
            .map(|name| answer.header(name).to_owned())
    };
    assert_eq!(told(&answer), ["", "", ""], "info is not counted");
    bench.get(&routes("ars=06")).await.expect(200);
    bench.clock.turn(std::time::Duration::from_secs(20));
    let refused = bench.get("/routing-api/v2/areas").await;
    assert_eq!(told(refused.expect(400)), ["6000", "5998", "40"]);
    for _ in 0..5998 {
        bench.get("/routing-api/v2/areas").await.expect(400);
    }
    let late = bench.get(&routes("ars=06")).await;
    late.refuses(429, "too-many-requests");
    assert_eq!(told(&late), ["6000", "0", "40"]);
    assert_eq!(late.header("retry-after"), "40");
    bench.get("/routing-api/v1/info").await.expect(200);
    bench.clock.turn(std::time::Duration::from_secs(40));
    bench.get(&routes("ars=06")).await.expect(200);
}

async fn areas(bench: &Bench, query: &str) -> Value {
    let area = |ars: &str, name: &str, kind: &str| Area {
        ars: ars.parse().unwrap(),
        name: name.into(),
        kind: kind.into(),
        postal_codes: vec![],
    };
    let routing = RoutingSettings {
        areas: vec![
            area("064140000000", "Wiesbaden", "Kreisfreie Stadt"),
            area("064360005005", "Hattersheim am Main", "Stadt"),
            area("064390000000", "Rheingau-Taunus-Kreis", "Landkreis"),
        ],
        ..RoutingSettings::default()
    };
    let context = &bench.context;
    let parts = Parts {
        addresses: context.addresses().clone(),
        identity: context.identity().clone(),
        clients: context.clients().clone(),
        services: std::sync::Arc::new(Catalogue::new(Vec::new()).unwrap()),
        store: bench.store.clone(),
        chain: None,
        blobs: bench.blobs.clone(),
        clock: bench.clock.clone(),
        crypto: context.crypto().clone(),
        limits: *context.limits(),
        certificates: context.certificates().clone(),
    };
    let request = Request::get(format!("/routing-api/v2/areas?{query}"))
        .body(Body::empty())
        .unwrap();
    let response = router(Context::with_routing(parts, routing))
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn areas_are_found_by_words_and_stars() {
    let bench = Bench::new().await;
    let found = areas(&bench, "areaSearchexpression=wies*").await;
    assert_eq!(
        found,
        json!({ "count": 1, "offset": 0, "totalCount": 1,
            "areas": [{ "id": "064140000000", "name": "Wiesbaden", "type": "Kreisfreie Stadt" }] })
    );
    for (query, total) in [
        ("areaSearchexpression=*ei*", 2),
        ("areaSearchexpression=*ei*&areaSearchexpression=am+Main", 1),
        ("areaSearchexpression=*ei*&offset=1", 2),
        ("areaSearchexpression=Kassel", 0),
    ] {
        assert_eq!(areas(&bench, query).await["totalCount"], total, "{query}");
    }
}
