use amtsbote_model::submission;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::fields::summary;
use SchemaRule::{OptionalAny, RequiredCurrent};

/// The payload of a token the live test service wrote in 2022 (escaped slashes, payload schema 1.0.0).
const LIVE: &str = "eyJzdWIiOiJzdWJtaXNzaW9uOjVlODJjMTM1LWEzYjctNGViMC1iZDgzLTZkZjMzNzMzMTE3MCIsIiRzY2hlbWEiOiJodHRwczpcL1wvc2NoZW1hLmZpdGtvLmRlXC9maXQtY29ubmVjdFwvc2V0LXBheWxvYWRcLzEuMC4wXC9zZXQtcGF5bG9hZC5zY2hlbWEuanNvbiIsImlzcyI6Imh0dHBzOlwvXC9zdWJtaXNzaW9uLWFwaS10ZXN0aW5nLmZpdC1jb25uZWN0LmZpdGtvLmRldiIsInR4biI6ImNhc2U6YzlmMGRiOTEtOTM1NS00NTFhLWIyYTUtN2E5YmUxMGNlNzY1IiwiaWF0IjoxNjUxNjU2MTUxLCJqdGkiOiJjNmFhMzllZC00ZGRmLTRlMmEtYWY1Mi1iMWZmNzE4MDQ0NWYiLCJldmVudHMiOnsiaHR0cHM6XC9cL3NjaGVtYS5maXRrby5kZVwvZml0LWNvbm5lY3RcL2V2ZW50c1wvY3JlYXRlLXN1Ym1pc3Npb24iOnt9fX0";

#[test]
fn a_token_of_the_live_service_is_read_under_v1_and_refused_under_v2() {
    let bytes = URL_SAFE_NO_PAD.decode(LIVE).unwrap();
    let claims = Claims::parse(&bytes, OptionalAny).unwrap();
    assert_eq!(claims.kind, EventKind::CreateSubmission);
    assert!(
        matches!(&claims.issuer, Issuer::Service(url) if url.starts_with("https://submission-api-testing"))
    );
    assert_eq!(claims.issued_at.as_seconds(), 1_651_656_151);
    assert_eq!(
        summary(Claims::parse(&bytes, RequiredCurrent)),
        ["unsupported /$schema"]
    );
}

fn accept() -> Value {
    json!({
        "$schema": SetSchema::CURRENT.to_string(),
        "jti": "C6AA39ED-4DDF-4E2A-AF52-B1FF7180445F",
        "iss": "d12caea8-f372-4eb1-b102-b0a228253a11",
        "iat": 1_651_656_151,
        "sub": "submission:F39AB143-D91A-474A-B69F-B00F1A1873C2",
        "txn": "case:9eec7d3e-dc66-4f82-9f52-1520bf96a32e",
        "events": {"https://schema.fitko.de/fit-connect/events/accept-submission": {
            "authenticationTags": {
                "metadata": "XFBoMYUZodetZdvTiFvSkQ",
                "data": "UCGiqJxhBI3IFVdPalHHvA",
                "attachments": {"0b799252-deb9-42b0-98d3-c50d24bbafe0": "rT99rwrBTbTI7IJM8fU3El"},
            },
        }},
    })
}

fn check(change: impl FnOnce(&mut Value), rule: SchemaRule, expected: &[&str]) {
    let mut body = accept();
    change(&mut body);
    match Claims::parse(body.to_string().as_bytes(), rule) {
        Ok(claims) => {
            assert!(expected.is_empty(), "{body}");
            let printed = claims.body().to_string();
            assert_eq!(Claims::parse(printed.as_bytes(), rule), Ok(claims));
        }
        wrong => assert_eq!(summary(wrong), expected, "{body}"),
    }
}

fn event(slug: &str, payload: Value) -> impl FnOnce(&mut Value) {
    let uri = format!("https://schema.fitko.de/fit-connect/events/{slug}");
    move |body| body["events"] = json!({ uri: payload })
}

#[test]
fn tokens_of_subscribers_are_judged_by_version() {
    check(|_| {}, RequiredCurrent, &[]);
    check(|body| body["$schema"] = Value::Null, OptionalAny, &[]);
    check(
        |body| body["$schema"] = Value::Null,
        RequiredCurrent,
        &["required /$schema"],
    );
    check(event("accept-submission", json!({})), OptionalAny, &[]);
    let at = "/events/https:~1~1schema.fitko.de~1fit-connect~1events~1accept-submission/authenticationTags";
    check(
        event("accept-submission", json!({})),
        RequiredCurrent,
        &[&format!("required {at}")],
    );
}

#[test]
fn all_claims_are_judged_at_once() {
    let wrong = json!({
        "$schema": "https://schema.fitko.de/fit-connect/set-payload/2.0.0/set-payload.schema.json",
        "iss": "ftp://x", "iat": 1_577_833_199, "sub": "submission:1", "txn": "9eec7d3e-dc66-4f82-9f52-1520bf96a32e",
        "events": {"https://x.example/a": {}},
    });
    check(
        |body| *body = wrong,
        RequiredCurrent,
        &[
            "pattern /$schema",
            "required /jti",
            "pattern /iss",
            "minimum /iat",
            "pattern /sub",
            "pattern /txn",
            "unknown-event /events",
        ],
    );
}

#[test]
fn there_is_exactly_one_event_and_it_fits_its_subject() {
    check(
        |body| body["events"] = json!({}),
        OptionalAny,
        &["one-event /events"],
    );
    check(
        |body| body["events"] = json!({"a": {}, "b": {}}),
        OptionalAny,
        &["one-event /events"],
    );
    check(
        event("create-reply", json!({})),
        OptionalAny,
        &["subject /sub"],
    );
    let reply = "reply:f39ab143-d91a-474a-b69f-b00f1a1873c2";
    check(
        |body| body["sub"] = json!(reply),
        OptionalAny,
        &["subject /sub"],
    );
}

#[test]
fn rejections_carry_problems_and_notifications_their_type() {
    let problem = Violation::HashMismatch.problem(Part::Data, "SHA-512");
    let problems = json!({"problems": [problem]});
    check(event("reject-submission", problems), RequiredCurrent, &[]);
    let at = "/events/https:~1~1schema.fitko.de~1fit-connect~1events~1reject-submission/problems";
    check(
        event("reject-submission", json!({"problems": []})),
        RequiredCurrent,
        &[&format!("minItems {at}")],
    );
    check(
        event("notify-submission", json!({"notifyType": "polling"})),
        RequiredCurrent,
        &[],
    );
    let at = "/events/https:~1~1schema.fitko.de~1fit-connect~1events~1notify-submission/notifyType";
    check(
        event("notify-submission", json!({"notifyType": "mail"})),
        OptionalAny,
        &[&format!("enum {at}")],
    );
}

#[test]
fn every_claim_is_printed_in_order() {
    let claims = Claims::parse(accept().to_string().as_bytes(), RequiredCurrent).unwrap();
    insta::assert_json_snapshot!(claims.body(), @r#"
    {
      "$schema": "https://schema.fitko.de/fit-connect/set-payload/1.2.2/set-payload.schema.json",
      "jti": "c6aa39ed-4ddf-4e2a-af52-b1ff7180445f",
      "iss": "d12caea8-f372-4eb1-b102-b0a228253a11",
      "iat": 1651656151,
      "sub": "submission:f39ab143-d91a-474a-b69f-b00f1a1873c2",
      "txn": "case:9eec7d3e-dc66-4f82-9f52-1520bf96a32e",
      "events": {
        "https://schema.fitko.de/fit-connect/events/accept-submission": {
          "authenticationTags": {
            "metadata": "XFBoMYUZodetZdvTiFvSkQ",
            "data": "UCGiqJxhBI3IFVdPalHHvA",
            "attachments": {
              "0b799252-deb9-42b0-98d3-c50d24bbafe0": "rT99rwrBTbTI7IJM8fU3El"
            }
          }
        }
      }
    }
    "#);
}

#[test]
fn uris_are_read_back() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_uri(&kind.uri()), Some(*kind));
    }
    for event in submission::Event::ALL {
        assert_eq!(EventKind::from(event).submission_event(), Some(event));
        assert_eq!(EventKind::from(event).slug(), format!("{event}-submission"));
    }
    for violation in Violation::ALL {
        assert_eq!(Violation::from_uri(&violation.uri()), Some(*violation));
    }
}

#[test]
fn a_log_holds_compact_tokens() {
    let log = EventLog::parse(br#"{"eventLog":["a-b.c_d.e"]}"#).unwrap();
    assert_eq!(
        serde_json::to_string(&log).unwrap(),
        r#"{"count":1,"offset":0,"totalCount":1,"eventLog":["a-b.c_d.e"]}"#
    );
    let wrong = EventLog::parse(br#"{"eventLog":["a.b", "a.b.c.d", "a..c", 1]}"#);
    assert_eq!(
        summary(wrong),
        [
            "pattern /eventLog/0",
            "pattern /eventLog/1",
            "pattern /eventLog/2",
            "type /eventLog/3"
        ]
    );
}
