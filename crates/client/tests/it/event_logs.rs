//! Event logs: fetched in pages, believed only when verified.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use amtsbote_client::Fault;
use amtsbote_client::verify::{self, Expected, Keys, NamedKeys};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{KeySet, KeyUse, PrivateKey, X5c, sign};
use amtsbote_model::submission::{Event, State};
use serde_json::{Value, json};

use super::stage::{ATTACHMENT, CASE, DESTINATION, NOW_S, SUBMISSION, Say, Stage};

pub(crate) static SERVICE_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::generate(KeyUse::Signature, "service-key").unwrap());
pub(crate) static DESTINATION_KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::generate(KeyUse::Signature, "destination-key").unwrap());

const SERVICE: &str = "https://service.example/submission-api";

fn ids() -> SubmissionRef {
    SubmissionRef {
        destination_id: DESTINATION.parse().unwrap(),
        submission_id: SUBMISSION.parse().unwrap(),
        case_id: CASE.parse().unwrap(),
    }
}

fn tags(metadata: &str) -> Value {
    json!({"authenticationTags": {
        "metadata": metadata, "data": "BBBBBBBBBBBBBBBBBBBBBB", "attachments": {ATTACHMENT: "CCCCCCCCCCCCCCCCCCCCCC"},
    }})
}

/// The payload of one event; `number` makes its `jti`.
fn claims(number: u32, issuer: &str, event: &str, payload: &Value) -> Value {
    json!({
        "$schema": "https://schema.fitko.de/fit-connect/set-payload/1.2.2/set-payload.schema.json",
        "jti": format!("00000000-0000-4000-8000-{number:012}"),
        "iss": issuer,
        "iat": NOW_S,
        "sub": format!("submission:{SUBMISSION}"),
        "txn": format!("case:{CASE}"),
        "events": {format!("https://schema.fitko.de/fit-connect/events/{event}"): payload},
    })
}

fn signed(claims: &Value, key: &PrivateKey) -> String {
    sign(claims.to_string().as_bytes(), key, "secevent+jwt").unwrap()
}

fn by_service(number: u32, event: &str, payload: &Value) -> String {
    by_service_at(SERVICE, number, event, payload)
}

fn by_service_at(base: &str, number: u32, event: &str, payload: &Value) -> String {
    signed(&claims(number, base, event, payload), &SERVICE_KEY)
}

fn by_destination(number: u32, event: &str, payload: &Value) -> String {
    signed(
        &claims(number, DESTINATION, event, payload),
        &DESTINATION_KEY,
    )
}

fn created() -> String {
    by_service(1, "create-submission", &json!({}))
}

fn submitted() -> String {
    by_service(2, "submit-submission", &tags("AAAAAAAAAAAAAAAAAAAAAA"))
}

fn accepted() -> String {
    by_destination(4, "accept-submission", &tags("AAAAAAAAAAAAAAAAAAAAAA"))
}

fn keys() -> Keys {
    Keys {
        service: KeySet::new(vec![SERVICE_KEY.public().clone()]),
        destination: KeySet::new(vec![DESTINATION_KEY.public().clone()]),
    }
}

/// `Ok(state)` or the rules and places of the findings.
fn check(log: &[String], expected: Result<State, &[&str]>) {
    let answer = verify::log(
        log,
        &Expected {
            service: SERVICE,
            ids: ids(),
        },
        &keys(),
    );
    let found = answer.map(|log| log.state()).map_err(|findings| {
        findings
            .iter()
            .map(|f| format!("{} {}", f.rule, f.at.trim_start_matches("/eventLog")))
            .collect::<Vec<_>>()
    });
    let expected = expected.map_err(|rules| {
        rules
            .iter()
            .map(|rule| (*rule).to_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(found, expected);
}

#[test]
fn a_whole_life_is_believed() {
    let notified = by_service(3, "notify-submission", &json!({"notifyType": "polling"}));
    let deleted = by_service(5, "delete-submission", &json!({}));
    let log = [created(), submitted(), notified, accepted(), deleted];
    for (length, state) in [
        State::Created,
        State::Submitted,
        State::Submitted,
        State::Accepted,
        State::Deleted,
    ]
    .into_iter()
    .enumerate()
    {
        check(&log[..=length], Ok(state));
    }
    let verified = verify::log(
        &log,
        &Expected {
            service: SERVICE,
            ids: ids(),
        },
        &keys(),
    )
    .unwrap();
    assert_eq!(verified.tags().unwrap().metadata, "AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(verified.events()[3].event, Event::Accept);
    assert_eq!(verified.events()[3].token, log[3]);
}

#[test]
fn a_slash_at_the_end_of_the_issuer_makes_no_difference() {
    let created = by_service_at(&format!("{SERVICE}/"), 1, "create-submission", &json!({}));
    check(&[created], Ok(State::Created));
}

#[test]
fn events_of_other_submissions_and_replies_are_passed_over() {
    let mut other = claims(9, SERVICE, "create-submission", &json!({}));
    other["sub"] = json!(format!("submission:{CASE}"));
    let mut reply = claims(8, SERVICE, "create-reply", &json!({}));
    reply["sub"] = json!(format!("reply:{CASE}"));
    let (other, reply) = (signed(&other, &SERVICE_KEY), signed(&reply, &SERVICE_KEY));
    check(
        &[created(), other.clone(), reply, submitted()],
        Ok(State::Submitted),
    );
    check(&[other], Err(&["set-missing "]));
    check(&[], Err(&["set-missing "]));
}

#[test]
fn order_and_number_of_events_are_checked() {
    check(&[submitted()], Err(&["set-order /0"]));
    check(
        &[created(), accepted()],
        Err(&["set-order /1", "set-tags /1"]),
    );
    check(
        &[created(), submitted(), submitted()],
        Err(&["set-repeated /2"]),
    );
    let second = by_service(7, "submit-submission", &tags("AAAAAAAAAAAAAAAAAAAAAA"));
    check(&[created(), submitted(), second], Err(&["set-order /2"]));
}

#[test]
fn issuers_send_only_what_is_theirs() {
    let accept_by_service = by_service(4, "accept-submission", &tags("AAAAAAAAAAAAAAAAAAAAAA"));
    check(
        &[created(), submitted(), accept_by_service],
        Err(&["set-pairing /2"]),
    );
    let create_by_destination = by_destination(1, "create-submission", &json!({}));
    check(&[create_by_destination], Err(&["set-pairing /0"]));
    let foreign = by_service_at("https://other.example", 1, "create-submission", &json!({}));
    check(&[foreign], Err(&["set-issuer /0"]));
    let stranger = signed(
        &claims(
            4,
            CASE,
            "accept-submission",
            &tags("AAAAAAAAAAAAAAAAAAAAAA"),
        ),
        &DESTINATION_KEY,
    );
    check(&[created(), submitted(), stranger], Err(&["set-issuer /2"]));
}

#[test]
fn keys_of_one_side_do_not_sign_for_the_other() {
    let forged = signed(
        &claims(1, SERVICE, "create-submission", &json!({})),
        &DESTINATION_KEY,
    );
    check(&[forged], Err(&["set-key /0"]));
    let forged = signed(
        &claims(
            4,
            DESTINATION,
            "accept-submission",
            &tags("AAAAAAAAAAAAAAAAAAAAAA"),
        ),
        &SERVICE_KEY,
    );
    check(&[created(), submitted(), forged], Err(&["set-key /2"]));
}

#[test]
fn a_signature_holds_for_its_own_content_only() {
    let (one, two) = (created(), submitted());
    let (_, signature) = one.rsplit_once('.').unwrap();
    let (content, _) = two.rsplit_once('.').unwrap();
    check(
        &[created(), format!("{content}.{signature}")],
        Err(&["set-signature /1"]),
    );
}

#[test]
fn tokens_of_another_kind_are_refused() {
    let plain = sign(
        claims(1, SERVICE, "create-submission", &json!({}))
            .to_string()
            .as_bytes(),
        &SERVICE_KEY,
        "jwt",
    )
    .unwrap();
    check(&[plain], Err(&["set-typ /0"]));
    check(&["a.b.c".to_owned()], Err(&["set-form /0"]));
    let mut incomplete = claims(1, SERVICE, "create-submission", &json!({}));
    incomplete.as_object_mut().unwrap().remove("jti");
    check(
        &[signed(&incomplete, &SERVICE_KEY)],
        Err(&["set-claims /0"]),
    );
    let mut elsewhere = claims(1, SERVICE, "create-submission", &json!({}));
    elsewhere["txn"] = json!(format!("case:{SUBMISSION}"));
    check(&[signed(&elsewhere, &SERVICE_KEY)], Err(&["set-case /0"]));
}

#[test]
fn a_log_with_too_many_events_of_one_submission_is_left() {
    let notify = |number| {
        by_service(
            number,
            "notify-submission",
            &json!({"notifyType": "polling"}),
        )
    };
    let mut log = vec![created(), submitted()];
    log.extend((10..72).map(notify));
    assert_eq!(log.len(), 64);
    check(&log, Ok(State::Submitted));
    log.extend([notify(80), notify(81)]);
    check(&log, Err(&["set-too-many /64"]));
}

#[test]
fn an_event_of_the_public_service_is_believed() {
    let (Some(vectors), Some(jwks)) = (
        shared("test-vectors.json"),
        shared("delivery-service-testing-jwks-2022.json"),
    ) else {
        return;
    };
    let vectors: Value = serde_json::from_str(&vectors).unwrap();
    let token = vectors["securityEventToken"][0]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let keys = Keys {
        service: KeySet::parse(&jwks, KeyUse::Signature, X5c::Optional).unwrap(),
        ..Keys::default()
    };
    let ids = SubmissionRef {
        destination_id: DESTINATION.parse().unwrap(),
        submission_id: "5e82c135-a3b7-4eb0-bd83-6df337331170".parse().unwrap(),
        case_id: "c9f0db91-9355-451a-b2a5-7a9be10ce765".parse().unwrap(),
    };
    let service = "https://submission-api-testing.fit-connect.fitko.dev";
    let log = verify::log(&[token], &Expected { service, ids }, &keys).unwrap();
    assert_eq!(log.state(), State::Created);
}

/// A file of the reference beside the checkout, or `None` (said aloud) if it is not there; in CI it must be.
fn shared(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find their data by environment"
    )]
    let (base, ci) = (std::env::var_os("AMTSBOTE_SHARED"), std::env::var("CI"));
    let base = base.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = base.join("reference/fit-connect").join(name);
    let text = std::fs::read_to_string(&path).ok();
    assert!(
        text.is_some() || ci.as_deref() != Ok("true"),
        "{} is missing and CI must have it",
        path.display()
    );
    if text.is_none() {
        eprintln!(
            "skipped: {} is missing; set AMTSBOTE_SHARED",
            path.display()
        );
    }
    text
}

#[test]
fn acceptance_must_name_the_tags_of_the_submission() {
    let other = by_destination(4, "accept-submission", &tags("DDDDDDDDDDDDDDDDDDDDDD"));
    check(&[created(), submitted(), other], Err(&["set-tags /2"]));
}

#[test]
fn the_keys_a_log_names_are_collected_by_side() {
    let named = verify::named_keys(&[created(), "x".to_owned(), submitted(), accepted()]);
    let one = |kid: &str| [kid.to_owned()].into();
    assert_eq!(
        named,
        NamedKeys {
            service: one("service-key"),
            destination: one("destination-key")
        }
    );
}

#[tokio::test]
async fn a_log_is_fetched_with_its_keys_and_verified() {
    let page = |tokens: &[String], total: usize| {
        Say::json(
            200,
            &json!({"count": tokens.len(), "offset": 0, "totalCount": total, "eventLog": tokens}),
        )
    };
    let jwks = || Say::json(200, &json!({"keys": [SERVICE_KEY.public().to_json()]}));
    let key = || Say::json(200, &DESTINATION_KEY.public().to_json());
    for (key, expected) in [
        (key(), Ok(State::Accepted)),
        (Say::empty(404), Err("set-key")),
    ] {
        let stage = Stage::play([
            page(&[created(), submitted()], 3),
            page(&[accepted()], 3),
            jwks(),
            key,
        ])
        .await;
        let session = stage.session_issued_by(ApiVersion::V2, SERVICE);
        let answer = session.verified_log(ids()).await.unwrap();
        let answer = answer
            .map(|log| log.state())
            .map_err(|findings| findings[0].rule.clone());
        assert_eq!(answer, expected.map_err(str::to_owned));
        assert_eq!(
            stage.lines(),
            [
                format!("GET /submission-api/v2/cases/{CASE}/events?offset=0&limit=500"),
                format!("GET /submission-api/v2/cases/{CASE}/events?offset=2&limit=500"),
                "GET /submission-api/.well-known/jwks.json".to_owned(),
                format!("GET /submission-api/v2/destinations/{DESTINATION}/keys/destination-key"),
            ]
        );
    }
}

#[tokio::test]
async fn a_log_without_end_is_left() {
    let page = || {
        Say::json(
            200,
            &json!({"totalCount": 2_000_000_000, "eventLog": vec!["a.b.c"; 500]}),
        )
    };
    let stage = Stage::play((0..30).map(|_| page())).await;
    let fault = stage
        .session(ApiVersion::V1)
        .event_log(CASE.parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(fault, Fault::Malformed { .. }), "{fault:?}");
    assert_eq!(stage.lines().len(), 21);
}

#[tokio::test]
async fn an_unavailable_key_is_a_fault_and_no_finding() {
    let log = json!({"eventLog": [created(), submitted(), accepted()]});
    let jwks = Say::json(200, &json!({"keys": [SERVICE_KEY.public().to_json()]}));
    let stage = Stage::play([Say::json(200, &log), jwks, Say::empty(503)]).await;
    let fault = stage
        .session_issued_by(ApiVersion::V1, SERVICE)
        .verified_log(ids())
        .await
        .unwrap_err();
    assert!(matches!(fault, Fault::Unavailable { .. }), "{fault:?}");
}
