//! Limits per client.

use std::time::Duration;

use amtsbote_gateway::Limits;

use crate::bench::{Answer, Bench, SECRET};

const LIST: &str = "/submission-api/v1/submissions";

fn told(answer: &Answer) -> [String; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
        .map(|name| answer.header(name).to_owned())
}

#[tokio::test]
async fn a_client_that_asks_too_often_waits_and_others_do_not() {
    let limits = Limits {
        requests_per_minute: 2,
        ..Limits::default()
    };
    let bench = Bench::with_limits(limits).await;
    let ask = |client: &'static str| bench.get(LIST).by(client);
    assert_eq!(told(ask("subscriber").await.expect(200)), ["2", "1", "60"]);
    // What is refused counts, and is told as well.
    let refused = bench.get(&format!("{LIST}/x")).by("subscriber").await;
    assert_eq!(told(refused.expect(400)), ["2", "0", "60"]);
    bench.clock.turn(Duration::from_secs(10));
    let late = ask("subscriber").await;
    late.refuses(429, "too-many-requests");
    assert_eq!(told(&late), ["2", "0", "50"]);
    assert_eq!(late.header("retry-after"), "50");
    ask("other-subscriber").await.expect(200);
    bench.clock.turn(Duration::from_secs(50));
    ask("subscriber").await.expect(200);
}

#[tokio::test]
async fn tokens_are_limited_per_client_once_its_secret_is_right() {
    let limits = Limits {
        tokens_per_minute: 1,
        ..Limits::default()
    };
    let bench = Bench::with_limits(limits).await;
    let ask = |client: &str, secret: &str| {
        let form =
            format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
        bench.post("/token").form(&form)
    };
    // Nobody uses up the limit of a client whose name alone he knows.
    for _ in 0..3 {
        ask("sender", "wrong").await.expect(401);
    }
    assert_eq!(
        told(ask("sender", SECRET).await.expect(200)),
        ["1", "0", "60"]
    );
    let late = ask("sender", SECRET).await;
    late.refuses(429, "too-many-requests");
    assert_eq!(late.header("retry-after"), "60");
    ask("other-sender", SECRET).await.expect(200);
}

#[tokio::test]
async fn nine_tokens_for_one_submission_are_far_from_the_default_and_zero_is_no_limit() {
    let bench = Bench::new().await;
    let form = format!("grant_type=client_credentials&client_id=sender&client_secret={SECRET}");
    for _ in 0..9 {
        bench.post("/token").form(&form).await.expect(200);
    }
    let limits = Limits {
        requests_per_minute: 0,
        tokens_per_minute: 0,
        ..Limits::default()
    };
    let bench = Bench::with_limits(limits).await;
    let answer = bench.get(LIST).by("subscriber").await;
    assert_eq!(told(answer.expect(200)), ["", "", ""]);
    let answer = bench.post("/token").form(&form).await;
    assert_eq!(told(answer.expect(200)), ["", "", ""]);
}
