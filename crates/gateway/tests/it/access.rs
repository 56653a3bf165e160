//! Who may call what: every route of the Submission API, every kind of caller.

use std::fmt::Write as _;

use axum::http::Method;
use serde_json::json;

use crate::bench::{
    Ask, Bench, Ids, ReplyIds, new_attachment, problems, sealed, sealed_body, signed,
};

#[tokio::test]
async fn every_route_knows_its_callers() {
    let callers = [
        None,
        Some("idle"),
        Some("sender"),
        Some("other-sender"),
        Some("subscriber"),
        Some("other-subscriber"),
    ];
    let mut table = String::from(
        "route                                              none idle sender other-sender subscriber other-subscriber\n",
    );
    for route in ROUTES {
        write!(table, "{route:<50}").unwrap();
        for caller in callers {
            let status = status(route, caller).await;
            let width = caller.map_or(4, str::len);
            write!(table, " {status:<width$}").unwrap();
        }
        let line = table.trim_end().len();
        table.truncate(line);
        table.push('\n');
    }
    insta::assert_snapshot!("access", table);
}

const ROUTES: [&str; 28] = [
    "GET /v1/info",
    "GET /v2/info",
    "GET /.well-known/jwks.json",
    "GET /v2/submissions",
    "POST /v2/submissions",
    "GET /v2/submissions/{submitted}",
    "GET /v2/submissions/{created}",
    "PUT /v2/submissions/{created}",
    "GET /v2/submissions/{submitted}/attachments/{id}",
    "PUT /v2/submissions/{created}/attachments/{id}",
    "GET /v2/submissions/{submitted}/events",
    "GET /v2/cases/{submitted}/events",
    "POST /v2/cases/{submitted}/events",
    "GET /v1/cases/{submitted}/events",
    "GET /v2/cases",
    "GET /v1/cases",
    "GET /v2/cases/{submitted}",
    "GET /v2/replies",
    "POST /v2/replies",
    "GET /v2/replies/{announced}",
    "GET /v2/replies/{replied}",
    "PUT /v2/replies/{announced}",
    "GET /v2/replies/{replied}/attachments/{id}",
    "PUT /v2/replies/{announced}/attachments/{id}",
    "GET /v2/replies/{replied}/events",
    "PUT /v2/replies/{replied}/accept",
    "PUT /v2/replies/{replied}/reject",
    "GET /v1/replies/{replied}",
];

/// Each in a box of its own, so that no call changes what the next one meets.
async fn status(route: &str, caller: Option<&str>) -> u16 {
    let bench = Bench::new().await;
    let id = new_attachment();
    let (method, path) = route.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let wants = |what: &str| path.contains(what);
    let (mut submitted, mut created, mut reply) = (None, None, None);
    if path.contains("/replies") {
        submitted = Some(bench.submitted("v2", &[]).await);
        let of = submitted.as_ref().unwrap();
        if wants("{announced}") {
            let announced = bench.announce_reply(of, &[id]).await;
            if !wants("/attachments/") {
                bench.upload_to_reply(&announced, id).await.expect(204);
            }
            reply = Some(announced);
        } else if wants("{replied}") {
            reply = Some(bench.replied(of, &[id]).await);
        }
    }
    if wants("{submitted}") {
        submitted = Some(bench.submitted("v2", &[id]).await);
    }
    if wants("{created}") {
        created = Some(bench.announce("v2", &[id]).await);
    }
    if let Some(created) = created.as_ref().filter(|_| method == Method::PUT) {
        bench
            .upload(created, id, sealed(b"x", "application/pdf"))
            .await
            .expect(204);
    }
    let case = submitted
        .as_ref()
        .map(|ids| ids.case.clone())
        .unwrap_or_default();
    let path = path
        .replace("cases/{submitted}", &format!("cases/{case}"))
        .replace(
            "{submitted}",
            &submitted
                .as_ref()
                .map(|ids| ids.submission.clone())
                .unwrap_or_default(),
        )
        .replace(
            "{created}",
            &created.map(|ids| ids.submission).unwrap_or_default(),
        )
        .replace("{announced}", reply.as_ref().map_or("", |r| &r.reply))
        .replace("{replied}", reply.as_ref().map_or("", |r| &r.reply))
        .replace("{id}", &id.to_string());
    let ask = bench.ask(method.clone(), &format!("/submission-api{path}"));
    let ask = match caller {
        Some(client) => ask.by(client),
        None => ask,
    };
    let ask = filled(&bench, ask, (route, submitted.as_ref(), reply.as_ref())).await;
    ask.await.status.as_u16()
}

/// With a body that the route would take.
async fn filled<'b>(
    bench: &'b Bench,
    ask: Ask<'b>,
    (route, submitted, reply): (&str, Option<&Ids>, Option<&ReplyIds>),
) -> Ask<'b> {
    let (method, _) = route.split_once(' ').unwrap();
    match (method, route) {
        ("PUT", "PUT /v2/submissions/{created}" | "PUT /v2/replies/{announced}") => {
            ask.json(&sealed_body())
        }
        ("PUT", "PUT /v2/replies/{replied}/accept") => {
            ask.json(&bench.reply_tags(reply.unwrap()).await)
        }
        ("PUT", "PUT /v2/replies/{replied}/reject") => ask.json(&problems()),
        ("PUT", _) => ask.jose(sealed(b"x", "application/pdf")),
        ("POST", "POST /v2/submissions") => ask.json(&bench.announcement("v2", &[])),
        ("POST", "POST /v2/replies") => {
            let case = &submitted.unwrap().case;
            ask.json(&json!({ "caseId": case, "announcedAttachments": [] }))
        }
        ("POST", _) => {
            let ids = submitted.unwrap();
            ask.jose(signed(&bench.claims(ids, "reject-submission", problems())))
        }
        _ => ask,
    }
}

/// Every path below every API, each way of asking; what is not here needs a token.
const OPEN: [&str; 16] = [
    "GET /problems",
    "GET /problems/internal",
    "POST /token",
    "GET /submission-api/.well-known/jwks.json",
    "GET /submission-api/v1/info",
    "GET /submission-api/v2/info",
    "GET /portal/.well-known/jwks.json",
    "GET /submission-api/v1/destinations/{id}/keys/k",
    "GET /submission-api/v2/destinations/{id}/keys/k",
    "GET /submission-api/v2/destinations/{id}",
    "GET /destination-api/v2/destinations/{id}",
    "GET /destination-api/v2/destinations/{id}/keys",
    "GET /destination-api/v2/destinations/{id}/keys/k",
    "GET /routing-api/v2/routes",
    "GET /routing-api/v2/areas",
    "GET /routing-api/v2/info",
];

const CLOSED: [&str; 20] = [
    "GET /submission-api/v1/destinations/{id}",
    "GET /destination-api/v2/destinations",
    "POST /destination-api/v2/destinations",
    "GET /destination-api/v1/destinations/{id}",
    "PATCH /destination-api/v2/destinations/{id}",
    "PUT /destination-api/v2/destinations/{id}",
    "DELETE /destination-api/v2/destinations/{id}",
    "POST /destination-api/v2/destinations/{id}/keys",
    "POST /submission-api/v1/destinations",
    "POST /submission-api/v1/destinations/{id}/keys",
    "POST /intake/v1/submissions",
    "POST /intake/submissions",
    "GET /intake/v1/submissions/{id}",
    "POST /intake/v1/validations",
    "GET /log/v1/head",
    "GET /log/v1/blocks",
    "GET /log/v1/cases/{id}/events/{id}/proof",
    "GET /submission-api/v2/submissions",
    "PUT /submission-api/v2/submissions/{id}",
    "GET /submission-api/v2/cases/{id}/events",
];

#[tokio::test]
async fn without_a_token_nothing_else_is_answered() {
    let bench = Bench::new().await;
    for (routes, needs_token) in [(OPEN.as_slice(), false), (CLOSED.as_slice(), true)] {
        for route in routes {
            let (method, path) = route.split_once(' ').unwrap();
            let path = path.replace("{id}", "2b6f0cc9-0000-4000-8000-000000000000");
            let answer = bench.ask(method.parse().unwrap(), &path).await;
            let is_refused = answer.status == 401;
            assert_eq!(is_refused, needs_token, "{route}: {}", answer.status);
            assert_ne!(answer.status, 405, "{route}");
            assert_eq!(
                answer.header("x-content-type-options"),
                "nosniff",
                "{route}"
            );
        }
    }
}
