//! A submission that kills the agent's process whenever it is handed over: it parks, and all others are delivered.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amtsbote_model::delivery::SILENCES_MAX;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::crash::peer::{Peers, Seen, certificate, serve};
use crate::crash::site::{Shape, Site};
use crate::stand::{Ended, LOOK, Program, SOON, run};
use crate::wire::Application;

const POISON: &str = "Giftmischer";
/// The destination with a REST interface.
const REST: usize = 1;

/// A procedure that kills whoever brings it the poison, before it answers.
#[derive(Default)]
struct Procedure {
    seen: Arc<Seen>,
    agent: Mutex<Option<Pid>>,
    kills: Mutex<u32>,
}

async fn known(State(procedure): State<Arc<Procedure>>, Path(parcel): Path<String>) -> StatusCode {
    if procedure.seen.effects.lock().unwrap().contains_key(&parcel) {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn bring(
    State(procedure): State<Arc<Procedure>>,
    Path(parcel): Path<String>,
    body: Bytes,
) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let files = body["files"].as_array().unwrap().iter();
    let files = files.map(|file| STANDARD.decode(file["content"].as_str().unwrap()).unwrap());
    let files: Vec<Vec<u8>> = files.collect();
    let holds = |file: &Vec<u8>| String::from_utf8_lossy(file).contains(POISON);
    if files.iter().any(holds) {
        if let Some(agent) = procedure.agent.lock().unwrap().take() {
            kill_process(agent, Signal::KILL).unwrap();
            *procedure.kills.lock().unwrap() += 1;
        }
        return std::future::pending().await;
    }
    let mut effects = procedure.seen.effects.lock().unwrap();
    effects.entry(parcel).or_default().push(files);
    StatusCode::CREATED
}

async fn peers(procedure: &Arc<Procedure>) -> Peers {
    let (ca_pem, _) = certificate();
    let router = Router::new()
        .route("/parcels/{parcel}", get(known))
        .route("/parcels/{parcel}", post(bring))
        .layer(DefaultBodyLimit::max(64 << 20))
        .with_state(procedure.clone());
    Peers {
        seen: procedure.seen.clone(),
        procedure_url: format!("http://{}", serve(router, None).await),
        callback_url: String::new(),
        ca_pem,
    }
}

fn portal(site: &Site, args: &[&str]) -> Ended {
    let facts = site.facts(REST);
    let secret = site.dir().join("portal.secret");
    std::fs::write(&secret, facts.text("/sender/clientSecret")).unwrap();
    let access = ["--url", facts.text("/baseUrl"), "--client-id", "portal"];
    let secret = ["--client-secret-file", secret.to_str().unwrap()];
    run(&[&["--json"], args, &access[..], &secret[..]].concat())
}

fn submit(site: &Site, name: &str) -> String {
    let application = Application::new(name, vec![b"%PDF plan".to_vec()]);
    let request = site.dir().join("antrag.json");
    std::fs::write(&request, application.intake(&site.facts(REST))).unwrap();
    let sent = portal(site, &["submit", request.to_str().unwrap()]).json();
    sent["submissionId"].as_str().unwrap().to_owned()
}

fn incident(site: &Site, args: &[&str]) -> Ended {
    let settings = site.settings();
    let settings = ["--settings", settings.to_str().unwrap()];
    run(&[&["--json", "incident"], args, &settings[..]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_kills_the_process_parks_and_the_others_go_on() {
    let procedure = Arc::new(Procedure::default());
    let site = Site::new(Shape::Apart, &peers(&procedure).await).await;
    let gateway = Program::start(site.command("gateway")).ready();
    let mut ids = vec![submit(&site, "Anders")];
    let poison = submit(&site, POISON);
    ids.extend(["Berger", "Conrad"].map(|name| submit(&site, name)));

    let end = Instant::now() + 2 * SOON;
    let mut logs = String::new();
    for death in 1..=SILENCES_MAX {
        let mut agent = Program::start(site.command("agent"));
        *procedure.agent.lock().unwrap() = Some(agent.pid());
        while *procedure.kills.lock().unwrap() < death {
            assert!(Instant::now() < end, "{death}: {logs}{}", agent.talk());
            std::thread::sleep(LOOK * 10);
            if death > 1 {
                // Nobody here wants to wait for the next try. While it is in hand, it is not to be had.
                let retried = incident(&site, &["retry", "--submission", &poison]);
                assert!(
                    matches!(retried.code(), Some(0..=2)),
                    "{}",
                    retried.stderr()
                );
            }
        }
        assert!(!agent.ended().success());
        logs.push_str(&agent.talk());
    }
    let agent = Program::start(site.command("agent"));
    loop {
        let shown = incident(&site, &["show", &poison]).json();
        let row = &shown["rows"][0];
        if row["state"] == "parked" {
            assert_eq!(row["cause"], "silence", "{shown:#}");
            break;
        }
        assert!(Instant::now() < end, "{shown:#}\n{}", agent.talk());
        std::thread::sleep(LOOK);
    }
    for id in &ids {
        while portal(&site, &["status", id]).json()["state"] != "accepted" {
            assert!(Instant::now() < end, "{}", agent.talk());
            std::thread::sleep(LOOK);
        }
    }
    let effects = procedure.seen.effects.lock().unwrap().clone();
    assert_eq!(effects.len(), ids.len());
    assert!(effects.values().all(|effects| effects.len() == 1));
    assert_eq!(*procedure.kills.lock().unwrap(), SILENCES_MAX);
    assert!(agent.stop(SOON).success() && gateway.stop(Duration::from_secs(10)).success());
}
