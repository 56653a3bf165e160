//! Replies: from the subscriber back to who opened the case, and the case they share.

use std::time::Duration;

use amtsbote_gateway::Limits;
use amtsbote_model::submission::State;
use amtsbote_model::{Callback, Secret};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{
    Bench, ReplyIds, new_attachment, payload_of, problems, sealed, sealed_body, signed, with_header,
};
use crate::deadlines::round;

const DAY: Duration = Duration::from_hours(24);
const NEW_REPLIES: &str =
    "https://schema.fitko.de/fit-connect/submission-api/callbacks/new-replies";
const NEW_EVENTS: &str = "https://schema.fitko.de/fit-connect/submission-api/callbacks/new-events";

fn callback(path: &str) -> Callback {
    Callback {
        url: format!("https://callback.example{path}"),
        secret: Secret::new("0123456789abcdef0123456789abcdef".to_owned()),
    }
}

/// Both sides want to be called; the reply's case has one submission.
async fn with_callbacks() -> (Bench, crate::bench::Ids) {
    let bench = Bench::new().await;
    bench
        .change_destination(|destination| destination.callback = Some(callback("/authority")))
        .await;
    let mut body = bench.announcement("v2", &[]);
    body["callback"] = json!({
        "url": "https://callback.example/service", "secret": "0123456789abcdef0123456789abcdef",
    });
    let answer = bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&body)
        .await;
    answer.expect(201);
    let ids = crate::bench::Ids {
        version: "v2".to_owned(),
        submission: answer.json()["submissionId"].as_str().unwrap().to_owned(),
        case: answer.json()["caseId"].as_str().unwrap().to_owned(),
    };
    bench.submit(&ids).await.expect(200);
    (bench, ids)
}

/// Path and type of what waits to be called, the first `skip` left out.
async fn calls(bench: &Bench, skip: usize) -> Vec<(String, String)> {
    let notices = bench.notices().await.into_iter().skip(skip);
    notices
        .map(|(url, body)| {
            let path = url.strip_prefix("https://callback.example").unwrap();
            (path.to_owned(), body["type"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn call(path: &str, kind: &str) -> (String, String) {
    (path.to_owned(), kind.to_owned())
}

async fn events_of(bench: &Bench, reply: &ReplyIds, client: &str) -> Vec<Value> {
    let log = bench.get(&format!("{}/events", reply.path()));
    let log = log.by(client).await;
    log.expect(200);
    let tokens = log.json()["eventLog"].as_array().unwrap().clone();
    let claims = tokens
        .iter()
        .map(|token| payload_of(token.as_str().unwrap()));
    claims.collect()
}

#[tokio::test]
async fn a_reply_reaches_who_opened_the_case() {
    for version in ["v1", "v2"] {
        let bench = Bench::new().await;
        let ids = bench.submitted(version, &[]).await;
        let id = new_attachment();
        let reply = bench.replied(&ids, &[id]).await;

        let list = bench
            .get(&format!("/submission-api/{version}/replies"))
            .by("sender")
            .await;
        assert_eq!(
            list.json(),
            json!({
                "count": 1, "offset": 0, "totalCount": 1,
                "replies": [{ "replyId": reply.reply, "caseId": ids.case }],
            })
        );
        let fetched = bench.get(&reply.path()).by("sender").await;
        fetched.expect(200);
        let fetched = fetched.json();
        assert_eq!(fetched["replyId"], reply.reply);
        assert_eq!(fetched["caseId"], ids.case);
        assert_eq!(fetched["attachments"], json!([id]));
        let tags = bench.reply_tags(&reply).await;
        let last = |jwe: &Value| jwe.as_str().unwrap().rsplit('.').next().unwrap().to_owned();
        let signed = &tags["authenticationTags"];
        assert_eq!(signed["metadata"], last(&fetched["encryptedMetadata"]));
        assert_eq!(signed["data"], last(&fetched["encryptedData"]));
        let attachment = bench.get(&reply.attachment(id)).by("sender").await;
        attachment.expect(200);
        assert_eq!(attachment.header("content-type"), "application/jose");
        let tag = attachment.text().rsplit('.').next().unwrap().to_owned();
        assert_eq!(signed["attachments"], json!({ id.to_string(): tag }));

        bench.settled().await;
        bench.accept_reply(&reply).await.expect(204);
        assert_eq!(bench.stored_reply(&reply).await.state, State::Accepted);
        assert_eq!(
            bench.log(&ids).await,
            [
                "create-submission",
                "submit-submission",
                "create-reply",
                "submit-reply",
                "notify-reply",
                "accept-reply",
            ]
        );
        let again = bench
            .get(&format!("/submission-api/{version}/replies"))
            .by("sender")
            .await;
        assert_eq!(again.json()["totalCount"], 0);
        // What was taken is not given again.
        bench
            .get(&reply.path())
            .by("sender")
            .await
            .refuses(404, "reply-not-found");
    }
}

#[tokio::test]
async fn the_log_of_a_reply_is_signed_by_the_service_and_read_by_both_sides() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let reply = bench.replied(&ids, &[]).await;
    bench.accept_reply(&reply).await.expect(204);
    for client in ["sender", "subscriber"] {
        let claims = events_of(&bench, &reply, client).await;
        assert_eq!(claims.len(), 3, "{client}");
        for claim in &claims {
            assert_eq!(claim["sub"], format!("reply:{}", reply.reply));
            assert_eq!(claim["txn"], format!("case:{}", ids.case));
            assert_eq!(claim["iss"], "https://amtsbote.example.de/submission-api");
        }
    }
    for client in ["other-sender", "other-subscriber"] {
        bench
            .get(&format!("{}/events", reply.path()))
            .by(client)
            .await
            .refuses(404, "reply-not-found");
    }
}

#[tokio::test]
async fn each_side_is_called_for_what_the_other_or_the_service_did() {
    let (bench, ids) = with_callbacks().await;
    let before = bench.notices().await.len();
    let reply = bench.replied(&ids, &[]).await;
    assert_eq!(calls(&bench, before).await, [call("/service", NEW_REPLIES)]);
    let (_, body) = bench.notices().await.pop().unwrap();
    assert_eq!(
        body["replies"],
        json!([{ "replyId": reply.reply, "caseId": ids.case }])
    );

    // Polling is told to who sent the reply, and once.
    for _ in 0..2 {
        bench.get("/submission-api/v2/replies").by("sender").await;
        bench.settled().await;
    }
    bench.accept_reply(&reply).await.expect(204);
    assert_eq!(
        calls(&bench, before + 1).await,
        [
            call("/authority", NEW_EVENTS),
            call("/authority", NEW_EVENTS)
        ]
    );
    let (_, body) = bench.notices().await.pop().unwrap();
    assert_eq!(body["submissions"][0]["submissionId"], ids.submission);
}

#[tokio::test]
async fn a_rejected_reply_names_its_problems() {
    let (bench, ids) = with_callbacks().await;
    let reply = bench.replied(&ids, &[]).await;
    let before = bench.notices().await.len();
    let reject = || {
        bench
            .put(&format!("{}/reject", reply.path()))
            .by("sender")
            .json(&problems())
    };
    reject().await.expect(204);
    let last = events_of(&bench, &reply, "subscriber").await.pop().unwrap();
    let uri = "https://schema.fitko.de/fit-connect/events/reject-reply";
    assert_eq!(last["events"][uri], problems());
    // The same answer again is fine and writes nothing; another one is not.
    reject().await.expect(204);
    assert_eq!(calls(&bench, before).await.len(), 1);
    bench
        .accept_reply(&reply)
        .await
        .refuses(409, "illegal-step");
}

#[tokio::test]
async fn an_acknowledgement_must_fit_the_reply() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let id = new_attachment();
    let reply = bench.replied(&ids, &[id]).await;
    let accept = |body: Value| {
        bench
            .put(&format!("{}/accept", reply.path()))
            .by("sender")
            .json(&body)
    };
    let mut wrong = bench.reply_tags(&reply).await;
    wrong["authenticationTags"]["metadata"] = json!("AAAA");
    wrong["authenticationTags"]["attachments"] = json!({});
    let refused = accept(wrong).await;
    refused.refuses(422, "tags-differ");
    assert_eq!(
        refused.findings(),
        [
            "tag /authenticationTags/metadata".to_owned(),
            format!("tag /authenticationTags/attachments/{id}")
        ]
    );
    accept(json!({})).await.refuses(400, "malformed-json");
    bench
        .put(&format!("{}/reject", reply.path()))
        .by("sender")
        .json(&json!({ "problems": [] }))
        .await
        .refuses(400, "malformed-json");
    bench
        .put(&format!("{}/accept", reply.path()))
        .by("sender")
        .body("text/plain", "x")
        .await
        .refuses(415, "media-type-unsupported");
    // Who sent it does not answer it, and of an unfinished one its receiver knows nothing.
    let unfinished = bench.announce_reply(&ids, &[]).await;
    bench
        .put(&format!("{}/reject", unfinished.path()))
        .by("sender")
        .json(&problems())
        .await
        .refuses(404, "reply-not-found");
    bench
        .put(&format!("{}/reject", reply.path()))
        .by("subscriber")
        .json(&problems())
        .await
        .refuses(403, "not-permitted");
    assert_eq!(bench.stored_reply(&reply).await.state, State::Submitted);
}

#[tokio::test]
async fn events_of_replies_are_not_taken_at_the_case() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let reply = bench.replied(&ids, &[]).await;
    let mut claims = bench.claims(&ids, "reject-reply", problems());
    claims["sub"] = json!(format!("reply:{}", reply.reply));
    let refused = bench.send_event(&ids, signed(&claims)).await;
    refused.refuses(422, "event-malformed");
    assert_eq!(refused.findings(), ["subject /sub"]);
    assert_eq!(bench.stored_reply(&reply).await.state, State::Submitted);
}

#[tokio::test]
async fn a_reply_is_announced_into_a_case_of_ones_own() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let announce = |client: &'static str, body: Value| {
        let ask = bench.post("/submission-api/v2/replies").by(client);
        async move { ask.json(&body).await }
    };
    let of = |case: &str| json!({ "caseId": case, "announcedAttachments": [] });
    announce("subscriber", of(&Uuid::new_v4().to_string()))
        .await
        .refuses(404, "case-not-found");
    announce("other-subscriber", of(&ids.case))
        .await
        .refuses(404, "case-not-found");
    announce("sender", of(&ids.case))
        .await
        .refuses(403, "not-permitted");
    // The subscriber knows nothing of what was only announced.
    let unfinished = bench.announce("v2", &[]).await;
    announce("subscriber", of(&unfinished.case))
        .await
        .refuses(404, "case-not-found");
    let mut elsewhere = of(&ids.case);
    elsewhere["destinationId"] = json!(Uuid::new_v4().to_string());
    announce("subscriber", elsewhere)
        .await
        .refuses(422, "case-mismatch");
    let mut here = of(&ids.case);
    here["destinationId"] = json!(bench.destination);
    announce("subscriber", here).await.expect(201);

    let malformed = announce("subscriber", json!({ "announcedAttachments": [1] })).await;
    malformed.refuses(400, "malformed-json");
    assert_eq!(
        malformed.findings(),
        ["required /caseId", "type /announcedAttachments/0"]
    );
    let id = new_attachment();
    let twice = json!({ "caseId": ids.case, "announcedAttachments": [id, id] });
    announce("subscriber", twice)
        .await
        .refuses(422, "attachments-repeated");
}

#[tokio::test]
async fn uploads_and_submits_keep_to_what_was_announced() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let id = new_attachment();
    let reply = bench.announce_reply(&ids, &[id]).await;
    bench
        .upload_to_reply(&reply, new_attachment())
        .await
        .refuses(422, "attachment-not-announced");
    bench
        .put(&reply.attachment(id))
        .by("subscriber")
        .jose("no.jwe".into())
        .await
        .refuses(422, "jwe-malformed");
    let missing = bench.submit_reply(&reply, &sealed_body()).await;
    missing.refuses(422, "attachments-missing");
    assert_eq!(missing.findings(), [format!("missing attachment:{id}")]);
    assert_eq!(bench.blob_count().await, 0);

    bench.upload_to_reply(&reply, id).await.expect(204);
    bench.upload_to_reply(&reply, id).await.expect(204);
    assert_eq!(bench.blob_count().await, 1);
    let body = sealed_body();
    bench.submit_reply(&reply, &body).await.expect(200);
    // The answer may have been lost: the same again is fine, anything else is not.
    bench.submit_reply(&reply, &body).await.expect(200);
    bench
        .submit_reply(&reply, &sealed_body())
        .await
        .refuses(422, "reply-closed");
    bench
        .upload_to_reply(&reply, id)
        .await
        .refuses(422, "reply-closed");
    for (client, status) in [("sender", 403), ("other-subscriber", 404)] {
        bench
            .put(&reply.path())
            .by(client)
            .json(&body)
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn the_key_of_a_reply_may_have_any_name_but_the_header_keeps_to_the_version() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let part = |header: Value| with_header(&sealed(b"{}", "application/json"), &header);
    let header = |kid: &str, cty: &str| json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": kid, "cty": cty });
    let body = |cty: &str| {
        json!({
            "encryptedMetadata": part(header("the-applicants-own-key", cty)),
            "encryptedData": part(header("the-applicants-own-key", "application/json")),
        })
    };
    let reply = bench.announce_reply(&ids, &[]).await;
    bench
        .submit_reply(&reply, &body("text/plain"))
        .await
        .refuses(422, "jwe-malformed");
    bench
        .submit_reply(&reply, &body("application/json"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_reply_has_the_limits_of_a_submission() {
    let limits = Limits {
        attachments: 1,
        attachment_bytes: 1500,
        submission_bytes: 1500,
        submit_bytes: 4000,
        ..Limits::default()
    };
    let bench = Bench::with_limits(limits).await;
    let ids = bench.submitted("v2", &[]).await;
    let (one, two) = (new_attachment(), new_attachment());
    bench
        .post("/submission-api/v2/replies")
        .by("subscriber")
        .json(&json!({ "caseId": ids.case, "announcedAttachments": [one, two] }))
        .await
        .refuses(422, "too-many-attachments");
    let reply = bench.announce_reply(&ids, &[one]).await;
    bench
        .put(&reply.attachment(one))
        .by("subscriber")
        .jose(sealed(&[7; 2000], "application/pdf"))
        .await
        .refuses(413, "attachment-too-large");
    let long = json!({
        "encryptedMetadata": sealed(&[7; 5000], "application/json"), "encryptedData": "a.b.c.d.e",
    });
    bench
        .submit_reply(&reply, &long)
        .await
        .refuses(413, "body-too-large");
}

#[tokio::test]
async fn a_waiting_list_of_replies_is_woken() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let wait = bench
        .get("/submission-api/v2/replies")
        .by("sender")
        .header("prefer", "wait=20");
    let (list, reply) = tokio::join!(wait, bench.replied(&ids, &[]));
    list.expect(200);
    assert_eq!(list.header("preference-applied"), "wait=20");
    assert_eq!(list.json()["replies"][0]["replyId"], reply.reply);
}

#[tokio::test]
async fn a_case_goes_both_ways_and_keeps_one_log() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    bench.accept(&ids).await.expect(204);
    let reply = bench.replied(&ids, &[]).await;
    bench.accept_reply(&reply).await.expect(204);
    // The answer to the answer is another submission in the same case.
    bench.clock.turn(Duration::from_secs(1));
    let mut follow_up = bench.announcement("v2", &[]);
    follow_up["caseId"] = json!(ids.case);
    let announced = bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&follow_up)
        .await;
    announced.expect(201);
    let second = crate::bench::Ids {
        submission: announced.json()["submissionId"].as_str().unwrap().into(),
        ..ids.clone()
    };
    assert_eq!(announced.json()["caseId"], ids.case);
    bench.submit(&second).await.expect(200);

    assert_eq!(
        bench.log(&ids).await,
        [
            "create-submission",
            "submit-submission",
            "accept-submission",
            "create-reply",
            "submit-reply",
            "accept-reply",
            "create-submission",
            "submit-submission",
        ]
    );
    let reference = |submission: &str| {
        json!({
            "destinationId": bench.destination, "submissionId": submission, "caseId": ids.case,
        })
    };
    for client in ["sender", "subscriber"] {
        let case = bench
            .get(&format!("/submission-api/v2/cases/{}", ids.case))
            .by(client)
            .await;
        assert_eq!(
            case.json(),
            json!({
                "caseId": ids.case, "destinationId": bench.destination,
                "submissions": [reference(&ids.submission), reference(&second.submission)],
                "replies": [{ "replyId": reply.reply, "caseId": ids.case }],
            }),
            "{client}"
        );
    }
}

#[tokio::test]
async fn each_side_lists_its_own_cases() {
    let bench = Bench::new().await;
    let cases = [
        bench.submitted("v2", &[]).await.case,
        bench.submitted("v1", &[]).await.case,
    ];
    for (client, total) in [
        ("sender", 2),
        ("subscriber", 2),
        ("other-sender", 0),
        ("other-subscriber", 0),
    ] {
        let list = bench.get("/submission-api/v2/cases").by(client).await;
        list.expect(200);
        assert_eq!(list.json()["totalCount"], total, "{client}");
    }
    let page = bench
        .get("/submission-api/v2/cases?limit=1&offset=1")
        .by("sender")
        .await
        .json();
    assert_eq!([&page["count"], &page["totalCount"]], [1, 2]);
    let listed = page["cases"][0]["caseId"].as_str().unwrap();
    assert!(cases.iter().any(|case| case == listed));
    for path in ["cases", "replies"] {
        bench
            .get(&format!("/submission-api/v2/{path}?limit=501"))
            .by("sender")
            .await
            .refuses(400, "malformed-parameter");
    }
    for client in ["other-sender", "other-subscriber"] {
        bench
            .get(&format!("/submission-api/v2/cases/{}", cases[0]))
            .by(client)
            .await
            .refuses(404, "case-not-found");
    }
}

#[tokio::test]
async fn what_is_only_announced_is_shown_to_who_announced_it() {
    let bench = Bench::new().await;
    let seen = async |client: &str, case: &str| {
        let list = bench.get("/submission-api/v2/cases").by(client).await;
        let one = bench.get(&format!("/submission-api/v2/cases/{case}"));
        let one = one.by(client).await;
        let count = |member: &str| one.json()[member].as_array().map(Vec::len);
        let total = list.json()["totalCount"].as_u64().unwrap();
        (total, count("submissions"), count("replies"))
    };
    let ids = bench.announce("v2", &[]).await;
    assert_eq!(seen("sender", &ids.case).await, (1, Some(1), Some(0)));
    assert_eq!(seen("subscriber", &ids.case).await, (0, None, None));
    bench
        .get(&format!("/submission-api/v2/cases/{}", ids.case))
        .by("subscriber")
        .await
        .refuses(404, "case-not-found");
    bench.submit(&ids).await.expect(200);
    assert_eq!(seen("subscriber", &ids.case).await, (1, Some(1), Some(0)));

    // A second submission in the case, and a reply, both on their way.
    let mut second = bench.announcement("v2", &[]);
    second["caseId"] = json!(ids.case);
    let announced = bench.post("/submission-api/v2/submissions").by("sender");
    announced.json(&second).await.expect(201);
    let reply = bench.announce_reply(&ids, &[]).await;
    assert_eq!(seen("sender", &ids.case).await, (1, Some(2), Some(0)));
    assert_eq!(seen("subscriber", &ids.case).await, (1, Some(1), Some(1)));
    bench.submit_reply(&reply, &sealed_body()).await.expect(200);
    assert_eq!(seen("sender", &ids.case).await, (1, Some(2), Some(1)));
}

#[tokio::test]
async fn an_unfinished_reply_is_deleted_after_a_day() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    let id = new_attachment();
    let reply = bench.announce_reply(&ids, &[id]).await;
    bench.upload_to_reply(&reply, id).await.expect(204);
    bench.clock.turn(DAY);
    assert_eq!(round(&bench).await, (0, 0));
    bench.clock.turn(Duration::from_millis(1));
    assert_eq!(round(&bench).await, (0, 1));
    assert_eq!(bench.stored_reply(&reply).await.state, State::Deleted);
    assert_eq!(bench.blob_count().await, 0);
    bench
        .upload_to_reply(&reply, id)
        .await
        .refuses(422, "reply-closed");
    bench
        .submit_reply(&reply, &sealed_body())
        .await
        .refuses(422, "reply-closed");
}

#[tokio::test]
async fn a_reply_nobody_fetches_is_rejected_and_both_sides_are_told() {
    let (bench, ids) = with_callbacks().await;
    bench.accept(&ids).await.expect(204);
    let id = new_attachment();
    let reply = bench.replied(&ids, &[id]).await;
    bench.clock.turn(14 * DAY + Duration::from_millis(1));
    // The submission was accepted 14 days ago and goes as well.
    assert_eq!(round(&bench).await, (1, 1));
    assert_eq!(bench.stored_reply(&reply).await.state, State::Rejected);
    let before = bench.notices().await.len();
    bench.clock.turn(7 * DAY + Duration::from_millis(1));
    assert_eq!(round(&bench).await, (0, 1));
    let stored = bench.stored_reply(&reply).await;
    assert_eq!(
        (stored.state, stored.attachments.len()),
        (State::Deleted, 0)
    );
    assert_eq!(bench.blob_count().await, 0);
    assert_eq!(
        calls(&bench, before).await,
        [call("/authority", NEW_EVENTS), call("/service", NEW_EVENTS)]
    );
    let log = bench.log(&ids).await;
    let names: Vec<_> = log.iter().map(String::as_str).collect();
    assert!(
        names.ends_with(&["reject-reply", "delete-submission", "delete-reply"])
            || names.ends_with(&["delete-submission", "reject-reply", "delete-reply"]),
        "{names:?}"
    );
    bench
        .get(&reply.path())
        .by("sender")
        .await
        .refuses(404, "reply-not-found");
}
