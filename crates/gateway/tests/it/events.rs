//! The event log, and events that subscribers send.

use amtsbote_jose::sign;
use amtsbote_model::submission::State;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{
    Bench, ENCRYPTION_KEY, FORGED_KEY, Ids, SIGNING_KEY, base64, new_attachment, signed,
};

fn problems() -> Value {
    json!({ "problems": [{
        "type": "https://schema.fitko.de/fit-connect/events/problems/schema-violation",
        "title": "Schemafehler", "detail": "d", "instance": "data",
    }] })
}

async fn untouched(bench: &Bench, ids: &Ids) {
    assert_eq!(bench.stored(ids).await.state, State::Submitted);
    assert_eq!(
        bench.log(ids).await,
        ["create-submission", "submit-submission"]
    );
}

#[tokio::test]
async fn a_subscriber_accepts_rejects_or_forwards() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[new_attachment()]).await;
    bench.accept(&ids).await.expect(204);
    assert_eq!(bench.stored(&ids).await.state, State::Accepted);

    let ids = bench.submitted("v2", &[]).await;
    bench
        .send_event(
            &ids,
            signed(&bench.claims(&ids, "reject-submission", problems())),
        )
        .await
        .expect(204);
    assert_eq!(bench.stored(&ids).await.state, State::Rejected);

    let ids = bench.submitted("v1", &[]).await;
    bench
        .send_event(
            &ids,
            signed(&bench.claims(&ids, "forward-submission", json!({}))),
        )
        .await
        .expect(204);
    assert_eq!(bench.stored(&ids).await.state, State::Forwarded);
    bench.get(&ids.path()).by("subscriber").await.expect(200);
    bench.accept(&ids).await.expect(204);

    let ids = bench.submitted("v2", &[]).await;
    let answer = bench
        .send_event(
            &ids,
            signed(&bench.claims(&ids, "forward-submission", json!({}))),
        )
        .await;
    answer.refuses(422, "event-malformed");
    untouched(&bench, &ids).await;
}

#[tokio::test]
async fn what_is_no_token_is_a_malformed_request() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    for text in ["", "x", "a.b", "a.b.c.d", "ä.b.c", "e30.e30"] {
        bench
            .send_event(&ids, text.to_owned())
            .await
            .refuses(400, "malformed-request");
    }
    bench
        .send_event(&ids, "x".repeat(300_000))
        .await
        .refuses(400, "malformed-request");
    // 415 is no answer of this route.
    let token = signed(&bench.claims(&ids, "reject-submission", problems()));
    let post = bench.post(&ids.case_events()).by("subscriber");
    post.body("application/json", token)
        .await
        .refuses(400, "malformed-request");
    untouched(&bench, &ids).await;
}

#[tokio::test]
async fn a_forged_token_changes_nothing() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let claims = bench.claims(&ids, "reject-submission", problems());
    let payload = claims.to_string();
    let token = signed(&claims);
    let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let head = |header: Value| {
        format!(
            "{}.{body}.{signature}",
            base64(header.to_string().as_bytes())
        )
    };
    let mut other = claims.clone();
    other["jti"] = json!(Uuid::new_v4().to_string());
    let swapped = format!(
        "{header}.{}.{signature}",
        base64(other.to_string().as_bytes())
    );
    for (token, findings) in [
        (
            sign(payload.as_bytes(), &FORGED_KEY, "secevent+jwt").unwrap(),
            vec!["signature "],
        ),
        (swapped, vec!["signature "]),
        (
            sign(payload.as_bytes(), &SIGNING_KEY, "jwt").unwrap(),
            vec!["const typ"],
        ),
        (
            head(json!({"alg": "none", "typ": "secevent+jwt", "kid": "destination-verify"})),
            vec!["jws-header alg"],
        ),
        (
            head(json!({"alg": "RS256", "typ": "secevent+jwt", "kid": "destination-verify"})),
            vec!["jws-header alg"],
        ),
        (
            head(json!({"alg": "PS512", "typ": "secevent+jwt"})),
            vec!["jws-header kid"],
        ),
        (
            head(json!({"alg": "PS512", "typ": "secevent+jwt", "kid": "nobodys-key"})),
            vec!["unknown-key kid"],
        ),
        (
            head(json!({"alg": "PS512", "typ": "secevent+jwt", "kid": ENCRYPTION_KEY.kid()})),
            vec!["key-use kid"],
        ),
        (
            head(
                json!({"alg": "PS512", "typ": "secevent+jwt", "kid": "destination-verify", "crit": ["x"]}),
            ),
            vec!["jws-header crit"],
        ),
    ] {
        let answer = bench.send_event(&ids, token).await;
        answer.refuses(422, "event-malformed");
        assert_eq!(answer.findings(), findings);
        untouched(&bench, &ids).await;
    }
}

#[tokio::test]
async fn claims_must_fit_and_everything_wrong_is_said_at_once() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let other = bench.submitted("v2", &[]).await;
    let far = bench.clock_seconds() + 301;
    for (name, value, finding) in [
        ("iss", json!(Uuid::new_v4().to_string()), "issuer /iss"),
        (
            "iss",
            json!("https://amtsbote.example.de/submission-api"),
            "issuer /iss",
        ),
        ("txn", json!(format!("case:{}", other.case)), "case /txn"),
        (
            "sub",
            json!(format!("submission:{}", other.submission)),
            "subject /sub",
        ),
        (
            "sub",
            json!(format!("submission:{}", Uuid::new_v4())),
            "subject /sub",
        ),
        (
            "sub",
            json!(format!("reply:{}", Uuid::new_v4())),
            "subject /sub",
        ),
        ("iat", json!(far), "future /iat"),
        ("iat", json!("now"), "type /iat"),
        ("jti", json!("x"), "format /jti"),
        ("events", json!({}), "one-event /events"),
        (
            "$schema",
            json!("https://schema.fitko.de/fit-connect/set-payload/1.0.0/set-payload.schema.json"),
            "unsupported /$schema",
        ),
    ] {
        let mut claims = bench.claims(&ids, "reject-submission", problems());
        claims[name] = value;
        let answer = bench.send_event(&ids, signed(&claims)).await;
        answer.refuses(422, "event-malformed");
        assert!(
            answer.findings().iter().any(|found| found == finding),
            "{finding}: {:?}",
            answer.findings()
        );
    }
    let mut claims = bench.claims(&ids, "reject-submission", problems());
    claims["iss"] = json!(Uuid::new_v4().to_string());
    claims["iat"] = json!(far);
    let token = sign(claims.to_string().as_bytes(), &FORGED_KEY, "jwt").unwrap();
    let answer = bench.send_event(&ids, token).await;
    assert_eq!(
        answer.findings(),
        ["const typ", "signature ", "issuer /iss", "future /iat"]
    );
    untouched(&bench, &ids).await;
    untouched(&bench, &other).await;
}

#[tokio::test]
async fn events_of_the_service_are_not_the_subscribers_to_send() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let tags = bench.submit_payload(&ids).await;
    for (event, payload) in [
        ("create-submission", json!({})),
        ("submit-submission", tags),
        ("notify-submission", json!({"notifyType": "polling"})),
        ("delete-submission", json!({})),
    ] {
        let answer = bench
            .send_event(&ids, signed(&bench.claims(&ids, event, payload)))
            .await;
        answer.refuses(422, "event-malformed");
        assert_eq!(answer.findings(), ["event /events"], "{event}");
    }
    untouched(&bench, &ids).await;
}

#[tokio::test]
async fn events_out_of_order_conflict() {
    let bench = Bench::new().await;
    let created = bench.announce("v1", &[]).await;
    let reject = |ids: &Ids| signed(&bench.claims(ids, "reject-submission", problems()));
    bench
        .send_event(&created, reject(&created))
        .await
        .refuses(409, "illegal-step");

    let ids = bench.submitted("v2", &[]).await;
    let token = reject(&ids);
    bench.send_event(&ids, token.clone()).await.expect(204);
    bench
        .send_event(&ids, token)
        .await
        .refuses(409, "event-exists");
    bench
        .send_event(&ids, reject(&ids))
        .await
        .refuses(409, "illegal-step");
    bench.accept(&ids).await.refuses(409, "illegal-step");
    assert_eq!(
        bench.log(&ids).await,
        [
            "create-submission",
            "submit-submission",
            "reject-submission"
        ]
    );
}

#[tokio::test]
async fn two_answers_at_a_time_leave_one() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let accept = async { bench.accept(&ids).await };
    let reject = async {
        let token = signed(&bench.claims(&ids, "reject-submission", problems()));
        bench.send_event(&ids, token).await
    };
    let (one, two) = tokio::join!(accept, reject);
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(bench.log(&ids).await.len(), 3);
}

#[tokio::test]
async fn a_jti_is_used_once_in_the_whole_service() {
    let bench = Bench::new().await;
    let (one, two) = (
        bench.submitted("v2", &[]).await,
        bench.submitted("v2", &[]).await,
    );
    let claims = bench.claims(&one, "reject-submission", problems());
    bench.send_event(&one, signed(&claims)).await.expect(204);
    let mut again = bench.claims(&two, "reject-submission", problems());
    again["jti"] = claims["jti"].clone();
    bench
        .send_event(&two, signed(&again))
        .await
        .refuses(409, "event-exists");
    untouched(&bench, &two).await;
}

#[tokio::test]
async fn accepting_proves_what_was_received() {
    let bench = Bench::new().await;
    let id = new_attachment();
    let ids = bench.submitted("v2", &[id]).await;
    let right = bench.submit_payload(&ids).await;
    let uri = "/events/https:~1~1schema.fitko.de~1fit-connect~1events~1accept-submission/authenticationTags";
    let wrong = "AAAAAAAAAAAAAAAAAAAAAA";
    let check = async |change: &dyn Fn(&mut Value), places: &[String]| {
        let mut payload = right.clone();
        change(&mut payload["authenticationTags"]);
        let answer = bench
            .send_event(
                &ids,
                signed(&bench.claims(&ids, "accept-submission", payload)),
            )
            .await;
        answer.refuses(422, "event-malformed");
        let expected: Vec<_> = places
            .iter()
            .map(|place| format!("tag {uri}/{place}"))
            .collect();
        assert_eq!(answer.findings(), expected);
    };
    check(
        &|tags| tags["metadata"] = json!(wrong),
        &["metadata".into()],
    )
    .await;
    check(
        &|tags| drop(tags.as_object_mut().unwrap().remove("data")),
        &["data".into()],
    )
    .await;
    check(
        &|tags| tags["attachments"][id.to_string()] = json!(wrong),
        &[format!("attachments/{id}")],
    )
    .await;
    check(
        &|tags| tags["attachments"] = json!({}),
        &[format!("attachments/{id}")],
    )
    .await;
    let more = new_attachment();
    check(
        &|tags| tags["attachments"][more.to_string()] = json!(wrong),
        &[format!("attachments/{more}")],
    )
    .await;
    let both = ["metadata".into(), "data".into()];
    let swap = |tags: &mut Value| {
        tags["metadata"] = json!(wrong);
        tags["data"] = json!(wrong);
    };
    check(&swap, &both).await;
    untouched(&bench, &ids).await;
    bench.accept(&ids).await.expect(204);
}

#[tokio::test]
async fn v1_takes_bare_events_and_v2_does_not() {
    let bench = Bench::new().await;
    for (version, status) in [("v1", 204), ("v2", 422)] {
        let ids = bench.submitted(version, &[]).await;
        let mut claims = bench.claims(&ids, "accept-submission", json!({}));
        claims.as_object_mut().unwrap().remove("$schema");
        bench.send_event(&ids, signed(&claims)).await.expect(status);
    }
}

#[tokio::test]
async fn a_log_is_read_by_case_and_by_submission_in_pages() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let mut joining = bench.announcement("v2", &[]);
    joining["caseId"] = json!(ids.case);
    bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&joining)
        .await
        .expect(201);
    for (path, total) in [
        (ids.case_events(), 3),
        (format!("{}/events", ids.path()), 2),
    ] {
        for client in ["sender", "subscriber"] {
            let log = bench.get(&path).by(client).await;
            log.expect(200);
            assert_eq!(log.json()["totalCount"], total);
            assert_eq!(log.json()["eventLog"].as_array().unwrap().len(), total);
        }
        let page = bench
            .get(&format!("{path}?limit=1&offset=1"))
            .by("sender")
            .await
            .json();
        assert_eq!(
            (&page["count"], &page["offset"], &page["totalCount"]),
            (&json!(1), &json!(1), &json!(total))
        );
        bench
            .get(&format!("{path}?limit=0"))
            .by("sender")
            .await
            .refuses(400, "malformed-parameter");
    }
    // v1 has no 400 here.
    let odd = format!(
        "/submission-api/v1/cases/{}/events?limit=0&offset=x",
        ids.case
    );
    let log = bench.get(&odd).by("sender").await.expect(200).json();
    assert_eq!(log["count"], 1);
}
