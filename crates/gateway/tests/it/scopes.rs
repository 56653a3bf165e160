//! Who may call what: every route, every kind of client, every scope of both generations.

use std::fmt::Write as _;

use amtsbote_gateway::{Client, Clients, Right};
use amtsbote_jose::sha256_hex;
use amtsbote_model::DestinationId;
use axum::http::Method;
use serde_json::{Value, json};

use crate::bench::{
    Bench, ENCRYPTION_KEY, SECRET, SERVICE, SIGNING_KEY, destination_of, new_attachment, sealed,
    sealed_body, signed,
};

/// The destination that the scopes of v1 name.
const DESTINATION: &str = "3f8a1c52-0000-4000-8000-000000000001";
const V2: &str = "https://schema.fitko.de/fit-connect/oauth/scopes/";

/// Heading, client, scopes of its token.
fn callers() -> Vec<(&'static str, Option<(&'static str, String)>)> {
    let v2 = |slug: &str| format!("{V2}{slug}");
    let service = format!("send:region:DE06+send:service:{SERVICE}");
    let other = "send:region:DE06+send:service:urn:de:fim:leika:leistung:99000000000000";
    vec![
        ("none", None),
        ("idle", Some(("idle", String::new()))),
        ("send", Some(("sender", v2("send-submissions")))),
        ("send:DE06", Some(("sender", "send:region:DE06".into()))),
        ("send:DE09", Some(("sender", "send:region:DE09".into()))),
        ("+service", Some(("sender", service))),
        ("+other", Some(("sender", other.into()))),
        ("no-scope", Some(("sender", String::new()))),
        ("subscribe", Some(("owner", v2("subscribe-destinations")))),
        (
            "subscribe:id",
            Some(("owner", format!("subscribe:destination:{DESTINATION}"))),
        ),
        ("manage", Some(("owner", v2("manage-destinations")))),
        (
            "manage:id",
            Some(("owner", format!("manage:destination:{DESTINATION}"))),
        ),
        ("create", Some(("owner", "create:destination".into()))),
        (
            "stranger",
            Some((
                "stranger",
                format!("{V2}subscribe-destinations {V2}manage-destinations"),
            )),
        ),
    ]
}

fn clients() -> Clients {
    let client = |id: &str, rights: &[Right], scopes: &[String]| Client {
        id: id.parse().unwrap(),
        secret_sha256: sha256_hex(SECRET.as_bytes()),
        rights: rights.to_vec(),
        scopes: scopes
            .iter()
            .flat_map(|text| text.split_whitespace())
            .map(|scope| scope.parse().unwrap())
            .collect(),
    };
    let of = |name: &str| -> Vec<String> {
        let all = callers().into_iter().filter_map(|(_, caller)| caller);
        all.filter(|(client, _)| *client == name)
            .map(|(_, scopes)| scopes)
            .collect()
    };
    let owner = [Right::Subscribe, Right::Manage];
    Clients::new([
        client("idle", &[], &[]),
        client("sender", &[Right::Send], &of("sender")),
        client("owner", &owner, &of("owner")),
        client("stranger", &owner, &of("stranger")),
    ])
}

const ROUTES: [&str; 41] = [
    "POST /token",
    "GET /submission-api/.well-known/jwks.json",
    "GET /portal/.well-known/jwks.json",
    "GET /submission-api/v1/info",
    "GET /submission-api/v1/destinations",
    "POST /submission-api/v1/destinations",
    "GET /submission-api/v1/destinations/{destination}",
    "PUT /submission-api/v1/destinations/{destination}",
    "PATCH /submission-api/v1/destinations/{destination}",
    "DELETE /submission-api/v1/destinations/{destination}",
    "POST /submission-api/v1/destinations/{destination}/keys",
    "GET /submission-api/v1/destinations/{destination}/keys",
    "GET /submission-api/v1/destinations/{destination}/keys/{kid}",
    "GET /submission-api/v1/submissions",
    "POST /submission-api/v1/submissions",
    "GET /submission-api/v1/submissions/{submitted}",
    "PUT /submission-api/v1/submissions/{created}",
    "GET /submission-api/v1/submissions/{submitted}/attachments/{id}",
    "PUT /submission-api/v1/submissions/{created}/attachments/{id}",
    "GET /submission-api/v1/cases/{case}/events",
    "POST /submission-api/v1/cases/{case}/events",
    "GET /submission-api/v2/destinations",
    "POST /submission-api/v2/destinations",
    "GET /submission-api/v2/destinations/{destination}",
    "PATCH /submission-api/v2/destinations/{destination}",
    "GET /submission-api/v2/submissions/{submitted}/events",
    "GET /destination-api/v1/destinations",
    "POST /destination-api/v1/destinations",
    "GET /destination-api/v1/destinations/{destination}",
    "PATCH /destination-api/v1/destinations/{destination}",
    "GET /destination-api/v2/destinations",
    "POST /destination-api/v2/destinations",
    "GET /destination-api/v2/destinations/{destination}",
    "PUT /destination-api/v2/destinations/{destination}",
    "DELETE /destination-api/v2/destinations/{destination}",
    "POST /destination-api/v2/destinations/{destination}/keys",
    "GET /destination-api/v2/destinations/{destination}/keys",
    "GET /destination-api/v2/destinations/{destination}/keys/{kid}",
    "GET /routing-api/v1/routes",
    "GET /routing-api/v2/info",
    "GET /intake/v1/submissions/{submitted}",
];

#[tokio::test]
async fn every_route_knows_the_scopes_it_needs() {
    let callers = callers();
    let mut table = format!("{:<64}", "route");
    for (heading, _) in &callers {
        write!(table, " {heading:<12}").unwrap();
    }
    for route in ROUTES {
        let start = table.trim_end().len();
        table.truncate(start);
        write!(table, "\n{route:<64}").unwrap();
        for (_, caller) in &callers {
            write!(table, " {:<12}", status(route, caller.as_ref()).await).unwrap();
        }
    }
    insta::assert_snapshot!("scopes", table.trim_end());
}

/// Each in a box of its own, so that no call changes what the next one meets.
async fn status(route: &str, caller: Option<&(&'static str, String)>) -> u16 {
    let mut bench = Bench::of(|parts| parts.clients = clients()).await;
    bench.destination = DESTINATION.parse::<DestinationId>().unwrap();
    bench
        .put_destination(destination_of("owner", bench.destination))
        .await;
    let (method, path) = route.split_once(' ').unwrap();
    let id = new_attachment();
    let mut path = path
        .replace("{destination}", DESTINATION)
        .replace("{kid}", ENCRYPTION_KEY.kid())
        .replace("{id}", &id.to_string());
    let mut event = String::new();
    if route.contains("{submitted}") || route.contains("{case}") {
        let ids = bench.submitted("v1", &[id]).await;
        path = path
            .replace("{submitted}", &ids.submission)
            .replace("{case}", &ids.case);
        let problem = json!({ "type": "https://example.org/p", "title": "t", "detail": "d", "instance": "other" });
        let problems = json!({ "problems": [problem] });
        event = signed(&bench.claims(&ids, "reject-submission", problems));
    }
    if route.contains("{created}") {
        let ids = bench.announce("v1", &[id]).await;
        bench
            .upload(&ids, id, sealed(b"x", "application/pdf"))
            .await
            .expect(204);
        path = path.replace("{created}", &ids.submission);
    }
    if path.ends_with("/routes") {
        path += "?leikaKey=99012008001000&ars=066110000000";
    }
    let method: Method = method.parse().unwrap();
    let mut ask = bench.ask(method, &path);
    if let Some((client, scopes)) = caller {
        let bearer = bench.narrowed_bearer(client, scopes);
        ask = ask.header("authorization", &format!("Bearer {bearer}"));
    }
    let ask = match body(route, &bench) {
        Some(body) => ask.json(&body),
        None if route.contains("PUT") => ask.jose(sealed(b"x", "application/pdf")),
        None if route.contains("events") => ask.jose(event),
        None if route == "POST /token" => ask.form("grant_type=client_credentials"),
        None => ask,
    };
    ask.await.status.as_u16()
}

fn body(route: &str, bench: &Bench) -> Option<Value> {
    let description = json!({
        "contactInformation": { "legalName": "Stadt Kassel", "address": "a", "phone": "1", "email": "fit@example.org" },
        "services": [{
            "identifier": SERVICE,
            "submissionSchemas": [{ "schemaUri": "https://schema.example.org/a.json", "mimeType": "application/json" }],
            "regions": ["DE066110000000"],
        }],
        "encryptionKid": ENCRYPTION_KEY.kid(),
        "metadataVersions": ["2.1.0"],
        "status": "active",
    });
    let (method, path) = route.split_once(' ').unwrap();
    match method {
        "POST" if path.ends_with("/destinations") => {
            let mut body = description;
            body["encryptionPublicKey"] = ENCRYPTION_KEY.public().to_json();
            body["signingPublicKey"] = SIGNING_KEY.public().to_json();
            Some(body)
        }
        "PUT" if path.ends_with("{destination}") => Some(description),
        "PATCH" => Some(json!({ "status": "inactive" })),
        "POST" if path.ends_with("/keys") => Some(SIGNING_KEY.public().to_json()),
        "POST" if path.ends_with("/submissions") => Some(bench.announcement("v1", &[])),
        "PUT" if path.ends_with("{created}") => Some(sealed_body()),
        _ => None,
    }
}
