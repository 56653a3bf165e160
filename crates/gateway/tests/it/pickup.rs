//! Listing, waiting, fetching.

use std::time::Duration;

use amtsbote_model::DestinationId;
use serde_json::json;
use uuid::Uuid;

use crate::bench::{Bench, destination_of};

const LIST: &str = "/submission-api/v2/submissions";

#[tokio::test]
async fn only_submitted_ones_of_ones_own_destinations_are_listed() {
    let bench = Bench::new().await;
    bench.announce("v2", &[]).await;
    let waiting = bench.submitted("v2", &[]).await;
    let rejected = bench.submitted("v1", &[]).await;
    let problems = json!({ "problems": [{
        "type": "https://schema.fitko.de/fit-connect/events/problems/technical-error",
        "title": "t", "detail": "d", "instance": "other",
    }] });
    let reject = crate::bench::signed(&bench.claims(&rejected, "reject-submission", problems));
    bench.send_event(&rejected, reject).await.expect(204);

    let list = bench.get(LIST).by("subscriber").await;
    let expected = json!({
        "count": 1, "offset": 0, "totalCount": 1,
        "submissions": [{
            "destinationId": bench.destination, "submissionId": waiting.submission, "caseId": waiting.case,
        }],
    });
    assert_eq!(list.json(), expected);
    assert_eq!(
        bench.get(LIST).by("other-subscriber").await.json()["totalCount"],
        0
    );
    bench
        .get(&rejected.path())
        .by("subscriber")
        .await
        .refuses(404, "submission-not-found");
}

#[tokio::test]
async fn a_list_is_narrowed_and_paged() {
    let bench = Bench::new().await;
    let elsewhere = DestinationId::from_uuid(Uuid::new_v4());
    bench
        .put_destination(destination_of("subscriber", elsewhere))
        .await;
    let foreign = DestinationId::from_uuid(Uuid::new_v4());
    bench
        .put_destination(destination_of("other-subscriber", foreign))
        .await;
    for _ in 0..3 {
        bench.submitted("v1", &[]).await;
    }
    let get = |query: String| bench.get(&format!("{LIST}?{query}")).by("subscriber");
    let page = get("limit=2&offset=2".into()).await.json();
    assert_eq!(
        (&page["count"], &page["offset"], &page["totalCount"]),
        (&json!(1), &json!(2), &json!(3))
    );
    assert_eq!(
        get(format!("destinationId={}", bench.destination))
            .await
            .json()["totalCount"],
        3
    );
    assert_eq!(
        get(format!("destinationId={elsewhere}")).await.json()["totalCount"],
        0
    );
    // 404 is no answer of this route: unknown and foreign look alike.
    get(format!("destinationId={foreign}"))
        .await
        .refuses(403, "not-permitted");
    get(format!("destinationId={}", Uuid::new_v4()))
        .await
        .refuses(403, "not-permitted");
    // Nor is 400: what cannot be a part of the list is the nearest that can.
    let v1 = |query: &str| {
        bench
            .get(&format!("/submission-api/v1/submissions?{query}"))
            .by("subscriber")
    };
    let odd = v1("limit=501&offset=-1").await.expect(200).json();
    assert_eq!((&odd["count"], &odd["offset"]), (&json!(3), &json!(0)));
    v1("destinationId=x").await.refuses(403, "not-permitted");
    for query in ["limit=501", "destinationId=x"] {
        bench
            .get(&format!("/submission-api/v2/submissions?{query}"))
            .by("subscriber")
            .await
            .refuses(400, "malformed-parameter");
    }
}

#[tokio::test]
async fn the_first_list_is_noted_in_the_log_once() {
    let bench = Bench::new().await;
    let ids = bench.submitted("v2", &[]).await;
    for _ in 0..3 {
        bench.get(LIST).by("subscriber").await.expect(200);
    }
    assert_eq!(
        bench.log(&ids).await,
        [
            "create-submission",
            "submit-submission",
            "notify-submission"
        ]
    );
    let notify = &bench.claims_in_log(&ids).await[2];
    let expected = json!({ "https://schema.fitko.de/fit-connect/events/notify-submission": { "notifyType": "polling" } });
    assert_eq!(notify["events"], expected);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_list_is_answered_as_soon_as_something_arrives() {
    let bench = Bench::new().await;
    let ids = bench.announce("v2", &[]).await;
    let began = tokio::time::Instant::now();
    let waiting = async {
        bench
            .get(LIST)
            .by("subscriber")
            .header("prefer", "wait=20")
            .await
    };
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        bench.submit(&ids).await.expect(200);
    };
    let (list, ()) = tokio::join!(waiting, later);
    assert_eq!(list.json()["totalCount"], 1);
    assert_eq!(list.header("preference-applied"), "wait=20");
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_arrival_in_another_process_is_seen_within_a_second() {
    let bench = Bench::new().await;
    // Another gateway over the same store: its arrivals wake nobody here.
    let tokens = bench.context.identity().tokens.clone();
    let mut other = Bench::over(bench.store.clone(), |parts| parts.identity.tokens = tokens).await;
    other.destination = bench.destination;
    let ids = bench.announce("v2", &[]).await;
    let began = tokio::time::Instant::now();
    let waiting = async {
        bench
            .get(LIST)
            .by("subscriber")
            .header("prefer", "wait=20")
            .await
    };
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        other.submit(&ids).await.expect(200);
    };
    let (list, ()) = tokio::join!(waiting, later);
    assert_eq!(list.json()["totalCount"], 1);
    assert!(
        began.elapsed() < Duration::from_millis(1900),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_our_limit() {
    let bench = Bench::new().await;
    let began = tokio::time::Instant::now();
    let list = bench
        .get(LIST)
        .by("subscriber")
        .header("prefer", "wait=3600")
        .await;
    list.expect(200);
    assert_eq!(list.json()["totalCount"], 0);
    assert_eq!(list.header("preference-applied"), "wait=30");
    assert_eq!(began.elapsed().as_secs(), 30);
    let at_once = bench.get(LIST).by("subscriber").await;
    assert_eq!(at_once.header("preference-applied"), "");
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_submission_is_fetched_in_the_words_of_its_version() {
    let bench = Bench::new().await;
    for (version, member) in [("v1", "serviceType"), ("v2", "publicService")] {
        let ids = bench.submitted(version, &[]).await;
        let whole = bench.get(&ids.path()).by("subscriber").await.json();
        assert_eq!(whole[member]["name"], "Führungszeugnis");
        assert_eq!(whole["caseId"], ids.case.as_str());
        assert!(whole["encryptedData"].is_string());
    }
}
