//! The uplink over a foreign gateway on loopback that loses answers, refuses and goes away.

use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amtsbote_client::{Credentials, Sender, Service, Session};
use amtsbote_fit_connect::ApiVersion;
use amtsbote_gateway::{
    Addresses, Deadlines, Retention, StaticRoute, Uplink, UplinkPolicy, UplinkWorker, Uplinks,
    router,
};
use amtsbote_jose::X5c;
use amtsbote_model::submission::State;
use amtsbote_model::{Secret, SubmissionId};
use amtsbote_outgoing::{Outgoing, PlainHttp, Settings};
use amtsbote_store::{
    DestinationFilter, MemoryRelays, MemoryStore, Page, RelayRow, Relays, SubmissionFilter,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as AxumState};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::bench::{Bench, HandClock, Ids, NOON_S, SECRET, signed};
use crate::intake::{dog, offers_in_kassel, services};

/// Stands for the path of a submit, which that of an upload begins with, too.
const SUBMIT: &str = "(submit)";

/// What the foreign side does to one call whose method and path fit.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    /// It has its effect, the answer is lost.
    Lost,
    /// It has none, and this is the answer.
    Answer(u16),
}

/// Method, part of the path, and what happens.
type Scene = (&'static str, &'static str, Mishap);

#[derive(Clone, Default)]
struct Script(Arc<Mutex<VecDeque<Scene>>>);

impl Script {
    fn add(&self, method: &'static str, part: &'static str, mishap: Mishap) {
        self.0.lock().unwrap().push_back((method, part, mishap));
    }

    fn take(&self, request: &Request) -> Option<Mishap> {
        let mut script = self.0.lock().unwrap();
        let (method, part, mishap) = *script.front()?;
        let path = request.uri().path();
        let fits = request.method() == method
            && match part {
                SUBMIT => path.contains("/submissions/") && !path.contains("/attachments/"),
                _ => path.contains(part),
            };
        fits.then(|| {
            script.pop_front();
            mishap
        })
    }

    #[track_caller]
    fn assert_played(&self) {
        let left = self.0.lock().unwrap();
        assert!(left.is_empty(), "did not happen: {left:?}");
    }
}

async fn play(AxumState(script): AxumState<Script>, request: Request, next: Next) -> Response {
    match script.take(&request) {
        None => next.run(request).await,
        Some(Mishap::Lost) => {
            next.run(request).await;
            axum::http::StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Mishap::Answer(status)) => {
            let body = json!({ "type": "https://x.example/problems/odd", "title": "odd", "status": status });
            Response::builder()
                .status(status)
                .header("content-type", "application/problem+json")
                .body(Body::from(body.to_string()))
                .unwrap()
        }
    }
}

struct Stage {
    ours: Bench,
    foreign: Bench,
    relays: Arc<MemoryRelays>,
    worker: UplinkWorker,
    script: Script,
}

impl Stage {
    async fn new() -> Self {
        Self::of(ApiVersion::V2).await
    }

    async fn of(version: ApiVersion) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let foreign = Bench::of(|parts| parts.addresses = Addresses::new(&base)).await;
        foreign
            .change_destination(|destination| destination.services = offers_in_kassel())
            .await;
        let script = Script::default();
        let app: Router =
            router(foreign.context.clone()).layer(from_fn_with_state(script.clone(), play));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let relays = Arc::new(MemoryRelays::new());
        let route = offers_in_kassel().into_iter().map(|offer| StaticRoute {
            service: offer.identifier,
            regions: offer.regions,
            destination: foreign.destination,
        });
        let uplink = Uplink::new("there", Sender::new(session(&base, version)))
            .unwrap()
            .routes(route.collect());
        let uplinks = Uplinks::new(vec![uplink], relays.clone());
        let ours = Bench::linked(Arc::new(MemoryStore::new()), uplinks, |parts| {
            parts.services = Arc::new(services());
        });
        let ours = ours.await;
        let worker = UplinkWorker::new(ours.context.clone(), UplinkPolicy::default());
        Self {
            ours,
            foreign,
            relays,
            worker,
            script,
        }
    }

    /// Takes a submission with an attachment.
    async fn accepted(&self) -> SubmissionId {
        let answer = self
            .ours
            .post("/intake/v1/submissions")
            .by("sender")
            .json(&request())
            .await;
        answer.expect(201);
        answer.json()["submissionId"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn row(&self, id: SubmissionId) -> RelayRow {
        self.relays.relay(id).await.unwrap().unwrap()
    }

    /// Rounds until the relay is in the state, with a turned clock between them.
    async fn until(&self, id: SubmissionId, state: &'static str) {
        for _ in 0..20 {
            self.worker.round().await.unwrap();
            if self.row(id).await.relay.name() == state {
                return;
            }
            self.ours.clock.turn(Duration::from_mins(11));
        }
        panic!("it is {:?}", self.row(id).await.relay);
    }

    async fn there(&self, id: SubmissionId) -> Ids {
        let there = self.row(id).await.relay.there().unwrap();
        Ids {
            version: "v2".to_owned(),
            submission: there.submission_id.to_string(),
            case: there.case_id.to_string(),
        }
    }

    /// Submissions that wait at the foreign destination.
    async fn waiting_there(&self) -> u64 {
        let filter = SubmissionFilter::ForPickup(vec![self.foreign.destination]);
        let page = Page {
            offset: 0,
            limit: 10,
        };
        self.foreign
            .store
            .submissions(&filter, page)
            .await
            .unwrap()
            .total
    }

    async fn status(&self, id: SubmissionId) -> Value {
        let path = format!("/intake/v1/submissions/{id}");
        let answer = self.ours.get(&path).by("sender").await;
        answer.expect(200);
        answer.json()
    }

    async fn state(&self, id: SubmissionId) -> State {
        self.ours.store.submission(id).await.unwrap().unwrap().state
    }
}

fn session(base: &str, version: ApiVersion) -> Session {
    let mut settings = Settings::trusted("tests/1");
    settings.plain_http = PlainHttp::DangerAllowed;
    let url = |path: &str| format!("{base}{path}").parse().unwrap();
    let service = Service::new(url("/submission-api"), url("/token"), version).unwrap();
    let credentials = Credentials {
        client_id: "sender".parse().unwrap(),
        client_secret: Secret::new(SECRET.to_owned()),
    };
    let clock = Arc::new(HandClock(AtomicI64::new(NOON_S * 1000)));
    let service = service.key_policy(X5c::Required);
    Session::new(
        Outgoing::open(settings).unwrap(),
        service,
        credentials,
        clock,
    )
}

fn request() -> Value {
    let mut body = dog();
    body.as_object_mut().unwrap().remove("replyChannel");
    body["callback"] = json!({ "url": "https://sender.example.org/x", "secret": "s".repeat(40) });
    body
}

fn problems() -> Value {
    json!({ "problems": [{ "type": "https://schema.fitko.de/fit-connect/events/problems/schema-violation",
        "title": "Schemafehler", "detail": "d", "instance": "data" }] })
}

#[tokio::test]
async fn a_submission_goes_on_is_accepted_there_and_forgotten_here() {
    for version in [ApiVersion::V1, ApiVersion::V2] {
        let stage = Stage::of(version).await;
        let id = stage.accepted().await;
        assert_eq!(stage.status(id).await["state"], "submitted");
        stage.until(id, "watched").await;
        assert_eq!(stage.state(id).await, State::Forwarded);
        assert_eq!(stage.status(id).await["state"], "forwarded");
        assert!(stage.ours.blob_count().await > 0);
        stage
            .foreign
            .accept(&stage.there(id).await)
            .await
            .expect(204);
        stage.until(id, "settled").await;
        let status = stage.status(id).await;
        assert_eq!(
            (&status["state"], &status["uplink"]["outcome"]),
            (&json!("accepted"), &json!("accepted"))
        );
        assert_eq!(stage.ours.blob_count().await, 0);
        assert!(stage.ours.store.content(id.into()).await.unwrap().is_none());
        assert_eq!(stage.ours.notices().await.len(), 1, "the sender is told");
    }
}

#[tokio::test]
async fn a_foreign_rejection_reaches_our_log_by_our_own_signature_and_the_sender() {
    let stage = Stage::new().await;
    let id = stage.accepted().await;
    stage.until(id, "watched").await;
    let there = stage.there(id).await;
    let claims = stage
        .foreign
        .claims(&there, "reject-submission", problems());
    stage
        .foreign
        .send_event(&there, signed(&claims))
        .await
        .expect(204);
    stage.until(id, "settled").await;
    assert_eq!(stage.state(id).await, State::Rejected);
    let status = stage.status(id).await;
    assert_eq!(status["state"], "rejected");
    let timeline = status["timeline"].as_array().unwrap();
    let rejects: Vec<_> = timeline
        .iter()
        .filter(|entry| entry["event"] == "reject-submission")
        .collect();
    let by: Vec<_> = rejects
        .iter()
        .map(|entry| (entry["issuer"].as_str().unwrap(), entry["uplink"].as_str()))
        .collect();
    assert_eq!(
        by,
        [("delivery service", None), ("subscriber", Some("there"))]
    );
    for entry in rejects {
        assert_eq!(entry["problems"][0]["title"], "Schemafehler", "{entry:#}");
    }
    assert_eq!(stage.ours.notices().await.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_submission() {
    let every = [
        ("POST", "/submissions", Mishap::Lost),
        ("PUT", "/attachments/", Mishap::Lost),
        ("PUT", SUBMIT, Mishap::Lost),
        ("GET", "/events", Mishap::Lost),
        ("GET", "/events", Mishap::Answer(503)),
        ("GET", "/jwks.json", Mishap::Answer(500)),
        ("POST", "/token", Mishap::Answer(503)),
    ];
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for (method, part, mishap) in every {
        stage.script.add(method, part, mishap);
        // A new token, and new keys.
        let id = stage.accepted().await;
        stage.until(id, "watched").await;
        ids.push(id);
        if stage.script.0.lock().unwrap().pop_front().is_some() {
            assert!(
                matches!(part, "/jwks.json" | "/token"),
                "{part} was not called"
            );
        }
        assert_eq!(
            stage.waiting_there().await,
            ids.len() as u64,
            "{method} {part} {mishap:?}"
        );
    }
}

#[tokio::test]
async fn the_submit_is_looked_up_before_it_is_repeated() {
    let stage = Stage::new().await;
    stage.script.add("PUT", "/attachments/", Mishap::Lost);
    stage
        .script
        .add("PUT", "/attachments/", Mishap::Answer(503));
    let id = stage.accepted().await;
    stage.worker.round().await.unwrap();
    stage.ours.clock.turn(Duration::from_mins(11));
    stage.worker.round().await.unwrap();
    assert_eq!(stage.row(id).await.relay.name(), "announced");
    stage.ours.clock.turn(Duration::from_mins(11));
    stage.script.add("PUT", SUBMIT, Mishap::Lost);
    let before = stage.there(id).await.submission;
    while stage.row(id).await.relay.name() == "announced" {
        stage.ours.clock.turn(Duration::from_mins(11));
        stage.worker.round().await.unwrap();
    }
    assert_eq!(stage.row(id).await.relay.name(), "submitting");
    assert_eq!(stage.waiting_there().await, 1, "it had its effect");
    // Were it submitted again, this would be the answer.
    stage.script.add("PUT", SUBMIT, Mishap::Answer(422));
    stage.until(id, "watched").await;
    assert_eq!(stage.there(id).await.submission, before);
    assert_eq!(
        stage.script.0.lock().unwrap().len(),
        1,
        "it was not submitted again"
    );
}

#[tokio::test]
async fn what_is_refused_for_good_is_rejected_here_with_the_reason() {
    for (method, part) in [
        ("POST", "/submissions"),
        ("PUT", "/attachments/"),
        ("PUT", SUBMIT),
    ] {
        let stage = Stage::new().await;
        stage.script.add(method, part, Mishap::Answer(422));
        let id = stage.accepted().await;
        stage.until(id, "settled").await;
        stage.script.assert_played();
        let status = stage.status(id).await;
        assert_eq!(
            (&status["state"], &status["uplink"]["outcome"]),
            (&json!("rejected"), &json!("refused")),
            "{part}"
        );
        let last = status["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["event"] == "reject-submission");
        let detail = last.unwrap()["problems"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("422, odd"), "{detail}");
        assert_eq!(stage.ours.notices().await.len(), 1);
    }
}

#[tokio::test]
async fn an_inactive_destination_and_refused_credentials_wait() {
    for (method, part, status) in [("POST", "/submissions", 403), ("POST", "/submissions", 404)] {
        let stage = Stage::new().await;
        stage.script.add(method, part, Mishap::Answer(status));
        let id = stage.accepted().await;
        stage.worker.round().await.unwrap();
        assert_eq!(
            (
                stage.row(id).await.relay.name(),
                stage.row(id).await.relay.tries()
            ),
            ("waiting", 1)
        );
        stage.until(id, "watched").await;
    }
    let stage = Stage::new().await;
    let id = stage.accepted().await;
    stage
        .foreign
        .change_destination(|it| it.status = amtsbote_model::DestinationStatus::Inactive)
        .await;
    stage.worker.round().await.unwrap();
    assert_eq!(stage.row(id).await.relay.name(), "waiting");
    stage
        .foreign
        .change_destination(|it| it.status = amtsbote_model::DestinationStatus::Active)
        .await;
    stage.until(id, "watched").await;
}

#[tokio::test]
async fn what_cannot_be_brought_in_time_is_rejected_by_the_uplink_and_not_by_the_deadlines() {
    let stage = Stage::new().await;
    let id = stage.accepted().await;
    stage.ours.clock.turn(Duration::from_hours(15 * 24));
    let deadlines = Deadlines::new(stage.ours.context.clone(), Retention::default());
    assert_eq!(deadlines.round().await.unwrap().rejected, 0);
    stage.until(id, "settled").await;
    assert_eq!(stage.status(id).await["uplink"]["outcome"], "expired");
    assert_eq!(stage.state(id).await, State::Rejected);
    assert_eq!(stage.waiting_there().await, 0);
}

#[tokio::test]
async fn a_foreign_destination_is_in_no_list_of_ours() {
    let stage = Stage::new().await;
    stage.accepted().await;
    let filter =
        DestinationFilter::Offering(request()["service"].as_str().unwrap().parse().unwrap());
    let page = Page {
        offset: 0,
        limit: 10,
    };
    let offering = stage.ours.store.destinations(&filter, page).await.unwrap();
    assert!(
        offering
            .entries
            .iter()
            .all(|found| found.id != stage.foreign.destination)
    );
    let body = json!({ "destinationId": stage.foreign.destination, "announcedAttachments": [],
        "publicService": { "name": "x", "identifier": request()["service"] } });
    let answer = stage
        .ours
        .post("/submission-api/v2/submissions")
        .by("sender")
        .json(&body)
        .await;
    answer.refuses(422, "service-not-offered");
}

#[tokio::test]
async fn without_an_answer_from_there_nothing_is_accepted() {
    let stage = Stage::new().await;
    for (method, part, status, code) in [
        ("GET", "/destinations/", 503, (503, "uplink-unavailable")),
        ("GET", "/keys/", 500, (503, "uplink-unavailable")),
        ("GET", "/destinations/", 403, (503, "uplink-unavailable")),
        ("GET", "/destinations/", 404, (422, "no-route")),
    ] {
        stage.script.add(method, part, Mishap::Answer(status));
        let answer = stage
            .ours
            .post("/intake/v1/submissions")
            .by("sender")
            .json(&request())
            .await;
        answer.refuses(code.0, code.1);
        stage.script.assert_played();
    }
    assert_eq!(stage.ours.blob_count().await, 0);
    // What is not known is asked again after a minute.
    stage.ours.clock.turn(Duration::from_mins(2));
    stage.accepted().await;
    // And what is known serves a while without asking.
    stage
        .script
        .add("GET", "/destinations/", Mishap::Answer(503));
    stage.accepted().await;
    stage.ours.clock.turn(Duration::from_mins(11));
    stage.accepted().await;
    stage.script.assert_played();
    stage
        .script
        .add("GET", "/destinations/", Mishap::Answer(503));
    stage.ours.clock.turn(Duration::from_hours(2));
    let answer = stage
        .ours
        .post("/intake/v1/submissions")
        .by("sender")
        .json(&request())
        .await;
    answer.refuses(503, "uplink-unavailable");
}
