//! The callback worker against a scripted receiver on loopback.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_gateway::{CallbackPolicy, CallbackWorker};
use amtsbote_jose::mac;
use amtsbote_model::{Callback, Clock, ReplyId, Secret};
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings};
use amtsbote_store::{Batch, Change, Committed, Notice, NoticeId};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::bench::{Bench, Ids};

const CALLBACK_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What came in at the receiver.
struct Call {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<BTreeMap<String, StatusCode>>>,
    /// Calls to `/slow` are held until this.
    release: Arc<Notify>,
    calls: mpsc::UnboundedSender<Call>,
}

/// A receiver that answers as its script says.
struct Receiver {
    script: Script,
    calls: mpsc::UnboundedReceiver<Call>,
    address: String,
}

impl Receiver {
    async fn new() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let script = Script {
            answers: Arc::default(),
            release: Arc::default(),
            calls: sender,
        };
        let router = Router::new().fallback(receive).with_state(script.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            script,
            calls,
            address,
        }
    }

    fn answers(&self, path: &str, status: u16) {
        self.script
            .answers
            .lock()
            .unwrap()
            .insert(path.to_owned(), StatusCode::from_u16(status).unwrap());
    }

    fn callback(&self, path: &str) -> Callback {
        Callback {
            url: format!("{}{path}", self.address),
            secret: Secret::new(CALLBACK_SECRET.to_owned()),
        }
    }

    /// What has come in so far.
    fn received(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }
}

async fn receive(
    State(script): State<Script>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (HeaderMap, StatusCode) {
    let path = uri.path().to_owned();
    script
        .calls
        .send(Call {
            path: path.clone(),
            headers,
            body,
        })
        .unwrap();
    if path == "/slow" {
        script.release.notified().await;
    }
    let status = script
        .answers
        .lock()
        .unwrap()
        .get(&path)
        .copied()
        .unwrap_or(StatusCode::OK);
    let mut headers = HeaderMap::new();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert("retry-after", "600".parse().unwrap());
    }
    (headers, status)
}

fn worker(bench: &Bench) -> CallbackWorker {
    // The receiver of the tests is on loopback and without TLS, which the worker's real client never calls.
    let settings = Settings {
        plain_http: PlainHttp::DangerAllowed,
        ..Settings::trusted("amtsbote-test")
    };
    CallbackWorker::new(
        bench.context.clone(),
        Outgoing::open(settings).unwrap(),
        CallbackPolicy::default(),
    )
}

/// A submission whose subscriber wants to be called at `path`.
async fn arrived(bench: &Bench, receiver: &Receiver, path: &str) -> Ids {
    let callback = receiver.callback(path);
    bench
        .change_destination(|destination| destination.callback = Some(callback))
        .await;
    bench.submitted("v2", &[]).await
}

async fn waiting(bench: &Bench) -> usize {
    bench
        .store
        .due(bench.clock.now().plus(Duration::from_hours(1000)), 100)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_new_submission_is_told_once_authenticated_and_noted() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    let ids = arrived(&bench, &receiver, "/cb").await;
    worker(&bench).round().await;
    let calls = receiver.received();
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    let reference = json!({ "destinationId": bench.destination, "submissionId": ids.submission, "caseId": ids.case });
    let kind = "https://schema.fitko.de/fit-connect/submission-api/callbacks/new-submissions";
    assert_eq!(call.json()["type"], kind);
    assert_eq!(call.json()["submissions"], json!([reference]));
    let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(
        header("callback-timestamp"),
        bench.clock.now().as_seconds().to_string()
    );
    let claimed = header("callback-authentication");
    assert!(mac::is_callback(
        &claimed,
        CALLBACK_SECRET,
        &header("callback-timestamp"),
        &call.body
    ));

    assert_eq!(waiting(&bench).await, 0);
    assert_eq!(
        bench.log(&ids).await,
        [
            "create-submission",
            "submit-submission",
            "notify-submission"
        ]
    );
    let notified = bench.claims_in_log(&ids).await.pop().unwrap();
    let uri = "https://schema.fitko.de/fit-connect/events/notify-submission";
    assert_eq!(notified["events"][uri], json!({ "notifyType": "callback" }));
    worker(&bench).round().await;
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn the_sender_is_told_that_the_subscriber_was_told() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    let callback = receiver.callback("/subscriber");
    bench
        .change_destination(|destination| destination.callback = Some(callback))
        .await;
    let mut announcement = bench.announcement("v2", &[]);
    announcement["callback"] =
        json!({ "url": "https://sender.example.org/cb", "secret": CALLBACK_SECRET });
    let answer = bench
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&announcement)
        .await;
    let id = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    let ids = Ids {
        version: "v2".into(),
        submission: id("submissionId"),
        case: id("caseId"),
    };
    bench.submit(&ids).await.expect(200);
    worker(&bench).round().await;
    assert_eq!(receiver.received().len(), 1);
    let due = bench
        .store
        .due(bench.clock.now().plus(Duration::from_hours(1)), 10)
        .await
        .unwrap();
    let told: Vec<_> = due.iter().map(|notice| notice.url.as_str()).collect();
    assert_eq!(told, ["https://sender.example.org/cb"]);
    assert!(due[0].body.contains("callbacks/new-events"));
}

#[tokio::test]
async fn what_is_not_answered_2xx_comes_again_later_and_later() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    let ids = arrived(&bench, &receiver, "/cb").await;
    let worker = worker(&bench);
    // Full jitter: anything up to the ceiling, which doubles; the receiver's wish is the least.
    for (status, quiet_s, due_s) in [(500, 0, 10), (302, 0, 20), (404, 0, 40), (503, 599, 600)] {
        receiver.answers("/cb", status);
        worker.round().await;
        assert_eq!(receiver.received().len(), 1, "{status}");
        bench.clock.turn(Duration::from_secs(quiet_s));
        worker.round().await;
        assert_eq!(receiver.received().len(), 0, "{status}");
        bench.clock.turn(Duration::from_secs(due_s - quiet_s));
    }
    assert_eq!(
        bench.log(&ids).await,
        ["create-submission", "submit-submission"]
    );
    receiver.answers("/cb", 204);
    worker.round().await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(waiting(&bench).await, 0);
}

#[tokio::test]
async fn after_three_days_a_callback_is_given_up_and_the_submission_stays() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    let ids = arrived(&bench, &receiver, "/cb").await;
    receiver.answers("/cb", 500);
    let worker = worker(&bench);
    let mut calls = 0;
    for hours in 0..72 {
        assert_eq!(waiting(&bench).await, 1, "{hours}");
        worker.round().await;
        calls += receiver.received().len();
        bench.clock.turn(Duration::from_hours(1));
    }
    assert_eq!(calls, 72, "once per hour at least");
    worker.round().await;
    assert_eq!(receiver.received().len(), 1, "one last time");
    assert_eq!(waiting(&bench).await, 0);
    assert_eq!(bench.stored(&ids).await.state.name(), "submitted");
}

#[tokio::test]
async fn a_late_answer_of_the_receiver_does_not_reopen_a_deleted_submission() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    let ids = arrived(&bench, &receiver, "/cb").await;
    bench.accept(&ids).await.expect(204);
    bench.clock.turn(Duration::from_hours(8 * 24));
    let retention = amtsbote_gateway::Retention::default();
    amtsbote_gateway::Deadlines::new(bench.context.clone(), retention)
        .round()
        .await
        .unwrap();
    worker(&bench).round().await;
    assert!(!receiver.received().is_empty());
    let log = bench.log(&ids).await;
    assert_eq!(log.last().unwrap(), "delete-submission");
    assert!(!log.contains(&"notify-submission".to_owned()), "{log:?}");
}

#[tokio::test]
async fn a_slow_receiver_holds_nobody_else_up_and_stopping_waits_for_it() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    // Two hosts: places are counted per host and port.
    let mut other = Receiver::new().await;
    for _ in 0..6 {
        arrived(&bench, &receiver, "/slow").await;
    }
    let quick = arrived(&bench, &other, "/quick").await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(worker(&bench).run(async { drop(stopped.await) }));
    let call = other.calls.recv().await.unwrap();
    assert_eq!(
        call.json()["submissions"][0]["submissionId"],
        quick.submission
    );
    for _ in 0..4 {
        assert_eq!(receiver.calls.recv().await.unwrap().path, "/slow");
    }
    assert!(
        receiver.received().is_empty(),
        "four places per host, no more"
    );
    stop.send(()).unwrap();
    let script = receiver.script.clone();
    let pushing = tokio::spawn(async move {
        loop {
            script.release.notify_waiters();
            tokio::task::yield_now().await;
        }
    });
    running.await.unwrap();
    pushing.abort();
    assert_eq!(waiting(&bench).await, 2, "those without a place stay");
}

#[tokio::test]
async fn a_receiver_out_of_order_is_asked_by_one_call_at_a_time_and_others_go_on() {
    let (bench, mut dead) = (Bench::new().await, Receiver::new().await);
    let mut alive = Receiver::new().await;
    dead.answers("/cb", 500);
    for _ in 0..8 {
        arrived(&bench, &dead, "/cb").await;
    }
    let worker = worker(&bench);
    // Four calls at a time may be out, five failures open the circuit.
    for _ in 0..2 {
        worker.round().await;
        assert_eq!(dead.received().len(), 4);
        bench.clock.turn(Duration::from_secs(30));
    }
    for minutes in [2, 3, 5] {
        arrived(&bench, &alive, "/cb").await;
        bench.clock.turn(Duration::from_mins(minutes));
        worker.round().await;
        assert_eq!(alive.received().len(), 1, "others are not held up");
        assert_eq!(dead.received().len(), 1, "one call to see");
    }
    dead.answers("/cb", 200);
    for told in [1, 4, 3] {
        bench.clock.turn(Duration::from_hours(1));
        worker.round().await;
        assert_eq!(dead.received().len(), told, "one to see, then all");
    }
    assert_eq!(waiting(&bench).await, 0);
}

#[tokio::test]
async fn a_refusal_of_one_callback_is_no_outage() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    receiver.answers("/gone", 404);
    for _ in 0..3 {
        arrived(&bench, &receiver, "/gone").await;
    }
    let worker = worker(&bench);
    for _ in 0..4 {
        worker.round().await;
        assert_eq!(receiver.received().len(), 3);
        bench.clock.turn(Duration::from_mins(2));
    }
    arrived(&bench, &receiver, "/cb").await;
    worker.round().await;
    let calls = receiver.received();
    assert_eq!(calls.iter().filter(|call| call.path == "/cb").count(), 1);
}

#[tokio::test]
async fn a_new_reply_is_told_and_noted_in_its_log() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::new().await);
    let callback = receiver.callback("/service");
    let ids = bench.submitted("v2", &[]).await;
    // Over the interface only https is taken: the receiver of the tests is put in underneath.
    let reply = bench.replied(&ids, &[]).await;
    let notice = Notice {
        id: NoticeId(bench.context.new_event_id()),
        subject: reply.reply.parse::<ReplyId>().unwrap().into(),
        url: callback.url,
        secret: callback.secret,
        body: json!({
            "type": "https://schema.fitko.de/fit-connect/submission-api/callbacks/new-replies",
            "replies": [{ "replyId": reply.reply, "caseId": reply.case }],
        })
        .to_string(),
        tries: 0,
        made_at: bench.clock.now(),
        due_at: bench.clock.now(),
    };
    let batch = Batch::new().with(Change::Enqueue(notice));
    assert_eq!(bench.store.commit(batch).await.unwrap(), Committed::Done);

    receiver.answers("/service", 500);
    worker(&bench).round().await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(bench.log(&ids).await.last().unwrap(), "submit-reply");
    receiver.answers("/service", 200);
    bench.clock.turn(Duration::from_hours(1));
    worker(&bench).round().await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(waiting(&bench).await, 0);
    let notified = bench.claims_in_log(&ids).await.pop().unwrap();
    assert_eq!(notified["sub"], format!("reply:{}", reply.reply));
    let uri = "https://schema.fitko.de/fit-connect/events/notify-reply";
    assert_eq!(notified["events"][uri], json!({ "notifyType": "callback" }));
}
